"""A small project that a network can learn in seconds: bright blobs on noise, with bright lines that are no lesions."""

from pathlib import Path

import numpy as np

from segcore.geometry import Grid
from segcore.projects.case import CaseState, Part
from segcore.projects.project import Project
from segcore.scans.volume import Mask, Volume


def make_small_project(
    folder: Path, *, cases: int = 8, planes: int = 1, edge: int = 64, empty: tuple[int, ...] = (3,), split: bool = True
) -> Project:
    project = Project.create(folder)
    grid = Grid.from_spacing((planes, edge, edge), (3.0, 1.0, 1.0))
    rows, columns = np.mgrid[:edge, :edge]
    for number in range(cases):
        rng = np.random.default_rng(number)
        voxels = rng.normal(100, 8, grid.shape)
        voxels[:, rng.integers(5, edge - 5)] += 60
        mask = Mask.empty(grid)
        for _ in range(0 if number in empty else 3):
            r, c = rng.integers(8, edge - 8, 2)
            p = rng.integers(planes)
            blob = (rows - r) ** 2 + (columns - c) ** 2 <= 9
            mask.labels[p][blob] = 1
            voxels[p][blob] += 50
        project.add_case(
            id=f"case{number}",
            group=f"patient{number}",
            volume=Volume(voxels=voxels[np.newaxis].astype(np.int16), grid=grid, channels=("image",)),
            source_grid=grid,
            source_suffix=".nii.gz",
            sources=(f"case{number}.nii.gz",),
            mask=mask,
            state=CaseState.COMPLETE if mask.foreground_voxels else CaseState.CONFIRMED_EMPTY,
        )
    if split:
        parts = [Part.VALIDATION, Part.TEST]
        project.set_parts({f"case{n}": parts[n] if n < 2 else Part.TRAIN for n in range(cases)})
    return project
