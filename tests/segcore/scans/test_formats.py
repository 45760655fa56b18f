import gzip
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from segcore.errors import BadLabels, RareSegError, TooLarge, UnreadableFile, UnsupportedFormat
from segcore.geometry import Grid, reorder
from segcore.scans.formats.table import (
    is_scan_file,
    mask_suffix_for,
    read_mask,
    read_volume,
    stem_of,
    suffix_of,
    write_mask,
    write_volume,
)
from segcore.scans.volume import Mask, Volume

VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha")


def turned_grid(shape: tuple[int, int, int], angles: tuple[float, float, float], flip: bool) -> Grid:
    a, b, c = angles
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = x @ y @ z @ np.diag([-0.7 if flip else 0.7, 1.3, 4.0])[:, ::-1]
    affine[:3, 3] = (12.5, -7.0, 100.0)
    return Grid(shape, affine)


def a_volume(grid: Grid, dtype: type = np.int16) -> Volume:
    values = np.random.default_rng(0).integers(-50 if dtype is np.int16 else 0, 200, (1, *grid.shape))
    return Volume(voxels=values.astype(dtype), grid=grid, channels=("image",))


@pytest.mark.parametrize("suffix", VOLUME_SUFFIXES)
@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(angles=st.tuples(*[st.floats(-0.7, 0.7)] * 3), flip=st.booleans())
def test_geometry_and_voxels_survive_every_volume_format(
    tmp_path: Path, suffix: str, angles: tuple[float, float, float], flip: bool
) -> None:
    volume = a_volume(turned_grid((3, 4, 5), angles, flip))
    path = tmp_path / f"pätient 7{suffix}"
    write_volume(path, volume)
    back = read_volume(path)
    assert back.voxels.dtype == np.int16
    assert np.array_equal(back.voxels, volume.voxels)
    assert back.grid.affine == pytest.approx(volume.grid.affine, abs=1e-4)
    canonical = back.canonical()
    assert np.array_equal(reorder(canonical.voxels, canonical.grid, back.grid), volume.voxels)


@pytest.mark.parametrize("suffix", [*VOLUME_SUFFIXES, ".tif"])
def test_a_mask_with_unlabelled_voxels_comes_back(tmp_path: Path, suffix: str) -> None:
    mask = Mask.empty(Grid.from_spacing((2, 3, 4), (3.0, 1.0, 0.5)))
    mask.labels[1, 1, 1:3] = 1
    mask.labels[0, 0, 0] = 255
    write_mask(tmp_path / f"m{suffix}", mask)
    back = read_mask(tmp_path / f"m{suffix}")
    assert np.array_equal(back.labels, mask.labels)
    assert back.grid.spacing == pytest.approx((3.0, 1.0, 0.5))


def test_a_png_mask_holds_0_and_255_for_viewers_and_128_for_unlabelled(tmp_path: Path) -> None:
    mask = Mask.empty(Grid.from_spacing((1, 2, 3), calibrated=False))
    mask.labels[0, 1] = (1, 255, 0)
    write_mask(tmp_path / "m.png", mask)
    assert np.asarray(Image.open(tmp_path / "m.png")).tolist() == [[0, 0, 0], [255, 128, 0]]
    assert np.array_equal(read_mask(tmp_path / "m.png").labels, mask.labels)


def test_nifti_written_by_us_says_millimetres_and_agrees_in_both_forms(tmp_path: Path) -> None:
    grid = turned_grid((3, 4, 5), (0.1, 0.2, 0.3), False)
    write_volume(tmp_path / "a.nii.gz", a_volume(grid))
    image = nibabel.load(tmp_path / "a.nii.gz")
    assert image.header.get_xyzt_units()[0] == "mm"
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)
    assert image.header.get_qform() == pytest.approx(image.header.get_sform(), abs=1e-4)
    ras = image.affine @ [4, 3, 2, 1]
    assert grid.to_world((2, 3, 4)) == pytest.approx([-ras[0], -ras[1], ras[2]], abs=1e-4)


def test_a_slope_makes_decimals_and_no_slope_keeps_the_type(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    image.to_filename(tmp_path / "s.nii")
    raw = nibabel.load(tmp_path / "s.nii")
    assert pytest.approx(np.asarray(raw.dataobj), abs=1e-4) == read_volume(tmp_path / "s.nii").voxels[0].T


def test_colour_images_become_red_green_and_blue_and_grey_ones_stay_one_channel(tmp_path: Path) -> None:
    colour = np.zeros((4, 6, 3), dtype=np.uint8)
    colour[..., 0] = 200
    Image.fromarray(colour).save(tmp_path / "c.png")
    Image.fromarray(np.full((4, 6, 3), 9, np.uint8)).save(tmp_path / "g.png")
    Image.fromarray(np.full((4, 6), 60000, np.uint16)).save(tmp_path / "16.png")
    photo = read_volume(tmp_path / "c.png")
    assert photo.is_photograph
    assert photo.voxels[:, 0, 0, 0].tolist() == [200, 0, 0]
    assert not photo.grid.calibrated
    assert read_volume(tmp_path / "g.png").channels == ("image",)
    assert read_volume(tmp_path / "16.png").voxels.max() == 60000


@pytest.mark.parametrize(
    ("values", "choose", "expected"),
    [
        ([0, 1], None, [0, 1]),
        ([0, 255], None, [0, 1]),
        ([0, 7], None, [0, 1]),
        ([0, 0], None, [0, 0]),
        ([255, 128], None, [1, 255]),
        ([255, 255], None, [1, 1]),
        ([0, 2], 2, [0, 1]),
        ([1, 2], 2, [0, 1]),
    ],
)
def test_mask_values_are_read_as_their_writers_meant(
    tmp_path: Path, values: list[int], choose: int | None, expected: list[int]
) -> None:
    Image.fromarray(np.array([values], dtype=np.uint8)).save(tmp_path / "m.png")
    assert read_mask(tmp_path / "m.png", foreground=choose).labels[0, 0].tolist() == expected


def test_a_mask_with_unclear_values_is_answered_with_the_values_and_a_remedy(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255, 7, 7]], dtype=np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(BadLabels, match=r"m\.png: the mask holds 3 values: 0 .*7 \(2 voxels\).*--foreground"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha", ".tif", ".png", ".jpg"])
@pytest.mark.parametrize("damage", ["empty", "text", "half"])
def test_damaged_files_of_every_format_end_in_one_sentence(tmp_path: Path, suffix: str, damage: str) -> None:
    path = tmp_path / f"scan{suffix}"
    grid = Grid.from_spacing((1, 64, 64))
    if suffix == ".jpg":
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).save(path)
    else:
        write_volume(path, a_volume(grid, np.uint8))
    whole = path.read_bytes()
    path.write_bytes(
        {"empty": b"", "text": b"this is no image at all\n" * 40, "half": whole[: len(whole) // 2]}[damage]
    )
    with pytest.raises(UnreadableFile, match="scan"):
        read_volume(tmp_path / f"scan{suffix}")


def test_a_flipped_bit_in_a_gzip_is_found_by_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    rng = np.random.default_rng(0)
    voxels = rng.integers(0, 255, (1, 8, 32, 32)).astype(np.uint8)
    write_volume(path, Volume(voxels=voxels, grid=Grid.from_spacing((8, 32, 32)), channels=("image",)))
    data = bytearray(path.read_bytes())
    data[-8] ^= 0x10
    path.write_bytes(bytes(data))
    with pytest.raises(UnreadableFile, match="checksum"):
        read_volume(path)


def test_a_header_that_asks_for_terabytes_is_refused_before_allocation(tmp_path: Path) -> None:
    write_volume(tmp_path / "a.nii", a_volume(Grid.from_spacing((2, 2, 2))))
    data = bytearray((tmp_path / "a.nii").read_bytes())
    data[40:56] = struct.pack("<8h", 3, 32767, 32767, 32767, 1, 1, 1, 1)
    (tmp_path / "a.nii").write_bytes(bytes(data))
    with pytest.raises(TooLarge, match="GB"):
        read_volume(tmp_path / "a.nii")


def test_a_gzip_that_expands_beyond_its_header_is_refused(tmp_path: Path) -> None:
    write_volume(tmp_path / "a.nii", a_volume(Grid.from_spacing((2, 2, 2))))
    bomb = (tmp_path / "a.nii").read_bytes() + b"\0" * 30_000_000
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(bomb))
    with pytest.raises(UnreadableFile, match="holds more than the 16 bytes that its header states"):
        read_volume(tmp_path / "b.nii.gz")


def test_an_image_in_two_files_is_read_and_its_missing_half_is_named(tmp_path: Path) -> None:
    header = "ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\nElementSpacing = 1 2 3\nElementType = MET_UCHAR\n"
    (tmp_path / "a.mhd").write_text(f"{header}ElementDataFile = a.raw\n")
    (tmp_path / "a.raw").write_bytes(bytes(range(24)))
    volume = read_volume(tmp_path / "a.mhd")
    assert volume.grid.spacing == (3.0, 2.0, 1.0)
    assert volume.voxels[0, 1, 0].tolist() == [12, 13, 14, 15]
    (tmp_path / "a.raw").write_bytes(bytes(20))
    with pytest.raises(UnreadableFile, match="cut off"):
        read_volume(tmp_path / "a.mhd")
    (tmp_path / "a.raw").unlink()
    with pytest.raises(UnreadableFile, match=r"data file a\.raw is missing"):
        read_volume(tmp_path / "a.mhd")


def test_a_header_may_not_point_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.raw").write_bytes(b"\0" * 8)
    inner = tmp_path / "in"
    inner.mkdir()
    for name in ("../secret.raw", str(tmp_path / "secret.raw"), r"..\secret.raw"):
        (inner / "a.mhd").write_text(
            f"ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = {name}\n"
        )
        with pytest.raises(UnreadableFile, match="outside its folder"):
            read_volume(inner / "a.mhd")


def test_unknown_kinds_are_answered_with_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat, match=r"\.nii\.gz"):
        read_volume(tmp_path / "a.docx")
    with pytest.raises(RareSegError, match="does not exist"):
        read_volume(tmp_path / "a.nii")
    with pytest.raises(UnsupportedFormat):
        write_mask(tmp_path / "a.jpg", Mask.empty(Grid.from_spacing((1, 2, 2))))


def test_names_are_taken_apart_at_the_whole_suffix() -> None:
    assert (suffix_of(Path("A.b.NII.GZ")), stem_of(Path("A.b.NII.GZ"))) == (".nii.gz", "A.b")
    assert is_scan_file(Path("x.PNG"))
    assert not is_scan_file(Path(".x.png"))
    assert not is_scan_file(Path("cases.csv"))
    assert (mask_suffix_for(".jpg"), mask_suffix_for(".nii.gz")) == (".png", ".nii.gz")
    assert mask_suffix_for(".mhd") == ".mha"
