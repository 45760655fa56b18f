from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from segcore.catalog.samplers import SAMPLERS
from segcore.errors import NotEnoughData
from segcore.geometry import Box
from segcore.sampling.index import LesionIndex
from segcore.sampling.patches import PatchSampler
from segcore.training.recipe import Sampling

SHAPE = (6, 40, 50)


@dataclass(frozen=True)
class Case:
    image: np.ndarray
    labels: np.ndarray
    body: Box
    index: LesionIndex


def a_case(*boxes: Box, shape: tuple[int, int, int] = SHAPE) -> Case:
    labels = np.zeros(shape, np.uint8)
    for box in boxes:
        labels[box.slices] = 1
    image = np.arange(labels.size, dtype=np.float32).reshape(1, *shape)
    return Case(image, labels, Box((0, 0, 0), shape), LesionIndex.build(labels))


SMALL, LARGE = Box((1, 5, 5), (2, 6, 6)), Box((3, 20, 30), (5, 24, 35))


def sampler(
    cases: list[Case], method: str = "foreground", patch: tuple[int, int, int] = (3, 16, 16), **more: object
) -> PatchSampler:
    seed = more.pop("seed", 0)
    flat = bool(more.pop("flat", False))
    return PatchSampler(cases, patch, Sampling(method=method, **more), flat=flat, seed=[seed])  # type: ignore[arg-type]


def test_the_index_knows_every_voxel_by_lesion() -> None:
    index = a_case(SMALL, LARGE).index
    assert index.lesions == 2
    assert sorted(index.sizes) == [1, 40]
    assert {tuple(v) for v in index.voxels} == {tuple(v) for v in np.argwhere(a_case(SMALL, LARGE).labels)}
    assert LesionIndex.build(np.zeros(SHAPE, np.uint8)).lesions == 0


@pytest.mark.parametrize(("exponent", "share"), [(None, 1 / 41), (1.0, 1 / 41), (0.0, 0.5), (0.5, 1 / (1 + 40**0.5))])
def test_lesions_are_drawn_with_the_probability_their_size_asks_for(exponent: float | None, share: float) -> None:
    index, rng = a_case(SMALL, LARGE).index, np.random.default_rng(0)
    small = sum(tuple(index.draw(rng, exponent)) == SMALL.start for _ in range(4000))
    assert stats.binomtest(small, 4000, share).pvalue > 1e-3


@pytest.mark.parametrize("method", [entry.name for entry in SAMPLERS])
def test_patches_are_cut_exactly_from_their_cases_and_seeds_repeat(method: str) -> None:
    cases = [a_case(SMALL, LARGE), a_case()]
    batch = sampler(cases, method).draw(12)
    assert batch.images.shape == (12, 1, 3, 16, 16)
    assert batch.images.dtype == np.float32
    for image, labels, number in zip(batch.images[:, 0], batch.labels, batch.cases, strict=True):
        p, r, c = np.unravel_index(int(image[0, 0, 0]), SHAPE)
        box = Box((p, r, c), (p + 3, r + 16, c + 16))
        assert np.array_equal(image, cases[number].image[0][box.slices])
        assert np.array_equal(labels, cases[number].labels[box.slices])
    again = sampler(cases, method).draw(12)
    assert np.array_equal(batch.images, again.images)
    assert not np.array_equal(batch.images, sampler(cases, method, seed=1).draw(12).images)


@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.5, 1.0])
def test_the_share_of_forced_patches_is_exact_in_the_long_run(ratio: float) -> None:
    drawn = sampler([a_case(SMALL), a_case()], ratio=ratio)
    forced = [drawn._forced(3) for _ in range(4000)]
    assert np.mean(forced) / 3 == pytest.approx(ratio, abs=0.015)
    assert set(forced) <= {int(3 * ratio), int(3 * ratio) + 1}


def test_every_batch_holds_foreground_when_one_patch_is_asked_for() -> None:
    drawn = sampler([a_case(SMALL), a_case(), a_case()], ratio=0.25)
    assert all(drawn.draw(4).share_with_foreground >= 0.25 for _ in range(50))


def test_lesions_lie_anywhere_within_the_jitter() -> None:
    lesion = Box((3, 20, 25), (4, 21, 26))
    drawn = sampler([a_case(lesion, shape=(7, 41, 51))], ratio=1.0, jitter=0.25, patch=(1, 16, 16))
    where = [tuple(np.argwhere(labels[0])[0]) for labels in drawn.draw(800).labels]
    rows = Counter(int(row) for row, _ in where)
    assert set(rows) == set(range(4, 12))
    assert stats.chisquare(list(rows.values())).pvalue > 1e-3


def test_a_forced_patch_holds_its_lesion_at_every_border() -> None:
    corners = [Box((0, 0, 0), (1, 1, 1)), Box((5, 39, 49), (6, 40, 50)), Box((0, 39, 0), (1, 40, 1))]
    batch = sampler([a_case(box) for box in corners], ratio=1.0, jitter=0.5).draw(200)
    assert batch.share_with_foreground == 1.0
    assert (batch.labels != 255).all()


def test_a_scan_smaller_than_the_patch_is_padded_without_loss() -> None:
    drawn = sampler([a_case(Box((1, 3, 3), (2, 4, 4)), shape=(3, 8, 8))], ratio=1.0, patch=(3, 16, 16))
    batch = drawn.draw(2)
    assert (batch.labels == 255).sum() == 2 * (3 * 16 * 16 - 3 * 8 * 8)
    assert (batch.labels == 1).sum() == 2


def test_flat_patches_have_a_lesion_in_their_middle_plane_and_context_beyond_the_scan() -> None:
    lesion = Box((0, 20, 25), (1, 22, 27))
    batch = sampler([a_case(lesion)], ratio=1.0, flat=True).draw(20)
    assert (batch.labels[:, 1] == 1).any(axis=(1, 2)).all()
    assert (batch.labels[:, 0] == 255).all()
    assert np.array_equal(batch.images[:, 0, 0], batch.images[:, 0, 1])
    planes = {
        int(image[0, 1, 0, 0]) // 2000 for image in sampler([a_case(lesion)], "uniform", flat=True).draw(200).images
    }
    assert planes == set(range(6))


def test_undersampling_keeps_the_asked_number_of_empty_patches() -> None:
    drawn = sampler([a_case(SMALL, LARGE), a_case()], "undersampled", empties_per_foreground=3.0)
    shares = [drawn.draw(8).share_with_foreground for _ in range(60)]
    assert np.mean(shares) == pytest.approx(0.25, abs=0.02)


def test_cases_with_few_lesion_voxels_are_drawn_more_often_when_weighted() -> None:
    cases = [a_case(SMALL), a_case(LARGE)]
    drawn = sampler(cases, "case_weighted", ratio=1.0)
    few = sum(case == 0 for case in drawn.draw(2000).cases)
    expected = 1 / (1 + 40**-0.5)
    assert stats.binomtest(few, 2000, expected).pvalue > 1e-3


def test_no_case_is_a_sentence_and_no_foreground_is_no_crash() -> None:
    with pytest.raises(NotEnoughData):
        sampler([])
    assert sampler([a_case()]).draw(4).share_with_foreground == 0.0


def test_air_outside_the_body_is_not_sampled() -> None:
    case = a_case()
    inside = Case(case.image, case.labels, Box((2, 10, 10), (4, 30, 30)), case.index)
    images = sampler([inside], "uniform", patch=(1, 8, 8)).draw(300).images
    corners = np.array(np.unravel_index(images[:, 0, 0, 0, 0].astype(int), SHAPE)).T
    assert corners.min(axis=0).tolist() == [2, 10, 10]
    assert corners.max(axis=0).tolist() == [3, 22, 22]
