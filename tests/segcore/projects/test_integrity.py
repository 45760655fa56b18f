from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segcore.errors import MaskMismatch
from segcore.geometry import Grid
from segcore.projects.case import CaseState
from segcore.projects.importing import plan_import, run_import
from segcore.projects.integrity import check_pair, check_scan, is_confirmed_empty
from segcore.projects.project import Project
from segcore.scans.formats.table import write_mask, write_volume
from segcore.scans.volume import Mask, Volume

GRID = Grid.from_spacing((2, 4, 5), (3.0, 1.0, 1.0))
FILE = Path("a.nii.gz")


def volume(values: object = None, grid: Grid = GRID, **changes: object) -> Volume:
    voxels = np.arange(40.0, dtype=np.float32).reshape(1, 2, 4, 5) if values is None else np.asarray(values)
    return Volume(voxels=voxels, grid=grid, channels=("image",), **changes)  # type: ignore[arg-type]


def whats(problems: object) -> list[str]:
    assert all(p.remedy and not p.blocking for p in problems)  # type: ignore[attr-defined]
    return [p.what for p in problems]  # type: ignore[attr-defined]


def test_a_sound_scan_has_no_lines() -> None:
    assert check_scan(volume(), FILE) == ()


def test_numbers_that_are_none_are_counted() -> None:
    values = np.arange(40.0, dtype=np.float32).reshape(1, 2, 4, 5)
    values[0, 0, 0, :3] = (np.nan, np.inf, -np.inf)
    assert whats(check_scan(volume(values), FILE)) == ["3 voxels are NaN or infinite"]


def test_a_blank_scan_and_an_odd_spacing_are_said() -> None:
    assert whats(check_scan(volume(np.full((1, 2, 4, 5), 7, np.int16)), FILE)) == ["every voxel is 7"]
    far = Grid.from_spacing((2, 4, 5), (80.0, 1.0, 1.0))
    assert whats(check_scan(volume(grid=far), FILE)) == ["the plane spacing is 80 mm"]


def test_shear_and_what_the_reader_decided_are_said() -> None:
    sheared = np.array([[0, 0, 1.0, 0], [0, 1.0, 0.3, 0], [3.0, 0, 0, 0], [0, 0, 0, 1]])
    found = check_scan(volume(grid=Grid((2, 4, 5), sheared), notes=("the sform was used",)), FILE)
    assert whats(found) == ["the sform was used", "its axes are not at right angles"]


@pytest.mark.parametrize(
    ("fill", "expected", "empty"),
    [
        (0, ["the mask is all background"], True),
        (1, ["the mask is all foreground"], False),
        (255, [], False),
    ],
)
def test_masks_of_one_value_are_said(fill: int, expected: list[str], empty: bool) -> None:
    mask = Mask.empty(GRID, fill)
    assert whats(check_pair(GRID, mask, FILE)) == expected
    assert is_confirmed_empty(mask) is empty


def test_an_inverted_mask_is_suspected_and_a_jpeg_is_said() -> None:
    mask = Mask.empty(GRID, 1)
    mask.labels[0, 0] = 0
    assert whats(check_pair(GRID, mask, FILE)) == ["88 % of the mask is foreground"]
    mask = Mask.empty(GRID)
    mask.labels[0, 0, 0] = 1
    assert whats(check_pair(GRID, mask, Path("a.JPG"))) == ["the mask is a JPEG, which does not keep values"]


def test_a_mask_elsewhere_is_refused_and_rounding_is_not() -> None:
    def moved(mm: float, spacing: tuple[float, float, float] = (3.0, 1.0, 1.0)) -> Mask:
        grid = Grid.from_spacing((2, 4, 5), spacing)
        affine = grid.affine.copy()
        affine[0, 3] += mm
        mask = Mask.empty(Grid((2, 4, 5), affine))
        mask.labels[0, 0, 0] = 1
        return mask

    assert check_pair(GRID, moved(0.02), FILE) == ()
    with pytest.raises(MaskMismatch, match="another orientation or position"):
        check_pair(GRID, moved(2.0), FILE)
    with pytest.raises(MaskMismatch, match="another spacing"):
        check_pair(GRID, moved(0.0, (3.0, 1.0, 1.5)), FILE)
    with pytest.raises(MaskMismatch, match="the mask has 6 x 4 x 2 voxels, the scan 5 x 4 x 2"):
        check_pair(GRID, Mask.empty(Grid.from_spacing((2, 4, 6))), FILE)


def test_what_is_said_of_files_reaches_the_report_of_an_import(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    flags = np.zeros((16, 16), np.uint8)
    flags[4:9, 4:9] = 255
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(tmp_path / "images" / "a.png")
    Image.fromarray(flags).save(tmp_path / "masks" / "a.jpg")
    four = Volume(
        voxels=np.arange(80, dtype=np.int16).reshape(2, 2, 4, 5), grid=GRID, channels=("volume 1", "volume 2")
    )
    (tmp_path / "t1").mkdir()
    write_volume(tmp_path / "images" / "b.nii", volume())
    write_volume(tmp_path / "t1" / "b.nii", four)
    with Project.create(tmp_path / "p") as project:
        report = run_import(project, plan_import([tmp_path / "images"], masks=[tmp_path / "masks"]))
        assert [(p.file, p.what) for p in report.problems] == [
            ("a.jpg", "the mask is a JPEG, which does not keep values")
        ]
        assert project.case("a").state is CaseState.COMPLETE
        plan = plan_import([tmp_path / "images" / "b.nii"], channels={"T1": tmp_path / "t1"})
        report = run_import(project, plan)
        assert report.added == ()
        assert [p.what for p in report.problems] == [
            "it holds 2 channels itself, so it cannot be one channel of a scan"
        ]


def test_a_partly_annotated_case_without_a_lesion_comes_back_as_it_was(tmp_path: Path) -> None:
    mask = Mask.empty(GRID)
    mask.labels[1] = 255
    (tmp_path / "images").mkdir()
    write_volume(tmp_path / "images" / "a.nii.gz", volume())
    write_mask(tmp_path / "images" / "a_mask.nii.gz", mask)
    with Project.create(tmp_path / "p") as project:
        run_import(project, plan_import([tmp_path / "images"]))
        assert (project.case("a").foreground_voxels, project.case("a").labelled_voxels) == (0, 20)
