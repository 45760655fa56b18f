"""The curves of a run as a table that every program reads, and the plots as a picture."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFileDialog, QWidget

from app.errors import report_error, report_notice
from app.train.curves import RunCurves
from segcore.errors import RareSegError
from segcore.storage import write_bytes, write_text


def export_curves(parent: QWidget, curves: RunCurves, plots: QWidget) -> None:
    """Ask for a file, write the curves as CSV and the plots as a picture beside it, and say so."""
    name, _ = QFileDialog.getSaveFileName(parent, "Export the curves", "curves.csv", "Table (*.csv)")
    if not name:
        return
    table = Path(name).with_suffix(".csv")
    picture = table.with_suffix(".png")
    try:
        write_curves(curves, table)
        write_picture(plots.grab(), picture)
    except RareSegError as error:
        report_error(parent, error)
        return
    report_notice(parent, f"The curves are in {table.name}, the plots in {picture.name}.")


def write_curves(curves: RunCurves, file: Path) -> None:
    """Write a CSV with one row per step that has a number, and one column per curve; what was not measured is empty.

    Raises
    ------
    CannotSave
        If the disk is full or read-only.
    """
    names = [name for name, curve in curves.curves.items() if curve.x]
    rows: dict[float, dict[str, str]] = {}
    for name in names:
        for x, y in zip(curves.curves[name].x, curves.curves[name].y, strict=True):
            rows.setdefault(x, {})[name] = f"{y:.6g}" if math.isfinite(y) else ""
    out = io.StringIO()
    table = csv.DictWriter(out, ["step", *names], restval="", lineterminator="\n")
    table.writeheader()
    for step in sorted(rows):
        table.writerow({"step": f"{step:g}", **rows[step]})
    write_text(file, out.getvalue())


def write_picture(picture: QPixmap, file: Path) -> None:
    """Write a picture as PNG, atomically; errors as `write_curves`."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")
    write_bytes(file, bytes(buffer.data().data()))
