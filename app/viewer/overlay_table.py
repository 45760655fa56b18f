"""What lies over a scan, as codes per pixel and one table of colours.

Every pixel of the mask, the reference and the prediction becomes bits of one code; ``code << 8 | grey`` looks its colour
up in a table of 4,096 entries: 16 codes of 256 greys. Opacity, colour and visibility change only the table, never the
pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels

#: Bits of a code.
MASK, HIDDEN, PREDICTED, REFERENCE = 1, 2, 4, 8
CODES = 16

Codes = NDArray[np.uint8]
Table = NDArray[np.uint32]
Colour = tuple[int, int, int]

#: Okabe and Ito's palette, which people with any kind of colour vision can tell apart (https://jfly.uni-koeln.de/color/).
ORANGE, SKY, GREEN, PURPLE, YELLOW = (230, 159, 0), (86, 180, 233), (0, 190, 140), (204, 121, 167), (240, 228, 66)
#: Photographs of skin, eyes and tissue are orange themselves.
CYAN, LIME = (90, 205, 255), (190, 255, 90)


class OverlayLook(StrEnum):
    """How a mask is drawn."""

    FILL = "fill"
    OUTLINE = "outline"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayStyle:
    """Colours and strength of everything that lies over a scan.

    Parameters
    ----------
    look
        Fill, outline or both.
    opacity
        Of fills, 0 to 1.
    mask, unlabelled, prediction, reference
        Colours (red, green, blue).
    shows_mask, shows_prediction, shows_reference
        What is visible at all.
    """

    look: OverlayLook = OverlayLook.BOTH
    opacity: float = 0.3
    mask: Colour = ORANGE
    unlabelled: Colour = PURPLE
    prediction: Colour = SKY
    reference: Colour = GREEN
    shows_mask: bool = True
    shows_prediction: bool = True
    shows_reference: bool = True

    @property
    def fills(self) -> bool:
        """Whether areas are tinted."""
        return self.look is not OverlayLook.OUTLINE

    @property
    def outlines(self) -> bool:
        """Whether borders are drawn."""
        return self.look is not OverlayLook.FILL

    def for_photographs(self) -> OverlayStyle:
        """Return the style in colours that stand out from flesh."""
        return replace(self, mask=CYAN, prediction=LIME)

    def tint(self, code: int) -> tuple[Colour, float]:
        """Return colour and opacity of a code: the layers over each other, the prediction on top."""
        layers: list[tuple[Colour, float]] = []
        strength = self.opacity if self.fills else 0.0
        if code & REFERENCE and self.shows_reference:
            layers.append((self.reference, strength))
        if code & HIDDEN and self.shows_mask:
            layers.append((self.unlabelled, 0.6 * self.opacity))  # areas that carry no loss have no border to show
        if code & MASK and self.shows_mask:
            layers.append((self.mask, strength))
        if code & PREDICTED and self.shows_prediction:
            layers.append((self.prediction, strength))
        colour, opacity = np.zeros(3), 0.0
        for tone, alpha in layers:
            whole = alpha + opacity * (1 - alpha)
            if whole > 0:
                colour = (np.array(tone) * alpha + colour * opacity * (1 - alpha)) / whole
            opacity = whole
        red, green, blue = (round(float(v)) for v in colour)
        return (red, green, blue), opacity


def codes_of(labels: Labels) -> Codes:
    """Return the codes of a mask: `MASK` where foreground, `HIDDEN` where unlabelled."""
    codes: Codes = (labels == FOREGROUND).view(np.uint8)
    codes |= (labels == UNLABELLED).view(np.uint8) << 1
    return codes


def colour_table(style: OverlayStyle) -> Table:
    """Return RGB32 (0xffRRGGBB) for every ``code << 8 | grey``, (CODES * 256,) uint32."""
    grey = np.arange(256, dtype=np.float32)
    rows = []
    for code in range(CODES):
        (red, green, blue), opacity = style.tint(code)
        row = np.full(256, 0xFF000000, dtype=np.uint32)
        for tone, shift in ((red, 16), (green, 8), (blue, 0)):
            row |= np.rint(grey * (1 - opacity) + tone * opacity).astype(np.uint32) << np.uint32(shift)
        rows.append(row)
    return np.concatenate(rows)


def fuse(grey: NDArray[np.uint8], codes: Codes, table: Table, out: NDArray[np.uint32]) -> None:
    """Write the colours of a grey picture with its codes to `out`, in strips that stay in the cache."""
    for first in range(0, grey.shape[0], 64):
        part = slice(first, first + 64)
        key = codes[part].astype(np.intp)
        key <<= 8
        key |= grey[part]
        out[part] = table.take(key, mode="clip")


def blend(
    channels: tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]],
    codes: Codes,
    style: OverlayStyle,
    out: NDArray[np.uint32],
) -> None:
    """Write a colour photograph (red, green, blue) with its codes to `out`; only tinted pixels are computed."""
    red, green, blue = channels
    np.copyto(out, red)
    for channel in (green, blue):
        np.left_shift(out, np.uint32(8), out=out)
        np.bitwise_or(out, channel, out=out)
    np.bitwise_or(out, np.uint32(0xFF000000), out=out)
    rows, columns = np.nonzero(codes)
    if rows.size == 0:
        return
    tints = [style.tint(code) for code in range(CODES)]
    tones = np.array([tint[0] for tint in tints], dtype=np.float32)
    alphas = np.array([tint[1] for tint in tints], dtype=np.float32)
    which = codes[rows, columns]
    alpha = alphas[which]
    mixed = np.full(rows.size, 0xFF000000, dtype=np.uint32)
    for channel, index, shift in ((red, 0, 16), (green, 1, 8), (blue, 2, 0)):
        tone = channel[rows, columns] * (1 - alpha) + tones[which, index] * alpha
        mixed |= np.rint(tone).astype(np.uint32) << np.uint32(shift)
    out[rows, columns] = mixed
