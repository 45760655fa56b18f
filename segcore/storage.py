"""Writing files so that a crash, a full disk or a pulled plug leaves the old version or the new one, never a mix."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from segcore.errors import CannotSave


def explain_os_error(path: Path | str, error: OSError) -> CannotSave:
    """Return the sentence for an `OSError` met while writing `path`."""
    import errno  # noqa: PLC0415 - standard library; only needed on the failing path

    file = Path(path)
    if error.errno == errno.ENOSPC:
        return CannotSave(file, "the disk is full, so it was not saved", remedy="free some space and try again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return CannotSave(
            file,
            "the folder is read-only, so it was not saved",
            remedy="choose a folder that you may write to",
        )
    reason = (error.strerror or type(error).__name__).lower()
    return CannotSave(file, f"it was not saved ({reason})", remedy="check the disk and try again")


@contextmanager
def saving(path: Path | str) -> Iterator[None]:
    """Turn any `OSError` raised inside into `CannotSave` naming `path`."""
    try:
        yield
    except OSError as error:
        raise explain_os_error(path, error) from error


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Call ``write(temporary)`` and move the result over `path` once it is on disk.

    The temporary file lies in the same folder and keeps the suffixes of `path`, because writers choose the format by
    suffix. The previous version stays in place until the new one is complete and flushed.

    Raises
    ------
    CannotSave
        If the folder is read-only, the disk is full, or any other `OSError` is met. Nothing is left behind.
    """
    temporary = path.with_name(f".{uuid4().hex[:12]}.part-{path.name}")
    try:
        with saving(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write(temporary)
            flush_file(temporary)
            os.replace(temporary, path)
            flush_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically; see `write_atomically` for the errors."""
    write_atomically(path, lambda temporary: _write(temporary, data))


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically; see `write_atomically` for the errors."""
    write_bytes(path, text.encode("utf-8"))


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def flush_file(path: Path) -> None:
    """Make the content of `path` durable."""
    with path.open("rb+") as handle:
        os.fsync(handle.fileno())


def flush_folder(folder: Path) -> None:
    """Make a rename in `folder` durable where the system can (POSIX); elsewhere do nothing."""
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
