import errno
import os
from pathlib import Path

import pytest

from segcore import storage
from segcore.errors import CannotSave


def test_a_written_file_holds_the_bytes_and_nothing_else_is_left(tmp_path: Path) -> None:
    storage.write_bytes(tmp_path / "ä b.bin", b"abc")
    assert [p.name for p in tmp_path.iterdir()] == ["ä b.bin"]
    assert (tmp_path / "ä b.bin").read_bytes() == b"abc"


def test_a_failing_writer_leaves_the_old_version(tmp_path: Path) -> None:
    target = tmp_path / "model.json"
    storage.write_text(target, "old")

    def write_half(path: Path) -> None:
        path.write_text("ne")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(CannotSave, match="the disk is full"):
        storage.write_atomically(target, write_half)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.json"]


def test_an_interrupted_writer_leaves_the_old_version(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    storage.write_text(target, "old")

    def interrupted(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        storage.write_atomically(target, interrupted)
    assert target.read_text() == "old"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "read-only"),
        (errno.EROFS, "read-only"),
        (errno.ENOSPC, "disk is full"),
        (errno.EIO, "check the disk"),
    ],
)
def test_each_way_a_disk_refuses_ends_in_its_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(storage.os, "replace", refuse)
    with pytest.raises(CannotSave, match=words) as caught:
        storage.write_bytes(tmp_path / "scan.nii", b"x")
    assert "scan.nii" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_missing_folders_are_made(tmp_path: Path) -> None:
    storage.write_text(tmp_path / "a" / "b" / "c.txt", "x")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "x"
