"""The curves of a run as tables that every program reads, and the plots as pictures."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QWidget

from app.errors import report_error, report_notice
from app.train.curve_plot import Plot
from app.train.curves import RunCurves
from segcore.errors import RareSegError
from segcore.storage import write_bytes, write_text

_FILTERS = {"png": "Picture (*.png)", "svg": "Drawing (*.svg)", "csv": "Table (*.csv)"}


class Pictured(Protocol):
    """All plots together."""

    @property
    def plots(self) -> Sequence[Plot]: ...

    def picture(self) -> QPixmap: ...


def export_curves(parent: QWidget, curves: RunCurves, plots: Pictured) -> None:
    """Ask for a file; write all curves as CSV, all plots as one picture and each as a drawing beside it; say so."""
    name, _ = QFileDialog.getSaveFileName(parent, "Export the curves", "curves.csv", _FILTERS["csv"])
    if not name:
        return
    table = Path(name).with_suffix(".csv")
    try:
        write_curves(curves, table)
        write_picture(plots.picture(), table.with_suffix(".png"))
        for plot in plots.plots:
            write_drawing(plot, table.with_name(f"{table.stem}-{slug(plot.title)}.svg"))
    except RareSegError as error:
        report_error(parent, error)
        return
    report_notice(parent, f"The curves are in {table.name}, the plots in {table.stem}.png and as SVG beside it.")


def export_plot(parent: QWidget, plot: Plot, curves: RunCurves, kind: str) -> None:
    """Ask for a file and write one plot as ``"png"``, ``"svg"`` or ``"csv"``."""
    name, _ = QFileDialog.getSaveFileName(parent, f"Save '{plot.title}'", f"{slug(plot.title)}.{kind}", _FILTERS[kind])
    if not name:
        return
    file = Path(name).with_suffix(f".{kind}")
    try:
        if kind == "csv":
            write_rows(plot.rows(curves), file)
        elif kind == "svg":
            write_drawing(plot, file)
        else:
            write_picture(plot.grab(), file)
    except RareSegError as error:
        report_error(parent, error)
        return
    report_notice(parent, f"The plot is in {file.name}.")


def slug(title: str) -> str:
    """Return a title as part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def write_curves(curves: RunCurves, file: Path) -> None:
    """Write a CSV with one row per step that has a number, and one column per curve; what was not measured is empty.

    Raises
    ------
    CannotSave
        If the disk is full or read-only.
    """
    names = [name for name, curve in curves.curves.items() if curve.x]
    table: dict[float, dict[str, str]] = {}
    for name in names:
        for x, y in zip(curves.curves[name].x, curves.curves[name].y, strict=True):
            table.setdefault(x, {})[name] = f"{y:.6g}" if math.isfinite(y) else ""
    rows = [[f"{step:g}", *(table[step].get(name, "") for name in names)] for step in sorted(table)]
    write_rows([["step", *names], *rows], file)


def write_rows(rows: Sequence[Sequence[str]], file: Path) -> None:
    """Write a table as CSV, atomically; errors as `write_curves`."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    write_text(file, out.getvalue())


def write_picture(picture: QPixmap, file: Path) -> None:
    """Write a picture as PNG, atomically; errors as `write_curves`."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")
    write_bytes(file, bytes(buffer.data().data()))


def write_drawing(plot: Plot, file: Path) -> None:
    """Write a plot as SVG, atomically; errors as `write_curves`."""
    # pyqtgraph's own exporter breaks on shaded bands (0.14); Qt draws the widget as it is.
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(plot.size())
    generator.setViewBox(plot.rect())
    generator.setTitle(plot.title)
    painter = QPainter(generator)
    painter.fillRect(plot.rect(), plot.backgroundBrush())
    plot.render(painter)
    painter.end()
    write_bytes(file, bytes(buffer.data().data()))
