"""examples:
rareseg analyse my-project
rareseg analyse my-project --write advised.toml && rareseg train my-project --recipe advised.toml
"""

from __future__ import annotations

import argparse
import math
import tomllib
from collections.abc import Callable
from pathlib import Path

from segcore.cli.output import Output
from segcore.imbalance.cleared import without_cleared
from segcore.imbalance.statistics import ProjectStatistics, measure, ratio_words
from segcore.imbalance.suspects import Suspect, Suspicions, find_suspects
from segcore.imbalance.vanishing import Resolution, Vanishing, find_vanishing, millimetres
from segcore.projects.case import Case
from segcore.projects.project import Project
from segcore.ranges import Range
from segcore.training.advisor import Advice, Reason, advise, percent
from segcore.training.alternatives import Alternative, alternatives
from segcore.training.planned import planned_resolution
from segcore.training.recipe_files import recipe_to_toml, write_recipe

_EDGE = Range(low=0.01, high=100.0, default=1.0, unit="mm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("project", type=Path, help="folder of the project")
    parser.add_argument("--recall-first", action="store_true", help="a missed lesion is worse than false alarms")
    parser.add_argument(
        "--spacing",
        type=float,
        nargs=3,
        metavar=("PLANE", "ROW", "COLUMN"),
        help="list the lesions that are lost at this spacing (mm), not at the one that training would choose",
    )
    parser.add_argument("--write", type=Path, metavar="TOML", help="also write the advised recipe to this file")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Measure the complete cases that are not kept for the test, and advise; the project is only read."""
    with Project.open(arguments.project, read_only=True) as project:
        statistics = measure(project, report=_teller(output, "measured"))
        advice = advise(statistics, recall_first=arguments.recall_first)
        suspicions, cleared = without_cleared(project, find_suspects(project, report=_teller(output, "checked")))
        cases = project.cases()
        resolution = _resolution(arguments, project, advice)
        vanishing = find_vanishing(project, cases, resolution, report=_teller(output, "resampled"))
    worth_a_try = alternatives(advice.recipe, statistics)
    if arguments.write:
        write_recipe(arguments.write, advice.recipe)
    output.answer(
        {
            "prevalence": statistics.prevalence,
            "ratio": ratio_words(statistics.prevalence),
            "lesions": statistics.lesions,
            "empty_share": statistics.empty_share,
            "measured_cases": len(statistics.cases),
            "cases": [_case(case) for case in cases],
            "recipe": tomllib.loads(recipe_to_toml(advice.recipe)),
            "reasons": advice.reasons,
            "cautions": advice.cautions,
            "alternatives": [_alternative(one) for one in worth_a_try],
            "suspects": suspicions.found,
            "cleared": cleared,
            "usual": suspicions.usual,
            "vanishing": _vanishing(vanishing),
        },
        [
            *_lines(statistics, cases, advice, suspicions),
            *(f"worth a try: {one.choice} ({one.value}). {one.because}" for one in worth_a_try),
            *_lost_lines(vanishing),
        ],
    )
    return 0


def _alternative(one: Alternative) -> dict[str, object]:
    return {
        "choice": one.choice,
        "because": one.because,
        "value": one.value,
        "recipe": tomllib.loads(recipe_to_toml(one.recipe)),
    }


def _teller(output: Output, done_what: str) -> Callable[[int, int, str], None]:
    return lambda done, total, case: output.progress(f"{done} of {total} {done_what} {case}".rstrip())


def _resolution(arguments: argparse.Namespace, project: Project, advice: Advice) -> Resolution:
    """Return the spacing that was asked for, or what a training of the advised recipe would choose."""
    if arguments.spacing:
        for edge in arguments.spacing:
            _EDGE.check("spacing", edge)
        plane, row, column = arguments.spacing
        return Resolution(spacing=(plane, row, column))
    return planned_resolution(project, advice.recipe)


def _vanishing(found: Vanishing) -> dict[str, object]:
    return {
        "spacing": found.resolution.spacing,
        "shrink": found.resolution.shrink,
        "stride": found.stride,
        "lesions": found.lesions,
        "lost": found.lost,
        "narrow": found.narrow,
        "below_stride": found.below_stride,
        "cases": [
            {
                "id": case.case,
                "lesions": case.lesions,
                "lost": [{"place": one.place, "voxels": one.voxels} for one in case.lost],
                "narrow": case.narrow,
                "below_stride": case.below_stride,
            }
            for case in found.cases
        ],
    }


def _lost_lines(found: Vanishing) -> list[str]:
    shrunk = f", shrunk {found.resolution.shrink} times" if found.resolution.shrink > 1 else ""
    return [
        f"voxels for training: {millimetres(found.resolution.spacing)}{shrunk}; {found.lost} of {found.lesions} lesions "
        f"lose their shape, {found.narrow} are less than two voxels wide, {found.below_stride} less than the "
        f"{found.stride} voxels of the network's coarsest cell",
        *(f"lost: {len(case.lost)} of {case.lesions} lesions of {case.case}" for case in found.cases if case.lost),
    ]


def _case(case: Case) -> dict[str, object]:
    """Return what is known of a case; numbers of a mask that nobody has drawn are null."""
    known = case.state != "unlabelled"
    return {
        "id": case.id,
        "prevalence": case.prevalence if known else math.nan,
        "lesions": case.lesions if known else math.nan,
        "volume_ml": case.volume_ml if known and case.grid.calibrated else math.nan,
        "state": case.state,
        "part": case.part,
    }


def _lines(statistics: ProjectStatistics, cases: tuple[Case, ...], advice: Advice, suspicions: Suspicions) -> list[str]:
    return [
        f"{len(statistics.cases)} of {len(cases)} cases measured: {percent(statistics.prevalence)} foreground "
        f"({ratio_words(statistics.prevalence)}), {statistics.lesions} lesions, "
        f"{percent(statistics.empty_share)} of the cases empty",
        *(_sentence("advice", reason) for reason in advice.reasons),
        *(_sentence("caution", reason) for reason in advice.cautions),
        *(f"suspect: {one.case}{_at(one)}: {one.what} {one.remedy}" for one in suspicions.found),
        *(f"usual here: {one.what} ({one.cases} of {one.of} cases)" for one in suspicions.usual),
    ]


def _sentence(kind: str, reason: Reason) -> str:
    return f"{kind}: {reason.choice} ({reason.value}). {reason.because}"


def _at(suspect: Suspect) -> str:
    if suspect.place is None:
        return ""
    plane, row, column = suspect.place
    return f" at plane {plane + 1}, row {row + 1}, column {column + 1}"
