"""Predicting one scan with a model: logits on the scan's own grid."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from segcore.inference.memory import enough_memory
from segcore.inference.model import Model
from segcore.inference.preparation import Image, prepare_volume, restore_logits
from segcore.inference.sliding_window import predict_image
from segcore.scans.volume import Volume


def predict_volume(
    model: Model,
    volume: Volume,
    *,
    device: torch.device,
    flips: bool = False,
    overlap: float = 0.5,
    stop: Callable[[], None] | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Image:
    """Return logits (planes, rows, columns) float32 on the canonical grid of `volume`, after prior correction.

    Parameters
    ----------
    volume
        In canonical axis order, with the model's channels.
    flips
        Average over mirrored copies; four times slower, a little better.
    overlap
        Of the tiles, 0..0.9.
    stop
        Called before every tile; may raise.
    report
        Called with (done, total) tiles.

    Raises
    ------
    SettingProblem
        If the channels are not the model's.
    EngineProblem
        If memory runs out.
    """
    facts = model.facts
    with enough_memory("for this scan", remedy="close other programs, or crop the scan"):
        image, placement = prepare_volume(volume, facts.preparation)
        logits = predict_image(
            model.network,
            image,
            facts.patch,
            flat=facts.flat,
            device=device,
            overlap=overlap,
            flips=flips,
            stop=stop,
            report=report,
        )
        del image
        restored = restore_logits(logits, placement)
        if facts.correction:
            restored += np.float32(facts.correction)
    return restored
