import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest

from segcore.annotation.edits import MaskEdit, Stroke
from segcore.annotation.shapes import ball
from segcore.geometry import Box, Grid
from segcore.projects.case import Case, CaseState
from segcore.projects.project import Project
from segcore.scans.volume import Labels, Mask, Volume

GRID = Grid.from_spacing((6, 20, 30), (3.0, 1.0, 1.0))
AddCase = Callable[..., Case]
MakeEdit = Callable[..., MaskEdit]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "project") as opened:
        yield opened


@pytest.fixture
def add_case() -> AddCase:
    def add(
        project: Project,
        id: str = "p1",
        *,
        mask: Mask | None = None,
        state: CaseState = CaseState.UNLABELLED,
        volume: Volume | None = None,
        **changes: object,
    ) -> Case:
        values = np.arange(np.prod(GRID.shape), dtype=np.int16).reshape(1, *GRID.shape)
        scan = volume or Volume(voxels=values, grid=GRID, channels=("image",))
        given: dict[str, object] = {
            "id": id,
            "group": id,
            "volume": scan,
            "source_grid": scan.grid,
            "source_suffix": ".nii.gz",
            "sources": (f"{id}.nii.gz",),
            "mask": mask,
            "state": state,
        }
        return project.add_case(**(given | changes))  # type: ignore[arg-type]

    return add


@pytest.fixture
def make_edit() -> MakeEdit:
    """Paint a ball of 7 voxels into labels and return the edit."""

    def make(labels: Labels, centre: tuple[int, int, int] = (3, 10, 10), value: int = 1) -> MaskEdit:
        stroke = Stroke(labels, "Brush")
        p, r, c = centre
        stroke.paint(Box((p - 1, r - 1, c - 1), (p + 2, r + 2, c + 2)), ball((1.0, 1.0, 1.0)), value)
        edit = stroke.finish()
        assert edit is not None
        return edit

    return make


def mask_with(*boxes: Box) -> Mask:
    mask = Mask.empty(GRID)
    for box in boxes:
        mask.labels[box.slices] = 1
    return mask


@pytest.fixture
def two_voxels() -> Mask:
    return mask_with(Box((0, 0, 0), (1, 1, 2)))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that a person without rights can reach (pytest's own cannot be entered by others)."""
    folder = Path(tempfile.mkdtemp(prefix="rareseg-test-"))
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture
def without_rights() -> Callable[[], AbstractContextManager[None]]:
    """Act as a person without rights: root may write everywhere, so root becomes nobody for a while."""
    if os.name != "posix":
        pytest.skip("folders cannot be made read-only by their mode here")

    @contextmanager
    def nobody() -> Iterator[None]:
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield
        finally:
            if root:
                os.seteuid(0)

    return nobody
