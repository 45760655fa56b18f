"""What a trial's test results allow one to say: paired over patients, seeds averaged, with intervals, p values and words.

The unit is the patient: a patient's cases are averaged, because scans of one person are not independent. Seeds are
averaged within a case; how far they differ is shown beside it, since an interval over patients does not hold it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from segcore.metrics.empty import mean_of_defined
from segcore.metrics.inference import Comparison, bootstrap_interval, compare_paired, holm
from segcore.trials.folder import TestedCase, TestedRun
from segcore.trials.plan import FEWEST_SEEDS, TrialPlan

#: A difference counts as shown below this p after Holm's correction.
LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric that a trial can be judged by; all are better when higher."""

    name: str
    label: str
    value: Callable[[TestedCase], float]


METRICS: tuple[Metric, ...] = (
    Metric(name="dice", label="Dice", value=lambda case: case.metrics.dice),
    Metric(name="lesion_f1", label="Lesion F1", value=lambda case: case.metrics.lesion_f1),
    Metric(name="average_precision", label="Average precision", value=lambda case: case.average_precision),
    Metric(name="recall", label="Recall", value=lambda case: case.metrics.recall),
    Metric(name="precision", label="Precision", value=lambda case: case.metrics.precision),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmScore:
    """How one arm did.

    Parameters
    ----------
    mean
        Over patients of the mean over seeds.
    low, high
        95 % BCa bootstrap interval over patients; NaN with fewer than two.
    by_seed
        The mean over patients for each seed; NaN where that run is missing.
    undefined
        Cases without a value (nothing there and nothing predicted), summed over the runs.
    """

    name: str
    mean: float
    low: float
    high: float
    by_seed: tuple[float, ...]
    undefined: int

    @property
    def seed_spread(self) -> float:
        """Standard deviation over seeds; NaN with fewer than two."""
        values = [value for value in self.by_seed if not math.isnan(value)]
        return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class PairResult:
    """Two arms on the same patients; the comparison is first − second.

    Parameters
    ----------
    adjusted
        p after Holm's correction over all pairs of this metric.
    by_seed
        The mean difference for each seed.
    """

    first: int
    second: int
    comparison: Comparison
    adjusted: float
    by_seed: tuple[float, ...]

    @property
    def is_shown(self) -> bool:
        """Whether the interval leaves out zero and the corrected p is below 0.05."""
        return self.comparison.verdict != "cannot be told apart" and self.adjusted < LEVEL

    @property
    def is_hint(self) -> bool:
        """Whether the interval leaves out zero but the corrected p does not bear it out."""
        return self.comparison.verdict != "cannot be told apart" and not self.is_shown


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """One test case: per arm the mean over seeds; NaN where undefined."""

    case: str
    group: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialComparison:
    """A trial's arms by one metric."""

    metric: Metric
    arms: tuple[ArmScore, ...]
    pairs: tuple[PairResult, ...]
    cases: tuple[CaseRow, ...]
    patients: int
    seeds: int

    def sentence(self, pair: PairResult) -> str:
        """Return what may be said about two arms."""
        first, second, c = self.arms[pair.first].name, self.arms[pair.second].name, pair.comparison
        numbers = (
            f"{self.metric.label} differs by {signed(c.difference)} (95 % interval {signed(c.low)} to {signed(c.high)}, "
            f"p = {pair.adjusted:.2g} after Holm, {counted(c.pairs, 'patient')})"
        )
        if pair.is_shown:
            better, worse = (first, second) if c.difference > 0 else (second, first)
            return f"{better} is better than {worse}: {numbers}."
        if pair.is_hint:
            better, worse = (first, second) if c.difference > 0 else (second, first)
            return f"{better} may be better than {worse}, which these patients hint at but do not show: {numbers}."
        return f"{first} and {second} cannot be told apart: {numbers}."

    def cautions(self) -> tuple[str, ...]:
        """Return what a reader must know before believing any of it."""
        found = []
        if self.patients < 2:
            found.append("With a single test patient nothing can be said about others.")
        elif 2.0 ** (1 - self.patients) >= LEVEL:
            found.append(
                f"With {self.patients} test patients the smallest possible p is {2.0 ** (1 - self.patients):.2g}: no "
                "difference can be shown, however large."
            )
        elif self.patients < 50:
            found.append(f"{self.patients} test patients are few: intervals of a mean are too narrow below about 50.")
        if self.seeds < FEWEST_SEEDS:
            found.append(f"With {counted(self.seeds, 'seed')} a difference may be luck of the start; use 3 or more.")
        turning = [pair for pair in self.pairs if (pair.is_shown or pair.is_hint) and _turns(pair.by_seed)]
        for pair in turning:
            names = f"{self.arms[pair.first].name} and {self.arms[pair.second].name}"
            found.append(f"Between {names} the sign of the difference changes from seed to seed.")
        return tuple(found)


def _turns(by_seed: Sequence[float]) -> bool:
    known = [value for value in by_seed if not math.isnan(value)]
    return bool(known) and min(known) < 0 < max(known)


def compare_arms(plan: TrialPlan, tested: Mapping[str, TestedRun], metric: Metric) -> TrialComparison:
    """Return the comparison of a trial's arms by a metric; runs that are missing are left out.

    Parameters
    ----------
    tested
        By run id.
    """
    table = _table(plan, tested, metric)
    groups = [case.group or case.case for case in plan.test]
    with_seeds = np.array([[mean_of_defined(case) for case in arm] for arm in table])
    arms = tuple(_arm_score(plan, index, table[index], groups) for index in range(len(plan.arms)))
    pairs = _pairs(table, with_seeds, groups)
    rows = tuple(
        CaseRow(case=case.case, group=case.group, values=tuple(float(v) for v in with_seeds[:, number]))
        for number, case in enumerate(plan.test)
    )
    return TrialComparison(
        metric=metric,
        arms=arms,
        pairs=pairs,
        cases=rows,
        patients=len(set(groups)),
        seeds=len(plan.seeds),
    )


def _table(plan: TrialPlan, tested: Mapping[str, TestedRun], metric: Metric) -> np.ndarray:
    """Return values (arms, cases, seeds); NaN where a run is missing or the metric undefined."""
    table = np.full((len(plan.arms), len(plan.test), len(plan.seeds)), math.nan)
    places = {case.case: number for number, case in enumerate(plan.test)}
    for run in plan.runs:
        for case in tested[run.id].cases if run.id in tested else ():
            table[run.arm, places[case.case], plan.seeds.index(run.seed)] = metric.value(case)
    return table


def _by_patient(values: Sequence[float] | np.ndarray, groups: Sequence[str]) -> list[float]:
    """Return the mean over each patient's cases, patients in order of appearance."""
    names = list(dict.fromkeys(groups))
    return [mean_of_defined(float(v) for v, g in zip(values, groups, strict=True) if g == name) for name in names]


def _arm_score(plan: TrialPlan, index: int, values: np.ndarray, groups: Sequence[str]) -> ArmScore:
    patients = _by_patient([mean_of_defined(case) for case in values], groups)
    low, high = bootstrap_interval(patients)
    by_seed = tuple(mean_of_defined(_by_patient(values[:, seed], groups)) for seed in range(values.shape[1]))
    there = [not math.isnan(value) for value in by_seed]
    return ArmScore(
        name=plan.arms[index].name,
        mean=mean_of_defined(patients),
        low=low,
        high=high,
        by_seed=by_seed,
        undefined=int(np.isnan(values[:, there]).sum()),
    )


def _pairs(table: np.ndarray, with_seeds: np.ndarray, groups: Sequence[str]) -> tuple[PairResult, ...]:
    found = []
    for first, second in combinations(range(len(with_seeds)), 2):
        difference = _by_patient(with_seeds[first] - with_seeds[second], groups)
        comparison = compare_paired(difference, [0.0] * len(difference))
        by_seed = tuple(
            mean_of_defined(_by_patient(table[first, :, seed] - table[second, :, seed], groups))
            for seed in range(table.shape[2])
        )
        found.append((first, second, comparison, by_seed))
    adjusted = holm([1.0 if math.isnan(comparison.p) else comparison.p for _, _, comparison, _ in found])
    return tuple(
        PairResult(first=first, second=second, comparison=comparison, adjusted=p, by_seed=by_seed)
        for (first, second, comparison, by_seed), p in zip(found, adjusted, strict=True)
    )


def signed(value: float) -> str:
    """Return a difference as text, e.g. ``"+0.031"``; an undefined one is a dash."""
    return "–" if math.isnan(value) else f"{value:+.3f}".replace("-", "−")


def counted(number: int, word: str) -> str:
    """Return e.g. ``"1 seed"`` or ``"3 seeds"``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
