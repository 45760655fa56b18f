"""The strip above the table: the project in a few figures."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout

from app.data.overview import Overview, PartFigures
from app.theme import SPACE_1, SPACE_2, SPACE_3, set_role
from app.widgets.wording import PART_WORDS, STATE_WORDS, count, one_in, percent
from segcore.projects.case import CaseState, Part


class Tile(QFrame):
    """A figure with its name above and a remark below."""

    def __init__(self, name: str, stretch: int = 1) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.stretch = stretch
        self.name = QLabel(name)
        self.figure = QLabel("–")
        self.remark = QLabel("")
        for label, role in ((self.name, "small"), (self.figure, "figure"), (self.remark, "small")):
            label.setProperty("role", role)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        layout.setSpacing(SPACE_1)
        for label in (self.name, self.figure, self.remark):
            layout.addWidget(label)

    def show_figure(self, figure: str, remark: str, tooltip: str, *, warning: bool = False) -> None:
        """Show a figure and its remark."""
        self.figure.setText(figure)
        self.remark.setText(remark)
        set_role(self.remark, "warning" if warning else "small")
        self.setToolTip(tooltip)
        self.setAccessibleName(f"{self.name.text()}: {figure}, {remark}")


class SummaryStrip(QFrame):
    """Tiles for cases, prevalence, lesions and each part of the split."""

    def __init__(self) -> None:
        super().__init__()
        self.cases = Tile("Cases", 3)
        self.prevalence = Tile("Foreground", 3)
        self.lesions = Tile("Lesions", 3)
        self.parts = {part: Tile(PART_WORDS[part], 2) for part in Part}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_2)
        for tile in (self.cases, self.prevalence, self.lesions, *self.parts.values()):
            layout.addWidget(tile, tile.stretch)

    def show_overview(self, overview: Overview, leaks: tuple[str, ...]) -> None:
        """Show new figures."""
        waiting = overview.cases - overview.trainable
        states = "\n".join(f"{STATE_WORDS[state]}: {number}" for state, number in overview.states)
        self.cases.show_figure(
            f"{overview.cases:,}",
            f"{overview.trainable:,} ready to train" if overview.trainable else "none ready to train yet",
            f"{states}\nPatients: {overview.patients}\nTraining uses complete and confirmed empty cases.",
            warning=overview.trainable == 0 and waiting > 0,
        )
        pooled = overview.all.prevalence
        self.prevalence.show_figure(
            percent(pooled) if overview.trainable else "–",
            f"{one_in(pooled)}" if pooled else "no foreground yet",
            "Foreground share of all labelled voxels in cases that are ready to train, and foreground to background.",
        )
        empty = dict(overview.states)[CaseState.CONFIRMED_EMPTY]
        self.lesions.show_figure(
            f"{overview.all.lesions:,}",
            f"{count(overview.without_foreground, 'case')} without any",
            f"Connected parts of the foreground in cases that are ready to train; {empty} confirmed empty.",
        )
        for part, figures in overview.parts:
            self._show_part(part, figures, overview, leaks)

    def _show_part(self, part: Part, figures: PartFigures, overview: Overview, leaks: tuple[str, ...]) -> None:
        of_this = [sentence for sentence in leaks if part.value in sentence or "two parts" in sentence]
        problem = ""
        if not figures.cases:
            problem = "not split yet" if overview.not_split else "empty"
        elif of_this:
            problem = "same patient elsewhere"
        elif not figures.with_foreground:
            problem = "no lesion in it"
        remark = problem or f"{figures.lesions:,} lesions · {one_in(figures.prevalence)}"
        details = [
            f"{count(figures.cases, 'case')} of {count(figures.patients, 'patient')}, "
            f"{figures.with_foreground} with foreground, {percent(figures.prevalence)} of the voxels."
        ]
        if overview.not_split:
            details.append(f"{count(overview.not_split, 'case')} not in any part.")
        self.parts[part].show_figure(
            f"{figures.cases:,}", remark, "\n".join([*details, *of_this[:8]]), warning=bool(problem)
        )
