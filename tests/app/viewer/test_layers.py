"""A second channel, maps and other masks over the slices: pixels worked out by hand."""

import math

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest

from app.viewer.colour_maps import REFERENCE_COLOUR, colours_of
from app.viewer.layers import FusionLayer, MapKind, PredictionMap, ReferenceLayer, map_table, shown_part, tinted_table
from app.viewer.rendering import Overlay, Window, make_table
from app.viewer.scan_view import ScanView
from segcore.geometry import Box
from segcore.scans.volume import Volume

from .conftest import GRIDS, SHAPE, Bench, at, ramp


def colour_at(view: ScanView, axis: int, row: float, column: float) -> tuple[int, int, int]:
    place = at(view.panes[axis], row, column).toPoint()
    colour = QColor(view.panes[axis].grab(QRect(place, place)).toImage().pixel(0, 0))
    return (colour.red(), colour.green(), colour.blue())


def near(found: tuple[int, int, int], expected: tuple[float, float, float], within: float = 3.0) -> bool:
    return all(abs(a - b) <= within for a, b in zip(found, expected, strict=True))


def flat(view: ScanView, first: int, second: int) -> None:
    """Show two channels of one value each, with windows from 0 to 255."""
    voxels = np.stack([np.full(SHAPE, first, np.int16), np.full(SHAPE, second, np.int16)])
    view.set_scan(Volume(voxels=voxels, grid=GRIDS["upright"], channels=("A", "B")))
    for channel in (1, 0):
        view.set_channel(channel)
        view.set_window(Window(low=0, high=255))


def test_two_channels_are_mixed_as_the_slider_says(view: ScanView) -> None:
    flat(view, 200, 100)
    layer = FusionLayer(view)
    layer.set_channel(1, "Grey")
    layer.set_opacity(0.5)
    assert near(colour_at(view, 0, 3, 3), (150, 150, 150))
    layer.set_opacity(0.25)
    assert near(colour_at(view, 1, 3, 3), (175, 175, 175))
    layer.set_channel(1, "Inferno")
    red, green, blue = (200 * 0.75 + 0.25 * float(part) for part in colours_of("Inferno")[100])
    assert near(colour_at(view, 2, 3, 3), (red, green, blue))
    layer.set_channel(-1, "Inferno")
    assert near(colour_at(view, 0, 3, 3), (200, 200, 200), 0)


def test_a_mask_over_two_channels_keeps_its_strength_and_is_painted_at_once(view: ScanView) -> None:
    flat(view, 200, 100)
    labels = np.zeros(SHAPE, np.uint8)
    view.set_labels(labels)
    layer = FusionLayer(view)
    layer.set_channel(1, "Grey")
    view.set_overlay(Overlay(outline=False, opacity=0.4, mask_colour=(250, 0, 0)))
    labels[view.crosshair[0], 3:6, 3:6] = 1
    view.refresh(Box((view.crosshair[0], 3, 3), (view.crosshair[0] + 1, 6, 6)))
    # The mix is 150 grey; four tenths of it are red.
    assert near(colour_at(view, 0, 4, 4), (0.6 * 150 + 0.4 * 250, 0.6 * 150, 0.6 * 150))
    assert near(colour_at(view, 0, 10, 4), (150, 150, 150))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("zoom", [0.3, 1.7, 9.0])
def test_a_layer_lies_exactly_on_the_slice(view: ScanView, axis: int, zoom: float) -> None:
    volume = ramp(GRIDS["upright"])
    view.set_scan(Volume(voxels=volume.voxels[[0, 0]], grid=volume.grid, channels=("A", "B")))
    view.show_single(axis)
    p, r, c = view.crosshair
    view.panes[axis].frame((float(p), float(r), float(c)), zoom)
    alone = view.panes[axis].grab().toImage()
    layer = FusionLayer(view)
    layer.set_opacity(1.0)
    layer.set_channel(1, "Grey")
    assert layer.is_shown
    assert view.panes[axis].grab().toImage() == alone


def test_a_slice_that_is_not_looked_at_is_not_rendered(view: ScanView) -> None:
    view.set_scan(ramp(GRIDS["upright"]))
    pane = view.panes[0]
    pane.frame((5.0, 10.0, 10.0), 40.0)
    shown = shown_part(pane)
    assert shown is not None
    (rows, columns), _ = shown
    # 40 pixels per millimetre, rows of 1 mm, columns of 2 mm.
    assert rows.stop - rows.start <= math.ceil(pane.height() / 40) + 1
    assert columns.stop - columns.start <= math.ceil(pane.width() / 80) + 1
    pane.frame((5.0, 500.0, 10.0), 40.0)
    assert shown_part(pane) is None


def test_the_tinted_table_is_the_grey_one_where_the_map_is_grey() -> None:
    table = make_table(Overlay(opacity=0.4))
    grey = tinted_table(table, "Grey")
    for shift in (16, 8, 0):
        apart = ((table >> shift) & 255).astype(int) - ((grey >> shift) & 255).astype(int)
        assert np.abs(apart).max() <= 1


def test_the_probability_map_is_stronger_from_the_threshold_on() -> None:
    table = map_table(MapKind.PROBABILITY, "Grey", 10)
    alpha = table >> 24
    assert alpha[np.uint8(10)] == 255  # at the threshold
    assert alpha[9] == round(255 * 0.4)  # just below
    assert alpha[np.int8(-60).view(np.uint8)] == 0  # a quarter of a per cent
    # Step 0 stands for logits from 0 to 0.1: sigmoid(0.05) = 0.5125, premultiplied by 0.4.
    assert (table[0] & 255) == round(round(255 * 0.5125) * 0.4)


def test_the_unsure_map_is_brightest_at_a_half() -> None:
    table = map_table(MapKind.UNSURE, "Grey", 0) & 255
    steps = np.arange(256, dtype=np.uint8).view(np.int8)
    assert set(steps[table == table.max()].tolist()) == {-1, 0}
    assert table[np.uint8(30)] == round(255 * 2 * (1 - 1 / (1 + math.exp(-3.05))))


def test_the_map_follows_the_threshold_live(view: ScanView) -> None:
    flat(view, 0, 0)
    steps = np.full(SHAPE, -127, np.int8)
    steps[:, 5:10, 5:10] = 20
    layer = PredictionMap(view)
    layer.set_opacity(1.0)
    view.set_overlay(Overlay(fill=False, outline=False))
    view.set_prediction(steps, 0)
    assert colour_at(view, 0, 7, 7) == (0, 0, 0)
    layer.set_kind(MapKind.PROBABILITY, "Grey")
    full = 255 / (1 + math.exp(-2.05))
    assert near(colour_at(view, 0, 7, 7), (full, full, full), 2)
    view.set_step(30)
    assert near(colour_at(view, 0, 7, 7), (0.4 * full,) * 3, 2)
    assert colour_at(view, 0, 13, 3) == (0, 0, 0)


def test_another_mask_is_an_outline_or_filled(view: ScanView) -> None:
    flat(view, 0, 0)
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, 5:10, 5:10] = 1
    layer = ReferenceLayer(view)
    layer.set_labels(labels)
    for axis in (0, 1, 2):
        view.panes[axis].repaint()
    assert colour_at(view, 0, 5, 7) == REFERENCE_COLOUR
    assert colour_at(view, 0, 7, 7) == (0, 0, 0)
    layer.set_labels(labels, filled=True)
    assert near(colour_at(view, 0, 7, 7), tuple(0.35 * part for part in REFERENCE_COLOUR), 2)  # type: ignore[arg-type]
    view.set_overlay(Overlay(visible=False))
    assert colour_at(view, 0, 5, 7) == (0, 0, 0)


def test_photographs_have_no_second_channel(view: ScanView) -> None:
    volume = ramp(GRIDS["upright"])
    voxels = np.zeros((3, *SHAPE), np.uint8)
    view.set_scan(Volume(voxels=voxels, grid=volume.grid, channels=("red", "green", "blue")))
    layer = FusionLayer(view)
    layer.set_channel(1, "Grey")
    assert not layer.is_shown


# The panel


def test_a_key_lays_the_second_channel_over_and_takes_it_away(bench: Bench) -> None:
    panel = bench.area.layers
    bench.key(Qt.Key.Key_U, Qt.KeyboardModifier.ShiftModifier)
    assert (panel.fusion.channel, panel.channel.currentText()) == (1, "T1")
    assert bench.actions.action("viewer.fusion").isChecked()
    bench.key(Qt.Key.Key_U, Qt.KeyboardModifier.ShiftModifier)
    assert not panel.is_fused


def test_the_palette_is_kept_and_taken_over_by_the_next_viewer(bench: Bench) -> None:
    panel = bench.area.layers
    QTest.mouseClick(bench.area.bar.layers, Qt.MouseButton.LeftButton)
    assert panel.isVisible()
    panel.palette_box.setFocus()
    QTest.keyClick(panel.palette_box, Qt.Key.Key_Down)
    assert bench.view.overlay.mask_colour == (240, 228, 66)
    assert bench.settings.text("viewer/palette", "") == "Yellow and violet"
    other = ScanView()
    other.setParent(bench.window)
    fresh = type(panel)(other, bench.session, bench.settings, bench.window)
    assert other.overlay.mask_colour == (240, 228, 66)
    fresh.deleteLater()


def test_a_key_shows_the_maps_and_says_where_they_need_a_prediction(bench: Bench) -> None:
    panel, shift = bench.area.layers, Qt.KeyboardModifier.ShiftModifier
    bench.key(Qt.Key.Key_M, shift)
    assert (panel.kind.currentText(), panel.map.is_shown) == ("Probability", False)
    assert panel.notice.text() == "The map needs a prediction, and none is shown."
    bench.view.set_prediction(np.zeros(SHAPE, np.int8), 0)
    assert (panel.map.is_shown, panel.notice.text()) == (True, "")
    bench.key(Qt.Key.Key_M, shift)
    bench.key(Qt.Key.Key_M, shift)
    assert (panel.kind.currentText(), panel.map.is_shown) == ("None", False)


def test_an_earlier_version_is_laid_over_by_choosing_it(bench: Bench) -> None:
    project = bench.session.opened
    mask = project.mask("case-0")
    mask.labels[...] = 0
    project.save_mask("case-0", mask, author="Dr. Second", origin="annotation")
    bench.show("case-0")
    panel = bench.area.layers
    assert [panel.version.itemText(k)[:2] for k in range(panel.version.count())] == ["No", "2:", "1:"]
    panel.version.setCurrentIndex(2)
    assert panel.reference.labels is not None
    assert panel.reference.labels.sum() == 11
    panel.version.setCurrentIndex(0)
    assert not panel.reference.is_shown


def test_right_and_wrong_and_hiding_are_one_key_each(bench: Bench) -> None:
    bench.key(Qt.Key.Key_V)
    assert not bench.view.overlay.visible
    assert bench.actions.action("viewer.hide").isChecked()
    bench.key(Qt.Key.Key_V)
    assert bench.view.overlay.visible
    bench.key(Qt.Key.Key_V, Qt.KeyboardModifier.ShiftModifier)
    assert (bench.view.overlay.fill, bench.view.overlay.outline) == (True, False)
    bench.key(Qt.Key.Key_V, Qt.KeyboardModifier.ShiftModifier)
    assert (bench.view.overlay.fill, bench.view.overlay.outline) == (False, True)


def test_the_panel_of_layers_lies_below_its_button_until_escape(bench: Bench) -> None:
    panel, button = bench.area.layers, bench.area.bar.layers
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert panel.isVisible()
    assert panel.pos().y() >= button.mapTo(bench.area, QPoint(0, button.height())).y()
    QTest.keyClick(panel.kind, Qt.Key.Key_Escape)
    assert (panel.isVisible(), button.isChecked()) == (False, False)
