from pathlib import Path

from segcore.training.recipe import Recipe
from segcore.training.sizing import Sizes, choose_sizes
from tests.segcore.small_project import make_small_project


def sizes_of(folder: Path, *, planes: int = 1, edge: int = 64, gpu: bool = False) -> Sizes:
    with make_small_project(folder, cases=3, planes=planes, edge=edge, split=False) as project:
        return choose_sizes(Recipe(), project.cases(), width=5.0, on_gpu=gpu)


def test_a_patch_covers_a_small_image_and_the_batch_fills_the_budget(tmp_path: Path) -> None:
    sizes = sizes_of(tmp_path / "flat")
    assert (sizes.patch, sizes.batch, sizes.flat) == ((1, 64, 64), 16, True)  # 2·256² voxels are 32 such patches


def test_a_calibrated_scan_is_resampled_to_the_median_spacing(tmp_path: Path) -> None:
    assert sizes_of(tmp_path / "deep", planes=4).target_spacing == (3.0, 1.0, 1.0)


def test_a_shrunk_photograph_has_no_target_spacing() -> None:
    sizes = Sizes(patch=(1, 64, 64), batch=8, flat=True, spacing=(1.0, 1.0, 1.0), shrink=3, calibrated=False)
    assert sizes.target_spacing is None
