import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import pytest

from segcore.catalog.entry import find
from segcore.catalog.losses import LOSSES
from segcore.catalog.samplers import SAMPLERS
from segcore.imbalance.statistics import CaseStatistics, ProjectStatistics, Quantiles
from segcore.training.advisor import advise, lesion_edge, percent
from segcore.training.recipe import Budget, Recipe


def case(number: int) -> CaseStatistics:
    return CaseStatistics(
        case=f"case{number}",
        foreground_voxels=100,
        labelled_voxels=10_000,
        sizes_voxels=(100,),
        voxel_ml=0.001,
        hit_rate=0.2,
        contrast_auc=0.8,
    )


ORDINARY = ProjectStatistics(
    cases=tuple(case(number) for number in range(60)),
    groups=60,
    prevalence=0.01,
    empty_share=0.1,
    lesions=200,
    lesions_per_case=3.0,
    sizes_voxels=Quantiles(low=40.0, middle=100.0, high=300.0),
    sizes_ml=Quantiles(low=0.04, middle=0.1, high=0.3),
    hit_rate=0.2,
    contrast_auc=0.8,
    anisotropy=1.0,
    shape=(180, 200, 180),
    flat=False,
    calibrated=True,
    channels=1,
)


def changed(**changes: object) -> ProjectStatistics:
    return dataclasses.replace(ORDINARY, **changes)  # type: ignore[arg-type]


def test_ordinary_imbalance_keeps_the_robust_defaults() -> None:
    advice = advise(ORDINARY)
    recipe = advice.recipe
    assert [term.name for term in recipe.loss] == ["dice_ce"]
    assert (recipe.sampling.method, recipe.sampling.ratio) == ("foreground", 0.5)
    assert (recipe.network.dimensions, recipe.network.size) == ("auto", "small")
    assert (recipe.optimiser.patch, recipe.optimiser.batch) == (0, 0)
    assert recipe.augmentation == Recipe().augmentation
    assert advice.cautions == ()


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"prevalence": 0.2}, ["dice_ce"]),
        ({"prevalence": 0.0005}, ["dice_top_k"]),
        ({"prevalence": 0.0005, "lesions": 20}, ["dice_ce"]),
    ],
)
def test_the_loss_follows_the_prevalence(changes: dict[str, object], names: list[str]) -> None:
    assert [term.name for term in advise(changed(**changes)).recipe.loss] == names


def test_a_missed_lesion_can_be_made_worse_than_a_false_alarm() -> None:
    recipe = advise(ORDINARY, recall_first=True).recipe
    assert [term.name for term in recipe.loss] == ["bce", "tversky"]
    entry = find("loss", "tversky", LOSSES)
    for name, value in recipe.loss[1].parameters:
        entry.parameter(name).domain.check(name, value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "method"),
    [
        ({"empty_share": 0.6}, "undersampled"),
        ({"sizes_voxels": Quantiles(low=10.0, middle=50.0, high=100.0)}, "per_lesion"),
        ({"sizes_voxels": Quantiles(low=10.0, middle=50.0, high=100.0), "lesions_per_case": 1.0}, "foreground"),
    ],
)
def test_the_sampling_follows_empty_cases_and_the_spread_of_sizes(changes: dict[str, object], method: str) -> None:
    assert advise(changed(**changes)).recipe.sampling.method == method


def test_images_of_one_plane_and_thick_slices_are_looked_at_in_2d() -> None:
    assert advise(changed(shape=(1, 500, 500), flat=True)).recipe.network.dimensions == "2d"
    thick = advise(changed(shape=(24, 256, 256), anisotropy=6.0, flat=True))
    assert thick.recipe.network.dimensions == "2d"
    assert any("6.0 times" in reason.value for reason in thick.reasons)


def test_the_patch_shows_what_is_around_a_large_lesion() -> None:
    assert lesion_edge(math.pi * 100, flat=True) == pytest.approx(20)
    assert lesion_edge(math.pi / 6 * 20**3, flat=False) == pytest.approx(20)
    large = advise(changed(sizes_voxels=Quantiles(low=3000.0, middle=4000.0, high=math.pi / 6 * 20**3)))
    assert large.recipe.optimiser.patch == 80
    huge = advise(changed(sizes_voxels=Quantiles(low=3e5, middle=4e5, high=5e5)))
    assert huge.recipe.optimiser.patch == 96
    photographs = changed(
        shape=(1, 3000, 4000), flat=True, calibrated=False, sizes_voxels=Quantiles(low=1e4, middle=2e4, high=5e4)
    )
    assert advise(photographs).recipe.optimiser.patch == 0


def test_a_batch_holds_foreground_where_it_is_rare() -> None:
    rare = advise(changed(prevalence=0.0002))
    assert rare.recipe.optimiser.batch * rare.recipe.sampling.ratio >= 2
    assert any("2 of 4 are drawn around it" in reason.because for reason in rare.reasons)


def test_few_and_tiny_lesions_change_the_augmentation_and_are_warned_of() -> None:
    few = advise(changed(lesions=12))
    assert (few.recipe.augmentation.rotation, few.recipe.augmentation.scaling) == (30.0, 0.3)
    assert [caution.choice for caution in few.cautions] == ["Annotate more"]
    tiny = advise(changed(sizes_voxels=Quantiles(low=3.0, middle=8.0, high=20.0)))
    assert tiny.recipe.augmentation.blur == 0.4
    assert tiny.cautions[0].value == "median lesion 8 voxels"


def test_what_no_recipe_mends_is_told() -> None:
    told = {c.choice for c in advise(changed(prevalence=0.00002, contrast_auc=0.99)).cautions}
    assert told == {"Expect false alarms", "Compare with a threshold"}
    nothing = Quantiles.of([])
    empty = changed(prevalence=0.0, lesions=0, lesions_per_case=0.0, empty_share=1.0, hit_rate=0.0)
    empty = dataclasses.replace(empty, sizes_voxels=nothing, sizes_ml=nothing, contrast_auc=math.nan)
    assert [c.choice for c in advise(empty).cautions] == ["Annotate lesions first"]


def test_what_no_rule_speaks_of_is_kept() -> None:
    start = Recipe(budget=Budget(minutes=17.0))
    assert advise(ORDINARY, start=start).recipe.budget.minutes == 17.0


@pytest.mark.parametrize("prevalence", [0.3, 0.02, 0.0005, 0.00002])
@pytest.mark.parametrize("lesions", [5, 500])
@pytest.mark.parametrize("flat", [False, True])
def test_every_advice_is_a_recipe_that_can_be_run_and_every_reason_has_its_number(
    prevalence: float, lesions: int, flat: bool
) -> None:
    shape = (1, 300, 300) if flat else (90, 110, 90)
    advice = advise(changed(prevalence=prevalence, lesions=lesions, flat=flat, shape=shape))
    advice.recipe.check()
    for term in advice.recipe.loss:
        find("loss", term.name, LOSSES)
    find("sampler", advice.recipe.sampling.method, SAMPLERS)
    for reason in (*advice.reasons, *advice.cautions):
        assert any(character.isdigit() for character in reason.value), reason
        assert reason.because.endswith(".")


def test_percentages_are_never_written_as_powers() -> None:
    assert [percent(share) for share in (0.0, 1.0, 0.253, 0.0148, 0.00001)] == [
        "0 %",
        "100 %",
        "25 %",
        "1.5 %",
        "0.0010 %",
    ]


def test_the_advisor_brings_no_torch_into_the_window() -> None:
    code = "import sys, segcore.training.advisor; print(sorted({'torch', 'scipy'} & set(sys.modules)))"
    root = Path(__file__).resolve().parents[3]
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert answer.stdout.strip() == "[]"
