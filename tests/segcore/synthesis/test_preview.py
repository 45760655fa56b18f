from pathlib import Path

import numpy as np
import pytest

from segcore.errors import NotEnoughData
from segcore.projects.case import Part
from segcore.synthesis.preview import preview
from segcore.training.recipe import Synthesis
from tests.segcore.small_project import make_small_project

ON = Synthesis(method="copy_paste")


def test_examples_come_from_training_cases_and_change_what_they_say_they_change(tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "p")
    train = {case.id for case in project.cases() if case.part is Part.TRAIN}

    examples = preview(project, ON, count=4, seed=0)

    assert len(examples) == 4
    for example in examples:
        assert {example.source, example.target} <= train
        assert example.pasted.any()
        assert not (example.pasted & (example.labels == 1)).any()
        assert not np.array_equal(example.before, example.after)
    again = preview(project, ON, count=4, seed=0)
    assert all(np.array_equal(a.after, b.after) for a, b in zip(examples, again, strict=True))


def test_without_lesions_the_preview_says_so(tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "p", cases=3, empty=(0, 1, 2), split=False)
    with pytest.raises(NotEnoughData, match="no training case has a lesion to copy"):
        preview(project, ON, count=2, seed=0)
