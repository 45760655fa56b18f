"""Asking how far a finished run shall go on."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtWidgets import QInputDialog, QWidget

from segcore.training.recipe import Budget

_MOST_STEPS, _MOST_MINUTES = 10_000_000, 100_000.0


def ask_for_budget(parent: QWidget, budget: Budget) -> Budget | None:
    """Return a larger budget of the same kind, twice as large unless the person says otherwise; None to leave it."""
    if budget.steps:
        steps, agreed = QInputDialog.getInt(
            parent,
            "Train longer",
            f"The run has done its {budget.steps} steps. Up to how many in all? The learning rate begins a new course.",
            min(2 * budget.steps, _MOST_STEPS),
            budget.steps + 1,
            _MOST_STEPS,
        )
        return replace(budget, steps=steps) if agreed else None
    minutes, agreed = QInputDialog.getDouble(
        parent,
        "Train longer",
        f"The run has used its {budget.minutes:g} minutes. Up to how many in all? The learning rate begins a new course.",
        min(2 * budget.minutes, _MOST_MINUTES),
        budget.minutes,
        _MOST_MINUTES,
        1,
    )
    return replace(budget, minutes=minutes) if agreed and minutes > budget.minutes else None
