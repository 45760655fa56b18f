import random
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from segcore.errors import BadLabels, CannotSave, RareSegError
from segcore.geometry import Grid
from segcore.scans.formats.table import read_mask, read_volume, write_mask, write_volume
from segcore.scans.volume import Mask, Volume

VOLUMES = (".nii", ".nii.gz", ".nrrd", ".mha")
QUICK = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Anisotropic, flipped, permuted and oblique grids at a distance from the origin."""
    shape = draw(st.tuples(*[st.integers(1, 5)] * 3))
    spacing = draw(st.tuples(*[st.floats(0.05, 8.0)] * 3))
    angles = draw(st.tuples(*[st.floats(-3.1, 3.1)] * 3))
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        i, j = [(1, 2), (0, 2), (0, 1)][axis]
        step = np.eye(3)
        step[[i, i, j, j], [i, j, i, j]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        turn = turn @ step
    affine = np.eye(4)
    flips = draw(st.tuples(*[st.sampled_from([1.0, -1.0])] * 3))
    affine[:3, :3] = turn * (np.array(spacing) * flips)
    affine[:3, 3] = draw(st.tuples(*[st.floats(-300, 300)] * 3))
    return Grid(shape, affine)


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    grid = draw(grids())
    values = draw(st.sampled_from([(0, 1), (0, 1, 255), (0, 255), (255,), (0,), (1,), (1, 255)]))
    return Mask(labels=draw(arrays(np.uint8, grid.shape, elements=st.sampled_from(values))), grid=grid)


@pytest.mark.parametrize("suffix", VOLUMES)
@QUICK
@given(mask=masks())
def test_masks_come_back_bit_for_bit_at_the_same_place(tmp_path: Path, suffix: str, mask: Mask) -> None:
    path = tmp_path / f"Läsion 7 患者{suffix}"
    write_mask(path, mask)
    back = read_mask(path)
    assert np.array_equal(back.labels, mask.labels)
    assert back.grid.matches(mask.grid, tolerance_mm=1e-3)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@QUICK
@given(mask=masks())
def test_masks_of_raster_formats_come_back_bit_for_bit(tmp_path: Path, suffix: str, mask: Mask) -> None:
    plane = Mask(labels=mask.labels[:1], grid=Grid.from_spacing((1, *mask.labels.shape[1:]), calibrated=False))
    given_mask = plane if suffix == ".png" else Mask(labels=mask.labels, grid=Grid.from_spacing(mask.labels.shape))
    path = tmp_path / f"Läsion 7 患者{suffix}"
    write_mask(path, given_mask)
    assert np.array_equal(read_mask(path).labels, given_mask.labels)


@pytest.mark.parametrize("suffix", [*VOLUMES, ".tif"])
def test_a_name_of_200_letters_can_be_written_and_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"{'n' * 200}{suffix}"
    mask = Mask.empty(Grid.from_spacing((2, 3, 4)), 1)
    write_mask(path, mask)
    assert np.array_equal(read_mask(path).labels, mask.labels)


def stored(path: Path, values: list[float], dtype: type) -> Path:
    voxels = np.array(values, dtype=dtype).reshape(1, 1, 1, -1)
    write_volume(path, Volume(voxels=voxels, grid=Grid.from_spacing((1, 1, len(values))), channels=("m",)))
    return path


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([0, 1, 255], np.uint8, [0, 1, 255]),
        ([0.0, 1.0, 1.0], np.float32, [0, 1, 1]),
        ([0.0, 1.0000001, 1.0], np.float64, [0, 1, 1]),
        ([0, 4000, 4000], np.uint16, [0, 1, 1]),
        ([0, -1, 0], np.int16, [0, 1, 0]),
        ([0, 255, 0], np.uint8, [0, 1, 0]),
        ([0, 10**12, 0], np.int64, [0, 1, 0]),
    ],
)
def test_whole_numbers_of_any_type_are_labels(
    tmp_path: Path, values: list[float], dtype: type, expected: list[int]
) -> None:
    assert read_mask(stored(tmp_path / "m.nii.gz", values, dtype)).labels.ravel().tolist() == expected


@pytest.mark.parametrize(
    ("values", "dtype", "sentence"),
    [
        ([0, 0.5, 1], np.float32, "fractions or NaN"),
        ([0, np.nan, 1], np.float32, "fractions or NaN"),
        ([0, np.inf, 1], np.float32, "fractions or NaN"),
        ([0, 1, 2], np.uint8, r"holds 3 values: 0 \(1 voxels\), 1 \(1 voxels\), 2 \(1 voxels\); .*--foreground"),
        ([0, 128, 255], np.uint8, "holds 3 values"),
        ([0, 1, 1, 254], np.uint8, r"1 \(2 voxels\)"),
        (list(range(30)), np.uint8, r"holds 30 values: .*\.\.\."),
    ],
)
def test_values_that_cannot_be_told_are_listed(tmp_path: Path, values: list[float], dtype: type, sentence: str) -> None:
    with pytest.raises(BadLabels, match=rf"^m\.nii: .*{sentence}"):
        read_mask(stored(tmp_path / "m.nii", values, dtype))


def test_one_value_can_be_chosen_of_several(tmp_path: Path) -> None:
    path = stored(tmp_path / "m.nii", [0, 1, 2, 2], np.uint8)
    assert read_mask(path, foreground=2).labels.ravel().tolist() == [0, 0, 1, 1]
    assert read_mask(path, foreground=3).labels.ravel().tolist() == [0, 0, 0, 0]


def test_1_and_255_are_not_told_apart_in_pictures_for_255_is_the_lesion_there(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1, 255]], np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(BadLabels, match="--foreground"):
        read_mask(tmp_path / "m.png")
    assert read_mask(tmp_path / "m.png", foreground=255).labels.ravel().tolist() == [0, 0, 1]


def test_a_mask_of_several_different_volumes_is_refused(tmp_path: Path) -> None:
    voxels = np.zeros((5, 1, 2, 2), np.uint8)
    voxels[4] = 1
    names = tuple(f"volume {n + 1}" for n in range(5))
    write_volume(tmp_path / "m.nii", Volume(voxels=voxels, grid=Grid.from_spacing((1, 2, 2)), channels=names))
    with pytest.raises(BadLabels, match="5 channels"):
        read_mask(tmp_path / "m.nii")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha", ".tif", ".png"])
def test_only_our_own_masks_are_written_over(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    scan = Volume(voxels=np.full((1, 1, 4, 5), 7, np.uint8), grid=Grid.from_spacing((1, 4, 5)), channels=("image",))
    write_volume(path, scan)
    before = path.read_bytes()
    with pytest.raises(CannotSave, match=r"^a\.\S+: a file of this name that RareSeg did not write"):
        write_mask(path, Mask.empty(scan.grid))
    assert path.read_bytes() == before
    path.unlink()
    write_mask(path, Mask.empty(scan.grid))
    write_mask(path, Mask.empty(scan.grid, 1))
    assert read_mask(path).foreground_voxels == 20


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".tif", ".png", ".jpg", "lzw.tif"])
def test_whatever_is_done_to_a_file_ends_in_a_scan_or_a_sentence(tmp_path: Path, suffix: str) -> None:
    rng, dice = np.random.default_rng(1), random.Random(1)
    path = tmp_path / f"a{suffix}"
    pixels = rng.integers(0, 200, (12, 13), dtype=np.uint8)
    if suffix in (".jpg", "lzw.tif"):
        Image.fromarray(pixels).save(path, **({} if suffix == ".jpg" else {"compression": "tiff_lzw"}))
    else:
        grid = Grid.from_spacing((1, 12, 13), (3, 1, 0.5))
        write_volume(path, Volume(voxels=pixels[np.newaxis, np.newaxis], grid=grid, channels=("image",)))
    whole = path.read_bytes()
    for _ in range(120):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 1, 2, 5))):
            place = dice.randrange(dice.choice((len(data), min(len(data), 400))))
            data[place : place + dice.choice((1, 2, 4))] = dice.choice((b"\xff", b"\0", b"\x7f\xff", b"", b"9"))
        path.write_bytes(bytes(data[: dice.choice((len(data), dice.randrange(len(data))))]))
        with suppress(RareSegError):
            assert read_volume(path).voxels.ndim == 4


@pytest.mark.parametrize("suffix", VOLUMES)
@QUICK
@given(mask=masks())
def test_a_mask_edited_in_canonical_order_goes_back_to_its_file_bit_for_bit(
    tmp_path: Path, suffix: str, mask: Mask
) -> None:
    """What the project does: read, turn to canonical order, edit there, turn back, write; for any oblique grid."""
    path = tmp_path / f"mask{suffix}"
    write_mask(path, mask)
    first = read_mask(path)
    turned = first.canonical()
    edited = Mask(labels=turned.labels.copy(), grid=turned.grid)
    edited.labels[0, 0, 0] = 1
    write_mask(path, edited.on(first.grid))
    again = read_mask(path)
    assert again.grid.matches(first.grid, tolerance_mm=1e-3)
    assert np.count_nonzero(again.labels != mask.labels) == int(turned.labels[0, 0, 0] != 1)
    assert np.array_equal(again.canonical().labels, edited.labels)
