"""How far off is the line under the Start button? Estimates of time, memory and disk beside runs that really took place.

    python -m tests.benchmarks.estimates --project FOLDER [--project FOLDER ...] [--steps 60]

For every project and recipe: the pace is measured as the form's "Measure" does, the estimate is written down, and then a
process of its own trains. Its peak memory is what the system counted, the disk what lies in the run's folder and, for a
project whose cache was empty before, in its cache. Beside it stands what the last run of *another* recipe foretold.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from segcore.projects.project import Project
from segcore.training.estimate import Estimate, estimate, gather_facts
from segcore.training.pacing import measure_pace
from segcore.training.recipe import Budget, Machine, Network, Optimiser, Recipe
from segcore.training.recipe_files import write_recipe

_TRAIN = """
import re, sys, time
from pathlib import Path
from segcore.cli.main import main
began = time.monotonic()
code = main(["train", sys.argv[1], "--recipe", sys.argv[2], "--json"])
# Not ru_maxrss: that of the parent counts in it. This is Linux's own word for the peak of one program.
peak = 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
sys.stderr.write(f"\\nTOOK {time.monotonic() - began} PEAK {peak}\\n")
sys.exit(code)
"""


def recipes(steps: int) -> dict[str, Recipe]:
    """Return what is trained; the numbers of steps keep each near the same time."""
    machine = Machine(threads=1)

    def of(share: float) -> Budget:
        return Budget(steps=max(20, round(steps * share)), validations=3)

    return {
        "default": Recipe(budget=of(1.0), machine=machine),
        "larger batch": Recipe(budget=of(0.5), optimiser=Optimiser(batch=8), machine=machine),
        "smaller patch": Recipe(budget=of(2.0), optimiser=Optimiser(patch=64, batch=8), machine=machine),
        "medium network": Recipe(budget=of(0.4), network=Network(size="medium"), machine=machine),
        "3D": Recipe(budget=of(0.4), network=Network(dimensions="3d"), machine=machine),
    }


def main() -> int:
    """Measure, train, compare, and answer with JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, action="append", required=True)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--recipe", action="append", help="only these")
    asked = parser.parse_args()
    rows = []
    for folder in asked.project:
        for name, recipe in recipes(asked.steps).items():
            if not asked.recipe or name in asked.recipe:
                rows.append({"project": folder.name, "recipe": name, **_compared(folder, recipe)})
                sys.stderr.write(f"{json.dumps(rows[-1])}\n")
    sys.stdout.write(json.dumps(rows, indent=1) + "\n")
    return 0


def _compared(folder: Path, recipe: Recipe) -> dict[str, float | None]:
    with Project.open(folder, read_only=True) as project:
        cache = project.cache_folder
        shutil.rmtree(cache, ignore_errors=True)
        by_other = _estimated(project, recipe)
        measure_pace(project, recipe, check=lambda: None)
        before = _estimated(project, recipe)
    file = cache / "recipe.toml"
    write_recipe(file, recipe)
    command = [sys.executable, "-c", _TRAIN, str(folder), str(file)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    took, peak = re.findall(r"TOOK (\S+) PEAK (\d+)", answer.stderr)[0]
    run = folder / "runs" / json.loads(answer.stdout)["run"]
    kept = sum(f.stat().st_size for place in (run, cache) for f in place.rglob("*") if f.is_file())
    seconds = json.loads(answer.stdout)["seconds"]
    return {
        "seconds": round(seconds, 1),
        "seconds_with_start": round(float(took), 1),
        "estimated_seconds": round(before.seconds or 0.0, 1),
        "estimated_from_another_run": round(by_other.seconds, 1) if by_other.seconds else None,
        "memory_mb": round(int(peak) / 1e6),
        "estimated_memory_mb": round(before.memory / 1e6),
        "disk_mb": round(kept / 1e6, 1),
        "estimated_disk_mb": round(before.disk / 1e6, 1),
    }


def _estimated(project: Project, recipe: Recipe) -> Estimate:
    facts = gather_facts(project)
    if facts is None:
        raise SystemExit("this project has nothing to train on")
    return estimate(recipe, facts)


if __name__ == "__main__":
    sys.exit(main())
