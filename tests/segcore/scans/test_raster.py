import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segcore.errors import BadLabels, CannotSave, RareSegError, TooLarge, UnreadableFile
from segcore.geometry import Grid
from segcore.scans.formats.table import read_mask, read_volume, write_volume
from segcore.scans.volume import Volume

RNG = np.random.default_rng(0)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(path: Path, rows: int, columns: int, depth: int, kind: int, pixels: bytes) -> Path:
    head = struct.pack(">IIBBBBB", columns, rows, depth, kind, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    )
    return path


def test_a_photograph_is_turned_upright_as_its_camera_says(tmp_path: Path) -> None:
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, :8] = 250
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held on its side: to be turned by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=turned, quality=95)
    volume = read_volume(tmp_path / "a.jpg")
    assert volume.grid.shape == (1, 16, 8)
    assert volume.voxels[0, 0, 0, 0] > 240
    assert volume.voxels[0, 0, 15, 0] < 10


def test_transparency_is_dropped(tmp_path: Path) -> None:
    Image.fromarray(RNG.integers(0, 255, (4, 6, 4), dtype=np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(RNG.integers(0, 255, (4, 6, 2), dtype=np.uint8)).save(tmp_path / "b.png")
    assert read_volume(tmp_path / "a.png").channels == ("red", "green", "blue")
    assert read_volume(tmp_path / "b.png").channels == ("image",)


def test_sixteen_bit_colours_say_that_they_were_read_as_eight(tmp_path: Path) -> None:
    volume = read_volume(png(tmp_path / "a.png", 1, 1, 16, 2, b"\0" + bytes(range(6))))
    assert volume.notes == ("its 16 bits per colour were read as 8",)


def test_a_palette_gives_colours_to_scans_and_indices_to_masks(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 0], [0, 0, 1]], np.uint8))
    image.putpalette([0, 0, 0, 200, 10, 10])
    image.save(tmp_path / "a.png")
    assert read_volume(tmp_path / "a.png").voxels[:, 0, 0, 1].tolist() == [200, 10, 10]
    assert read_mask(tmp_path / "a.png").labels[0].tolist() == [[0, 1, 0], [0, 0, 1]]


def test_a_grey_palette_gives_its_greys_to_masks(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([255, 255, 255, 0, 0, 0])  # index 0 is white
    image.save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png").labels[0].tolist() == [[1, 0]]


def test_grey_told_three_times_is_a_mask_and_colours_are_not(tmp_path: Path) -> None:
    grey = np.repeat(np.array([[[0], [255]]], np.uint8), 3, axis=2)
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png").labels[0].tolist() == [[0, 1]]
    grey[0, 1, 2] = 9
    Image.fromarray(grey).save(tmp_path / "b.png")
    with pytest.raises(BadLabels, match=r"b\.png: the mask has colours"):
        read_mask(tmp_path / "b.png")


def test_every_bit_of_a_png_is_guarded_and_every_cut_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    pixels = RNG.integers(0, 255, (9, 11), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(RNG.integers(8))
        for data in (bytes(damaged), whole[:place]):
            path.write_bytes(data)
            with pytest.raises(UnreadableFile):
                read_volume(path)


def test_a_header_of_65535_by_65535_pixels_is_refused_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(RareSegError, match=r"a\.png"):
        read_volume(png(tmp_path / "a.png", 65535, 65535, 8, 6, b"\0" * 1000))
    with pytest.raises(TooLarge):
        read_volume(png(tmp_path / "b.png", 2**30, 2**30, 8, 0, b"\0" * 1000))


@pytest.mark.slow
def test_two_hundred_megapixels_are_read_if_memory_allows(tmp_path: Path) -> None:
    rows = columns = 14_200  # above Pillow's own limit of 179 megapixels
    path = png(tmp_path / "a.png", rows, columns, 8, 0, bytes((columns + 1) * rows))
    assert read_volume(path).grid.shape == (1, rows, columns)


def test_what_calls_itself_an_image_is_told_by_its_bytes_not_its_name(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    assert read_volume(tmp_path / "a.png").grid.shape == (1, 4, 4)
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "b.gif")
    (tmp_path / "b.gif").rename(tmp_path / "b.png")
    with pytest.raises(UnreadableFile, match="not a PNG or JPEG"):
        read_volume(tmp_path / "b.png")


def test_a_jpeg_mask_is_cut_at_half(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16), np.uint8)
    pixels[4:12, 4:12] = 255
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=60)
    assert np.unique(np.asarray(Image.open(tmp_path / "a.jpg"))).size > 2
    assert np.array_equal(read_mask(tmp_path / "a.jpg").labels[0], pixels // 255)


@pytest.mark.parametrize(("planes", "dtype"), [(2, np.uint8), (1, np.int16), (1, np.float32)])
def test_what_a_png_cannot_hold_is_not_written(tmp_path: Path, planes: int, dtype: type) -> None:
    volume = Volume(
        voxels=np.zeros((1, planes, 3, 3), dtype), grid=Grid.from_spacing((planes, 3, 3)), channels=("image",)
    )
    with pytest.raises(CannotSave, match=r"^a\.png: a PNG holds"):
        write_volume(tmp_path / "a.png", volume)
    assert list(tmp_path.iterdir()) == []
