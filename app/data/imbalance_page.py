"""The page of imbalance: how many lesions, how large, which cases hold none, and how the split shares them out."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QVBoxLayout,
)

from app.data.empties import empties_words
from app.data.facts import Advised, Facts
from app.data.histogram import Bar, Histogram, doubling_classes
from app.data.measured_page import MeasuredPage
from app.data.overview import PartFigures, overview_of
from app.session import Session
from app.settings import Settings
from app.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4, current_tokens, set_role
from app.widgets.wording import PART_WORDS, count, one_in, percent
from segcore.imbalance.statistics import ProjectStatistics
from segcore.projects.case import Part

_COLUMNS = ("Part", "Cases", "Patients", "With lesions", "Lesions", "Foreground", "1 : N")


class ImbalancePage(MeasuredPage[Advised]):
    """Two histograms above, the balance of the split and the empty cases below.

    Signals
    -------
    casesChosen(tuple)
        Ids of the cases behind a bar: to be selected in the table.
    """

    casesChosen = Signal(tuple)

    def __init__(self, session: Session, settings: Settings, facts: Facts) -> None:
        self.counts = Histogram(
            "Lesions per case", "lesions", "cases", "Hover over a bar for its numbers; click to select its cases."
        )
        self.sizes = Histogram(
            "Size of lesions", "voxels", "lesions", "Hover over a bar for its numbers; click to select its cases."
        )
        self.cells: dict[tuple[Part, str], QLabel] = {}
        self.balance_note = QLabel()
        self.empties = QLabel()
        self.empty_list = QListWidget()
        self.logarithmic = QCheckBox("Logarithmic counts")
        self._behind: dict[str, list[tuple[str, ...]]] = {"counts": [], "sizes": []}
        super().__init__(facts.advised, "Measuring the cases that training may learn from.")
        self._session, self._facts = session, facts
        self._lay_out()
        self.logarithmic.setToolTip("Shows one case beside a thousand")
        for histogram, name in ((self.counts, "counts"), (self.sizes, "sizes")):
            self.logarithmic.toggled.connect(histogram.set_logarithmic)
            histogram.chosen.connect(lambda bar, name=name: self.casesChosen.emit(self._behind[name][bar]))
        self.empty_list.itemActivated.connect(lambda item: session.open_case(item.text()))
        facts.samplingChanged.connect(self._show_empties)
        for signal in (session.casesChanged, session.splitChanged, session.projectChanged):
            signal.connect(self._show_balance)
        for signal in (session.caseChanged, session.maskChanged):
            signal.connect(lambda _: self._show_balance())
        settings.themeChanged.connect(self._theme_changed)
        self._show_balance()

    def _lay_out(self) -> None:
        self.top.addWidget(self.logarithmic)
        plots = QHBoxLayout()
        plots.setSpacing(SPACE_3)
        plots.addWidget(self.counts, 1)
        plots.addWidget(self.sizes, 1)
        below = QHBoxLayout()
        below.setSpacing(SPACE_3)
        below.addWidget(self._make_balance(), 3)
        below.addWidget(self._make_empties(), 2)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_2)
        layout.addLayout(plots, 1)
        layout.addLayout(below)

    def _make_balance(self) -> QFrame:
        card = _card()
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_4)
        grid.setVerticalSpacing(SPACE_1)
        for column, title in enumerate(_COLUMNS):
            label = QLabel(title)
            set_role(label, "small")
            grid.addWidget(label, 0, column, _side(column))
        for line, part in enumerate(Part, start=1):
            for column, title in enumerate(_COLUMNS):
                cell = self.cells[part, title] = QLabel("–")
                grid.addWidget(cell, line, column, _side(column))
        self.balance_note.setWordWrap(True)
        layout = QVBoxLayout(card)
        layout.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        layout.setSpacing(SPACE_2)
        layout.addWidget(_heading("Balance of the split"))
        layout.addLayout(grid)
        layout.addWidget(self.balance_note)
        layout.addStretch(1)
        return card

    def _make_empties(self) -> QFrame:
        card = _card()
        self.empties.setWordWrap(True)
        self.empties.setMinimumHeight(60)
        self.empties.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.empty_list.setAccessibleName("Cases without a lesion")
        self.empty_list.setToolTip("Double-click or Enter opens the case in Annotate")
        self.empty_list.setMaximumHeight(76)
        layout = QVBoxLayout(card)
        layout.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, SPACE_2)
        layout.setSpacing(SPACE_2)
        layout.addWidget(_heading("Cases without a lesion"))
        layout.addWidget(self.empties)
        layout.addWidget(self.empty_list)
        layout.addStretch(1)
        return card

    def show_value(self, value: Advised) -> str:
        """Show the histograms and the empty cases."""
        statistics = value.statistics
        self._show_counts(statistics)
        self._show_sizes(statistics)
        self._show_empties()
        sizes = statistics.sizes_voxels
        if not statistics.lesions:
            return f"{count(len(statistics.cases), 'case')}, none of them with a lesion."
        return (
            f"{count(statistics.lesions, 'lesion')} in {count(len(statistics.cases), 'case')} outside the test part: half "
            f"of them have fewer than {sizes.middle + 1:,.0f} voxels; {percent(statistics.prevalence)} foreground."
        )

    def _show_counts(self, statistics: ProjectStatistics) -> None:
        most = max((case.lesions for case in statistics.cases), default=0)
        bars, behind = [], []
        for first, last in [(0, 0), *(doubling_classes(most) if most else [])]:
            ids = tuple(case.case for case in statistics.cases if first <= case.lesions <= last)
            what = "no lesion" if last == 0 else f"{_span(first, last)} lesion{'s' * (last > 1)}"
            share = len(ids) / len(statistics.cases)
            bars.append(
                Bar(
                    tick=_span(first, last),
                    count=len(ids),
                    words=f"{count(len(ids), 'case')} with {what}: {share:.0%} of the cases.",
                )
            )
            behind.append(ids)
        self._behind["counts"] = behind
        self.counts.show_bars(bars)

    def _show_sizes(self, statistics: ProjectStatistics) -> None:
        largest = max((max(case.sizes_voxels) for case in statistics.cases if case.sizes_voxels), default=0)
        bars, behind = [], []
        for first, last in doubling_classes(largest) if largest else []:
            inside = [
                (case.case, size, size * case.voxel_ml)
                for case in statistics.cases
                for size in case.sizes_voxels
                if first <= size <= last
            ]
            bars.append(Bar(tick=_short(last), count=len(inside), words=_size_words(first, last, inside, statistics)))
            behind.append(tuple(dict.fromkeys(case for case, _, _ in inside)))
        self._behind["sizes"] = behind
        self.sizes.show_bars(bars)

    def _show_empties(self) -> None:
        advised = self._facts.advised.value
        if advised is None:
            return
        cases = [case for case in self._session.cases() if case.state.is_trainable and case.part in (Part.TRAIN, None)]
        self.empties.setText(empties_words(cases, self._facts.sampling))
        empty = [case.id for case in cases if not case.foreground_voxels]
        self.empty_list.clear()
        for id in empty:
            self.empty_list.addItem(QListWidgetItem(id))
        self.empty_list.setVisible(bool(empty))

    def _show_balance(self) -> None:
        cases = [case for case in self._session.cases() if case.state.is_trainable]
        overview = overview_of(cases)
        for part, figures in overview.parts:
            for title, text in zip(_COLUMNS, _part_cells(part, figures), strict=True):
                self.cells[part, title].setText(text)
                set_role(self.cells[part, title], "danger" if not figures.with_foreground else "")
        without = [PART_WORDS[part] for part, figures in overview.parts if not figures.with_foreground]
        if overview.not_split == overview.cases:
            note, role = "The cases are not split yet: use Split… on the page Cases.", "warning"
        elif without:
            note, role = f"No lesion in: {', '.join(without)}. Its figures mean nothing; split again.", "danger"
        else:
            note, role = _spread_words([figures for _, figures in overview.parts])
        self.balance_note.setText(note)
        set_role(self.balance_note, role)

    def _theme_changed(self) -> None:
        for histogram in (self.counts, self.sizes):
            histogram.apply_tokens(current_tokens())


def _part_cells(part: Part, figures: PartFigures) -> tuple[str, ...]:
    return (
        PART_WORDS[part],
        f"{figures.cases:,}",
        f"{figures.patients:,}",
        f"{figures.with_foreground:,}",
        f"{figures.lesions:,}",
        percent(figures.prevalence),
        one_in(figures.prevalence),
    )


def _spread_words(parts: list[PartFigures]) -> tuple[str, str]:
    """Return what is to be said of parts that all have lesions, and its role."""
    prevalences = [figures.prevalence for figures in parts]
    ratio = max(prevalences) / min(prevalences)
    if ratio >= 3:
        return (
            f"Foreground differs {ratio:.1f} times between the parts: figures of one hardly hold for another.",
            "warning",
        )
    return f"Every part has lesions; foreground differs {ratio:.1f} times at most.", "success"


def _size_words(first: int, last: int, inside: list[tuple[str, int, float]], statistics: ProjectStatistics) -> str:
    share = len(inside) / statistics.lesions
    cases = len({case for case, _, _ in inside})
    volume = ""
    if inside and statistics.calibrated and statistics.shape[0] > 1:
        low, high = min(ml for _, _, ml in inside), max(ml for _, _, ml in inside)
        volume = f" ({low:.2g} to {high:.2g} ml)"
    voxels = sum(size for _, size, _ in inside)
    of_all = voxels / max(sum(sum(case.sizes_voxels) for case in statistics.cases), 1)
    return (
        f"{count(len(inside), 'lesion')} of {_span(first, last)} voxels{volume} in {count(cases, 'case')}: {share:.0%} of "
        f"the lesions, {of_all:.0%} of the foreground."
    )


def _span(first: int, last: int) -> str:
    return f"{first:,}" if first == last else f"{first:,}–{last:,}"


def _short(number: int) -> str:
    """Return the upper end of a class of sizes: 512, 4k, 2M (powers of two; k is 1,024)."""
    if number >= 1 << 20:
        return f"≤{number >> 20}M"
    return f"≤{number >> 10}k" if number >= 1 << 10 else f"≤{number}"


def _card() -> QFrame:
    card = QFrame()
    card.setProperty("role", "card")
    card.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    return card


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    set_role(label, "heading")
    return label


def _side(column: int) -> Qt.AlignmentFlag:
    return Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
