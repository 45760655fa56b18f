"""What the pages about imbalance share: the measured project, and the sampling that is being tried out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from app.background import Background, Progress
from app.data.measurement import Measure, Measurement
from app.session import Session
from segcore.errors import NotEnoughData
from segcore.imbalance.batch_odds import CaseNumbers, Draws, measure_draws
from segcore.imbalance.cleared import without_cleared
from segcore.imbalance.statistics import ProjectStatistics, measure
from segcore.imbalance.suspects import Suspicions, find_suspects
from segcore.imbalance.vanishing import Resolution, Vanishing, find_vanishing
from segcore.projects.project import Project
from segcore.training.advisor import Advice, advise
from segcore.training.alternatives import Alternative, alternatives
from segcore.training.planned import planned_sizes, planned_width, training_cases
from segcore.training.recipe import Recipe, Sampling
from segcore.training.sizing import Sizes

#: Patch edges that the simulator knows, voxels.
EDGES = (32, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised:
    """The measured project, the recipe that follows, and the sizes that a training of it would choose.

    Parameters
    ----------
    width
        Of the median lesion, voxels across.
    """

    statistics: ProjectStatistics
    advice: Advice
    alternatives: tuple[Alternative, ...]
    sizes: Sizes
    width: float

    @property
    def resolution(self) -> Resolution:
        """What scans are brought to."""
        return Resolution(spacing=self.sizes.target_spacing, shrink=self.sizes.shrink)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspected:
    """The suspects that nobody has cleared, and how many were."""

    suspicions: Suspicions
    cleared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What becomes of lesions, and what a training would choose."""

    planned: Resolution
    vanishing: Vanishing


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """The numbers behind the simulator: per case for each patch that `EDGES` come to in this project."""

    advised: Advised
    edges: tuple[int, ...]
    draws: Draws
    cases: tuple[CaseNumbers, ...]
    of_cases: int

    @property
    def planned(self) -> int:
        """The place of the patch that a training of the advised recipe would take."""
        patches = self.draws.patches
        wanted = self.advised.sizes.patch
        return patches.index(wanted) if wanted in patches else self.place_of(max(wanted[1:]))

    def place_of(self, edge: int) -> int:
        """The patch nearest to an edge."""
        return min(range(len(self.edges)), key=lambda place: abs(self.edges[place] - edge))


class Facts(QObject):
    """Measurements that the pages look at.

    Signals
    -------
    samplingChanged()
        Another sampling is being tried out.
    """

    samplingChanged = Signal()

    def __init__(self, session: Session, background: Background, parent: QObject) -> None:
        super().__init__(parent)
        self.recall_first = False
        #: None: what training would choose.
        self.asked: Resolution | None = None
        #: None: what the advice says.
        self._sampling: Sampling | None = None
        self._batch = 0
        self.advised = Measurement[Advised](session, background, self._advice, self)
        self.suspects = Measurement[Suspected](session, background, _suspects, self)
        self.lost = Measurement[Lost](session, background, self._lost, self)
        self.simulated = Measurement[Simulated](session, background, self._simulation, self)
        session.projectChanged.connect(self._forget)

    def set_recall_first(self, on: bool) -> None:
        """A missed lesion is worse than false alarms."""
        if on != self.recall_first:
            self.recall_first = on
            self.advised.measure_again()

    def ask_resolution(self, asked: Resolution | None) -> None:
        """Look at another resolution; None for what training would choose."""
        if asked != self.asked:
            self.asked = asked
            self.lost.measure_again()

    @property
    def sampling(self) -> Sampling:
        """The sampling that is being tried out: the advised one until a person moves something."""
        if self._sampling is not None:
            return self._sampling
        advised = self.advised.value or (self.simulated.value.advised if self.simulated.value is not None else None)
        return advised.advice.recipe.sampling if advised is not None else Sampling()

    def try_sampling(self, sampling: Sampling | None) -> None:
        """Try out another sampling; None for the advised one."""
        self._sampling = sampling
        counted = self.simulated.value
        wanted = (self.sampling.jitter, _exponent(self.sampling))
        if counted is not None and (counted.draws.jitter, counted.draws.size_exponent) != wanted:
            self.simulated.measure_again()
        self.samplingChanged.emit()

    def _forget(self) -> None:
        self.asked, self._sampling = None, None

    def _advice(self) -> Measure[Advised]:
        recall_first = self.recall_first
        return lambda project, news: _advised(project, news, recall_first)

    def _lost(self) -> Measure[Lost]:
        asked, recall_first = self.asked, self.recall_first

        def find(project: Project, news: Progress) -> Lost:
            planned = _advised(project, news, recall_first).resolution
            found = find_vanishing(project, project.cases(), asked or planned, report=news, stop=news.check)
            return Lost(planned=planned, vanishing=found)

        return find

    def _simulation(self) -> Measure[Simulated]:
        sampling, recall_first = self._sampling, self.recall_first

        def simulate(project: Project, news: Progress) -> Simulated:
            advised = _advised(project, news, recall_first)
            return _simulated(project, news, advised, sampling or advised.advice.recipe.sampling)

        return simulate


def _exponent(sampling: Sampling) -> float:
    return sampling.size_exponent if sampling.method == "per_lesion" else 1.0


def _advised(project: Project, news: Progress, recall_first: bool) -> Advised:
    statistics = measure(project, report=news, stop=news.check)
    advice = advise(statistics, recall_first=recall_first)
    width = planned_width(project)
    sizes = planned_sizes(project, advice.recipe, width=width)
    ideas = alternatives(advice.recipe, statistics)
    return Advised(statistics=statistics, advice=advice, alternatives=ideas, sizes=sizes, width=width)


def _suspects() -> Measure[Suspected]:
    def find(project: Project, news: Progress) -> Suspected:
        found, cleared = without_cleared(project, find_suspects(project, report=news, stop=news.check))
        return Suspected(suspicions=found, cleared=cleared)

    return find


def _simulated(project: Project, news: Progress, advised: Advised, sampling: Sampling) -> Simulated:
    cases = training_cases(project)
    if not any(case.foreground_voxels for case in cases):
        raise NotEnoughData(
            "no training case has a lesion",
            remedy="annotate lesions and mark their cases complete, or change the split",
        )
    by_patch: dict[tuple[int, int, int], int] = {}
    for edge in sorted({*EDGES, max(advised.sizes.patch[1:])}):
        recipe = with_patch(advised.advice.recipe, edge)
        patch = planned_sizes(project, recipe, width=advised.width).patch
        by_patch.setdefault(patch, edge)
    draws = Draws(
        patches=tuple(by_patch), flat=advised.sizes.flat, jitter=sampling.jitter, size_exponent=_exponent(sampling)
    )
    return Simulated(
        advised=advised,
        edges=tuple(by_patch.values()),
        draws=draws,
        cases=measure_draws(project, cases, advised.resolution, draws, report=news, stop=news.check),
        of_cases=len(cases),
    )


def with_patch(recipe: Recipe, edge: int) -> Recipe:
    """Return the recipe with another patch edge."""
    return replace(recipe, optimiser=replace(recipe.optimiser, patch=edge))
