"""Maps whose order brightness tells, and mask colours that people with a colour blindness tell apart."""

from itertools import combinations

import numpy as np
import pytest

from app.viewer.colour_maps import COLOUR_MAPS, PALETTES, REFERENCE_COLOUR, colours_of, with_palette
from app.viewer.rendering import BOTH, ONLY_MASK, ONLY_PREDICTED, Overlay

#: Machado, Oliveira and Fernandes 2009 (doi:10.1109/TVCG.2009.113), full severity, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def lab(colour: tuple[int, int, int], blindness: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) of a colour as it is seen."""
    share = np.array(colour) / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    linear = np.clip(blindness @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = (to_xyz @ linear) / np.array([0.9505, 1.0, 1.089])
    fx, fy, fz = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("name", PALETTES)
def test_mask_prediction_and_doubt_are_told_apart(name: str, blindness: str) -> None:
    matrix = BLINDNESS[blindness]
    for one, other in combinations(PALETTES[name], 2):
        # 2.3 is a just noticeable difference; coloured areas on grey want many times that.
        assert np.linalg.norm(lab(one, matrix) - lab(other, matrix)) > 20


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_right_and_wrong_are_told_apart(blindness: str) -> None:
    for one, other in combinations((BOTH, ONLY_PREDICTED, ONLY_MASK), 2):
        assert np.linalg.norm(lab(one, BLINDNESS[blindness]) - lab(other, BLINDNESS[blindness])) > 20


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_a_map_grows_brighter_all_the_way(name: str, blindness: str) -> None:
    colours = colours_of(name)
    light = np.array([lab(tuple(colour), BLINDNESS[blindness])[0] for colour in colours[::8]])
    assert (np.diff(light) > 0).all()


def test_maps_begin_and_end_at_their_corners_and_an_unknown_name_gets_the_first() -> None:
    assert colours_of("Viridis")[0].tolist() == [68, 1, 84]
    assert colours_of("Viridis")[255].tolist() == [253, 231, 37]
    assert colours_of("Grey")[100].tolist() == [100, 100, 100]
    assert np.array_equal(colours_of("gone"), colours_of(COLOUR_MAPS[0]))


def test_a_palette_changes_colours_and_nothing_else() -> None:
    overlay = Overlay(fill=False, opacity=0.7)
    changed = with_palette(overlay, "White and blue")
    assert (changed.fill, changed.opacity, changed.mask_colour) == (False, 0.7, (250, 250, 250))
    assert with_palette(changed, "gone") == with_palette(overlay, "Orange and blue")
    assert all(REFERENCE_COLOUR not in colours for colours in PALETTES.values())
