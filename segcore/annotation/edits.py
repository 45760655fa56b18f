"""An edit of a mask is a value: the box it touches, what was there, and what is there now."""

from __future__ import annotations

from dataclasses import dataclass
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
    p, r, c = box.start
    moved = Box(
        (inner.start[0] + p, inner.start[1] + r, inner.start[2] + c),
        (inner.stop[0] + p, inner.stop[1] + r, inner.stop[2] + c),
    )
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
        self._box: Box | None = None

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
        self._box = inside if self._box is None else self._box.union(inside)
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
        """Return what the stroke changed as one edit, or None when nothing changed."""
        if self._box is None:
            return None
        before = self._labels[self._box.slices].copy()
        start = self._box.start
        for tile, kept in self._tiles.items():
            corner = (tile[0] * TILE[0], tile[1] * TILE[1], tile[2] * TILE[2])
            stop = tuple(a + n for a, n in zip(corner, kept.shape, strict=True))
            common = Box(
                (max(corner[0], start[0]), max(corner[1], start[1]), max(corner[2], start[2])),
                (min(stop[0], self._box.stop[0]), min(stop[1], self._box.stop[1]), min(stop[2], self._box.stop[2])),
            )
            if common.is_empty:
                continue
            to = tuple(slice(a - s, b - s) for a, b, s in zip(common.start, common.stop, start, strict=True))
            at = tuple(slice(a - s, b - s) for a, b, s in zip(common.start, common.stop, corner, strict=True))
            before[to[0], to[1], to[2]] = kept[at[0], at[1], at[2]]
        return edit_between(self._label, self._box, before, self._labels[self._box.slices])
