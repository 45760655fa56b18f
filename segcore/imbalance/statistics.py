"""How rare the foreground of a project is, measured: the numbers that decide on loss, sampling and network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.errors import NotEnoughData
from segcore.imbalance.contrast import contrast_auc
from segcore.imbalance.kept import already_kept, kept
from segcore.imbalance.patch_odds import patch_odds
from segcore.projects.case import Case, Part
from segcore.projects.project import Project
from segcore.scans.components import Components, label_lesions
from segcore.scans.volume import FOREGROUND

#: Scans with planes farther apart than this multiple of the pixels are looked at plane by plane (nnU-Net's rule of
#: thumb, doi:10.1038/s41592-020-01008-z).
ANISOTROPY_2D = 3.0
#: Typical patches, for the chance that one holds foreground.
PATCH_2D = (1, 256, 256)
PATCH_3D = (48, 48, 48)

#: Of the cache, where the numbers are kept.
_FOLDER = "statistics"
#: 2: a typical patch has 256 voxels along each edge. 3: background for the contrast is drawn by trial. 4: elongation.
_VERSION = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStatistics:
    """The foreground of one case.

    Parameters
    ----------
    foreground_voxels, labelled_voxels
        Counts; unlabelled voxels are in neither.
    sizes_voxels
        Size of each lesion, largest first.
    voxel_ml
        Volume of a voxel, millilitres.
    hit_rate
        Share of the positions of a typical patch at which it holds foreground (`PATCH_2D`, `PATCH_3D`).
    contrast_auc
        How well the best channel's intensity alone separates foreground from background within the scan, 0.5..1; NaN
        where one of the two is missing.
    elongation
        Diagonal of a lesion's box over the diameter of a disc (one plane) or ball of its size, mean over the foreground;
        about 1.4 for round lesions, above 6 for threads. NaN without lesions.
    version
        Of the way it was measured; kept results of another one are measured again.
    """

    case: str
    foreground_voxels: int
    labelled_voxels: int
    sizes_voxels: tuple[int, ...]
    voxel_ml: float
    hit_rate: float
    contrast_auc: float
    elongation: float = math.nan
    version: int = _VERSION

    @property
    def prevalence(self) -> float:
        """Foreground fraction of the labelled voxels; 0 where nothing is labelled."""
        return self.foreground_voxels / self.labelled_voxels if self.labelled_voxels else 0.0

    @property
    def lesions(self) -> int:
        """Number of lesions."""
        return len(self.sizes_voxels)

    @property
    def sizes_ml(self) -> tuple[float, ...]:
        """Volume of each lesion, millilitres, largest first."""
        return tuple(size * self.voxel_ml for size in self.sizes_voxels)

    @property
    def volume_ml(self) -> float:
        """Volume of the foreground, millilitres."""
        return self.foreground_voxels * self.voxel_ml

    @property
    def empty(self) -> bool:
        """Whether there is no foreground."""
        return self.foreground_voxels == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """The 10th, 50th and 90th percentile; NaN where there is nothing to count."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Quantiles:
        """Return the quantiles of some numbers."""
        if not values:
            return cls(low=math.nan, middle=math.nan, high=math.nan)
        low, middle, high = np.percentile(np.asarray(values, dtype=np.float64), (10, 50, 90))
        return cls(low=float(low), middle=float(middle), high=float(high))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStatistics:
    """The foreground of a project.

    Parameters
    ----------
    cases
        Those that were measured.
    groups
        Number of patients among them.
    prevalence
        Foreground voxels of all cases over their labelled voxels.
    empty_share
        Share of cases without foreground.
    lesions
        Number of lesions in all cases.
    lesions_per_case
        Median over the cases with foreground; 0 without any.
    sizes_voxels, sizes_ml
        Quantiles over all lesions.
    hit_rate
        Mean over cases of the chance that a typical patch from anywhere holds foreground.
    contrast_auc, elongation
        Median over cases; see `CaseStatistics`.
    anisotropy
        Distance of planes over the smaller distance of pixels, median; 1 for images of one plane.
    shape
        Median (planes, rows, columns).
    flat
        Whether scans are better looked at plane by plane: images of one plane, or planes far apart.
    calibrated
        Whether millimetres mean anything.
    channels
        Number of channels.
    """

    cases: tuple[CaseStatistics, ...]
    groups: int
    prevalence: float
    empty_share: float
    lesions: int
    lesions_per_case: float
    sizes_voxels: Quantiles
    sizes_ml: Quantiles
    hit_rate: float
    contrast_auc: float
    anisotropy: float
    shape: tuple[int, int, int]
    flat: bool
    calibrated: bool
    channels: int
    elongation: float = math.nan

    @property
    def ratio(self) -> str:
        """Foreground to background in words, such as ``"1:999"``."""
        return ratio_words(self.prevalence)


def ratio_words(prevalence: float) -> str:
    """Return foreground to background as ``"1:N"``, with N to three figures; ``"0"`` without foreground."""
    if not prevalence > 0:
        return "0"
    others = (1 - prevalence) / prevalence
    if others < 10:
        return f"1:{others:.2g}"
    digits = max(0, math.floor(math.log10(others)) - 2)
    return f"1:{round(others / 10**digits) * 10**digits}"


def measure(
    project: Project,
    *,
    report: Callable[[int, int, str], None] | None = None,
    stop: Callable[[], None] | None = None,
) -> ProjectStatistics:
    """Measure the cases that training may learn from: trainable, and not in the test part.

    Each case's numbers are kept in the project's cache under the hash of its scan and mask.

    Parameters
    ----------
    report
        Called with (done, total, case id) before each case and once at the end.
    stop
        Called before each case; raises `Cancelled` to end.

    Raises
    ------
    NotEnoughData
        If there is no such case.
    """
    cases = [case for case in project.cases() if case.state.is_trainable and case.part is not Part.TEST]
    if not cases:
        raise NotEnoughData(
            "no case is complete", remedy="annotate cases and mark them complete (or confirm them empty)"
        )
    measured = []
    for number, case in enumerate(cases):
        if stop is not None:
            stop()
        if report is not None:
            report(number, len(cases), case.id)
        measured.append(measure_case(project, case))
    if report is not None:
        report(len(cases), len(cases), "")
    return summarise(cases, measured)


def kept_statistics(project: Project) -> ProjectStatistics | None:
    """Return what `measure` would, where every case was measured before; None, without reading a scan, where not."""
    cases = [case for case in project.cases() if case.state.is_trainable and case.part is not Part.TEST]
    measured = []
    for case in cases:
        found = already_kept(project, case, CaseStatistics, _VERSION, folder=_FOLDER)
        if found is None:
            return None
        measured.append(found)
    return summarise(cases, measured) if cases else None


def measure_case(project: Project, case: Case) -> CaseStatistics:
    """Return the statistics of one case, from the cache where they are still true."""
    return kept(project, case, CaseStatistics, _VERSION, lambda: _measured(project, case), folder=_FOLDER)


def _measured(project: Project, case: Case) -> CaseStatistics:
    mask = project.mask(case.id)
    front = mask.labels == FOREGROUND
    components, count = label_lesions(front)
    sizes = np.bincount(components[front], minlength=count + 1)[1:]
    patch = PATCH_2D if _is_flat(case.grid.shape, case.grid.spacing) else PATCH_3D
    return CaseStatistics(
        case=case.id,
        foreground_voxels=mask.foreground_voxels,
        labelled_voxels=mask.labelled_voxels,
        sizes_voxels=tuple(sorted(sizes.tolist(), reverse=True)),
        voxel_ml=case.grid.voxel_volume_ml,
        hit_rate=patch_odds(mask.labels, patch).hit_rate if count else 0.0,
        contrast_auc=contrast_auc(project.scan(case.id), mask) if count else math.nan,
        elongation=_elongation(components, sizes) if count else math.nan,
    )


def _elongation(components: Components, sizes: NDArray[np.int64]) -> float:
    from scipy import ndimage  # noqa: PLC0415 - half a second that the start of the window must not pay

    boxes = ndimage.find_objects(components)
    diagonals = [math.sqrt(sum((side.stop - side.start) ** 2 for side in box)) for box in boxes]
    one_plane = components.shape[0] == 1
    across = 2 * np.sqrt(sizes / math.pi) if one_plane else np.cbrt(6 * sizes / math.pi)
    return float(np.average(np.array(diagonals) / across, weights=sizes))


def _is_flat(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> bool:
    return shape[0] == 1 or spacing[0] > ANISOTROPY_2D * min(spacing[1:])


def summarise(cases: Sequence[Case], measured: Sequence[CaseStatistics]) -> ProjectStatistics:
    """Return the statistics of several cases together; `measured` belongs to `cases` one by one."""
    with_foreground = [one for one in measured if not one.empty]
    labelled = sum(one.labelled_voxels for one in measured)
    elongations = [one.elongation for one in measured if not math.isnan(one.elongation)]
    contrasts = [one.contrast_auc for one in measured if not math.isnan(one.contrast_auc)]
    shape = [int(np.median([case.grid.shape[axis] for case in cases])) for axis in range(3)]
    spacing = [float(np.median([case.grid.spacing[axis] for case in cases])) for axis in range(3)]
    return ProjectStatistics(
        cases=tuple(measured),
        groups=len({case.group for case in cases}),
        prevalence=sum(one.foreground_voxels for one in measured) / labelled if labelled else 0.0,
        empty_share=1 - len(with_foreground) / len(measured),
        lesions=sum(one.lesions for one in measured),
        lesions_per_case=float(np.median([one.lesions for one in with_foreground])) if with_foreground else 0.0,
        sizes_voxels=Quantiles.of([size for one in measured for size in one.sizes_voxels]),
        sizes_ml=Quantiles.of([size for one in measured for size in one.sizes_ml]),
        hit_rate=float(np.mean([one.hit_rate for one in measured])),
        contrast_auc=float(np.median(contrasts)) if contrasts else math.nan,
        anisotropy=1.0 if shape[0] == 1 else spacing[0] / min(spacing[1:]),
        shape=(shape[0], shape[1], shape[2]),
        flat=_is_flat((shape[0], shape[1], shape[2]), (spacing[0], spacing[1], spacing[2])),
        calibrated=all(case.grid.calibrated for case in cases),
        channels=len(cases[0].channels),
        elongation=float(np.median(elongations)) if elongations else math.nan,
    )
