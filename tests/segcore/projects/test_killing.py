"""kill -9 at any moment leaves the state before or after the change in flight, never a mix."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from segcore.projects.case import Case
from segcore.projects.masks import mask_hash
from segcore.projects.project import Project

AddCase = Callable[..., Case]

#: Announces the state that each change will lead to, makes the change, and acknowledges it.
_ANNOTATOR = """
import sys
from pathlib import Path
import numpy as np
from segcore.annotation.edits import Stroke
from segcore.annotation.shapes import ball
from segcore.geometry import Box
from segcore.projects.case import CaseState
from segcore.projects.masks import mask_hash
from segcore.projects.project import Project

def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()

project = Project.open(Path(sys.argv[1]))
rng = np.random.default_rng(int(sys.argv[2]))
mask = project.mask("p1")
scan = project.scan("p1")
case = project.case("p1")
versions, cases = len(project.mask_versions("p1")), len(project.cases())
say("try", mask_hash(mask), versions, cases)
say("done")
for number in range(10**6):
    if number % 7 == 6:
        versions += 1
        say("try", mask_hash(mask), versions, cases)
        project.save_mask("p1", mask, author="me", origin="annotation")
    elif number % 11 == 10:
        cases += 1
        say("try", mask_hash(mask), versions, cases)
        project.add_case(id="new", group="g", volume=scan, source_grid=case.grid, source_suffix=".nii",
                         sources=(), mask=mask, state=CaseState.DRAFT)
    else:
        p, r, c = (int(rng.integers(n)) for n in mask.labels.shape)
        stroke = Stroke(mask.labels, "Brush")
        stroke.paint(Box((p - 1, r - 1, c - 1), (p + 2, r + 2, c + 2)), ball((1.0, 1.0, 1.0)), int(rng.choice([0, 1, 255])))
        edit = stroke.finish()
        if edit is None:
            continue
        say("try", mask_hash(mask), versions, cases)
        project.record_edit("p1", edit, author="me")
    say("done")
"""


def annotate_and_kill(folder: Path, seed: int, changes: int, seconds: float) -> list[tuple[str, int, int]]:
    """Return the states that the project may be in: the last one acknowledged and the one announced after it."""
    annotator = subprocess.Popen(
        [sys.executable, "-c", _ANNOTATOR, str(folder), str(seed)], stdout=subprocess.PIPE, text=True
    )
    assert annotator.stdout is not None
    lines = [annotator.stdout.readline() for _ in range(2 + 2 * changes)]
    time.sleep(seconds)
    annotator.kill()
    lines += annotator.stdout.readlines()
    annotator.stdout.close()
    annotator.wait()
    whole = [line.split() for line in lines if line.endswith("\n")]
    tried = [(words[1], int(words[2]), int(words[3])) for words in whole if words[0] == "try"]
    done = sum(words[0] == "done" for words in whole)
    assert done >= 1
    return tried[done - 1 : done + 1]


def check_after_kills(folder: Path, kills: int) -> None:
    for kill in range(kills):
        allowed = annotate_and_kill(folder, seed=kill, changes=kill % 13, seconds=0.0007 * (kill % 10))
        with Project.open(folder) as project:
            mask = project.mask("p1")
            assert (mask_hash(mask), len(project.mask_versions("p1")), len(project.cases())) in allowed
            case = project.case("p1")
            assert (case.foreground_voxels, case.labelled_voxels) == (mask.foreground_voxels, mask.labelled_voxels)
            assert project.verify_audit().ok
            assert {project.scan(found.id).voxels.shape for found in project.cases()} == {(1, 6, 20, 30)}
    with Project.open(folder) as project:
        on_disk = {path.name for path in (folder / "scans").iterdir()}
        assert on_disk >= {case.id for case in project.cases()}


def test_twenty_kills_lose_no_acknowledged_change(tmp_path: Path, add_case: AddCase) -> None:
    with Project.create(tmp_path / "p") as project:
        add_case(project)
    check_after_kills(tmp_path / "p", 20)


@pytest.mark.slow
def test_two_hundred_kills_lose_no_acknowledged_change(tmp_path: Path, add_case: AddCase) -> None:
    with Project.create(tmp_path / "p") as project:
        add_case(project)
    check_after_kills(tmp_path / "p", 200)
