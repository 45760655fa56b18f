"""Colours for numbers, and sets of overlay colours, all told apart with the common colour blindnesses. Pure; no widget.

The maps run steadily from dark to bright, so that their order is read off brightness alone (Nuñez, Anderton and Renslow
2018, doi:10.1371/journal.pone.0199239, for Cividis; Okabe and Ito 2008 for the single colours).
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.viewer.rendering import Overlay

Colour = tuple[int, int, int]

#: Evenly spaced corners of each map, dark to bright.
_CORNERS: dict[str, tuple[Colour, ...]] = {
    "Inferno": ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)),
    "Viridis": ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)),
    "Cividis": ((0, 34, 78), (66, 78, 108), (124, 123, 120), (187, 175, 113), (255, 234, 70)),
    "Ice": ((0, 0, 0), (0, 60, 110), (0, 114, 178), (86, 180, 233), (235, 250, 255)),
    "Grey": ((0, 0, 0), (255, 255, 255)),
}
COLOUR_MAPS = tuple(_CORNERS)

#: Colours of mask, prediction and where members disagree, by the name of the set.
PALETTES: dict[str, tuple[Colour, Colour, Colour]] = {
    "Orange and blue": ((255, 140, 40), (70, 150, 255), (240, 40, 130)),
    "Yellow and violet": ((240, 228, 66), (150, 90, 230), (0, 190, 150)),
    "Vermilion and sky": ((225, 100, 20), (110, 200, 245), (0, 150, 110)),
    "Green and magenta": ((60, 210, 150), (225, 70, 190), (240, 228, 66)),
    "White and blue": ((250, 250, 250), (60, 130, 255), (230, 160, 0)),
}
DEFAULT_PALETTE = "Orange and blue"
#: Of an earlier mask, which is never filled stronger than the mask.
REFERENCE_COLOUR: Colour = (240, 240, 120)


@lru_cache(maxsize=8)
def colours_of(name: str) -> NDArray[np.uint8]:
    """Return the (256, 3) colours of a map; an unknown name answers with the first map."""
    corners = np.array(_CORNERS.get(name, _CORNERS[COLOUR_MAPS[0]]), dtype=np.float64)
    places = np.linspace(0, 255, len(corners))
    columns = [np.interp(np.arange(256), places, corners[:, k]) for k in range(3)]
    return np.stack(columns, axis=1).round().astype(np.uint8)


def with_palette(overlay: Overlay, name: str) -> Overlay:
    """Return an overlay in the colours of a set; an unknown name answers with the default."""
    mask, prediction, doubt = PALETTES.get(name, PALETTES[DEFAULT_PALETTE])
    return dataclasses.replace(overlay, mask_colour=mask, prediction_colour=prediction, doubt_colour=doubt)
