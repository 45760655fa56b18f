"""Window presets, channels and overlay styles."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.viewer.display_controls import HIDDEN, RIGHT_AND_WRONG, full_window, masks_legend
from app.viewer.rendering import Overlay, Window
from segcore.scans.volume import Volume

from .conftest import GRIDS, SHAPE, Bench


def entries(bench: Bench) -> list[str]:
    box = bench.display.window_preset
    return [box.itemText(k) for k in range(box.count())]


def show(bench: Bench, *channels: np.ndarray) -> None:
    names = tuple(f"c{k}" for k in range(len(channels)))
    bench.view.set_scan(Volume(voxels=np.stack(channels), grid=GRIDS["upright"], channels=names))
    bench.display.scan_changed()


def ct() -> np.ndarray:
    values = np.full(SHAPE, -1000, np.int16)
    values[:, 5:25, 5:15] = 40
    values[:, 10:12, 8:10] = 900
    return values


def test_ct_has_its_presets_and_the_key_goes_through_them(bench: Bench) -> None:
    show(bench, ct())
    assert entries(bench) == [
        "Automatic",
        "Brain",
        "Subdural",
        "Bone",
        "Lung",
        "Liver",
        "Soft tissue",
        "Full range",
        "As dragged",
    ]
    windows = []
    for _ in range(8):
        bench.key(Qt.Key.Key_W, Qt.KeyboardModifier.ShiftModifier)
        window = bench.view.window_of(0)
        windows.append((bench.display.window_preset.currentText(), window.level, window.width))
    assert windows[:4] == [
        ("Brain", 40, 80),
        ("Subdural", 75, 215),
        ("Bone", 480, 2500),
        ("Lung", -600, 1500),
    ]
    assert windows[6] == ("Full range", -50, 1900)
    assert windows[7][0] == "Automatic"


def test_each_channel_has_its_own_window_and_its_own_presets(bench: Bench) -> None:
    mr = np.linspace(0, 300, ct().size).reshape(SHAPE).astype(np.int16)
    show(bench, ct(), mr)
    bench.view.set_window(Window(low=-100, high=200))
    bench.display.step_channel(2)
    assert "Brain" not in entries(bench)
    assert bench.display.window_preset.currentText() == "Automatic"
    assert bench.view.window_of(1) == bench.view.automatic_window(1)
    bench.display.step_channel(1)
    assert bench.display.window_preset.currentText() == "As dragged"
    assert bench.view.window_of(0) == Window(low=-100, high=200)


def test_mr_is_automatic_by_percentiles(bench: Bench) -> None:
    mr = np.zeros(SHAPE, np.float32)
    mr[2:8] = np.linspace(100, 200, mr[2:8].size).reshape(mr[2:8].shape)
    show(bench, mr)
    window = bench.view.window_of(0)
    # The 1st and the 99.5th percentile of what is not air.
    assert (window.low, window.high) == pytest.approx((101.0, 199.5), abs=0.3)


def test_a_full_window_leaves_out_what_is_not_a_number() -> None:
    values = np.array([1.0, np.nan, 5.0, np.inf], np.float32)
    assert full_window(values) == Window(low=1.0, high=5.0)
    assert full_window(np.array([np.nan], np.float32)) == Window(low=0.0, high=1.0)
    assert full_window(np.array([7], np.int16)) == Window(low=7.0, high=8.0)


def test_hiding_and_right_and_wrong_remember_what_was_shown(bench: Bench) -> None:
    box = bench.display.style_box
    box.setCurrentText("Outline")
    bench.display.toggle_compare()
    assert (box.currentText(), bench.view.overlay.compare) == (RIGHT_AND_WRONG, True)
    bench.display.toggle_hidden()
    assert box.currentText() == HIDDEN
    bench.display.toggle_hidden()
    assert box.currentText() == RIGHT_AND_WRONG
    bench.display.toggle_compare()
    assert box.currentText() == "Outline"


def test_the_legend_wears_the_colours_that_are_drawn() -> None:
    words = masks_legend(Overlay(mask_colour=(1, 2, 3), prediction_colour=(4, 5, 6)), doubt=True)
    assert 'rgb(4, 5, 6)">■</span> prediction' in words
    assert "rgb(1, 2, 3)\">■</span> the case's mask" in words
    assert words.endswith("members disagree")


def test_the_opacity_slider_is_worked_by_keys(bench: Bench) -> None:
    bench.display.show()
    bench.display.opacity.setFocus()
    QTest.keyClick(bench.display.opacity, Qt.Key.Key_Right)
    assert bench.view.overlay.opacity == pytest.approx(0.41)
