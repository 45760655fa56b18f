"""The plots, the watched case and the patches of a run: with scripted events by real mouse moves, once with the engine."""

import csv
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QMouseEvent, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QLabel, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.background import Background
from app.session import Session
from app.settings import Settings
from app.train.curve_plot import CurvePlot, round_above
from app.train.curves import RunCurves
from app.train.panel import TrainPanel
from app.train.patches_view import TILE, composed
from app.train.plot_specs import PLOTS
from app.train.run_control import RunState
from segcore.projects.project import Project
from segcore.training.events import BatchShown, CaseShown
from segcore.training.exhibits import BatchPicture, write_batch, write_case
from segcore.training.recipe import Budget, Machine, Recipe
from segcore.training.steering import ShowBatch, WatchCase
from tests.app.train_events import ENDED, STARTED, STOPPED, steps, validated


@pytest.fixture
def panel(
    qtbot: QtBot,
    session: Session,
    actions: Actions,
    background: Background,
    settings: Settings,
    make_project: Callable[..., Project],
) -> TrainPanel:
    project = make_project(split=True)
    for case in project.cases():
        project.set_group(case.id, case.id)
    session.adopt(project)
    widget = TrainPanel(session, actions, background, settings)
    qtbot.addWidget(widget)
    widget.resize(1500, 900)
    widget.show()
    return widget


def run_of_two_validations() -> RunCurves:
    run = RunCurves()
    for event in (STARTED, steps(10), steps(20), validated(20), steps(40), validated(40, 0.5)):
        run.add(event)
    return run


def plot_called(panel: TrainPanel, title: str) -> CurvePlot:
    found = next(plot for plot in panel.view.plots.plots if plot.title == title)
    assert isinstance(found, CurvePlot)
    return found


def show(panel: TrainPanel, qtbot: QtBot) -> RunCurves:
    run = run_of_two_validations()
    panel.view.plots.show_run(run)
    panel.view.plots.draw_now()
    QApplication.processEvents()
    return run


def drawn(plot: CurvePlot, curve: str) -> list[tuple[float, float]]:
    x, y = plot.lines[curve].getOriginalDataset()
    return [] if x is None else list(zip(x, y, strict=True))


def test_every_plot_shows_the_numbers_of_its_events(panel: TrainPanel, qtbot: QtBot) -> None:
    show(panel, qtbot)

    whole = plot_called(panel, "Rare class on whole validation scans")
    assert drawn(whole, "average_precision") == [(20, 0.41), (40, 0.5)]
    assert drawn(whole, "f_beta") == [(20, 0.45), (40, 0.45)]
    assert drawn(plot_called(panel, "Lesions found, by size"), "size_1") == [(20, 0.25), (40, 0.25)]
    assert drawn(plot_called(panel, "Lesions found, by size"), "size_4") == []  # there were two groups only
    assert drawn(plot_called(panel, "False alarms per case"), "false_positives_per_case") == [(20, 2.5), (40, 2.5)]
    assert drawn(plot_called(panel, "Skill: better than a constant?"), "patch_skill") == [
        (10, 0.25),
        (20, 0.25),
        (40, 0.25),
    ]
    assert drawn(plot_called(panel, "Patches on lesions: asked and drawn"), "hard_share")[0] == (10, 0.125)
    assert drawn(plot_called(panel, "Where the time goes"), "learning")[0] == (10, 0.5)
    assert drawn(plot_called(panel, "Calibration"), "brier_skill") == [(20, 0.35), (40, 0.35)]
    recall, precision = panel.view.plots.pr.curve.getOriginalDataset()
    assert (list(recall), list(precision)) == ([0.2, 0.6, 1.0], [1.0, 0.7, 0.1])
    assert [list(part) for part in panel.view.plots.pr.operating.getOriginalDataset()] == [[0.6], [0.7]]
    predicted, observed = panel.view.plots.reliability.bins.getOriginalDataset()
    assert (list(predicted), list(observed)) == ([0.1, 0.8], [0.05, 0.6])


def test_every_curve_of_a_plot_is_one_that_runs_have() -> None:
    known = RunCurves().curves
    assert [line.curve for spec in PLOTS for line in spec.lines if line.curve not in known] == []
    assert all(len(spec.tooltip) > 20 for spec in PLOTS)


def test_the_mouse_over_a_plot_shows_the_values_there_with_their_interval(panel: TrainPanel, qtbot: QtBot) -> None:
    show(panel, qtbot)
    plot = plot_called(panel, "Rare class on whole validation scans")
    at = plot.getPlotItem().vb.mapViewToScene(QPointF(21.0, 0.5))
    place = plot.mapFromScene(at)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(place),
        plot.viewport().mapToGlobal(QPointF(place)),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(plot.viewport(), event)

    assert plot.readout.isVisible()
    assert plot.words_at(21.0).splitlines()[:2] == ["step 20", "Dice 0.42 (0.31 to 0.55)"]
    assert plot.readout.toPlainText() == plot.words_at(21.0)
    assert plot.words_at(1e9).startswith("step 40")
    QApplication.sendEvent(plot, QEvent(QEvent.Type.Leave))
    assert not plot.readout.isVisible()


def test_steps_end_at_a_round_number_until_a_person_zooms(panel: TrainPanel, qtbot: QtBot) -> None:
    run = show(panel, qtbot)
    plot = plot_called(panel, "Training loss")
    box = plot.getPlotItem().vb
    assert box.viewRange()[0] == pytest.approx([0, 40], abs=1)
    for step in (41, 200):
        run.add(steps(step))
    plot.draw(run)
    assert box.viewRange()[0] == pytest.approx([0, 200], abs=4)
    plot.setXRange(10.0, 20.0, padding=0)
    box.sigRangeChangedManually.emit(box.mouseEnabled())
    run.add(steps(900))
    plot.draw(run)
    assert box.viewRange()[0] == [10.0, 20.0]
    plot.show_everything()
    assert box.viewRange()[0] == pytest.approx([0, 1000], abs=20)


@pytest.mark.parametrize(("value", "above"), [(0, 1), (1, 1), (40, 40), (41, 50), (1001, 1250), (8001, 10000)])
def test_room_is_made_in_round_numbers(value: float, above: float) -> None:
    assert round_above(value) == above


def test_only_plots_that_can_be_seen_are_drawn_and_the_others_when_they_are_scrolled_to(
    panel: TrainPanel, qtbot: QtBot
) -> None:
    plots = panel.view.plots
    plots.show_run(run_of_two_validations())
    first, last = plots.plots[0], plots.plots[-1]
    qtbot.waitUntil(lambda: plots._drawn[first] > 0)
    qtbot.wait(1500)
    assert plots._drawn[last] == 0
    plots.ensureWidgetVisible(last)
    qtbot.waitUntil(lambda: plots._drawn[last] > 0)


def test_the_grid_takes_as_many_columns_as_there_is_room_for(panel: TrainPanel, qtbot: QtBot) -> None:
    def columns() -> int:
        tops = [plot.y() for plot in panel.view.plots.plots]
        return tops.count(tops[0])

    panel.resize(1920, 1000)
    qtbot.waitUntil(lambda: columns() == 3)
    panel.resize(1300, 700)
    qtbot.waitUntil(lambda: columns() == 2)


def test_a_plot_is_saved_as_table_picture_and_drawing_from_its_menu(
    panel: TrainPanel, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(panel, qtbot)
    panel.view.plots.show_run(run_of_two_validations())
    monkeypatch.setattr(
        "app.train.curves_file.QFileDialog.getSaveFileName", lambda _p, _t, name, _f: (str(tmp_path / name), "")
    )
    opened: list[QMenu] = []
    monkeypatch.setattr(QMenu, "popup", lambda menu, _: opened.append(menu))  # the offscreen platform warns of menus
    plot = plot_called(panel, "Lesions found, by size")
    panel.view.plots.ensureWidgetVisible(plot)
    centre = plot.rect().center()
    QApplication.sendEvent(plot, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, centre, plot.mapToGlobal(centre)))
    (menu,) = opened
    assert [action.text() for action in menu.actions() if action.text()] == [
        "Show everything",
        "Save as PNG…",
        "Save as SVG…",
        "Save as CSV…",
    ]
    for action in menu.actions()[2:]:
        action.trigger()
    menu.deleteLater()
    with (tmp_path / "lesions-found-by-size.csv").open(newline="") as handle:
        rows = list(csv.reader(handle))
    assert rows == [
        ["step", "size_1", "size_2", "size_3", "size_4", "lesion_f1"],
        ["20", "0.25", "1", "", "", "0.5"],
        ["40", "0.25", "1", "", "", "0.5"],
    ]
    assert QPixmap(str(tmp_path / "lesions-found-by-size.png")).size() == plot.size()
    drawing = ElementTree.parse(tmp_path / "lesions-found-by-size.svg").getroot()
    assert drawing.tag.endswith("svg")
    assert len(list(drawing.iter("{http://www.w3.org/2000/svg}text"))) > 5  # letters, not pixels
    pixels = [float(image.get("width", "0")) for image in drawing.iter("{http://www.w3.org/2000/svg}image")]
    assert max(pixels) < 20  # dots only, neither axes nor lines


def test_curves_of_the_latest_validation_are_saved_as_tables(panel: TrainPanel, qtbot: QtBot) -> None:
    run = show(panel, qtbot)

    assert panel.view.plots.pr.rows(run) == [["recall", "precision"], ["0.2", "1"], ["0.6", "0.7"], ["1", "0.1"]]
    assert panel.view.plots.reliability.rows(run)[1] == ["0.1", "0.05", "40"]
    assert panel.view.plots.pr.rows(RunCurves()) == [["recall", "precision"]]


# The watched case


def words(panel: TrainPanel, name: str) -> str:
    label = panel.findChild(QLabel, name)
    assert label is not None
    return label.text()


def lay_out_case(project: Project, step: int, *, case: str = "case-3") -> CaseShown:
    truth = project.mask(case).labels
    write_case(project.runs_folder / "r1" / "shown" / "case.npy", np.where(truth == 1, 30 + step, -30).astype(np.int8))
    return CaseShown(step=step, case=case, file="runs/r1/shown/case.npy", threshold_step=5, dice=1.0)


def test_the_watched_case_shows_each_validations_prediction_in_the_viewer(
    panel: TrainPanel, session: Session, engines: object, qtbot: QtBot
) -> None:
    engine = engines.expect((STARTED, lay_out_case(session.opened, 20)), last=STOPPED)  # type: ignore[attr-defined]
    QTest.mouseClick(panel.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.control.curves.case is not None)
    view = panel.view.case.view
    assert view.steps is None  # nobody looks
    panel.view.pages.setCurrentWidget(panel.view.case)
    qtbot.waitUntil(lambda: view.steps is not None)
    assert view.step == 5
    assert int(view.steps.max()) == 50
    assert view.crosshair[0] == 0  # the plane that holds the lesion
    assert words(panel, "watched-words") == "step 20 · Dice 1.000"
    panel.control._take((lay_out_case(session.opened, 40),))
    qtbot.waitUntil(lambda: words(panel, "watched-words").startswith("step 40"))
    assert int(view.steps.max()) == 70
    engine.kill()
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE)
    assert not panel.view.case.cases.isEnabled()


def test_another_case_is_chosen_and_asked_of_the_engine(
    panel: TrainPanel, session: Session, engines: object, qtbot: QtBot
) -> None:
    session.set_parts({"case-4": session.cases()[3].part})
    engine = engines.expect((STARTED, lay_out_case(session.opened, 20)), last=STOPPED)  # type: ignore[attr-defined]
    panel.view.pages.setCurrentWidget(panel.view.case)
    QTest.mouseClick(panel.start_button, Qt.MouseButton.LeftButton)
    cases = panel.view.case.cases
    qtbot.waitUntil(lambda: cases.count() == 2)
    cases.setFocus()
    QTest.keyClick(cases, Qt.Key.Key_Down)
    assert engine.controls == [WatchCase(case="case-4")]
    engine.kill()
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE)


def test_a_prediction_that_is_gone_is_told_in_a_sentence(panel: TrainPanel, session: Session, qtbot: QtBot) -> None:
    panel.view.pages.setCurrentWidget(panel.view.case)
    panel.view.case.show_case(replace(lay_out_case(session.opened, 1), file="runs/r1/none.npy"), live=False)
    qtbot.waitUntil(lambda: "cannot be read" in words(panel, "watched-words"))


# The patches


def lay_out_batch(project: Project, step: int) -> BatchShown:
    labels = np.zeros((3, 8, 8), np.uint8)
    labels[0, 2:6, 2:6] = 1
    write_batch(
        project.runs_folder / "r1" / "shown" / "batch.npz",
        BatchPicture(
            images=np.full((3, 8, 8), 100, np.uint8),
            labels=labels,
            probabilities=np.full((3, 8, 8), 200, np.uint8),
            cases=("case-0", "case-1", "case-2"),
            kinds=("on a lesion", "hard negative", "anywhere, pasted"),
        ),
    )
    return BatchShown(step=step, file="runs/r1/shown/batch.npz")


def test_patches_are_shown_with_their_origin_and_asked_for_by_a_button(
    panel: TrainPanel, session: Session, engines: object, qtbot: QtBot
) -> None:
    engine = engines.expect((STARTED, lay_out_batch(session.opened, 20)), last=STOPPED)  # type: ignore[attr-defined]
    panel.view.pages.setCurrentWidget(panel.view.patches)
    QTest.mouseClick(panel.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(panel.view.patches._tiles) == 3)
    assert words(panel, "patches-words") == "3 patches of step 20, as the network saw them."
    texts = [tile.findChildren(QLabel)[1].text() for tile in panel.view.patches._tiles]
    assert texts == ["on a lesion\ncase-0", "hard negative\ncase-1", "anywhere, pasted\ncase-2"]
    tiles = [tile.accessibleName() for tile in panel.view.patches._tiles]
    assert tiles[0] == "Patch 1: case-0, on a lesion, holds foreground"
    picture = panel.view.patches._tiles[0].findChildren(QLabel)[0].pixmap().toImage()
    assert picture.width() == TILE
    edge = picture.pixelColor(round(2.5 * TILE / 8), round(2.5 * TILE / 8))
    assert (edge.red(), edge.green(), edge.blue()) == (255, 140, 40)
    ask = panel.findChild(QPushButton, "patches-ask")
    assert ask is not None
    QTest.mouseClick(ask, Qt.MouseButton.LeftButton)
    assert engine.controls == [ShowBatch()]
    engine.kill()
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE)
    assert not ask.isEnabled()


def test_masks_and_predictions_over_patches_can_be_hidden(panel: TrainPanel, session: Session, qtbot: QtBot) -> None:
    panel.view.pages.setCurrentWidget(panel.view.patches)
    panel.view.patches.show_batch(lay_out_batch(session.opened, 1), session.opened.folder, live=False)
    qtbot.waitUntil(lambda: len(panel.view.patches._tiles) == 3)
    for box in panel.view.patches.findChildren(QCheckBox):
        box.click()
    picture = panel.view.patches._tiles[0].findChildren(QLabel)[0].pixmap().toImage()
    colours = {picture.pixelColor(x, x).name() for x in range(0, TILE, 7)}
    assert colours == {"#646464"}


def test_the_picture_of_a_patch_by_hand() -> None:
    image = np.full((5, 5), 100, np.uint8)
    labels = np.zeros((5, 5), np.uint8)
    labels[1:4, 1:4] = 1
    labels[4, 4] = 255
    said = np.zeros((5, 5), np.uint8)
    said[2, 2], said[0, 0] = 128, 127

    pixels = composed(image, labels, said)

    assert tuple(pixels[1, 1]) == (255, 140, 40)  # the mask's edge
    assert tuple(pixels[2, 2]) == (86, 122, 169)  # inside: 100 + 0.45 x (prediction colour − 100)
    assert tuple(pixels[0, 0]) == (100, 100, 100)  # a probability below one half
    assert tuple(pixels[4, 4]) == (50, 50, 50)  # unlabelled


def test_a_batch_that_is_damaged_is_told_in_a_sentence(panel: TrainPanel, session: Session, qtbot: QtBot) -> None:
    shown = lay_out_batch(session.opened, 1)
    (session.opened.folder / shown.file).write_bytes(b"torn")
    panel.view.pages.setCurrentWidget(panel.view.patches)
    panel.view.patches.show_batch(shown, session.opened.folder, live=False)
    qtbot.waitUntil(lambda: "cannot be read" in words(panel, "patches-words"))
    assert panel.view.patches._tiles == []


@pytest.mark.engine
def test_the_real_engine_fills_every_plot_the_watched_case_and_the_patches(
    qtbot: QtBot,
    session: Session,
    actions: Actions,
    settings: Settings,
    real_background: Background,
    kept: list[QWidget],
    make_project: Callable[..., Project],
) -> None:
    project = make_project(split=True, planes=1, edge=32)
    for case in project.cases():
        project.set_group(case.id, case.id)
    session.adopt(project)
    panel = TrainPanel(session, actions, real_background, settings)
    kept.append(panel)
    panel.resize(1500, 900)
    panel.show()
    panel.form.set_recipe(Recipe(budget=Budget(steps=12, validations=2), machine=Machine(threads=1)))
    QTest.mouseClick(panel.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE, timeout=60_000)
    panel.view.plots.draw_now()
    for spec in PLOTS:
        plot = plot_called(panel, spec.title)
        values = [y for line in spec.lines for _, y in drawn(plot, line.curve)]
        assert any(math.isfinite(y) for y in values), spec.title
    assert panel.view.plots.pr.curve.getOriginalDataset()[0].size > 1
    panel.view.pages.setCurrentWidget(panel.view.case)
    qtbot.waitUntil(lambda: panel.view.case.view.steps is not None)
    assert panel.view.case.view.volume is not None
    assert panel.view.case.view.steps is not None
    assert panel.view.case.view.steps.shape == panel.view.case.view.volume.grid.shape
    panel.view.pages.setCurrentWidget(panel.view.patches)
    qtbot.waitUntil(lambda: len(panel.view.patches._tiles) > 0)
    assert ENDED.reason is getattr(panel.control.curves.ended, "reason", None)
