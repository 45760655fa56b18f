"""Taking masks and models out of a project, in the geometry and formats that others accept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from segcore.errors import SettingProblem, UnreadableFile
from segcore.projects.project import Project
from segcore.scans.formats.table import mask_suffix_for, write_mask
from segcore.storage import saving

_MODEL_FILES = ("model.json", "weights.safetensors")


def export_masks(
    project: Project,
    case_ids: Sequence[str],
    folder: Path,
    *,
    suffix: str | None = None,
    report: Callable[[int, int, str], None] | None = None,
) -> tuple[Path, ...]:
    """Write each case's mask into `folder`, in the axis order and with the affine of the scan's own file.

    Parameters
    ----------
    suffix
        Such as ``".nrrd"``; None takes each scan's own family (PNG for JPEG).
    report
        Called with (done, total, case).

    Raises
    ------
    SettingProblem
        If a volume is to be written as PNG.
    CannotSave
        In one sentence that names the file; masks written before it stay.
    """
    written = []
    for number, id in enumerate(case_ids):
        if report is not None:
            report(number, len(case_ids), id)
        case = project.case(id)
        ending = suffix or mask_suffix_for(case.source_suffix)
        if ending == ".png" and not case.grid.is_2d:
            raise SettingProblem(f"{id} is a volume and does not fit into a PNG", remedy="choose NIfTI, NRRD or TIFF")
        target = folder / f"{id}{ending}"
        write_mask(target, project.mask(id).on(case.source_grid))
        written.append(target)
    return tuple(written)


def export_model(model_folder: Path, folder: Path) -> Path:
    """Copy a model folder into `folder` under its own name, file by file; returns the copy.

    Raises
    ------
    UnreadableFile
        If the model folder lacks a file.
    CannotSave
        If the target cannot be written.
    """
    for name in _MODEL_FILES:
        if not (model_folder / name).is_file():
            raise UnreadableFile(model_folder / name, "the model is incomplete", remedy="choose another run")
    name = model_folder.name if model_folder.name != "model" else model_folder.parent.name
    target = folder / name
    with saving(target):
        target.mkdir(parents=True, exist_ok=True)
        for file in _MODEL_FILES:
            shutil.copyfile(model_folder / file, target / file)
    return target
