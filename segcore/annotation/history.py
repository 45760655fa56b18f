"""Undo and redo, bounded by bytes, never by a number of steps."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from segcore.annotation.edits import MaskEdit
from segcore.annotation.packing import pack, unpack
from segcore.geometry import Box

#: Default limit, bytes.
LIMIT_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Packed:
    label: str
    box: Box
    before: bytes
    after: bytes

    @property
    def bytes(self) -> int:
        return len(self.before) + len(self.after)

    def unpack(self) -> MaskEdit:
        return MaskEdit(
            label=self.label, box=self.box, before=unpack(self.before, self.box), after=unpack(self.after, self.box)
        )


class History:
    """What can be undone and redone in one mask.

    Parameters
    ----------
    limit_bytes
        The oldest edits are forgotten beyond this; the newest one is always kept.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._done: deque[_Packed] = deque()
        self._undone: list[_Packed] = []
        self._bytes = 0

    def record(self, edit: MaskEdit) -> None:
        """Remember an edit that was just applied; what was undone before is forgotten."""
        self._bytes -= sum(item.bytes for item in self._undone)
        self._undone.clear()
        item = _Packed(label=edit.label, box=edit.box, before=pack(edit.before), after=pack(edit.after))
        self._done.append(item)
        self._bytes += item.bytes
        while self._bytes > self._limit and len(self._done) > 1:
            self._bytes -= self._done.popleft().bytes

    def undo(self) -> MaskEdit | None:
        """Return the edit that takes the last one back, to be applied by the caller; None if there is none."""
        if not self._done:
            return None
        item = self._done.pop()
        self._undone.append(item)
        return item.unpack().reversed()

    def redo(self) -> MaskEdit | None:
        """Return the edit that was undone last, to be applied by the caller; None if there is none."""
        if not self._undone:
            return None
        item = self._undone.pop()
        self._done.append(item)
        return item.unpack()

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is something to do again."""
        return bool(self._undone)

    @property
    def undo_label(self) -> str:
        """What undo would take back, or ""."""
        return self._done[-1].label if self._done else ""

    @property
    def redo_label(self) -> str:
        """What redo would do again, or ""."""
        return self._undone[-1].label if self._undone else ""

    @property
    def bytes(self) -> int:
        """Memory held, bytes."""
        return self._bytes
