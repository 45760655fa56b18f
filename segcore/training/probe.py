"""Which numbers to compute steps in, decided by measuring a few steps on the device itself, never by belief.

On a GPU half precision often doubles the pace; on many processors it is ten times slower. The choice is kept in the
project's cache under everything it depends on, so that the same run on the same machine computes the same again, and it
lies in the checkpoint, so that a run goes on as it began.
"""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from segcore.errors import CannotSave, SettingProblem
from segcore.inference.devices import device_words
from segcore.inference.folders import present_folder
from segcore.networks.description import MULTIPLE
from segcore.networks.unet import UNet
from segcore.projects.project import Project
from segcore.records import from_line, to_line
from segcore.storage import write_text
from segcore.training.numerics import PLAIN, Numerics, Precision, autocast, laid_out, lay_out
from segcore.training.plan import Plan

#: Others must take less than this share of the time of plain float32, and of whatever safer choice was better so far. A
#: processor's timings vary by a third with whatever else it does, and there float32 gives the same numbers everywhere.
_WORTH, _WORTH_ON_CPU = 0.85, 0.6
#: What takes more than this many times as long on a small patch is not tried on a whole batch.
_HOPELESS = 1.5
#: Gradients whose norm differs by more than this share from float32's are wrong, not short.
_TOLERATED = 0.1
#: Measured steps of each candidate after one that warms up: at least so many, and more of short steps for as long as
#: this takes less than so many seconds, at most so many; and seconds after which no round begins.
_ROUNDS, _ENOUGH, _MOST_ROUNDS, _LONGEST = 3, 1.0, 15, 4.0
#: Raised when the way of measuring changes, so that kept choices are made again.
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """A candidate with the seconds of its fastest and of its median step; of a small patch where `tried` is False."""

    numerics: Numerics
    seconds: float
    median: float
    tried: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen, and why: the timings, plain float32 first."""

    numerics: Numerics
    timings: tuple[Timing, ...]

    @property
    def sentence(self) -> str:
        """In words, for the run's record."""
        whole = {timing.numerics: timing.seconds for timing in self.timings if timing.tried}
        others = [
            f"{timing.numerics.words} {timing.seconds / whole[PLAIN]:.2g} times"
            for timing in self.timings[1:]
            if timing.tried
        ]
        others += [f"{timing.numerics.words} is far slower here" for timing in self.timings if not timing.tried]
        why = f" (of its time, {'; '.join(others)})" if others else ""
        return (
            f"Steps are computed in {self.numerics.words}: measured, a step in float32 takes {whole[PLAIN]:.3f} s{why}."
        )


def numerics_for(
    project: Project,
    folder: Path,
    network: UNet,
    plan: Plan,
    device: torch.device,
    notice: Callable[[str], None],
    check: Callable[[], None],
) -> Numerics:
    """Return the numerics for a run that begins, from the cache or measured now, and say so.

    A run that goes on from a checkpoint in `folder` has its own; nothing is measured for it.
    """
    if present_folder(folder / "checkpoint").is_dir():
        return PLAIN
    key = f"{_VERSION} {torch.__version__} {device_words(device)} {to_line(plan.network)} {plan.patch} {plan.batch}"
    file = project.cache_folder / f"numerics-{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}.json"
    choice = _kept(file)
    if choice is None:
        choice = measured(network, plan, device, check=check)
        with suppress(CannotSave):  # it is measured again
            write_text(file, to_line(choice))
    notice(choice.sentence)
    return choice.numerics


def _kept(file: Path) -> Choice | None:
    with suppress(OSError, UnicodeDecodeError, SettingProblem):
        choice: Choice = from_line(Choice, file.read_text("utf-8"))
        return choice
    return None


def candidates(device: torch.device, *, dimensions: int) -> tuple[Numerics, ...]:
    """Return what may be faster on a device, safest first: plain float32, then layouts, then shorter numbers.

    On processors bfloat16 is left out in 3-D: with torch 2.13 gradients of blocks were NaN now and then.
    """
    short = {
        "cpu": (Precision.BFLOAT16,) if dimensions == 2 else (),
        "cuda": (Precision.BFLOAT16, Precision.FLOAT16),
        "mps": (Precision.BFLOAT16, Precision.FLOAT16),
    }.get(device.type, ())
    return tuple(
        Numerics(precision=precision, channels_last=layout)
        for precision in (Precision.FLOAT32, *short)
        for layout in (False, True)
    )


def measured(network: UNet, plan: Plan, device: torch.device, *, check: Callable[[], None]) -> Choice:
    """Measure the candidates on copies of `network`, which stays as it is, and no random state is touched.

    Parameters
    ----------
    check
        Called between steps; raises to end.
    """
    shape = plan.patch[1:] if plan.flat else plan.patch
    trials = list(_worth_trying(network, plan, device))
    hopeless = [Timing(numerics=n, seconds=s, median=s, tried=False) for n, s, tried in trials if not tried]
    runners = {n: _Runner(network, n, device, (plan.batch, plan.network.channels, *shape)) for n, _, t in trials if t}
    taken = _turn_about(runners, check)
    timings = [
        Timing(numerics=numerics, seconds=min(taken[numerics]), median=median(taken[numerics]), tried=True)
        for numerics in runners
    ]
    return Choice(
        numerics=best_of(timings, worth=_WORTH_ON_CPU if device.type == "cpu" else _WORTH),
        timings=(*timings, *hopeless),
    )


def _turn_about(runners: Mapping[Numerics, _Runner], check: Callable[[], None]) -> dict[Numerics, list[float]]:
    """Return the seconds of several steps of each, taken in turn: whatever else the machine does falls on all of them."""
    taken: dict[Numerics, list[float]] = {numerics: [] for numerics in runners}
    began = time.perf_counter()
    for number in range(1 + _MOST_ROUNDS):
        for numerics, runner in runners.items():
            check()
            took = runner.step()
            if number:
                taken[numerics].append(took)
        spent = time.perf_counter() - began
        if (number >= _ROUNDS and spent > _ENOUGH) or (number and spent > _LONGEST):
            break
    return taken


def best_of(timings: list[Timing], *, worth: float) -> Numerics:
    """Return the fastest that is worth it; what comes first is safest and must be beaten by the factor `worth`."""
    best = timings[0]
    for timing in timings[1:]:
        if timing.seconds < worth * best.seconds and timing.median < worth * best.median:
            best = timing
    return best.numerics


def _worth_trying(network: UNet, plan: Plan, device: torch.device) -> Iterator[tuple[Numerics, float, bool]]:
    """Yield each candidate with its time on one small patch, and whether it is worth a whole batch."""
    small = (1, plan.network.channels, *[2 * MULTIPLE] * plan.network.dimensions)
    plain, right = 0.0, 0.0
    for numerics in candidates(device, dimensions=plan.network.dimensions):
        try:
            runner = _Runner(network, numerics, device, small)
            runner.step()
            took, norm = min(runner.step() for _ in range(_ROUNDS)), runner.gradient_norm()
        except (RuntimeError, TypeError, NotImplementedError):
            if numerics == PLAIN:
                raise  # so will training; whoever called knows how to say it
            continue  # this device has no such numbers
        plain, right = plain or took, right or norm
        if numerics != PLAIN and not abs(norm - right) <= _TOLERATED * right:  # NaN fails as well
            continue
        # Layouts show on whole batches only; they cost little to try.
        yield numerics, took, numerics.precision is Precision.FLOAT32 or took <= _HOPELESS * plain


class _Runner:
    """Steps of a copy of the network on made-up patches."""

    def __init__(self, network: UNet, numerics: Numerics, device: torch.device, shape: tuple[int, ...]) -> None:
        # The norms are the same in training and out of it.
        self._network = copy.deepcopy(network).eval()
        lay_out(self._network, numerics)
        self._numerics, self._device = numerics, device
        generator = torch.Generator().manual_seed(0)
        self._x = laid_out(torch.randn(shape, generator=generator).to(device), numerics)
        self._target = (torch.rand((shape[0], 1, *shape[2:]), generator=generator) < 0.01).float().to(device)

    def step(self) -> float:
        """Return the seconds of one step: forward, loss, backward."""
        _finish(self._device)
        began = time.perf_counter()
        for parameter in self._network.parameters():
            parameter.grad = None
        with autocast(self._numerics, self._device):
            logits: Tensor = self._network(self._x)
        torch.autograd.backward(nn.functional.binary_cross_entropy_with_logits(logits.float(), self._target))
        _finish(self._device)
        return time.perf_counter() - began

    def gradient_norm(self) -> float:
        """Return the norm of the last step's gradient."""
        return math.sqrt(
            sum(float(p.grad.float().square().sum()) for p in self._network.parameters() if p.grad is not None)
        )


def _finish(device: torch.device) -> None:
    """Wait for what a GPU was told to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
