from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segcore.errors import SettingProblem
from segcore.geometry import Box, Grid
from segcore.inference.preparation import (
    OUTSIDE_LOGIT,
    Preparation,
    body_box,
    prepare_labels,
    prepare_volume,
    restore_logits,
)
from segcore.scans.components import count_lesions
from segcore.scans.volume import Volume


def scan(values: np.ndarray, spacing: tuple[float, float, float] = (1, 1, 1), names: tuple[str, ...] = ()) -> Volume:
    grid = Grid.from_spacing(values.shape[1:], spacing)
    return Volume(voxels=values, grid=grid, channels=names or tuple(f"c{n}" for n in range(len(values))))


def body(*shape: int, seed: int = 0) -> np.ndarray:
    """A noisy block of 100 in the middle of air."""
    values = np.zeros((1, *shape), np.float32)
    middle = tuple(slice(n // 4, n - n // 4) for n in shape)
    block = values[(0, *middle)]
    block[...] = np.random.default_rng(seed).normal(100, 10, block.shape)
    return values


PLAIN = Preparation(channels=("c0",), spacing=None, shrink=1)


def test_air_around_the_body_is_cut_off_and_the_foreground_kept() -> None:
    volume = scan(body(16, 40, 40))

    assert body_box(volume) == Box((3, 8, 8), (13, 32, 32))
    image, placement = prepare_volume(volume, PLAIN, keep=Box((0, 0, 0), (1, 2, 2)))
    assert placement.box == Box((0, 0, 0), (13, 32, 32))
    assert image.shape == (1, 13, 32, 32)


def test_a_scan_is_the_same_after_any_change_of_intensity_scale() -> None:
    values = body(8, 40, 40)
    first, _ = prepare_volume(scan(values), PLAIN)
    second, _ = prepare_volume(scan(values * 17000), PLAIN)

    np.testing.assert_allclose(first, second, atol=1e-3)
    inside = first[0, 1:-1, 2:-2, 2:-2]
    assert abs(float(inside.mean())) < 0.1
    assert float(inside.std()) == pytest.approx(1, abs=0.1)


def test_nan_and_infinity_become_air() -> None:
    values = body(8, 40, 40)
    values[0, 4, 20, 20], values[0, 4, 20, 21] = np.nan, np.inf

    image, _ = prepare_volume(scan(values), PLAIN)

    assert np.isfinite(image).all()


def test_a_constant_scan_is_finite() -> None:
    image, _ = prepare_volume(scan(np.full((1, 4, 16, 16), 7, np.int16)), PLAIN)

    assert image.shape == (1, 4, 16, 16)
    assert (image == 0).all()


def test_resampling_and_back_puts_a_bright_block_where_it_was() -> None:
    values = body(12, 40, 40)
    volume = scan(values, spacing=(3.0, 1.0, 1.0))
    preparation = Preparation(channels=("c0",), spacing=(2.0, 2.0, 2.0), shrink=1)

    image, placement = prepare_volume(volume, preparation)
    restored = restore_logits(image[0], placement)

    assert image.shape[1:] == tuple(round(n * a / 2) for n, a in zip(placement.box.shape, (3, 1, 1), strict=True))
    assert restored.shape == values.shape[1:]
    assert restored[6, 20, 20] > -1
    assert restored[0, 0, 0] == OUTSIDE_LOGIT


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    shrink=st.integers(1, 4),
    planes=st.sampled_from([1, 5]),
    spacing=st.sampled_from([None, (2.5, 2.5, 2.5), (1.0, 0.4, 0.7)]),
)
def test_no_lesion_vanishes_however_coarse_the_grid(
    seed: int, shrink: int, planes: int, spacing: tuple[float, float, float] | None
) -> None:
    rng = np.random.default_rng(seed)
    labels = np.zeros((planes, 60, 60), np.uint8)
    # One voxel each, ten apart, so that they stay apart on the coarser grid.
    for r in range(5, 60, 15):
        for c in range(5, 60, 15):
            labels[rng.integers(planes), r, c] = 1
    preparation = Preparation(channels=("c0",), spacing=spacing if shrink == 1 else None, shrink=shrink)
    volume = scan(np.ones((1, *labels.shape), np.float32))

    _, placement = prepare_volume(volume, preparation)
    prepared, vanished = prepare_labels(labels, placement, preparation)

    assert prepared.shape == placement.shape
    assert count_lesions(prepared == 1) == 16
    assert vanished <= 16


def test_lesions_that_would_have_vanished_are_counted() -> None:
    labels = np.zeros((1, 40, 40), np.uint8)
    labels[0, 5, 5] = 1
    labels[0, 20:30, 20:30] = 1
    preparation = Preparation(channels=("c0",), spacing=None, shrink=4)
    _, placement = prepare_volume(scan(np.ones((1, 1, 40, 40), np.float32)), preparation)

    _, vanished = prepare_labels(labels, placement, preparation)

    assert vanished == 1


def test_unlabelled_voxels_stay_unlabelled_and_never_hide_foreground() -> None:
    labels = np.full((1, 40, 40), 255, np.uint8)
    labels[0, :20] = 0
    labels[0, 8:12, 8:12] = 1
    preparation = Preparation(channels=("c0",), spacing=None, shrink=2)
    _, placement = prepare_volume(scan(np.ones((1, 1, 40, 40), np.float32)), preparation)

    prepared, _ = prepare_labels(labels, placement, preparation)

    assert (prepared[0, 10:] == 255).all()
    assert (prepared == 1).sum() == 4


def test_a_shrunk_image_goes_back_to_its_own_shape_without_a_shift() -> None:
    preparation = Preparation(channels=("c0",), spacing=None, shrink=3)
    volume = scan(np.random.default_rng(0).uniform(50, 90, (1, 1, 100, 101)).astype(np.float32))
    _, placement = prepare_volume(volume, preparation)
    logits = np.full(placement.shape, -5, np.float32)
    logits[0, 10, 20] = 5

    restored = restore_logits(logits, placement)

    assert restored.shape == (1, 100, 101)
    peak = np.unravel_index(int(restored.argmax()), restored.shape)
    assert peak == (0, 31, 61)


def test_channels_are_found_by_name() -> None:
    values = np.stack([np.full((4, 16, 16), 1.0), body(4, 16, 16)[0]]).astype(np.float32)
    wanted = Preparation(channels=("FLAIR", "T1"), spacing=None, shrink=1)

    straight, _ = prepare_volume(scan(values, names=("FLAIR", "T1")), wanted)
    crossed, _ = prepare_volume(scan(values[::-1], names=("T1", "FLAIR")), wanted)

    np.testing.assert_array_equal(straight, crossed)


def test_other_channels_are_refused_naming_the_difference() -> None:
    wanted = Preparation(channels=("FLAIR", "T1"), spacing=None, shrink=1)

    with pytest.raises(SettingProblem, match=r"T1 missing; T2 not known"):
        prepare_volume(scan(np.ones((2, 4, 16, 16)), names=("FLAIR", "T2")), wanted)


def test_the_scan_itself_is_never_changed(tmp_path: Path) -> None:
    values = body(8, 40, 40)
    np.save(tmp_path / "scan.npy", values)
    mapped = np.load(tmp_path / "scan.npy", mmap_mode="r")

    prepare_volume(scan(mapped), PLAIN)

    np.testing.assert_array_equal(mapped, values)
