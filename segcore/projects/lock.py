"""One writer per project: a lock file that names its owner and is taken over when the owner is gone."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from pathlib import Path

from segcore.errors import ProjectLocked
from segcore.storage import saving


class WriterLock:
    """The right to write to a project.

    Parameters
    ----------
    file
        ``writer.lock`` in the project's folder. Holds the process id and the host.

    Raises
    ------
    ProjectLocked
        If a living process on this machine, or any process on another machine, holds it.
    CannotSave
        If the folder may not be written to.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._mine = {"pid": os.getpid(), "host": socket.gethostname()}
        for _ in range(2):
            if self._try():
                return
            owner = _read_owner(file)
            if owner is not None and _is_alive(owner):
                raise ProjectLocked(
                    f"the project is being written to by process {owner[0]} on {owner[1]}",
                    remedy="close that window or command, or open the project for reading only",
                    file=file.parent,
                )
            with saving(file):
                file.unlink(missing_ok=True)
        raise ProjectLocked("the project is being opened by another program", remedy="try again", file=file.parent)

    def _try(self) -> bool:
        with saving(self._file):
            try:
                descriptor = os.open(self._file, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            except FileExistsError:
                return False
            with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
                json.dump(self._mine, handle)
        return True

    def release(self) -> None:
        """Give the lock back if it is still ours."""
        owner = _read_owner(self._file)
        if owner == (self._mine["pid"], self._mine["host"]):
            with suppress(OSError):
                self._file.unlink(missing_ok=True)


def _read_owner(file: Path) -> tuple[int, str] | None:
    try:
        data = json.loads(file.read_text("utf-8"))
        return int(data["pid"]), str(data["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_alive(owner: tuple[int, str]) -> bool:
    pid, host = owner
    if host != socket.gethostname():
        return True
    if pid == os.getpid():
        return True
    return process_is_alive(pid)


def process_is_alive(pid: int) -> bool:
    """Whether a process with this id runs on this machine."""
    if pid <= 0:
        return False
    if os.name == "nt":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def _is_alive_on_windows(pid: int) -> bool:
    import ctypes  # noqa: PLC0415 - standard library; only on Windows

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - absent elsewhere, so mypy must not look it up
    handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == 259  # STILL_ACTIVE
