"""How often are suspects false alarms, and what do they find? Real sets as they are, and copies damaged on purpose.

    python -m tests.benchmarks.suspects --data ../shared/data --out DIR [--sets ...] [--rounds 4]

Every set becomes a project. As it is, each suspect is a false alarm or a true find: they are listed, so that a person can
tell. Then one damage at a time is done to a tenth of the cases (at least two), in a copy of the project, in several rounds with other cases: found is a
damaged case with a suspect of that kind, at the damaged place where it has one; false is a suspect of that kind in a case
that was not damaged, beyond those of the set as it is.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from segcore.geometry import Grid
from segcore.imbalance.suspects import Suspect, SuspectKind, Suspicions, find_suspects
from segcore.projects.case import Case, CaseState
from segcore.projects.importing import plan_import, run_import
from segcore.projects.project import Project
from segcore.projects.splitting import split_by_group
from segcore.scans.volume import Labels, Mask, Volume

SETS = {
    "ms_flair_2d": ("ms_flair_2d", "masks"),
    "hippocampus_anterior": ("hippocampus_msd", "masks_anterior"),
    "uav75_cracks": ("uav75_cracks", "masks"),
    "idrid_hard_exudates": ("idrid_lesions", "masks_EX"),
    "idrid_microaneurysms": ("idrid_lesions", "masks"),
}
Place = tuple[int, int, int]
Damage = Callable[[Volume, Labels, np.random.Generator], Place | None]
#: A suspect within this many voxels of the damage found it.
_NEAR = 8
#: Where nothing can be damaged in this way.
_CANNOT = (-1, -1, -1)


def _speck(volume: Volume, labels: Labels, rng: np.random.Generator) -> Place:
    """Two voxels far from every lesion."""
    far = np.argwhere(ndimage.distance_transform_edt(labels != 1) > 6)
    place = far[rng.integers(len(far))] if len(far) else np.argwhere(labels != 1)[0]
    p, r, c = map(int, place)
    labels[p, r, c : c + 2] = 1
    return (p, r, c)


def _hole(volume: Volume, labels: Labels, rng: np.random.Generator) -> Place:
    """One voxel taken out of the thickest place of the mask."""
    inside = ndimage.distance_transform_edt(labels == 1)
    p, r, c = map(int, np.unravel_index(inside.argmax(), labels.shape))
    if inside.max() < 2:
        return _CANNOT
    labels[p, r, c] = 0
    return (p, r, c)


def _one_plane(volume: Volume, labels: Labels, rng: np.random.Generator) -> Place:
    """A disc 10 voxels wide in a single inner plane, away from the others."""
    if labels.shape[0] < 5:
        return _CANNOT
    far = ndimage.distance_transform_edt(labels != 1)
    far[:2], far[-2:] = 0, 0
    far[:, :6], far[:, -6:], far[:, :, :6], far[:, :, -6:] = 0, 0, 0, 0
    if far.max() < 7:
        return _CANNOT
    p, r, c = map(int, np.unravel_index(far.argmax(), labels.shape))
    labels[p, r - 5 : r + 5, c - 5 : c + 5] = 1
    return (p, r, c)


def _border(volume: Volume, labels: Labels, rng: np.random.Generator) -> Place:
    """A block at the last column."""
    rows = labels.shape[1]
    p, r = labels.shape[0] // 2, int(rng.integers(rows // 4, 3 * rows // 4))
    labels[p, r : r + 4, -4:] = 1
    return (p, r, labels.shape[2] - 1)


def _outside(volume: Volume, labels: Labels, rng: np.random.Generator) -> Place:
    """A block in a corner of the darkest plane, where that is air."""
    p = int(volume.voxels[0, :, :12, :12].reshape(labels.shape[0], -1).mean(axis=1).argmin())
    corner = volume.voxels[0, p, :12, :12]
    if corner.max() > np.percentile(volume.voxels[0], 30):
        return _CANNOT
    labels[p, 2:10, 2:10] = 1
    return (p, 2, 2)


def _shift(distance: float) -> Damage:
    def move(volume: Volume, labels: Labels, rng: np.random.Generator) -> None:
        angle, scale = rng.uniform(0, 2 * np.pi), max(labels.shape) / 512
        steps = [round(distance * max(1.0, scale) * part) for part in (np.cos(angle), np.sin(angle))]
        labels[...] = np.roll(labels, steps, (1, 2))

    return move


def _emptied(volume: Volume, labels: Labels, rng: np.random.Generator) -> None:
    labels[...] = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """One damage, and the suspect that should find it."""

    kind: SuspectKind
    do: Damage


DAMAGES = {
    "speck of 2 voxels": Kind(SuspectKind.SPECK, _speck),
    "hole of 1 voxel": Kind(SuspectKind.HOLE, _hole),
    "disc in one plane": Kind(SuspectKind.ONE_PLANE, _one_plane),
    "block at the border": Kind(SuspectKind.BORDER, _border),
    "block in the air": Kind(SuspectKind.OUTSIDE, _outside),
    "mask emptied": Kind(SuspectKind.EMPTY, _emptied),
    "moved by 3": Kind(SuspectKind.SHIFTED, _shift(3)),
    "moved by 5": Kind(SuspectKind.SHIFTED, _shift(5)),
    "moved by 8": Kind(SuspectKind.SHIFTED, _shift(8)),
}
COPIES = ("copy, other contrast and type", "copy, noise of 2 %", "copy, mirrored", "copy, cropped by 2 %")


def main() -> int:
    """Do what was asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True, help="projects and results.json go here")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--rounds", type=int, default=4)
    asked = parser.parse_args()
    results = {name: _measure(name, asked.data, asked.out / name, asked.rounds) for name in asked.sets}
    (asked.out / "results.json").write_text(json.dumps(results, indent=1))
    sys.stdout.write(_report(results))
    return 0


def _measure(name: str, data: Path, folder: Path, rounds: int) -> dict[str, object]:
    shutil.rmtree(folder, ignore_errors=True)
    images, masks = SETS[name]
    with Project.create(folder / "clean") as project:
        run_import(project, plan_import([data / images / "images"], masks=[data / images / masks]))
        project.set_parts(split_by_group(project.cases()))
        begin = time.perf_counter()
        clean = find_suspects(project)
        first = time.perf_counter() - begin
        begin = time.perf_counter()
        find_suspects(project)
        again = time.perf_counter() - begin
        lesions = sum(case.lesions for case in project.cases())
    sys.stderr.write(f"{name}: {len(clean.found)} suspects as it is\n")
    damaged = {}
    for what, damage in DAMAGES.items():
        damaged[what] = _sum(_damaged(folder, what, damage, clean, seed) for seed in range(rounds))
        sys.stderr.write(f"{name}, {what}: {damaged[what]}\n")
    for what in COPIES:
        damaged[what] = _sum(_copied(folder, what, clean, seed) for seed in range(rounds))
        sys.stderr.write(f"{name}, {what}: {damaged[what]}\n")
    return {
        "cases": clean.checked,
        "lesions": lesions,
        "seconds_per_case": first / clean.checked,
        "seconds_again": again,
        "as_it_is": [[one.kind.value, one.case, one.place, one.what] for one in clean.found],
        "usual": [[one.kind.value, one.cases, one.of] for one in clean.usual],
        "damaged": damaged,
    }


def _sum(rounds: Iterable[list[int]]) -> list[int]:
    return [sum(numbers) for numbers in zip(*rounds, strict=True)]


def _fresh(folder: Path) -> Path:
    target = folder / "damaged"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder / "clean", target)
    return target


def _chosen(project: Project, rng: np.random.Generator) -> list[Case]:
    cases = [case for case in project.cases() if case.foreground_voxels]
    count = max(2, len(cases) // 10)
    return [cases[n] for n in rng.choice(len(cases), count, replace=False)]


def _damaged(folder: Path, what: str, damage: Kind, clean: Suspicions, seed: int) -> list[int]:
    """Return how many were damaged, how many of them found, and how many false suspects of the kind there are."""
    rng = np.random.default_rng([seed, len(what)])
    places: dict[str, Place | None] = {}
    with Project.open(_fresh(folder)) as project:
        for case in _chosen(project, rng):
            mask = project.mask(case.id)
            place = damage.do(project.scan(case.id), mask.labels, rng)
            if place != _CANNOT:
                project.save_mask(case.id, mask, author="damage", origin="annotation")
                places[case.id] = place
        found = find_suspects(project)
    return _count(found, clean, damage.kind, places)


def _count(found: Suspicions, clean: Suspicions, kind: SuspectKind, places: dict[str, Place | None]) -> list[int]:
    right = {one.case for one in found.found if one.kind is kind and one.case in places and _is_near(one, places)}
    known = Counter((one.case, one.kind) for one in clean.found)
    false = sum(one.kind is kind and one.case not in places and not known[one.case, one.kind] for one in found.found)
    return [len(places), len(right), false]


def _is_near(suspect: Suspect, places: dict[str, Place | None]) -> bool:
    place = places[suspect.case]
    if place is None or suspect.place is None:
        return True
    return max(abs(a - b) for a, b in zip(place, suspect.place, strict=True)) <= _NEAR


def _copied(folder: Path, what: str, clean: Suspicions, seed: int) -> list[int]:
    rng = np.random.default_rng([seed, len(what)])
    copies: dict[str, Place | None] = {}
    with Project.open(_fresh(folder)) as project:
        for case in _chosen(project, rng):
            volume, mask = project.scan(case.id), project.mask(case.id)
            changed, box = _changed(volume, what, rng)
            grid = Grid.from_spacing(changed.shape[1:], case.grid.spacing, calibrated=case.grid.calibrated)
            added = project.add_case(
                id=f"copy of {case.id}",
                group=f"copy of {case.id}",
                volume=Volume(voxels=changed, grid=grid, channels=volume.channels),
                source_grid=grid,
                source_suffix=".nii.gz",
                sources=(),
                mask=Mask(labels=np.ascontiguousarray(mask.labels[box]), grid=grid),
                state=CaseState.COMPLETE,
            )
            copies[added.id] = None
        found = find_suspects(project)
    return _count(found, clean, SuspectKind.DUPLICATE, copies)


def _changed(volume: Volume, what: str, rng: np.random.Generator) -> tuple[np.ndarray, tuple[slice, ...]]:
    values = volume.voxels.astype(np.float32)
    whole = (slice(None),) * 3
    if what == COPIES[0]:
        low, high = float(values.min()), float(values.max())
        return (((values - low) / (high - low)) ** 1.1 * 1000).astype(np.int16), whole
    if what == COPIES[1]:
        return values + rng.normal(0, 0.02 * float(values.max() - values.min()), values.shape).astype(np.float32), whole
    if what == COPIES[2]:
        return np.ascontiguousarray(values[..., ::-1]), (slice(None), slice(None), slice(None, None, -1))
    rows, columns = (max(1, round(0.02 * n)) for n in values.shape[2:])
    box = (slice(None), slice(rows, None), slice(columns, None))
    return np.ascontiguousarray(values[(slice(None), *box)]), box


def _report(results: dict[str, dict[str, object]]) -> str:
    lines = [
        "| set | cases | lesions | suspects as it is | usual there | s a case | again, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in results.items():
        kinds = Counter(row[0] for row in one["as_it_is"])  # type: ignore[union-attr]
        listed = ", ".join(f"{kind} {number}" for kind, number in kinds.items()) or "none"
        usual = ", ".join(f"{row[0]} in {row[1]} of {row[2]}" for row in one["usual"]) or "nothing"  # type: ignore[union-attr]
        lines.append(
            f"| {name} | {one['cases']} | {one['lesions']} | {listed} | {usual} | {one['seconds_per_case']:.2f} | "
            f"{one['seconds_again']:.2f} |"
        )
    lines += ["", f"| damage | {' | '.join(results)} |", "|---" * (1 + len(results)) + "|"]
    for what in (*DAMAGES, *COPIES):
        cells = []
        for one in results.values():
            total, right, false = one["damaged"][what]  # type: ignore[index]
            cells.append(f"{right} of {total}" + f", {false} false" * bool(false) if total else "–")
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
