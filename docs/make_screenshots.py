"""Makes the pictures of the README from the real running application on the demo project.

    ./run.sh shots [--steps 300] [--folder docs/images]

The demo project is made (or found) in a folder of its own. A run that collapses, a model, an ensemble of three and a
trial are trained, the models predict the test cases, and then the application itself saves a picture of every workspace
and of the dialogs beside them. Takes half an hour on two cores; what is there already is not made again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from segcore.demo import open_or_make_demo  # noqa: E402
from segcore.inference.project_prediction import predict_cases  # noqa: E402
from segcore.projects.case import Part  # noqa: E402
from segcore.projects.project import Project  # noqa: E402
from segcore.training.events import StepsDone  # noqa: E402
from segcore.training.recipe import Budget, Ensemble, LossTerm, Optimiser, Recipe, Sampling  # noqa: E402
from segcore.training.record import MODEL, RunState, read_run  # noqa: E402
from segcore.training.recorded import train_in_folder  # noqa: E402
from segcore.training.stopping import StopSignal  # noqa: E402
from segcore.trials.folder import TrialFolder, TrialState, list_trials  # noqa: E402
from segcore.trials.plan import make_plan, ready_plan  # noqa: E402
from segcore.trials.runner import run_trial  # noqa: E402

#: Collapses within thirty steps: overlap per patch with a smoothing of 1, patches as they come, far too large steps.
COLLAPSING = Recipe(
    name="Per-patch Dice, smoothing 1",
    loss=(
        LossTerm(name="dice", parameters=(("batch", False), ("smooth_denominator", 1.0), ("smooth_numerator", 1.0))),
    ),
    sampling=Sampling(method="uniform"),
    optimiser=Optimiser(prior_bias=False, learning_rate=0.1),
    budget=Budget(steps=60),
)


def main() -> int:
    """Make everything that the pictures show, then take them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--project", type=Path, default=ROOT / "screenshots" / "demo-project")
    asked = parser.parse_args()
    with open_or_make_demo(asked.project) as project:
        for name, recipe in _recipes(asked.steps).items():
            folder = project.runs_folder / name
            known = read_run(folder)
            if known is None or known.state is not RunState.FINISHED:
                resume = known is not None and known.can_resume
                train_in_folder(project, recipe, folder, tell=_tell, stop=StopSignal(), resume=resume)
            if "collapse" not in name:
                _predict(project, folder)
        _try(project, asked.steps)
    environment = {**os.environ, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    command = [sys.executable, "-m", "app.main", "--project", str(asked.project), "--screenshots", str(asked.folder)]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _recipes(steps: int) -> dict[str, Recipe]:
    """Return the runs that the pictures show, by their folders' names; the newest is shown first."""
    plain = Recipe(name="Dice + cross-entropy", budget=Budget(steps=steps))
    return {
        "20260101-100000-000-collapsed": COLLAPSING,
        "20260101-110000-000-default": plain,
        "20260101-120000-000-ensemble": replace(plain, name="Ensemble of three", ensemble=Ensemble(members=3)),
    }


def _predict(project: Project, folder: Path) -> None:
    predict_cases(
        project,
        folder / MODEL,
        [case.id for case in project.cases() if case.part is Part.TEST],
        device="auto",
        flips=False,
        stop=lambda: None,
        predicted=lambda *_: None,
        failed=lambda case, error: sys.stderr.write(f"{case}: {error}\n"),
    )


def _try(project: Project, steps: int) -> None:
    trials = list_trials(project.folder)
    if trials:
        trial = trials[0]
    else:
        arms = ready_plan("classics").arms(Recipe())
        name = ready_plan("classics").label
        plan = make_plan(project, name=name, arms=arms, seeds=(0, 1, 2), steps=steps // 2)
        trial = TrialFolder.create(project.folder, plan)
    if trial.state is not TrialState.FINISHED:
        run_trial(project, trial, tell=_tell, stop=StopSignal())


def _tell(event: object) -> None:
    if not isinstance(event, StepsDone):
        sys.stderr.write(f"{type(event).__name__}\n")


if __name__ == "__main__":
    sys.exit(main())
