"""What the panes show of one scan: everything they share, without a widget.

Nothing here walks through a whole volume: panes take copies of the slices that they show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.viewer.overlay_table import OverlayStyle, Table, colour_table
from app.viewer.plane_geometry import PlaneGeometry, Voxel
from app.viewer.pyramid import Pooling, Pyramid
from app.viewer.window_presets import Preset, presets_for
from app.viewer.windowing import Window, displayable
from segcore.geometry import Grid
from segcore.scans.volume import Labels, Volume

Steps = NDArray[np.int8]
#: Channel number for the colours of a photograph together.
COLOUR = -1
#: Scans of one plane with more pixels than this get their smaller copies before they are shown.
LARGE = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedScan:
    """A scan with what must be known to show it; made by `prepare`, in the background for large ones.

    Parameters
    ----------
    volume
        In canonical order.
    presets
        For each channel, windows to choose from; the first is the one to start with.
    flat
        For each channel of a scan of one plane, its picture with smaller copies; empty for volumes.
    """

    volume: Volume
    presets: tuple[tuple[Preset, ...], ...]
    flat: tuple[Pyramid, ...]


def prepare(volume: Volume) -> PreparedScan:
    """Look at a scan once: windows, and the smaller copies of a large picture. Needs no Qt, may run in any thread."""
    flat: tuple[Pyramid, ...] = ()
    if volume.grid.is_2d:
        kept = volume.is_photograph and volume.voxels.dtype == np.uint8
        flat = tuple(
            Pyramid(np.ascontiguousarray(channel[0]) if kept else displayable(channel[0]), Pooling.MEAN)
            for channel in volume.voxels
        )
        if volume.grid.voxels > LARGE:
            for pyramid in flat:
                pyramid.level(2)
    presets = tuple(presets_for(channel) for channel in volume.voxels)
    return PreparedScan(volume=volume, presets=presets, flat=flat)


class Shown:
    """The scan, what lies over it, and how both are looked at: one object, read by every pane.

    Attributes
    ----------
    labels, reference
        Masks (planes, rows, columns) uint8, shared with whoever changes them; or None.
    prediction
        Logits in steps of 0.1, (planes, rows, columns) int8, or None. Foreground is where ``prediction >= step``.
    cursor
        The voxel under the crosshair: its coordinates are the numbers of the slices shown.
    """

    def __init__(self, scan: PreparedScan) -> None:
        self.scan = scan
        self.channel = COLOUR if scan.volume.is_photograph else 0
        self.windows = [presets[0].window for presets in scan.presets]
        self.is_inverted = False
        self.is_smooth = True
        self.labels: Labels | None = None
        self.reference: Labels | None = None
        self.prediction: Steps | None = None
        self.step = 0
        self.set_style(OverlayStyle())
        planes, rows, columns = scan.volume.grid.shape
        self.cursor: Voxel = (planes // 2, rows // 2, columns // 2)

    @property
    def grid(self) -> Grid:
        """Grid of the scan."""
        return self.scan.volume.grid

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return self.scan.volume.channels

    @property
    def window(self) -> Window:
        """Window of the channel shown (of the colours together, the first one's)."""
        return self.windows[max(0, self.channel)]

    @window.setter
    def window(self, window: Window) -> None:
        if self.channel == COLOUR:
            self.windows = [window] * len(self.windows)
        else:
            self.windows[self.channel] = window

    @property
    def presets(self) -> tuple[Preset, ...]:
        """Windows to choose from for the channel shown."""
        return self.scan.presets[max(0, self.channel)]

    def set_style(self, style: OverlayStyle) -> None:
        """Change the look of what lies over the scan; photographs get colours of their own."""
        self.style = style.for_photographs() if self.scan.volume.is_photograph else style
        self.table: Table = colour_table(self.style)

    def moved(self, cursor: Voxel) -> Voxel:
        """Return the nearest voxel inside the scan."""
        p, r, c = (min(max(0, v), n - 1) for v, n in zip(cursor, self.grid.shape, strict=True))
        return (p, r, c)

    def pixels(self, geometry: PlaneGeometry, channel: int, index: int) -> Pyramid:
        """Return a copy of one slice that is fast to window, as its picture lies; the whole picture for flat scans."""
        if self.scan.flat:
            return self.scan.flat[channel]
        picture: NDArray[Any] = geometry.picture(self.scan.volume.voxels[channel], index)
        return Pyramid(displayable(picture), Pooling.MEAN)

    def value_at(self, voxel: Voxel) -> tuple[float, ...]:
        """Return the scan's own values of the channel shown (of all three for colours) at a voxel inside the scan."""
        channels = range(3) if self.channel == COLOUR else (self.channel,)
        p, r, c = voxel
        return tuple(float(self.scan.volume.voxels[channel, p, r, c]) for channel in channels)
