"""Numbers in the words that clinicians use: shares as per cent and as 1 : N, volumes, counts."""

from __future__ import annotations

from segcore.geometry import Grid
from segcore.projects.case import CaseState, Part

STATE_WORDS = {
    CaseState.UNLABELLED: "Unlabelled",
    CaseState.DRAFT: "Draft",
    CaseState.COMPLETE: "Complete",
    CaseState.CONFIRMED_EMPTY: "Confirmed empty",
    CaseState.FLAGGED: "Flagged",
}
PART_WORDS = {Part.TRAIN: "Train", Part.VALIDATION: "Validation", Part.TEST: "Test", None: "–"}


def percent(share: float) -> str:
    """Return a share as per cent with three significant digits, small ones included: ``"0.0120 %"``, ``"0 %"``."""
    if share <= 0.0:
        return "0 %"
    value = 100.0 * share
    if value < 1e-4:
        return f"{value:.1e} %"
    digits = max(0, 2 - _exponent(value))
    return f"{value:.{digits}f} %"


def one_in(share: float) -> str:
    """Return a foreground share as foreground : background, ``"1 : 8,130"``; ``"–"`` without foreground."""
    if share <= 0.0:
        return "–"
    background = (1.0 - share) / share
    return f"1 : {background:,.0f}" if background >= 10 else f"1 : {background:.1f}"


def millilitres(volume: float, grid: Grid) -> str:
    """Return a volume in ml; ``"–"`` where the spacing is unknown or the scan is a photograph."""
    if not grid.calibrated or grid.is_2d:
        return "–"
    if volume <= 0:
        return "0"
    return f"{volume:.3f}" if volume < 1 else f"{volume:.2f}"


def extents(grid: Grid) -> str:
    """Return the size as columns x rows (x planes)."""
    return extents_of(grid.shape)


def extents_of(shape: tuple[int, int, int]) -> str:
    """Return (planes, rows, columns) as columns x rows (x planes)."""
    planes, rows, columns = shape
    return f"{columns} × {rows}" if planes == 1 else f"{columns} × {rows} × {planes}"


def count(number: int, one: str, many: str = "") -> str:
    """Return ``"1 case"``, ``"2 cases"``, ``"1,200 cases"``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _exponent(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])
