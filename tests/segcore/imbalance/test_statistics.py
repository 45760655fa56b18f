import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.errors import NotEnoughData
from segcore.geometry import Box, Grid
from segcore.imbalance import statistics
from segcore.imbalance.contrast import area_under_roc, contrast_auc
from segcore.imbalance.statistics import Quantiles, kept_statistics, measure, ratio_words
from segcore.projects.case import CaseState, Part
from segcore.projects.project import Project
from segcore.scans.volume import Mask, Volume
from tests.segcore.small_project import make_small_project

GRID = Grid.from_spacing((4, 10, 10), (5.0, 1.0, 1.0))


def add(project: Project, id: str, *boxes: Box, state: CaseState = CaseState.COMPLETE, group: str = "") -> None:
    rng = np.random.default_rng(len(id))
    mask = Mask.empty(GRID)
    voxels = rng.integers(10, 20, (1, *GRID.shape)).astype(np.int16)
    for box in boxes:
        mask.labels[box.slices] = 1
        voxels[0][box.slices] = 50
    project.add_case(
        id=id,
        group=group or id,
        volume=Volume(voxels=voxels, grid=GRID, channels=("image",)),
        source_grid=GRID,
        source_suffix=".nii.gz",
        sources=(),
        mask=mask,
        state=state,
    )


BIG = Box((0, 0, 0), (2, 3, 3))
SMALL = Box((3, 9, 9), (4, 10, 10))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "project") as opened:
        add(opened, "two lesions", BIG, SMALL, group="patient")
        add(opened, "one lesion", SMALL, group="patient")
        add(opened, "empty", state=CaseState.CONFIRMED_EMPTY)
        add(opened, "draft", BIG, state=CaseState.DRAFT)
        add(opened, "test", BIG)
        opened.set_parts({"test": Part.TEST})
        yield opened


def test_only_cases_that_training_may_learn_from_are_measured(project: Project) -> None:
    measured = measure(project)
    assert [case.case for case in measured.cases] == ["two lesions", "one lesion", "empty"]
    assert measured.groups == 2
    assert measured.prevalence == pytest.approx(20 / 1200)
    assert measured.ratio == "1:59"
    assert measured.empty_share == pytest.approx(1 / 3)
    assert (measured.lesions, measured.lesions_per_case) == (3, 1.5)
    assert measured.sizes_voxels.middle == 1.0
    assert measured.anisotropy == pytest.approx(5.0)
    assert (measured.flat, measured.calibrated, measured.shape, measured.channels) == (True, True, (4, 10, 10), 1)
    assert measured.contrast_auc == 1.0


def test_each_case_by_hand(project: Project) -> None:
    two, _, empty = measure(project).cases
    assert two.sizes_voxels == (18, 1)
    assert two.sizes_ml == pytest.approx((0.09, 0.005))
    assert (two.lesions, two.volume_ml) == (2, pytest.approx(0.095))
    assert two.hit_rate == pytest.approx(3 / 4)  # a patch of one whole plane; three of the four planes hold foreground
    assert empty.empty
    assert math.isnan(empty.contrast_auc)


def test_unlabelled_voxels_are_in_no_fraction(project: Project) -> None:
    mask = project.mask("one lesion")
    mask.labels[:2] = 255
    project.save_mask("one lesion", mask, author="Ann", origin="annotation")
    (_, one, _) = measure(project).cases
    assert (one.labelled_voxels, one.prevalence) == (200, 1 / 200)


def test_kept_numbers_are_used_until_the_mask_changes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    first = measure(project)
    monkeypatch.setattr(statistics, "label_lesions", lambda _: pytest.fail("measured again"))
    again = measure(project)
    assert again.prevalence == first.prevalence
    assert [case.sizes_voxels for case in again.cases] == [case.sizes_voxels for case in first.cases]
    monkeypatch.undo()
    project.save_mask("one lesion", Mask.empty(GRID), author="Ann", origin="annotation")
    assert measure(project).lesions == 2


def test_damaged_kept_numbers_are_measured_again(project: Project) -> None:
    first = measure(project)
    for file in (project.cache_folder / "statistics").iterdir():
        file.write_bytes(b"\xff\x00{")
    assert measure(project).sizes_voxels == first.sizes_voxels


def test_a_project_for_reading_only_is_measured_without_writing(project: Project) -> None:
    project.close()
    with Project.open(project.folder, read_only=True) as reading:
        assert measure(reading).lesions == 3
        assert not reading.cache_folder.exists()


def test_progress_is_told_and_cases_without_truth_are_refused(project: Project) -> None:
    told = []
    measure(project, report=lambda done, total, case: told.append((done, total, case)))
    assert told == [(0, 3, "two lesions"), (1, 3, "one lesion"), (2, 3, "empty"), (3, 3, "")]
    for case in project.cases():
        project.set_state(case.id, CaseState.FLAGGED, author="Ann")
    with pytest.raises(NotEnoughData, match="no case is complete"):
        measure(project)


def test_what_was_measured_before_is_known_without_reading_a_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_small_project(tmp_path / "p") as project:
        assert kept_statistics(project) is None
        measured = measure(project)
        monkeypatch.setattr(Project, "scan", lambda *_: pytest.fail("a scan was read"))
        monkeypatch.setattr(Project, "mask", lambda *_: pytest.fail("a mask was read"))
        assert kept_statistics(project) == measured
        project.set_state("case3", CaseState.FLAGGED, author="Ann")  # another set of cases, all known
        known = kept_statistics(project)
        assert known is not None
        assert len(known.cases) == len(measured.cases) - 1


@pytest.mark.parametrize(
    ("prevalence", "words"),
    [(0.5, "1:1"), (0.2, "1:4"), (0.001, "1:999"), (1 / 673.7, "1:673"), (1e-5, "1:100000"), (0.0, "0")],
)
def test_ratios_are_told_to_three_figures(prevalence: float, words: str) -> None:
    assert ratio_words(prevalence) == words


def test_quantiles_of_nothing_are_undefined() -> None:
    assert math.isnan(Quantiles.of([]).middle)
    assert Quantiles.of([1, 2, 3]) == Quantiles(low=1.2, middle=2.0, high=2.8)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_the_area_under_roc_agrees_with_comparing_all_pairs(positive: list[int], negative: list[int]) -> None:
    wins = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in itertools.product(positive, negative))
    expected = wins / (len(positive) * len(negative))
    assert area_under_roc(np.array(positive, float), np.array(negative, float)) == pytest.approx(expected)


def test_the_contrast_is_that_of_the_best_channel_whichever_side_and_air_says_nothing() -> None:
    grid = Grid.from_spacing((1, 40, 40))
    rng = np.random.default_rng(0)
    mask = Mask.empty(grid)
    mask.labels[0, 10:14, 10:14] = 1
    noise = rng.normal(100, 5, grid.shape)
    dark = rng.normal(100, 5, grid.shape)
    dark[mask.labels == 1] = 20
    noise[0, 20:], dark[0, 20:] = 0, 0  # air
    both = Volume(voxels=np.stack([noise, dark]), grid=grid, channels=("a", "b"))
    assert contrast_auc(both, mask) == 1.0
    alone = Volume(voxels=noise[np.newaxis], grid=grid, channels=("a",))
    assert contrast_auc(alone, mask) < 0.65
    assert math.isnan(contrast_auc(both, Mask.empty(grid)))


def test_a_thread_is_told_from_a_block(tmp_path: Path) -> None:
    """A line of 36 pixels has a box 36.01 across and the area of a disc of 6.77; a block of 6 by 6 one of 8.49 across."""
    grid = Grid.from_spacing((1, 40, 40))
    for name, box, expected in (
        ("line", Box((0, 20, 2), (1, 21, 38)), 5.32),
        ("block", Box((0, 10, 10), (1, 16, 16)), 1.26),
    ):
        mask = Mask.empty(grid)
        mask.labels[box.slices] = 1
        voxels = np.random.default_rng(0).integers(10, 20, (1, *grid.shape)).astype(np.int16)
        with Project.create(tmp_path / name) as opened:
            opened.add_case(
                id=name, group=name, volume=Volume(voxels=voxels, grid=grid, channels=("image",)), source_grid=grid,
                source_suffix=".png", sources=(), mask=mask, state=CaseState.COMPLETE,
            )  # fmt: skip
            assert measure(opened).elongation == pytest.approx(expected, abs=0.01)
