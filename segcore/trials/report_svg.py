"""The two drawings of a trial's report: learning curves with bands, and differences with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from segcore.trials.comparison import TrialComparison, signed
from segcore.trials.curves import Band

#: Width of a drawing, px.
SVG_WIDTH = 760
_HEIGHT = 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 16, 26, 34
_LABELS = 290
_ROW = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """Colours of text, of lines that recede, and of what is shown by the data."""

    text: str = "#1b1f24"
    quiet: str = "#59636e"
    shown: str = "#0072b2"


PAPER = Ink()


def curves_svg(bands: Sequence[Band], names: Sequence[str], colours: Sequence[str]) -> str:
    """Return the learning curves; values are 0..1."""
    last = max((band.steps[-1] for band in bands if band.steps), default=0)
    if not last:
        return "<p>No run has validated yet.</p>"

    def x(step: float) -> float:
        return _LEFT + step / last * (SVG_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (1 - value) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [_frame(x, y, last)]
    for number, band in enumerate(bands):
        colour = colours[number % len(colours)]
        if len(band.steps) > 1:
            above = [f"{x(s):.1f},{y(v):.1f}" for s, v in zip(band.steps, band.high, strict=True)]
            below = [f"{x(s):.1f},{y(v):.1f}" for s, v in zip(band.steps, band.low, strict=True)]
            parts.append(f'<polygon points="{" ".join(above + below[::-1])}" fill="{colour}" opacity=".15"/>')
        line = " ".join(f"{x(s):.1f},{y(v):.1f}" for s, v in zip(band.steps, band.mean, strict=True))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        at = _LEFT + 10 + number * 180
        parts.append(f'<rect x="{at}" y="6" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{at + 15}" y="15">{escape(_short(names[number], 20))}</text>')
    return _svg(_HEIGHT, parts, "Learning curves", PAPER)


def _frame(x: Callable[[float], float], y: Callable[[float], float], last: int) -> str:
    lines = []
    for tenth in range(0, 11, 2):
        at = y(tenth / 10)
        lines.append(f'<line x1="{_LEFT}" y1="{at:.1f}" x2="{SVG_WIDTH - _RIGHT}" y2="{at:.1f}" stroke="#d8dee4"/>')
        lines.append(f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>')
    for quarter in range(5):
        step = last * quarter / 4
        lines.append(f'<text x="{x(step):.1f}" y="{_HEIGHT - 14}" text-anchor="middle">{step:.0f}</text>')
    lines.append(f'<text x="{SVG_WIDTH - _RIGHT}" y="{_HEIGHT - 1}" text-anchor="end">steps</text>')
    return "".join(lines)


def differences_height(comparison: TrialComparison) -> int:
    """Return how high the drawing of the differences is, px."""
    return _ROW * len(comparison.pairs) + 30


def differences_svg(comparison: TrialComparison, ink: Ink = PAPER) -> str:
    """Return the differences between arms with their intervals and a line at zero."""
    values = [v for p in comparison.pairs for v in (p.comparison.difference, p.comparison.low, p.comparison.high)]
    reach = max((abs(v) for v in values if not math.isnan(v)), default=0.0) * 1.15 or 0.1
    middle, half = (_LABELS + SVG_WIDTH - 70) / 2, (SVG_WIDTH - 70 - _LABELS) / 2
    height = differences_height(comparison)

    def x(value: float) -> float:
        return middle + value / reach * half

    bottom = height - 22
    parts = [f'<line x1="{middle}" y1="4" x2="{middle}" y2="{bottom}" stroke="{ink.quiet}" stroke-dasharray="3 3"/>']
    for number, pair in enumerate(comparison.pairs):
        c, at = pair.comparison, 16 + number * _ROW
        first, second = comparison.arms[pair.first].name, comparison.arms[pair.second].name
        label = escape(f"{_short(first, 22)} − {_short(second, 22)}")
        colour = ink.shown if pair.is_shown else ink.quiet
        parts.append(f'<text x="{_LABELS - 8}" y="{at + 4}" text-anchor="end">{label}</text>')
        if not math.isnan(c.low):
            parts.append(
                f'<line x1="{x(c.low):.1f}" y1="{at}" x2="{x(c.high):.1f}" y2="{at}" stroke="{colour}" stroke-width="2"/>'
            )
        if not math.isnan(c.difference):
            parts.append(f'<circle cx="{x(c.difference):.1f}" cy="{at}" r="4.5" fill="{colour}"/>')
        parts.append(f'<text x="{SVG_WIDTH - 60}" y="{at + 4}">{signed(c.difference)}</text>')
    parts += [
        f'<text x="{x(at):.1f}" y="{height - 4}" text-anchor="middle">{"0" if at == 0 else signed(at)}</text>'
        for at in (-reach / 1.15, 0.0, reach / 1.15)
    ]
    return _svg(height, parts, f"Differences in {comparison.metric.label}", ink)


def _svg(height: int, parts: Sequence[str], title: str, ink: Ink) -> str:
    return (
        f'<svg viewBox="0 0 {SVG_WIDTH} {height}" width="{SVG_WIDTH}" height="{height}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui,sans-serif" font-size="12" fill="{ink.text}">{"".join(parts)}</svg>'
    )


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
