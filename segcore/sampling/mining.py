"""Hard negatives: places where the model sees a lesion that is none, kept so that patches can be drawn there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segcore.sampling.index import Voxel
from segcore.scans.components import label_lesions
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels

#: A false alarm is a component at least this probable, of at least so many voxels.
ALARM_PROBABILITY, SMALLEST_ALARM = 0.3, 3
#: Nearer to a lesion than this, voxels, a wrong voxel is a question of where the border is, or a missed annotation.
FROM_LESION = 5.0
#: Kept per case: the strongest.
MOST_PER_CASE = 50
#: A false alarm that was not seen again in so many looks at its case is forgotten.
FORGOTTEN_AFTER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarm:
    """A place where a lesion was seen that is none.

    Parameters
    ----------
    voxel
        (plane, row, column) on the prepared grid, where the model was surest.
    size
        Voxels.
    """

    voxel: Voxel
    size: int


def false_alarms(logits: NDArray[np.float32], labels: Labels) -> tuple[FalseAlarm, ...]:
    """Return the false alarms of a case, largest first.

    Parameters
    ----------
    logits
        (planes, rows, columns), corrected to speak about the true prevalence.
    labels
        Same shape.
    """
    said = logits >= np.log(ALARM_PROBABILITY / (1 - ALARM_PROBABILITY))
    said &= labels != UNLABELLED
    if not said.any():
        return ()
    front = labels == FOREGROUND
    near = ndimage.distance_transform_edt(~front) <= FROM_LESION if front.any() else front
    components, count = label_lesions(said)
    touches = np.zeros(count + 1, dtype=bool)
    touches[components[near]] = True
    sizes = np.bincount(components.ravel(), minlength=count + 1)
    wanted = [n for n in range(1, count + 1) if sizes[n] >= SMALLEST_ALARM and not touches[n]]
    peaks = ndimage.maximum_position(logits, components, wanted) if wanted else []
    alarms = [
        FalseAlarm(voxel=(int(p), int(r), int(c)), size=int(sizes[n]))
        for n, (p, r, c) in zip(wanted, peaks, strict=True)
    ]
    return tuple(sorted(alarms, key=lambda alarm: (-alarm.size, alarm.voxel))[:MOST_PER_CASE])


class HardNegatives:
    """The false alarms known so far, case by case."""

    def __init__(self, cases: int) -> None:
        self._alarms: list[list[tuple[FalseAlarm, int]]] = [[] for _ in range(cases)]

    def __len__(self) -> int:
        return sum(len(alarms) for alarms in self._alarms)

    def update(self, case: int, seen: Sequence[FalseAlarm]) -> None:
        """Take in what was seen in a case now: new alarms come first, old ones age and are forgotten."""
        older = [
            (alarm, age + 1)
            for alarm, age in self._alarms[case]
            if age + 1 < FORGOTTEN_AFTER and all(alarm.voxel != other.voxel for other in seen)
        ]
        self._alarms[case] = [*((alarm, 0) for alarm in seen), *older][:MOST_PER_CASE]

    def draw(self, rng: np.random.Generator) -> tuple[int, Voxel]:
        """Return a case and a place in it: a case with alarms, then one of its alarms, each with the same chance."""
        known = [number for number, alarms in enumerate(self._alarms) if alarms]
        case = known[int(rng.integers(len(known)))]
        alarm, _ = self._alarms[case][int(rng.integers(len(self._alarms[case])))]
        return case, alarm.voxel

    @property
    def state(self) -> str:
        """All that is known, as JSON; set it to go on exactly as before."""
        return json.dumps([[[*alarm.voxel, alarm.size, age] for alarm, age in alarms] for alarms in self._alarms])

    @state.setter
    def state(self, text: str) -> None:
        self._alarms = [
            [(FalseAlarm(voxel=(p, r, c), size=size), age) for p, r, c, size, age in alarms]
            for alarms in json.loads(text)
        ]
