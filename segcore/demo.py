"""The demo project: 24 synthetic patients on real anatomy, made on the person's own disk, nothing downloaded.

Anatomy: the ICBM 152 2009a template (see ``resources/demo/NOTICE.txt``), deformed differently for each patient. T1 and
FLAIR contrast follow from tissue fractions; lesions lie where multiple sclerosis puts them (white matter, mostly around
the ventricles); bright things that are no lesions (caps of the ventricles, choroid plexus, vessels, cortical flow
artefacts) make sure that a threshold on the intensity fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_data_path

from segcore.errors import RareSegError
from segcore.geometry import Grid
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.projects.splitting import split_by_group
from segcore.resources import resource_path
from segcore.scans.formats.table import read_volume
from segcore.scans.volume import Mask, Volume

NAME = "Demo: MS-like lesions"
PATIENTS = 24
#: Patients without a lesion.
LESION_FREE = (4, 10, 16, 22)
FRACTIONS = (0.62, 0.13, 0.25)
_SEED = 2024
#: Intensity of pure tissue: in the T1 template, of which 1 is the brightest voxel, and in our FLAIR.
_T1_GREY, _T1_WHITE = 0.62, 0.88
_FLAIR_GREY, _FLAIR_WHITE, _FLAIR_FLUID = 0.66, 0.48, 0.13

Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Anatomy:
    t1: Field
    grey: Field
    white: Field
    grid: Grid


def demo_folder() -> Path:
    """Return where the demo project belongs: the person's data folder."""
    return user_data_path("RareSeg", appauthor=False) / "demo-project"


def open_or_make_demo(folder: Path | None = None, *, report: Callable[[int, int, str], None] | None = None) -> Project:
    """Open the demo project, making it first where it is missing or was left half-made."""
    target = folder or demo_folder()
    try:
        project = Project.open(target)
    except RareSegError:
        if (target / "project.toml").exists():
            raise
        return make_demo(target, report=report)
    if len(project.cases()) < PATIENTS and not project.read_only:
        _fill(project, report)
    return project


def make_demo(folder: Path, *, report: Callable[[int, int, str], None] | None = None) -> Project:
    """Make the demo project in `folder`; the same on every machine.

    Parameters
    ----------
    report
        Called with (done, total, case).

    Raises
    ------
    SettingProblem
        If the folder holds a project already.
    CannotSave
        If the disk is full or read-only.
    """
    project = Project.create(folder, name=NAME)
    _fill(project, report)
    return project


def _fill(project: Project, report: Callable[[int, int, str], None] | None) -> None:
    """Add the missing patients; a project that could not be filled is closed, so that the next try may go on."""
    try:
        _add_patients(project, report)
    except BaseException:
        project.close()
        raise


def _add_patients(project: Project, report: Callable[[int, int, str], None] | None) -> None:
    anatomy = _load_anatomy()
    known = {case.id for case in project.cases()}
    for number in range(PATIENTS):
        name = f"patient{number + 1:02d}"
        if report is not None:
            report(number, PATIENTS, name)
        if name in known:
            continue
        volume, mask = make_patient(anatomy, number)
        project.add_case(
            id=name,
            group=name,
            volume=volume,
            source_grid=volume.grid,
            source_suffix=".nii.gz",
            sources=(f"{name}_flair.nii.gz", f"{name}_t1.nii.gz"),
            mask=mask,
            state=CaseState.COMPLETE if mask.foreground_voxels else CaseState.CONFIRMED_EMPTY,
            author="demo",
        )
    project.set_parts(split_by_group(project.cases(), fractions=FRACTIONS, seed=1))


def _load_anatomy() -> _Anatomy:
    maps = [read_volume(resource_path("demo", f"icbm152_2009a_{n}_2mm.nii.gz")).canonical() for n in ("t1", "gm", "wm")]
    t1, grey, white = (volume.voxels[0].astype(np.float32) / np.float32(255) for volume in maps)
    return _Anatomy(t1=t1, grey=grey, white=white, grid=maps[0].grid)


def make_patient(anatomy: _Anatomy, number: int) -> tuple[Volume, Mask]:
    """Return the scan (FLAIR and T1, int16) and mask of one patient; `number` is the seed."""
    rng = np.random.default_rng([_SEED, number])
    t1, grey, white = _deformed((anatomy.t1, anatomy.grey, anatomy.white), rng)
    brain = _largest_piece(t1 > 0.08)
    fluid = np.clip(1 - grey - white, 0, 1) * brain
    ventricles = _ventricles(fluid, brain)
    whiteness = np.clip(
        (t1 - _T1_GREY) / (_T1_WHITE - _T1_GREY), 0, 1
    )  # sharper than the maps, which are means of many
    tissue = (grey + white) * (_FLAIR_GREY + (_FLAIR_WHITE - _FLAIR_GREY) * whiteness)
    flair = (_FLAIR_FLUID * fluid + tissue + 0.035 * _noise(rng, t1.shape, 2.0)) * brain
    t1 = t1 * (1 + 0.04 * _noise(rng, t1.shape, 2.0))
    flair += _distractors(rng, ventricles, grey, white, fluid, brain)
    lesions = np.zeros_like(flair)
    if number not in LESION_FREE:
        lesions, strength = _lesions(rng, white, ventricles)
        flair += strength
        t1 -= 0.35 * strength * (t1 > 0.3)
    mask = Mask(labels=((lesions > 0.5) & brain).astype(np.uint8), grid=anatomy.grid)
    channels = [
        _scanned(rng, image, brain, scale)
        for image, scale in ((flair, rng.uniform(500, 1100)), (t1, rng.uniform(300, 900)))
    ]
    return Volume(voxels=np.stack(channels), grid=anatomy.grid, channels=("FLAIR", "T1")), mask


def _largest_piece(where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy import ndimage  # noqa: PLC0415 - half a second that the start of the window must not pay

    parts, _ = ndimage.label(where)
    return np.asarray(parts == int(np.argmax(np.bincount(parts.ravel())[1:])) + 1)


def _smoothed(values: NDArray[np.float64] | Field, sigma: float) -> Field:
    from scipy import ndimage  # noqa: PLC0415 - see above

    return np.asarray(ndimage.gaussian_filter(values.astype(np.float32), sigma), dtype=np.float32)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> Field:
    """Return smooth noise of mean 0 and standard deviation 1."""
    factor = max(1, int(sigma / 2))
    coarse = tuple(-(-n // factor) + 2 for n in shape)
    field = _smoothed(rng.standard_normal(coarse, dtype=np.float32), sigma / factor)
    if factor > 1:
        for axis, length in enumerate(shape):
            field = _stretched(field, axis, length, factor)
    else:
        field = field[tuple(slice(1, n + 1) for n in shape)]
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)


def _stretched(field: Field, axis: int, length: int, factor: int) -> Field:
    """Return `field` drawn out `factor` times along one axis by linear interpolation, cut to `length`.

    Axis by axis this is ten times as fast as `scipy.ndimage.zoom`, which goes through all axes for each voxel.
    """
    where = np.arange(length, dtype=np.float32) / np.float32(factor)
    below = where.astype(np.intp)
    share = (where - below).reshape([-1 if a == axis else 1 for a in range(3)])
    return np.asarray(field.take(below, axis) * (1 - share) + field.take(below + 1, axis) * share, dtype=np.float32)


def _deformed(maps: tuple[Field, ...], rng: np.random.Generator) -> list[Field]:
    """Turn, scale and bend all maps alike: up to 5 degrees, 6 % and a few millimetres."""
    from scipy import ndimage  # noqa: PLC0415 - see above

    shape = maps[0].shape
    angles = np.radians(rng.uniform(-5, 5, 3))
    linear = np.diag(rng.uniform(0.94, 1.06, 3))
    for (a, b), angle in zip(((1, 2), (0, 2), (0, 1)), angles, strict=True):
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        linear = linear @ turn
    middle = (np.array(shape, dtype=np.float32) - 1) / 2
    where = np.indices(shape, dtype=np.float32).reshape(3, -1) - middle[:, None]
    moved = (linear.astype(np.float32) @ where + middle[:, None]).reshape(3, *shape)
    for axis in range(3):
        moved[axis] += 1.6 * _noise(rng, shape, 8.0) + 0.35 * _noise(rng, shape, 3.0)
    return [np.asarray(ndimage.map_coordinates(m, moved, order=1), dtype=np.float32) for m in maps]


def _ventricles(fluid: Field, brain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the deep fluid: what lies far from the brain's surface."""
    from scipy import ndimage  # noqa: PLC0415 - see above

    depth = ndimage.distance_transform_edt(ndimage.binary_closing(brain, iterations=3))
    return np.asarray((fluid > 0.6) & (depth > 10))


def _lesions(rng: np.random.Generator, white: Field, ventricles: NDArray[np.bool_]) -> tuple[Field, Field]:
    """Return (membership 0..1, added FLAIR intensity) of 1 to 12 lesions of very different sizes."""
    from scipy import ndimage  # noqa: PLC0415 - see above

    far = ndimage.distance_transform_edt(~ventricles) if ventricles.any() else np.full(white.shape, 20.0)
    likely = np.where(white > 0.65, np.exp(-far / 7) + 0.03, 0.0)
    places = rng.choice(likely.size, int(rng.integers(1, 13)), replace=False, p=(likely / likely.sum()).ravel())
    membership, strength = np.zeros_like(white), np.zeros_like(white)
    budget = 0.0075 * white.size
    for place in places:
        centre = np.array(np.unravel_index(place, white.shape))
        radius = min(float(rng.lognormal(1.1, 0.4)), 7.0)
        low = np.maximum(centre - 12, 0)
        high = np.minimum(centre + 13, white.shape)
        cut = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        offsets = np.indices(tuple(high - low), dtype=np.float32) - (centre - low)[:, None, None, None]
        axes = rng.uniform(0.7, 1.4, 3)
        distance = np.sqrt(sum((offsets[a] / axes[a]) ** 2 for a in range(3)))
        rough = distance + 0.3 * radius * _noise(rng, distance.shape, max(1.2, 0.45 * radius))
        one = np.clip(1.0 - (rough - radius) / 1.2 - 0.5, 0, 1) * (white[cut] > 0.25)
        parts, count = ndimage.label(one > 0.5)
        if count > 1:  # one lesion, not a large one with crumbs
            kept = _largest_piece(one > 0.5)
            one = np.where(kept | (parts == 0) & ndimage.binary_dilation(kept), one, 0.0)
        if (membership > 0.5).sum() + (one > 0.5).sum() > budget:
            continue
        contrast = rng.uniform(0.12, 0.36)
        membership[cut] = np.maximum(membership[cut], one)
        strength[cut] = np.maximum(strength[cut], contrast * one)
    if not (membership > 0.5).any():
        membership[tuple(np.array(np.unravel_index(places[0], white.shape)))] = 1.0
        strength[tuple(np.array(np.unravel_index(places[0], white.shape)))] = 0.3
    return membership, _smoothed(strength, 0.5)


def _distractors(
    rng: np.random.Generator,
    ventricles: NDArray[np.bool_],
    grey: Field,
    white: Field,
    fluid: Field,
    brain: NDArray[np.bool_],
) -> Field:
    """Return bright FLAIR signal that is no lesion."""
    from scipy import ndimage  # noqa: PLC0415 - see above

    added = np.zeros_like(grey)
    rim = ndimage.binary_dilation(ventricles, iterations=2) & ~ventricles & (white > 0.3)
    added += rng.uniform(0.05, 0.14) * _smoothed(rim.astype(np.float32), 0.8)
    for count, likely, low, high, width in (
        (6, ventricles.astype(np.float64), 0.25, 0.5, 0.9),
        (14, ((grey > 0.4) & (fluid > 0.15) & brain).astype(np.float64), 0.15, 0.4, 1.0),
        (12, ((grey > 0.6) & brain).astype(np.float64), 0.12, 0.3, 1.2),
    ):
        if not likely.any():
            continue
        spots = np.zeros_like(grey)
        chosen = rng.choice(likely.size, count, p=(likely / likely.sum()).ravel())
        spots.ravel()[chosen] = rng.uniform(low, high, count)
        smooth = _smoothed(spots, width)
        added += smooth * (spots.max() / max(float(smooth.max()), 1e-6)) * brain
    sheet = np.abs(_noise(rng, grey.shape, 5.0)) < 0.012
    added += 0.18 * _smoothed((sheet & (grey > 0.3)).astype(np.float32), 0.5)
    return added


def _scanned(rng: np.random.Generator, image: Field, brain: NDArray[np.bool_], scale: float) -> NDArray[np.int16]:
    """Return what a scanner makes of it: bias field, blur, Rician noise, whole numbers, nothing outside the brain."""
    bias = np.exp(0.10 * _noise(rng, image.shape, 22.0))
    blurred = _smoothed(np.clip(image, 0, None) * bias, 0.45)
    sigma = rng.uniform(0.018, 0.035)
    real = blurred + sigma * rng.standard_normal(image.shape, dtype=np.float32)
    imaginary = sigma * rng.standard_normal(image.shape, dtype=np.float32)
    return np.asarray(np.round(np.hypot(real, imaginary) * scale) * brain, dtype=np.int16)
