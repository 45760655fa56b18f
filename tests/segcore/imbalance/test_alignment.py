import numpy as np
import pytest

from segcore.geometry import Grid
from segcore.imbalance.alignment import best_alignment
from segcore.scans.volume import Mask, Volume


def scan_and_mask(shift: tuple[int, int], *, bright: int = 60, planes: int = 1) -> tuple[Volume, Mask]:
    """Two discs of radius 6 on noise; the mask is moved by `shift` rows and columns."""
    rng = np.random.default_rng(1)
    grid = Grid.from_spacing((planes, 90, 90))
    rows, columns = np.mgrid[:90, :90]
    discs = ((rows - 30) ** 2 + (columns - 35) ** 2 <= 36) | ((rows - 60) ** 2 + (columns - 50) ** 2 <= 36)
    voxels = rng.normal(100, 8, (1, planes, 90, 90))
    middle = planes // 2
    voxels[0, middle][discs] += bright
    mask = Mask.empty(grid)
    mask.labels[middle][np.roll(discs, shift, (0, 1))] = 1
    return Volume(voxels=voxels.astype(np.int16), grid=grid, channels=("image",)), mask


@pytest.mark.parametrize("bright", [60, -60])
def test_a_mask_in_its_place_stays_there(bright: int) -> None:
    found = best_alignment(*scan_and_mask((0, 0), bright=bright))
    assert found is not None
    assert (found.shift, found.distance) == ((0, 0, 0), 0.0)
    assert found.contrast_here == found.contrast_there
    assert (found.contrast_here > 1) is (bright > 0)


@pytest.mark.parametrize("shift", [(4, 0), (-6, 3), (0, 8)])
def test_a_moved_mask_is_led_back(shift: tuple[int, int]) -> None:
    found = best_alignment(*scan_and_mask(shift))
    assert found is not None
    assert found.shift == (0, -shift[0], -shift[1])
    assert abs(found.contrast_here) < 0.7 * found.contrast_there
    assert found.edge_here < found.edge_there


def test_a_mask_in_the_wrong_plane_is_led_back() -> None:
    volume, mask = scan_and_mask((0, 0), planes=5)
    moved = Mask(labels=np.roll(mask.labels, 1, 0), grid=mask.grid)
    found = best_alignment(volume, moved)
    assert found is not None
    assert found.shift == (-1, 0, 0)


def test_nothing_is_said_of_a_few_voxels_or_of_a_plain_image() -> None:
    volume, mask = scan_and_mask((0, 0))
    few = Mask.empty(mask.grid)
    few.labels[0, 40:43, 40:43] = 1
    plain = Volume(voxels=np.full_like(volume.voxels, 7), grid=volume.grid, channels=("image",))
    assert best_alignment(volume, few) is None
    assert best_alignment(plain, mask) is None
    assert best_alignment(volume, Mask.empty(mask.grid)) is None


def test_a_large_image_is_thinned_and_the_shift_still_in_its_voxels() -> None:
    rng = np.random.default_rng(2)
    grid = Grid.from_spacing((1, 1300, 1300))
    voxels = rng.normal(100, 4, (1, *grid.shape)).astype(np.int16)
    voxels[0, 0, 600:660, 600:660] += 80
    mask = Mask.empty(grid)
    mask.labels[0, 612:672, 600:660] = 1
    found = best_alignment(Volume(voxels=voxels, grid=grid, channels=("image",)), mask)
    assert found is not None
    assert found.shift == (0, -12, 0)
