"""example: rareseg export my-project --to masks/ --as nifti"""

from __future__ import annotations

import argparse
from pathlib import Path

from segcore.cli.output import Output
from segcore.errors import SettingProblem, UnknownName
from segcore.projects.exporting import export_masks
from segcore.projects.project import Project

_SUFFIXES = {"own": None, "nifti": ".nii.gz", "nrrd": ".nrrd", "mha": ".mha", "tiff": ".tif", "png": ".png"}
_LATER = ("nnunet", "bids", "msd", "dicom-seg", "coco")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("project", type=Path, help="folder of the project")
    parser.add_argument("--to", type=Path, required=True, help="folder for the masks")
    parser.add_argument(
        "--as", dest="kind", default="own", help=f"{', '.join(_SUFFIXES)} (own: each scan's own family)"
    )
    parser.add_argument("--cases", nargs="+", help="only these cases (default: all with a mask)")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Write the masks in the geometry of the scans' own files."""
    if arguments.kind in _LATER:
        raise SettingProblem(
            f"export as {arguments.kind} is not built yet", remedy=f"use one of {', '.join(_SUFFIXES)}"
        )
    if arguments.kind not in _SUFFIXES:
        raise UnknownName("kind of export", arguments.kind, _SUFFIXES)
    with Project.open(arguments.project, read_only=True) as project:
        chosen = arguments.cases or [case.id for case in project.cases() if case.state != "unlabelled"]
        written = export_masks(
            project,
            chosen,
            arguments.to,
            suffix=_SUFFIXES[arguments.kind],
            report=lambda done, total, case: output.progress(f"{done + 1} of {total}: {case}"),
        )
    output.answer({"written": written}, [f"{len(written)} masks were written"])
    return 0
