"""The verdict on a run: a coloured strip with a heading, a sentence, the progress bar and the buttons of the run."""

from __future__ import annotations

from PySide6.QtCore import Signal, SignalInstance
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.train.curves import RunCurves, clock
from app.train.run_control import RunState
from app.train.verdict import Mood, judge


class VerdictBanner(QFrame):
    """What is going on, in words.

    Signals
    -------
    stopAsked, pauseAsked, cancelAsked
        A button was pressed.
    whyAsked
        The person wants to know what lies behind a warning.
    """

    stopAsked = Signal()
    pauseAsked = Signal()
    cancelAsked = Signal()
    whyAsked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("verdict")
        self.setProperty("role", "card")
        self._heading = QLabel()
        self._heading.setProperty("role", "heading")
        self._heading.setObjectName("verdict-heading")
        self._sentence = QLabel()
        self._sentence.setWordWrap(True)
        self._sentence.setObjectName("verdict-sentence")
        self._progress = QProgressBar()
        self._progress.setRange(0, 1000)
        self._progress.setTextVisible(False)
        self._progress.setAccessibleName("Progress of the run")
        self._time = QLabel()
        self._time.setProperty("role", "hint")
        self._stop = self._button(
            "Stop and keep the best",
            "run-stop",
            "Ends the run at the next batch and keeps its best model.",
            self.stopAsked,
        )
        self._pause = self._button(
            "Pause",
            "run-pause",
            "Ends the run at the next batch with everything saved; Resume goes on as if it had not been.",
            self.pauseAsked,
        )
        self._cancel = self._button(
            "Cancel",
            "run-cancel",
            "Ends the run and discards its model; the record stays in the list.",
            self.cancelAsked,
        )
        self._why = QPushButton("Why?")
        self._why.setObjectName("verdict-why")
        self._why.setProperty("role", "link")
        self._why.setToolTip("What lies behind this, and what helps.")
        self._why.clicked.connect(self.whyAsked)
        self._arrange()

    def _button(self, text: str, name: str, tooltip: str, signal: SignalInstance) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setToolTip(tooltip)
        button.clicked.connect(signal)
        return button

    def _arrange(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._heading)
        words.addWidget(self._sentence)
        top = QHBoxLayout()
        top.addLayout(words, 1)
        top.addWidget(self._why)
        top.addWidget(self._pause)
        top.addWidget(self._stop)
        top.addWidget(self._cancel)
        bottom = QHBoxLayout()
        bottom.addWidget(self._progress, 1)
        bottom.addWidget(self._time)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.addLayout(top)
        layout.addLayout(bottom)

    def show_run(self, curves: RunCurves, state: RunState, *, live: bool) -> None:
        """Show the verdict on `curves`; `live` is whether it is the run that the engine is working on."""
        verdict = judge(curves)
        waiting = {RunState.STOPPING: "Stopping", RunState.PAUSING: "Pausing", RunState.CANCELLING: "Cancelling"}
        heading = waiting.get(state, verdict.heading) if live else verdict.heading
        self._heading.setText(heading)
        self._sentence.setText(verdict.sentence)
        if self.property("mood") != verdict.mood.value:
            self.setProperty("mood", verdict.mood.value)
            self.style().unpolish(self)
            self.style().polish(self)
        self._why.setVisible(verdict.mood in (Mood.WARNING, Mood.BAD))
        self._stop.setVisible(live)
        self._pause.setVisible(live)
        self._cancel.setVisible(live)
        self._pause.setEnabled(state is RunState.RUNNING)
        self._stop.setEnabled(state is RunState.RUNNING)
        self._cancel.setEnabled(state in (RunState.RUNNING, RunState.STOPPING, RunState.PAUSING))
        self._progress.setVisible(live)
        self._progress.setValue(round(1000 * curves.progress))
        latest = curves.latest_steps
        self._time.setVisible(live)
        self._time.setText(
            f"{_member(curves)}step {latest.step} · {clock(latest.remaining_seconds)} remain"
            if latest is not None
            else f"{_member(curves)}starting"
        )


def _member(curves: RunCurves) -> str:
    return f"member {curves.member.member} of {curves.member.members} · " if curves.member is not None else ""
