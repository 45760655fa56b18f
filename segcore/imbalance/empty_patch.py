"""What a loss says of a patch that holds no lesion: is a false alarm there punished at all?"""

from __future__ import annotations

from dataclasses import dataclass

from segcore.imbalance.pixel_losses import Options, PixelLoss
from segcore.imbalance.pixels import make_pixels
from segcore.imbalance.rare_population import SILENT

#: A patch of 256 x 256 pixels, and a false alarm as large as a small lesion, believed this much.
PATCH_PIXELS, FALSE_ALARM, BELIEVED = 65_536, 25, 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyPatch:
    """A loss on an empty patch.

    Parameters
    ----------
    silent, alarmed
        Its value where nothing is predicted, and with one false alarm; NaN where it is not defined.
    pull
        Σ|gradient| on the pixels of the false alarm: how hard it is pushed down.
    pushed
        Whether it is pushed down at all.
    """

    silent: float
    alarmed: float
    pull: float
    pushed: bool


def judge_empty(loss: PixelLoss, options: Options) -> EmptyPatch:
    """Return what a loss says of an empty patch without and with a false alarm."""
    silent = make_pixels((SILENT,), (0.0,), (PATCH_PIXELS,))
    alarmed = make_pixels((SILENT, BELIEVED), (0.0, 0.0), (PATCH_PIXELS - FALSE_ALARM, FALSE_ALARM))
    with_alarm = loss.judge(alarmed, options)
    slope = float(with_alarm.gradient[1])
    return EmptyPatch(
        silent=loss.judge(silent, options).value,
        alarmed=with_alarm.value,
        pull=FALSE_ALARM * abs(slope),
        pushed=slope > 0,
    )
