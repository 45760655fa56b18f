"""What is wrong with a scan or its mask, as lines of the integrity report."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segcore.errors import FileProblem, MaskMismatch
from segcore.geometry import Grid
from segcore.projects.case import Problem
from segcore.scans.formats.table import suffix_of
from segcore.scans.volume import FOREGROUND, UNLABELLED, Mask, Volume

#: Spacings that no scanner has, mm.
_ODD_SPACING = (0.001, 50.0)


def problem_from(error: FileProblem, *, blocking: bool = True) -> Problem:
    """Return an error as a line of the report."""
    file = error.file.name if error.file is not None else ""
    return Problem(file=file, what=error.what, remedy=error.remedy, blocking=blocking)


def check_scan(volume: Volume, file: Path) -> tuple[Problem, ...]:
    """Return what is odd about a scan; nothing here keeps it from being imported."""
    found = [_note(file, note, "check that this is right") for note in volume.notes]
    if volume.voxels.dtype.kind == "f":
        bad = int(np.count_nonzero(~np.isfinite(volume.voxels)))
        if bad:
            found.append(
                _note(
                    file, f"{bad} voxels are NaN or infinite", "they are replaced for training; check how it was made"
                )
            )
    first = volume.voxels.flat[0]
    if bool((volume.voxels == first).all()):
        found.append(_note(file, f"every voxel is {first}", "the scan is blank; remove it or export it again"))
    if volume.grid.calibrated:
        for axis, mm in zip(("plane", "row", "column"), volume.grid.spacing, strict=True):
            if not _ODD_SPACING[0] <= mm <= _ODD_SPACING[1]:
                found.append(
                    _note(file, f"the {axis} spacing is {mm:g} mm", "millimetres and millilitres of it will be wrong")
                )
        linear = volume.grid.affine[:3, :3] / np.array(volume.grid.spacing)
        if not np.allclose(linear.T @ linear, np.eye(3), atol=1e-3):
            found.append(
                _note(file, "its axes are not at right angles", "distances in it are approximate; export as NIfTI only")
            )
    return tuple(found)


def check_channels(first: Volume, other: Volume, file: Path) -> None:
    """Raise `MaskMismatch` if a further channel does not lie on the first one's grid."""
    _check_same_grid(first.grid, other.grid, file, "the channel")


def check_pair(scan: Grid, mask: Mask, file: Path) -> tuple[Problem, ...]:
    """Return what is odd about a mask.

    Raises
    ------
    MaskMismatch
        If it does not lie on the scan's grid: using it would put lesions in the wrong place.
    """
    _check_same_grid(scan, mask.grid, file, "the mask")
    notes: tuple[Problem, ...] = ()
    if suffix_of(file) in (".jpg", ".jpeg"):
        notes = (
            _note(file, "the mask is a JPEG, which does not keep values", "it was cut at half; keep masks as PNG"),
        )
    return notes + _check_content(mask, file)


def _check_content(mask: Mask, file: Path) -> tuple[Problem, ...]:
    foreground, unlabelled = mask.foreground_voxels, mask.labels.size - mask.labelled_voxels
    if foreground == 0 and unlabelled == 0:
        return (_note(file, "the mask is all background", "taken as 'no lesion'; flag the case if that is wrong"),)
    if foreground + unlabelled == mask.labels.size and foreground:
        return (_note(file, "the mask is all foreground", "check that background is 0 in it"),)
    if foreground > 0.5 * mask.labelled_voxels:
        share = 100 * foreground / mask.labelled_voxels
        return (_note(file, f"{share:.0f} % of the mask is foreground", "check that it is not inverted"),)
    return ()


def is_confirmed_empty(mask: Mask) -> bool:
    """Whether a mask says about every voxel that it is background."""
    return not np.isin(mask.labels, (FOREGROUND, UNLABELLED)).any()


def _check_same_grid(scan: Grid, other: Grid, file: Path, what: str) -> None:
    if scan.shape != other.shape:
        raise MaskMismatch(
            file,
            f"{what} has {_extents(other)} voxels, the scan {_extents(scan)}",
            remedy="resample it to the scan and import again",
        )
    if scan.calibrated and other.calibrated and not scan.matches(other, tolerance_mm=0.1 * min(scan.spacing)):
        spacing = "spacing" if not np.allclose(scan.spacing, other.spacing, rtol=1e-3) else "orientation or position"
        raise MaskMismatch(
            file, f"{what} has another {spacing} than the scan", remedy="export it from the scan it was drawn on"
        )


def _extents(grid: Grid) -> str:
    return " x ".join(str(n) for n in reversed(grid.shape))


def _note(file: Path, what: str, remedy: str) -> Problem:
    return Problem(file=file.name, what=what, remedy=remedy, blocking=False)
