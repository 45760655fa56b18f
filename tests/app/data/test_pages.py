"""The pages about imbalance, driven by mouse and keys in the real window."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.annotate.panel import AnnotatePanel
from app.background import Background
from app.data.advice_page import AdvicePage
from app.data.histogram import Histogram, doubling_classes, whole_ticks
from app.data.imbalance_page import ImbalancePage
from app.data.measured_page import MeasuredPage
from app.data.panel import DataPanel
from app.data.resolution_page import ResolutionPage
from app.data.rows import RowsView
from app.data.simulator_page import SimulatorPage
from app.data.suspects_page import SuspectsPage
from app.session import Session
from app.settings import Settings
from app.theme import apply_theme, current_tokens
from app.train.panel import TrainPanel
from app.window import MainWindow
from segcore.geometry import Grid
from segcore.imbalance.batch_odds import Setting, batch_odds
from segcore.imbalance.suspects import SuspectKind
from segcore.projects.case import CaseState, Part
from segcore.projects.project import Project
from segcore.scans.volume import Mask, Volume
from segcore.training.recipe import Budget, Recipe

EDGE = 64
#: Lesions of each case as (row, column, edge), in plane 1 of 3.
LESIONS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "a": ((10, 10, 6), (30, 30, 1)),
    "b": ((20, 20, 8),),
    "c": ((15, 40, 5), (40, 15, 7), (50, 50, 4)),
    "d": (),
    "e": ((25, 35, 6),),
    "f": ((30, 20, 9),),
}
PARTS = (Part.TRAIN, Part.TRAIN, Part.TRAIN, Part.TRAIN, Part.VALIDATION, Part.TEST)


def add(project: Project, id: str, lesions: tuple[tuple[int, int, int], ...], seed: int) -> None:
    grid = Grid.from_spacing((3, EDGE, EDGE), (3.0, 1.0, 1.0))
    rng = np.random.default_rng(seed)
    tissue = np.kron(rng.normal(100, 15, (8, 8)), np.ones((8, 8)))
    voxels = rng.normal(0, 4, grid.shape) + tissue
    mask = Mask.empty(grid)
    for row, column, edge in lesions:
        mask.labels[:, row : row + edge, column : column + edge] = 1
        voxels[:, row : row + edge, column : column + edge] += 80
    project.add_case(
        id=id,
        group=id,
        volume=Volume(voxels=voxels.astype(np.int16)[np.newaxis], grid=grid, channels=("image",)),
        source_grid=grid,
        source_suffix=".nii.gz",
        sources=(f"{id}.nii.gz",),
        mask=mask,
        state=CaseState.COMPLETE if lesions else CaseState.CONFIRMED_EMPTY,
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "project", name="Six")
    for seed, (id, lesions) in enumerate(LESIONS.items()):
        add(made, id, lesions, seed)
    made.set_parts(dict(zip(LESIONS, PARTS, strict=True)))
    return made


@pytest.fixture
def window(
    qtbot: QtBot, session: Session, actions: Actions, background: Background, settings: Settings, project: Project
) -> Iterator[MainWindow]:
    session.adopt(project)
    made = MainWindow(session, actions, background, settings, make_demo=lambda progress: pytest.fail("no demo here"))
    made.resize(1366, 768)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    yield made
    qtbot.waitUntil(lambda: background.running_tasks == 0, timeout=10_000)


@pytest.fixture
def panel(window: MainWindow) -> DataPanel:
    return cast(DataPanel, window.panel("data"))


def click_tab(qtbot: QtBot, panel: DataPanel, text: str) -> None:
    bar = panel.tabs.tabBar()
    index = next(number for number in range(bar.count()) if bar.tabText(number) == text)
    qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(index).center())


def open_page(qtbot: QtBot, panel: DataPanel, text: str) -> QWidget:
    """Click on a tab and wait until its page shows what was measured."""
    click_tab(qtbot, panel, text)
    page = panel.page(text.lower())
    assert isinstance(page, MeasuredPage)
    settle(qtbot, page)
    return page


def settle(qtbot: QtBot, page: MeasuredPage[object]) -> None:
    qtbot.waitUntil(lambda: not page.measurement.is_running and not page.measurement.is_old, timeout=20_000)


def press(qtbot: QtBot, widget: QWidget, id: str) -> None:
    button = next(b for b in widget.findChildren(QPushButton) if b.objectName() == f"button-{id}" and b.isVisible())
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def double_click(qtbot: QtBot, table: RowsView, row: int) -> None:
    place = table.visualRect(table.sorted_rows.index(row, 1)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)


def texts(table: RowsView, column: int) -> list[str]:
    return [str(table.sorted_rows.index(row, column).data()) for row in range(table.sorted_rows.rowCount())]


def hover(qtbot: QtBot, histogram: Histogram, bar: int) -> QPoint:
    """Move the pointer over a bar; returns where it is."""
    box = histogram.plot.getPlotItem().vb
    scene = box.mapViewToScene(QPointF(bar, 0.2))
    place = histogram.plot.mapFromScene(scene)
    qtbot.mouseMove(histogram.plot.viewport(), place + QPoint(3, -3))
    qtbot.mouseMove(histogram.plot.viewport(), place)
    return place


# Imbalance


def test_the_histograms_count_cases_by_lesions_and_lesions_by_size(qtbot: QtBot, panel: DataPanel) -> None:
    page = cast(ImbalancePage, open_page(qtbot, panel, "Imbalance"))
    # Outside the test part: a 2 lesions, b 1, c 3, d none, e 1.
    assert [(bar.tick, bar.count) for bar in page.counts.bars] == [("0", 1), ("1", 2), ("2", 1), ("3–4", 1)]
    # Edge squared times three planes: 3, 48, 75, 108, 108, 147, 192 voxels.
    assert {bar.tick: bar.count for bar in page.sizes.bars if bar.count} == {
        "≤4": 1,
        "≤64": 1,
        "≤128": 3,
        "≤256": 2,
    }
    assert page.sentence.text().startswith("7 lesions in 5 cases outside the test part")


def test_hovering_over_a_bar_tells_its_numbers_and_a_click_selects_its_cases(qtbot: QtBot, panel: DataPanel) -> None:
    page = cast(ImbalancePage, open_page(qtbot, panel, "Imbalance"))
    place = hover(qtbot, page.counts, 1)
    qtbot.waitUntil(lambda: page.counts.words.text() == "2 cases with 1 lesion: 40% of the cases.")
    qtbot.mouseClick(page.counts.plot.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert panel.tabs.currentIndex() == 0
    assert panel.cases.selected_ids() == ("b", "e")


def test_the_bars_can_be_walked_by_keys(qtbot: QtBot, panel: DataPanel) -> None:
    page = cast(ImbalancePage, open_page(qtbot, panel, "Imbalance"))
    page.sizes.plot.setFocus()
    for _ in range(3):
        qtbot.keyClick(page.sizes.plot, Qt.Key.Key_Right)
    assert page.sizes.words.text() == (
        "1 lesion of 3–4 voxels (0.009 to 0.009 ml) in 1 case: 14% of the lesions, 0% of the foreground."
    )
    qtbot.keyClick(page.sizes.plot, Qt.Key.Key_Return)
    assert panel.cases.selected_ids() == ("a",)


def test_logarithmic_counts_begin_below_one(qtbot: QtBot, panel: DataPanel) -> None:
    page = cast(ImbalancePage, open_page(qtbot, panel, "Imbalance"))
    qtbot.mouseClick(page.logarithmic, Qt.MouseButton.LeftButton, pos=QPoint(10, page.logarithmic.height() // 2))
    heights = page.counts.item.opts["height"]
    # A bar of one is as high as log10(1) above log10(0.5); a bar of two twice that.
    assert heights[0] == pytest.approx(0.30103, abs=1e-5)
    assert heights[1] == pytest.approx(0.60206, abs=1e-5)


def test_the_balance_names_the_parts_and_warns_of_one_without_lesions(
    qtbot: QtBot, panel: DataPanel, session: Session
) -> None:
    page = cast(ImbalancePage, open_page(qtbot, panel, "Imbalance"))
    row = [page.cells[Part.TRAIN, title].text() for title in ("Cases", "Patients", "With lesions", "Lesions")]
    assert row == ["4", "4", "3", "6"]
    assert page.balance_note.text().startswith("Every part has lesions")
    session.set_parts({"e": Part.TRAIN, "d": Part.VALIDATION})
    assert page.balance_note.text() == "No lesion in: Validation. Its figures mean nothing; split again."
    assert page.cells[Part.VALIDATION, "Lesions"].text() == "0"
    session.set_parts(dict.fromkeys(LESIONS))
    assert "not split yet" in page.balance_note.text()
    settle(qtbot, page)


def test_empty_cases_are_listed_with_what_sampling_does_with_them(
    qtbot: QtBot, window: MainWindow, panel: DataPanel, session: Session
) -> None:
    page = cast(ImbalancePage, open_page(qtbot, panel, "Imbalance"))
    # Half of the patches are forced onto lesions; of the others a quarter comes from case d.
    assert page.empties.text().startswith("1 of 4 training cases holds no lesion.")
    assert "12% of all patches come from cases without a lesion" in page.empties.text()
    item = page.empty_list.item(0)
    assert item.text() == "d"
    place = page.empty_list.visualItemRect(item).center()
    qtbot.mouseClick(page.empty_list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(page.empty_list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert (session.current_case, window.workspace) == ("d", "annotate")


def test_a_changed_mask_is_counted_anew_when_the_page_is_seen_again(
    qtbot: QtBot, panel: DataPanel, session: Session, project: Project
) -> None:
    page = cast(ImbalancePage, open_page(qtbot, panel, "Imbalance"))
    click_tab(qtbot, panel, "Cases")
    mask = project.mask("b")
    mask.labels[0, 60, 60] = 1
    project.save_mask("b", mask, author="a", origin="annotation")
    session.notify_mask("b")
    assert page.measurement.is_old
    assert not page.measurement.is_running  # nobody looks
    open_page(qtbot, panel, "Imbalance")
    assert page.sizes.bars[0].count == 1


def test_a_project_without_a_complete_case_says_what_to_do(qtbot: QtBot, panel: DataPanel, session: Session) -> None:
    session.set_state(tuple(id for id in LESIONS if id != "d"), CaseState.DRAFT)
    session.set_state(("d",), CaseState.DRAFT)
    page = cast(ImbalancePage, open_page(qtbot, panel, "Imbalance"))
    assert "No case is complete" in page.sentence.text() or "no case is complete" in page.sentence.text()
    assert not page.content.isVisible()


# Suspects


@pytest.fixture
def suspicious(project: Project) -> Project:
    """A hole in b, and f emptied though it is complete."""
    mask = project.mask("b")
    mask.labels[1, 24, 24] = 0
    project.save_mask("b", mask, author="a", origin="annotation")
    empty = Mask.empty(project.case("f").grid)
    project.save_mask("f", empty, author="a", origin="annotation")
    return project


def test_suspects_are_listed_and_a_double_click_goes_there(
    qtbot: QtBot, suspicious: Project, window: MainWindow, panel: DataPanel, session: Session
) -> None:
    session.refresh_cases()
    page = cast(SuspectsPage, open_page(qtbot, panel, "Suspects"))
    assert texts(page.table, 0) == ["Empty, but complete", "Hole"]
    assert texts(page.table, 1) == ["f", "b"]
    assert texts(page.table, 2) == ["whole case", "2 · 25 · 25"]
    assert page.sentence.text() == "2 suspects in 2 of 6 cases with a mask."
    double_click(qtbot, page.table, 1)
    annotate = cast(AnnotatePanel, window.panel("annotate"))
    assert (window.workspace, session.current_case) == ("annotate", "b")
    assert annotate.view.crosshair == (1, 24, 24)


def test_the_button_and_enter_go_to_the_selected_suspect(
    qtbot: QtBot, suspicious: Project, window: MainWindow, panel: DataPanel, session: Session
) -> None:
    session.refresh_cases()
    page = cast(SuspectsPage, open_page(qtbot, panel, "Suspects"))
    press(qtbot, page, "data.go-to")
    assert session.current_case == "f"
    window.show_workspace("data")
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_Down)
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    assert session.current_case == "b"
    assert page.table.current.kind is SuspectKind.HOLE


def test_a_mended_mask_leaves_the_list(qtbot: QtBot, suspicious: Project, panel: DataPanel, session: Session) -> None:
    page = cast(SuspectsPage, open_page(qtbot, panel, "Suspects"))
    mask = suspicious.mask("b")
    mask.labels[1, 24, 24] = 1
    suspicious.save_mask("b", mask, author="a", origin="annotation")
    session.notify_mask("b")
    settle(qtbot, page)
    assert texts(page.table, 1) == ["f"]
    press(qtbot, page, "data.check-again")
    settle(qtbot, page)
    assert texts(page.table, 1) == ["f"]


def test_without_suspects_the_page_says_so(qtbot: QtBot, panel: DataPanel, actions: Actions) -> None:
    page = cast(SuspectsPage, open_page(qtbot, panel, "Suspects"))
    assert page.sentence.text() == "Nothing looks wrong in 6 cases with a mask."
    assert not actions.action("data.go-to").isEnabled()


def test_a_suspect_that_is_right_is_not_listed_again_until_its_mask_changes(
    qtbot: QtBot, suspicious: Project, panel: DataPanel, session: Session
) -> None:
    page = cast(SuspectsPage, open_page(qtbot, panel, "Suspects"))
    place = page.table.visualRect(page.table.sorted_rows.index(1, 1)).center()
    qtbot.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    press(qtbot, page, "data.clear-suspect")
    settle(qtbot, page)
    assert texts(page.table, 1) == ["f"]
    assert page.sentence.text().endswith("1 found right by a person.")
    assert suspicious.audit()[-1].action == "suspect cleared"
    press(qtbot, page, "data.ask-again")
    settle(qtbot, page)
    assert texts(page.table, 1) == ["f", "b"]


# Resolution


def test_the_planned_resolution_loses_nothing_and_a_coarser_one_is_told_case_by_case(
    qtbot: QtBot, window: MainWindow, panel: DataPanel, session: Session
) -> None:
    page = cast(ResolutionPage, open_page(qtbot, panel, "Resolution"))
    assert page.sentence.text() == "1 × 1 × 3 mm: 0 of 8 lesions are lost, 1 is less than two voxels wide."
    qtbot.mouseClick(page.asked, Qt.MouseButton.LeftButton, pos=QPoint(10, page.asked.height() // 2))
    for box in page.edges[:2]:
        box.setFocus()
        box.selectAll()
        qtbot.keyClicks(box, "2")
        qtbot.keyClick(box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.sentence.text().startswith("2 × 2 × 3 mm: 1 of 8 lesions"), timeout=10_000)
    assert texts(page.table, 0)[0] == "a"
    assert texts(page.table, 2)[0] == "1"
    assert texts(page.table, 5)[0] == "2 · 31 · 31 (3 voxels)"
    double_click(qtbot, page.table, 0)
    annotate = cast(AnnotatePanel, window.panel("annotate"))
    assert session.current_case == "a"
    assert annotate.view.crosshair == (1, 30, 30)


# Simulator


def test_a_moved_slider_shows_the_closed_form_at_once(qtbot: QtBot, panel: DataPanel) -> None:
    page = cast(SimulatorPage, open_page(qtbot, panel, "Simulator"))
    simulated = page.measurement.value
    assert simulated is not None
    assert simulated.draws.patches[page.patch.value()] == simulated.advised.sizes.patch
    assert page.batch.value() == simulated.advised.sizes.batch
    assert str(page.method.currentData()) == simulated.advised.advice.recipe.sampling.method
    for slider in (page.share, page.batch, page.patch):
        slider.setFocus()
        qtbot.keyClick(slider, Qt.Key.Key_Home)
    qtbot.keyClick(page.share, Qt.Key.Key_Right)
    assert (page.share.value(), page.batch.value()) == (1, 1)
    page.method.setFocus()
    odds = batch_odds(simulated.cases, 0, Setting(method=page.sampling.method, ratio=0.01, batch=1))
    assert page.odds == odds
    assert page.tiles["chance"].figure.text() == f"{100 * odds.has_lesion:.1f} %"
    qtbot.keyClick(page.batch, Qt.Key.Key_Right)
    assert page.tiles["chance"].figure.text() == "100 %"  # from two patches on one is forced


def test_the_mouse_moves_the_share_and_the_words_about_empties_follow(qtbot: QtBot, panel: DataPanel) -> None:
    page = cast(SimulatorPage, open_page(qtbot, panel, "Simulator"))
    before = page.tiles["voxels"].figure.text()
    slider = page.share
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() - 4, slider.height() // 2))
    assert slider.value() > 50
    assert page.tiles["voxels"].figure.text() != before
    other = cast(ImbalancePage, open_page(qtbot, panel, "Imbalance"))
    assert f"{slider.value()}% of the patches" in other.empties.text()


def test_the_simulated_settings_go_into_the_form_of_train(qtbot: QtBot, window: MainWindow, panel: DataPanel) -> None:
    page = cast(SimulatorPage, open_page(qtbot, panel, "Simulator"))
    page.batch.setFocus()
    qtbot.keyClick(page.batch, Qt.Key.Key_End)
    page.share.setFocus()
    qtbot.keyClick(page.share, Qt.Key.Key_Home)
    press(qtbot, page, "data.use-sampling")
    assert window.workspace == "train"
    recipe = cast(TrainPanel, window.panel("train")).form.recipe()
    assert (recipe.optimiser.batch, recipe.sampling.ratio) == (64, 0.0)
    assert recipe.sampling.method == page.sampling.method
    window.show_workspace("data")
    press(qtbot, page, "data.as-advised")
    assert page.share.value() == 50


def test_without_a_training_lesion_there_is_nothing_to_simulate(
    qtbot: QtBot, panel: DataPanel, session: Session, actions: Actions
) -> None:
    session.set_parts({id: Part.TRAIN if id == "d" else Part.VALIDATION for id in LESIONS})
    page = cast(SimulatorPage, open_page(qtbot, panel, "Simulator"))
    assert "training case has a lesion" in page.sentence.text()
    assert not actions.action("data.use-sampling").isEnabled()


# Advice


def test_each_choice_stands_beside_its_reason_and_number(qtbot: QtBot, panel: DataPanel) -> None:
    page = cast(AdvicePage, open_page(qtbot, panel, "Advice"))
    advised = page.measurement.value
    assert advised is not None
    shown = [tuple(label.text() for label in line) for line in page.lines]
    wanted = [*advised.advice.reasons, *advised.advice.cautions, *advised.alternatives]
    assert shown == [(one.choice, one.because, one.value) for one in wanted]
    assert page.sentence.text().startswith("Advice from 5 cases of 5 patients")


def test_one_click_puts_the_advice_into_the_form_of_train(qtbot: QtBot, window: MainWindow, panel: DataPanel) -> None:
    page = cast(AdvicePage, open_page(qtbot, panel, "Advice"))
    advised = page.measurement.value
    assert advised is not None
    form = cast(TrainPanel, window.panel("train")).form
    form.set_recipe(Recipe(budget=Budget(minutes=42.0)))  # how long to train is the person's own choice
    press(qtbot, page, "data.use-recipe")
    assert window.workspace == "train"
    assert form.recipe() == replace(advised.advice.recipe, budget=Budget(minutes=42.0))
    assert any("The form now holds the recipe 'Advised'" in banner.text for banner in window.banners.banners())


def test_an_alternative_is_used_by_its_own_button(qtbot: QtBot, window: MainWindow, panel: DataPanel) -> None:
    page = cast(AdvicePage, open_page(qtbot, panel, "Advice"))
    button = page.findChild(QPushButton, "use-Ensemble")
    assert button is not None
    page.area.ensureWidgetVisible(button)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    recipe = cast(TrainPanel, window.panel("train")).form.recipe()
    assert (recipe.name, recipe.ensemble.members, recipe.ensemble.differ_in) == ("Ensemble", 5, "folds")


def test_recall_first_changes_the_advised_loss(qtbot: QtBot, panel: DataPanel) -> None:
    page = cast(AdvicePage, open_page(qtbot, panel, "Advice"))
    box = page.recall_first
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(10, box.height() // 2))
    settle(qtbot, page)
    assert page.lines[0][0].text() == "Loss: cross-entropy + Tversky 0.3/0.7"


# All of them


@pytest.mark.parametrize("text", ["Imbalance", "Suspects", "Resolution", "Simulator", "Advice"])
def test_a_page_fits_a_small_window_and_follows_the_theme(
    qtbot: QtBot, qapp: QApplication, window: MainWindow, panel: DataPanel, settings: Settings, text: str
) -> None:
    page = open_page(qtbot, panel, text)
    assert window.width() == 1366
    assert page.width() <= panel.width()
    for label in page.findChildren(QLabel):
        if label.isVisible():
            place = label.mapTo(page, QPoint(0, 0))
            assert place.x() + min(label.width(), label.sizeHint().width()) <= page.width() + 1, label.text()
    apply_theme(qapp, "light")
    settings.theme = "light"
    assert current_tokens().name == "light"
    apply_theme(qapp, "dark")
    settings.theme = "dark"


def test_every_page_can_be_reached_by_command(qtbot: QtBot, panel: DataPanel, actions: Actions) -> None:
    for number, name in enumerate(("imbalance", "suspects", "resolution", "simulator", "advice"), start=1):
        actions.action(f"data.page-{name}").trigger()
        assert panel.tabs.currentIndex() == number
    for name in ("imbalance", "suspects", "resolution", "simulator", "advice"):
        page = panel.page(name)
        assert isinstance(page, MeasuredPage)
        qtbot.waitUntil(lambda page=page: page.measurement._task is None, timeout=20_000)  # type: ignore[misc]


def test_keys_of_the_table_do_nothing_while_another_page_is_shown(
    qtbot: QtBot, panel: DataPanel, actions: Actions
) -> None:
    panel.cases.select_cases(("a",))
    assert actions.action("data.draft").isEnabled()
    open_page(qtbot, panel, "Suspects")
    assert not actions.action("data.draft").isEnabled()
    click_tab(qtbot, panel, "Cases")
    assert actions.action("data.draft").isEnabled()


def test_classes_double_until_the_largest_is_in_one() -> None:
    assert doubling_classes(1) == [(1, 1)]
    assert doubling_classes(5) == [(1, 1), (2, 2), (3, 4), (5, 8)]


@pytest.mark.parametrize(
    ("most", "numbers"),
    [
        (0, [0]),
        (1, [0, 1]),
        (5, [0, 1, 2, 3, 4, 5]),
        (7, [0, 2, 4, 6]),
        (110, [0, 20, 40, 60, 80, 100]),
        (9000, [0, 2000, 4000, 6000, 8000]),
    ],
)
def test_counts_have_whole_ticks(most: int, numbers: list[int]) -> None:
    assert [number for number, _ in whole_ticks(most)] == numbers
