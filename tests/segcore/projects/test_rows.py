from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segcore.geometry import Grid
from segcore.projects.rows import clean_line, grid_from_json, grid_to_json, is_safe_id, numbered, safe_id


@given(st.text(st.characters(), max_size=300))
@example("..")
@example("\ud800")
@example("a/../b")
@example("漢" * 200)
def test_an_id_is_a_folder_of_its_own_on_every_system(name: str) -> None:
    id = safe_id(name)
    assert is_safe_id(id)
    assert len(id.encode("utf-8")) <= 121
    assert not set(id) & set('<>:"/\\|?*')
    assert id == id.strip(" .")
    assert len(numbered(id, 12345).encode("utf-8")) <= 120
    assert Path("scans", id).parent == Path("scans")


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("CON", "_CON"),
        ("con.nii", "_con.nii"),
        ("Aux .x", "_Aux .x"),
        ("console", "console"),
        ("a\nb", "a_b"),
        ("Müller 7", "Müller 7"),
        ("Mu\u0308ller", "Müller"),
        ("מטופל", "מטופל"),
        ("caf\udce9", "caf_"),
        (" . ", "case"),
        ("", "case"),
    ],
)
def test_ids_keep_what_they_can(name: str, id: str) -> None:
    assert safe_id(name) == id


def test_a_grid_comes_back_bit_for_bit() -> None:
    rng = np.random.default_rng(0)
    affine = np.eye(4)
    affine[:3] = rng.normal(size=(3, 4))
    grid = grid_from_json(grid_to_json(Grid((3, 4, 5), affine, False)))
    assert (grid.shape, grid.calibrated) == ((3, 4, 5), False)
    assert np.array_equal(grid.affine, affine)


def test_a_line_of_text_can_always_be_stored() -> None:
    assert clean_line(" Dr.\nA\tB \udce9 ") == "Dr. A B ?"
