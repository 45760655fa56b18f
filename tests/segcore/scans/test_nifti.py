import gzip
import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path

import nibabel
import numpy as np
import pytest

from segcore.errors import BadGeometry, RareSegError, TooLarge, UnreadableFile
from segcore.geometry import Grid
from segcore.scans.formats.table import read_volume, write_volume
from segcore.scans.volume import Volume

VOXELS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)  # (i, j, k)


def saved(path: Path, data: np.ndarray = VOXELS, *, slope: float = 1, inter: float = 0) -> Path:
    image = nibabel.Nifti1Image(data, np.diag([2.0, 3.0, 4.0, 1.0]))
    image.header.set_slope_inter(slope, inter)
    image.to_filename(path)
    return path


def changed(path: Path, offset: int, value: bytes) -> Path:
    data = bytearray(path.read_bytes())
    data[offset : offset + len(value)] = value
    path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize(
    ("slope", "inter", "expected"),
    [
        (1, 0, np.int16),
        (0, 5, np.int16),  # the standard: a slope of 0 means no scaling
        (np.nan, 0, np.int16),
        (1, -1024, np.int16),
        (2, 0, np.int16),
        (10_000, 0, np.int32),
        (1e9, 0, np.float32),
        (0.5, 0, np.float32),
        (1, 0.25, np.float32),
    ],
)
def test_scaling_stays_in_whole_numbers_where_nothing_is_lost(
    tmp_path: Path, slope: float, inter: float, expected: type
) -> None:
    path = changed(saved(tmp_path / "a.nii"), 112, struct.pack("<2f", slope, inter))
    scaled = VOXELS if slope == 0 or np.isnan(slope) else VOXELS.astype(float) * slope + inter
    volume = read_volume(path)
    assert volume.voxels.dtype == expected
    assert pytest.approx(scaled, rel=1e-6) == volume.voxels[0].T


def test_world_positions_are_lps_and_axes_are_plane_row_column(tmp_path: Path) -> None:
    volume = read_volume(saved(tmp_path / "a.nii"))
    assert volume.grid.shape == (4, 3, 2)
    assert volume.grid.spacing == (4.0, 3.0, 2.0)
    assert volume.voxels[0, 3, 2, 1] == VOXELS[1, 2, 3]
    assert volume.grid.to_world((3, 2, 1)).tolist() == [-2.0, -6.0, 12.0]
    assert volume.grid.axis_letters == (("I", "S"), ("P", "A"), ("L", "R"))


def test_big_endian_files_are_read_in_the_order_of_this_machine(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VOXELS.astype(">i2"), np.eye(4), nibabel.Nifti1Header(endianness=">"))
    image.to_filename(tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.voxels.dtype.isnative
    assert np.array_equal(volume.voxels[0].T, VOXELS)


def test_a_second_format_of_the_standard_is_read(tmp_path: Path) -> None:
    nibabel.Nifti2Image(VOXELS, np.eye(4)).to_filename(tmp_path / "a.nii.gz")
    assert np.array_equal(read_volume(tmp_path / "a.nii.gz").voxels[0].T, VOXELS)


def test_several_volumes_become_channels_and_more_dimensions_are_refused(tmp_path: Path) -> None:
    four = np.arange(48, dtype=np.uint8).reshape(2, 3, 4, 2)
    volume = read_volume(saved(tmp_path / "a.nii.gz", four))
    assert volume.channels == ("volume 1", "volume 2")
    assert np.array_equal(volume.voxels[1].T, four[..., 1])
    vectors = np.zeros((2, 3, 4, 1, 3), np.uint8)
    assert read_volume(saved(tmp_path / "v.nii", vectors)).channels == ("volume 1", "volume 2", "volume 3")
    with pytest.raises(UnreadableFile, match="5 dimensions"):
        read_volume(saved(tmp_path / "b.nii", np.zeros((2, 3, 4, 2, 3), np.uint8)))


def test_the_sform_is_used_and_another_qform_is_said(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VOXELS, np.eye(4))
    image.set_sform(np.diag([2.0, 2.0, 2.0, 1.0]), code=1)
    moved = np.diag([2.0, 2.0, 2.0, 1.0])
    moved[0, 3] = 30.0
    image.set_qform(moved, code=1)
    image.to_filename(tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.grid.to_world((0, 0, 0)).tolist() == [0.0, 0.0, 0.0]
    assert volume.notes == ("its two orientations (sform, qform) differ by up to 30 mm; the sform was used",)
    image.set_qform(np.diag([2.0, 2.0, 2.0, 1.0]), code=1)
    image.to_filename(tmp_path / "b.nii")
    assert read_volume(tmp_path / "b.nii").notes == ()


def test_the_qform_is_used_where_there_is_no_sform(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VOXELS, None)
    image.set_sform(None, code=0)
    image.set_qform(np.diag([1.0, 2.0, 3.0, 1.0]), code=1)
    image.to_filename(tmp_path / "a.nii")
    assert read_volume(tmp_path / "a.nii").grid.spacing == (3.0, 2.0, 1.0)


def test_a_file_without_orientation_says_so(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VOXELS, np.eye(4))
    image.set_sform(None, code=0)
    image.set_qform(None, code=0)
    image.to_filename(tmp_path / "a.nii")
    assert "states no orientation" in read_volume(tmp_path / "a.nii").notes[0]


def test_micrometres_become_millimetres(tmp_path: Path) -> None:
    volume = read_volume(changed(saved(tmp_path / "a.nii"), 123, b"\x03"))
    assert volume.grid.spacing == pytest.approx((0.004, 0.003, 0.002))
    assert "micrometres" in volume.notes[0]


@pytest.mark.parametrize(
    ("offset", "value", "sentence"),
    [
        (70, struct.pack("<h", 128), "colours"),
        (70, struct.pack("<h", 32), "complex"),
        (70, struct.pack("<h", 77), "unknown kind of number"),
        (40, struct.pack("<h", 9), "dimensions"),
        (42, struct.pack("<h", -4), "asks for"),
        (108, struct.pack("<f", np.nan), "damaged"),
        (108, struct.pack("<f", np.inf), "damaged"),
        (108, struct.pack("<f", 1e9), "damaged"),
        (344, b"ni1\0", "two files"),
        (0, b"\0\0\0\0", "not a NIfTI"),
        (280, struct.pack("<12f", *[0.0] * 12), "geometry is singular"),
        (280, struct.pack("<f", np.nan), "not finite"),
    ],
)
def test_a_damaged_header_ends_in_a_sentence(tmp_path: Path, offset: int, value: bytes, sentence: str) -> None:
    with pytest.raises((UnreadableFile, BadGeometry), match=rf"a\.nii: .*{sentence}"):
        read_volume(changed(saved(tmp_path / "a.nii"), offset, value))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_hostile_extents_are_refused_without_memory_being_taken(tmp_path: Path, name: str) -> None:
    plain = saved(tmp_path / "plain.nii").read_bytes()
    for extents, kind in (((32767,) * 3, TooLarge), ((2000, 1000, 700), UnreadableFile)):
        data = bytearray(plain)
        data[40:48] = struct.pack("<4h", 3, *extents)
        (tmp_path / name).write_bytes(gzip.compress(bytes(data)) if name.endswith("gz") else bytes(data))
        tracemalloc.start()
        with pytest.raises(kind, match=r"a\.nii"):
            read_volume(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
        tracemalloc.stop()


def test_every_bit_of_a_gzip_is_guarded_and_every_cut_is_seen(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    voxels = rng.integers(0, 255, (1, 3, 8, 8)).astype(np.uint8)
    path = tmp_path / "a.nii.gz"
    write_volume(path, Volume(voxels=voxels, grid=Grid.from_spacing((3, 8, 8)), channels=("image",)))
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        with suppress(RareSegError):  # the time stamp and the like guard nothing
            assert np.array_equal(read_volume(path).voxels, voxels)
        path.write_bytes(whole[:place])
        with pytest.raises(UnreadableFile):
            read_volume(path)


def test_a_file_that_is_zipped_in_spite_of_its_name_is_read(tmp_path: Path) -> None:
    plain = saved(tmp_path / "a.nii").read_bytes()
    (tmp_path / "b.nii").write_bytes(gzip.compress(plain))
    (tmp_path / "c.nii.gz").write_bytes(plain)
    assert np.array_equal(read_volume(tmp_path / "b.nii").voxels[0].T, VOXELS)
    assert np.array_equal(read_volume(tmp_path / "c.nii.gz").voxels[0].T, VOXELS)


def test_more_data_than_the_header_states_is_refused_for_it_may_be_a_further_volume(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii")
    path.write_bytes(path.read_bytes() + b"\0" * 512)  # blocks of tape
    assert read_volume(path).grid.shape == (4, 3, 2)
    path.write_bytes(path.read_bytes() + b"\0" * 9000)
    with pytest.raises(UnreadableFile, match="holds more"):
        read_volume(path)
