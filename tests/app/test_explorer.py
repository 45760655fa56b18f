"""The Loss explorer and its help page, driven by mouse and keys."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.session import Session
from app.settings import Settings
from app.train.explorer import LossExplorer
from app.widgets.help_dialog import ConvergenceDialog
from segcore.imbalance.pixel_losses import PIXEL_LOSSES, Options
from segcore.imbalance.pixels import EXAMPLES, TEN_TARGETS, make_pixels

HELP = Path(__file__).parents[2] / "resources" / "help" / "why-it-does-not-converge.md"


@pytest.fixture
def explorer(qtbot: QtBot, session: Session, actions: Actions, settings: Settings) -> Iterator[LossExplorer]:
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = LossExplorer(parent, session, actions, settings)
    dialog.show()
    qtbot.waitExposed(dialog)
    yield dialog
    parent.close()  # qtbot alone would not keep it


def row_of(explorer: LossExplorer, loss: str) -> list[str]:
    names = [known.name for known in PIXEL_LOSSES]
    return [explorer.ten.table.text_at(names.index(loss), column) for column in range(1, 6)]


def press(explorer: LossExplorer, name: str) -> None:
    QTest.mouseClick(explorer.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


def test_the_numbers_of_the_source_stand_there_with_five_digits(explorer: LossExplorer) -> None:
    assert row_of(explorer, "bce")[:3] == ["0.18805", "0.05524", "0.49344"]
    assert row_of(explorer, "weighted_bce")[:3] == ["0.64780", "0.25607", "4.63810"]
    assert row_of(explorer, "dice")[:4] == ["0.42857", "0.16667", "0.56223", "0.50000"]
    assert row_of(explorer, "scaled_bce")[:3] == ["1.88054", "0.55241", "4.93443"]


def test_a_typed_prediction_changes_its_own_column_and_leaves_the_examples(explorer: LossExplorer) -> None:
    field = explorer.ten.columns[9].field
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "0.9")
    QTest.keyClick(field, Qt.Key.Key_Return)

    assert field.value() == 0.9
    # Nine background pixels as before; the lesion's −ln 0.6 became −ln 0.9: 0.18805 − (0.51083 − 0.10536) / 10.
    assert row_of(explorer, "bce") == ["0.18805", "0.05524", "0.49344", "10.00000", "0.14751"]


def test_a_dragged_bar_changes_the_prediction(explorer: LossExplorer) -> None:
    bar = explorer.ten.columns[0].bar
    QTest.mousePress(bar, Qt.MouseButton.LeftButton, pos=QPoint(10, bar.height() - 2))
    QTest.mouseMove(bar, QPoint(10, 1))
    QTest.mouseRelease(bar, Qt.MouseButton.LeftButton, pos=QPoint(10, 1))

    assert explorer.ten.columns[0].probability > 0.95
    assert float(row_of(explorer, "bce")[4]) > 0.4


def test_an_example_comes_back_with_one_press(explorer: LossExplorer) -> None:
    press(explorer, "example-missed")
    assert row_of(explorer, "weighted_bce")[4] == "4.63810"
    press(explorer, "target-1")
    press(explorer, "example-base")
    assert row_of(explorer, "weighted_bce")[4] == "0.64780"


def test_the_first_trap_shows_the_same_share_with_a_weight_on_all_pixels(explorer: LossExplorer) -> None:
    words = explorer.ten.weight_note.text()

    assert "1.88054 instead of 0.18805" in words
    assert "stays 24.2 %" in words
    assert "makes the share 76.2 %" in words
    explorer.ten.reduction.setCurrentIndex(1)  # divided by the weights: nothing is left of the weight at all
    assert row_of(explorer, "scaled_bce")[0] == "0.18805"


def test_the_second_trap_goes_away_with_the_smoothing(explorer: LossExplorer) -> None:
    assert "true zeros score 0.50000 and 'base' 0.42857" in explorer.ten.smoothing_note.text()
    assert "1.00000 and 0.57895" in explorer.ten.smoothing_note.text()
    explorer.ten.smoothing.setCurrentIndex(3)
    zeros, base = row_of(explorer, "dice")[3], row_of(explorer, "dice")[0]
    assert float(zeros) == pytest.approx(1.0, abs=1e-4)
    assert float(base) == pytest.approx(0.57895, abs=1e-4)


def test_no_lesion_and_no_number_are_said_in_words(explorer: LossExplorer) -> None:
    press(explorer, "target-10")
    names = [known.name for known in PIXEL_LOSSES]
    explorer.ten.table.selectRow(names.index("mcc"))
    assert "not defined without a lesion" in explorer.ten.note.text()
    assert all("nan" not in text for loss in names for text in row_of(explorer, loss))


def test_the_slider_spans_one_in_ten_to_one_in_a_hundred_thousand(explorer: LossExplorer) -> None:
    explorer.tabs.setCurrentIndex(1)
    slider = explorer.rare.slider
    slider.setFocus()
    QTest.keyClick(slider, Qt.Key.Key_Home)
    assert explorer.rare.prevalence == pytest.approx(0.1)
    common = explorer.rare.table.text_at(0, 1)
    QTest.keyClick(slider, Qt.Key.Key_End)
    assert explorer.rare.prevalence == pytest.approx(1e-5)
    rare = explorer.rare.table.text_at(0, 1)
    # Values of the science document: a constant predictor's cross-entropy at both ends.
    assert (common, rare) == ("0.325", "0.000125")
    assert "0.001" in explorer.rare.figure.text()


def test_a_prediction_is_also_put_on_each_losss_own_scale(explorer: LossExplorer) -> None:
    names = [known.name for known in PIXEL_LOSSES]

    def scaled() -> dict[str, str]:
        return {name: explorer.ten.table.text_at(row, 6) for row, name in enumerate(names)}

    # BCE: constant 0.32508, base 0.18805, perfect 0: (0.32508 − 0.18805) / 0.32508 = 0.42; the factor 10 cancels out.
    assert (scaled()["bce"], scaled()["scaled_bce"]) == ("0.42", "0.42")
    press(explorer, "example-constant")
    assert set(scaled().values()) == {"0.00"}
    press(explorer, "target-10")  # no lesion at all: there is no scale
    assert scaled()["mcc"] == "–"


def test_what_decent_means_and_the_smoothing_can_be_turned_in_the_population(explorer: LossExplorer) -> None:
    explorer.tabs.setCurrentIndex(1)
    rare = explorer.rare
    assert rare.dice.text() == "Dice 0.80"
    assert "1,000 lesion pixels" in rare.figure.text()
    dice = [known.name for known in PIXEL_LOSSES].index("dice")
    before = rare.table.text_at(dice, 3)
    rare.wrong.setFocus()
    rare.wrong.selectAll()
    QTest.keyClicks(rare.wrong, "1.0")
    QTest.keyClick(rare.wrong, Qt.Key.Key_Return)
    # Of 1,000 lesion pixels 800 are found, 1,000 others taken for them: 1,600 / 2,800.
    assert rare.dice.text() == "Dice 0.57"
    assert float(rare.table.text_at(dice, 3)) > float(before)
    smooth = rare.table.text_at(dice, 2)
    rare.smoothing.setFocus()
    QTest.keyClick(rare.smoothing, Qt.Key.Key_End)
    assert rare.table.text_at(dice, 2) >= smooth


def test_steps_show_that_a_factor_on_the_loss_is_nothing_to_adam(explorer: LossExplorer) -> None:
    explorer.tabs.setCurrentIndex(2)
    steps = explorer.steps
    names = [known.name for known in PIXEL_LOSSES]

    def row(name: str) -> list[str]:
        return [steps.table.text_at(names.index(name), column) for column in range(1, 5)]

    assert row("bce")[2:] == row("scaled_bce")[2:]  # Adam
    assert row("bce")[0] != row("scaled_bce")[0]  # SGD
    # One step of Adam moves every logit by the rate: 0.6 is a logit of 0.405, and 0.505 one of a probability of 0.624.
    assert row("bce")[2] == "0.600 → 0.624"
    assert "instead of" in steps.note.text()
    steps.model.setFocus()
    QTest.keyClick(steps.model, Qt.Key.Key_Down)
    steps.start.setFocus()
    QTest.keyClick(steps.start, Qt.Key.Key_Down)
    steps.rate.setValue(1.0)
    # All ten at 0.5 and one bias: b = −1 · (0.9 · 0.5 − 0.1 · 0.5) = −0.4, a probability of 0.401.
    assert row("bce")[:2] == ["0.500 → 0.401", "0.500 → 0.401"]
    assert row("balanced_bce")[:2] == ["0.500 → 0.500", "0.500 → 0.500"]


def test_steps_start_from_the_ten_pixels_as_they_stand(explorer: LossExplorer) -> None:
    press(explorer, "example-missed")
    explorer.tabs.setCurrentIndex(2)
    assert explorer.steps.table.text_at(0, 1).startswith("0.010 → ")


def test_the_empty_patch_tells_which_losses_punish_a_false_alarm(explorer: LossExplorer) -> None:
    explorer.tabs.setCurrentIndex(3)
    card = explorer.empty
    names = [known.name for known in PIXEL_LOSSES]
    words = {name: card.table.text_at(row, 4) for row, name in enumerate(names)}
    assert (words["bce"], words["weighted_bce"]) == ("pushed down", "pushed down")
    assert "not defined without a lesion" in words["dice"]
    card.smoothing.setFocus()
    QTest.keyClick(card.smoothing, Qt.Key.Key_Home)  # 1 above and below
    assert "not defined" not in card.table.text_at(names.index("dice"), 4)
    assert "Soft Dice" in card.note.text()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_both_themes_can_be_taken_while_it_is_open(explorer: LossExplorer, settings: Settings, theme: str) -> None:
    settings.theme = theme
    explorer.tabs.setCurrentIndex(1)
    before = explorer.rare.table.text_at(0, 1)
    assert not explorer.grab().isNull()
    assert explorer.rare.table.text_at(0, 1) == before


def test_the_dialog_is_gone_after_escape(explorer: LossExplorer, qtbot: QtBot) -> None:
    with qtbot.waitSignal(explorer.destroyed):
        QTest.keyClick(explorer, Qt.Key.Key_Escape)


def test_the_numbers_of_the_help_page_are_those_that_are_computed() -> None:
    text = HELP.read_text("utf-8")
    by_name = {loss.name: loss for loss in PIXEL_LOSSES}
    rows = {
        "Binary cross-entropy": "bce",
        "Cross-entropy, lesion weighted × 10": "weighted_bce",
        "Dice, smoothing 1": "dice",
    }
    for words, name in rows.items():
        expected = [
            f"{by_name[name].judge(make_pixels(example.probability, TEN_TARGETS), Options()).value:.5f}"
            for example in EXAMPLES[:3]
        ]
        assert f"| {words} | {' | '.join(expected)} |" in text
    shares = [
        round(100 * by_name[name].judge(make_pixels(EXAMPLES[0].probability, TEN_TARGETS), Options()).share)
        for name in rows.values()
    ]
    assert "is {} % in cross-entropy, {} % in the weighted one, {} % in\nDice".format(*shares) in text


def test_the_help_page_opens_and_can_be_read(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    dialog = ConvergenceDialog(parent)
    assert "The plateau" in dialog.browser.toPlainText()
