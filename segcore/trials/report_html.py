"""A trial's report as one HTML file that needs nothing else: no script, no font, no connection."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from segcore import __version__
from segcore.storage import write_text
from segcore.trials.comparison import TrialComparison, counted
from segcore.trials.folder import TrialFolder
from segcore.trials.report import CURVE_LABEL, TrialReport, make_report
from segcore.trials.report_svg import curves_svg, differences_svg

#: Colours that are told apart by people with any kind of colour vision (Okabe and Ito 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#8c6d31")

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1b1f24;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin-top:2rem}
p.quiet,td.quiet{color:#59636e}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d8dee4}th{font-weight:600}
td.number,th.number{text-align:right}ul{padding-left:1.2rem}.caution{border-left:4px solid #d55e00;padding:.1rem 1rem;
background:#fff6ee}svg{max-width:100%;height:auto}.swatch{display:inline-block;width:.8em;height:.8em;border-radius:2px;
margin-right:.5em}@media print{body{margin:0}h2{break-after:avoid}table,svg{break-inside:avoid}}
"""


def write_html(trial: TrialFolder, file: Path) -> None:
    """Write the report of a trial; errors as `segcore.storage.write_text`."""
    write_text(file, report_html(make_report(trial)))


def report_html(report: TrialReport) -> str:
    """Return the report as HTML."""
    plan = report.plan
    seeds = ", ".join(map(str, plan.seeds))
    parts = [
        f"<h1>{escape(plan.name)}</h1>",
        f'<p class="quiet">{counted(len(plan.arms), "recipe")}, {counted(len(plan.seeds), "seed")} ({seeds}), '
        f"{plan.steps} steps each; {counted(len(plan.test), 'test case')} of {counted(report.main.patients, 'patient')}, "
        f"measured once after all training. Begun {escape(plan.created[:16].replace('T', ' '))} UTC. "
        f"RareSeg {__version__}, for research use only.</p>",
        _list(report.sentences()),
        _cautions(report.cautions()),
        f"<h2>{escape(CURVE_LABEL)}</h2>",
        curves_svg(report.bands, [arm.name for arm in plan.arms], COLOURS),
        "<p class='quiet'>Line: mean over seeds. Band: lowest to highest seed.</p>",
    ]
    for comparison in report.comparisons:
        parts += _comparison(comparison, decides=comparison is report.main)
    parts += [_recipes(report), _cases(report.main), _method(report)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(plan.name)}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _list(sentences: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences) + "</ul>"


def _cautions(sentences: Sequence[str]) -> str:
    return f'<div class="caution">{_list(sentences)}</div>' if sentences else ""


def _comparison(comparison: TrialComparison, *, decides: bool) -> list[str]:
    heading = comparison.metric.label + (" (decides)" if decides else "")
    rows = [
        (
            _swatch(number) + escape(arm.name),
            _value(arm.mean),
            f"{_value(arm.low)} to {_value(arm.high)}",
            ", ".join(_value(value) for value in arm.by_seed),
            _value(arm.seed_spread),
        )
        for number, arm in enumerate(comparison.arms)
    ]
    return [
        f"<h2>{escape(heading)}</h2>",
        _table(("Recipe", "Mean over patients", "95 % interval", "By seed", "Spread over seeds"), rows),
        differences_svg(comparison),
    ]


def _recipes(report: TrialReport) -> str:
    rows = [
        (
            _swatch(number) + escape(arm.name),
            escape(" + ".join(term.name for term in arm.recipe.loss)),
            escape(arm.recipe.sampling.method),
            escape(f"{arm.recipe.network.size}, {arm.recipe.network.dimensions}"),
            f"{arm.recipe.optimiser.learning_rate:g}",
        )
        for number, arm in enumerate(report.plan.arms)
    ]
    return "<h2>Recipes</h2>" + _table(("Recipe", "Loss", "Sampling", "Network", "Learning rate"), rows)


def _cases(comparison: TrialComparison) -> str:
    rows = [(escape(row.case), escape(row.group), *(_value(value) for value in row.values)) for row in comparison.cases]
    names = [_swatch(number) + escape(arm.name) for number, arm in enumerate(comparison.arms)]
    heading = f"<h2>{escape(comparison.metric.label)} by test case, mean over seeds</h2>"
    return heading + _table(("Case", "Patient", *names), rows)


def _method(report: TrialReport) -> str:
    return "<h2>How this was measured</h2>" + _list(
        (
            "Every run had the same training and validation cases and the same number of steps; runs of one seed start "
            "from the same weights. Model and threshold were chosen on validation cases.",
            "The test cases were predicted whole, once, after all training had ended.",
            "Differences are paired: seeds are averaged within a case and cases within a patient. Intervals are BCa "
            "bootstrap intervals over patients (5000 resamples), p values come from sign flips over patients and are "
            "corrected after Holm for all pairs of a metric.",
            "A difference counts as shown where the interval leaves out zero and the corrected p is below 0.05, by the "
            "metric that decides; the other metrics describe.",
            "Cases in which nothing is there and nothing was predicted have no Dice and are left out.",
        )
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = "".join(f"<th>{name if '<' in name else escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _swatch(number: int) -> str:
    return f'<span class="swatch" style="background:{COLOURS[number % len(COLOURS)]}"></span>'


def _value(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"
