"""What a batch holds, in closed form and exactly as the sampler draws it (`segcore.sampling.patches`).

Per case and patch three things are counted, each over every position with its probability: how often a patch from
anywhere holds foreground, how many foreground voxels it holds on average, and how many a patch holds that is forced onto
a lesion with its jitter. Clamping at the borders of the scan is part of it. A setting of the sampler then only weighs
these numbers, so that the answer to a moved slider costs nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.geometry import Box
from segcore.imbalance.kept import kept
from segcore.imbalance.patch_axis import PatchAxis, hit_rate, mean_anywhere, mean_forced
from segcore.imbalance.vanishing import Flags, Resolution, prepared_foreground
from segcore.projects.case import Case
from segcore.projects.project import Project
from segcore.ranges import Range
from segcore.scans.components import label_lesions

Patch = tuple[int, int, int]
Numbers = NDArray[np.float64]
_VERSION = 2
#: The same limits as in the sampler; see there.
_CLIP, _FOREGROUND_CASES, _TRIES = 10.0, 0.5, 40
#: More cases than this are not looked at: a fair sample of them says the same.
MOST_CASES = 64
_BATCH = Range(low=1, high=100_000, default=2, whole=True)
_SHARE = Range(low=0.0, high=1.0, default=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """How voxels and places are drawn: what the numbers of a case depend on, besides its mask.

    Parameters
    ----------
    patches
        (planes, rows, columns) each, of the prepared grid.
    flat
        Only the middle plane of a patch counts.
    jitter
        See `segcore.catalog.samplers.JITTER`.
    size_exponent
        Of the lesion's size, for the chance that a forced patch is drawn onto it; 1 draws every voxel alike.
    """

    patches: tuple[Patch, ...]
    flat: bool
    jitter: float
    size_exponent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchNumbers:
    """What one patch holds in one case.

    Parameters
    ----------
    hit_rate
        Chance that a patch from anywhere holds foreground.
    anywhere, forced
        Mean foreground voxels in a patch from anywhere, and in one forced onto a lesion.
    inside
        Voxels of a patch that lie in the scan; the others carry no loss.
    """

    hit_rate: float
    anywhere: float
    forced: float
    inside: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseNumbers:
    """The numbers of one case, in the order of the patches; `foreground_voxels` on the prepared grid."""

    case: str
    foreground_voxels: int
    patches: tuple[PatchNumbers, ...]
    version: int = _VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting of the sampler.

    Parameters
    ----------
    method
        A name in `segcore.catalog.samplers`; hard negatives count as patches from anywhere, since nobody knows before
        the run where they will be.
    """

    method: str
    ratio: float
    batch: int
    empties_per_foreground: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOdds:
    """What a batch holds.

    Parameters
    ----------
    has_lesion
        Chance that at least one patch of it holds foreground.
    patches_with_lesion
        Mean number of patches that do.
    foreground_voxels
        Mean foreground voxels in it.
    foreground_share
        Those over the voxels of its patches that carry loss.
    hit_rate
        Chance that a patch from anywhere holds foreground.
    """

    has_lesion: float
    patches_with_lesion: float
    foreground_voxels: float
    foreground_share: float
    hit_rate: float


def batch_odds(cases: Sequence[CaseNumbers], place: int, setting: Setting) -> BatchOdds:
    """Return what a batch holds with the patch at `place` in the `Draws` that the cases were counted for.

    Parameters
    ----------
    cases
        At least one.

    Raises
    ------
    OutOfRange
        For a batch or a share outside its range.
    """
    batch = int(_BATCH.check("batch", setting.batch))
    _SHARE.check("foreground share", setting.ratio)
    numbers = [case.patches[place] for case in cases]
    forced_chances, any_chances = _case_chances(cases, setting.method)
    hit = float(any_chances @ [one.hit_rate for one in numbers])
    anywhere = float(any_chances @ [one.anywhere for one in numbers])
    forced = float(forced_chances @ [one.forced for one in numbers])
    if setting.method == "undersampled":
        # Drawn again while it holds foreground, so many times at most.
        anywhere, hit = anywhere * hit**_TRIES, hit ** (_TRIES + 1)
    counts = _forced_counts(setting, batch, has_foreground=any(case.foreground_voxels for case in cases))
    mean = sum(count * chance for count, chance in counts)
    none = sum(chance * (1 - hit) ** batch for count, chance in counts if count == 0)
    voxels = mean * forced + (batch - mean) * anywhere
    inside = np.array([one.inside for one in numbers], dtype=np.float64)
    counted = mean * float(forced_chances @ inside) + (batch - mean) * float(any_chances @ inside)
    return BatchOdds(
        has_lesion=1 - none,
        patches_with_lesion=mean + (batch - mean) * hit,
        foreground_voxels=voxels,
        foreground_share=voxels / counted,
        hit_rate=hit,
    )


def _forced_counts(setting: Setting, batch: int, *, has_foreground: bool) -> list[tuple[int, float]]:
    """Return the numbers of forced patches that a batch may have, with their chances."""
    share = setting.ratio
    if setting.method == "undersampled":
        share = 1 / (1 + setting.empties_per_foreground)
    if setting.method == "uniform" or share == 0 or not has_foreground:
        return [(0, 1.0)]
    exact = batch * share
    fewer = int(exact)
    least = 1 if batch > 1 else 0
    return [(max(fewer, least), 1 - (exact - fewer)), (max(fewer + 1, least), exact - fewer)]


def _case_chances(cases: Sequence[CaseNumbers], method: str) -> tuple[Numbers, Numbers]:
    """Return the chance of each case for a forced patch, and for one from anywhere."""
    voxels = np.array([case.foreground_voxels for case in cases], dtype=np.float64)
    present = voxels > 0
    forced, anywhere = present.astype(np.float64), np.ones(len(voxels))
    if method == "case_weighted" and present.any():
        forced[present] = voxels[present] ** -0.5
        forced = np.minimum(forced, _CLIP * forced[present].min())
        share = 1.0 if present.all() else max(_FOREGROUND_CASES, float(present.mean()))
        anywhere = share * forced / forced.sum() + (1 - share) * ~present / max(int((~present).sum()), 1)
    return forced / max(forced.sum(), 1.0e-300), anywhere / anywhere.sum()


def share_from_empty_cases(
    foreground_voxels: Sequence[int], method: str, ratio: float, empties_per_foreground: float
) -> float:
    """Return the share of all patches that come from cases without foreground.

    With undersampling, which draws again, the share is that of a first draw: what is drawn again mostly lies in cases
    with foreground, so that the true share is a little higher.
    """
    cases = [CaseNumbers(case="", foreground_voxels=voxels, patches=()) for voxels in foreground_voxels]
    _, anywhere = _case_chances(cases, method)
    share = ratio
    if method == "undersampled":
        share = 1 / (1 + empties_per_foreground)
    if method == "uniform" or not any(foreground_voxels):
        share = 0.0
    return float(
        (1 - share) * sum(chance for chance, case in zip(anywhere, cases, strict=True) if not case.foreground_voxels)
    )


def measure_draws(
    project: Project,
    cases: Sequence[Case],
    resolution: Resolution,
    draws: Draws,
    *,
    report: Callable[[int, int, str], None] | None = None,
    stop: Callable[[], None] | None = None,
) -> tuple[CaseNumbers, ...]:
    """Return the numbers of the cases, of a fair sample where there are more than `MOST_CASES`.

    Scans that are partly unlabelled are taken as labelled throughout.

    Parameters
    ----------
    report
        Called with (done, total, case id) before each case and once at the end.
    stop
        Called before each case; raises `Cancelled` to end.
    """
    chosen = fair_sample(cases, MOST_CASES)
    digest = hashlib.blake2b(repr((resolution, draws)).encode(), digest_size=8).hexdigest()
    found = []
    for number, case in enumerate(chosen):
        if stop is not None:
            stop()
        if report is not None:
            report(number, len(chosen), case.id)
        found.append(_of_case(project, case, resolution, draws, digest))
    if report is not None:
        report(len(chosen), len(chosen), "")
    return tuple(found)


def _of_case(project: Project, case: Case, resolution: Resolution, draws: Draws, digest: str) -> CaseNumbers:
    return kept(
        project,
        case,
        CaseNumbers,
        _VERSION,
        lambda: case_numbers(case.id, prepared_foreground(project, case, resolution), draws),
        folder="draws",
        key=f"-{digest}",
    )


def fair_sample(cases: Sequence[Case], most: int) -> tuple[Case, ...]:
    """Return at most so many cases, evenly spread over those ordered by their foreground."""
    if len(cases) <= most:
        return tuple(cases)
    ordered = sorted(cases, key=lambda case: (case.foreground_voxels, case.id))
    return tuple(ordered[round(place)] for place in np.linspace(0, len(ordered) - 1, most))


def case_numbers(case: str, front: Flags, draws: Draws) -> CaseNumbers:
    """Return the numbers of one prepared mask (planes, rows, columns)."""
    box = Box.around(front)
    if box is None:
        nothing = tuple(
            PatchNumbers(hit_rate=0.0, anywhere=0.0, forced=0.0, inside=_inside(_edges(patch, draws), front.shape))
            for patch in draws.patches
        )
        return CaseNumbers(case=case, foreground_voxels=0, patches=nothing)
    inside = np.ascontiguousarray(front[box.slices])
    weights = _voxel_weights(inside, draws.size_exponent)
    found = []
    for patch in draws.patches:
        edges = _edges(patch, draws)
        axes = [
            PatchAxis(extent=extent, first=first, last=last, edge=edge, jitter=draws.jitter)
            for extent, first, last, edge in zip(front.shape, box.start, box.stop, edges, strict=True)
        ]
        found.append(
            PatchNumbers(
                hit_rate=hit_rate(inside, axes),
                anywhere=mean_anywhere(inside, axes),
                forced=mean_forced(inside, weights, axes),
                inside=_inside(edges, front.shape),
            )
        )
    return CaseNumbers(case=case, foreground_voxels=int(np.count_nonzero(inside)), patches=tuple(found))


def _edges(patch: Patch, draws: Draws) -> Patch:
    """Return the edges of the part of a patch that counts."""
    return (1, patch[1], patch[2]) if draws.flat else patch


def _inside(edges: Patch, shape: tuple[int, ...]) -> int:
    return math.prod(min(edge, extent) for edge, extent in zip(edges, shape, strict=True))


def _voxel_weights(inside: Flags, exponent: float) -> Numbers:
    """Return the chance of each foreground voxel (in the order of `np.argwhere`) to be the one a patch is forced onto."""
    components, count = label_lesions(inside)
    owner = components[inside]
    sizes = np.bincount(owner, minlength=count + 1)[1:].astype(np.float64)
    chances = sizes**exponent / (sizes**exponent).sum()
    return np.asarray((chances / sizes)[owner - 1])
