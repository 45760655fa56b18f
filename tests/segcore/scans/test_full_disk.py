import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from segcore.errors import CannotSave
from segcore.geometry import Grid
from segcore.scans.formats.table import read_volume, write_volume
from segcore.scans.volume import Volume


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Make every write beyond `size` bytes of a file fail, as on a full disk."""
    if sys.platform == "win32":
        pytest.skip("the size of files cannot be limited here")
    import resource  # noqa: PLC0415 - POSIX only

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".tif", ".png"])
def test_a_disk_that_fills_while_saving_keeps_the_old_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    rng = np.random.default_rng(0)

    def scan(planes: int) -> Volume:
        voxels = rng.integers(0, 60_000, (1, planes, 90, 90)).astype(np.uint16)
        return Volume(voxels=voxels, grid=Grid.from_spacing((planes, 90, 90)), channels=("image",))

    planes = 1 if suffix == ".png" else 3
    old = scan(planes)
    write_volume(path, old)
    size = path.stat().st_size
    for limit in (100, 5000, size - 3):
        with files_of_at_most(limit), pytest.raises(CannotSave, match=rf"^a\{suffix}: it was not saved"):
            write_volume(path, scan(planes))
        assert np.array_equal(read_volume(path).voxels, old.voxels)
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
