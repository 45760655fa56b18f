"""What the background does for Annotate: open a case, count its lesions. Knows no widget."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.viewer.plane_geometry import Voxel
from app.viewer.scan_pictures import PreparedScan, prepare
from segcore.geometry import Box
from segcore.projects.project import Project
from segcore.scans.components import count_lesions
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels, Mask


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenedCase:
    """A case with everything that is needed to show and paint it.

    Parameters
    ----------
    look
        The voxel to look at first: the middle of the foreground in the slice that has most of it, else of the scan.
    has_strokes
        Whether the journal holds strokes that no version has, as after a crash.
    """

    id: str
    scan: PreparedScan
    mask: Mask
    look: Voxel
    has_strokes: bool


def open_case(project: Project, id: str) -> OpenedCase:
    """Open scan and mask of a case; errors as `Project.scan` and `Project.mask`."""
    volume = project.scan(id)
    mask = project.mask(id)
    return OpenedCase(
        id=id,
        scan=prepare(volume),
        mask=mask,
        look=first_look(mask.labels),
        has_strokes=project.unsaved_strokes(id) > 0,
    )


def first_look(labels: Labels) -> Voxel:
    """Return where to look first; see `OpenedCase`."""
    planes, rows, columns = labels.shape
    box = Box.around(labels == FOREGROUND)
    if box is None:
        return (planes // 2, rows // 2, columns // 2)
    inside = labels[box.slices] == FOREGROUND
    plane = int(np.count_nonzero(inside, axis=(1, 2)).argmax())
    # The median lies inside or beside a lesion, the mean of several lesions may lie far from all of them.
    spots = np.argwhere(inside[plane])
    row, column = (int(v) for v in spots[len(spots) // 2])
    return (box.start[0] + plane, box.start[1] + row, box.start[2] + column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How much of a mask is lesion.

    Parameters
    ----------
    foreground, labelled
        Voxels.
    lesions
        Connected components.
    """

    foreground: int
    labelled: int
    lesions: int


def count_figures(labels: Labels) -> Figures:
    """Count a mask that may be painted on meanwhile; it is counted again after the stroke."""
    foreground = labels == FOREGROUND
    return Figures(
        foreground=int(np.count_nonzero(foreground)),
        labelled=int(labels.size - np.count_nonzero(labels == UNLABELLED)),
        lesions=count_lesions(foreground),
    )
