"""Zoom and pan of one pane: where on the screen a position of the picture lies, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace

#: Share of the pane that a fitted picture fills at most.
_FILL = 0.96
#: Screen pixels per picture pixel at the most.
_LARGEST = 64.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewTransform:
    """A value: every zoom or pan makes a new one.

    Parameters
    ----------
    pane
        Width and height of the pane, screen pixels.
    shape
        Rows and columns of the picture.
    pixel_mm
        Height and width of a picture pixel.
    zoom
        Screen pixels per millimetre.
    centre
        Position (row, column) of the picture in the middle of the pane.
    """

    pane: tuple[int, int]
    shape: tuple[int, int]
    pixel_mm: tuple[float, float]
    zoom: float
    centre: tuple[float, float]

    @classmethod
    def fitted(cls, pane: tuple[int, int], shape: tuple[int, int], pixel_mm: tuple[float, float]) -> ViewTransform:
        """Return the transform that shows the whole picture as large as it goes."""
        zoom = _FILL * min(
            max(1, pane[0]) / (shape[1] * pixel_mm[1]),
            max(1, pane[1]) / (shape[0] * pixel_mm[0]),
        )
        return cls(pane=pane, shape=shape, pixel_mm=pixel_mm, zoom=zoom, centre=(shape[0] / 2, shape[1] / 2))

    @property
    def scale(self) -> tuple[float, float]:
        """Height and width of a picture pixel on the screen."""
        return self.zoom * self.pixel_mm[0], self.zoom * self.pixel_mm[1]

    @property
    def is_fitted(self) -> bool:
        """Whether this is what `fitted` gives."""
        return self == ViewTransform.fitted(self.pane, self.shape, self.pixel_mm)

    def to_screen(self, row: float, column: float) -> tuple[float, float]:
        """Return screen (x, y) of a position of the picture."""
        high, wide = self.scale
        return (
            (column - self.centre[1]) * wide + self.pane[0] / 2,
            (row - self.centre[0]) * high + self.pane[1] / 2,
        )

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """Return the position (row, column) of the picture at a screen point."""
        high, wide = self.scale
        return (y - self.pane[1] / 2) / high + self.centre[0], (x - self.pane[0] / 2) / wide + self.centre[1]

    def resized(self, pane: tuple[int, int]) -> ViewTransform:
        """Return the transform for a pane of another size: fitted stays fitted, else the middle stays."""
        if self.is_fitted:
            return ViewTransform.fitted(pane, self.shape, self.pixel_mm)
        return replace(self, pane=pane)

    def zoomed(self, factor: float, x: float, y: float) -> ViewTransform:
        """Return the transform `factor` times larger, with the picture under the screen point (x, y) in its place."""
        smallest = 0.25 * ViewTransform.fitted(self.pane, self.shape, self.pixel_mm).zoom
        largest = max(_LARGEST / min(self.pixel_mm), smallest)
        row, column = self.to_picture(x, y)
        larger = replace(self, zoom=min(largest, max(smallest, self.zoom * factor)))
        now_x, now_y = larger.to_screen(row, column)
        return larger.panned(x - now_x, y - now_y)

    def panned(self, dx: float, dy: float) -> ViewTransform:
        """Return the transform with the picture moved on the screen; its middle region stays in the pane."""
        high, wide = self.scale
        row = min(float(self.shape[0]), max(0.0, self.centre[0] - dy / high))
        column = min(float(self.shape[1]), max(0.0, self.centre[1] - dx / wide))
        return replace(self, centre=(row, column))

    def centred(self, row: float, column: float, *, zoom: float | None = None) -> ViewTransform:
        """Return the transform with a position in the middle of the pane."""
        return replace(self, centre=(row, column), zoom=self.zoom if zoom is None else zoom)

    def visible(self, step: int = 1) -> tuple[slice, slice]:
        """Return rows and columns of the picture that are on the screen, of a copy that keeps every `step`-th."""
        top, left = self.to_picture(0.0, 0.0)
        bottom, right = self.to_picture(self.pane[0], self.pane[1])
        return _covering(top, bottom, self.shape[0], step), _covering(left, right, self.shape[1], step)


def _covering(low: float, high: float, extent: int, step: int) -> slice:
    cells = -(-extent // step)
    first = min(cells, max(0, int(low // step)))
    last = min(cells, max(first, int(-(-high // step))))
    return slice(first, last)


def round_length(mm: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, 50, ... (and 0.5, 0.2, ...) that is not above `mm`: for scale bars."""
    power = 1.0
    while power * 10 <= mm:
        power *= 10
    while power > mm:
        power /= 10
    return next(power * digit for digit in (5, 2, 1) if power * digit <= mm * (1 + 1e-9))
