"""Makes the pictures of the README from the real running application on the demo project.

    ./run.sh shots [--minutes 2] [--folder docs/images]

The demo project is made (or found) in a folder of its own, a model is trained and predicts the test cases, and then the
application itself saves a picture of every workspace.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from segcore.cli.main import main as command_line  # noqa: E402
from segcore.inference.project_prediction import predict_cases  # noqa: E402
from segcore.projects.case import Part  # noqa: E402
from segcore.projects.project import Project  # noqa: E402
from segcore.training.record import list_runs  # noqa: E402


def main() -> int:
    """Make everything that the pictures show, then take them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", default="2")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--project", type=Path, default=ROOT / "screenshots" / "demo-project")
    asked = parser.parse_args()
    if not any(run.has_model for run in list_runs(asked.project)):
        code = command_line(["demo", "--minutes", asked.minutes, "--project", str(asked.project)])
        if code:
            return code
    with Project.open(asked.project) as project:
        model = next(run for run in list_runs(asked.project) if run.has_model).model_folder
        predict_cases(
            project,
            model,
            [case.id for case in project.cases() if case.part is Part.TEST],
            device="auto",
            flips=False,
            stop=lambda: None,
            predicted=lambda *_: None,
            failed=lambda case, error: sys.stderr.write(f"{case}: {error}\n"),
        )
    environment = {**os.environ, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    command = [sys.executable, "-m", "app.main", "--project", str(asked.project), "--screenshots", str(asked.folder)]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
