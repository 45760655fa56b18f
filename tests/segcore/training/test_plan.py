from dataclasses import replace

import pytest

from segcore.geometry import Grid
from segcore.networks.unet import MULTIPLE
from segcore.projects.case import Case
from segcore.training.plan import Plan, make_plan
from segcore.training.recipe import Network, Optimiser, Recipe
from tests.segcore.training.test_cohort import case


def on(shape: tuple[int, int, int], spacing: tuple[float, float, float] | None = None, **changes: object) -> Case:
    grid = Grid.from_spacing(shape, spacing or (1.0, 1.0, 1.0), calibrated=spacing is not None)
    return replace(case("a", 100, None), grid=grid, source_grid=grid, **changes)  # type: ignore[arg-type]


def plan_for(*cases: Case, width: float = 6.0, recipe: Recipe | None = None, gpu: bool = False) -> Plan:
    return make_plan(recipe or Recipe(), cases, width=width, on_gpu=gpu)


def test_images_train_in_two_dimensions_without_context() -> None:
    plan = plan_for(on((1, 512, 512)))

    assert (plan.flat, plan.network.dimensions, plan.network.channels) == (True, 2, 1)
    assert plan.patch[0] == 1
    assert plan.preparation.spacing is None


def test_thick_slices_train_in_two_dimensions_with_their_neighbours() -> None:
    plan = plan_for(on((24, 256, 256), (5.0, 0.9, 0.9), channels=("FLAIR", "T1")))

    assert plan.flat
    assert plan.patch[0] == 3
    assert plan.network.channels == 6
    assert plan.preparation.spacing == pytest.approx((5.0, 0.9, 0.9))


def test_small_isotropic_volumes_train_in_three_dimensions() -> None:
    plan = plan_for(on((35, 50, 36), (1.0, 1.0, 1.0)))

    assert (plan.flat, plan.network.dimensions) == (False, 3)
    assert plan.patch[0] % MULTIPLE == 0


def test_the_recipe_decides_where_it_says_so_except_that_an_image_has_no_depth() -> None:
    flat, deep = (Recipe(network=Network(dimensions=d)) for d in ("2d", "3d"))

    assert plan_for(on((35, 50, 36), (1.0, 1.0, 1.0)), recipe=flat).flat
    assert not plan_for(on((24, 256, 256), (5.0, 0.9, 0.9)), recipe=deep).flat
    assert plan_for(on((1, 512, 512)), recipe=deep).flat


def test_images_are_shrunk_as_far_as_their_lesions_allow() -> None:
    photograph = on((1, 2848, 4288), channels=("red", "green", "blue"))

    crack, small, large = (plan_for(photograph, width=width).preparation.shrink for width in (1.0, 15.0, 600.0))

    assert (crack, small, large) == (1, 4, 16)
    assert plan_for(on((1, 512, 512)), width=7.0).preparation.shrink == 2
    assert plan_for(on((1, 512, 512)), width=600.0).preparation.shrink == 2
    assert plan_for(on((1, 200, 200)), width=600.0).preparation.shrink == 1
    assert plan_for(on((1, 512, 512), (1.0, 0.5, 0.5)), width=600.0).preparation.shrink == 1


def test_patch_and_batch_of_the_recipe_are_taken() -> None:
    plan = plan_for(on((1, 512, 512)), recipe=Recipe(optimiser=Optimiser(patch=100, batch=3)))

    assert plan.patch == (1, 112, 112)
    assert plan.batch == 3


@pytest.mark.parametrize("shape", [(1, 20, 20), (3, 17, 400), (64, 64, 64), (200, 300, 300)])
@pytest.mark.parametrize("dimensions", ["2d", "3d"])
@pytest.mark.parametrize("gpu", [False, True])
def test_every_patch_suits_the_network(shape: tuple[int, int, int], dimensions: str, gpu: bool) -> None:
    plan = plan_for(on(shape, (1.0, 1.0, 1.0)), recipe=Recipe(network=Network(dimensions=dimensions)), gpu=gpu)

    assert all(edge % MULTIPLE == 0 for edge in plan.patch[1:])
    assert all(edge >= 2 * MULTIPLE for edge in plan.patch[1:])
    assert plan.flat or plan.patch[0] % MULTIPLE == 0
    assert plan.batch >= 2
