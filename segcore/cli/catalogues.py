"""example: rareseg losses --json"""

from __future__ import annotations

import argparse
from typing import Any

from segcore.catalog.entry import Entry
from segcore.catalog.losses import LOSSES
from segcore.catalog.networks import NETWORKS
from segcore.catalog.samplers import SAMPLERS
from segcore.cli.output import Output
from segcore.ranges import Range, Setting

_TABLES = {"losses": LOSSES, "samplers": SAMPLERS, "networks": NETWORKS}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(arguments: argparse.Namespace, output: Output) -> int:
    """List one catalogue."""
    entries = _TABLES[arguments.command]
    lines = [f"{entry.name:<16} {entry.label}: {entry.help}" for entry in entries]
    output.answer({"entries": [_entry(entry) for entry in entries]}, lines)
    return 0


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "label": entry.label,
        "help": entry.help,
        "paper": entry.paper,
        "parameters": [_parameter(item) for item in entry.parameters],
        "empty_patch": entry.empty_patch,
        "needs_companion": entry.needs_companion,
    }


def _parameter(item: Setting) -> dict[str, Any]:
    limits = item.domain
    low, high = (limits.low, limits.high) if isinstance(limits, Range) else (None, None)
    return {"name": item.name, "default": limits.default, "low": low, "high": high, "help": item.help}
