"""Training an ensemble: its members one after the other, then one model of them all. Goes on where it was left."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segcore.errors import Cancelled, RareSegError
from segcore.inference.devices import choose_device
from segcore.inference.model import FORMAT, Model, ModelFacts, Scores, load_model, save_model
from segcore.inference.predict import predict_volume
from segcore.metrics.curves import probability_of
from segcore.metrics.empty import mean_of_defined
from segcore.projects.audit import now
from segcore.projects.case import Case
from segcore.projects.project import Project
from segcore.records import from_line, to_line
from segcore.scans.volume import Labels
from segcore.storage import write_text
from segcore.training.cohort import gather_cohort, patient_folds
from segcore.training.events import (
    CheckpointSaved,
    EndReason,
    MemberStarted,
    Noticed,
    RunEnded,
    RunEvent,
    RunFailed,
    StepsDone,
    Validated,
)
from segcore.training.facts import scores_of
from segcore.training.loop import train
from segcore.training.measuring import MeasuredCase, summarise
from segcore.training.recipe import FOLDS, Ensemble, Recipe
from segcore.training.record import MEMBERS, MODEL, RunRecord, RunState, read_run
from segcore.training.recording import recording
from segcore.training.stopping import StopSignal

_PLAN = "members.json"
#: Seeds are below this.
_SEEDS_END = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """What makes a member differ: its seed, and the patients it is validated on (empty: those of the split)."""

    seed: int
    held_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    members: tuple[_Member, ...]


def train_ensemble(
    project: Project,
    recipe: Recipe,
    folder: Path,
    *,
    report: Callable[[RunEvent], None],
    stop: StopSignal,
    resume: bool = False,
) -> Path | None:
    """Train the members of a recipe and keep them as one model.

    Each member is an ordinary run in ``members/<number>`` with the whole budget. The model averages their probabilities;
    its threshold is fitted on the validation cases, or, where members left out other patients, on every patient as the
    member saw it that had not learnt from it.

    Parameters
    ----------
    report
        Called with the members' events in order, `MemberStarted` between them, times counted over the whole ensemble.
    stop
        Stopping keeps the members trained so far, with the mean of their thresholds; pausing keeps the state.
    resume
        Keep what is trained and go on with the member that was not finished.

    Returns
    -------
    model
        The folder of the model; None if there is none.

    Raises
    ------
    NotEnoughData, SettingProblem, EngineProblem, CannotSave, UnreadableFile
        Each in one sentence.
    """
    return _Training(project, recipe, folder, report, stop).run(resume)


class _Training:
    """One ensemble, from data to model."""

    def __init__(
        self, project: Project, recipe: Recipe, folder: Path, report: Callable[[RunEvent], None], stop: StopSignal
    ) -> None:
        self._project, self._recipe, self._folder = project, recipe, folder
        self._report, self._stop = report, stop
        self._seconds, self._step = 0.0, 0

    def run(self, resume: bool) -> Path | None:
        """Train what is not trained yet and put the members together."""
        self._recipe.check()
        if not resume:
            shutil.rmtree(self._folder / MEMBERS, ignore_errors=True)
        members = self._plan(resume).members
        for number, member in enumerate(members, start=1):
            if not self._is_trained(number):
                self._train(number, member, len(members))
            record = self._record(number)
            if record is not None:
                self._seconds += record.seconds
                self._step = max(self._step, record.steps)
            if self._stop.requested:
                break
        trained = [number for number in range(1, len(members) + 1) if (self._run_folder(number) / MODEL).is_dir()]
        return self._finish(members, trained)

    def _plan(self, resume: bool) -> _Plan:
        """Return what the members are: decided once, so that an ensemble goes on with the patients it began with."""
        file = self._folder / MEMBERS / _PLAN
        if resume and file.exists():
            try:
                plan: _Plan = from_line(_Plan, file.read_text("utf-8"))
                return plan
            except (OSError, UnicodeDecodeError, RareSegError):
                file.unlink(missing_ok=True)  # damaged: the same is decided again
        count, seed = self._recipe.ensemble.members, self._recipe.machine.seed
        folds = patient_folds(self._project, count) if self._recipe.ensemble.differ_in == FOLDS else ((),) * count
        plan = _Plan(
            members=tuple(_Member(seed=(seed + n) % _SEEDS_END, held_out=fold) for n, fold in enumerate(folds))
        )
        write_text(file, to_line(plan))
        return plan

    def _run_folder(self, number: int) -> Path:
        return self._folder / MEMBERS / str(number)

    def _record(self, number: int) -> RunRecord | None:
        return read_run(self._run_folder(number))

    def _is_trained(self, number: int) -> bool:
        record = self._record(number)
        return record is not None and record.state is RunState.FINISHED and record.has_model

    # One member

    def _train(self, number: int, member: _Member, members: int) -> None:
        folder, known = self._run_folder(number), self._record(number)
        resumed = known is not None and known.can_resume
        if not resumed:
            shutil.rmtree(folder, ignore_errors=True)
        self._report(
            MemberStarted(member=number, members=members, seed=member.seed, held_out=member.held_out, resumed=resumed)
        )
        recipe = replace(
            self._recipe,
            name=f"{self._recipe.name}, member {number}",
            ensemble=Ensemble(),
            machine=replace(self._recipe.machine, seed=member.seed),
        )
        with recording(folder, recipe, lambda event: self._pass_on(event, members - number)) as report:
            train(
                self._project, recipe, folder, report=report, stop=self._stop, resume=resumed, held_out=member.held_out
            )

    def _pass_on(self, event: RunEvent, waiting: int) -> None:
        """Report what a member tells, in the ensemble's time; that a member is over is nobody's end."""
        if isinstance(event, StepsDone):
            later = waiting * (event.seconds + event.remaining_seconds)
            event = replace(
                event, seconds=self._seconds + event.seconds, remaining_seconds=event.remaining_seconds + later
            )
        elif isinstance(event, Validated):
            event = replace(event, seconds=self._seconds + event.seconds)
        if not isinstance(event, CheckpointSaved | RunEnded | RunFailed):
            self._report(event)

    # All of them

    def _finish(self, members: Sequence[_Member], trained: Sequence[int]) -> Path | None:
        """Make one model of the trained members, or end without one."""
        facts: ModelFacts | None = None
        model: Model | None = None
        if trained and self._stop.reason not in (EndReason.CANCELLED, EndReason.PAUSED):
            model = self._together(trained)
            facts = self._measured(model, [members[number - 1] for number in trained])
        reason = self._stop.reason or EndReason.FINISHED
        if reason is EndReason.CANCELLED:
            for name in (MODEL, MEMBERS):
                shutil.rmtree(self._folder / name, ignore_errors=True)
            self._end(reason, "The run was cancelled; no model was kept.")
        elif reason is EndReason.PAUSED:
            self._end(reason, "The ensemble is paused; it goes on from there.")
        elif model is None or facts is None:
            self._end(reason, "The ensemble was stopped before its first step; there is no model.")
        else:
            save_model(self._folder / MODEL, facts, *(network.state_dict() for network in model.networks))
            words = f"an ensemble of {len(trained)}" if len(trained) > 1 else "the one member that was trained"
            if len(trained) < len(members):
                words += f" (of {len(members)} that were planned)"
            beginning = "The budget is used up" if reason is EndReason.FINISHED else "The run was stopped"
            self._end(reason, f"{beginning}; {words} was kept.")
            return self._folder / MODEL
        return None

    def _together(self, trained: Sequence[int]) -> Model:
        device = choose_device(self._recipe.machine.device)
        models = [load_model(self._run_folder(number) / MODEL, device) for number in trained]
        return Model(
            facts=self._facts([model.facts for model in models]), networks=tuple(model.networks[0] for model in models)
        )

    def _end(self, reason: EndReason, sentence: str) -> None:
        self._report(
            RunEnded(step=self._step, seconds=self._seconds, reason=reason, best_step=self._step, sentence=sentence)
        )

    def _facts(self, known: Sequence[ModelFacts]) -> ModelFacts:
        """Return the facts of the ensemble as far as its members tell: threshold and scores are means of theirs."""
        first = known[0]
        scores = Scores(
            dice=mean_of_defined(facts.scores.dice for facts in known),
            average_precision=mean_of_defined(facts.scores.average_precision for facts in known),
            precision=mean_of_defined(facts.scores.precision for facts in known),
            recall=mean_of_defined(facts.scores.recall for facts in known),
            lesion_f1=mean_of_defined(facts.scores.lesion_f1 for facts in known),
            cases=first.scores.cases,
        )
        return replace(
            first,
            format=FORMAT if len(known) > 1 else first.format,
            id=self._folder.name,
            name=self._recipe.name,
            created=now(),
            step=round(sum(facts.step for facts in known) / len(known)),
            prevalence=sum(facts.prevalence for facts in known) / len(known),
            scores=scores,
            recipe=to_line(self._recipe),
            train_cases=tuple(sorted({case for facts in known for case in facts.train_cases})),
            members=tuple(member for facts in known for member in facts.all_members) if len(known) > 1 else (),
        )

    def _measured(self, model: Model, members: Sequence[_Member]) -> ModelFacts:
        """Return the facts with the threshold that suits the whole ensemble, and its scores on validation cases.

        Where an end is wanted, somebody is waiting: the members' means stay.
        """
        measured: list[MeasuredCase] = []
        try:
            for case, reader in self._validation(model, members):
                scan = self._project.scan(case.id)
                logits = predict_volume(reader, scan, device=reader.device, everywhere=True, stop=self._stop.check)
                measured.append(MeasuredCase.of(case.id, logits, self._project.mask(case.id).labels))
        except Cancelled:
            return model.facts

        def labels_of(number: int) -> Labels:
            return self._project.mask(measured[number].id).labels

        validated, step = summarise(measured, labels_of, step=self._step, seconds=self._seconds)
        self._report(replace(validated, is_best=True))
        alone = model.facts.scores.dice
        self._report(
            Noticed(
                sentence=f"Together the {len(model.networks)} members reach a Dice of {validated.dice:.3f} on "
                f"{len(measured)} validation scans, alone {alone:.3f} on average; threshold {probability_of(step):.3f}."
            )
        )
        return replace(model.facts, step=step, scores=scores_of(validated))

    def _validation(self, model: Model, members: Sequence[_Member]) -> list[tuple[Case, Model]]:
        """Return validation cases, each with the model that may judge it: no network that has learnt from it."""
        found: list[tuple[Case, Model]] = []
        if not any(member.held_out for member in members):
            return [(case, model) for case in gather_cohort(self._project, _ignore).validation]
        known = model.facts.all_members
        for number, member in enumerate(members):
            facts = known[number]
            alone = Model(
                facts=replace(
                    model.facts,
                    network=facts.network,
                    preparation=facts.preparation,
                    patch=facts.patch,
                    correction=facts.correction,
                    members=(),
                ),
                networks=(model.networks[number],),
            )
            cohort = gather_cohort(self._project, _ignore, held_out=member.held_out)
            found += [(case, alone) for case in cohort.validation]
        return found


def _ignore(_: str) -> None:
    """The members have said it already."""
