"""Does the default beat the plain MONAI recipe? Real sets, fixed splits, several seeds, paired intervals.

    python -m tests.benchmarks.end_to_end run --data ../shared/data --out DIR --peer-python PEER [--sets ...] [--jobs 2]
    python -m tests.benchmarks.end_to_end report --out DIR

Every contestant gets the same processor minutes on one thread. Ours is what a person gets who presses "Advise" and
"Start": nothing is set by hand per set; its validation, its threshold and its choice of the best weights come out of its
minutes, and it trains on the training cases only, whereas the peer trains on the validation cases too. The peer's
threshold is 0.5, as its recipe says. `--peer-python` is an interpreter with torch and monai. Goes on where it was left.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segcore.imbalance.statistics import measure
from segcore.inference.devices import choose_device
from segcore.inference.model import load_model
from segcore.inference.predict import predict_volume
from segcore.metrics.curves import LogitHistogram, quantise
from segcore.metrics.evaluation import evaluate_pair
from segcore.metrics.inference import Comparison, compare_paired
from segcore.projects.case import Case, Part
from segcore.projects.importing import plan_import, run_import
from segcore.projects.project import Project
from segcore.scans.volume import Mask
from segcore.training.advisor import advise
from segcore.training.events import RunEnded, RunEvent
from segcore.training.loop import train
from segcore.training.recipe import Budget, Machine, Recipe
from segcore.training.stopping import StopSignal

SPLITS = Path(__file__).resolve().parents[2] / "docs" / "evidence" / "splits"
PEER = Path(__file__).resolve().parent / "peers" / "plain_monai.py"
METRICS = ("dice", "average_precision", "lesion_f1")


@dataclass(frozen=True, slots=True)
class SetOfScans:
    """Where a set lies below the data folder; its split has the set's name."""

    folder: str
    masks: str


SETS = {
    "ms_flair_2d": SetOfScans("ms_flair_2d", "masks"),
    "uav75_cracks": SetOfScans("uav75_cracks", "masks"),
    "idrid_microaneurysms": SetOfScans("idrid_lesions", "masks"),
    "idrid_hard_exudates": SetOfScans("idrid_lesions", "masks_EX"),
    "hippocampus_anterior": SetOfScans("hippocampus_msd", "masks_anterior"),
}


def main() -> int:
    """Do what was asked."""
    asked = _parse()
    if asked.what == "run":
        _run(asked)
    elif asked.what == "one":
        _one(asked)
    if asked.what in ("run", "report"):
        sys.stdout.write(_report(asked.out))
    return 0


# ------------------------------------------------------------------------------------------------------------- running


def _run(asked: argparse.Namespace) -> None:
    for name in asked.sets:
        _prepare(asked.data, asked.out, name)
    commands = []
    for seed in asked.seeds:
        for name in asked.sets:
            for minutes in (asked.minutes, asked.minutes / 4):
                one = ["one", "--out", str(asked.out), "--sets", name, "--seeds", str(seed), "--minutes", str(minutes)]
                commands.append([sys.executable, "-m", "tests.benchmarks.end_to_end", *one])
            commands.append([sys.executable, "-m", "tests.benchmarks.end_to_end", *one_peer(asked, name, seed)])
    with ThreadPoolExecutor(asked.jobs) as pool:
        list(pool.map(lambda command: subprocess.run(command, check=False), commands))


def one_peer(asked: argparse.Namespace, name: str, seed: int) -> list[str]:
    """Return the arguments of one run of the peer."""
    which = ["--sets", name, "--seeds", str(seed), "--minutes", str(asked.minutes)]
    return ["one", "--out", str(asked.out), *which, "--peer-python", str(asked.peer_python)]


def _prepare(data: Path, out: Path, name: str) -> None:
    """Make the project of a set, with the stored split, and its arrays for the peer, if they are not there."""
    folder, arrays = out / name / "project", out / name / "arrays"
    if (arrays / "parts.csv").exists():
        return
    arrays.mkdir(parents=True, exist_ok=True)
    found = SETS[name]
    rows = _split(name)
    with Project.create(folder) as project:
        plan = plan_import([data / found.folder / "images"], masks=[data / found.folder / found.masks])
        run_import(project, plan)
        project.set_parts({row["case"]: Part(row["part"]) for row in rows})
        for case in project.cases():
            np.save(arrays / f"{case.id}.npy", project.scan(case.id).voxels)
            np.save(arrays / f"{case.id}_mask.npy", project.mask(case.id).labels == 1)
    (arrays / "parts.csv").write_text((SPLITS / f"{name}.csv").read_text())


def _split(name: str) -> list[dict[str, str]]:
    with (SPLITS / f"{name}.csv").open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def _one(asked: argparse.Namespace) -> None:
    """Train one contestant with one seed on one set, and measure it."""
    name, seed = asked.sets[0], asked.seeds[0]
    who = "monai" if asked.peer_python else "ours"
    result = asked.out / name / f"{who}-{asked.minutes:g}-{seed}.json"
    if result.exists():
        return
    with Project.open(asked.out / name / "project", read_only=True) as project:
        test = [case for case in project.cases() if case.part is Part.TEST]
        if asked.peer_python:
            rows, steps = _peer(project, test, asked, result.with_suffix(""))
        else:
            rows, steps = _ours(project, test, asked, result.with_suffix(""))
    answer = {"set": name, "who": who, "minutes": asked.minutes, "seed": seed, "steps": steps, "cases": rows}
    result.write_text(json.dumps(answer, indent=1))
    means = {metric: round(float(np.nanmean([row[metric] for row in rows.values()])), 3) for metric in METRICS}
    sys.stderr.write(f"{name} {who} {asked.minutes:g} min, seed {seed}: {steps} steps, {means}\n")


Rows = dict[str, dict[str, float]]


def _ours(project: Project, test: Sequence[Case], asked: argparse.Namespace, folder: Path) -> tuple[Rows, int]:
    start = Recipe(budget=Budget(minutes=asked.minutes), machine=Machine(threads=1, seed=asked.seeds[0]))
    recipe = replace(advise(measure(project), start=start).recipe, machine=start.machine, budget=start.budget)
    events: list[RunEvent] = []
    folder.mkdir(parents=True, exist_ok=True)
    # The minutes are processor minutes: other work on the machine takes nothing away from a contestant.
    wall, time.monotonic = time.monotonic, time.process_time
    try:
        train(project, recipe, folder, report=events.append, stop=StopSignal())
    finally:
        time.monotonic = wall
    steps = next(event.step for event in reversed(events) if isinstance(event, RunEnded))
    model = load_model(folder / "model", choose_device("cpu"))
    rows = {}
    for case in test:
        logits = predict_volume(model, project.scan(case.id), device=model.device)
        rows[case.id] = _measured(project, case, logits, quantise(logits) >= model.facts.step)
    return rows, steps


def _peer(project: Project, test: Sequence[Case], asked: argparse.Namespace, folder: Path) -> tuple[Rows, int]:
    arrays = asked.out / asked.sets[0] / "arrays"
    arguments = [str(arrays), str(folder), str(asked.minutes), str(asked.seeds[0])]
    subprocess.run([str(asked.peer_python), str(PEER), *arguments], check=True)
    rows = {}
    for case in test:
        probability = np.load(folder / f"{case.id}.npy").astype(np.float32)
        logits = np.log(np.clip(probability, 1e-7, 1) / np.clip(1 - probability, 1e-7, 1))
        rows[case.id] = _measured(project, case, logits, probability > 0.5)
    return rows, int(json.loads((folder / "info.json").read_text())["steps"])


def _measured(
    project: Project, case: Case, logits: NDArray[np.float32], foreground: NDArray[np.bool_]
) -> dict[str, float]:
    reference = project.mask(case.id)
    one = evaluate_pair(Mask(labels=foreground.astype(np.uint8), grid=reference.grid), reference)
    histogram = LogitHistogram()
    histogram.add(logits, reference.labels)
    return {
        "dice": one.dice,
        "average_precision": histogram.average_precision(),
        "lesion_f1": one.lesion_f1,
        "predicted_voxels": float(foreground.sum()),
    }


# ----------------------------------------------------------------------------------------------------------- reporting


def _report(out: Path) -> str:
    """Return the tables as Markdown."""
    results = [json.loads(file.read_text()) for file in sorted(out.glob("*/*.json"))]
    lines = [
        "| set (test cases) | minutes | metric | ours, each seed | MONAI, each seed | ours | MONAI | difference (95 %) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in SETS:
        mine = [one for one in results if one["set"] == name]
        peer = [one for one in mine if one["who"] == "monai"]
        for minutes in sorted({one["minutes"] for one in mine if one["who"] == "ours"}, reverse=True):
            ours = [one for one in mine if one["who"] == "ours" and one["minutes"] == minutes]
            if peer and ours:
                lines += [_line(name, minutes, metric, ours, peer) for metric in METRICS]
    return "\n".join(lines) + "\n"


def _line(name: str, minutes: float, metric: str, ours: list[dict[str, object]], peer: list[dict[str, object]]) -> str:
    a, b = _table(ours, metric), _table(peer, metric)
    found: Comparison = compare_paired(a.mean(axis=0).tolist(), b.mean(axis=0).tolist())
    each = [", ".join(f"{value:.3f}" for value in np.nanmean(table, axis=1)) for table in (a, b)]
    return (
        f"| {name} ({a.shape[1]}) | {minutes:g} | {metric.replace('_', ' ')} | {each[0]} | {each[1]} "
        f"| {np.nanmean(a):.3f} | {np.nanmean(b):.3f} "
        f"| {found.difference:+.3f} ({found.low:+.3f} to {found.high:+.3f}) |"
    )


def _table(results: list[dict[str, object]], metric: str) -> NDArray[np.float64]:
    """Return (seeds, cases)."""
    rows: list[list[float]] = []
    for one in sorted(results, key=lambda one: str(one["seed"])):
        cases = one["cases"]
        assert isinstance(cases, dict)
        rows.append([cases[case][metric] for case in sorted(cases)])
    return np.array(rows)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("run", "one", "report"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=sorted(SETS), default=list(SETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=10.0, help="processor minutes on one thread")
    parser.add_argument("--peer-python", type=Path, help="an interpreter with torch and monai")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each on one thread")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
