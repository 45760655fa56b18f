"""What the annotation tools cost on a CT-like scan of 512 x 512 x 300: milliseconds of processor time, median of several.

The random walker is timed beside scikit-image's on the same neighbourhood; ours also knows priors and can be cancelled.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from app.annotate.tools import BrushShape, BrushStroke, FollowEdges
from segcore.annotation import operations as op
from segcore.annotation.combining import Combination, combine, mirror
from segcore.annotation.fill import flood_fill, lesion_at
from segcore.annotation.islands import cut_lesions, split_lesion
from segcore.annotation.livewire import Livewire
from segcore.annotation.operations import Scope
from segcore.annotation.seeded import INSIDE, OUTSIDE, Neighbourhood, SeedMethod, lesion_probability
from segcore.annotation.tracing import level_trace
from segcore.geometry import Box, Grid
from tests.benchmarks.gui import scene

TIMES = 5
WHOLE = Scope(axis=0, index=-1, spacing=scene.SPACING)
SLICE = Scope(axis=0, index=150, spacing=scene.SPACING)
#: A neighbourhood across the edge of the bright part of the scan.
NEAR = Box((150, 250, 180), (190, 350, 280))


def median_ms(work: Callable[[], object], times: int = TIMES) -> float:
    """Return the median processor time of a call; one call comes first and is not counted."""
    work()
    spent = []
    for _ in range(times):
        began = time.process_time()
        work()
        spent.append(1000 * (time.process_time() - began))
    return round(statistics.median(spent), 2)


def moved(scan: np.ndarray, *, three_d: bool, follow: bool) -> Callable[[], object]:
    """Return one move of a brush of 20 voxels, as the mouse makes a hundred a second of."""
    grid = Grid.from_spacing(scan.shape, scene.SPACING)
    brush = BrushShape(radius=20, in_millimetres=False, three_d=three_d)
    edges = FollowEdges(voxels=scan, tolerance=40.0) if follow else None
    stroke = BrushStroke(np.zeros(scan.shape, np.uint8), brush, grid, 0, 1, None, edges)
    place = [150.0, 250.0, 200.0]

    def move() -> None:
        place[2] += 8
        stroke.to((place[0], place[1], place[2]))

    return move


def seeded(scan: np.ndarray) -> Neighbourhood:
    values = scan[NEAR.slices].astype(np.float32)
    seeds = np.zeros(values.shape, np.int8)
    middle = np.array(values.shape) // 2
    bright = values > 50
    at = np.argwhere(bright)[np.abs(np.argwhere(bright) - middle).sum(axis=1).argmin()]
    seeds[at[0], at[1], max(0, at[2] - 5) : at[2] + 5] = INSIDE
    seeds[:, 0] = OUTSIDE
    return Neighbourhood(box=NEAR, values=values, seeds=seeds, spacing=scene.SPACING)


def scikit_image(near: Neighbourhood) -> object:
    """scikit-image's random walker on the same strokes."""
    from skimage.segmentation import random_walker  # noqa: PLC0415 - only here

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return random_walker(
            near.values,
            np.where(near.seeds == OUTSIDE, 2, near.seeds).astype(np.int32),
            mode="cg_j",
            spacing=near.spacing,
        )


def measure() -> dict[str, Any]:
    scan, mask = scene.scan(), scene.mask()
    image = scan[150]
    wire, near = Livewire(image, scene.SPACING[1:]), seeded(scan)
    steps = np.where(mask == 1, np.int8(20), np.int8(-20))
    large = (150, 230, 190)
    front = mask[WHOLE.of(mask).slices] == 1
    line = np.array([[200.0, 100.0], [260.0, 300.0]])
    works: dict[str, Callable[[], object]] = {
        "livewire: an anchor": lambda: wire.start((256, 200)),
        "livewire: a move": lambda: wire.path_to((280, 230)),
        "level trace: a move": lambda: level_trace(image, (230, 190), 96),
        "brush r20: a move": moved(scan, three_d=False, follow=False),
        "adaptive brush r20: a move": moved(scan, three_d=False, follow=True),
        "adaptive ball r20: a move": moved(scan, three_d=True, follow=True),
        "fill on a slice": lambda: flood_fill(image[None], (0, 230, 190), 60.0, axis=0),
        "cut on a slice": lambda: cut_lesions(mask, SLICE, line),
        "grow 2 mm on a slice": lambda: op.grow(mask, SLICE, 2.0),
    }
    slow: dict[str, Callable[[], object]] = {
        "fill through planes (beside the window)": lambda: flood_fill(scan, large, 60.0),
        "take a finding of 2 million voxels (beside)": lambda: lesion_at(steps, large, 0),
        "fill holes of the mask (beside)": lambda: op.fill_holes(mask, WHOLE),
        "grow 2 mm, the mask (beside)": lambda: op.grow(mask, WHOLE, 2.0),
        "split a lesion (beside)": lambda: split_lesion(mask, WHOLE, (180, 287, 230)),
        "replace the mask (beside)": lambda: combine(mask, WHOLE, ~front, Combination.REPLACE),
        "mirror the mask (beside)": lambda: mirror(mask, WHOLE, 256),
        "random walker, 0.4 million voxels (beside)": lambda: lesion_probability(near, SeedMethod.WALKER, lambda: None),
        "random walker of scikit-image on the same": lambda: scikit_image(near),
        "grow from seeds, 0.4 million voxels (beside)": lambda: lesion_probability(
            near, SeedMethod.GROWING, lambda: None
        ),
    }
    return {
        "scan": scene.SHAPE,
        "milliseconds": {name: median_ms(work) for name, work in works.items()}
        | {name: median_ms(work, 3) for name, work in slow.items()},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(), indent=1) + "\n")
