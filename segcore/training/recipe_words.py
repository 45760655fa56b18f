"""Recipes in words, and what differs between two of them. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from segcore.catalog.entry import find
from segcore.catalog.losses import LOSSES
from segcore.ranges import Choice, Setting, Switch, settings_of
from segcore.training.recipe import LossTerm, Recipe

#: Sections of a recipe in the order of the form: its field, its heading.
SECTION_TITLES: tuple[tuple[str, str], ...] = (
    ("sampling", "Sampling"),
    ("synthesis", "Synthesis"),
    ("augmentation", "Augmentation"),
    ("network", "Network"),
    ("budget", "Budget"),
    ("ensemble", "Ensemble"),
    ("optimiser", "Optimiser"),
    ("machine", "Machine"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A setting that two recipes do not share.

    Parameters
    ----------
    section, setting
        As the form calls them.
    first, second
        Its values in words.
    """

    section: str
    setting: str
    first: str
    second: str


def value_words(item: Setting, value: float | bool | str) -> str:
    """Return a setting's value as the form shows it."""
    if isinstance(item.domain, Switch):
        return "on" if value else "off"
    if isinstance(item.domain, Choice):
        return dict(item.domain.options).get(str(value), str(value))
    unit = f" {item.domain.unit}" if item.domain.unit else ""
    return f"{value:g}{unit}" if isinstance(value, int | float) else str(value)


def term_words(term: LossTerm) -> str:
    """Return a term of a loss in one line: its name, and what differs from the catalogue's defaults."""
    entry = find("loss", term.name, LOSSES)
    parts = [f"weight {term.weight:g}"] if term.weight != 1 else []
    parts += [f"grows over {100 * term.ramp:g} % of the run"] if term.ramp else []
    for name, value in term.parameters:
        item = entry.parameter(name)
        if value != item.domain.default:
            parts.append(f"{item.label.lower()} {value_words(item, value)}")
    return f"{entry.label}: {', '.join(parts)}" if parts else entry.label


def differences(first: Recipe, second: Recipe) -> tuple[Difference, ...]:
    """Return what differs between two recipes, name and all; empty for equal ones."""
    found = []
    if first.name != second.name:
        found.append(Difference(section="Recipe", setting="Name", first=first.name, second=second.name))
    for place in range(max(len(first.loss), len(second.loss))):
        one, other = (term_words(r.loss[place]) if place < len(r.loss) else "–" for r in (first, second))
        if one != other:
            heading = "Loss" if place == 0 else f"Loss {place + 1}"
            found.append(Difference(section="Loss", setting=heading, first=one, second=other))
    for section, title in SECTION_TITLES:
        for item in settings_of(getattr(first, section)):
            mine, yours = (getattr(getattr(recipe, section), item.name) for recipe in (first, second))
            if mine != yours:
                found.append(
                    Difference(
                        section=title,
                        setting=item.label,
                        first=value_words(item, mine),
                        second=value_words(item, yours),
                    )
                )
    return tuple(found)
