import numpy as np
import pytest
from isal import isal_zlib

from segcore.annotation.packing import pack, unpack
from segcore.errors import SettingProblem
from segcore.geometry import Box

BOX = Box((0, 0, 0), (2, 30, 40))


def test_labels_come_back_writable() -> None:
    labels = np.random.default_rng(0).choice([0, 1, 255], BOX.shape).astype(np.uint8)
    found = unpack(pack(labels[:, ::-1]), BOX)
    assert np.array_equal(found, labels[:, ::-1])
    found[0, 0, 0] = 1


@pytest.mark.parametrize("cut", [0, 1, 10, -1, -4])
def test_cut_off_labels_are_refused(cut: int) -> None:
    with pytest.raises(SettingProblem, match="damaged"):
        unpack(pack(np.random.default_rng(0).choice([0, 1], BOX.shape).astype(np.uint8))[:cut], BOX)


def test_a_flipped_bit_is_found_by_the_checksum() -> None:
    packed = bytearray(pack(np.random.default_rng(0).choice([0, 1], BOX.shape).astype(np.uint8)))
    packed[-1] ^= 1
    with pytest.raises(SettingProblem, match="damaged"):
        unpack(bytes(packed), BOX)


def test_labels_of_another_size_are_refused_before_they_take_memory() -> None:
    for size in (2399, 2401, 50_000_000):
        with pytest.raises(SettingProblem, match="damaged"):
            unpack(isal_zlib.compress(bytes(size), 1), BOX)
