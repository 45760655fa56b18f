"""Splitting cases into training, validation and test: by patient, balanced by lesion load, checked for leaks."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence

from segcore.errors import NotEnoughData, SettingProblem
from segcore.projects.case import Case, Part

#: Training, validation, test.
DEFAULT_FRACTIONS = (0.7, 0.1, 0.2)
_PARTS = (Part.TRAIN, Part.VALIDATION, Part.TEST)


def split_by_group(
    cases: Sequence[Case], *, fractions: tuple[float, float, float] = DEFAULT_FRACTIONS, seed: int = 0
) -> dict[str, Part]:
    """Assign every case to a part so that no group lies in two.

    Groups with and without foreground are dealt out separately, each ordered by load, so that every part gets small and
    large loads and its share of empty groups. Every part with a share above 0 gets a group, and one with foreground,
    as long as there are enough: training first, then validation (which sets the threshold), then test.

    Parameters
    ----------
    cases
        All cases to be split.
    fractions
        Shares of training, validation and test; must sum to 1.
    seed
        The same seed and cases (in any order) give the same split.

    Raises
    ------
    SettingProblem
        If the fractions are negative or do not sum to 1, or training gets nothing.
    NotEnoughData
        If fewer than two groups have foreground: there would be nothing to learn from, or nothing to validate on.
    """
    if not min(fractions) >= 0 or not abs(sum(fractions) - 1.0) <= 1e-6 or fractions[0] <= 0:
        raise SettingProblem(
            f"the shares {fractions} do not split all cases",
            remedy="give three shares that sum to 1, the first above 0",
        )
    load: dict[str, int] = defaultdict(int)
    for case in cases:
        load[case.group] += case.foreground_voxels
    full = sorted((g for g in load if load[g]), key=lambda g: (-load[g], g))
    empty = sorted(g for g in load if not load[g])
    if len(full) < 2:
        raise NotEnoughData(
            f"{len(full)} of {len(load)} patients have foreground, too few to split",
            remedy="annotate or import at least two patients with foreground; three also allow a test part",
        )
    counts = _counts(len(load), fractions)
    of_full = _shares(len(full), counts)
    of_empty = [total - part for total, part in zip(counts, of_full, strict=True)]
    rng = random.Random(seed)
    order = _deal(full, of_full, rng) | _deal(empty, of_empty, rng)
    return {case.id: order[case.group] for case in cases}


def _counts(groups: int, fractions: tuple[float, float, float]) -> list[int]:
    """Return how many groups each part gets; each wanted part gets one as long as groups last."""
    wanted = [i for i in range(3) if fractions[i] > 0]
    counts = [1 if i in wanted[:groups] else 0 for i in range(3)]
    while sum(counts) < groups:
        lacking = [(fractions[i] * groups - counts[i], -i) for i in range(3)]
        counts[-max(lacking)[1]] += 1
    return counts


def _shares(groups: int, counts: list[int]) -> list[int]:
    """Return how many of `groups` fall to each part, in proportion to `counts` and never more; one to each if possible."""
    shares = [0, 0, 0]
    for i in range(3):
        if counts[i] and sum(shares) < groups:
            shares[i] = 1
    total = sum(counts)
    while sum(shares) < groups:
        lacking = [(counts[i] * groups / total - shares[i], -i) for i in range(3) if shares[i] < counts[i]]
        shares[-max(lacking)[1]] += 1
    return shares


def _deal(groups: list[str], counts: list[int], rng: random.Random) -> dict[str, Part]:
    """Deal sorted groups, each to the part that is furthest behind its share of what was dealt so far.

    Neighbours in load are shuffled in blocks of three and equal claims drawn by lot, so that the seed matters but the
    balance does not suffer.
    """
    groups = list(groups)
    for start in range(0, len(groups), 3):
        block = groups[start : start + 3]
        rng.shuffle(block)
        groups[start : start + 3] = block
    given = [0, 0, 0]
    order: dict[str, Part] = {}
    for dealt, group in enumerate(groups, start=1):
        behind = [
            (counts[i] * (dealt - 0.5) / len(groups) - given[i], rng.random(), i)
            for i in range(3)
            if given[i] < counts[i]
        ]
        chosen = max(behind)[2]
        given[chosen] += 1
        order[group] = _PARTS[chosen]
    return order


def leaks(cases: Sequence[Case], *, hashes: Mapping[str, str] | None = None) -> tuple[str, ...]:
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
