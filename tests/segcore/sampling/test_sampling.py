from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage, stats

from segcore.catalog.samplers import SAMPLERS
from segcore.errors import NotEnoughData, UnknownName
from segcore.geometry import Box
from segcore.sampling.index import LesionIndex
from segcore.sampling.patches import Batch, PatchSampler
from segcore.scans.components import label_lesions
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


def coordinates(index: LesionIndex) -> set[tuple[int, ...]]:
    return {index.place_of(int(position)) for position in index.flat}


def test_the_index_knows_every_voxel_by_lesion() -> None:
    case = a_case(SMALL, LARGE)
    assert case.index.lesions == 2
    assert case.index.sizes.tolist() == [1, 40]
    assert case.index.foreground_voxels == 41
    assert case.index.flat.dtype == np.int32
    assert coordinates(case.index) == {tuple(v) for v in np.argwhere(case.labels)}
    assert case.index.place_of(int(case.index.flat[0])) == SMALL.start
    assert LesionIndex.build(np.zeros(SHAPE, np.uint8)).lesions == 0


def test_lesions_that_touch_at_a_corner_are_one() -> None:
    assert a_case(Box((1, 1, 1), (2, 2, 2)), Box((2, 2, 2), (3, 3, 3))).index.lesions == 1
    assert a_case(Box((1, 1, 1), (2, 2, 2)), Box((1, 1, 3), (2, 2, 4))).index.lesions == 2


@given(
    arrays(np.uint8, st.tuples(*[st.integers(1, 7)] * 3), elements=st.sampled_from([0, 0, 0, 1, 255])),
    st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_the_index_agrees_with_a_plain_search_whatever_the_mask(labels: np.ndarray, transposed: bool) -> None:
    labels = labels.T if transposed else labels
    index = LesionIndex.build(labels)
    assert coordinates(index) == {tuple(v) for v in np.argwhere(labels == 1)}
    assert index.lesions == ndimage.label(labels == 1, structure=np.ones((3, 3, 3)))[1]
    known = Box.around(labels != 255)
    assert index.labelled == (known or Box((0, 0, 0), (0, 0, 0)))


@given(
    arrays(np.uint8, st.tuples(*[st.integers(1, 7)] * 3), elements=st.sampled_from([0, 0, 0, 1, 255])),
    st.integers(0, 40),
)
@settings(max_examples=80, deadline=None)
def test_a_packed_index_is_the_same_again_and_a_damaged_one_is_refused(labels: np.ndarray, size: int) -> None:
    index = LesionIndex.build(labels)
    packed = index.packed()
    again = LesionIndex.unpacked(packed)
    assert (again.shape, again.labelled) == (index.shape, index.labelled)
    for name in ("flat", "offsets", "sizes"):
        np.testing.assert_array_equal(getattr(again, name), getattr(index, name))
    if size < len(packed):
        with pytest.raises(ValueError, match="not a lesion index"):
            LesionIndex.unpacked(packed[:size])


def test_a_huge_lesion_is_thinned_evenly_but_keeps_its_size() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[0] = 1
    index = LesionIndex.build(labels, most_per_lesion=100)
    assert index.sizes.tolist() == [2000]
    assert len(index.flat) == 100
    assert np.diff(index.flat).max() <= 21
    assert index.flat[[0, -1]].tolist() == [0, 1999]


@pytest.mark.parametrize(("exponent", "share"), [(1.0, 1 / 41), (0.0, 0.5), (0.5, 1 / (1 + 40**0.5))])
def test_lesions_are_drawn_with_the_probability_their_size_asks_for(exponent: float, share: float) -> None:
    index, rng = a_case(SMALL, LARGE).index, np.random.default_rng(0)
    chances = index.chances(exponent)
    small = sum(index.draw(rng, chances) == SMALL.start for _ in range(4000))
    assert stats.binomtest(small, 4000, share).pvalue > 1e-3


def test_voxels_of_a_lesion_are_drawn_alike() -> None:
    index, rng = a_case(LARGE).index, np.random.default_rng(1)
    drawn = Counter(index.draw(rng, index.chances(0.25)) for _ in range(4000))
    assert len(drawn) == 40
    assert stats.chisquare(list(drawn.values())).pvalue > 1e-3


@pytest.mark.parametrize("method", [entry.name for entry in SAMPLERS])
def test_patches_are_cut_exactly_from_their_cases_and_seeds_repeat(method: str) -> None:
    cases = [a_case(SMALL, LARGE), a_case()]
    batch = sampler(cases, method).draw(12)
    assert batch.images.shape == (12, 1, 3, 16, 16)
    assert batch.images.dtype == np.float32
    for image, labels, number, origin in zip(batch.images[:, 0], batch.labels, batch.cases, batch.origins, strict=True):
        p, r, c = origin
        box = Box((p, r, c), (p + 3, r + 16, c + 16))
        assert np.array_equal(image, cases[number].image[0][box.slices])
        assert np.array_equal(labels, cases[number].labels[box.slices])
    again = sampler(cases, method).draw(12)
    assert np.array_equal(batch.images, again.images)
    assert not np.array_equal(batch.images, sampler(cases, method, seed=1).draw(12).images)


@pytest.mark.parametrize("ratio", [0.0, 0.4, 0.5, 1.0])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_the_share_of_forced_patches_is_exact_in_the_long_run(ratio: float, size: int) -> None:
    drawn = sampler([a_case(SMALL), a_case()], ratio=ratio)
    forced = [drawn._forced(size) for _ in range(4000)]
    assert np.mean(forced) / size == pytest.approx(ratio, abs=0.025)
    assert set(forced) <= {int(size * ratio), int(size * ratio) + 1}


def test_a_small_ratio_still_gives_every_batch_one_forced_patch() -> None:
    drawn = sampler([a_case(SMALL), a_case()], ratio=0.05)
    assert {drawn._forced(4) for _ in range(200)} == {1}
    assert {drawn._forced(1) for _ in range(200)} == {0, 1}
    drawn.ratio = 0.0
    assert drawn._forced(4) == 0


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


def test_centres_lie_in_the_labelled_part_of_the_body() -> None:
    case = a_case()
    case.labels[:, :, 20:] = 255
    inside = Case(case.image, case.labels, Box((2, 10, 10), (4, 30, 30)), LesionIndex.build(case.labels))
    origins = np.array(sampler([inside], "uniform", patch=(1, 8, 8)).draw(600).origins)
    assert np.add(origins.min(axis=0), (0, 4, 4)).tolist() == [2, 10, 10]
    assert np.add(origins.max(axis=0), (0, 4, 4)).tolist() == [3, 29, 19]


def test_uniform_centres_are_spread_evenly_and_borders_are_seen() -> None:
    origins = np.array(sampler([a_case()], "uniform", patch=(1, 8, 10)).draw(3000).origins)
    columns = Counter(origins[:, 2].tolist())
    inner = [columns[c] for c in range(1, 40)]
    assert stats.chisquare(inner).pvalue > 1e-3
    assert stats.binomtest(columns[0], 3000, 6 / 50).pvalue > 1e-3


def test_a_case_weighted_draw_takes_half_its_patches_from_cases_with_foreground() -> None:
    cases = [a_case(SMALL), *(a_case() for _ in range(9))]
    drawn = sampler(cases, "case_weighted", ratio=0.0).draw(2000)
    assert stats.binomtest(sum(case == 0 for case in drawn.cases), 2000, 0.5).pvalue > 1e-3
    assert set(drawn.cases) == set(range(10))


def test_cases_are_drawn_at_most_ten_times_as_often_as_others() -> None:
    cases = [a_case(SMALL), a_case(Box((0, 0, 0), (6, 30, 30)))]
    drawn = sampler(cases, "case_weighted", ratio=1.0)
    few = sum(case == 0 for case in drawn.draw(3000).cases)
    assert stats.binomtest(few, 3000, 10 / 11).pvalue > 1e-3


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_memory_mapped_scans_of_half_and_single_precision_are_read_without_a_warning(
    tmp_path: Path, kind: type[np.floating]
) -> None:
    case = a_case(SMALL)
    np.save(tmp_path / "image.npy", (case.image % 2048).astype(kind))
    np.save(tmp_path / "labels.npy", case.labels)
    image, labels = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("image", "labels"))
    mapped = Case(image, labels, case.body, LesionIndex.build(labels))
    batch = sampler([mapped], patch=(3, 16, 16)).draw(4)
    assert batch.images.dtype == np.float32
    for patch, (p, r, c) in zip(batch.images, batch.origins, strict=True):
        assert np.array_equal(patch[0], case.image[0, p : p + 3, r : r + 16, c : c + 16] % 2048)


def test_a_saved_state_goes_on_with_the_same_batches() -> None:
    drawn = sampler([a_case(SMALL, LARGE), a_case()])
    drawn.draw(3)
    state = drawn.state
    expected = drawn.draw(5).origins
    other = sampler([a_case(SMALL, LARGE), a_case()], seed=9)
    other.state = state
    assert other.draw(5).origins == expected


def test_the_share_of_flat_batches_counts_the_middle_plane_only() -> None:
    labels = np.zeros((2, 3, 4, 4), np.uint8)
    labels[0, 0, 0, 0] = labels[1, 1, 0, 0] = 1
    images = np.zeros((2, 1, 3, 4, 4), np.float32)
    places = {"cases": (0, 0), "origins": ((0, 0, 0), (0, 0, 0))}
    assert Batch(images=images, labels=labels, flat=True, **places).share_with_foreground == 0.5
    assert Batch(images=images, labels=labels, flat=False, **places).share_with_foreground == 1.0


def test_an_unknown_method_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="per_lesion"):
        sampler([a_case()], "per_lesoin")


@pytest.mark.parametrize("seed", range(6))
def test_rare_foreground_is_grouped_as_labelling_the_whole_mask_groups_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.zeros((9, 60, 70), np.uint8)
    for _ in range(12):
        p, r, c = (int(rng.integers(0, n)) for n in labels.shape)
        labels[p : p + 2, r : r + 3, c : c + 2] = 1
    labels[0, 0, 0] = labels[8, 59, 69] = labels[3, 20, 69] = labels[3, 21, 0] = 1  # opposite edges do not touch
    index = LesionIndex.build(labels)
    components, count = label_lesions(labels == 1)
    assert index.lesions == count
    for lesion in range(count):
        mine = index.flat[index.offsets[lesion] : index.offsets[lesion + 1]]
        assert np.array_equal(mine, np.flatnonzero(components == lesion + 1))
