"""The lesion table, and going from lesion to lesion and error to error, across cases."""

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from app.viewer.lesion_table import LesionTable
from segcore.geometry import Box, Grid
from segcore.review.mask_lesions import MaskLesion

from .conftest import SHAPE, Bench

Wait = Callable[[Callable[[], bool]], None]
SHIFT = Qt.KeyboardModifier.ShiftModifier


def cell(table: LesionTable, row: int, column: int) -> str:
    return str(table.sorted.index(row, column).data())


def words(bench: Bench) -> str:
    return bench.area.words.text()


def test_the_table_lists_sizes_intensities_and_places(bench: Bench, wait: Wait) -> None:
    bench.key(Qt.Key.Key_F9)
    table = bench.area.table
    wait(lambda: table.sorted.rowCount() == 3)
    assert table.isVisible()
    # 8 voxels of 3 x 1 x 2 mm; two planes, rows and columns: 6, 2 and 4 mm; values 100 p + r + 30 c.
    mean = 100 * 2.5 + 4.5 + 30 * 4.5
    assert [cell(table, 0, k) for k in range(7)] == ["1", "0.048", "7.5", f"{mean:.1f}", "3", "5", "5"]
    assert [cell(table, 1, k) for k in (0, 1, 4, 5, 6)] == ["2", "0.012", "6", "21", "11"]
    assert table.facts.text() == "3 lesions · 0.066 ml together"
    assert table.model.headerData(1, Qt.Orientation.Horizontal, Qt.ItemDataRole.DisplayRole) == "Volume, ml"


def test_a_click_goes_there_and_shows_it_large(bench: Bench, wait: Wait) -> None:
    bench.key(Qt.Key.Key_F9)
    table = bench.area.table
    wait(lambda: table.sorted.rowCount() == 3)
    place = table.table.visualRect(table.sorted.index(2, 1)).center()
    QTest.mouseClick(table.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert bench.view.crosshair == (8, 25, 15)
    assert words(bench) == "Lesion 3 of 3: 0.006 ml"
    pane = bench.view.panes[0]
    assert not pane.is_fitted
    QTest.mouseClick(table.auto_zoom, Qt.MouseButton.LeftButton)
    assert not bench.settings.flag("viewer/auto-zoom", True)
    pane.fit()
    QTest.keyClick(table.table, Qt.Key.Key_Up)
    assert (bench.view.crosshair, pane.is_fitted) == ((5, 20, 10), True)


def test_a_click_on_a_heading_sorts_and_keys_follow_that_order(bench: Bench, wait: Wait) -> None:
    bench.key(Qt.Key.Key_F9)
    table = bench.area.table
    wait(lambda: table.sorted.rowCount() == 3)
    header = table.table.horizontalHeader()
    planes = QPoint(header.sectionViewportPosition(4) + 10, 8)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=planes)
    assert [cell(table, row, 4) for row in range(3)] == ["3", "6", "9"]
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=planes)
    assert [cell(table, row, 4) for row in range(3)] == ["9", "6", "3"]
    bench.view.set_crosshair((0, 0, 0))
    for number in (3, 2, 1):
        bench.key(Qt.Key.Key_J)
        assert words(bench).startswith(f"Lesion {number} of 3")


def test_the_table_is_copied_as_it_is_sorted(bench: Bench, wait: Wait) -> None:
    bench.key(Qt.Key.Key_F9)
    table = bench.area.table
    wait(lambda: table.sorted.rowCount() == 3)
    table.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    QTest.mouseClick(table.copy, Qt.MouseButton.LeftButton)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0] == "No.\tVolume, ml\tLongest, mm\tMean\tPlane\tRow\tColumn"
    # One voxel of 3 x 1 x 2 mm at (8, 25, 15): 100 · 8 + 25 + 30 · 15.
    assert lines[1] == "3\t0.006\t3.7\t1275.0\t9\t26\t16"
    assert len(lines) == 4


def test_the_key_goes_through_the_lesions_and_on_to_the_next_case_that_has_some(bench: Bench, wait: Wait) -> None:
    bench.view.set_crosshair((0, 0, 0))
    bench.key(Qt.Key.Key_J)
    wait(lambda: words(bench).startswith("Lesion 1 of 3"))
    assert bench.view.crosshair == bench.area.walk.lesions[0].centre  # type: ignore[index]
    bench.key(Qt.Key.Key_J)
    bench.key(Qt.Key.Key_J)
    assert bench.view.crosshair == (8, 25, 15)
    bench.key(Qt.Key.Key_J)  # case-1 has none
    wait(lambda: words(bench).startswith("Lesion 1 of 3"))
    assert bench.area._case == "case-2"
    bench.view.set_crosshair((8, 25, 15))
    bench.key(Qt.Key.Key_J)
    assert words(bench) == "No further lesion in any case of the list"
    bench.key(Qt.Key.Key_J, SHIFT)
    assert bench.view.crosshair == (5, 20, 10)


def test_going_back_ends_in_the_last_lesion_of_the_case_before(bench: Bench, wait: Wait) -> None:
    bench.show("case-2")
    bench.view.set_crosshair((2, 4, 4))
    bench.key(Qt.Key.Key_J, SHIFT)
    wait(lambda: bench.area._case == "case-0")
    wait(lambda: words(bench).startswith("Lesion 3 of 3"))
    bench.view.set_crosshair((2, 4, 4))
    bench.key(Qt.Key.Key_J, SHIFT)
    assert words(bench) == "No earlier lesion in any case of the list"


def test_strokes_are_counted_again(bench: Bench, wait: Wait) -> None:
    bench.key(Qt.Key.Key_F9)
    table = bench.area.table
    wait(lambda: table.sorted.rowCount() == 3)
    assert bench.view.labels is not None
    bench.view.labels[0, 0, 0] = 1
    bench.view.refresh(Box((0, 0, 0), (1, 1, 1)))
    wait(lambda: table.sorted.rowCount() == 4)
    bench.view.labels[...] = 0
    bench.view.refresh(Box((0, 0, 0), SHAPE))
    wait(lambda: table.facts.text() == "No lesion in this mask")


def test_errors_are_missed_lesions_and_false_findings_across_cases(bench: Bench, wait: Wait) -> None:
    bench.key(Qt.Key.Key_K)
    assert words(bench) == "No prediction is shown: errors are where mask and prediction differ"
    for case, missed in (("case-0", True), ("case-2", False)):
        steps = np.full(SHAPE, -50, np.int8)
        steps[2, 4, 4] = 20  # touches the first lesion
        steps[0, 10, 10] = 20  # touches none
        steps[5, 20, 10] = 20
        if not missed:
            steps[8, 25, 15] = 20
        bench.predictions[case] = steps
    bench.show("case-0")
    bench.view.set_crosshair((9, 0, 0))
    bench.key(Qt.Key.Key_K)
    wait(lambda: words(bench) == "Error 1 of 2: false finding, 1 voxels")
    assert bench.view.crosshair == (0, 10, 10)
    bench.key(Qt.Key.Key_K)
    assert words(bench) == "Error 2 of 2: missed lesion, 1 voxels"
    assert bench.view.crosshair == (8, 25, 15)
    bench.key(Qt.Key.Key_K)  # case-1 was not predicted
    wait(lambda: words(bench) == "Error 1 of 1: false finding, 1 voxels")
    assert bench.area._case == "case-2"
    bench.view.set_step(30)  # nothing is predicted any more: three missed lesions
    bench.view.set_crosshair((0, 0, 0))
    bench.key(Qt.Key.Key_K)
    wait(lambda: words(bench).startswith("Error 1 of 3: missed lesion"))


def test_z_shows_the_nearest_lesion_large(bench: Bench, wait: Wait) -> None:
    bench.view.set_crosshair((8, 24, 13))
    bench.key(Qt.Key.Key_Z)
    wait(lambda: bench.view.crosshair == (8, 25, 15))
    pane = bench.view.panes[0]
    assert pane.zoom == min(pane.height(), pane.width()) / 64
    bench.show("case-1")
    bench.view.set_crosshair((3, 3, 3))
    pane.fit()
    bench.key(Qt.Key.Key_Z)
    wait(lambda: not pane.is_fitted)
    assert bench.view.crosshair == (3, 3, 3)


def test_an_uncalibrated_image_has_voxels_in_place_of_millilitres(bench: Bench) -> None:
    table = bench.area.table
    lesion = MaskLesion(
        number=1,
        box=Box((0, 0, 0), (1, 1, 4)),
        voxels=4,
        volume_ml=0.004,
        longest_mm=4.1,
        mean=float("nan"),
        centre=(0, 0, 1),
    )
    table.show_lesions((lesion,), Grid.from_spacing((1, 9, 9), calibrated=False))
    assert [cell(table, 0, k) for k in range(4)] == ["1", "4", "4.1", "–"]
    assert table.facts.text() == "1 lesion · 4 voxels together · the file states no voxel size"
    headings = [table.model.headerData(k, Qt.Orientation.Horizontal, Qt.ItemDataRole.DisplayRole) for k in (1, 2)]
    assert headings == ["Voxels", "Longest, px"]
