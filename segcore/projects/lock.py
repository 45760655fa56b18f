"""One writer per project: a lock file that names its owner and is taken over when the owner is gone."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segcore.errors import ProjectLocked
from segcore.storage import saving

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK_NAME = "writer.lock"

#: Windows locks are mandatory: the locked byte lies far behind the text, so that others can read who owns it.
_LOCKED_BYTE = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who holds a lock, as written in its file."""

    pid: int
    host: str
    since: str


class WriterLock:
    """The right to write to a project.

    The operating system's own lock on the file decides between processes of one machine: it dies with its process, so
    a crash leaves nothing to clean up, a process id used again deceives nobody, and two processes cannot both take a
    stale lock over. The text in the file says who it is, and decides between machines.

    Parameters
    ----------
    file
        ``writer.lock`` in the project's folder.

    Raises
    ------
    ProjectLocked
        If a living process on this machine, or any process on another machine, holds it.
    CannotSave
        If the folder may not be written to.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        for _ in range(5):
            descriptor = _open(file)
            try:
                if self._take(descriptor):
                    self._descriptor: int | None = descriptor
                    return
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
        raise _locked(file, None)

    def _take(self, descriptor: int) -> bool:
        """Return whether the open file is ours now; False if it was released (unlinked) in between."""
        held = _hold(descriptor)
        owner = read_owner(self._file)
        if held is False:
            raise _locked(self._file, owner)
        if not _is_same_file(descriptor, self._file):
            return False
        elsewhere = owner is not None and owner.host != socket.gethostname()
        # Where the drive knows no locks, the process id is all there is to go by.
        alive_here = held is None and owner is not None and process_is_alive(owner.pid)
        if elsewhere or alive_here:
            raise _locked(self._file, owner)
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        text = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": now})
        with saving(self._file):
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, text.encode("utf-8"))
        return True

    def release(self) -> None:
        """Give the lock back; harmless when that was done before."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        ours = _is_same_file(descriptor, self._file)
        if sys.platform == "win32":
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
            os.close(descriptor)
        if ours:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)
        if sys.platform != "win32":
            os.close(descriptor)


def is_elsewhere(file: Path) -> bool:
    """Whether the lock says that another computer holds it: this one cannot know whether that still runs."""
    owner = read_owner(file)
    return owner is not None and owner.host != socket.gethostname()


def take_over(file: Path) -> None:
    """Remove the lock of another computer, because a person knows that it no longer runs RareSeg.

    Raises
    ------
    ProjectLocked
        If a living process holds it after all, or it is one of this computer: that one must be closed.
    CannotSave
        If the folder may not be written to.
    """
    descriptor = _open(file)
    try:
        if _hold(descriptor) is False or not is_elsewhere(file):
            raise _locked(file, read_owner(file))
        with saving(file):
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _open(file: Path) -> int:
    with saving(file):
        try:
            return os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        except PermissionError:
            owner = read_owner(file)
            if owner is not None:
                raise _locked(file, owner) from None
            raise


def _hold(descriptor: int) -> bool | None:
    """Return whether the system's lock was got; None where the drive knows no locks."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK) else None
    return True


def _is_same_file(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except OSError:
        return False


def read_owner(file: Path) -> Owner | None:
    """Return who wrote the lock file, or None."""
    try:
        data = json.loads(file.read_text("utf-8"))
        return Owner(pid=int(data["pid"]), host=str(data["host"]), since=str(data.get("since", "")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _locked(file: Path, owner: Owner | None) -> ProjectLocked:
    who = f"process {owner.pid} on {owner.host}" if owner is not None else "another program"
    since = f" since {owner.since}" if owner is not None and owner.since else ""
    remedy = "close that window or command, or open the project for reading only"
    if owner is not None and owner.host != socket.gethostname():
        remedy += f"; if that computer no longer runs RareSeg, delete {file.name} in the project's folder"
    return ProjectLocked(f"the project is being written to by {who}{since}", remedy=remedy, file=file.parent)


def process_is_alive(pid: int) -> bool:
    """Whether a process with this id runs on this machine."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
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
