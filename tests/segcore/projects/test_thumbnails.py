from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from segcore.annotation.edits import MaskEdit
from segcore.geometry import Grid
from segcore.projects.case import Case
from segcore.projects.project import Project
from segcore.projects.thumbnails import make_thumbnail
from segcore.scans.volume import Mask, Volume

AddCase = Callable[..., Case]
MakeEdit = Callable[..., MaskEdit]


def picture_of(voxels: np.ndarray, channels: tuple[str, ...] = ("image",), spacing=(1.0, 1.0, 1.0)) -> np.ndarray:  # type: ignore[no-untyped-def,type-arg]
    shape = (voxels.shape[1], voxels.shape[2], voxels.shape[3])
    grid = Grid.from_spacing(shape, spacing)
    return make_thumbnail(Volume(voxels=voxels, grid=grid, channels=channels), Mask.empty(grid))


def test_the_middle_plane_is_shown_in_grey_and_in_its_true_proportions() -> None:
    voxels = np.zeros((1, 3, 100, 50), np.float32)
    voxels[0, 1, :, 25:] = 7.0
    pixels = picture_of(voxels, spacing=(5.0, 1.0, 1.0))
    assert (pixels.shape, pixels.dtype) == ((128, 64, 3), np.uint8)
    assert (pixels[64, 10].tolist(), pixels[64, 60].tolist()) == ([0, 0, 0], [255, 255, 255])
    assert picture_of(voxels, spacing=(5.0, 1.0, 4.0)).shape == (64, 128, 3)


def test_the_plane_with_most_foreground_is_shown_and_a_single_voxel_stays_visible() -> None:
    grid = Grid.from_spacing((5, 1000, 1000))
    mask = Mask.empty(grid)
    mask.labels[4, 500, 500] = 1
    voxels = np.zeros((1, *grid.shape), np.uint8)
    pixels = make_thumbnail(Volume(voxels=voxels, grid=grid, channels=("image",)), mask)
    tinted = (pixels[..., 0] > pixels[..., 2]).sum()
    assert tinted == 1


@pytest.mark.parametrize(("kind", "full"), [("uint8", 255), ("uint16", 65535), ("float32", 1.0)])
def test_a_photograph_is_shown_in_colour_whatever_its_depth(kind: str, full: float) -> None:
    voxels = np.zeros((3, 1, 40, 40), kind)
    voxels[0, :, :20] = full
    voxels[1, :, 20:] = full
    pixels = picture_of(voxels, ("red", "green", "blue"))
    assert pixels[10, 64].tolist() == [255, 0, 0]
    assert pixels[120, 64].tolist() == [0, 255, 0]


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e30])
def test_scans_without_contrast_or_numbers_still_give_a_picture(value: float) -> None:
    assert picture_of(np.full((1, 2, 1, 7), value, np.float32)).shape == (18, 128, 3)


def test_a_picture_is_kept_until_the_mask_changes(project: Project, add_case: AddCase, make_edit: MakeEdit) -> None:
    add_case(project)
    first = project.thumbnail("p1")
    file = project.folder / "thumbnails" / "p1.png"
    made = file.stat().st_ino
    assert np.array_equal(project.thumbnail("p1"), first)
    assert file.stat().st_ino == made
    labels = project.mask("p1").labels
    project.record_edit("p1", make_edit(labels), author="me")
    second = project.thumbnail("p1")
    assert not np.array_equal(second, first)
    assert file.stat().st_ino != made
    project.save_mask("p1", project.mask("p1"), author="me", origin="annotation")
    assert np.array_equal(project.thumbnail("p1"), second)


def test_a_torn_picture_is_made_anew(project: Project, add_case: AddCase) -> None:
    add_case(project)
    first = project.thumbnail("p1")
    file: Path = project.folder / "thumbnails" / "p1.png"
    whole = file.read_bytes()
    for content in (b"", whole[:60], whole[: len(whole) // 2], b"text"):
        file.write_bytes(content)
        assert np.array_equal(project.thumbnail("p1"), first)


def test_a_case_of_the_same_name_as_a_removed_one_gets_its_own_picture(project: Project, add_case: AddCase) -> None:
    add_case(project)
    first = project.thumbnail("p1")
    kept = (project.folder / "thumbnails" / "p1.png").read_bytes()
    project.remove_case("p1", author="me")
    (project.folder / "thumbnails" / "p1.png").write_bytes(kept)  # as where it could not be deleted
    grid = Grid.from_spacing((1, 8, 8))
    other = Volume(voxels=np.eye(8, dtype=np.uint8).reshape(1, 1, 8, 8), grid=grid, channels=("image",))
    add_case(project, volume=other)
    assert project.thumbnail("p1").shape != first.shape
