"""Folders that are replaced as a whole: the old one or the new one is there, never a mix, also after a crash."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from segcore.storage import flush_file, flush_folder, saving


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to write to; afterwards it takes the place of `folder`.

    A folder cannot be renamed over one that is not empty, so the old one steps aside for a moment; readers find it
    there with `present_folder` if the process is killed just then.

    Raises
    ------
    CannotSave
        If the disk is full or read-only; the old folder is intact.
    """
    new = folder.with_name(f".{folder.name}-{uuid4().hex[:8]}")
    old = _aside(folder)
    with saving(folder):
        try:
            new.mkdir(parents=True)
            yield new
            for file in new.iterdir():
                flush_file(file)
            flush_folder(new)
            if folder.exists():
                shutil.rmtree(old, ignore_errors=True)
                folder.rename(old)
            new.rename(folder)
            flush_folder(folder.parent)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def present_folder(folder: Path) -> Path:
    """Return where the content of `folder` lies now: beside it, if a crash struck while it had stepped aside."""
    old = _aside(folder)
    return old if not folder.exists() and old.exists() else folder


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}-old")


def save_tensors(tensors: Mapping[str, Tensor], file: Path) -> None:
    """Write tensors to a safetensors file; what goes wrong is an `OSError`."""
    try:
        # Cloned, because safetensors refuses tensors that share memory.
        save_file({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, file)
    except SafetensorError as error:
        full = "No space left" in str(error) or "os error 28" in str(error)
        raise OSError(errno.ENOSPC if full else errno.EIO, str(error)) from error
