import numpy as np
import pytest

from segcore.annotation.seeded import (
    INSIDE,
    OUTSIDE,
    Neighbourhood,
    SeedMethod,
    lesion_probability,
    neighbourhood,
)
from segcore.errors import Cancelled, SettingProblem
from segcore.geometry import Box

SHAPE = (7, 20, 22)
SPACING = (3.0, 1.0, 1.0)


def scan() -> np.ndarray:
    """A bright block of planes 2 to 4, rows 6 to 12, columns 7 to 14."""
    voxels = np.random.default_rng(3).normal(0, 4, SHAPE).astype(np.float32)
    voxels[2:5, 6:13, 7:15] += 100
    return voxels


def seeds() -> np.ndarray:
    made = np.zeros(SHAPE, np.int8)
    made[3, 9, 9:12] = INSIDE
    made[3, 2, 3:18] = OUTSIDE
    return made


def around(**changes: object) -> Neighbourhood:
    facts = {"box": Box((0, 0, 0), SHAPE), "values": scan(), "seeds": seeds(), "spacing": SPACING, **changes}
    return Neighbourhood(**facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", list(SeedMethod))
def test_a_stroke_inside_and_one_outside_find_the_whole_block(method: SeedMethod) -> None:
    expected = np.zeros(SHAPE, bool)
    expected[2:5, 6:13, 7:15] = True
    found = lesion_probability(around(), method, lambda: None) >= 0.5
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("method", list(SeedMethod))
def test_strokes_themselves_are_never_overruled(method: SeedMethod) -> None:
    odd = seeds()
    odd[3, 8, 10] = OUTSIDE  # in the middle of the block
    found = lesion_probability(around(seeds=odd), method, lambda: None)
    assert found[3, 8, 10] == 0.0
    assert (found[odd == INSIDE] == 1.0).all()


def test_a_prior_decides_where_grey_values_do_not() -> None:
    flat = np.zeros(SHAPE, np.float32)
    prior = np.full(SHAPE, 0.02, np.float32)
    prior[:, :, 10:] = 0.98
    one = np.zeros(SHAPE, np.int8)
    one[3, 9, 15] = INSIDE
    found = lesion_probability(around(values=flat, seeds=one, prior=prior), SeedMethod.WALKER, lambda: None)
    assert (found[:, :, 20] > 0.5).all()
    assert (found[:, :, 1] < 0.5).all()


def test_a_stroke_corrects_a_prior_where_it_is_and_leaves_it_alone_elsewhere() -> None:
    """Two bright blocks, the model saw both; a stroke outside in one of them takes that one away."""
    values = np.zeros((1, 20, 40), np.float32)
    values[0, 5:12, 5:12] = values[0, 5:12, 25:32] = 100
    prior = np.where(values > 0, 0.9, 0.05).astype(np.float32)
    strokes = np.zeros(values.shape, np.int8)
    strokes[0, 6:11, 8] = OUTSIDE
    strokes[0, 8, 28] = INSIDE
    nearby = Neighbourhood(
        box=Box((0, 0, 0), (1, 20, 40)), values=values, seeds=strokes, spacing=(1.0, 1.0, 1.0), prior=prior
    )
    found = lesion_probability(nearby, SeedMethod.WALKER, lambda: None) >= 0.5
    assert not found[0, :, :20].any()
    assert found[0, 5:12, 25:32].all()
    assert found.sum() == 49


@pytest.mark.parametrize("method", list(SeedMethod))
def test_it_can_be_cancelled(method: SeedMethod) -> None:
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        lesion_probability(around(), method, check)


def test_the_neighbourhood_is_cut_with_room_and_its_edge_counts_as_outside() -> None:
    voxels = np.zeros((9, 60, 60), np.int16)
    made = np.full((1, 2, 10), INSIDE, np.int8)
    found = neighbourhood(voxels, made, Box((4, 30, 30), (5, 32, 40)), SPACING, margin_mm=6.0)
    assert found.box == Box((1, 24, 24), (8, 38, 46))
    assert (found.seeds[:, 0] == OUTSIDE).all()
    assert (found.seeds[3, 6:8, 6:16] == INSIDE).all()
    flat = neighbourhood(voxels, made, Box((4, 30, 30), (5, 32, 40)), SPACING, axis=0, margin_mm=6.0)
    assert flat.box == Box((4, 24, 24), (5, 38, 46))
    assert not (flat.seeds[0, 1:6] != 0).any(axis=0)[1:-1].any()


def test_with_a_prior_or_a_stroke_outside_the_edge_is_free() -> None:
    voxels = np.zeros((9, 60, 60), np.int16)
    made = np.full((1, 2, 10), INSIDE, np.int8)
    box = Box((4, 30, 30), (5, 32, 40))
    found = neighbourhood(voxels, made, box, SPACING, prior=lambda b: np.full(b.shape, 0.25, np.float32))
    assert not (found.seeds == OUTSIDE).any()
    assert found.prior is not None
    assert found.prior.shape == found.box.shape
    made[0, 0, 0] = OUTSIDE
    assert (neighbourhood(voxels, made, box, SPACING).seeds == OUTSIDE).sum() == 1


def test_nothing_inside_or_too_much_is_said_in_a_sentence() -> None:
    voxels = np.zeros((4, 4, 4), np.int16)
    with pytest.raises(SettingProblem, match="no stroke inside"):
        neighbourhood(voxels, np.full((1, 1, 1), OUTSIDE, np.int8), Box((0, 0, 0), (1, 1, 1)), SPACING)
    huge = np.lib.stride_tricks.as_strided(np.zeros(1, np.int8), (400, 400, 400), (0, 0, 0))
    far = np.lib.stride_tricks.as_strided(np.ones(1, np.int8), (400, 400, 400), (0, 0, 0))
    with pytest.raises(SettingProblem, match="too far apart"):
        neighbourhood(huge, far, Box((0, 0, 0), (400, 400, 400)), SPACING)


def test_everything_seeded_needs_no_walk() -> None:
    full = np.full(SHAPE, OUTSIDE, np.int8)
    full[3] = INSIDE
    found = lesion_probability(around(seeds=full), SeedMethod.WALKER, lambda: None)
    assert np.array_equal(found == 1.0, full == INSIDE)
