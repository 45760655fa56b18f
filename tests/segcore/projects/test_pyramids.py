"""Coarser copies of scans in the cache: made once, read afterwards, made again where they are damaged."""

from pathlib import Path

import numpy as np
import pytest

from segcore.errors import CannotSave
from segcore.projects.pyramids import kept_levels
from segcore.scans.pyramid import build_levels, mean

VOXELS = np.random.default_rng(0).integers(-1000, 1000, (2, 1, 2101, 2500)).astype(np.int16)


def nothing() -> None:
    """Do not stop."""


def test_copies_are_made_once_and_mapped_afterwards(tmp_path: Path) -> None:
    made = kept_levels(tmp_path / "hash", VOXELS, keep=True, check=nothing)
    expected = build_levels(VOXELS, mean)
    assert len(made) == len(expected) == 2
    assert all(np.array_equal(a, b) for a, b in zip(made, expected, strict=True))
    stamps = [file.stat().st_mtime_ns for file in sorted((tmp_path / "hash").iterdir())]
    again = kept_levels(tmp_path / "hash", VOXELS, keep=True, check=nothing)
    assert [file.stat().st_mtime_ns for file in sorted((tmp_path / "hash").iterdir())] == stamps
    assert not again[0].flags.writeable
    assert np.array_equal(again[1], expected[1])


def test_a_cut_off_copy_is_made_again(tmp_path: Path) -> None:
    kept_levels(tmp_path, VOXELS, keep=True, check=nothing)
    file = tmp_path / "level-1.npy"
    file.write_bytes(file.read_bytes()[:1000])
    again = kept_levels(tmp_path, VOXELS, keep=True, check=nothing)
    assert np.array_equal(again[0], build_levels(VOXELS, mean)[0])


def test_a_project_for_reading_only_gets_them_in_memory(tmp_path: Path) -> None:
    made = kept_levels(tmp_path / "hash", VOXELS, keep=False, check=nothing)
    assert not (tmp_path / "hash").exists()
    assert np.array_equal(made[1], build_levels(VOXELS, mean)[1])


def test_a_cache_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CannotSave):
        kept_levels(tmp_path / "file" / "hash", VOXELS, keep=True, check=nothing)


def test_stopping_leaves_nothing_half_made(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        kept_levels(tmp_path, VOXELS, keep=True, check=stop)
    assert list(tmp_path.iterdir()) == []
