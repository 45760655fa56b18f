"""The small pictures of weights and shares over a run."""

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.train.course_plot import CoursePlot, course_words
from segcore.training.courses import Course


@pytest.fixture
def plot(qtbot: QtBot) -> CoursePlot:
    made = CoursePlot("Weights")
    qtbot.addWidget(made)
    made.resize(300, 140)
    made.show_courses(
        (
            Course(label="Dice", values=(1.0,) * 101),
            Course(label="Boundary", values=tuple(2 * n / 100 for n in range(101))),
        )
    )
    return made


def test_the_scale_ends_at_the_largest_value_and_the_words_say_where_a_line_goes(plot: CoursePlot) -> None:
    assert plot.top == 2.0
    assert plot.accessibleDescription() == "Dice: 1; Boundary: 0 to 2"
    assert course_words(plot.courses[1]) == "Boundary: 0 to 2"


def test_nothing_to_draw_takes_no_room(plot: CoursePlot) -> None:
    high = plot.sizeHint().height()
    plot.show_courses(())
    assert plot.isHidden()
    assert plot.sizeHint().height() < high


def test_the_values_under_the_pointer_are_told_in_the_legend(plot: CoursePlot, qtbot: QtBot) -> None:
    plot.show()
    qtbot.waitExposed(plot)
    boundary = plot.courses[1]
    assert plot.words_of(boundary) == "Boundary: 0 to 2"
    frame = plot._frame()
    QTest.mouseMove(plot, QPoint(round(frame.left() + frame.width() / 2), 20))
    qtbot.waitUntil(lambda: plot.words_of(boundary) == "Boundary: 1 at 50 % of the run")
    QTest.mouseMove(plot, QPoint(2, 20))  # left of the frame
    qtbot.waitUntil(lambda: plot.words_of(boundary) == "Boundary: 0 to 2")


def test_lines_are_drawn_where_the_values_are(plot: CoursePlot, qtbot: QtBot) -> None:
    plot.show()
    qtbot.waitExposed(plot)
    before = plot.grab().toImage()
    plot.show_courses((Course(label="Dice", values=(2.0,) * 101), plot.courses[1]))
    assert plot.grab().toImage() != before
    assert isinstance(plot, QWidget)
