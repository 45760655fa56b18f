"""examples:
rareseg import my-project --images scans/ --masks masks/
rareseg import my-project --images flair/ --masks masks/ --channel FLAIR=flair/ --channel T1=t1/ --groups patients.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

from segcore.cli.output import Output
from segcore.errors import SettingProblem
from segcore.projects.importing import plan_import, run_import
from segcore.projects.project import Project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("project", type=Path, help="folder of the project")
    parser.add_argument("--images", type=Path, nargs="+", required=True, help="folders or files of scans")
    parser.add_argument("--masks", type=Path, nargs="+", default=[], help="folders or files of masks, paired by name")
    parser.add_argument(
        "--channel", action="append", default=[], metavar="NAME=DIR", help="a further registered channel"
    )
    parser.add_argument("--groups", type=Path, help="CSV with the columns case and group (patient)")
    parser.add_argument("--foreground", type=int, help="mask value that is the lesion, where masks hold several")


def channels_of(pairs: list[str]) -> dict[str, Path]:
    """Return NAME=DIR arguments as a mapping, or raise `SettingProblem`."""
    channels = {}
    for pair in pairs:
        name, found, folder = pair.partition("=")
        if not found or not Path(folder).is_dir():
            raise SettingProblem(f"--channel {pair} names no folder", remedy="write NAME=DIR, such as T1=scans_t1")
        channels[name] = Path(folder)
    return channels


def check_exist(paths: list[Path]) -> None:
    """Raise `SettingProblem` for the first path that is not there."""
    for path in paths:
        if not path.exists():
            raise SettingProblem(f"{path.name} does not exist", remedy="check the path")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Import, and report every problem."""
    check_exist([*arguments.images, *arguments.masks, *([arguments.groups] if arguments.groups else [])])
    with Project.open(arguments.project) as project:
        plan = plan_import(
            arguments.images,
            masks=arguments.masks,
            channels=channels_of(arguments.channel),
            groups=arguments.groups,
            known_ids=[case.id for case in project.cases()],
        )
        report = run_import(
            project,
            plan,
            foreground=arguments.foreground,
            report=lambda done, total, case: output.progress(f"{done + 1} of {total}: {case}"),
        )
    lines = [f"{problem.file}: {problem.what}; {problem.remedy}" for problem in report.problems]
    output.answer(
        {"cases": len(report.added), "added": report.added, "problems": report.problems}, [*lines, report.sentence]
    )
    return 0
