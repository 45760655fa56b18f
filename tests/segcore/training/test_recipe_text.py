"""Lines of settings in a recipe file."""

import pytest

from segcore.training.recipe_text import line_of

TEXT = """\
name = "Mine"

[[loss]]
name = "dice"
[[loss]]
# gamma = 1
name = "focal"
 weight=2.0
[ sampling ]
"ratio" = 0.5
"""


@pytest.mark.parametrize(
    ("section", "key", "number", "line"),
    [
        ("", "name", 0, 1),
        ("loss", "name", 0, 4),
        ("loss", "name", 1, 7),
        ("loss", "weight", 1, 8),
        ("loss", "weight", 0, 0),
        ("sampling", "ratio", 0, 10),
        ("", "sampling", 0, 9),
        ("loss", "gamma", 1, 0),
        ("budget", "steps", 0, 0),
    ],
)
def test_a_setting_is_found_on_its_line(section: str, key: str, number: int, line: int) -> None:
    assert line_of(TEXT, section, key, number=number) == line
