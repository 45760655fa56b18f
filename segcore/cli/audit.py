"""example: rareseg audit verify my-project"""

from __future__ import annotations

import argparse
from pathlib import Path

from segcore.cli.output import Output
from segcore.projects.project import Project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("action", choices=["verify"], help="check that no entry was changed, removed or put in")
    parser.add_argument("project", type=Path, help="folder of the project")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Walk the hash chain; an altered trail is told by the exit code too."""
    with Project.open(arguments.project, read_only=True) as project:
        check = project.verify_audit()
    words = "is whole" if check.ok else f"was altered at entry {check.first_bad}"
    output.answer(
        {"ok": check.ok, "entries": check.entries, "first_bad": check.first_bad},
        [f"the audit trail of {check.entries} entries {words}"],
    )
    return 0 if check.ok else 2
