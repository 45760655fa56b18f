"""Left side of Review: which model, what to predict, and the worklist."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFormLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.review.worklist_table import WorklistModel
from app.theme import SPACE_2
from segcore.projects.case import Case, Part
from segcore.review.worklist import WorkOrder

#: What can be predicted at once, by words.
SCOPES = ("Cases without a finished mask", "Test cases", "Validation cases", "All cases")


class WorklistSide(QWidget):
    """Choices and the list; the panel connects them."""

    def __init__(self, worklist: WorklistModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make_choices()
        self._make_table(worklist)
        self._arrange()

    def _make_choices(self) -> None:
        self.models = QComboBox()
        self.models.setAccessibleName("Model")
        self.models.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.models.setMinimumContentsLength(10)
        self.models.setToolTip("The model whose predictions are reviewed")
        self.scope = QComboBox()
        self.scope.addItems(SCOPES)
        self.scope.setAccessibleName("Cases to predict")
        self.scope.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.scope.setMinimumContentsLength(10)
        self.predict_button = QPushButton("Predict")
        self.predict_button.setObjectName("review-predict")
        self.predict_button.setProperty("role", "primary")
        self.predict_button.setToolTip("Predicts these cases in the background; you can go on working")
        self.progress = QProgressBar()
        self.progress.setVisible(False)
        self.order = QComboBox()
        for order, text in (
            (WorkOrder.DOUBT, "Most doubtful first"),
            (WorkOrder.MEMBERS, "Members disagree most"),
            (WorkOrder.VOLUME, "Largest first"),
            (WorkOrder.DISAGREEMENT, "Most different from the mask"),
            (WorkOrder.NAME, "By name"),
        ):
            self.order.addItem(text, order.value)
        self.order.setAccessibleName("Order of the worklist")

    def _make_table(self, worklist: WorklistModel) -> None:
        self.table = QTableView()
        self.table.setModel(worklist)
        self.table.setObjectName("worklist")
        self.table.setAccessibleName("Worklist")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.verticalHeader().setVisible(False)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.reason = QLabel()
        self.reason.setProperty("role", "small")
        self.reason.setWordWrap(True)

    def wants(self, case: Case) -> bool:
        """Whether a case is among those that shall be predicted."""
        scope = SCOPES.index(self.scope.currentText())
        if scope == 0:
            return not case.state.is_trainable
        if scope == 1:
            return case.part is Part.TEST
        return case.part is Part.VALIDATION if scope == 2 else True

    def _arrange(self) -> None:
        form = QFormLayout()
        form.addRow("Model", self.models)
        form.addRow("Predict", self.scope)
        self.setFixedWidth(290)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_2, SPACE_2, 0, SPACE_2)
        column.addLayout(form)
        column.addWidget(self.predict_button)
        column.addWidget(self.progress)
        heading = QLabel("Worklist")
        heading.setProperty("role", "heading")
        column.addWidget(heading)
        column.addWidget(self.order)
        column.addWidget(self.table, 1)
        column.addWidget(self.reason)
