"""Which devices torch can use, and choosing one."""

from __future__ import annotations

import os

import torch

from segcore.errors import EngineProblem
from segcore.inference.machine_memory import total_memory


def devices() -> tuple[tuple[str, str], ...]:
    """Return pairs (name for recipes, words with the memory), best first; the CPU is always there."""
    found = []
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        found.append(("cuda", f"{properties.name}, {properties.total_memory / 1024**3:.0f} GB"))
    if torch.backends.mps.is_available():
        found.append(("mps", f"Apple GPU, {torch.mps.recommended_max_memory() / 1024**3:.0f} GB"))
    memory = total_memory()
    size = f", {memory / 1024**3:.0f} GB" if memory else ""
    cores = os.cpu_count() or 1
    found.append(("cpu", f"CPU, {cores} core{'s' if cores > 1 else ''}{size}"))
    return tuple(found)


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; ``"auto"`` takes the best.

    Raises
    ------
    EngineProblem
        If this machine has no such device.
    """
    available = [known for known, _ in devices()]
    if name == "auto":
        return torch.device(available[0])
    if name not in available:
        raise EngineProblem(f"this machine has no device '{name}'", remedy=f"choose {' or '.join(available)}")
    return torch.device(name)


def device_words(device: torch.device) -> str:
    """Return the device in words, e.g. ``"CPU, 2 threads"``."""
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    return dict(devices()).get(device.type, device.type)


def empty_cache(device: torch.device) -> None:
    """Give memory that torch holds in reserve back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
