import numpy as np

from segcore.annotation.shapes import polygon
from segcore.annotation.tracing import level_trace


def pyramid(edge: int = 41, *, step: int = 10) -> np.ndarray:
    """Square rings that fall by 10 from 200 in the middle (20, 20)."""
    rows, columns = np.mgrid[:edge, :edge]
    return (200 - step * np.maximum(abs(rows - 20), abs(columns - 20))).astype(np.int16)


def test_the_contour_passes_through_the_clicked_value_and_its_inside_is_the_ring_and_what_is_brighter() -> None:
    contour = level_trace(pyramid(), (20, 23))
    assert contour is not None
    flags = polygon(contour, (41, 41))
    expected = np.zeros((41, 41), bool)
    expected[17:24, 17:24] = True
    assert np.array_equal(flags, expected)


def test_the_nearest_of_several_contours_is_taken() -> None:
    image = np.zeros((40, 90), np.int16)
    image[:40, :40] = pyramid()[:40, :40]
    image[:40, 50:90] = pyramid()[:40, :40]
    contour = level_trace(image, (20, 72))
    assert contour is not None
    assert contour[:, 1].min() >= 67
    assert contour[:, 1].max() <= 73


def test_a_contour_that_leaves_the_first_window_is_followed_and_the_edge_closes_it() -> None:
    image = np.zeros((400, 600), np.uint8)
    image[100:300, 50:550] = 200
    contour = level_trace(image, (200, 100))
    assert contour is not None
    assert polygon(contour, image.shape).sum() == 200 * 500
    assert level_trace(image, (200, 100), furthest=128) is None
    assert level_trace(image, (200, 100), furthest=768) is not None
    image[100:300] = 200
    contour = level_trace(image, (200, 100))
    assert contour is not None
    assert polygon(contour, image.shape).sum() == 200 * 600


def test_where_nothing_can_be_traced_there_is_no_contour() -> None:
    image = np.zeros((20, 20), np.float32)
    assert level_trace(image, (5, 5)) is None
    assert level_trace(image, (20, 5)) is None
    image[3, 3] = np.nan
    assert level_trace(image, (3, 3)) is None


def test_the_darkest_value_traces_what_is_brighter() -> None:
    image = np.zeros((20, 20), np.int16)
    image[5:9, 5:9] = 50
    contour = level_trace(image, (2, 2))
    assert contour is not None
    assert polygon(contour, image.shape).sum() >= 16
