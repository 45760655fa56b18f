"""An engine for the responsiveness benchmark: trains on all cores at nice 10 and tells many events a second.

Run as ``python -m tests.benchmarks.event_storm SECONDS EVENTS_PER_SECOND``; the last event carries the steps per second.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from segcore.engine.messages import EngineReady, Message
from segcore.records import to_line
from segcore.training.events import EndReason, RunEnded, RunStarted
from tests.app.train_events import steps, validated


def main() -> int:
    """Train and tell until the time is up."""
    seconds, rate = float(sys.argv[1]), float(sys.argv[2])
    if hasattr(os, "nice"):
        os.nice(10)
    import torch  # noqa: PLC0415 - after the environment and the priority are set

    from segcore.networks.build import build_network  # noqa: PLC0415 - imports torch
    from segcore.networks.unet import PRESENT_DESIGN, NetworkDescription  # noqa: PLC0415 - imports torch

    torch.set_num_threads(os.cpu_count() or 1)
    network = build_network(NetworkDescription(dimensions=2, channels=1, size="small", design=PRESENT_DESIGN))
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
    x = torch.randn(2, 1, 256, 256)
    y = (torch.rand(2, 1, 256, 256) > 0.99).float()
    _tell(EngineReady(devices=(("cpu", "CPU"),), versions=()))
    _tell(
        RunStarted(
            run="storm",
            time="2026-01-01T00:00:00Z",
            device="CPU",
            network="small 2D U-Net",
            total_steps=None,
            total_seconds=seconds,
            train_cases=1,
            validation_cases=1,
            prevalence=0.01,
            sampled_prevalence=0.01,
        )
    )
    began = time.monotonic()
    talker = threading.Thread(target=_talk, args=(began, seconds, rate), daemon=True)
    talker.start()
    done = 0
    while time.monotonic() - began < seconds:
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(x), y)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        done += 1
    talker.join()
    speed = done / (time.monotonic() - began)
    _tell(RunEnded(step=done, seconds=seconds, reason=EndReason.FINISHED, best_step=0, sentence=f"{speed:.4f}"))
    return 0


def _talk(began: float, seconds: float, rate: float) -> None:
    """Tell so many events a second: reports of steps, and a validation after every thousand of them."""
    told = 0
    while (now := time.monotonic() - began) < seconds:
        while told < now * rate:
            told += 1
            _tell(validated(told, 0.3 + 0.2 * (told % 7) / 7) if told % 1000 == 0 else steps(told))
        time.sleep(0.005)


def _tell(message: Message) -> None:
    sys.stdout.write(f"{to_line(message)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
