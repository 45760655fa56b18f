"""Widths of the U-Net that is trained, by size and number of dimensions; without torch, so that its cost can be counted."""

from __future__ import annotations

#: First width by size and number of dimensions.
WIDTHS = {"small": {2: 16, 3: 16}, "medium": {2: 32, 3: 32}, "large": {2: 64, 3: 48}}
#: Width of the branch at full resolution, by number of dimensions: most of the time is spent there.
FULL_RESOLUTION_WIDTH = {2: 8, 3: 4}
