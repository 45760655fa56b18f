"""Copying a lesion into a patch where it never was: at a place like the one it comes from, with a soft edge.

The idea is that of TumorCP (Yang et al. 2021, arXiv:2107.09843) with the soft edge of Soft-CP (Dai et al. 2022,
arXiv:2203.10507); choosing the place by its surroundings and keeping the contrast to them is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels
from segcore.synthesis.bank import RING, Cutting, Flags, LesionBank, Source
from segcore.synthesis.blending import carved, feathered, made_up, poisson

#: Places that are tried before a patch is left as it is.
_TRIES = 24
#: A place is taken at once if its surroundings differ from the lesion's by less than this many spreads of the tissue.
_ALIKE = 0.5
#: A place is not taken at all if they differ by more.
_TOO_DIFFERENT = 1.0
#: Tissue is what lies this share of the range above the darkest value; the same as in `segcore.inference.preparation`.
_ABOVE_AIR = 0.05
#: A scan of which less than this share is so dark has no air in it: these are the dark end of its tissue. Ours.
_LEAST_AIR = 0.03
#: Share of a place's surroundings that may be air, as noise is. Ours.
_AIR_IN_RING = 0.1
_SAMPLE = 200_000


class SynthesisSettings(Protocol):
    """See `segcore.training.recipe.Synthesis`."""

    @property
    def method(self) -> str: ...  # noqa: D102
    @property
    def rate(self) -> float: ...  # noqa: D102
    @property
    def feather(self) -> float: ...  # noqa: D102
    @property
    def match_intensity(self) -> bool: ...  # noqa: D102
    @property
    def paste_flips(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Pasted:
    """One lesion was copied: from which case (index), to which middle voxel of the patch."""

    source: int
    place: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tissue:
    """What is air in a case's first channel, and how much its tissue varies."""

    air: float
    spread: float


class LesionPaster:
    """Copies lesions of training cases into patches of training cases.

    Parameters
    ----------
    cases
        Training cases; lesions come from them and patches are of them, by the same index.
    patch, flat
        As for `LesionBank`.
    """

    def __init__(
        self, cases: Sequence[Source], patch: tuple[int, int, int], settings: SynthesisSettings, *, flat: bool
    ) -> None:
        self._cases, self._settings, self._flat = cases, settings, flat
        self._margin = math.ceil(settings.feather) + RING
        self.bank = LesionBank(cases, patch, flat=flat, margin=self._margin)
        self._tissues: dict[int, _Tissue] = {}

    def paste_into(
        self, image: NDArray[np.float32], labels: Labels, case: int, rng: np.random.Generator
    ) -> Pasted | None:
        """Copy one lesion into a patch, or leave it as it is where there is no fitting place.

        Parameters
        ----------
        image
            (channels, planes, rows, columns) float32; changed in place.
        labels
            (planes, rows, columns) uint8; changed in place: exactly the voxels of the lesion that is seen become
            foreground.
        case
            Index of the case that the patch is of.
        rng
            Decides everything.
        """
        if not self.bank.lesions:
            return None
        lesion = self.bank.lesions[int(rng.integers(len(self.bank.lesions)))]
        cutting = self.bank.cut(lesion, rng)
        if self._settings.paste_flips:
            cutting = _flipped(cutting, rng, flat=self._flat)
        if not cutting.lesion.any() or any(a > b for a, b in zip(cutting.lesion.shape, labels.shape, strict=True)):
            return None
        alpha = feathered(cutting, self._settings.feather, flat=self._flat)
        ring = _ring(cutting, alpha)
        if not ring.any():
            return None
        if self._settings.method == "parametric":
            cutting = made_up(cutting, ring, rng)
            alpha = feathered(cutting, self._settings.feather, flat=self._flat)
            ring &= ~cutting.lesion
        elif self._settings.method == "carve_mix":
            alpha = carved(cutting, self._margin - RING, rng, flat=self._flat)
        start = self._place(image, labels, cutting, alpha, ring, case, rng)
        if start is None:
            return None
        where = tuple(slice(a, a + n) for a, n in zip(start, cutting.lesion.shape, strict=True))
        self._blend(image[(slice(None), *where)], cutting, alpha, ring)
        labels[where][cutting.lesion & (alpha > 0)] = FOREGROUND
        middle = [a + n // 2 for a, n in zip(start, cutting.lesion.shape, strict=True)]
        return Pasted(source=cutting.case, place=(middle[0], middle[1], middle[2]))

    def _blend(self, target: NDArray[np.float32], cutting: Cutting, alpha: NDArray[np.float32], ring: Flags) -> None:
        """Change `target` (channels, planes, rows, columns) into what it looks like with the lesion."""
        if self._settings.method == "poisson":
            poisson(target, cutting.image, alpha > 0, flat=self._flat)
            return
        new = cutting.image
        if self._settings.match_intensity and ring.any():
            new = new + (target[:, ring].mean(axis=1) - new[:, ring].mean(axis=1))[:, None, None, None]
        target += alpha * (new - target)

    def _place(
        self,
        image: NDArray[np.float32],
        labels: Labels,
        cutting: Cutting,
        alpha: NDArray[np.float32],
        ring: Flags,
        case: int,
        rng: np.random.Generator,
    ) -> tuple[int, int, int] | None:
        """Return where to put the cutting's first voxel: in tissue, on nothing else, among surroundings like its own."""
        shape, extent = cutting.lesion.shape, labels.shape
        tissue = self._tissue(case)
        own = _looks(cutting.image, ring)
        best: tuple[int, int, int] | None = None
        least = _TOO_DIFFERENT
        for _ in range(_TRIES):
            spots = [int(rng.integers(0, whole - part + 1)) for part, whole in zip(shape, extent, strict=True)]
            start = (spots[0], spots[1], spots[2])
            where = tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))
            there = labels[where]
            if (there[alpha > 0] == FOREGROUND).any() or (there[cutting.lesion] == UNLABELLED).any():
                continue
            target = image[(slice(None), *where)]
            if (target[0][cutting.lesion] <= tissue.air).any() or (target[0][ring] <= tissue.air).mean() > _AIR_IN_RING:
                continue
            off = float(np.abs(_looks(target, ring) - own).max()) / tissue.spread
            if off < least:
                best, least = start, off
            if off < _ALIKE:
                break
        return best

    def _tissue(self, case: int) -> _Tissue:
        if case not in self._tissues:
            values = np.asarray(self._cases[case].image[0]).reshape(-1)
            values = values[:: max(1, values.size // _SAMPLE)].astype(np.float32)
            low, high = np.percentile(values, (0.5, 99.5))
            air = float(low + _ABOVE_AIR * (high - low))
            if (values <= air).mean() < _LEAST_AIR:
                air = -math.inf
            body = values[values > air]
            spread = float(body.std()) if body.size else 0.0
            self._tissues[case] = _Tissue(air=air, spread=spread or 1.0)
        return self._tissues[case]


def _looks(image: NDArray[np.float32], ring: Flags) -> NDArray[np.float32]:
    """Return how surroundings look: mean and variation of each channel, so that a skull's edge is unlike white matter."""
    around = image[:, ring]
    return np.concatenate([around.mean(axis=1), around.std(axis=1)])


def _ring(cutting: Cutting, alpha: NDArray[np.float32]) -> Flags:
    """Return the surroundings by which a lesion is judged: what lies around it in its own planes, nothing foreign."""
    from scipy import ndimage  # noqa: PLC0415 - see above

    disc = np.ones((1, 2 * RING + 1, 2 * RING + 1), dtype=bool)
    near = ndimage.binary_dilation(alpha > 0, structure=disc) & ~cutting.lesion & ~cutting.foreign
    outer: Flags = near & (alpha < 1)
    return outer


def _flipped(cutting: Cutting, rng: np.random.Generator, *, flat: bool) -> Cutting:
    axes = tuple(axis for axis in range(1 if flat else 0, 3) if rng.random() < 0.5)
    return Cutting(
        image=np.flip(cutting.image, tuple(axis + 1 for axis in axes)),
        lesion=np.flip(cutting.lesion, axes),
        foreign=np.flip(cutting.foreign, axes),
        case=cutting.case,
    )
