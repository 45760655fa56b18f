"""Dangers, files and comparisons beside the form, by mouse, keys and drops."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QDoubleSpinBox, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.background import Background
from app.errors import BannerArea
from app.session import Session
from app.train.recipe_comparison import RecipeComparison
from app.train.recipe_side import RecipeSide
from segcore.engine.messages import Cancel, EngineReady, JobCancelled, PaceJob, PaceMeasured, ProbeJob
from segcore.imbalance.statistics import measure
from segcore.projects.project import Project
from segcore.training.pace import Pace, keep_pace
from segcore.training.recipe import Augmentation, Budget, LossTerm, Optimiser, Recipe, Sampling
from segcore.training.recipe_files import read_recipe, write_recipe
from tests.app.conftest import EngineBench

READY = EngineReady(devices=(("cpu", "CPU, 2 cores, 16 GB"),), versions=())


@pytest.fixture
def side(
    qtbot: QtBot, session: Session, background: Background, actions: Actions, make_project: Callable[..., Project]
) -> RecipeSide:
    session.adopt(make_project(split=True))
    made = RecipeSide(session, background, actions)
    qtbot.addWidget(made)
    area = BannerArea(made)
    made.footer.addWidget(area)
    made.resize(360, 800)
    made.show()
    qtbot.waitExposed(made)
    return made


def banners(side: RecipeSide) -> list[str]:
    area = side.findChild(BannerArea)
    assert area is not None
    return [banner.text for banner in area.banners()]


def press(side: RecipeSide, name: str) -> None:
    button = side.findChild(QPushButton, name)
    assert button is not None
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def put(side: RecipeSide, recipe: Recipe, qtbot: QtBot) -> None:
    with qtbot.waitSignal(side.settled):
        side.form.set_recipe(recipe)


def know(side: RecipeSide, qtbot: QtBot) -> None:
    """Let the side take up what is known of the project, and what follows from it."""
    side.refresh()
    qtbot.waitUntil(lambda: side._facts is not None and not side._calm.isActive())


def text(side: RecipeSide, name: str) -> str:
    label = side.findChild(QLabel, name)
    assert label is not None
    return label.text()


# Dangers


def test_a_danger_is_shown_with_its_reason_and_one_click_mends_it(side: RecipeSide, qtbot: QtBot) -> None:
    assert side.cautions.isHidden()
    put(side, Recipe(loss=(LossTerm(name="dice"),)), qtbot)
    assert side.cautions.isVisible()
    assert "no usable gradient on patches without a lesion" in text(side, "caution-sentence")
    press(side, "caution-mend")
    assert side.form.recipe().loss == (LossTerm(name="dice"), LossTerm(name="bce"))
    assert side.cautions.isHidden()


def test_several_dangers_are_shown_one_by_one(side: RecipeSide, qtbot: QtBot) -> None:
    recipe = Recipe(
        loss=(LossTerm(name="dice_ce", parameters=(("smooth_numerator", 1.0),)),),
        sampling=Sampling(ratio=1.0),
        optimiser=Optimiser(learning_rate=0.05),
    )
    put(side, recipe, qtbot)
    names = []
    for _ in range(4):
        shown = side.cautions.shown
        assert shown is not None
        names.append(shown.name)
        press(side, "caution-next")
    assert names == ["smoothing_above", "always_a_lesion", "learning_rate", "smoothing_above"]
    press(side, "caution-mend")  # of what is shown now
    assert side.form.recipe().sampling.ratio == 0.5
    assert side.form.recipe().optimiser.learning_rate == pytest.approx(0.05)


def test_typing_a_dangerous_number_is_told_while_it_is_typed(side: RecipeSide, qtbot: QtBot) -> None:
    editor = side.form._editors["optimiser", "learning_rate"].findChild(QDoubleSpinBox)
    assert editor is not None
    editor.setFocus()
    editor.selectAll()
    with qtbot.waitSignal(side.settled):
        QTest.keyClicks(editor, "0.09")
    assert side.cautions.shown is not None
    assert side.cautions.shown.name == "learning_rate"


def test_what_was_measured_of_the_project_counts_as_soon_as_it_is_known(
    side: RecipeSide, session: Session, qtbot: QtBot
) -> None:
    put(side, Recipe(augmentation=Augmentation(blur=1.5)), qtbot)
    assert side.cautions.isHidden()  # how large lesions are was not measured yet
    measure(session.opened)
    know(side, qtbot)
    # Every lesion of the made-up cases has 2 x 2 voxels.
    assert "the median one has 4" in text(side, "caution-sentence")


def test_a_recipe_that_is_not_valid_is_no_recipe(side: RecipeSide, qtbot: QtBot) -> None:
    ramped = Recipe(loss=(LossTerm(name="dice"), LossTerm(name="bce", ramp=0.5)))
    put(side, ramped, qtbot)
    editor = side.form._loss._editors[0]._ramp
    with qtbot.waitSignal(side.settled) as told:
        editor.set_value(0.5)
    assert told.args == [None]
    assert side.cautions.isHidden()


# Files


def test_a_recipe_goes_to_a_file_and_comes_back(
    side: RecipeSide, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Recipe(name="Mine / yours", loss=(LossTerm(name="focal"),), sampling=Sampling(ratio=0.25))
    put(side, mine, qtbot)
    offered: list[str] = []

    def save(_parent: object, _title: str, name: str, _kind: str) -> tuple[str, str]:
        offered.append(name)
        return str(tmp_path / "shared"), ""

    monkeypatch.setattr("app.train.recipe_exchange.QFileDialog.getSaveFileName", save)
    press(side, "recipe-save")
    assert offered == ["mine-yours.toml"]
    assert read_recipe(tmp_path / "shared.toml") == mine
    put(side, Recipe(), qtbot)
    monkeypatch.setattr(
        "app.train.recipe_exchange.QFileDialog.getOpenFileName", lambda *_: (str(tmp_path / "shared.toml"), "")
    )
    press(side, "recipe-open")
    assert side.form.recipe() == mine
    assert banners(side)[-1] == "The form now holds the recipe 'Mine / yours'."


def test_the_commands_of_the_palette_do_what_the_buttons_do(
    side: RecipeSide, actions: Actions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "app.train.recipe_exchange.QFileDialog.getSaveFileName", lambda *_: (str(tmp_path / "r.toml"), "")
    )
    actions.action("train.recipe-save").trigger()
    write_recipe(tmp_path / "r.toml", Recipe(name="From the palette"))
    monkeypatch.setattr(
        "app.train.recipe_exchange.QFileDialog.getOpenFileName", lambda *_: (str(tmp_path / "r.toml"), "")
    )
    actions.action("train.recipe-open").trigger()
    assert side.form.recipe().name == "From the palette"


def test_a_wrong_recipe_leaves_the_form_and_is_answered_with_its_line(
    side: RecipeSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.toml").write_text("name = 'x'\n[sampling]\nratoi = 0.3\n")
    monkeypatch.setattr(
        "app.train.recipe_exchange.QFileDialog.getOpenFileName", lambda *_: (str(tmp_path / "bad.toml"), "")
    )
    press(side, "recipe-open")
    assert side.form.recipe() == Recipe()
    assert banners(side) == [
        "bad.toml: line 3: there is no setting of sampling named 'ratoi'; did you mean 'ratio'? Known: "
        "empties_per_foreground, hard_share, jitter, later_ratio, method, ratio, ratio_fades, size_exponent."
    ]


def drop(side: RecipeSide, *files: Path) -> bool:
    """Drop files on the middle of the side; whether it took them."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
    args = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPoint(100, 100), *args)
    enter.ignore()
    QApplication.sendEvent(side, enter)
    if enter.isAccepted():
        QApplication.sendEvent(side, QDropEvent(QPointF(100, 100), *args))
    return enter.isAccepted()


def test_a_recipe_is_taken_by_dropping_its_file_and_other_files_are_not(side: RecipeSide, tmp_path: Path) -> None:
    write_recipe(tmp_path / "a.TOML", Recipe(name="Dropped"))
    (tmp_path / "scan.nii").write_bytes(b"")
    assert not drop(side, tmp_path / "scan.nii")
    assert not drop(side, tmp_path / "a.TOML", tmp_path / "scan.nii")
    assert drop(side, tmp_path / "a.TOML")
    assert side.form.recipe().name == "Dropped"
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    assert drop(side, tmp_path / "b.toml")
    assert side.form.recipe().name == "Dropped"
    assert banners(side)[-1].startswith("b.toml: the recipe cannot be read")


def test_two_recipes_are_compared_by_what_differs_and_the_other_can_be_taken(
    side: RecipeSide, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Recipe(name="Other", sampling=Sampling(ratio=0.25))
    write_recipe(tmp_path / "other.toml", other)
    monkeypatch.setattr(
        "app.train.recipe_exchange.QFileDialog.getOpenFileName", lambda *_: (str(tmp_path / "other.toml"), "")
    )
    press(side, "recipe-compare")
    dialog = side.findChild(RecipeComparison)
    assert dialog is not None
    qtbot.waitExposed(dialog)
    cells = [[dialog.table.item(row, column).text() for column in range(4)] for row in range(dialog.table.rowCount())]
    assert cells == [["Recipe", "Name", "Default", "Other"], ["Sampling", "Foreground share", "0.5", "0.25"]]
    take = dialog.findChild(QPushButton, "recipe-take")
    assert take is not None
    with qtbot.waitSignal(dialog.finished):
        QTest.mouseClick(take, Qt.MouseButton.LeftButton)
    assert side.form.recipe() == other


def test_a_recipe_compared_with_itself_says_so(side: RecipeSide, qtbot: QtBot) -> None:
    side.compare_with(Recipe())
    dialog = side.findChild(RecipeComparison)
    assert dialog is not None
    assert text(side, "recipe-comparison-heading") == "The two recipes are the same."
    with qtbot.waitSignal(dialog.finished):
        QTest.keyClick(dialog, Qt.Key.Key_Escape)


# What it would take


MEASURED = Pace(
    device="auto",
    threads=0,
    words="CPU, 2 threads",
    multiply_adds=1e9,
    overhead=1.15,
    when="2026-01-01T00:00:00Z",
    source="a measurement",
)


def test_what_a_training_would_take_stands_in_one_line_and_follows_the_form(
    side: RecipeSide, session: Session, qtbot: QtBot
) -> None:
    assert side.estimate.isHidden()
    keep_pace(session.opened.cache_folder, MEASURED)
    know(side, qtbot)
    line = text(side, "estimate")
    assert side.estimate.isVisible()
    assert line.startswith("About 5 min, ")
    assert line.endswith("MB on disk.")
    put(side, Recipe(budget=Budget(steps=400)), qtbot)
    assert "400 steps" in text(side, "estimate")
    assert "not known" not in text(side, "estimate")
    label = side.findChild(QLabel, "estimate")
    assert label is not None
    assert "from a measurement on CPU, 2 threads" in label.toolTip()


def test_a_press_measures_this_machine_and_the_line_then_knows_the_time(
    side: RecipeSide, session: Session, engines: EngineBench, qtbot: QtBot
) -> None:
    know(side, qtbot)
    put(side, Recipe(budget=Budget(steps=400)), qtbot)
    assert text(side, "estimate").startswith("Time not known yet on this device, 400 steps")
    engine = engines.expect((READY,), last=PaceMeasured(device="CPU, 2 threads"))
    press(side, "estimate-measure")
    assert text(side, "estimate") == "Measuring a few steps on this machine …"
    (job,) = engines.jobs
    assert job == PaceJob(project=str(session.opened.folder), recipe=Recipe(budget=Budget(steps=400)))
    keep_pace(session.opened.cache_folder, MEASURED)  # as the engine does
    engine.kill()
    qtbot.waitUntil(lambda: text(side, "estimate").startswith("About"))


def test_measuring_can_be_cancelled_and_is_refused_while_something_is_computed(
    side: RecipeSide, engines: EngineBench, background: Background, qtbot: QtBot
) -> None:
    know(side, qtbot)
    engine = engines.expect((READY,), last=JobCancelled())
    press(side, "estimate-measure")
    qtbot.waitUntil(lambda: side.findChild(QPushButton, "estimate-measure").text() == "Cancel")
    press(side, "estimate-measure")
    qtbot.waitUntil(lambda: engine.controls == [Cancel()])
    qtbot.waitUntil(lambda: side.findChild(QPushButton, "estimate-measure").text() == "Measure")
    busy = engines.expect((READY,), last=JobCancelled())
    background.start_engine(ProbeJob())
    press(side, "estimate-measure")
    assert "this machine would seem slow" in banners(side)[-1]
    busy.kill()
    qtbot.waitUntil(lambda: not background.running_jobs)


def test_devices_are_asked_for_once_when_a_person_looks_at_them(
    side: RecipeSide, engines: EngineBench, qtbot: QtBot
) -> None:
    engines.expect((READY,))
    box = side.form._editors["machine", "device"].findChild(QComboBox)
    assert box is not None
    box.setFocus()
    qtbot.waitUntil(lambda: box.itemText(1) == "CPU: 2 cores, 16 GB")
    assert engines.jobs == [ProbeJob()]
    side.form.setFocus()
    box.setFocus()
    qtbot.wait(50)
    assert engines.jobs == [ProbeJob()]
