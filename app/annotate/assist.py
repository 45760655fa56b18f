"""What is shown in blue beside the mask, and how it gets into the mask: predictions, versions, strokes."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.actions import Actions
from app.annotate.hand import Bench
from app.annotate.proposal import Proposal, of_labels, of_probability
from app.annotate.proposal_controls import NOTHING, ProposalControls
from app.annotate.seed_tool import Strokes
from app.annotate.tools import Tool
from app.background import Progress
from app.errors import report_error, report_notice
from app.session import Session
from segcore.annotation.combining import Combination, combine, correct
from segcore.annotation.edits import MaskEdit
from segcore.annotation.scribbles import seeds_of
from segcore.annotation.seeded import Neighbourhood, lesion_probability, neighbourhood
from segcore.errors import RareSegError
from segcore.projects.case import MaskVersion
from segcore.review.predictions import Predictions, predicted_models
from segcore.training.record import list_runs

_NOTHING_SHOWN = "nothing is shown in blue"


class Assist(QObject):
    """Chooses a proposal, shows it, and takes it over.

    Signals
    -------
    changed()
        Something else is shown in blue, or nothing.
    """

    changed = Signal()

    def __init__(self, session: Session, actions: Actions, strokes: Strokes, controls: ProposalControls) -> None:
        super().__init__(controls)
        self._session, self._actions, self._controls, self.strokes = session, actions, controls, strokes
        self._bench: Bench | None = None
        self._window: QWidget = controls
        self.proposal: Proposal | None = None
        self._preview: tuple[Proposal, Neighbourhood] | None = None
        self._chosen = NOTHING
        #: Whether the person chose the source; otherwise a model's prediction is shown where a case waits for a mask.
        self._by_hand = False

    def work_with(self, bench: Bench, window: QWidget) -> None:
        """Begin, once the bench stands."""
        self._bench, self._window = bench, window
        self._controls.sourceChosen.connect(self._choose_by_hand)
        self._controls.stepChanged.connect(self._set_step)
        self.strokes.changed.connect(self._strokes_changed)
        bench.controls.changed.connect(self._show_parts)
        bench.editor.held.connect(lambda _: self._show_parts())
        doings = {f"combine-{how.value}": partial(self.combine, how) for how in Combination}
        for id, doing in {**doings, "preview": self.preview, "accept": self.accept, "discard": self.discard}.items():
            self._actions.action(f"annotate.{id}").triggered.connect(lambda _=False, do=doing: do())
        self._session.predictionsChanged.connect(lambda _: self.refresh())
        self.case_changed()

    @property
    def _case(self) -> str:
        return self._bench.editor.case if self._bench is not None else ""

    @property
    def has_preview(self) -> bool:
        """Whether strokes found something that waits for a decision."""
        return self._preview is not None

    @property
    def shown(self) -> Proposal | None:
        """What is shown in blue now: what strokes found, or else what was chosen."""
        return self._preview[0] if self._preview is not None else self.proposal

    # Sources

    def case_changed(self) -> None:
        """Offer what there is for another case."""
        self._preview = None
        self.strokes.clear()
        self.refresh()

    def refresh(self) -> None:
        """Look for predictions and versions anew."""
        sources = self._sources()
        ids = [id for _, id in sources]
        models = [id for id in ids if id.startswith("model:")]
        wanted = self._chosen if self._by_hand and self._chosen.startswith("model:") else NOTHING
        case = self._session.case(self._case) if self._case else None
        if not self._by_hand and models and case is not None and not case.state.is_trainable:
            wanted = models[0]
        self._controls.offer(sources, wanted)
        self._choose(wanted if wanted in ids else NOTHING)

    def shows_prediction_of(self, case: str) -> bool:
        """Whether a prediction will be shown in blue when the person goes to a case."""
        project, found = self._session.project, self._session.case(case)
        if project is None or found is None:
            return False
        if self._by_hand:
            kind, _, model = self._chosen.partition(":")
            return kind == "model" and (project.predictions_folder / model / f"{case}.json").is_file()
        if found.state.is_trainable:
            return False
        folder = project.predictions_folder
        return any((folder / model / f"{case}.json").is_file() for model in predicted_models(folder))

    def show_version(self, number: int) -> None:
        """Show a version of the mask in blue."""
        self._controls.offer(self._sources(), f"version:{number}")
        self._choose(f"version:{number}")

    def _sources(self) -> list[tuple[str, str]]:
        project, case = self._session.project, self._case
        if project is None or not case:
            return []
        hash = project.scan_hashes().get(case, "")
        models = [
            model
            for model in predicted_models(project.predictions_folder)
            if self._is_current(Predictions(project.predictions_folder / model), hash)
        ]
        names = {run.id: run.recipe.name for run in list_runs(project.folder)} if models else {}
        sources = [(f"Prediction of {names.get(model, model)}", f"model:{model}") for model in models]
        return [*sources, *((_words(v), f"version:{v.number}") for v in reversed(project.mask_versions(case)))]

    def _is_current(self, kept: Predictions, hash: str) -> bool:
        """Whether there is a prediction of the case, made from the scan as it is now."""
        try:
            return kept.facts(self._case).scan_hash in ("", hash)
        except RareSegError:
            return False

    def _choose_by_hand(self, source: str) -> None:
        self._by_hand = True
        self._choose(source)

    def _choose(self, source: str) -> None:
        self._chosen = source
        try:
            self.proposal = self._load(source)
        except RareSegError as error:
            report_error(self._window, error)
            self.proposal = None
        self._preview = None
        self._show()

    def _load(self, source: str) -> Proposal | None:
        kind, _, name = source.partition(":")
        project = self._session.project
        if project is None or not name:
            return None
        if kind == "version":
            return of_labels(f"Version {name}", project.mask_version(self._case, int(name)).labels)
        prediction = Predictions(project.predictions_folder / name).load(self._case)
        if prediction.steps.shape != project.case(self._case).grid.shape:
            return None
        return Proposal(name="Prediction", steps=prediction.steps, step=prediction.facts.step)

    # Showing

    def _show(self) -> None:
        if self._bench is None:
            return
        shown = self.shown
        has_threshold = shown is not None and (self._preview is not None or self._chosen.startswith("model:"))
        self._controls.show_step(shown.step if has_threshold and shown is not None else None)
        self._bench.view.set_prediction(shown.steps if shown else None, shown.step if shown else 0)
        self._show_parts()
        self.changed.emit()

    def _set_step(self, step: int) -> None:
        if self._preview is not None:
            self._preview = (self._preview[0].at(step), self._preview[1])
        elif self.proposal is not None:
            self.proposal = self.proposal.at(step)
        if self._bench is not None:
            self._bench.view.set_step(step)

    def _show_parts(self) -> None:
        bench = self._bench
        if bench is None:
            return
        self._controls.show_parts(
            seeds=bench.controls.tool is Tool.SEEDS or bool(self.strokes.drawn), decision=self._preview is not None
        )
        may, found = bench.editor.may_edit, self._preview is not None
        why = "the project is open for reading only, or something is being worked out"
        for how in Combination:
            possible = may and self.shown is not None
            self._actions.enable(f"annotate.combine-{how.value}", possible, _NOTHING_SHOWN if may else why)
        self._controls.use.setEnabled(may and self.shown is not None)
        bench.controls.offer_proposal(self.shown is not None)
        inside = any(stroke.inside for stroke in self.strokes.drawn)
        self._actions.enable("annotate.preview", may and inside, "draw a stroke inside a lesion first" if may else why)
        self._actions.enable("annotate.accept", may and found, "there is no preview")
        self._actions.enable("annotate.discard", found or bool(self.strokes.drawn), "there are no strokes")

    # Using

    def combine(self, how: Combination) -> None:
        """Join the mask with what is shown in blue, on the slice in hand or in the whole mask."""
        bench, shown = self._bench, self.shown
        if bench is None or bench.labels is None or shown is None:
            return
        labels, scope = bench.labels, bench.scope()
        name = f"{how.value.capitalize()}: {shown.name}"

        def work(_: Progress) -> MaskEdit | None:
            return combine(labels, scope, shown.flags(scope.of(labels)), how, name)

        bench.long_edits.run(name, work, partial(_keep, bench, self._window))

    def _strokes_changed(self) -> None:
        if self._preview is not None:
            self._preview = None
            self._show()
        self._show_parts()

    def preview(self) -> None:
        """Work out what the strokes mark, beside the window; show it in blue."""
        bench = self._bench
        volume = bench.view.volume if bench is not None else None
        if bench is None or bench.labels is None or volume is None:
            return
        drawn, shape = tuple(self.strokes.drawn), volume.grid.shape
        channel, spacing, method = bench.channel, volume.grid.spacing, self._controls.seed_method
        prior = self.proposal.probability if self.proposal is not None and self._chosen.startswith("model:") else None
        axis = None if bench.controls.brush.three_d else bench.view.axis_in_hand
        seeded = seeds_of([s for s in drawn if axis is None or s.is_on(axis, bench.view.crosshair[axis])], shape)
        if seeded is None:
            report_notice(self._window, "No stroke lies on this slice. Draw one, or switch 'Through planes (3D)' on.")
            return

        def work(progress: Progress) -> tuple[Neighbourhood, NDArray[np.float32]]:
            near = neighbourhood(channel, seeded[1], seeded[0], spacing, axis=axis, prior=prior)
            return near, lesion_probability(near, method, progress.check)

        def done(found: tuple[Neighbourhood, NDArray[np.float32]]) -> None:
            self._preview = (of_probability("Strokes", found[0].box, found[1], shape), found[0])
            self._show()

        bench.long_edits.run("Preview from strokes", work, done, slow=True)

    def accept(self) -> None:
        """Put what the strokes found into the mask, in place of the lesions that they touch."""
        bench = self._bench
        if self._preview is None or bench is None or bench.labels is None:
            return
        found, near = self._preview
        edit = correct(bench.labels, near.box, found.flags(near.box), near.seeds != 0, bench.editor.ground, "Strokes")
        self._preview = None
        self.strokes.clear()
        self._show()
        _keep(bench, self._window, edit)

    def discard(self) -> bool:
        """Drop the preview, or else the strokes; whether there was something."""
        if self._preview is not None:
            self._preview = None
            self._show()
            return True
        return self.strokes.clear() if self.strokes.drawn else False


def _keep(bench: Bench, window: QWidget, edit: MaskEdit | None) -> None:
    labels = bench.labels
    if labels is None:
        return
    if edit is None:
        report_notice(window, "There is nothing to change here.")
        return
    edit.apply(labels)
    bench.editor.keep(edit)


def _words(version: MaskVersion) -> str:
    return f"Version {version.number} · {version.author} · {version.time[:16].replace('T', ' ')}"
