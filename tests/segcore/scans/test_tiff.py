from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from segcore.errors import RareSegError, UnreadableFile
from segcore.geometry import Grid
from segcore.scans.formats.table import read_mask, read_volume, write_volume
from segcore.scans.volume import Volume

STACK = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)


def test_pages_become_planes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack")
    volume = read_volume(tmp_path / "a.tif")
    assert volume.grid.shape == (3, 4, 5)
    assert not volume.grid.calibrated
    assert np.array_equal(volume.voxels[0], STACK)


def test_channels_of_imagej_become_channels(tmp_path: Path) -> None:
    data = np.arange(120, dtype=np.uint16).reshape(3, 2, 4, 5)
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "ZCYX"})
    volume = read_volume(tmp_path / "a.tif")
    assert volume.channels == ("channel 1", "channel 2")
    assert np.array_equal(volume.voxels, np.moveaxis(data, 1, 0))


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_become_a_photograph_and_transparency_is_dropped(tmp_path: Path, planar: str) -> None:
    data = np.random.default_rng(0).integers(0, 255, (6, 7, 4), dtype=np.uint8)
    stored = data if planar == "contig" else np.moveaxis(data, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, extrasamples=["unassalpha"])
    volume = read_volume(tmp_path / "a.tif")
    assert volume.is_photograph
    assert np.array_equal(volume.voxels[:, 0], np.moveaxis(data[..., :3], -1, 0))


def test_spacing_of_imagej_and_ome_is_read_and_a_printing_resolution_is_not(tmp_path: Path) -> None:
    options = {"resolution": (1 / 0.5, 1 / 0.25), "metadata": {"unit": "um", "spacing": 2.0, "axes": "ZYX"}}
    tifffile.imwrite(tmp_path / "ij.tif", STACK, imagej=True, **options)
    assert read_volume(tmp_path / "ij.tif").grid.spacing == pytest.approx((0.002, 0.00025, 0.0005))
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 250, "PhysicalSizeYUnit": "nm", "PhysicalSizeZ": 2, "axes": "ZYX"}
    tifffile.imwrite(tmp_path / "o.ome.tif", STACK, ome=True, metadata=sizes)
    assert read_volume(tmp_path / "o.ome.tif").grid.spacing == pytest.approx((0.002, 0.00025, 0.0005))
    tifffile.imwrite(tmp_path / "p.tif", STACK[0], resolution=(300, 300), resolutionunit="INCH")
    assert not read_volume(tmp_path / "p.tif").grid.calibrated


def test_lzw_which_the_small_decoder_lacks_is_read(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 3, (20, 30), dtype=np.uint8)
    pages = [Image.fromarray(data), Image.fromarray(data + 1)]
    pages[0].save(tmp_path / "a.tif", compression="tiff_lzw", save_all=True, append_images=pages[1:])
    assert np.array_equal(read_volume(tmp_path / "a.tif").voxels[0], np.stack([data, data + 1]))
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableFile, match=r"a\.tif"):
        read_volume(tmp_path / "a.tif")


def test_white_is_zero_is_turned_round_and_a_palette_gives_a_mask_its_indices(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "w.tif", np.array([[255, 0]], np.uint8), photometric="miniswhite")
    assert read_mask(tmp_path / "w.tif").labels[0].tolist() == [[0, 1]]
    colours = np.zeros((3, 256), np.uint16)
    colours[0, 1] = 65535
    flags = np.array([[0, 1, 1]], np.uint8)
    tifffile.imwrite(tmp_path / "p.tif", flags, photometric="palette", colormap=colours)
    assert read_mask(tmp_path / "p.tif").labels[0].tolist() == [[0, 1, 1]]
    assert read_volume(tmp_path / "p.tif").voxels[:, 0, 0, 1].tolist() == [255, 0, 0]
    bits = Image.fromarray(np.array([[False, True, True]]))
    bits.save(tmp_path / "b.tif")
    assert read_mask(tmp_path / "b.tif").labels[0].tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_cut_file_never_becomes_a_smaller_or_blackened_scan(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "a.tif"
    stack = np.random.default_rng(0).integers(0, 9999, (4, 16, 16), dtype=np.uint16)
    for name, options in {"plain": {}, "imagej": {"imagej": True, "metadata": {"axes": "ZYX"}}}.items():
        tifffile.imwrite(path, stack, compression=compression, photometric="minisblack", **options)
        whole = path.read_bytes()
        for length in range(1, len(whole), 17):
            path.write_bytes(whole[:length])
            with suppress(RareSegError):
                assert np.array_equal(read_volume(path).voxels[0], stack), (name, length)


def test_a_header_of_200000_by_200000_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for extent in (200_000, 60_000):
        tifffile.imwrite(path, np.zeros((4, 4), np.uint8), photometric="minisblack")
        data = bytearray(path.read_bytes())
        with tifffile.TiffFile(path) as file:
            places = [file.pages[0].tags[name].valueoffset for name in ("ImageWidth", "ImageLength", "RowsPerStrip")]
        for place in places:
            data[place : place + 4] = extent.to_bytes(4, "little")
        path.write_bytes(bytes(data))
        with pytest.raises(RareSegError, match=r"^a\.tif: "):
            read_volume(path)


def test_a_second_image_of_another_size_is_mentioned(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(STACK[0], metadata=None)
        file.write(STACK[0, :2, :2].copy(), metadata=None)
    volume = read_volume(tmp_path / "a.tif")
    assert volume.grid.shape == (1, 4, 5)
    assert volume.notes == ("1 of its 2 pages were left out, for they have another size",)


def test_no_file_that_a_tiff_names_is_opened(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "other.ome.tif", STACK[:1], ome=True, metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK[:2], ome=True, metadata={"axes": "ZYX"})
    data = (tmp_path / "a.ome.tif").read_bytes()
    assert b'SizeZ="2"' in data
    (tmp_path / "a.ome.tif").write_bytes(data.replace(b'SizeZ="2"', b'SizeZ="3"'))
    with pytest.raises(UnreadableFile, match="damaged or cut off"):
        read_volume(tmp_path / "a.ome.tif")


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 5, 3), (4, 6, 3), (3, 3, 4), (1, 1, 1), (5, 1, 2)])
@pytest.mark.parametrize("calibrated", [True, False])
def test_no_shape_is_mistaken_for_colours(tmp_path: Path, shape: tuple[int, int, int], calibrated: bool) -> None:
    voxels = np.random.default_rng(0).integers(0, 255, (1, *shape), dtype=np.uint8)
    grid = Grid.from_spacing(shape, (2.0, 0.5, 0.25), calibrated=calibrated)
    write_volume(tmp_path / "a.tif", Volume(voxels=voxels, grid=grid, channels=("image",)))
    back = read_volume(tmp_path / "a.tif")
    assert np.array_equal(back.voxels, voxels)
    assert back.grid.calibrated is (calibrated and 1 not in shape[1:])
