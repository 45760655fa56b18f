import itertools
import time

import numpy as np
import pytest

from segcore.annotation.livewire import Livewire, edge_strength


def square() -> np.ndarray:
    """A bright square of rows and columns 20 to 39: its strongest edge lies between 19 and 20."""
    image = np.zeros((60, 70), np.int16)
    image[20:40, 20:40] = 100
    return image


def test_a_path_along_an_edge_stays_on_it_although_the_straight_way_is_shorter() -> None:
    wire = Livewire(square(), (1.0, 1.0))
    wire.start((20, 22))
    path = np.array(wire.path_to((38, 20)))
    assert path[0].tolist() == [20, 22]
    assert path[-1].tolist() == [38, 20]
    middle = path[len(path) // 2]
    assert middle[1] in (19, 20)  # down the left edge
    on_the_edge = (path[:, 1] <= 20) | (path[:, 0] <= 20)
    assert on_the_edge[:-1].all()


def test_in_an_even_image_the_path_is_straight() -> None:
    wire = Livewire(np.zeros((30, 30), np.float32), (1.0, 1.0))
    wire.start((5, 5))
    assert wire.path_to((5, 9)) == [(5, 5), (5, 6), (5, 7), (5, 8), (5, 9)]


def test_a_step_costs_what_it_is_long() -> None:
    """Rows lie 10 mm apart: round the corner by columns is never worth a second row."""
    wire = Livewire(np.zeros((30, 30), np.uint8), (10.0, 1.0))
    wire.start((5, 5))
    path = wire.path_to((6, 12))
    assert [row for row, _ in path] == sorted(row for row, _ in path)
    assert sum(a[0] != b[0] for a, b in itertools.pairwise(path)) == 1


def test_places_outside_are_moved_inside_and_far_ones_are_joined_straight() -> None:
    wire = Livewire(np.zeros((1000, 20), np.uint8), (1.0, 1.0))
    wire.start((-5, 3))
    assert wire.path_to((2, 99))[0] == (0, 3)
    assert wire.path_to((2, 99))[-1] == (2, 19)
    assert wire.path_to((900, 3)) == [(0, 3), (900, 3)]
    assert len(wire.path_to((200, 3))) == 201  # the window grew


@pytest.mark.parametrize("kind", ["int16", "uint8", "float32"])
def test_edges_are_strongest_where_values_change_most(kind: str) -> None:
    strength = edge_strength(square().astype(kind))
    assert strength.max() == 1.0
    assert strength[30, 5] == pytest.approx(0.0, abs=1e-9)
    assert strength[30, 19] > 0.9
    assert not edge_strength(np.full((9, 9), np.nan, np.float32)).any()


def test_an_anchor_on_a_slice_of_512_is_ready_before_the_eye_notices() -> None:
    image = np.random.default_rng(0).normal(0, 10, (512, 512)).astype(np.int16)
    wire = Livewire(image, (1.0, 1.0))
    wire.start((256, 256))  # the first call pays for imports
    best = min(_timed(wire) for _ in range(3))
    assert best < 0.25


def _timed(wire: Livewire) -> float:
    began = time.perf_counter()
    wire.start((250, 250))
    wire.path_to((300, 300))
    return time.perf_counter() - began
