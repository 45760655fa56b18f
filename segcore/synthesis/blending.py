"""How a lesion enters a scan: with a feathered edge, carved out with its surroundings, by its gradients, or made up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segcore.synthesis.bank import Cutting, Flags

Alpha = NDArray[np.float32]
#: Half axes of a made-up lesion, as shares of those of the lesion it is modelled on. Ours.
_AXES = (0.7, 1.1)
#: How far the outline of a made-up lesion leaves an ellipsoid, as a share of its radius. Ours.
_IRREGULAR = 0.25
#: Poisson blending stops when nothing changes by more than this share of the largest correction, or after so many rounds.
_PRECISE, _MOST_ROUNDS = 1e-3, 500
#: Planes of a 2-D patch do not see each other.
_APART = (1e6, 1.0, 1.0)


def feathered(cutting: Cutting, feather: float, *, flat: bool) -> Alpha:
    """Return how much of a copy is seen: 1 in the lesion, falling to 0 over `feather` voxels around it."""
    from scipy import ndimage  # noqa: PLC0415 - half a second that the start of the window must not pay

    distance = ndimage.distance_transform_edt(~cutting.lesion, sampling=_APART if flat else None)
    alpha = np.clip(1 - distance / (feather + 1), 0, 1)
    alpha[cutting.foreign] = 0
    return np.asarray(alpha, dtype=np.float32)


def carved(cutting: Cutting, margin: int, rng: np.random.Generator, *, flat: bool) -> Alpha:
    """Return a random region of interest of the lesion's shape, 0 or 1: a part of it, or it with what lies around it.

    The region is where the signed distance φ to the lesion's outline is below λ, drawn between half its depth inwards
    and its whole depth outwards, but not beyond `margin` voxels (CarveMix: Zhang et al. 2021, arXiv:2108.06883).
    """
    from scipy import ndimage  # noqa: PLC0415 - see above

    sampling = _APART if flat else None
    inside = ndimage.distance_transform_edt(np.pad(cutting.lesion, 1), sampling=sampling)[1:-1, 1:-1, 1:-1]
    outside = ndimage.distance_transform_edt(~cutting.lesion, sampling=sampling)
    signed = np.where(cutting.lesion, 1 - inside, outside)
    depth = max(float(-signed.min()), 1.0)
    # Never less than the deepest voxels.
    level = max(min(float(rng.uniform(-depth / 2, depth)), float(margin)), float(signed.min()))
    region = (signed <= level) & ~cutting.foreign
    return np.asarray(region, dtype=np.float32)


def poisson(target: NDArray[np.float32], source: NDArray[np.float32], region: Flags, *, flat: bool) -> None:
    """Put `source` into `target` where `region` is, so that its gradients stay and its edge meets the target's.

    The difference of the two at the region's border is spread over it by Laplace's equation (Perez et al. 2003,
    doi:10.1145/882262.882269); where the region ends with the array, nothing is asked of it.

    Parameters
    ----------
    target
        (channels, planes, rows, columns) float32; changed in place.
    source
        Same shape.
    region
        (planes, rows, columns) flags.
    flat
        Planes are solved apart.
    """
    axes = (2, 3) if flat else (1, 2, 3)
    known = np.broadcast_to(~region, target.shape)
    correction = np.where(known, target - source, 0).astype(np.float32)
    # From the mean over the border: the rest is small, and few rounds are needed.
    border = _touches(region, flat=flat) & ~region
    if not border.any():
        target[:, region] = source[:, region]
        return
    correction[:, region] = correction[:, border].mean(axis=1)[:, None]
    count = _neighbours(np.ones_like(correction), axes)
    limit = _PRECISE * max(float(np.abs(correction[:, border]).max()), 1e-6)
    for _ in range(_MOST_ROUNDS):
        mean = _neighbours(correction, axes) / count
        change = float(np.abs((mean - correction)[:, region]).max())
        correction = np.where(known, correction, mean)
        if change < limit:
            break
    target[:, region] = source[:, region] + correction[:, region]


def _neighbours(values: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the sum over the direct neighbours of each voxel, as many as there are."""
    total = np.zeros_like(values)
    for axis in axes:
        to, of = np.moveaxis(total, axis, 0), np.moveaxis(values, axis, 0)
        to[1:] += of[:-1]
        to[:-1] += of[1:]
    return total


def _touches(region: Flags, *, flat: bool) -> Flags:
    from scipy import ndimage  # noqa: PLC0415 - see above

    structure = ndimage.generate_binary_structure(3, 1)
    if flat:
        structure[[0, 2]] = False
    return np.asarray(ndimage.binary_dilation(region, structure))


def made_up(cutting: Cutting, ring: Flags, rng: np.random.Generator) -> Cutting:
    """Return a lesion that nobody has, modelled on one: an irregular ellipsoid of its size, contrast and texture.

    Parameters
    ----------
    ring
        The surroundings of the lesion it is modelled on.
    """
    from scipy import ndimage  # noqa: PLC0415 - see above

    shape = cutting.lesion.shape
    planes, rows, columns = (np.flatnonzero(cutting.lesion.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1)))
    squared = np.zeros(shape)
    for axis, span in enumerate((planes, rows, columns)):
        half = max((span[-1] - span[0] + 1) / 2 * rng.uniform(*_AXES), 0.75)
        along = (np.arange(shape[axis]) - (span[0] + span[-1]) / 2) / half
        squared += np.expand_dims(along**2, [other for other in range(3) if other != axis])
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), 1.5)
    outline = np.sqrt(squared) + _IRREGULAR * noise / max(float(noise.std()), 1e-6) * np.minimum(squared, 1)
    lesion = outline < 1
    lesion[tuple(int(span[len(span) // 2]) for span in (planes, rows, columns))] = True
    lesion &= ~cutting.foreign

    image = cutting.image.copy()
    around, within = cutting.image[:, ring], cutting.image[:, cutting.lesion]
    for part, values in ((cutting.lesion & ~lesion, around), (lesion, within)):
        grain = ndimage.gaussian_filter(rng.standard_normal((len(image), *shape)), (0, 0.7, 0.7, 0.7))
        grain *= (values.std(axis=1) / grain.std(axis=(1, 2, 3)))[:, None, None, None]
        image[:, part] = (values.mean(axis=1)[:, None, None, None] + grain)[:, part]
    return replace(cutting, image=image.astype(np.float32), lesion=lesion)
