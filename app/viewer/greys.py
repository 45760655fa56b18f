"""Values of a scan as greys under an intensity window. Pure; no widget.

Whole numbers of 16 bits stay whole numbers: clipped, shifted and multiplied in 16 bits they are three times as fast as by a
table and five times as fast as in floating point, at the price of at most two of 255 greys (a test holds it to that).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.viewer.rendering import Window, window_to_grey

#: Windows narrower than this many values need the exact table: rounding their ends would be seen.
_NARROWEST = 128
#: Bits of a value that the multiplication takes; the product then fits 16.
_BITS = 9


def grey_of(values: NDArray[Any], window: Window) -> NDArray[np.uint8]:
    """Return the grey of values under a window; what is not 16 bits wide by floating point, exactly."""
    if values.dtype not in (np.int16, np.uint16):
        return window_to_grey(values, window.low, window.high)
    low, high, limits = round(window.low), round(window.high), np.iinfo(values.dtype)
    if high - low < _NARROWEST or low < limits.min or high > limits.max:
        return np.asarray(_grey_table(values.dtype.char, window).take(values.view(np.uint16)))
    clipped = np.clip(values, values.dtype.type(low), values.dtype.type(high))
    steps = clipped.view(np.uint16)  # the width may exceed what 16 bits with a sign hold
    steps -= np.uint16(low & 0xFFFF)
    width = high - low
    coarse = max(0, width.bit_length() - _BITS)
    if coarse:
        steps >>= coarse
    steps *= np.uint16(round(255 * 256 / (width >> coarse)))
    steps >>= 8
    return np.asarray(steps.astype(np.uint8))


@lru_cache(maxsize=8)
def _grey_table(kind: str, window: Window) -> NDArray[np.uint8]:
    """Return the grey of every 16-bit number, in the order of their bits."""
    return window_to_grey(np.arange(65_536, dtype=np.uint16).view(kind), window.low, window.high)
