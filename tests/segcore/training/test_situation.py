"""What is known of the data before a run."""

import math
from dataclasses import replace

from segcore.imbalance.statistics import CaseStatistics, summarise
from segcore.projects.case import CaseState, Part
from segcore.training.situation import Situation, situation_of_cases, situation_of_statistics
from tests.segcore.training.test_cohort import case


def test_the_list_of_cases_says_how_rare_lesions_are_and_how_many_cases_are_empty() -> None:
    full, empty = case("a", 30, Part.TRAIN), case("b", 0, Part.TRAIN)
    labelled = full.labelled_voxels + empty.labelled_voxels
    known = situation_of_cases([full, empty, case("c", 900, Part.TEST)])

    assert known.prevalence == 30 / labelled
    assert known.empty_share == 0.5
    assert math.isnan(known.hit_rate)


def test_nothing_is_known_without_a_case_that_may_be_trained_on() -> None:
    draft = replace(case("a", 30, Part.TRAIN), state=CaseState.DRAFT)
    for cases in ([], [draft]):
        known = situation_of_cases(cases)
        assert math.isnan(known.prevalence)
        assert math.isnan(known.empty_share)


def test_what_was_measured_is_taken_over() -> None:
    one = case("a", 36, Part.TRAIN)
    measured = CaseStatistics(
        case="a",
        foreground_voxels=36,
        labelled_voxels=10_000,
        sizes_voxels=(20, 10, 6),
        voxel_ml=0.001,
        hit_rate=0.25,
        contrast_auc=0.9,
    )
    known = situation_of_statistics(summarise([one], [measured]))

    assert isinstance(known, Situation)
    assert (known.prevalence, known.hit_rate, known.middle_voxels) == (0.0036, 0.25, 10.0)
