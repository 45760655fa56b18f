import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from segcore.errors import BadGeometry, TooLarge, UnreadableFile
from segcore.geometry import Grid
from segcore.scans.formats.table import read_volume, write_volume
from segcore.scans.volume import Volume

VOXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
NRRD = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 4 3 2\nspacings: 0.5 1 3\n"
PACKED = f"CompressedData = True\nCompressedDataSize = {len(zlib.compress(VOXELS.tobytes()))}\n"
META = "ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\nElementSpacing = 0.5 1 3\nElementType = MET_UCHAR\n"


def nrrd(path: Path, extra: str = "encoding: raw\n", data: bytes = VOXELS.tobytes(), head: str = NRRD) -> Path:
    path.write_bytes((head + extra).encode() + b"\n" + data)
    return path


def meta(path: Path, extra: str = "", data: bytes = VOXELS.tobytes(), head: str = META) -> Path:
    path.write_bytes((head + extra + "ElementDataFile = LOCAL\n").encode() + data)
    return path


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("raw.nrrd", nrrd),
        ("gz.nrrd", lambda p: nrrd(p, "encoding: gzip\n", gzip.compress(VOXELS.tobytes()))),
        ("crlf.nrrd", lambda p: nrrd(p, head=NRRD.replace("\n", "\r\n"), extra="encoding: raw\r\n")),
        ("raw.mha", meta),
        ("z.mha", lambda p: meta(p, PACKED, zlib.compress(VOXELS.tobytes()))),
    ],
)
def test_data_inside_the_file_is_read(tmp_path: Path, name: str, write: object) -> None:
    write(tmp_path / name)  # type: ignore[operator]
    if name == "crlf.nrrd":
        data = (tmp_path / name).read_bytes().replace(b"raw\r\n\n", b"raw\r\n\r\n", 1)
        (tmp_path / name).write_bytes(data)
    volume = read_volume(tmp_path / name)
    assert np.array_equal(volume.voxels[0], VOXELS)
    assert volume.grid.spacing == (3.0, 1.0, 0.5)


@pytest.mark.parametrize("lost", [1, 7, 23])
def test_cut_files_are_refused_though_the_library_would_read_them(tmp_path: Path, lost: int) -> None:
    whole, packed = VOXELS.tobytes(), gzip.compress(VOXELS.tobytes())
    zipped = zlib.compress(VOXELS.tobytes())
    for path in (
        nrrd(tmp_path / "a.nrrd", data=whole[:-lost]),
        nrrd(tmp_path / "b.nrrd", "encoding: gzip\n", packed[:-lost]),
        meta(tmp_path / "a.mha", data=whole[:-lost]),
        meta(tmp_path / "b.mha", PACKED, zipped[:-lost]),
    ):
        with pytest.raises(UnreadableFile, match=rf"{path.name}: .*(cut off|damaged)"):
            read_volume(path)


def test_a_flipped_bit_and_a_bomb_in_compressed_data_are_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(VOXELS.tobytes()))
    packed[-6] ^= 1  # in the checksum
    with pytest.raises(UnreadableFile, match="damaged"):
        read_volume(nrrd(tmp_path / "a.nrrd", "encoding: gzip\n", bytes(packed)))
    with pytest.raises(UnreadableFile, match="holds more than the 24 bytes"):
        read_volume(nrrd(tmp_path / "b.nrrd", "encoding: gzip\n", gzip.compress(bytes(50_000_000))))
    with pytest.raises(UnreadableFile, match="holds more than the 24 bytes"):
        read_volume(meta(tmp_path / "b.mha", PACKED, zlib.compress(bytes(50_000_000))))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("sizes: 4 3 2", "sizes: 4 3 x"), "no usable size"),
        (("sizes: 4 3 2", "sizes: 4 3 0"), "asks for"),
        (("type: uchar", "type: block"), "of the type block"),
        (("type: uchar", "type: uchar\nbyte skip: 9"), "skips"),
        (("encoding: raw", "encoding: hex"), "stored as hex"),
    ],
)
def test_headers_that_cannot_be_followed_end_in_a_sentence(
    tmp_path: Path, change: tuple[str, str], sentence: str
) -> None:
    path = nrrd(tmp_path / "a.nrrd")
    path.write_bytes(path.read_bytes().replace(change[0].encode(), change[1].encode()))
    with pytest.raises(UnreadableFile, match=rf"a\.nrrd: .*{sentence}"):
        read_volume(path)


def test_compressed_data_of_unstated_size_are_refused_because_the_library_reads_garbage(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="does not state the size"):
        read_volume(meta(tmp_path / "a.mha", "CompressedData = True\n", zlib.compress(VOXELS.tobytes())))


def test_extents_beyond_memory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="GB"):
        read_volume(nrrd(tmp_path / "a.nrrd", head=NRRD.replace("4 3 2", "99999 99999 99999")))
    with pytest.raises(TooLarge, match="GB"):
        read_volume(meta(tmp_path / "a.mha", head=META.replace("4 3 2", "99999 99999 99999")))


def test_a_nrrd_in_two_files_is_read_and_may_not_leave_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(VOXELS.tobytes())
    path = tmp_path / "a.nhdr"
    path.write_text(NRRD + "encoding: raw\ndata file: a.raw\n")
    assert np.array_equal(read_volume(path).voxels[0], VOXELS)
    for name in ("../a.raw", "/etc/passwd", r"C:\a.raw", "LIST", "slice%03d.raw 1 2 1"):
        path.write_text(f"{NRRD}encoding: raw\ndata file: {name}\n")
        with pytest.raises(UnreadableFile, match="outside its folder"):
            read_volume(path)
    path.write_text(NRRD + "encoding: raw\ndata file: b.raw\n")
    with pytest.raises(UnreadableFile, match=r"b\.raw is missing"):
        read_volume(path)


def test_a_nrrd_without_spacing_is_uncalibrated_and_says_so(tmp_path: Path) -> None:
    volume = read_volume(nrrd(tmp_path / "a.nrrd", head=NRRD.replace("spacings: 0.5 1 3\n", "")))
    assert not volume.grid.calibrated
    assert volume.notes == ("the file states no spacing",)


def test_ras_files_lie_where_their_world_says(tmp_path: Path) -> None:
    head = (
        "NRRD0004\ntype: uchar\ndimension: 3\nspace: right-anterior-superior\nsizes: 4 3 2\n"
        "space directions: (1,0,0) (0,1,0) (0,0,3)\nspace origin: (10,20,30)\n"
    )
    volume = read_volume(nrrd(tmp_path / "a.nrrd", head=head))
    assert volume.grid.to_world((0, 0, 0)).tolist() == [-10.0, -20.0, 30.0]
    assert volume.grid.to_world((1, 0, 1)).tolist() == [-11.0, -20.0, 33.0]


def test_colours_become_channels(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(np.arange(48, dtype=np.uint8).reshape(2, 3, 4, 2), isVector=True)
    SimpleITK.WriteImage(image, str(tmp_path / "a.nrrd"))
    volume = read_volume(tmp_path / "a.nrrd")
    assert volume.channels == ("channel 1", "channel 2")
    assert volume.voxels[:, 0, 0, 0].tolist() == [0, 1]


def test_sheared_axes_are_not_written_where_they_cannot_be_said(tmp_path: Path) -> None:
    affine = np.array([[0, 0, 1.0, 0], [0, 1.0, 0.4, 0], [2.0, 0, 0, 0], [0, 0, 0, 1]])
    volume = Volume(voxels=VOXELS[np.newaxis], grid=Grid((2, 3, 4), affine), channels=("image",))
    with pytest.raises(BadGeometry, match=r"^a\.mha: .*right angles"):
        write_volume(tmp_path / "a.mha", volume)
    assert list(tmp_path.iterdir()) == []
    write_volume(tmp_path / "a.nii", volume)
    assert read_volume(tmp_path / "a.nii").grid.affine == pytest.approx(affine, abs=1e-5)
