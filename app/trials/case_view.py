"""One test case, two arms: both predictions beside each other, each over the reference."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.theme import SPACE_1, SPACE_2
from app.viewer.linked_views import LinkedViews
from app.viewer.scan_view import ScanView
from segcore.projects.project import Project
from segcore.trials.folder import TrialFolder
from segcore.trials.plan import TrialRun


class CaseView(QWidget):
    """Two viewers that move together; blue is the prediction, orange the reference."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trial: TrialFolder | None = None
        self._project: Project | None = None
        self._case = ""
        self.views = (ScanView(), ScanView())
        self.headings = (QLabel(), QLabel())
        self.seed = QComboBox()
        self.seed.setAccessibleName("Seed whose predictions are shown")
        self.hint = QLabel("blue: prediction · orange: reference · the two views move together")
        self.hint.setProperty("role", "small")
        self._arms = (0, 1)
        self._lay_out()
        self.seed.currentIndexChanged.connect(self._show)
        self.links = LinkedViews(*self.views, self)
        self.links.start()
        for view in self.views:
            view.pressed.connect(lambda axis, place, event, a=view: _jump(a, place))
            view.moved.connect(lambda axis, place, event, a=view: _jump(a, place))
            view.doubleClicked.connect(lambda axis, place, event, a=view: a.toggle_single(axis))

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(SPACE_2)
        for view, heading in zip(self.views, self.headings, strict=True):
            heading.setProperty("role", "heading")
            heading.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            column = QVBoxLayout()
            column.setSpacing(SPACE_1)
            column.addWidget(heading)
            column.addWidget(view, 1)
            row.addLayout(column, 1)
        below = QHBoxLayout()
        below.addWidget(self.hint, 1)
        below.addWidget(QLabel("Seed"))
        below.addWidget(self.seed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_1, SPACE_2, SPACE_2, SPACE_1)
        layout.addLayout(row, 1)
        layout.addLayout(below)

    def set_trial(self, project: Project | None, trial: TrialFolder | None) -> None:
        """Show cases of another trial; None shows nothing."""
        self._project, self._trial, self._case = project, trial, ""
        self.seed.blockSignals(True)
        self.seed.clear()
        if trial is not None:
            self.seed.addItems([str(seed) for seed in trial.plan.seeds])
        self.seed.blockSignals(False)
        self._show()

    def show_case(self, case: str, first: int, second: int) -> None:
        """Show a test case with the predictions of two arms; raises `UnreadableFile` if one is damaged."""
        self._case, self._arms = case, (first, second)
        self._show()

    def _show(self) -> None:
        for view, heading, arm in zip(self.views, self.headings, self._arms, strict=True):
            view.set_scan(None)
            if self._trial is None or self._project is None or not self._case:
                heading.setText("")
                continue
            self._show_arm(self._project, self._trial, view, heading, arm)

    def _show_arm(self, project: Project, trial: TrialFolder, view: ScanView, heading: QLabel, arm: int) -> None:
        seed = trial.plan.seeds[max(0, self.seed.currentIndex())]
        run = next(run for run in trial.plan.runs if (run.arm, run.seed) == (arm, seed))
        heading.setText(f"{_dice(trial, run, self._case)} · {trial.plan.arms[arm].name}")
        reference = project.mask(self._case)
        view.set_scan(project.scan(self._case))
        view.set_labels(reference.labels)
        if self._case in trial.predictions(run).cases():
            prediction = trial.predictions(run).load(self._case)
            view.set_prediction(prediction.steps, prediction.facts.step)
        where = reference.labels.reshape(reference.labels.shape[0], -1) == 1
        if where.any():
            view.show_slice(0, int(where.sum(axis=1).argmax()))


def _dice(trial: TrialFolder, run: TrialRun, case: str) -> str:
    tested = trial.tested(run)
    found = next((one for one in tested.cases if one.case == case), None) if tested is not None else None
    if found is None:
        return "Not measured"
    value = found.metrics.dice
    return f"Dice {value:.3f}" if value == value else "Dice undefined"  # NaN differs from itself


def _jump(view: ScanView, place: tuple[float, float, float]) -> None:
    view.set_crosshair((round(place[0]), round(place[1]), round(place[2])))
