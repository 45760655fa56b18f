"""Event files that TensorBoard reads, written without it: records with checksums around a few protocol buffer fields.

Format: tensorflow/core/lib/io/record_writer.h and tensorflow/core/util/event.proto. A record is the length of its data
(8 bytes), a masked CRC-32C of these, the data, and a masked CRC-32C of the data. Needs no torch.
"""

from __future__ import annotations

import math
import struct
import time
from pathlib import Path

from segcore.storage import saving
from segcore.training.events import MemberStarted, RunEvent, StepsDone, Validated

#: In the run's folder.
TENSORBOARD = "tensorboard"
_POLYNOMIAL = 0x82F63B78
_MASK = 0xA282EAD8
_STEP_SCALARS = (
    "loss",
    "skill",
    "gradient_share",
    "predicted_fraction",
    "true_fraction",
    "patches_with_foreground",
    "asked_share",
    "forced_share",
    "hard_share",
    "pasted_share",
    "learning_rate",
    "patches_per_second",
)
_VALIDATION_SCALARS = (
    "dice",
    "precision",
    "recall",
    "f_beta",
    "average_precision",
    "lesion_f1",
    "false_positives_per_case",
    "threshold",
    "predicted_fraction",
    "skill",
    "brier_skill",
    "calibration_error",
)


def _make_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_TABLE = _make_table()


def crc32c(data: bytes) -> int:
    """Return the Castagnoli checksum of `data` (RFC 3720, appendix B.4)."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    """Return the checksum as records carry it: rotated, with a constant added, so that sums of sums do not clash."""
    value = crc32c(data)
    return struct.pack("<I", (((value >> 15) | (value << 17)) + _MASK) & 0xFFFFFFFF)


def record(data: bytes) -> bytes:
    """Return `data` framed as one record."""
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, content: bytes) -> bytes:
    """Return a field of bytes, text or a message."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def version_event(at: float) -> bytes:
    """Return the event with which a file begins."""
    return b"\x09" + struct.pack("<d", at) + _field(3, b"brain.Event:2")


def scalars_event(at: float, step: int, scalars: dict[str, float]) -> bytes:
    """Return an event that gives each tag its value at a step."""
    values = b"".join(
        _field(1, _field(1, tag.encode("utf-8")) + b"\x15" + struct.pack("<f", value)) for tag, value in scalars.items()
    )
    return b"\x09" + struct.pack("<d", at) + b"\x10" + _varint(step) + _field(5, values)


class EventFile:
    """Appends a run's numbers to an event file of its own; going on with a run begins another file beside it.

    Parameters
    ----------
    folder
        Made where it is missing.

    Raises
    ------
    CannotSave
        From every call, if the disk is full or read-only.
    """

    def __init__(self, folder: Path) -> None:
        moment = time.time()
        self._file = folder / f"events.out.tfevents.{time.time_ns()}.rareseg"
        self._member = ""
        with saving(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._append(version_event(moment))

    def add(self, event: RunEvent) -> None:
        """Write the numbers of a report or a validation; other events have none."""
        if isinstance(event, MemberStarted):
            self._member = f"member {event.member}/"
        elif isinstance(event, StepsDone):
            self._write("train", _STEP_SCALARS, event)
        elif isinstance(event, Validated):
            self._write("validation", _VALIDATION_SCALARS, event)

    def _write(self, group: str, names: tuple[str, ...], event: StepsDone | Validated) -> None:
        found = {f"{self._member}{group}/{name}": float(getattr(event, name)) for name in names}
        known = {tag: value for tag, value in found.items() if math.isfinite(value)}
        self._append(scalars_event(time.time(), event.step, known))

    def _append(self, data: bytes) -> None:
        with saving(self._file), self._file.open("ab") as handle:
            handle.write(record(data))
