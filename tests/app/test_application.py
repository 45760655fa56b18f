import subprocess
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app import application
from app.application import broken_qt
from app.background import Background
from app.window import WORKSPACES

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(
    ("version", "python", "refused"),
    [("6.11.3", (3, 11), False), ("6.12.0", (3, 11), True), ("6.12.1", (3, 12), False), ("6.9.0", (3, 13), False)],
)
def test_a_qt_that_crashes_under_this_python_is_refused(version: str, python: tuple[int, int], refused: bool) -> None:
    sentence = broken_qt(version, python)
    assert bool(sentence) == refused
    assert ("6.11" in sentence) == refused


def test_the_window_is_imported_without_what_is_slow() -> None:
    slow = "{'torch', 'scipy', 'skimage', 'nibabel', 'SimpleITK', 'tifffile', 'pyqtgraph'}"
    code = f"import sys, app.application; print(sorted({slow} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert answer.stdout.strip() == "[]"


def test_the_engine_is_started_without_qt() -> None:
    code = "import sys, app.main; print(sorted(m for m in sys.modules if 'PySide6' in m or m.startswith('segcore')))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.slow
def test_the_program_opens_a_project_and_saves_a_picture_of_every_workspace(tmp_path: Path) -> None:
    make = (
        "from pathlib import Path; from segcore.projects.project import Project; "
        f"Project.create(Path({str(tmp_path / 'p')!r}), name='P').close()"
    )
    subprocess.run([sys.executable, "-c", make], cwd=ROOT, check=True)
    environment = {"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    answer = subprocess.run(
        [sys.executable, "-m", "app.main", "--project", str(tmp_path / "p"), "--screenshots", str(tmp_path / "shots")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    # An empty project has no ensemble and no alarm to show; the rest is there.
    assert {file.stem for file in (tmp_path / "shots").iterdir()} == {
        *(row.name for row in WORKSPACES),
        "explorer",
        "explorer-rare",
        "synthesis",
    }


def test_what_the_first_file_needs_is_imported_beside_the_window(
    background: Background, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "_IMPORTED_AHEAD", ("this_module_is_missing", "wave"))
    sys.modules.pop("wave", None)
    application.import_ahead(background)  # a missing module keeps nobody from working
    qtbot.waitUntil(lambda: background.running_tasks == 0)
    monkeypatch.setattr(application, "_IMPORTED_AHEAD", ("wave",))
    application.import_ahead(background)
    qtbot.waitUntil(lambda: "wave" in sys.modules and background.running_tasks == 0)
