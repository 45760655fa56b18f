import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from segcore.geometry import Grid
from segcore.projects.case import Case, CaseState
from segcore.review.decisions import Decision, Verdict
from segcore.review.predictions import PredictionFacts, Predictions, predicted_models
from segcore.review.worklist import WorkItem, WorkOrder, build_worklist
from segcore.scans.volume import Mask

GRID = Grid.from_spacing((1, 10, 10), (10.0, 10.0, 10.0))  # a voxel is one millilitre


def case(id: str, grid: Grid = GRID) -> Case:
    return Case(
        id=id,
        group=id,
        state=CaseState.DRAFT,
        part=None,
        channels=("image",),
        grid=grid,
        source_grid=grid,
        source_suffix=".png",
        sources=(),
        foreground_voxels=0,
        labelled_voxels=100,
        lesions=0,
    )


@pytest.fixture
def predictions(tmp_path: Path) -> Predictions:
    """Operating step 5; certain: 4 voxels at any threshold; unsure: 1, 2 or 6; missed: none, or 3; nothing: none."""
    kept = Predictions(tmp_path / "predictions" / "run-1")
    for id, values in {
        "certain": [50] * 4,
        "unsure": [20, 8] + [-3] * 4,
        "missed": [0] * 3,
        "nothing": [-100],
    }.items():
        steps = np.full(GRID.shape, -120, np.int8)
        steps.ravel()[: len(values)] = values
        kept.write(steps, PredictionFacts(model="run-1", case=id, step=5, seconds=0.1, scan_hash=f"hash of {id}"))
    return kept


def decided(id: str) -> Mapping[str, Decision]:
    return {
        id: Decision(case=id, model="run-1", verdict=Verdict.REJECTED, reviewer="Ann", time="", threshold=0.5, voxels=0)
    }


CASES = tuple(case(id) for id in ("nothing", "certain", "unsure", "missed", "not predicted"))


def ids(items: tuple[WorkItem, ...]) -> list[str]:
    return [item.case.id for item in items]


def test_doubtful_cases_come_first_and_say_why(predictions: Predictions) -> None:
    items = build_worklist(CASES, predictions, {})
    assert ids(items) == ["missed", "unsure", "certain", "nothing"]
    assert [item.score for item in items] == pytest.approx([1.0, 1 - 2 / 7, 0.0, 0.0])
    assert items[0].reason == "Nothing predicted, but 3 ml at a slightly lower threshold: a possible miss."
    assert items[1].reason == "Between 1 ml and 6 ml, as the threshold moves a little."
    assert items[1].volume_ml == pytest.approx(2.0)


def test_decided_cases_go_to_the_end_with_their_decision(predictions: Predictions) -> None:
    items = build_worklist(CASES, predictions, decided("missed"))
    assert ids(items) == ["unsure", "certain", "nothing", "missed"]
    assert items[-1].decision is not None
    assert items[-1].decision.verdict is Verdict.REJECTED


def test_by_volume_and_by_name(predictions: Predictions) -> None:
    assert ids(build_worklist(CASES, predictions, {}, "volume")) == ["certain", "unsure", "missed", "nothing"]
    assert ids(build_worklist(CASES, predictions, {}, WorkOrder.NAME)) == ["certain", "missed", "nothing", "unsure"]


def test_names_sort_as_a_person_would(tmp_path: Path) -> None:
    kept = Predictions(tmp_path / "run-1")
    names = ["case10", "case9", "Case1", "case"]
    for id in names:
        facts = PredictionFacts(model="run-1", case=id, step=0, seconds=0.1, scan_hash="")
        kept.write(np.zeros(GRID.shape, np.int8), facts)
    items = build_worklist([case(id) for id in names], kept, {}, "name")
    assert ids(items) == ["case", "Case1", "case9", "case10"]


def test_by_disagreement_with_the_masks(predictions: Predictions) -> None:
    masks = {id: Mask.empty(GRID) for id in ("nothing", "certain", "unsure", "missed")}
    masks["unsure"].labels.ravel()[1:4] = 1
    masks["missed"].labels.ravel()[50] = 1
    masks["certain"].labels.ravel()[:4] = 1
    items = build_worklist(CASES, predictions, {}, "disagreement", masks=masks.__getitem__)
    assert ids(items) == ["missed", "unsure", "certain", "nothing"]
    assert [item.score for item in items] == pytest.approx([1.0, 0.6, 0.0, 0.0])
    assert items[1].reason == "Dice 0.40 with the mask; voxels too many: 1, missed: 2."
    with pytest.raises(ValueError, match="needs masks"):
        build_worklist(CASES, predictions, {}, "disagreement")


def test_predictions_that_cannot_be_used_are_told_and_come_first(predictions: Predictions) -> None:
    file = predictions.folder / "certain.npy"
    file.write_bytes(file.read_bytes()[:100])
    items = build_worklist(CASES, predictions, {}, scan_hashes={"unsure": "another scan"})
    assert ids(items)[:2] == ["certain", "unsure"]
    assert [item.outdated for item in items] == [True, True, False, False]
    assert "predict the case again" in items[0].reason
    assert "The scan has changed" in items[1].reason
    assert math.isnan(items[0].volume_ml)


def test_damaged_facts_and_foreign_arrays_are_told_too(predictions: Predictions) -> None:
    (predictions.folder / "missed.json").write_bytes(b"{")
    np.save(predictions.folder / "unsure.npy", np.zeros(GRID.shape, np.float32))
    items = build_worklist(CASES, predictions, {})
    assert [item.case.id for item in items if item.outdated] == ["missed", "unsure"]


def test_scans_without_a_scale_are_told_in_voxels(predictions: Predictions) -> None:
    photograph = case("unsure", Grid.from_spacing(GRID.shape, calibrated=False))
    (item,) = build_worklist([photograph], predictions, {}, "volume")
    assert item.reason == "2 voxels predicted."


def test_models_with_predictions_are_listed(predictions: Predictions) -> None:
    assert predicted_models(predictions.folder.parent) == ("run-1",)
    assert predictions.cases() == ("certain", "missed", "nothing", "unsure")
    assert predictions.load("unsure").mask_at(None).sum() == 2
    assert predictions.load("unsure").mask_at(-3).sum() == 6


def test_cases_on_which_members_disagree_come_first_and_single_networks_say_so(predictions: Predictions) -> None:
    steps = predictions.load("certain").steps
    for id, spread in (("certain", 0.25), ("unsure", 0.6)):
        facts = PredictionFacts(model="run-1", case=id, step=5, seconds=0.1, scan_hash="", members=3, spread=spread)
        predictions.write(np.array(steps), facts)
    items = build_worklist(CASES, predictions, {}, WorkOrder.MEMBERS)
    assert ids(items)[:2] == ["unsure", "certain"]
    assert items[0].reason == "Dice between the 3 members' masks: 0.40 on average."
    assert items[2].reason == "One network made this: it has no members that could disagree."
