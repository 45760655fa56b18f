from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from segcore.scans.volume import FOREGROUND
from segcore.synthesis.bank import Cutting
from segcore.synthesis.blending import carved, feathered, made_up, poisson
from tests.segcore.synthesis.test_paste import ON, pasted, tissue, with_lesion


def cutting(*, planes: int = 1, radius: int = 4, edge: int = 21) -> Cutting:
    grid = np.indices((planes, edge, edge)) - np.array([planes // 2, edge // 2, edge // 2])[:, None, None, None]
    lesion = (grid**2).sum(axis=0) <= radius**2
    image = np.random.default_rng(0).normal(0, 0.1, (2, planes, edge, edge)).astype(np.float32)
    image[:, lesion] += np.array([[2.0], [-1.0]], np.float32)
    return Cutting(image=image, lesion=lesion, foreign=np.zeros_like(lesion), case=0)


def test_a_carved_region_follows_the_outline_and_holds_a_lesion_voxel() -> None:
    one = cutting()
    outside = ndimage.distance_transform_edt(~one.lesion)
    sizes = []
    for seed in range(60):
        region = carved(one, 3, np.random.default_rng(seed), flat=True) > 0
        assert (region & one.lesion).any()
        assert outside[region].max() <= 3
        # Of the lesion's shape: whatever is nearer to its middle than a voxel of the region belongs to it.
        depth = np.where(one.lesion, 1 - ndimage.distance_transform_edt(one.lesion), outside)
        assert (depth[~region].min() > depth[region].max()) or region.all()
        sizes.append(int(region.sum()))
    assert min(sizes) < one.lesion.sum() < max(sizes)


def test_a_line_of_one_voxel_is_carved_too_and_others_are_left_out() -> None:
    lesion = np.zeros((1, 9, 9), bool)
    lesion[0, 4, 2:7] = True
    foreign = np.zeros_like(lesion)
    foreign[0, 5] = True
    one = Cutting(image=np.zeros((1, 1, 9, 9), np.float32), lesion=lesion, foreign=foreign, case=0)
    for seed in range(40):
        region = carved(one, 2, np.random.default_rng(seed), flat=True) > 0
        assert (region & lesion).any()
        assert not (region & foreign).any()


@pytest.mark.parametrize("flat", [True, False])
def test_poisson_keeps_gradients_and_meets_the_edge(flat: bool) -> None:
    shape = (3, 12, 14)
    rng = np.random.default_rng(1)
    source = rng.normal(0, 1, (2, *shape)).astype(np.float32)
    region = np.zeros(shape, bool)
    region[:, 3:9, 4:10] = True
    if not flat:
        region[[0, 2]] = False
    constant = source + np.array([5.0, -3.0], np.float32)[:, None, None, None]
    target = constant.copy()
    poisson(target, source, region, flat=flat)
    assert target == pytest.approx(constant, abs=2e-2)  # a constant difference is carried inside

    row = np.arange(shape[1], dtype=np.float32)[None, None, :, None]
    target = source + row
    poisson(target, source, region, flat=flat)
    assert target == pytest.approx(source + row, abs=0.1)  # and so is a slope: both solve Laplace's equation


def test_poisson_solves_laplace_and_leaves_the_rest_alone() -> None:
    rng = np.random.default_rng(2)
    source, target = rng.normal(0, 1, (2, 1, 1, 15, 15)).astype(np.float32)
    region = np.zeros((1, 15, 15), bool)
    region[0, 4:11, 5:12] = True
    before = target.copy()
    poisson(target, source, region, flat=True)
    assert np.array_equal(target[:, ~region], before[:, ~region])
    difference = (target - source)[0, 0]
    laplacian = ndimage.laplace(difference)
    assert np.abs(laplacian[region[0]]).max() < 0.05


def test_without_a_border_the_source_is_taken_as_it_is() -> None:
    source, target = np.ones((1, 1, 4, 4), np.float32), np.zeros((1, 1, 4, 4), np.float32)
    poisson(target, source, np.ones((1, 4, 4), bool), flat=True)
    assert (target == 1).all()


def test_a_made_up_lesion_has_the_size_contrast_and_texture_of_its_model_and_another_shape() -> None:
    model = cutting(radius=5, edge=31)
    ring = ndimage.binary_dilation(model.lesion, iterations=4) & ~model.lesion
    shapes, sizes = set(), []
    for seed in range(30):
        one = made_up(model, ring, np.random.default_rng(seed))
        shapes.add(one.lesion.tobytes())
        sizes.append(int(one.lesion.sum()))
        assert one.image[0, one.lesion].mean() == pytest.approx(2.0, abs=0.15)
        assert one.image[1, one.lesion].mean() == pytest.approx(-1.0, abs=0.15)
        left = model.lesion & ~one.lesion
        if left.sum() > 5:
            assert abs(one.image[0, left].mean()) < 0.4  # no trace of the model
    assert len(shapes) == 30
    assert 0.4 * model.lesion.sum() < np.mean(sizes) < 1.3 * model.lesion.sum()


def test_feathers_of_planes_do_not_reach_each_other() -> None:
    one = cutting(planes=3, radius=2)
    alone = replace(one, lesion=one.lesion & (np.arange(3) == 1)[:, None, None])
    assert feathered(alone, 2.0, flat=True)[[0, 2]].max() == 0
    assert feathered(alone, 2.0, flat=False)[[0, 2]].max() > 0


@pytest.mark.parametrize("method", ["copy_paste", "carve_mix", "poisson", "parametric"])
@pytest.mark.parametrize("flat", [True, False])
def test_every_method_puts_a_bright_lesion_into_a_lesion_free_case_by_the_seed(method: str, flat: bool) -> None:
    shape = (1, 40, 40) if flat else (6, 40, 40)
    how = replace(ON, method=method)
    give = with_lesion(tissue(0, shape), at=(0 if flat else 3, 18, 18))
    take = tissue(1, shape)
    image, labels, done = pasted([give, take], 1, how=how, flat=flat)
    again, same, _ = pasted([give, take], 1, how=how, flat=flat)
    assert done is not None
    assert np.array_equal(image, again)
    assert np.array_equal(labels, same)
    new = labels == FOREGROUND
    assert new.any()
    assert image[0, new].mean() - take.image[0, new].mean() == pytest.approx(1.0, abs=0.35)
    far = ndimage.binary_dilation(new, iterations=8)
    assert np.array_equal(image[0, ~far], take.image[0, ~far].astype(np.float32))
