"""Predicting one scan with a model, of one network or several: logits on the scan's own grid."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from segcore.inference.averaging import Byte, MemberAverage
from segcore.inference.memory import enough_memory
from segcore.inference.model import MemberFacts, Model
from segcore.inference.preparation import Image, Placement, Preparation, prepare_volume, restore_logits
from segcore.inference.sliding_window import predict_image
from segcore.metrics.curves import STEPS_PER_LOGIT
from segcore.networks.unet import UNet
from segcore.scans.volume import Volume

#: Places that the first tiles put so far below the threshold, logits, are left to them (docs/evidence/speed.md).
CLOSER_BELOW_THRESHOLD = 3.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """What a model says about a scan.

    Parameters
    ----------
    logits
        (planes, rows, columns) float32 on the scan's canonical grid, after prior correction; of the members' mean
        probability.
    disagreement
        Where members disagree, uint8 on the same grid; None for a single network. See `MemberAverage.disagreement`.
    spread
        1 − the mean Dice between the members' masks at the model's threshold; NaN for a single network.
    """

    logits: Image
    disagreement: Byte | None
    spread: float


def predict_volume(
    model: Model,
    volume: Volume,
    *,
    device: torch.device,
    flips: bool = False,
    overlap: float = 0.5,
    everywhere: bool = False,
    stop: Callable[[], None] | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Image:
    """Return the logits of `read_volume`, which has the parameters and errors."""
    reading = read_volume(
        model, volume, device=device, flips=flips, overlap=overlap, everywhere=everywhere, stop=stop, report=report
    )
    return reading.logits


def read_volume(
    model: Model,
    volume: Volume,
    *,
    device: torch.device,
    flips: bool = False,
    overlap: float = 0.5,
    everywhere: bool = False,
    stop: Callable[[], None] | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Reading:
    """Return what a model says about a scan.

    Parameters
    ----------
    volume
        In canonical axis order, with the model's channels.
    flips
        Average over mirrored copies; four times slower, a little better.
    overlap
        Of the tiles, 0..0.9.
    everywhere
        Look everywhere with all tiles; otherwise only where the first ones see something, see
        `segcore.inference.sliding_window`.
    stop
        Called before every tile; may raise.
    report
        Called with (done, total) tiles of the present member.

    Raises
    ------
    SettingProblem
        If the channels are not the model's.
    EngineProblem
        If memory runs out.
    """
    prepared: tuple[Preparation, Image, Placement] | None = None
    average = MemberAverage()
    threshold = model.facts.step / STEPS_PER_LOGIT

    def one(member: MemberFacts, network: UNet) -> Image:
        nonlocal prepared
        if prepared is None or prepared[0] != member.preparation:
            prepared = (member.preparation, *prepare_volume(volume, member.preparation))
        _, image, placement = prepared
        logits = predict_image(
            network,
            image,
            member.patch,
            flat=member.network.dimensions == 2,
            device=device,
            overlap=overlap,
            flips=flips,
            closer_above=None if everywhere else threshold - member.correction - CLOSER_BELOW_THRESHOLD,
            stop=stop,
            report=report,
        )
        restored = restore_logits(logits, placement)
        if member.correction:
            restored += np.float32(member.correction)
        return restored

    members = list(zip(model.facts.all_members, model.networks, strict=True))
    with enough_memory("for this scan", remedy="close other programs, or crop the scan"):
        if len(members) == 1:
            return Reading(logits=one(*members[0]), disagreement=None, spread=math.nan)
        for member in members:
            average.add(one(*member))
        return Reading(
            logits=average.logits(),
            disagreement=average.disagreement(),
            spread=average.spread(model.facts.step),
        )
