from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segcore.errors import SettingProblem
from segcore.geometry import Grid
from segcore.projects.case import CaseState
from segcore.projects.exporting import export_masks
from segcore.projects.importing import guess_groups, plan_import, run_import
from segcore.projects.project import Project
from segcore.scans.formats.table import read_mask, read_volume, write_mask, write_volume
from segcore.scans.volume import Mask, Volume

FLIPPED = np.array([[0, 0, -1.0, 40], [0, 2.0, 0, -5], [3.0, 0, 0, 7], [0, 0, 0, 1]])
GRID = Grid((4, 8, 10), FLIPPED)


def scan(path: Path, seed: int = 0, grid: Grid = GRID) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.random.default_rng(seed).integers(0, 900, (1, *grid.shape)).astype(np.int16)
    write_volume(path, Volume(voxels=voxels, grid=grid, channels=("image",)))


def mask_file(path: Path, *, value: int = 1, grid: Grid = GRID, empty: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    if not empty:
        labels[1, 2, 3:5] = value
    write_mask(path, Mask(labels=labels, grid=grid)) if value == 1 else write_volume(
        path, Volume(voxels=labels[np.newaxis], grid=grid, channels=("m",))
    )


def problems_of(report: object) -> dict[str, str]:
    return {p.file: p.what for p in report.problems}  # type: ignore[attr-defined]


def test_masks_are_paired_by_folder_and_by_affix(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz", "c.nii.gz", "d.nii.gz"):
        scan(tmp_path / "images" / name)
    mask_file(tmp_path / "masks" / "a.nii.gz")
    mask_file(tmp_path / "images" / "b_mask.nii.gz")
    mask_file(tmp_path / "images" / "label_c.nrrd")
    plan = plan_import([tmp_path])
    assert [(c.id, c.mask.name if c.mask else None) for c in plan.cases] == [
        ("a", "a.nii.gz"),
        ("b", "b_mask.nii.gz"),
        ("c", "label_c.nrrd"),
        ("d", None),
    ]
    assert plan.problems == ()


def test_channels_with_the_same_names_become_one_case_and_a_missing_one_is_said(tmp_path: Path) -> None:
    for name in ("p1", "p2"):
        scan(tmp_path / "images" / f"{name}.nii.gz")
    scan(tmp_path / "t1" / "p1.nii.gz", seed=1)
    plan = plan_import([tmp_path / "images"], channels={"FLAIR": tmp_path / "images", "T1": tmp_path / "t1"})
    assert [[name for name, _ in case.images] for case in plan.cases] == [["FLAIR", "T1"]]
    assert [(p.file, p.what, p.blocking) for p in plan.problems] == [("p2.nii.gz", "its channel T1 is missing", True)]
    with Project.create(tmp_path / "p") as project:
        run_import(project, plan)
        assert project.scan("p1").channels == ("FLAIR", "T1")


def test_an_imported_mask_lies_on_the_same_voxels_as_in_its_file_and_goes_back_exactly(tmp_path: Path) -> None:
    scan(tmp_path / "images" / "a.nii.gz")
    mask_file(tmp_path / "masks" / "a.nii.gz")
    with Project.create(tmp_path / "p") as project:
        run_import(project, plan_import([tmp_path / "images"], masks=[tmp_path / "masks"]))
        case = project.case("a")
        assert case.grid.axis_letters == (("I", "S"), ("A", "P"), ("R", "L"))
        where = np.argwhere(project.mask("a").labels == 1)
        values = project.scan("a").voxels[0][project.mask("a").labels == 1]
        original = read_volume(tmp_path / "images" / "a.nii.gz")
        assert sorted(values) == sorted(original.voxels[0, 1, 2, 3:5])
        assert sorted(map(tuple, (case.grid.to_world(tuple(w)).round(3) for w in where))) == sorted(
            tuple(original.grid.to_world((1, 2, c)).round(3)) for c in (3, 4)
        )
        for suffix in (None, ".nrrd", ".nii", ".mha"):
            (out,) = export_masks(project, ["a"], tmp_path / "out", suffix=suffix)
            back = read_mask(out)
            assert np.array_equal(back.labels, read_mask(tmp_path / "masks" / "a.nii.gz").labels)
            assert back.grid.affine == pytest.approx(GRID.affine, abs=1e-4)
        with pytest.raises(SettingProblem, match="does not fit into a PNG"):
            export_masks(project, ["a"], tmp_path / "out", suffix=".png")


def test_everything_wrong_is_in_the_report_and_nothing_is_dropped_silently(tmp_path: Path) -> None:
    images, masks = tmp_path / "images", tmp_path / "masks"
    for name in ("good", "empty", "wrong shape", "labels", "shifted", "nan"):
        scan(images / f"{name}.nii.gz", seed=hash(name) % 1000)
    mask_file(masks / "good.nii.gz")
    mask_file(masks / "empty.nii.gz", empty=True)
    mask_file(masks / "wrong shape.nii.gz", grid=Grid.from_spacing((4, 8, 11)))
    labels = np.zeros((1, *GRID.shape), np.uint8)
    labels[0, 0, 0, :3] = (255, 7, 1)
    write_volume(masks / "labels.nii.gz", Volume(voxels=labels, grid=GRID, channels=("m",)))
    shifted = FLIPPED.copy()
    shifted[0, 3] += 5
    mask_file(masks / "shifted.nii.gz", grid=Grid(GRID.shape, shifted))
    voxels = np.ones((1, *GRID.shape), np.float32)
    voxels[0, 0, 0, :4] = (np.nan, np.inf, 0, 2)
    write_volume(images / "nan.nii.gz", Volume(voxels=voxels, grid=GRID, channels=("image",)))
    mask_file(masks / "orphan.nii.gz")
    (images / "text.nii").write_text("not an image")
    (images / "zero.png").write_bytes(b"")
    (images / "README.txt").write_text("ignored")
    with Project.create(tmp_path / "p") as project:
        report = run_import(project, plan_import([images], masks=[masks]))
        found = problems_of(report)
        assert sorted(report.added) == ["empty", "good", "labels", "nan", "shifted", "wrong shape"]
        assert found["empty.nii.gz"] == "the mask is all background"
        assert found["wrong shape.nii.gz"] == "the mask has 11 x 8 x 4 voxels, the scan 10 x 8 x 4"
        assert found["labels.nii.gz"].startswith("the mask holds 4 values")
        assert found["shifted.nii.gz"] == "the mask has another orientation or position than the scan"
        assert found["nan.nii.gz"] == "2 voxels are NaN or infinite"
        assert found["orphan.nii.gz"] == "no scan has the name of this mask"
        assert "not a NIfTI" in found["text.nii"]
        assert "0 bytes" in found["zero.png"]
        assert "README.txt" not in found
        assert all(problem.remedy for problem in report.problems)
        states = {case.id: case.state for case in project.cases()}
        assert states == {
            "good": CaseState.COMPLETE,
            "empty": CaseState.CONFIRMED_EMPTY,
            "wrong shape": CaseState.UNLABELLED,
            "labels": CaseState.UNLABELLED,
            "shifted": CaseState.UNLABELLED,
            "nan": CaseState.UNLABELLED,
        }


def test_the_same_scan_twice_is_reported(tmp_path: Path) -> None:
    scan(tmp_path / "images" / "a.nii.gz", seed=1)
    scan(tmp_path / "images" / "copy of a.nii.gz", seed=1)
    with Project.create(tmp_path / "p") as project:
        report = run_import(project, plan_import([tmp_path / "images"]))
        assert problems_of(report) == {"copy of a": "the scan is identical to that of a"}


def test_photographs_with_png_masks_and_an_odd_path(tmp_path: Path) -> None:
    folder = tmp_path / "Bilder für Müller 1" / "images"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)).save(folder / "x 1.jpg")
    flags = np.zeros((20, 30), np.uint8)
    flags[3, 4] = 255
    (folder.parent / "masks").mkdir()
    Image.fromarray(flags).save(folder.parent / "masks" / "x 1.png")
    with Project.create(tmp_path / "p") as project:
        report = run_import(project, plan_import([folder], masks=[folder.parent / "masks"]))
        assert report.problems == ()
        assert project.case("x 1").foreground_voxels == 1
        (out,) = export_masks(project, ["x 1"], tmp_path / "out")
        assert out.name == "x 1.png"
        assert np.array_equal(np.asarray(Image.open(out)), flags)


def test_groups_come_from_a_table_and_can_be_proposed_from_names(tmp_path: Path) -> None:
    scan(tmp_path / "images" / "s1.nii.gz")
    (tmp_path / "groups.csv").write_text("case,group\ns1,patient 4\n")
    plan = plan_import([tmp_path / "images"], groups=tmp_path / "groups.csv")
    assert plan.cases[0].group == "patient 4"
    assert guess_groups(["p01_a", "p01_b", "p02_a", "p02_b"]) == {
        "p01_a": "p01",
        "p01_b": "p01",
        "p02_a": "p02",
        "p02_b": "p02",
    }
    assert guess_groups(["x", "y"]) == {"x": "x", "y": "y"}


def test_an_import_can_be_stopped_and_says_so(tmp_path: Path) -> None:
    for n in range(3):
        scan(tmp_path / "images" / f"s{n}.nii.gz", seed=n)
    seen: list[str] = []
    with Project.create(tmp_path / "p") as project:
        report = run_import(
            project,
            plan_import([tmp_path / "images"]),
            report=lambda done, total, case: seen.append(f"{done}/{total} {case}"),
            stop=lambda: len(seen) == 2,
        )
        assert report.added == ("s0", "s1")
        assert problems_of(report) == {"s2": "the import was stopped here (1 of 3 cases not imported)"}
