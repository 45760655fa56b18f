"""From a new process to the painted window: ``python -m tests.benchmarks.gui.start PROJECT`` prints ms and MB, and leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

_BEGAN = "RARESEG_BENCHMARK_BEGAN"


def measure_starts(project: Path, times: int) -> dict[str, list[float]]:
    """Start the program several times in processes of their own."""
    folder = project.parent / "home"
    folder.mkdir(exist_ok=True)
    homes = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    found: dict[str, list[float]] = {}
    for _ in range(times):
        environment = {**os.environ, **homes, _BEGAN: repr(time.monotonic())}
        command = [sys.executable, "-m", "tests.benchmarks.gui.start", str(project)]
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
        for name, value in json.loads(answer.stdout.splitlines()[-1]).items():
            found.setdefault(name, []).append(value)
    return found


def main() -> int:
    """Start as a person does, but leave at the first frame after the project is open."""
    from PySide6.QtCore import QEvent, QObject, QTimer  # noqa: PLC0415 - part of what is measured

    from app import application, window  # noqa: PLC0415 - part of what is measured
    from app.main import main as start  # noqa: PLC0415 - as a person's process does
    from tests.benchmarks.gui.frames import RoundTrip, memory_mb  # noqa: PLC0415 - needs Qt

    began = float(os.environ[_BEGAN])
    times: dict[str, float] = {}

    class Watched(window.MainWindow):
        """The window, watched."""

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint and "painted" not in times:
                QTimer.singleShot(0, self, self.note)
            return False

        def note(self) -> None:
            """The first frame is with the server when it answers."""
            if "painted" not in times:
                RoundTrip(application.QApplication.instance())()  # type: ignore[arg-type]
                times["painted"] = 1e3 * (time.monotonic() - began)
                times["cpu"] = 1e3 * time.process_time()
                times["memory"] = memory_mb()
                self.leave()

        def leave(self) -> None:
            """Go once the project's cases are drawn too."""
            if self.session.project is None:
                QTimer.singleShot(1, self, self.leave)
                return
            self.repaint()
            times["project"] = 1e3 * (time.monotonic() - began)
            sys.stdout.write(json.dumps(times) + "\n")
            sys.stdout.flush()
            os._exit(0)

        def showEvent(self, event: object) -> None:
            self.stack.currentWidget().installEventFilter(self)

    application.MainWindow = Watched  # type: ignore[misc]
    return start(["--project", sys.argv[1]])


if __name__ == "__main__":
    sys.exit(main())
