from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segcore.sampling.index import LesionIndex
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels
from segcore.synthesis.paste import LesionPaster
from segcore.training.recipe import Synthesis

ON = Synthesis(method="copy_paste", rate=1.0, feather=2.0, paste_flips=False)
PATCH = (1, 40, 40)


@dataclass
class Case:
    image: NDArray[Any]
    labels: Labels
    index: LesionIndex = field(init=False)

    def __post_init__(self) -> None:
        self.index = LesionIndex.build(self.labels)


def tissue(seed: int, shape: tuple[int, int, int] = (1, 40, 40), level: float = 1.0) -> Case:
    """Return noisy tissue with a frame of air, without a lesion."""
    image = np.random.default_rng(seed).normal(level, 0.05, (1, *shape)).astype(np.float32)
    image[..., :2, :] = image[..., -2:, :] = -3.0
    image[..., :, :2] = image[..., :, -2:] = -3.0
    return Case(image, np.zeros(shape, np.uint8))


def with_lesion(case: Case, *, at: tuple[int, int, int] = (0, 18, 18), bright: float = 1.0) -> Case:
    """Add a lesion of 5 x 4 voxels in one plane, brighter than its surroundings."""
    p, r, c = at
    case.labels[p, r : r + 5, c : c + 4] = FOREGROUND
    case.image[0, p, r : r + 5, c : c + 4] += bright
    return Case(case.image, case.labels)


def pasted(
    cases: list[Case], target: int, *, how: Synthesis = ON, seed: int = 0, flat: bool = True
) -> tuple[NDArray[np.float32], Labels, Any]:
    case = cases[target]
    image, labels = case.image.astype(np.float32), case.labels.copy()
    patch = (labels.shape[0], labels.shape[1], labels.shape[2])
    done = LesionPaster(cases, patch, how, flat=flat).paste_into(image, labels, target, np.random.default_rng(seed))
    return image, labels, done


def test_exactly_the_lesions_voxels_become_foreground_in_a_lesion_free_case() -> None:
    image, labels, done = pasted([with_lesion(tissue(0)), tissue(1)], 1)

    assert done is not None
    assert done.source == 0
    assert int((labels == FOREGROUND).sum()) == 20
    rows, columns = np.nonzero(labels[0])
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (5, 4)
    # The contrast to the surroundings travels with it.
    assert image[0][labels == FOREGROUND].mean() == pytest.approx(2.0, abs=0.1)


def test_a_lesion_keeps_its_contrast_and_not_its_brightness() -> None:
    # The scan it lands in is 0.6 brighter, and noisier so that this is still tissue of its kind.
    bright = tissue(1, level=1.6)
    bright.image[..., 2:-2, 2:-2] += np.random.default_rng(2).normal(0, 0.8, (1, 1, 36, 36)).astype(np.float32)
    source = with_lesion(tissue(0))

    matched, labels, done = pasted([source, bright], 1)
    plain, _, _ = pasted([source, bright], 1, how=replace(ON, match_intensity=False))

    assert done is not None
    lesion = labels == FOREGROUND
    assert matched[0][lesion].mean() > plain[0][lesion].mean() + 0.1
    assert plain[0][lesion].mean() == pytest.approx(2.0, abs=0.05)


def test_a_feathered_edge_has_no_step_and_leaves_the_rest_alone() -> None:
    smooth = tissue(1)
    smooth.image[...] = np.where(smooth.image > 0, 1.0, -3.0)
    image, labels, done = pasted([with_lesion(tissue(0), bright=3.0), smooth], 1, how=replace(ON, feather=4.0))

    assert done is not None
    changed = np.abs(image - smooth.image)[0] > 1e-6
    rows, columns = np.nonzero(labels[0])
    reach = np.zeros_like(changed)
    reach[0, rows.min() - 5 : rows.max() + 6, columns.min() - 5 : columns.max() + 6] = True
    assert not (changed & ~reach).any()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_paste_lies_in_tissue_and_never_on_lesions_or_unlabelled_voxels(seed: int) -> None:
    target = with_lesion(tissue(1), at=(0, 5, 5))
    target.labels[0, 25:35, 5:35] = UNLABELLED
    before = target.labels.copy()
    image, labels, done = pasted([with_lesion(tissue(0)), target], 1, seed=seed)

    old, new = before != 0, (labels != before)
    assert not (old & new).any()
    assert (target.image[0][new] > -1).all()
    if done is None:
        assert np.array_equal(image, target.image)
        assert not new.any()
    else:
        # The old lesion is not faded over either.
        assert np.array_equal(image[0][before == FOREGROUND], target.image[0][before == FOREGROUND])


def test_neighbouring_lesions_are_not_taken_along() -> None:
    source = with_lesion(with_lesion(tissue(0)), at=(0, 18, 24), bright=5.0)
    for seed in range(20):
        image, labels, done = pasted([source, tissue(1)], 1, seed=seed)
        if done is not None:
            assert int((labels == FOREGROUND).sum()) == 20
            assert image[0][labels == 0].max() < 3.5  # what was brighter than that was the neighbour


def test_a_place_unlike_the_lesions_surroundings_is_refused() -> None:
    other = tissue(1, level=30.0)
    _, labels, done = pasted([with_lesion(tissue(0)), other], 1)
    assert done is None
    assert not labels.any()


def test_large_and_single_voxel_lesions_stay_where_they_are() -> None:
    large = tissue(0)
    large.labels[0, 4:36, 4:36] = FOREGROUND
    single = tissue(1)
    single.labels[0, 20, 20] = FOREGROUND
    paster = LesionPaster([Case(large.image, large.labels), Case(single.image, single.labels)], PATCH, ON, flat=True)
    assert len(paster.bank) == 0
    assert paster.paste_into(tissue(2).image, tissue(2).labels, 0, np.random.default_rng(0)) is None


def test_the_same_generator_gives_the_same_paste() -> None:
    cases = [with_lesion(tissue(0)), tissue(1)]
    first, second = (
        pasted(cases, 1, seed=7, how=replace(ON, paste_flips=True)),
        pasted(cases, 1, seed=7, how=replace(ON, paste_flips=True)),
    )
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def test_whole_lesions_are_copied_into_blocks() -> None:
    source = tissue(0, (12, 40, 40))
    source.labels[4:8, 18:23, 18:22] = FOREGROUND
    source.image[0, 4:8, 18:23, 18:22] += 1
    _, labels, done = pasted([Case(source.image, source.labels), tissue(1, (12, 40, 40))], 1, flat=False)
    assert done is not None
    assert int((labels == FOREGROUND).sum()) == 4 * 5 * 4


def test_slices_with_context_take_the_lesion_of_every_plane_they_show() -> None:
    source = tissue(0, (5, 40, 40))
    source.labels[1:4, 18:23, 18:22] = FOREGROUND
    cases = [Case(source.image, source.labels), tissue(1, (3, 40, 40))]
    image, labels = cases[1].image.copy(), cases[1].labels.copy()
    paster = LesionPaster(cases, (3, 40, 40), ON, flat=True)
    done = [paster.paste_into(image, labels, 1, np.random.default_rng(seed)) for seed in range(1)]
    assert done[0] is not None
    assert (labels[1] == FOREGROUND).sum() == 20
