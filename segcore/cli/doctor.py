"""example: rareseg doctor --json"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import sys

from platformdirs import user_data_path

from segcore import __version__
from segcore.cli.output import Output
from segcore.engine.client import EngineProcess
from segcore.engine.messages import EngineDied, EngineReady, ProbeJob

_PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "nibabel", "SimpleITK", "PySide6_Essentials", "pyqtgraph")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Look at the installation."""
    versions = {"rareseg": __version__, "python": sys.version.split()[0]}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "missing"
    found, broken = _devices()
    problems = [*broken, *_problems(versions)]
    lines = [f"{name}: {words}" for name, words in found]
    lines += [f"{name} {version}" for name, version in versions.items()]
    output.answer(
        {"devices": [{"name": n, "words": w} for n, w in found], "versions": versions, "problems": problems},
        [*lines, *(problems or ["no problem was found"])],
    )
    return 0


def _devices() -> tuple[tuple[tuple[str, str], ...], list[str]]:
    """Return the devices that an engine finds, and what is wrong with it: torch may be installed and still not load."""
    told = list(EngineProcess.start(ProbeJob()).messages())
    ready = next((message for message in told if isinstance(message, EngineReady)), None)
    if ready is not None:
        return ready.devices, []
    died = told[-1]
    reason = died.detail.strip().rpartition("\n")[2] if isinstance(died, EngineDied) else ""
    return (), [f"the training engine does not start ({reason or 'no reason given'}); install torch again"]


def _problems(versions: dict[str, str]) -> list[str]:
    problems = [f"{name} is not installed; run ./run.sh setup" for name, v in versions.items() if v == "missing"]
    if versions["PySide6_Essentials"].startswith("6.12") and sys.version_info < (3, 12):
        problems.append("PySide6 6.12 aborts under this Python; install PySide6-Essentials 6.11")
    if _installed("opencv-python"):
        problems.append("opencv-python breaks Qt; replace it by opencv-python-headless")
    folder = user_data_path("RareSeg", appauthor=False)
    parent = next((p for p in (folder, *folder.parents) if p.exists()), folder)
    if not os.access(parent, os.W_OK):
        problems.append("the user's data folder is read-only, so the demo project cannot be made")
    return problems


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
