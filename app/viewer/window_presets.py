"""Windows to start with: percentiles for MR and other scans without a fixed scale, the usual ones for CT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.viewer.windowing import Window

#: Values looked at for percentiles; a scan of any size answers in milliseconds.
_SAMPLE = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A window with a name."""

    text: str
    window: Window


#: Level and width in Hounsfield units as in common use in radiology.
CT_PRESETS = tuple(
    Preset(text=text, window=Window.around(level, width))
    for text, level, width in (
        ("CT brain", 40, 80),
        ("CT subdural", 75, 215),
        ("CT bone", 500, 2000),
        ("CT lung", -600, 1500),
        ("CT liver", 60, 160),
        ("CT soft tissue", 40, 400),
    )
)


def sample_of(voxels: NDArray[Any]) -> NDArray[np.float32]:
    """Return finite values of an array (planes, rows, columns) from all over it."""
    step = max(1, round((voxels.size / _SAMPLE) ** (1 / max(1, sum(n > 1 for n in voxels.shape)))))
    cut = tuple(slice(min(step, n) // 2, None, step) for n in voxels.shape)
    values = np.asarray(voxels[cut], dtype=np.float32).ravel()
    return values[np.isfinite(values)]


def looks_like_hounsfield(sample: NDArray[np.float32], dtype: np.dtype[Any]) -> bool:
    """Whether values look like CT: whole numbers, air near -1000, nothing that no scanner gives."""
    if sample.size == 0 or dtype.kind not in "if" or np.any(sample != np.round(sample)):
        return False
    low, high = float(sample.min()), float(sample.max())
    air = float(np.mean((sample <= -850) & (sample >= -1100)))
    return -3100 <= low <= -850 and high <= 32767 and air > 0.02


def automatic(sample: NDArray[np.float32]) -> Window:
    """Return the window from the 0.5th to the 99.5th percentile, of what is not the background value if most is."""
    if sample.size == 0:
        return Window(0.0, 1.0)
    background = sample.min()
    inside = sample[sample > background]
    values = inside if 0.02 * sample.size < inside.size < 0.9 * sample.size else sample
    low, high = (float(v) for v in np.percentile(values, (0.5, 99.5)))
    if values is inside:
        low = min(low, float(background) + 0.05 * (high - float(background)))
    return Window(low, high) if high > low else _around_constant(sample)


def _around_constant(sample: NDArray[np.float32]) -> Window:
    low, high = float(sample.min()), float(sample.max())
    return Window(low, high) if high > low else Window(low - 0.5, low + 0.5)


def presets_for(voxels: NDArray[Any]) -> tuple[Preset, ...]:
    """Return the presets that make sense for one channel (planes, rows, columns); the first is the one to start with."""
    sample = sample_of(voxels)
    auto = Preset(text="Automatic", window=automatic(sample))
    low, high = (float(sample.min()), float(sample.max())) if sample.size else (0.0, 1.0)
    whole = Preset(text="Full range", window=Window(low, max(high, low + 1e-6)))
    if looks_like_hounsfield(sample, voxels.dtype):
        return (CT_PRESETS[-1], *CT_PRESETS[:-1], auto, whole)
    if voxels.dtype == np.uint8:  # pictures are made to be looked at as they are
        return (Preset(text="As stored", window=Window(0.0, 255.0)), auto, whole)
    return (auto, whole)
