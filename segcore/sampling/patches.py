"""Drawing patches from prepared cases so that the rare class is seen, exactly as often as asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segcore.catalog.entry import find
from segcore.catalog.samplers import SAMPLERS
from segcore.errors import NotEnoughData
from segcore.geometry import Box
from segcore.sampling.index import LesionIndex
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels

#: A case with few lesions is drawn at most this much more often than one with many.
_CLIP = 10.0
#: Tries at an empty patch before a patch with foreground is taken instead.
_TRIES = 40


class Prepared(Protocol):
    """A case ready for training; see `segcore.training.preparation`."""

    @property
    def image(self) -> NDArray[Any]: ...  # noqa: D102 - (channels, planes, rows, columns), memory-mapped
    @property
    def labels(self) -> Labels: ...  # noqa: D102 - (planes, rows, columns) uint8
    @property
    def body(self) -> Box: ...  # noqa: D102 - where there is more than air
    @property
    def index(self) -> LesionIndex: ...  # noqa: D102


class SamplingSettings(Protocol):
    """See `segcore.training.recipe.Sampling`."""

    @property
    def method(self) -> str: ...  # noqa: D102
    @property
    def ratio(self) -> float: ...  # noqa: D102
    @property
    def jitter(self) -> float: ...  # noqa: D102
    @property
    def size_exponent(self) -> float: ...  # noqa: D102
    @property
    def empties_per_foreground(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Patches of one training step.

    Parameters
    ----------
    images
        (N, channels, planes, rows, columns) float32.
    labels
        (N, planes, rows, columns) uint8; 255 also where the patch sticks out of the scan.
    cases
        Index of each patch's case.
    """

    images: NDArray[np.float32]
    labels: Labels
    cases: tuple[int, ...]

    @property
    def share_with_foreground(self) -> float:
        """Share of patches that hold foreground."""
        return float((self.labels == FOREGROUND).any(axis=(1, 2, 3)).mean())


class PatchSampler:
    """Draws batches; the same seed, cases and calls give the same batches.

    Parameters
    ----------
    cases
        At least one.
    patch
        (planes, rows, columns).
    settings
        Method, ratio and so on.
    flat
        2-D patches with neighbouring planes as context: the middle plane is always inside the scan, and only it counts
        as holding foreground.
    seed
        Any integers.
    """

    def __init__(
        self,
        cases: Sequence[Prepared],
        patch: tuple[int, int, int],
        settings: SamplingSettings,
        *,
        flat: bool,
        seed: Sequence[int],
    ) -> None:
        find("sampling", settings.method, SAMPLERS)
        if not cases:
            raise NotEnoughData("there is no case to train on", remedy="mark at least one case complete")
        self._cases = cases
        self._patch = patch
        self._settings = settings
        self._flat = flat
        self._rng = np.random.default_rng(list(seed))
        self.ratio = settings.ratio
        voxels = np.array([len(case.index.voxels) for case in cases], dtype=np.float64)
        self._with_foreground = np.flatnonzero(voxels)
        self._weights = self._case_weights(voxels[self._with_foreground])

    def _case_weights(self, voxels: NDArray[np.float64]) -> NDArray[np.float64]:
        if voxels.size == 0:
            return voxels
        if self._settings.method != "case_weighted":
            return np.full(voxels.size, 1 / voxels.size)
        weights = voxels**-0.5
        weights = np.minimum(weights, _CLIP * weights.min())
        return np.asarray(weights / weights.sum())

    @property
    def state(self) -> str:
        """State of the random generator as JSON; set it to go on exactly as before."""
        return json.dumps(self._rng.bit_generator.state)

    @state.setter
    def state(self, text: str) -> None:
        self._rng.bit_generator.state = json.loads(text)

    def draw(self, size: int) -> Batch:
        """Return `size` patches.

        Methods with a ratio force ``size * ratio`` of them to hold foreground, rounded up or down at random so that the
        long-run share is exact: with ``size * ratio >= 1`` every batch holds foreground.
        """
        forced = self._forced(size)
        places = [self._place(number < forced) for number in range(size)]
        cut = [self._cut(case, start) for case, start in places]
        return Batch(
            images=np.stack([image for image, _ in cut]),
            labels=np.stack([labels for _, labels in cut]),
            cases=tuple(case for case, _ in places),
        )

    def _forced(self, size: int) -> int:
        if self._settings.method == "uniform" or self._with_foreground.size == 0:
            return 0
        share = self.ratio
        if self._settings.method == "undersampled":
            share = 1 / (1 + self._settings.empties_per_foreground)
        exact = size * share
        return int(exact) + int(self._rng.random() < exact - int(exact))

    def _place(self, forced: bool) -> tuple[int, tuple[int, int, int]]:
        if forced:
            return self._on_lesion()
        if self._settings.method == "undersampled":
            for _ in range(_TRIES):
                case, start = self._anywhere()
                if not self._holds_foreground(case, start):
                    return case, start
        return self._anywhere()

    def _anywhere(self) -> tuple[int, tuple[int, int, int]]:
        case = int(self._rng.integers(len(self._cases)))
        body = self._cases[case].body
        starts = []
        for axis in range(3):
            if axis == 0 and self._flat:
                plane = int(self._rng.integers(body.start[0], body.stop[0]))
                starts.append(plane - self._patch[0] // 2)
                continue
            low, high = sorted((body.start[axis], body.stop[axis] - self._patch[axis]))
            starts.append(self._clamped(case, axis, int(self._rng.integers(low, high + 1))))
        return case, (starts[0], starts[1], starts[2])

    def _on_lesion(self) -> tuple[int, tuple[int, int, int]]:
        case = int(self._rng.choice(self._with_foreground, p=self._weights))
        exponent = self._settings.size_exponent if self._settings.method == "per_lesion" else None
        voxel = self._cases[case].index.draw(self._rng, exponent)
        starts = []
        for axis in range(3):
            size = self._patch[axis]
            if axis == 0 and self._flat:
                starts.append(int(voxel[0]) - size // 2)
                continue
            offset = self._rng.uniform(-self._settings.jitter, self._settings.jitter)
            inside = min(max(int((0.5 + offset) * size), 0), size - 1)
            starts.append(self._clamped(case, axis, int(voxel[axis]) - inside))
        return case, (starts[0], starts[1], starts[2])

    def _clamped(self, case: int, axis: int, start: int) -> int:
        """Keep the patch inside the scan; a scan smaller than the patch lies in its middle."""
        extent, size = int(self._cases[case].labels.shape[axis]), self._patch[axis]
        if extent <= size:
            return -((size - extent) // 2)
        return min(max(start, 0), extent - size)

    def _holds_foreground(self, case: int, start: tuple[int, int, int]) -> bool:
        voxels = self._cases[case].index.voxels
        low, high = np.array(start), np.array(start) + self._patch
        if self._flat:
            low[0] = start[0] + self._patch[0] // 2
            high[0] = low[0] + 1
        return bool(((voxels >= low) & (voxels < high)).all(axis=1).any())

    def _cut(self, case: int, start: tuple[int, int, int]) -> tuple[NDArray[np.float32], Labels]:
        prepared = self._cases[case]
        p, r, c = (a + n for a, n in zip(start, self._patch, strict=True))
        wanted = Box(start, (p, r, c))
        shape = (prepared.labels.shape[0], prepared.labels.shape[1], prepared.labels.shape[2])
        inside = wanted.clipped(shape)
        image = np.asarray(prepared.image[(slice(None), *inside.slices)], dtype=np.float32)
        labels = np.asarray(prepared.labels[inside.slices])
        if inside.shape != self._patch:
            margins = [
                (i - w, v - j) for w, i, j, v in zip(wanted.start, inside.start, inside.stop, wanted.stop, strict=True)
            ]
            image = np.pad(image, [(0, 0), *margins], mode="edge")
            labels = np.pad(labels, margins, constant_values=UNLABELLED)
        return image, labels
