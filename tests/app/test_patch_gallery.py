"""The gallery of augmentation: scripted engines, and once a real one."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.background import Background
from app.train.patch_gallery import PatchGallery
from app.train.recipe_form import RecipeForm
from segcore.engine.messages import Cancel, EngineDied, JobCancelled, JobFailed, JobProgress, PatchesJob, PatchesMade
from segcore.projects.project import Project
from segcore.records import to_line
from segcore.training.patch_examples import PatchExample, PatchExamples
from segcore.training.recipe import Machine, Optimiser, Recipe
from tests.app.conftest import EngineBench
from tests.segcore.small_project import make_small_project

RECIPE = Recipe(optimiser=Optimiser(batch=2, patch=32), machine=Machine(device="cpu", threads=1))
PROGRESS = JobProgress(done=1, total=4, sentence="Preparing scan 2 of 4")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_small_project(tmp_path / "p")


def show(qtbot: QtBot, background: Background, project: Project) -> PatchGallery:
    parent = QWidget()
    qtbot.addWidget(parent)
    gallery = PatchGallery(parent, background, project, RECIPE)
    gallery.keep = parent  # type: ignore[attr-defined]
    gallery.show()
    return gallery


def made_files(folder: Path) -> PatchesMade:
    """Two patches, one of them empty, as an engine writes them."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    examples = (
        PatchExample(name="patch-0", case="case2", foreground=True),
        PatchExample(name="patch-1", case="case3", foreground=False),
    )
    for example in examples:
        labels = np.zeros((4, 32, 32), np.uint8)
        labels[:, 10:14, 10:14] = example.foreground
        np.save(folder / f"{example.name}.images.npy", rng.normal(size=(4, 1, 32, 32)).astype(np.float32))
        np.save(folder / f"{example.name}.labels.npy", labels)
    (folder / "examples.json").write_text(to_line(PatchExamples(examples=examples, patch=(1, 32, 32), flat=True)))
    return PatchesMade(folder=str(folder))


def pictures(gallery: PatchGallery) -> list[int]:
    found = []
    for place in range(gallery.rows.count()):
        labels = gallery.rows.itemAt(place).widget().findChildren(QLabel)
        found.append(len([label for label in labels if not label.pixmap().isNull()]))
    return found


def test_each_patch_is_shown_as_it_is_and_as_three_draws(
    qtbot: QtBot, background: Background, engines: EngineBench, project: Project, tmp_path: Path
) -> None:
    engine = engines.expect((PROGRESS,), last=made_files(tmp_path / "made"))
    gallery = show(qtbot, background, project)
    qtbot.waitUntil(lambda: gallery.message.text() == "Preparing scan 2 of 4 …")
    assert (gallery.bar.value(), gallery.bar.maximum()) == (1, 4)
    assert not gallery.another.isEnabled()
    assert engines.jobs == [PatchesJob(project=str(project.folder), recipe=RECIPE, examples=6, variants=3, seed=0)]
    engine.kill()
    qtbot.waitUntil(gallery.another.isEnabled)
    assert pictures(gallery) == [4, 4]
    words = [label.text() for label in gallery.findChildren(QLabel)]
    assert "case2" in words
    assert "case3, no lesion" in words
    assert "32 × 32 voxels" in gallery.message.text()
    assert not gallery.cancel.isVisible()

    again = engines.expect((), last=JobCancelled())
    QTest.mouseClick(gallery.another, Qt.MouseButton.LeftButton)
    assert engines.jobs[1].seed == 1  # type: ignore[union-attr]
    QTest.mouseClick(gallery.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(gallery.another.isEnabled)
    assert again.controls == [Cancel()]
    assert gallery.message.text() == "Cancelled. 'Another set' begins again."


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (JobFailed(sentence="No training case has a lesion.", detail=""), "No training case has a lesion."),
        (EngineDied(code=-9, sentence="The training engine was ended by SIGKILL.", detail=""), "SIGKILL"),
        (PatchesMade(folder="/nowhere/at/all"), "make it again"),
    ],
)
def test_what_goes_wrong_is_said_in_the_dialog(
    qtbot: QtBot, background: Background, engines: EngineBench, project: Project, last: object, words: str
) -> None:
    engines.expect((last,))  # type: ignore[arg-type]
    gallery = show(qtbot, background, project)
    qtbot.waitUntil(gallery.another.isEnabled)
    assert words in gallery.message.text()
    assert gallery.rows.count() == 0


def test_closing_the_dialog_cancels_what_is_being_made(
    qtbot: QtBot, background: Background, engines: EngineBench, project: Project
) -> None:
    engine = engines.expect((PROGRESS,), last=JobCancelled())
    gallery = show(qtbot, background, project)
    qtbot.waitUntil(lambda: "Preparing" in gallery.message.text())
    QTest.keyClick(gallery, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: engine.controls == [Cancel()])
    qtbot.waitUntil(lambda: not background.running_jobs)


def test_the_form_asks_for_the_preview_by_a_press(qtbot: QtBot) -> None:
    form = RecipeForm(Recipe())
    qtbot.addWidget(form)
    form.show()
    button = form.findChild(QPushButton, "augmentation-preview")
    assert button is not None
    with qtbot.waitSignal(form.patchesAsked):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.mark.engine
def test_a_real_engine_makes_them(qtbot: QtBot, real_background: Background, project: Project) -> None:
    gallery = show(qtbot, real_background, project)
    qtbot.waitUntil(gallery.another.isEnabled, timeout=60_000)
    assert pictures(gallery) == [4] * 6
    first = gallery.rows.itemAt(0).widget().findChildren(QLabel)
    assert first[0].pixmap().toImage() != first[1].pixmap().toImage()
