"""The command line's one way out: words on standard error, the answer on standard output."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from enum import Enum
from pathlib import Path
from typing import Any


class Output:
    """Where a command writes.

    Parameters
    ----------
    as_json
        The answer is exactly one JSON object on standard output; otherwise lines for a person.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def progress(self, text: str) -> None:
        """Say what is going on (standard error)."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def answer(self, result: dict[str, Any], lines: list[str]) -> None:
        """Give the result: the object, or the lines for a person."""
        text = json.dumps({"ok": True, **plain(result)}, ensure_ascii=False) if self.as_json else "\n".join(lines)
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def failure(self, sentence: str, file: str = "") -> None:
        """Say what went wrong, in one sentence."""
        sys.stderr.write(f"rareseg: {sentence}\n")
        if self.as_json:
            sys.stdout.write(f"{json.dumps({'ok': False, 'error': sentence, 'file': file}, ensure_ascii=False)}\n")


def plain(value: Any) -> Any:
    """Return `value` as JSON-ready data; numbers that JSON lacks become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        return plain(value.item())
    return value
