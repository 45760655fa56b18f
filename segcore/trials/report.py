"""A finished trial as a whole: what is shown, printed and exported; and its tables as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segcore.storage import write_text
from segcore.training.record import RunState
from segcore.trials.comparison import METRICS, TrialComparison, compare_arms, counted
from segcore.trials.curves import Band, bands, points_by_run
from segcore.trials.folder import TrialFolder, earlier_looks
from segcore.trials.plan import TrialPlan

#: The curve that is drawn: it needs no threshold and moves before Dice does.
CURVE_LABEL = "Average precision on whole validation scans"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialReport:
    """What a trial says.

    Parameters
    ----------
    comparisons
        One per metric; the first (Dice) is the one that decides, the others describe.
    bands
        Learning curves, one per arm.
    tested, failed
        Number of runs that were measured on the test cases, and that broke.
    looks
        Earlier trials that measured the same test cases.
    """

    plan: TrialPlan
    comparisons: tuple[TrialComparison, ...]
    bands: tuple[Band, ...]
    tested: int
    failed: int
    looks: int

    @property
    def main(self) -> TrialComparison:
        """The comparison by the metric that decides."""
        return self.comparisons[0]

    def sentences(self) -> tuple[str, ...]:
        """Return what may be said about every pair of arms, by the metric that decides."""
        return tuple(self.main.sentence(pair) for pair in self.main.pairs)

    def cautions(self) -> tuple[str, ...]:
        """Return what a reader must know before believing any of it."""
        found = list(self.main.cautions())
        missing = len(self.plan.runs) - self.tested
        if missing:
            broke = f" ({self.failed} broke)" if self.failed else ""
            found.append(f"{missing} of {len(self.plan.runs)} runs are missing{broke}; means leave them out.")
        if self.looks:
            found.append(
                f"{counted(self.looks, 'earlier trial')} measured the same test cases: every look makes a lucky "
                "winner more likely."
            )
        undefined = sum(arm.undefined for arm in self.main.arms)
        if undefined:
            found.append(
                f"{counted(undefined, 'value')} of {self.main.metric.label} undefined (nothing there and nothing "
                "predicted) and left out."
            )
        return tuple(found)


def make_report(trial: TrialFolder) -> TrialReport:
    """Return the report of a trial as far as it is measured."""
    tested = trial.all_tested()
    records = [trial.record(run) for run in trial.plan.runs]
    return TrialReport(
        plan=trial.plan,
        comparisons=tuple(compare_arms(trial.plan, tested, metric) for metric in METRICS),
        bands=bands(trial, points_by_run(trial)),
        tested=len(tested),
        failed=sum(record is not None and record.state is RunState.FAILED for record in records),
        looks=earlier_looks(trial.folder.parent.parent, trial.plan),
    )


def cases_csv(trial: TrialFolder) -> str:
    """Return one row per run and test case with all metrics, as CSV; undefined values are empty."""
    names = [metric.name for metric in METRICS]
    others = ("hd95_mm", "nsd", "false_positives", "predicted_ml", "true_ml")
    rows: list[Sequence[object]] = [("arm", "seed", "case", "patient", *names, *others)]
    tested = trial.all_tested()
    for run in trial.plan.runs:
        for case in tested[run.id].cases if run.id in tested else ():
            values = [metric.value(case) for metric in METRICS]
            values += [float(getattr(case.metrics, name)) for name in others]
            rows.append((trial.plan.arms[run.arm].name, run.seed, case.case, case.group, *map(_cell, values)))
    return _csv(rows)


def comparisons_csv(report: TrialReport) -> str:
    """Return one row per metric and pair of arms: difference, interval, p values, and what may be said."""
    rows: list[Sequence[object]] = [
        ("metric", "first", "second", "difference", "low", "high", "p", "p_holm", "patients", "shown", "sentence")
    ]
    for comparison in report.comparisons:
        for pair in comparison.pairs:
            c = pair.comparison
            rows.append(
                (
                    comparison.metric.name,
                    comparison.arms[pair.first].name,
                    comparison.arms[pair.second].name,
                    *map(_cell, (c.difference, c.low, c.high, c.p, pair.adjusted)),
                    c.pairs,
                    "yes" if pair.is_shown else "no",
                    comparison.sentence(pair),
                )
            )
    return _csv(rows)


def write_csv(trial: TrialFolder, folder: Path) -> tuple[Path, Path]:
    """Write ``<trial>-cases.csv`` and ``<trial>-comparisons.csv``; errors as `segcore.storage.write_text`."""
    cases, pairs = (folder / f"{trial.plan.id}-{word}.csv" for word in ("cases", "comparisons"))
    write_text(cases, cases_csv(trial))
    write_text(pairs, comparisons_csv(make_report(trial)))
    return cases, pairs


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: object) -> object:
    """Keep a spreadsheet from taking a name that begins like a formula for one."""
    if isinstance(cell, str) and cell[:1] in ("=", "+", "@", "\t") and not _is_number(cell):
        return f"'{cell}"
    return cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
