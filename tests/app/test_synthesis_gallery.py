"""The gallery of synthesis, driven by the mouse on a real project."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.background import Background
from app.train.recipe_form import RecipeForm
from app.train.synthesis_gallery import SynthesisGallery
from segcore.projects.project import Project
from segcore.training.recipe import Recipe, Synthesis
from tests.segcore.small_project import make_small_project


@pytest.fixture
def show(qtbot: QtBot, background: Background, tmp_path: Path) -> Callable[..., SynthesisGallery]:
    parent = QWidget()
    qtbot.addWidget(parent)

    def make(**project: object) -> SynthesisGallery:
        made: Project = make_small_project(tmp_path / "p", **project)  # type: ignore[arg-type]
        gallery = SynthesisGallery(parent, background, made, Synthesis(method="copy_paste"))
        gallery.keep = parent  # type: ignore[attr-defined]
        gallery.show()
        qtbot.waitUntil(gallery.another.isEnabled)
        return gallery

    return make


def test_six_pairs_of_pictures_say_whose_lesion_is_in_whose_scan(show: Callable[..., SynthesisGallery]) -> None:
    gallery = show()

    assert gallery.pairs.count() == 6
    labels = gallery.pairs.itemAt(0).widget().findChildren(QLabel)
    assert len([label for label in labels if not label.pixmap().isNull()]) == 2
    assert any(label.text().startswith("lesion of case") for label in labels)


def test_another_set_shows_other_examples(show: Callable[..., SynthesisGallery], qtbot: QtBot) -> None:
    gallery = show()
    before = gallery.pairs.itemAt(0).widget().grab().toImage()
    QTest.mouseClick(gallery.another, Qt.MouseButton.LeftButton)
    assert not gallery.another.isEnabled()
    qtbot.waitUntil(gallery.another.isEnabled)
    assert gallery.pairs.itemAt(0).widget().grab().toImage() != before


def test_a_project_without_lesions_is_answered_with_a_sentence(show: Callable[..., SynthesisGallery]) -> None:
    gallery = show(cases=3, empty=(0, 1, 2), split=False)
    assert gallery.pairs.count() == 0
    assert "no training case has a lesion to copy" in gallery.message.text()


def test_the_form_explains_how_the_three_remedies_differ_and_asks_for_the_gallery(qtbot: QtBot) -> None:
    form = RecipeForm(Recipe())
    qtbot.addWidget(form)
    form.show()
    words = " ".join(label.text() for label in form.findChildren(QLabel) if label.isVisibleTo(form))
    words += " ".join(widget.toolTip() for widget in form.findChildren(QWidget))
    for word in ("Oversampling", "Undersampling", "Synthesis"):
        assert word in words
    with qtbot.waitSignal(form.galleryAsked):
        QTest.mouseClick(form.findChild(QPushButton, "synthesis-preview"), Qt.MouseButton.LeftButton)
