"""Sharing the cases out to training, validation and test, with a preview of the balance."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.data.overview import Overview, overview_of
from app.errors import report_error
from app.session import Session
from app.theme import SPACE_2, SPACE_3, SPACE_4, indent_numbers, set_role
from app.widgets.wording import PART_WORDS, one_in, percent
from segcore.errors import RareSegError
from segcore.projects.case import Part
from segcore.projects.splitting import DEFAULT_FRACTIONS, leaks, split_by_group

_COLUMNS = ("Part", "Cases", "Patients", "With lesion", "Lesions", "Foreground", "1 : N")


class SplitDialog(QDialog):
    """Shares and seed above, the resulting balance below; nothing is stored before Apply."""

    def __init__(self, parent: QWidget, session: Session) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Split")
        self.setMinimumWidth(640)
        self._session = session
        self._parts: dict[str, Part] = {}
        self.shares = [self._spin(0, 100, round(100 * share), " %") for share in DEFAULT_FRACTIONS]
        self.seed = self._spin(0, 999_999, 0, "")
        self.seed.setToolTip("The same seed and cases give the same split")
        self.cells: dict[tuple[Part, str], QLabel] = {}
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Apply | QDialogButtonBox.StandardButton.Cancel)
        self.apply_button = self.buttons.button(QDialogButtonBox.StandardButton.Apply)
        self.apply_button.setText("Apply split")
        self.apply_button.setDefault(True)
        set_role(self.apply_button, "primary")
        self.apply_button.clicked.connect(self._apply)
        self.buttons.rejected.connect(self.reject)
        self._lay_out()
        indent_numbers(self)
        self._preview()

    def _spin(self, low: int, high: int, value: int, suffix: str) -> QSpinBox:
        box = QSpinBox()
        box.setRange(low, high)
        box.setValue(value)
        box.setSuffix(suffix)
        box.valueChanged.connect(self._preview)
        return box

    def _lay_out(self) -> None:
        words = QLabel(
            "Cases of one patient stay together, and every part gets its share of patients with small and with large "
            "lesion load. Training learns from its part; validation chooses the best model and its threshold; test is "
            "only for the final figures."
        )
        words.setWordWrap(True)
        set_role(words, "muted")
        row = QHBoxLayout()
        row.setSpacing(SPACE_2)
        for part, box in zip(Part, self.shares, strict=True):
            label = QLabel(PART_WORDS[part])
            label.setBuddy(box)
            box.setAccessibleName(f"Share of {part.value}")
            row.addWidget(label)
            row.addWidget(box)
            row.addSpacing(SPACE_2)
        row.addStretch(1)
        seed = QLabel("Seed")
        seed.setBuddy(self.seed)
        self.seed.setAccessibleName("Seed")
        row.addWidget(seed)
        row.addWidget(self.seed)
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_4)
        for column, title in enumerate(_COLUMNS):
            label = QLabel(title)
            set_role(label, "small")
            grid.addWidget(label, 0, column)
        for line, part in enumerate(Part, start=1):
            for column, title in enumerate(_COLUMNS):
                cell = QLabel(PART_WORDS[part] if column == 0 else "")
                self.cells[part, title] = cell
                grid.addWidget(cell, line, column)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        layout.setSpacing(SPACE_3)
        for item in (words, row, grid, self.message):
            layout.addLayout(item) if isinstance(item, QHBoxLayout | QGridLayout) else layout.addWidget(item)
        layout.addStretch(1)
        layout.addWidget(self.buttons)

    @property
    def parts(self) -> dict[str, Part]:
        """The split that Apply would store; empty where the shares do not work."""
        return self._parts

    def _preview(self) -> None:
        cases = self._session.cases()
        shares = [box.value() for box in self.shares]
        try:
            if sum(shares) != 100:
                self._refuse(f"The shares add up to {sum(shares)} %; make them 100 %.")
                return
            self._parts = split_by_group(
                cases, fractions=(shares[0] / 100, shares[1] / 100, shares[2] / 100), seed=self.seed.value()
            )
        except RareSegError as error:
            self._refuse(error.sentence)
            return
        overview = overview_of(cases, self._parts)
        self._show(overview)
        found = leaks([replace(case, part=self._parts.get(case.id)) for case in cases])
        without = [PART_WORDS[part] for part, f in overview.parts if f.cases and not f.with_foreground]
        if found:
            self._say(" ".join(found), "danger")
        elif without:
            self._say(f"No lesion in: {', '.join(without)}. Annotate more cases or change the seed.", "warning")
        else:
            self._say("No patient lies in two parts, and every part has lesions.", "success")
        self.apply_button.setEnabled(True)
        self.apply_button.setToolTip("Store this split")

    def _show(self, overview: Overview) -> None:
        for part, figures in overview.parts:
            texts = (
                PART_WORDS[part],
                f"{figures.cases:,}",
                f"{figures.patients:,}",
                f"{figures.with_foreground:,}",
                f"{figures.lesions:,}",
                percent(figures.prevalence),
                one_in(figures.prevalence),
            )
            for title, text in zip(_COLUMNS, texts, strict=True):
                self.cells[part, title].setText(text)

    def _refuse(self, sentence: str) -> None:
        self._parts = {}
        for (_, title), cell in self.cells.items():
            if title != "Part":
                cell.setText("–")
        self._say(sentence, "warning")
        self.apply_button.setEnabled(False)
        self.apply_button.setToolTip(f"Not available now: {sentence}")

    def _say(self, sentence: str, role: str) -> None:
        self.message.setText(sentence)
        set_role(self.message, role)

    def _apply(self) -> None:
        try:
            self._session.set_parts(self._parts)
        except RareSegError as error:
            report_error(self.parentWidget(), error)
        self.accept()


def can_split(session: Session) -> str:
    """Return why there is nothing to split, or an empty text."""
    if not session.is_writable:
        return "no project that can be changed is open"
    return "" if session.cases() else "the project has no cases yet"
