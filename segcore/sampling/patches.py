"""Drawing patches from prepared cases so that the rare class is seen, exactly as often as asked."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segcore.catalog.entry import find
from segcore.catalog.samplers import SAMPLERS
from segcore.errors import NotEnoughData
from segcore.geometry import Box
from segcore.sampling.index import Chances, LesionIndex, Voxel
from segcore.sampling.kinds import PatchKind
from segcore.sampling.mining import HardNegatives
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels

#: Case-weighted: a case with few lesion voxels is drawn at most this much more often than one with many.
_CLIP = 10.0
#: Case-weighted: at least this share of the patches comes from cases with foreground.
_FOREGROUND_CASES = 0.5
#: Tries at an empty patch before a patch with foreground is taken instead.
_TRIES = 40
#: Size exponent that draws every foreground voxel alike.
_BY_VOXEL = 1.0

Place = tuple[int, tuple[int, int, int]]
Drawn = tuple[Place, PatchKind]


class Prepared(Protocol):
    """A case ready for training; see `segcore.training.prepared`."""

    @property
    def image(self) -> NDArray[Any]: ...  # noqa: D102 - (channels, planes, rows, columns) floating, memory-mapped
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
    @property
    def hard_share(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Patches of one training step.

    Parameters
    ----------
    images
        (N, channels, planes, rows, columns) float32. Beyond the scan its edge is repeated.
    labels
        (N, planes, rows, columns) uint8; unlabelled beyond the scan, so that no loss is charged there.
    cases
        Index of each patch's case.
    origins
        (plane, row, column) of each patch's first voxel in its case; negative where it sticks out.
    flat
        Whether only the middle plane counts, the others being context.
    kinds
        Why each patch was drawn.
    pasted
        Which of them received a lesion; empty for none.
    """

    images: NDArray[np.float32]
    labels: Labels
    cases: tuple[int, ...]
    origins: tuple[tuple[int, int, int], ...]
    flat: bool
    kinds: tuple[PatchKind, ...] = ()
    pasted: tuple[bool, ...] = ()

    def share_of(self, kind: PatchKind) -> float:
        """Share of patches of this kind."""
        return self.kinds.count(kind) / max(len(self.kinds), 1)

    @property
    def share_with_foreground(self) -> float:
        """Share of patches that hold foreground where it counts: forced patches and lucky ones."""
        counted = self.labels[:, self.labels.shape[1] // 2] if self.flat else self.labels
        return float((counted == FOREGROUND).reshape(len(counted), -1).any(axis=1).mean())


class PatchSampler:
    """Draws batches; the same seed, cases and calls give the same batches.

    A patch that is *forced* holds a drawn foreground voxel, anywhere within the central ``2 * jitter`` of the patch
    unless the border of the scan pushes it out of there. The other patches have their centre anywhere in the labelled
    part of the body. No patch leaves the scan unless the scan is smaller than the patch, which then has it in its middle.

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

    Attributes
    ----------
    ratio
        Share of forced patches; may be set while running.
    hard
        Where false alarms were raised; patches are drawn there with the method ``hard_negative``.

    Raises
    ------
    UnknownName
        For a method that is not in the catalogue.
    NotEnoughData
        If there is no case.
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
        self._images = [_over_memory_of(case.image) for case in cases]
        self._labels = [np.asarray(case.labels) for case in cases]
        self._indices = [case.index for case in cases]
        self._regions = [_region(case) for case in cases]
        self._patch, self._settings, self._flat = patch, settings, flat
        self._rng = np.random.default_rng(list(seed))
        self.ratio = settings.ratio
        self.hard = HardNegatives(len(cases))
        exponent = settings.size_exponent if settings.method == "per_lesion" else _BY_VOXEL
        self._lesion_chances: list[Chances] = [index.chances(exponent) for index in self._indices]
        self._weigh_cases(np.array([index.foreground_voxels for index in self._indices], dtype=np.float64))

    def _weigh_cases(self, voxels: NDArray[np.float64]) -> None:
        """Set the running sums of probabilities of cases, for forced patches and for the others."""
        present = voxels > 0
        self._has_foreground = bool(present.any())
        forced, anywhere = present.astype(np.float64), np.ones(len(voxels))
        if self._settings.method == "case_weighted" and self._has_foreground:
            forced[present] = voxels[present] ** -0.5
            forced = np.minimum(forced, _CLIP * forced[present].min())
            share = 1.0 if present.all() else max(_FOREGROUND_CASES, float(present.mean()))
            anywhere = share * forced / forced.sum() + (1 - share) * ~present / max(int((~present).sum()), 1)
        self._forced_chances, self._any_chances = np.cumsum(forced), np.cumsum(anywhere)

    @property
    def state(self) -> str:
        """State of the random generator as JSON; set it to go on exactly as before."""
        return json.dumps(self._rng.bit_generator.state)

    @state.setter
    def state(self, text: str) -> None:
        self._rng.bit_generator.state = json.loads(text)

    def draw(self, size: int) -> Batch:
        """Return `size` patches.

        ``size * ratio`` of them are forced, rounded up or down at random so that the long-run share is exactly the
        ratio. From two patches on, at least one is forced unless the ratio is 0: then, where ``size * ratio < 1``, the
        long-run share is ``1 / size``, since a batch without foreground teaches an overlap loss nothing.
        """
        forced = self._forced(size)
        drawn = [
            (self._on_lesion(), PatchKind.LESION) if number < forced else self._elsewhere() for number in range(size)
        ]
        places = [place for place, _ in drawn]
        images = np.empty((size, self._images[0].shape[0], *self._patch), dtype=np.float32)
        labels = np.empty((size, *self._patch), dtype=np.uint8)
        for number, place in enumerate(places):
            self._cut(place, torch.from_numpy(images[number]), labels[number])
        return Batch(
            images=images,
            labels=labels,
            cases=tuple(case for case, _ in places),
            origins=tuple(start for _, start in places),
            flat=self._flat,
            kinds=tuple(kind for _, kind in drawn),
        )

    def asked_share(self, size: int) -> float:
        """Return the share of patches on lesions that is asked for in batches of `size`, in the long run."""
        if self._settings.method == "uniform" or not self._has_foreground:
            return 0.0
        share = (
            1 / (1 + self._settings.empties_per_foreground) if self._settings.method == "undersampled" else self.ratio
        )
        return max(share, 1 / size) if size > 1 and share > 0 else share

    def _forced(self, size: int) -> int:
        share = self.ratio
        if self._settings.method == "undersampled":
            share = 1 / (1 + self._settings.empties_per_foreground)
        if self._settings.method == "uniform" or share == 0 or not self._has_foreground:
            return 0
        exact = size * share
        number = int(exact) + int(self._rng.random() < exact - int(exact))
        return max(number, 1) if size > 1 else number

    def _elsewhere(self) -> Drawn:
        if self._settings.method == "hard_negative" and len(self.hard) and self._rng.random() < self._hard_share:
            case, voxel = self.hard.draw(self._rng)
            return (case, self._around(case, voxel)), PatchKind.HARD_NEGATIVE
        place = self._anywhere()
        if self._settings.method == "undersampled":
            for _ in range(_TRIES):
                if not self._holds_foreground(place):
                    break
                place = self._anywhere()
        return place, PatchKind.UNIFORM

    def _anywhere(self) -> Place:
        case = self._drawn(self._any_chances)
        region = self._regions[case]
        p, r, c = (int(self._rng.integers(a, b)) for a, b in zip(region.start, region.stop, strict=True))
        return case, self._start(case, (p, r, c), (0.5, 0.5, 0.5))

    def _on_lesion(self) -> Place:
        case = self._drawn(self._forced_chances)
        return case, self._around(case, self._indices[case].draw(self._rng, self._lesion_chances[case]))

    @property
    def _hard_share(self) -> float:
        """Share of hard negatives among patches that are not forced, such that it is right among all of them."""
        return self._settings.hard_share / max(1 - self.ratio, 1e-6)

    def _around(self, case: int, voxel: Voxel) -> Voxel:
        """Return the first voxel of a patch that holds `voxel` within the jitter of its middle."""
        p, r, c = self._rng.uniform(0.5 - self._settings.jitter, 0.5 + self._settings.jitter, 3)
        return self._start(case, voxel, (p, r, c))

    def _drawn(self, chances: Chances) -> int:
        return min(int(np.searchsorted(chances, self._rng.random() * chances[-1], side="right")), len(chances) - 1)

    def _start(self, case: int, voxel: tuple[int, int, int], where: tuple[float, float, float]) -> tuple[int, int, int]:
        """Return the first voxel of the patch that has `voxel` at the shares `where` of its edges, inside the scan."""
        shape = self._labels[case].shape
        first = [
            _clamped(at - min(int(share * size), size - 1), size, extent)
            for at, share, size, extent in zip(voxel, where, self._patch, shape, strict=True)
        ]
        if self._flat:
            first[0] = voxel[0] - self._patch[0] // 2
        return first[0], first[1], first[2]

    def _holds_foreground(self, place: Place) -> bool:
        case, start = place
        stop = tuple(a + n for a, n in zip(start, self._patch, strict=True))
        box = Box(start, (stop[0], stop[1], stop[2]))
        if self._flat:
            middle = start[0] + self._patch[0] // 2
            box = Box((middle, *start[1:]), (middle + 1, *box.stop[1:]))
        labels = self._labels[case]
        inside = box.clipped((labels.shape[0], labels.shape[1], labels.shape[2]))
        return bool((labels[inside.slices] == FOREGROUND).any())

    def _cut(self, place: Place, image: Tensor, labels: Labels) -> None:
        """Fill `image` (channels, *patch) and `labels` (*patch)."""
        case, start = place
        source, mask = self._images[case], self._labels[case]
        p, r, c = (a + n for a, n in zip(start, self._patch, strict=True))
        inside = Box(start, (p, r, c)).clipped((mask.shape[0], mask.shape[1], mask.shape[2]))
        if inside.shape == self._patch:
            image.copy_(source[(slice(None), *inside.slices)])
            labels[...] = mask[inside.slices]
            return
        margins = [(i - w, v - j) for w, i, j, v in zip(start, inside.start, inside.stop, (p, r, c), strict=True)]
        padded = np.pad(source[(slice(None), *inside.slices)].numpy(), [(0, 0), *margins], mode="edge")
        image.copy_(torch.from_numpy(padded))
        labels[...] = np.pad(mask[inside.slices], margins, constant_values=UNLABELLED)


def _over_memory_of(image: NDArray[Any]) -> Tensor:
    """Return a tensor over the same, possibly memory-mapped, voxels; nobody writes to it.

    torch turns half precision into single nine times as fast as numpy does (64³ patch: 0.1 against 0.9 ms).
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.asarray(image))


def _region(case: Prepared) -> Box:
    """Return where centres of patches are drawn: the labelled part of the body, or the scan where that is nothing."""
    labelled = case.index.labelled
    start = tuple(map(max, case.body.start, labelled.start))
    stop = tuple(map(min, case.body.stop, labelled.stop))
    region = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    shape = case.labels.shape
    return Box((0, 0, 0), (shape[0], shape[1], shape[2])) if region.is_empty else region


def _clamped(start: int, size: int, extent: int) -> int:
    """Keep a patch inside the scan; a scan smaller than the patch lies in its middle."""
    if extent <= size:
        return -((size - extent) // 2)
    return min(max(start, 0), extent - size)
