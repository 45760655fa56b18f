"""An edit of a mask is a value: the box it touches, what was there, and what is there now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box
from segcore.scans.volume import Labels

#: Edge of the copy-on-write tiles of a stroke in progress, voxels (plane, row, column).
TILE = (8, 64, 64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskEdit:
    """A finished change of a mask.

    Parameters
    ----------
    label
        What made it, for menus: "Brush", "Fill", ...
    box
        Where, in voxels of the mask.
    before, after
        (planes, rows, columns) of the box, uint8.
    """

    label: str
    box: Box
    before: Labels
    after: Labels

    def reversed(self) -> MaskEdit:
        """Return the edit that takes this one back."""
        return MaskEdit(label=self.label, box=self.box, before=self.after, after=self.before)

    def apply(self, labels: Labels) -> None:
        """Write `after` where the edit changed something; other voxels of the box stay as they are."""
        np.copyto(labels[self.box.slices], self.after, where=self.before != self.after)

    @property
    def changed_voxels(self) -> int:
        """Number of voxels that differ."""
        return int(np.count_nonzero(self.before != self.after))


def edit_between(label: str, box: Box, before: Labels, after: Labels) -> MaskEdit | None:
    """Return the smallest edit that turns `before` into `after` (both of `box`), or None if they are equal."""
    inner = Box.around(before != after)
    if inner is None:
        return None
    moved = _moved(inner, box.start)
    cut = inner.slices
    return MaskEdit(label=label, box=moved, before=before[cut].copy(), after=after[cut].copy())


class Stroke:
    """A stroke in progress: paints into `labels` at once and remembers what was there.

    Only tiles that are touched are copied, so a stroke costs memory for what it covers, not for the mask.

    Parameters
    ----------
    labels
        (planes, rows, columns) uint8; changed in place.
    label
        What the stroke is called in the undo menu.
    """

    def __init__(self, labels: Labels, label: str) -> None:
        self._labels = labels
        self._label = label
        self._tiles: dict[tuple[int, int, int], Labels] = {}

    def paint(self, box: Box, where: NDArray[np.bool_], value: int) -> Box:
        """Set the voxels of `box` that `where` marks to `value`; return the part of the box inside the mask.

        Parameters
        ----------
        box
            May stick out of the mask.
        where
            Flags of ``box.shape``.
        value
            0, 1 or 255.
        """
        inside = box.clipped(self._shape)
        if inside.is_empty:
            return inside
        self._keep(inside)
        cut = tuple(slice(a - b, c - b) for a, b, c in zip(inside.start, box.start, inside.stop, strict=True))
        target: NDArray[Any] = self._labels[inside.slices]
        np.copyto(target, np.uint8(value), where=where[cut[0], cut[1], cut[2]])
        return inside

    @property
    def _shape(self) -> tuple[int, int, int]:
        p, r, c = self._labels.shape
        return (p, r, c)

    def _keep(self, box: Box) -> None:
        spans = [range(a // t, (b - 1) // t + 1) for a, b, t in zip(box.start, box.stop, TILE, strict=True)]
        for p in spans[0]:
            for r in spans[1]:
                for c in spans[2]:
                    if (p, r, c) not in self._tiles:
                        self._tiles[p, r, c] = self._labels[self._tile_slices((p, r, c))].copy()

    @staticmethod
    def _tile_slices(tile: tuple[int, int, int]) -> tuple[slice, slice, slice]:
        p, r, c = (slice(i * t, (i + 1) * t) for i, t in zip(tile, TILE, strict=True))
        return (p, r, c)

    def finish(self) -> MaskEdit | None:
        """Return what the stroke changed as one edit with the smallest box, or None when nothing changed."""
        kept = {tile: box for tile in self._tiles if (box := self._changed_in(tile)) is not None}
        if not kept:
            return None
        box = reduce(Box.union, kept.values())
        after = self._labels[box.slices].copy()
        before = after.copy()
        for tile, changed in kept.items():
            corner = [i * t for i, t in zip(tile, TILE, strict=True)]
            p, r, c = (slice(a - s, b - s) for a, b, s in zip(changed.start, changed.stop, box.start, strict=True))
            x, y, z = (slice(a - s, b - s) for a, b, s in zip(changed.start, changed.stop, corner, strict=True))
            before[p, r, c] = self._tiles[tile][x, y, z]
        return MaskEdit(label=self._label, box=box, before=before, after=after)

    def _changed_in(self, tile: tuple[int, int, int]) -> Box | None:
        inner = Box.around(self._tiles[tile] != self._labels[self._tile_slices(tile)])
        return None if inner is None else _moved(inner, (tile[0] * TILE[0], tile[1] * TILE[1], tile[2] * TILE[2]))


def _moved(box: Box, by: tuple[int, int, int]) -> Box:
    a, b, n = box.start, box.stop, by
    return Box((a[0] + n[0], a[1] + n[1], a[2] + n[2]), (b[0] + n[0], b[1] + n[1], b[2] + n[2]))
