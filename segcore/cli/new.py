"""example: rareseg new my-project"""

from __future__ import annotations

import argparse
from pathlib import Path

from segcore.cli.output import Output
from segcore.projects.project import Project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("project", type=Path, help="folder of the new project")
    parser.add_argument("--name", help="its name (default: the folder's)")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Make the project."""
    with Project.create(arguments.project, name=arguments.name) as project:
        output.answer({"project": project.folder, "name": project.name}, [f"made project {project.name}"])
    return 0
