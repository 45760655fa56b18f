"""Predicting one scan with a model: logits on the scan's own grid."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from segcore.errors import EngineProblem
from segcore.inference.devices import is_out_of_memory
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

    Raises
    ------
    SettingProblem
        If the channels are not the model's.
    EngineProblem
        If memory runs out.
    """
    facts = model.facts
    try:
        image, placement = prepare_volume(volume, facts.preparation)
        logits = predict_image(
            model.network, image, facts.patch, flat=facts.flat, device=device, overlap=overlap, flips=flips, stop=stop
        )
        restored = restore_logits(logits, placement)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise EngineProblem(
            "there was not enough memory for this scan", remedy="close other programs or crop it"
        ) from error
    if facts.correction:
        restored = restored + np.float32(facts.correction)
    return restored
