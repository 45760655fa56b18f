"""Real sets, imported whole: every case, its extent, foreground fraction and lesions as their own table states them."""

import csv
import os
from pathlib import Path

import pytest

from segcore.projects.case import Case, CaseState
from segcore.projects.exporting import export_masks
from segcore.projects.importing import plan_import, run_import
from segcore.projects.project import Project
from segcore.scans.formats.table import read_mask

SHARED = Path(os.environ.get("RARESEG_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))

#: Folder of masks, prefix of its columns in the table, further channels.
SETS = {
    "ms_flair_2d": ("masks", "main", ()),
    "ms_flair_mni": ("masks", "main", ("T1", "T2", "T1POST")),
    "idrid_lesions": ("masks", "main", ()),
    "hippocampus_msd": ("masks_anterior", "anterior", ()),
    "small_fixtures": ("masks", "main", ()),
    "uav75_cracks": ("masks", "main", ()),
}
pytestmark = pytest.mark.real_data


def folder_of(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the shared data are not here ({name}); set RARESEG_SHARED_DATA to their folder")
    return folder


def described(case: Case) -> tuple[int, ...]:
    return tuple(sorted(n for n in case.grid.shape if n > 1))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name == "idrid_lesions" else []) for name in SETS]
)
def test_every_case_of_a_real_set_is_imported_as_its_table_describes_it(tmp_path: Path, name: str) -> None:
    folder = folder_of(name)
    masks, column, channels = SETS[name]
    named = {"FLAIR": folder / "images", **{channel: folder / f"images_{channel}" for channel in channels}}
    groups = folder / "groups.csv"
    plan = plan_import(
        [folder / "images"],
        masks=[folder / masks],
        channels=named if channels else {},
        groups=groups if groups.exists() else None,
    )
    with (folder / "cases.csv").open(newline="") as handle:
        table = {row["case"]: row for row in csv.DictReader(handle)}
    with Project.create(tmp_path / "project") as project:
        report = run_import(project, plan)
        assert report.problems == ()
        cases = project.cases()
        assert {case.id for case in cases} == {file.name.split(".")[0] for file in (folder / "images").iterdir()}
        for case in cases:
            row = table[case.id]
            assert case.state is CaseState.COMPLETE
            assert described(case) == tuple(sorted(int(n) for n in row["dims"].split("x"))), case.id
            assert 100 * case.prevalence == pytest.approx(float(row[f"{column}_fg_percent"]), abs=6e-6), case.id
            assert case.lesions == int(row[f"{column}_components"]), case.id
            assert len(case.channels) in ((len(channels) + 1,) if channels else (1, 3))
        first = cases[0]
        (out,) = export_masks(project, [first.id], tmp_path / "out")
        source = next((folder / masks).glob(f"{first.id}.*"))
        assert (read_mask(out).labels == read_mask(source).labels).all()
        assert read_mask(out).grid.matches(read_mask(source).grid)


def test_a_set_dropped_whole_finds_its_own_masks_and_says_what_it_left_out(tmp_path: Path) -> None:
    plan = plan_import([folder_of("ms_flair_mni")])
    assert all(case.mask is not None and case.images[0][1].parent.name == "images" for case in plan.cases)
    assert {problem.remedy for problem in plan.problems} == {
        f"if it is a channel of that scan, add images_{name} as a channel" for name in ("T1", "T2", "T1POST")
    }


def test_dicom_series_are_mentioned_once_each(tmp_path: Path) -> None:
    plan = plan_import([folder_of("dicom_ms_derived") / "images"])
    assert plan.cases == ()
    assert len(plan.problems) == 2
    assert all("DICOM" in problem.what and "dcm2niix" in problem.remedy for problem in plan.problems)
