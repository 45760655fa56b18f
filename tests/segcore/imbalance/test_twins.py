from collections.abc import Callable

import numpy as np
import pytest

from segcore.geometry import Grid
from segcore.imbalance.twins import fingerprint, same_pictures
from segcore.scans.volume import Volume


def scan(values: np.ndarray) -> Volume:
    return Volume(voxels=values, grid=Grid.from_spacing(values.shape[1:]), channels=tuple("ab"[: len(values)]))


def picture(seed: int, shape: tuple[int, int, int] = (1, 96, 96)) -> np.ndarray:
    """Smooth blobs, as scans are, not noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(500, 200, (1, 1, 12, 12))
    return np.kron(coarse, np.ones((1, shape[0], shape[1] // 12, shape[2] // 12))) + rng.normal(0, 20, (1, *shape))


def test_a_picture_saved_again_brighter_and_in_another_type_is_the_same() -> None:
    first = picture(0)
    again = (first * 0.1 + 20).clip(0, 255).astype(np.uint8)
    prints = [fingerprint(scan(values)) for values in (first.astype(np.int16), picture(1).astype(np.int16), again)]
    assert [(one.first, one.second, one.turned) for one in same_pictures(prints)] == [(0, 2, "")]


@pytest.mark.parametrize(
    ("turn", "name"),
    [
        (lambda values: values[..., ::-1], "mirrored"),
        (lambda values: values[..., ::-1, :], "upside down"),
        (lambda values: values[..., ::-1, ::-1], "turned by half"),
        (lambda values: np.rot90(values, 1, (-2, -1)), "turned by a quarter"),
        (lambda values: np.rot90(values, 3, (-2, -1)), "turned by a quarter"),
    ],
)
def test_a_turned_picture_is_the_same(turn: Callable[[np.ndarray], np.ndarray], name: str) -> None:
    first = picture(0)
    prints = [fingerprint(scan(values)) for values in (first, picture(1), np.ascontiguousarray(turn(first)))]
    assert [(one.first, one.second, one.turned) for one in same_pictures(prints)] == [(0, 2, name)]


def test_other_pictures_and_plain_ones_are_no_twins() -> None:
    plain = np.full((1, 1, 96, 96), 5, np.int16)
    prints = [fingerprint(scan(values)) for values in (picture(0), picture(1), plain, plain)]
    assert same_pictures(prints) == ()
    assert same_pictures(prints[:1]) == ()


def test_a_fingerprint_is_small_whatever_the_scan() -> None:
    for shape in ((1, 5, 7), (3, 40, 30), (300, 10, 10)):
        assert fingerprint(scan(np.random.default_rng(0).normal(size=(2, *shape)))).shape == (8, 24, 24)
