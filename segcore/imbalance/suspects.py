"""Masks and cases that look wrong, each with its place, what was measured, the limit, and what to do.

A suspect is a question to a person, never a verdict. What most cases of a project show is how its structure looks, not
a slip: such a trait is named once (`Usual`) instead of filling the list. The limits are ours; how often they are wrong,
and what they find, was measured on real sets: docs/evidence/suspects.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from segcore.imbalance.alignment import Alignment
from segcore.imbalance.traits import CaseTraits, Place, Spot, case_traits
from segcore.imbalance.twins import SAME_PICTURE, same_pictures
from segcore.projects.case import Case, CaseState, Part
from segcore.projects.project import Project

#: A trait of more than this share of the cases with lesions is how the structure looks.
USUAL_SHARE = 0.25
#: A trait needs so many cases before it can be called usual; a project of three cases is judged case by case.
_LEAST_CASES = 5
#: A speck is this many robust deviations (of the logarithm) below the median lesion.
_SPECK_DEVIATIONS = 3.0
#: Holes larger than this share of the filled lesion are taken for the shape of it.
_HOLE_SHARE = 0.05
#: A lesion in one plane that is this many planes wide, or wider.
_THIN_PLANES = 4.0
#: A lesion of fewer voxels is too small to expect it in the next plane.
_THIN_VOXELS = 20
#: Moved masks: distance, contrast kept at most, contrast there at least, gain of the border's steepness at least.
_SHIFT, _KEPT_CONTRAST, _LEAST_CONTRAST, _EDGE_GAIN = 2.0, 0.7, 0.5, 1.15
#: Cases whose masks fit where they are keep this share of the best contrast; so many of them make the test trustworthy.
_FITS, _FITTING_SHARE = 0.75, 0.7


class SuspectKind(StrEnum):
    """What may be wrong."""

    SPECK = "speck"
    HOLE = "hole"
    ONE_PLANE = "one plane"
    DUPLICATE = "duplicate"
    SHIFTED = "shifted mask"
    EMPTY = "empty but complete"
    BORDER = "at the border"
    OUTSIDE = "outside the body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """One thing to look at.

    Parameters
    ----------
    place
        (plane, row, column) to look at; None where the whole case is meant.
    what
        A sentence with what was found.
    measured, limit
        The number that was measured, and the one from which it counts; in the unit that `what` names.
    remedy
        What to do.
    other
        The other case of a duplicate; empty otherwise.
    """

    kind: SuspectKind
    case: str
    place: Place | None
    what: str
    measured: float
    limit: float
    remedy: str
    other: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """A trait that so many cases show that it is not listed case by case.

    Parameters
    ----------
    cases, of
        How many show it, of how many with lesions.
    """

    kind: SuspectKind
    cases: int
    of: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicions:
    """All suspects, the graver ones first, and what is usual in this project."""

    found: tuple[Suspect, ...]
    usual: tuple[Usual, ...]
    checked: int


def find_suspects(
    project: Project,
    *,
    report: Callable[[int, int, str], None] | None = None,
    stop: Callable[[], None] | None = None,
) -> Suspicions:
    """Look at every case that has a mask, and judge them together; unchanged cases come from the cache.

    Parameters
    ----------
    report
        Called with (done, total, case id) before each case and once at the end.
    stop
        Called before each case; raises `Cancelled` to end.
    """
    cases = [case for case in project.cases() if case.state is not CaseState.UNLABELLED or case.foreground_voxels]
    traits = []
    for number, case in enumerate(cases):
        if stop is not None:
            stop()
        if report is not None:
            report(number, len(cases), case.id)
        traits.append(case_traits(project, case))
    if report is not None:
        report(len(cases), len(cases), "")
    return judge(cases, traits, hashes=project.scan_hashes())


def judge(cases: Sequence[Case], traits: Sequence[CaseTraits], *, hashes: Mapping[str, str]) -> Suspicions:
    """Return what stands out among the cases.

    Parameters
    ----------
    cases, traits
        Belonging together one by one.
    hashes
        Hash of each case's scan, by id.
    """
    with_lesions = sum(bool(one.sizes) for one in traits)
    found = [*_duplicates(cases, traits, hashes), *_shifted(traits), *_empty(cases, traits)]
    usual = []
    for kind, spots in _spots(traits).items():
        where = {suspect.case for suspect in spots}
        if len(where) > max(USUAL_SHARE * with_lesions, _LEAST_CASES - 1):
            usual.append(Usual(kind=kind, cases=len(where), of=with_lesions, what=_USUAL_WORDS[kind]))
        else:
            found += spots
    order = {kind: number for number, kind in enumerate(_ORDER)}
    ranked = sorted(found, key=lambda suspect: (order[suspect.kind], suspect.case, suspect.place or (0, 0, 0)))
    return Suspicions(found=tuple(ranked), usual=tuple(usual), checked=len(cases))


#: Graver first.
_ORDER = (
    SuspectKind.DUPLICATE,
    SuspectKind.SHIFTED,
    SuspectKind.OUTSIDE,
    SuspectKind.EMPTY,
    SuspectKind.ONE_PLANE,
    SuspectKind.HOLE,
    SuspectKind.SPECK,
    SuspectKind.BORDER,
)
_USUAL_WORDS = {
    SuspectKind.SPECK: "Lesions far smaller than the others are usual here.",
    SuspectKind.HOLE: "Holes in lesions are usual here.",
    SuspectKind.ONE_PLANE: "Lesions in one plane only are usual here: check the distance of planes.",
    SuspectKind.BORDER: "Lesions that reach the border of the image are usual here.",
    SuspectKind.OUTSIDE: "Lesions in the dark are usual here: check whether masks and scans belong together.",
}


def speck_limit(sizes: Sequence[int]) -> float:
    """Return the size, voxels, below which a lesion is far smaller than the others; 0 where small ones are usual.

    Three robust deviations of the logarithm below the median.
    """
    if len(sizes) < 2 * _LEAST_CASES:
        return 0.0
    logs = np.log(np.asarray(sizes, dtype=np.float64))
    middle = float(np.median(logs))
    spread = 1.4826 * float(np.median(np.abs(logs - middle)))
    return float(np.exp(middle - _SPECK_DEVIATIONS * spread))


def _spots(traits: Sequence[CaseTraits]) -> dict[SuspectKind, list[Suspect]]:
    """Return the suspects that have a place within a case, by kind."""
    limit = speck_limit([size for one in traits for size in one.sizes])
    found: dict[SuspectKind, list[Suspect]] = defaultdict(list)
    for one in traits:
        for spot in one.specks:
            if spot.voxels < limit and len(one.sizes) > 1:
                found[SuspectKind.SPECK].append(_speck(one.case, spot, limit))
        for spot in one.holes:
            if spot.measured <= _HOLE_SHARE:
                found[SuspectKind.HOLE].append(_hole(one.case, spot))
        for spot in one.thin:
            if spot.measured >= _THIN_PLANES and spot.voxels >= _THIN_VOXELS:
                found[SuspectKind.ONE_PLANE].append(_one_plane(one.case, spot))
        found[SuspectKind.BORDER] += [_border(one.case, spot) for spot in one.borders]
        found[SuspectKind.OUTSIDE] += [_outside(one.case, spot) for spot in one.outside]
    return {kind: spots for kind, spots in found.items() if spots}


def _speck(case: str, spot: Spot, limit: float) -> Suspect:
    return Suspect(
        kind=SuspectKind.SPECK,
        case=case,
        place=spot.place,
        what=f"A lesion of {_voxels(spot.voxels)}, far smaller than the others.",
        measured=spot.measured,
        limit=limit,
        remedy="Erase it if it is a slip of the brush.",
    )


def _hole(case: str, spot: Spot) -> Suspect:
    return Suspect(
        kind=SuspectKind.HOLE,
        case=case,
        place=spot.place,
        what=f"A hole of {_voxels(spot.voxels)} in a lesion ({100 * spot.measured:.1f} % of it).",
        measured=spot.measured,
        limit=_HOLE_SHARE,
        remedy="Fill it if the lesion is solid (Fill holes in Annotate).",
    )


def _one_plane(case: str, spot: Spot) -> Suspect:
    return Suspect(
        kind=SuspectKind.ONE_PLANE,
        case=case,
        place=spot.place,
        what=f"A lesion in one plane only, though it is {spot.measured:.1f} planes wide.",
        measured=spot.measured,
        limit=_THIN_PLANES,
        remedy="Draw it in the planes above and below (Fill between slices), or erase it.",
    )


def _border(case: str, spot: Spot) -> Suspect:
    return Suspect(
        kind=SuspectKind.BORDER,
        case=case,
        place=spot.place,
        what=f"A lesion touches the border of the scan with {_voxels(int(spot.measured))}; few others do.",
        measured=spot.measured,
        limit=1.0,
        remedy="Check that the scan is not cut off and the mask not wrapped around.",
    )


def _outside(case: str, spot: Spot) -> Suspect:
    return Suspect(
        kind=SuspectKind.OUTSIDE,
        case=case,
        place=spot.place,
        what=f"{100 * spot.measured:.0f} % of a lesion of {_voxels(spot.voxels)} lies in the air around the body.",
        measured=spot.measured,
        limit=0.5,
        remedy="Erase it, or check that this mask belongs to this scan.",
    )


def _voxels(number: int) -> str:
    return "1 voxel" if number == 1 else f"{number:,} voxels"


def _empty(cases: Sequence[Case], traits: Sequence[CaseTraits]) -> list[Suspect]:
    return [
        Suspect(
            kind=SuspectKind.EMPTY,
            case=case.id,
            place=None,
            what="The case is marked complete, but its mask holds nothing.",
            measured=0.0,
            limit=1.0,
            remedy="Confirm that it is empty, or draw its lesions.",
        )
        for case, one in zip(cases, traits, strict=True)
        if case.state is CaseState.COMPLETE and not one.sizes
    ]


def _duplicates(cases: Sequence[Case], traits: Sequence[CaseTraits], hashes: Mapping[str, str]) -> list[Suspect]:
    shaped = defaultdict(list)
    for row, case in enumerate(cases):
        shaped[case.grid.is_2d].append(row)
    found = []
    for rows in shaped.values():
        for twins in same_pictures([traits[row].fingerprint for row in rows]):
            first, second = cases[rows[twins.first]], cases[rows[twins.second]]
            exact = hashes.get(first.id, "a") == hashes.get(second.id, "b")
            found.append(_duplicate(first, second, 1.0 if exact else twins.likeness, twins.turned, exact=exact))
    return found


def _duplicate(first: Case, second: Case, likeness: float, turned: str, *, exact: bool) -> Suspect:
    how = f", {turned}" if turned else ""
    same = "the same voxels" if exact else f"the same picture{how} (correlation {likeness:.4f})"
    apart = first.part is not second.part and Part.TRAIN in (first.part, second.part)
    where = (
        f": one in {_part(first)}, one in {_part(second)}, so that results look better than they are" if apart else ""
    )
    return Suspect(
        kind=SuspectKind.DUPLICATE,
        case=second.id,
        other=first.id,
        place=None,
        what=f"{second.id} and {first.id} are {same}{where}.",
        measured=likeness,
        limit=SAME_PICTURE,
        remedy="Remove one of them, or give both the same patient and split again.",
    )


def _part(case: Case) -> str:
    return case.part.value if case.part is not None else "no part"


def _shifted(traits: Sequence[CaseTraits]) -> list[Suspect]:
    """Return masks that fit better elsewhere, where the test can be trusted.

    That is where most masks fit where they are; or where at least half of them fit better elsewhere, which is a mistake
    made with all of them.
    """
    placed = [(one.case, one.alignment) for one in traits if one.alignment is not None]
    if not placed:
        return []
    dark = sum(a.contrast_here < 0 for _, a in placed) > len(placed) / 2
    moved = [(case, a) for case, a in placed if _is_moved(a, dark=dark)]
    fitting = sum(abs(a.contrast_here) >= _FITS * abs(a.contrast_there) for _, a in placed)
    if len(placed) >= _LEAST_CASES and max(fitting / len(placed) / _FITTING_SHARE, 2 * len(moved) / len(placed)) < 1:
        return []
    return [_moved(case, a) for case, a in moved]


def _is_moved(a: Alignment, *, dark: bool) -> bool:
    return (
        a.distance >= _SHIFT
        and (a.contrast_there < 0) is dark
        and abs(a.contrast_there) >= _LEAST_CONTRAST
        and abs(a.contrast_here) <= _KEPT_CONTRAST * abs(a.contrast_there)
        and a.edge_there >= _EDGE_GAIN * a.edge_here
    )


def _moved(case: str, a: Alignment) -> Suspect:
    p, r, c = a.shift
    return Suspect(
        kind=SuspectKind.SHIFTED,
        case=case,
        place=None,
        what=(
            f"The mask would fit better {_steps(p, r, c)}: contrast {abs(a.contrast_there):.2f} there, "
            f"{abs(a.contrast_here):.2f} here."
        ),
        measured=a.distance,
        limit=_SHIFT,
        remedy="Import scan and mask again from files of one geometry, or draw the mask anew.",
    )


def _steps(planes: int, rows: int, columns: int) -> str:
    words = [
        f"{_voxels(abs(steps))} {after if steps > 0 else before}"
        for steps, before, after in ((rows, "up", "down"), (columns, "left", "right"))
        if steps
    ]
    if planes:
        word = "plane" if abs(planes) == 1 else "planes"
        words.insert(0, f"{abs(planes)} {word} {'on' if planes > 0 else 'back'}")
    return " and ".join(words)
