"""Splitting cases into training, validation and test: by patient, balanced by lesion load, checked for leaks."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from segcore.errors import SettingProblem
from segcore.projects.case import Case, Part

#: Training, validation, test.
DEFAULT_FRACTIONS = (0.7, 0.1, 0.2)
_PARTS = (Part.TRAIN, Part.VALIDATION, Part.TEST)


def split_by_group(
    cases: Sequence[Case], *, fractions: tuple[float, float, float] = DEFAULT_FRACTIONS, seed: int = 0
) -> dict[str, Part]:
    """Assign every case to a part so that no group lies in two.

    Groups are ordered by their foreground and dealt out in strata, so that every part gets groups with little and with
    much foreground, and empty groups are spread too. With few groups each part with a fraction above 0 still gets one
    (training first, then validation, then test).

    Parameters
    ----------
    cases
        All cases to be split.
    fractions
        Shares of training, validation and test; must sum to 1.
    seed
        The same seed and cases give the same split.

    Raises
    ------
    SettingProblem
        If the fractions are negative or do not sum to 1, or training gets nothing.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1.0) > 1e-6 or fractions[0] <= 0:
        raise SettingProblem(
            f"the shares {fractions} do not split all cases",
            remedy="give three shares that sum to 1, the first above 0",
        )
    load: dict[str, int] = defaultdict(int)
    for case in cases:
        load[case.group] += case.foreground_voxels
    counts = _counts(len(load), fractions)
    order = _deal(load, counts, random.Random(seed))
    return {case.id: order[case.group] for case in cases}


def _counts(groups: int, fractions: tuple[float, float, float]) -> list[int]:
    """Return how many groups each part gets; each wanted part gets one as long as groups last."""
    wanted = [i for i in range(3) if fractions[i] > 0]
    counts = [1 if i in wanted[:groups] else 0 for i in range(3)]
    while sum(counts) < groups:
        lacking = [(fractions[i] * groups - counts[i], -i) for i in range(3)]
        counts[-max(lacking)[1]] += 1
    return counts


def _deal(load: dict[str, int], counts: list[int], rng: random.Random) -> dict[str, Part]:
    """Deal groups, sorted by load, to the part that is furthest behind its share of what was dealt so far.

    Ties within equal progress are broken at random, and neighbours in load are shuffled in small blocks, so that the
    seed matters but the balance does not suffer.
    """
    groups = sorted(load, key=lambda g: (load[g], g))
    block = 3
    for start in range(0, len(groups), block):
        part = groups[start : start + block]
        rng.shuffle(part)
        groups[start : start + block] = part
    # The heaviest first: the small parts must not be left with empty groups only.
    groups.reverse()
    given = [0, 0, 0]
    order: dict[str, Part] = {}
    total = len(groups)
    for dealt, group in enumerate(groups, start=1):
        behind = [
            (counts[i] * (dealt - 0.5) / total - given[i], rng.random(), i) for i in range(3) if given[i] < counts[i]
        ]
        chosen = max(behind)[2]
        given[chosen] += 1
        order[group] = _PARTS[chosen]
    return order


def leaks(cases: Sequence[Case], *, hashes: dict[str, str] | None = None) -> tuple[str, ...]:
    """Return one sentence for each group, or identical scan, that lies in more than one part.

    Parameters
    ----------
    cases
        Cases with their parts.
    hashes
        Content hash of each case's scan, to find the same scan under two names.
    """
    parts: dict[str, set[Part]] = defaultdict(set)
    twins: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if case.part is not None:
            parts[case.group].add(case.part)
            if hashes and case.id in hashes:
                twins[hashes[case.id]].append(case)
    sentences = [
        f"Patient {group} is in {' and '.join(sorted(p.value for p in found))}."
        for group, found in sorted(parts.items())
        if len(found) > 1
    ]
    for same in twins.values():
        if len({case.part for case in same}) > 1:
            sentences.append(f"The same scan is in two parts: {', '.join(case.id for case in same)}.")
    return tuple(sentences)
