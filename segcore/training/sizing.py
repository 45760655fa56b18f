"""From a recipe and the cases to patch, batch and resolution, without torch: the plan's numbers before there is a network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segcore.catalog.networks import MULTIPLE
from segcore.projects.case import Case
from segcore.training.recipe import Recipe

#: A lesion of median width keeps at least this many voxels across when images are shrunk. Ours:
#: docs/evidence/default-recipe.md.
_LESION_WIDTH = 3.5
#: Images are not shrunk below this many voxels along their longest edge: a patch covers that much.
_SMALL_EDGE = 256
#: Anisotropy beyond which 2-D is taken (nnU-Net's rule of thumb).
_ANISOTROPY = 3.0
#: Volumes up to this many voxels train in 3-D even on a CPU.
_SMALL_VOLUME = 80**3
_PATCH_2D = {"cpu": 256, "gpu": 320}
_PATCH_3D = {"cpu": 48, "gpu": 96}
#: Voxels of a batch aimed at.
_BATCH_VOXELS = {"cpu": 2 * 256 * 256, "gpu": 16 * 320 * 320}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How large what is trained on is.

    Parameters
    ----------
    patch
        (planes, rows, columns) that a training step sees, context planes included.
    batch
        Patches per step.
    flat
        2-D network with neighbouring planes as channels.
    spacing
        Of the prepared grid, mm; relative where uncalibrated.
    shrink
        Rows and columns are averaged over blocks of this many voxels.
    calibrated
        Whether every case states its spacing.
    """

    patch: tuple[int, int, int]
    batch: int
    flat: bool
    spacing: tuple[float, float, float]
    shrink: int
    calibrated: bool

    @property
    def target_spacing(self) -> tuple[float, float, float] | None:
        """What scans are resampled to, mm; None leaves them as they are."""
        return self.spacing if self.calibrated and self.shrink == 1 else None


def choose_sizes(recipe: Recipe, cases: Sequence[Case], *, width: float, on_gpu: bool) -> Sizes:
    """Return the sizes.

    Parameters
    ----------
    cases
        Training cases, at least one.
    width
        Of the median lesion in the training cases, voxels across at its thickest.
    on_gpu
        Whether there is a GPU to fill.
    """
    spacing = _median_spacing(cases)
    shapes = [_scaled_shape(case, spacing) for case in cases]
    shape = tuple(int(np.median([s[axis] for s in shapes])) for axis in range(3))
    flat = _is_flat(recipe, cases, spacing, (shape[0], shape[1], shape[2]), on_gpu)
    shrink = _shrink(cases, width) if flat else 1
    rows, columns = math.ceil(shape[1] / shrink), math.ceil(shape[2] / shrink)
    kind = "gpu" if on_gpu else "cpu"
    edge = recipe.optimiser.patch or (_PATCH_2D if flat else _PATCH_3D)[kind]
    context = 1 if flat and shape[0] > 1 else 0
    planes = 1 + 2 * context if flat else min(_fit(edge, shape[0]), _covering(shape[0]))
    patch = (planes, _fit(edge, rows), _fit(edge, columns))
    counted = patch[1] * patch[2] * (1 if flat else patch[0])
    automatic = max(2, min(16 if flat else 8, round(_BATCH_VOXELS[kind] / counted)))
    return Sizes(
        patch=patch,
        batch=recipe.optimiser.batch or automatic,
        flat=flat,
        spacing=spacing,
        shrink=shrink,
        calibrated=all(case.grid.calibrated for case in cases),
    )


def _median_spacing(cases: Sequence[Case]) -> tuple[float, float, float]:
    p, r, c = np.median([case.grid.spacing for case in cases], axis=0)
    return (float(p), float(r), float(c))


def _scaled_shape(case: Case, spacing: tuple[float, float, float]) -> tuple[int, int, int]:
    if not case.grid.calibrated:
        return case.grid.shape
    p, r, c = (
        max(1, round(n * here / there))
        for n, here, there in zip(case.grid.shape, case.grid.spacing, spacing, strict=True)
    )
    return (p, r, c)


def _is_flat(
    recipe: Recipe,
    cases: Sequence[Case],
    spacing: tuple[float, float, float],
    shape: tuple[int, int, int],
    on_gpu: bool,
) -> bool:
    if recipe.network.dimensions != "auto":
        return recipe.network.dimensions == "2d" or any(case.grid.is_2d for case in cases)
    if any(case.grid.is_2d for case in cases) or spacing[0] > _ANISOTROPY * min(spacing[1:]):
        return True
    return not on_gpu and math.prod(shape) > _SMALL_VOLUME


def _shrink(cases: Sequence[Case], width: float) -> int:
    """Return by how much uncalibrated images are shrunk: a patch then sees more of what is around a lesion.

    The median lesion keeps `_LESION_WIDTH` voxels across, so that cracks one voxel wide are never shrunk.
    """
    if any(case.grid.calibrated for case in cases):
        return 1
    longest = max(edge for case in cases for edge in case.grid.shape[1:])
    return max(1, min(int(width / _LESION_WIDTH), int(longest) // _SMALL_EDGE))


def _fit(edge: int, extent: int) -> int:
    """Return a multiple of the network's stride: `edge`, or what covers the scan if that is less; never one stride.

    One stride would leave a single voxel at the lowest level, of which no norm can be taken.
    """
    return max(2 * MULTIPLE, min(math.ceil(edge / MULTIPLE) * MULTIPLE, _covering(extent)))


def _covering(extent: int) -> int:
    return math.ceil(extent / MULTIPLE) * MULTIPLE
