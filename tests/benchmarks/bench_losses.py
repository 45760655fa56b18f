"""Losses, forward and backward, as multiples of torch's BCEWithLogits in the same run; medians of shuffled rounds."""

from __future__ import annotations

import json
import random
import statistics
import sys
import time

import torch

from segcore.losses import LOSSES, build_loss

SHAPE, PREVALENCE, ROUNDS = (8, 1, 256, 256), 0.001, 9


def main() -> int:
    """Measure and print one JSON object."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(SHAPE, generator=generator) - 4
    target = (torch.rand(SHAPE, generator=generator) < PREVALENCE).float()
    plain = torch.nn.BCEWithLogitsLoss()
    contestants = {"torch BCEWithLogits": lambda z: plain(z, target)}
    for entry in LOSSES:
        loss = build_loss(entry.name)
        contestants[entry.name] = lambda z, loss=loss: loss(z, target)  # type: ignore[misc]
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(ROUNDS + 1):
        for name in random.sample(sorted(contestants), len(contestants)):
            z = logits.clone().requires_grad_()
            began = time.process_time()
            contestants[name](z).backward()
            if number:
                seconds[name].append(time.process_time() - began)
    floor = statistics.median(seconds["torch BCEWithLogits"])
    ratios = {name: round(statistics.median(values) / floor, 2) for name, values in seconds.items()}
    sys.stdout.write(
        json.dumps({"shape": SHAPE, "bce_ms": round(1000 * floor, 2), "times_bce": ratios}, indent=1) + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
