"""Losses, forward and backward, as multiples of torch's BCEWithLogits in the same run, beside those of the peers.

Logits (8, 1, 256, 256) and (2, 1, 96, 96, 96) of a half-trained network, 0.1 % foreground, one thread. Extra memory is
the peak of a forked process above logits and target, in units of the logits; the gradient itself is 1.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from segcore.losses import LOSSES, build_loss
from tests.benchmarks.measuring import Timing, answer, installed, peak_memory, table, timed
from tests.benchmarks.peers.losses import LossOf, monai_losses, nnunet_losses, smp_losses

SHAPES, PREVALENCE, ROUNDS = ((8, 1, 256, 256), (2, 1, 96, 96, 96)), 0.001, 9
REFERENCE = "torch BCEWithLogits"
#: What issue 4 asks for, in multiples of `REFERENCE`, and the peer that does the same.
GOALS: dict[str, tuple[float | None, str]] = {
    "bce": (None, REFERENCE),
    "dice": (0.6, "MONAI Dice"),
    "jaccard": (0.6, ""),
    "tversky": (0.6, "MONAI Tversky"),
    "generalized_dice": (0.6, "MONAI GeneralizedDice"),
    "dice_ce": (0.8, "MONAI DiceCE"),
    "focal": (1.0, "MONAI Focal"),
    "dice_focal": (None, "MONAI DiceFocal"),
    "unified_focal": (1.5, "MONAI UnifiedFocal"),
    "asymmetric_unified_focal": (1.5, "MONAI UnifiedFocal"),
    "top_k": (1.5, "nnU-Net TopK10"),
    "lovasz": (6.0, "SMP Lovasz"),
    "mcc": (0.6, "SMP MCC"),
    "hausdorff_dt": (None, "MONAI HausdorffDT"),
}
#: Of minutes each; measured once.
SLOW = ("cl_dice", "distance_weighted_ce", "auc_pair", "boundary", "skeleton_recall", "blob", "cc_dice")


def main() -> int:
    """Measure and print one JSON object; ``quick`` leaves out what has neither goal nor peer."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    names = [entry.name for entry in LOSSES if entry.name in GOALS or "quick" not in sys.argv]
    contestants: dict[str, LossOf] = {REFERENCE: torch.nn.BCEWithLogitsLoss()}
    contestants |= {name: build_loss(name) for name in names}
    for module, losses in (
        ("monai", monai_losses),
        ("segmentation_models_pytorch", smp_losses),
        ("nnunetv2", nnunet_losses),
    ):
        if installed(module, for_what="losses"):
            contestants |= losses()
    memory = {shape: {name: _extra(loss, shape) for name, loss in contestants.items()} for shape in SHAPES}
    timings = {shape: _timed(contestants, shape) for shape in SHAPES}
    result = {
        "x".join(map(str, shape)): {
            name: {
                "ms": round(1000 * timing.seconds, 3),
                "times_bce": round(timing.ratio, 3),
                "extra_memory": memory[shape][name],
            }
            for name, timing in timings[shape].items()
        }
        for shape in SHAPES
    }
    return answer({"losses": result}, name="losses", markdown=_markdown(contestants, timings, memory))


def _example(shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return logits and target: blobs that the network half sees."""
    generator = torch.Generator().manual_seed(0)
    target = torch.zeros(shape)
    edge = round((PREVALENCE * target[0].numel()) ** (1 / (len(shape) - 2)))
    for sample in target:
        start = [int(torch.randint(0, n - edge, (1,), generator=generator)) for n in shape[2:]]
        sample[(0, *(slice(a, a + edge) for a in start))] = 1
    return 1.5 * torch.randn(shape, generator=generator) - 4 + 4 * target, target


def _step(loss: LossOf, logits: Tensor, target: Tensor) -> Callable[[], None]:
    leaf = logits.clone().requires_grad_()

    def step() -> None:
        leaf.grad = None
        loss(leaf, target).backward()  # type: ignore[no-untyped-call]

    return step


def _extra(loss: LossOf, shape: tuple[int, ...]) -> float | None:
    logits, target = _example(shape)
    little = tuple(slice(0, 16) for _ in shape)
    peak = peak_memory(_step(loss, logits, target), warm=_step(loss, logits[little], target[little]))
    return None if peak is None else round(peak / (4 * logits.numel()), 1)


def _timed(contestants: dict[str, LossOf], shape: tuple[int, ...]) -> dict[str, Timing]:
    logits, target = _example(shape)
    fast = {name: _step(loss, logits, target) for name, loss in contestants.items() if name not in SLOW}
    slow = {name: _step(loss, logits, target) for name, loss in contestants.items() if name in SLOW}
    result = timed(fast, reference=REFERENCE, rounds=ROUNDS)
    if slow:
        result |= timed({**slow, REFERENCE: fast[REFERENCE]}, reference=REFERENCE, rounds=1)
    return result


def _markdown(
    contestants: dict[str, LossOf],
    timings: dict[tuple[int, ...], dict[str, Timing]],
    memory: dict[tuple[int, ...], dict[str, float | None]],
) -> str:
    def cells(name: str) -> list[str]:
        if name not in contestants:
            return [""] * 2
        times = " / ".join(f"{timings[shape][name].ratio:.2f}" for shape in SHAPES)
        return [times, " / ".join(str(memory[shape][name]) for shape in SHAPES)]

    rows = []
    for name in sorted(set(contestants) & {entry.name for entry in LOSSES}, key=lambda one: one):
        goal, peer = GOALS.get(name, (None, ""))
        rows.append([name, *cells(name), goal, peer, *cells(peer)])
    rest = [[name, *cells(name), None, "", "", ""] for name in contestants if name.startswith("nnU-Net DC")]
    head = ["loss", "x BCE, 2-D / 3-D", "memory", "goal", "peer", "x BCE", "memory"]
    milliseconds = " / ".join(f"{1000 * timings[shape][REFERENCE].seconds:.2f} ms" for shape in SHAPES)
    return f"torch BCEWithLogits: {milliseconds}\n\n" + table(head, rows + rest)


if __name__ == "__main__":
    sys.exit(main())
