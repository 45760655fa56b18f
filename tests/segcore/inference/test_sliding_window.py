import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from segcore.errors import Cancelled
from segcore.inference.preparation import OUTSIDE_LOGIT
from segcore.inference.sliding_window import count_tiles, covering, predict_image, tile_starts

CPU = torch.device("cpu")


class Scaled(nn.Module):
    """A network that looks at single voxels: tiles cannot change its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.tiles = 0

    def forward(self, x: Tensor) -> Tensor:
        self.tiles += len(x)
        return 3 * x[:, :1] - 1


class Middle(nn.Module):
    """Answers with one channel of the context."""

    def __init__(self, channel: int) -> None:
        super().__init__()
        self.channel = channel

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.channel : self.channel + 1]


def image(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@given(extent=st.integers(1, 300), size=st.integers(1, 128), overlap=st.floats(0, 0.9))
def test_tiles_cover_every_voxel_and_stay_inside_where_they_fit(extent: int, size: int, overlap: float) -> None:
    starts = tile_starts(extent, size, overlap)

    covered = np.zeros(extent, bool)
    for start in starts:
        covered[max(start, 0) : start + size] = True
    assert covered.all()
    if extent >= size:
        assert starts[0] == 0
        assert starts[-1] == extent - size


@pytest.mark.parametrize("shape", [(20, 33, 47), (3, 16, 100), (16, 16, 16)])
@pytest.mark.parametrize("flips", [False, True])
def test_a_voxelwise_network_gives_the_same_by_tiles_as_at_once(shape: tuple[int, int, int], flips: bool) -> None:
    scan = image(2, *shape)

    logits = predict_image(Scaled(), scan, (16, 16, 32), flat=False, device=CPU, overlap=0.5, flips=flips)

    np.testing.assert_allclose(logits, 3 * scan[0] - 1, rtol=1e-4, atol=1e-4)


def test_a_half_precision_scan_smaller_than_the_tile_keeps_its_shape() -> None:
    scan = image(1, 1, 10, 7).astype(np.float16)

    logits = predict_image(Scaled(), scan, (1, 16, 16), flat=True, device=CPU)

    assert logits.shape == (1, 10, 7)
    np.testing.assert_allclose(logits, 3 * scan[0].astype(np.float32) - 1, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("channel", "shift"), [(0, -1), (1, 0), (2, 1)])
def test_context_planes_are_the_neighbours_and_the_border_repeats(channel: int, shift: int) -> None:
    scan = image(1, 5, 16, 16)

    logits = predict_image(Middle(channel), scan, (3, 16, 16), flat=True, device=CPU)

    expected = scan[0, np.clip(np.arange(5) + shift, 0, 4)]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_tiles_of_air_are_not_given_to_the_network() -> None:
    scan = image(1, 1, 64, 64)
    scan[..., 16:, :] = -1.0
    network = Scaled()

    logits = predict_image(network, scan, (1, 16, 16), flat=True, device=CPU, overlap=0.0)

    assert network.tiles == 4
    np.testing.assert_allclose(logits[0, 16:], OUTSIDE_LOGIT, rtol=1e-5)


def test_the_number_of_tiles_is_known_before() -> None:
    network, reports = Scaled(), []

    predict_image(
        network,
        image(1, 4, 40, 50),
        (3, 16, 16),
        flat=True,
        device=CPU,
        overlap=0.25,
        report=lambda done, total: reports.append((done, total)),
    )

    assert network.tiles == count_tiles((4, 40, 50), (3, 16, 16), flat=True, overlap=0.25) == 4 * 3 * 4
    assert reports[-1] == (48, 48)


def test_stop_is_looked_at_before_every_tile() -> None:
    network = Scaled()

    def stop() -> None:
        if network.tiles == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        predict_image(network, image(1, 8, 32, 32), (1, 16, 16), flat=True, device=CPU, stop=stop)
    assert network.tiles == 2


def test_predicting_leaves_gradients_on_for_the_caller() -> None:
    predict_image(Scaled(), image(1, 2, 16, 16), (1, 16, 16), flat=True, device=CPU)

    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


class Smooth(nn.Module):
    """A network that sees beyond voxels, and differently at the borders of a tile."""

    def __init__(self) -> None:
        super().__init__()
        self.tiles = 0

    def forward(self, x: Tensor) -> Tensor:
        self.tiles += len(x)
        return nn.functional.avg_pool3d(x[:, :1], 5, 1, 2) * 8 - 2


def spots(*shape: int) -> np.ndarray:
    scan = np.random.default_rng(1).normal(0, 0.05, (1, *shape)).astype(np.float32)
    scan[0, 20:25, 30:35, 10:15] += 1
    scan[0, 3:6, 50:53, 50:53] += 1
    return scan


def test_a_closer_look_gives_the_same_wherever_something_was_seen_for_far_fewer_tiles() -> None:
    scan, all_tiles, few = spots(48, 64, 64), Smooth(), Smooth()

    full = predict_image(all_tiles, scan, (16, 16, 16), flat=False, device=CPU, overlap=0.5)
    close = predict_image(few, scan, (16, 16, 16), flat=False, device=CPU, overlap=0.5, closer_above=-1.0)

    assert (full > 0).sum() > 100
    np.testing.assert_array_equal(close > 0, full > 0)
    np.testing.assert_allclose(close[full > 0], full[full > 0], atol=1e-5)
    np.testing.assert_allclose(close, full, atol=0.5)
    assert few.tiles < all_tiles.tiles / 3


def test_a_closer_look_with_nothing_in_sight_takes_the_fewest_tiles_that_cover_all() -> None:
    network, told = Scaled(), []
    scan = np.random.default_rng(0).normal(0, 0.01, (1, 40, 40, 40)).astype(np.float32)

    logits = predict_image(
        network,
        scan,
        (16, 16, 16),
        flat=False,
        device=CPU,
        closer_above=5.0,
        report=lambda done, total: told.append((done, total)),
    )

    np.testing.assert_allclose(logits, 3 * scan[0] - 1, atol=1e-5)
    assert network.tiles == 3**3
    assert told[-1][0] == 3**3


@given(extent=st.integers(1, 300), size=st.integers(1, 128), overlap=st.floats(0, 0.9))
def test_the_covering_tiles_cover_all(extent: int, size: int, overlap: float) -> None:
    starts = tile_starts(extent, size, overlap)
    chosen = covering(starts, size)
    covered = np.zeros(extent, bool)
    for start in chosen:
        covered[max(start, 0) : start + size] = True
    assert covered.all()
    assert set(chosen) <= set(starts)
