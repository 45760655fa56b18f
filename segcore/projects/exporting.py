"""Taking masks and models out of a project, in the geometry and formats that others accept."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from segcore.errors import CannotSave, SettingProblem, UnreadableFile
from segcore.projects.case import Work
from segcore.projects.project import Project
from segcore.scans.formats.table import mask_suffix_for, write_mask
from segcore.storage import write_atomically, write_text

#: The description in a model folder (see `segcore.inference.model`, which this layer does not know).
FACTS = "model.json"
_ANOTHER = "choose another run, or train again"


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


def export_work(project: Project, case_ids: Sequence[str], folder: Path) -> Path:
    """Write a table of what annotating each case has cost, ``annotation.csv``, into `folder`; returns the file.

    Columns: case, state, part, foreground_voxels, volume_ml (empty without a known voxel size), lesions, seconds (pauses
    left out), strokes.

    Raises
    ------
    CannotSave
        If the folder cannot be written to.
    """
    work = project.work()
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    table.writerow(("case", "state", "part", "foreground_voxels", "volume_ml", "lesions", "seconds", "strokes"))
    for id in case_ids:
        case, spent = project.case(id), work.get(id, Work())
        volume = f"{case.volume_ml:.6g}" if case.grid.calibrated else ""
        part = case.part.value if case.part else ""
        facts = (id, case.state.value, part, case.foreground_voxels, volume, case.lesions)
        table.writerow((*facts, f"{spent.seconds:.1f}", spent.strokes))
    file = folder / "annotation.csv"
    write_text(file, lines.getvalue())
    return file


def export_model(model_folder: Path, folder: Path) -> Path:
    """Copy a model folder into `folder` under the run's name; returns the copy.

    Raises
    ------
    UnreadableFile
        If a file of the model is missing, cut off or damaged.
    CannotSave
        If the target cannot be written, or is the model itself.
    """
    weights = _weights_of(model_folder / FACTS)
    for file in weights:
        _check_weights(model_folder / file)
    name = model_folder.name if model_folder.name != "model" else model_folder.absolute().parent.name
    target = folder / name
    if target.exists() and target.resolve() == model_folder.resolve():
        raise CannotSave(target, "the model lies in this folder already", remedy="choose another folder")
    for file in (*weights, FACTS):  # the facts last: without them it is no model
        write_atomically(target / file, partial(_copy, model_folder / file))
    return target


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def _weights_of(file: Path) -> tuple[str, ...]:
    """Return the names of the files with weights: one for each member of an ensemble."""
    try:
        facts = json.loads(file.read_text("utf-8"))
        members = max(1, len(facts.get("members", ())))
    except FileNotFoundError as error:
        raise UnreadableFile(file, "the model is incomplete: this file is missing", remedy=_ANOTHER) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UnreadableFile(file, "the description of the model is damaged", remedy=_ANOTHER) from error
    return ("weights.safetensors", *(f"weights-{number}.safetensors" for number in range(2, members + 1)))


def _check_weights(file: Path) -> None:
    """Refuse weights whose length is not what the head of the safetensors file says."""
    try:
        with file.open("rb") as handle:
            length = int.from_bytes(handle.read(8), "little")
            size = file.stat().st_size
            head = json.loads(handle.read(length)) if 2 <= length <= size - 8 else None
        ends = [entry["data_offsets"][1] for name, entry in head.items() if name != "__metadata__"] if head else []
    except FileNotFoundError as error:
        raise UnreadableFile(file, "the model is incomplete: this file is missing", remedy=_ANOTHER) from error
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise UnreadableFile(file, "the weights of the model are damaged", remedy=_ANOTHER) from error
    if not ends or 8 + length + max(ends) != size:
        raise UnreadableFile(file, "the weights of the model are cut off", remedy=_ANOTHER)
