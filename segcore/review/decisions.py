"""What a reviewer decided about a prediction, kept in the project's append-only trail.

A decision and the mask that it changes become durable in one transaction: after a crash both are there or neither.
Decisions are never stored anywhere else; `decisions` replays the trail.

Rejecting leaves the mask **and the state** of a case as they were: it says something about the prediction, not about
the case. A case that was complete stays complete; one that was unlabelled still waits for a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from segcore.errors import ProjectProblem, SettingProblem
from segcore.metrics.curves import probability_of
from segcore.projects.audit import AuditEntry
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.records import from_line, to_line
from segcore.review.predictions import Prediction
from segcore.scans.volume import Mask

#: Begins the action of the trail's entries that hold decisions.
_ACTION = "prediction "
#: Whatever happens to a case of this id now, it is about other voxels.
_NEW_CASE = ("case added", "case removed")


class Verdict(StrEnum):
    """What was decided."""

    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision about one prediction.

    Parameters
    ----------
    case, model
        Ids.
    verdict
        See `Verdict`.
    reviewer
        Who decided.
    time
        UTC, ISO 8601.
    threshold
        Probability at which the prediction was looked at.
    voxels
        Foreground voxels of the mask that was kept (accepted, edited) or of the prediction turned down (rejected).
    comment
        Free text by the reviewer.
    """

    case: str
    model: str
    verdict: Verdict
    reviewer: str
    time: str
    threshold: float
    voxels: int
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Detail:
    """What the trail's free text holds, as one line of JSON."""

    model: str
    step: int
    voxels: int
    comment: str = ""


def record_decision(
    project: Project,
    prediction: Prediction,
    verdict: Verdict,
    *,
    reviewer: str,
    step: int | None = None,
    mask: Mask | None = None,
    comment: str = "",
) -> Decision:
    """Keep a decision; it is on disk, with the mask that it makes, when this returns.

    ``ACCEPTED`` makes the prediction at the threshold the case's mask, ``EDITED`` the given mask, each as a new version
    by the reviewer; the case becomes complete, or confirmed empty where the mask holds no foreground. Strokes that
    were not part of a version yet are kept as one of their own first. ``REJECTED`` changes nothing but the trail.

    Parameters
    ----------
    step
        Threshold at which the prediction was looked at; None is the model's operating threshold.
    mask
        The corrected mask, for ``EDITED`` only; None takes the case's mask as it stands, for a reviewer who corrected
        it in place.
    comment
        No names of patients: the trail is kept for ever.

    Raises
    ------
    SettingProblem
        If there is no reviewer's name, or a mask is given where none belongs.
    ProjectProblem
        If the prediction was made from another scan than the case holds now.
    ProjectReadOnly, CannotSave
        Nothing has changed then.
    """
    if not reviewer.strip():
        raise SettingProblem("a decision needs the reviewer's name", remedy="enter it under View, Reviewer's name")
    if mask is not None and verdict is not Verdict.EDITED:
        raise SettingProblem(f"an {verdict} prediction has no mask of its own", remedy="record it as edited")
    case, used = prediction.facts.case, prediction.facts.step if step is None else step
    _check_up_to_date(project, prediction)
    with project.together():
        kept = _mask_to_keep(project, prediction, verdict, used, mask)
        if kept is not None:
            _keep_strokes(project, case, reviewer, kept)
            state = CaseState.COMPLETE if kept.foreground_voxels else CaseState.CONFIRMED_EMPTY
            origin = "accepted prediction" if verdict is Verdict.ACCEPTED else "edited prediction"
            project.save_mask(case, kept, author=reviewer, origin=origin, state=state)
        voxels = int(np.count_nonzero(prediction.steps >= used)) if kept is None else kept.foreground_voxels
        detail = _Detail(model=prediction.facts.model, step=used, voxels=voxels, comment=comment)
        project.log(f"{_ACTION}{verdict.value}", author=reviewer, case=case, detail=to_line(detail))
    return decisions(project)[case, prediction.facts.model]


def _check_up_to_date(project: Project, prediction: Prediction) -> None:
    case = project.case(prediction.facts.case)
    made_from, now = prediction.facts.scan_hash, project.scan_hashes().get(case.id, "")
    if prediction.steps.shape != case.grid.shape or (made_from and made_from != now):
        raise ProjectProblem(
            f"the prediction of {case.id} was made from another scan than the case holds now",
            remedy="predict the case again",
        )


def _mask_to_keep(
    project: Project, prediction: Prediction, verdict: Verdict, step: int, mask: Mask | None
) -> Mask | None:
    if verdict is Verdict.REJECTED:
        return None
    case = project.case(prediction.facts.case)
    if verdict is Verdict.ACCEPTED:
        return Mask(labels=prediction.mask_at(step), grid=case.grid)
    return project.mask(case.id) if mask is None else mask


def _keep_strokes(project: Project, case: str, reviewer: str, kept: Mask) -> None:
    """Make a version of strokes that the new mask would otherwise fold away, so that they can be restored."""
    if not project.unsaved_strokes(case):
        return
    standing = project.mask(case)
    if not np.array_equal(standing.labels, kept.labels):
        project.save_mask(case, standing, author=reviewer, origin="annotation")


def decisions(project: Project) -> dict[tuple[str, str], Decision]:
    """Return the latest decision for each (case id, model id), oldest first; decisions about cases now gone are left out."""
    latest: dict[tuple[str, str], Decision] = {}
    for entry in project.audit():
        if entry.action in _NEW_CASE:
            latest = {key: decision for key, decision in latest.items() if key[0] != entry.case}
        decision = _decision_from(entry)
        if decision is not None:
            latest.pop((decision.case, decision.model), None)
            latest[decision.case, decision.model] = decision
    return latest


def decisions_about(project: Project, model: str) -> dict[str, Decision]:
    """Return the latest decision about each case's prediction by one model, by case id."""
    return {case: decision for (case, by), decision in decisions(project).items() if by == model}


def _decision_from(entry: AuditEntry) -> Decision | None:
    if not entry.action.startswith(_ACTION):
        return None
    try:
        verdict = Verdict(entry.action.removeprefix(_ACTION))
        detail = from_line(_Detail, entry.detail)
    except (ValueError, SettingProblem):
        return None  # an entry by a later version of RareSeg: it stays in the trail, this version cannot read it
    return Decision(
        case=entry.case,
        model=detail.model,
        verdict=verdict,
        reviewer=entry.author,
        time=entry.time,
        threshold=probability_of(detail.step),
        voxels=detail.voxels,
        comment=detail.comment,
    )
