"""Losses that every voxel votes in."""

from __future__ import annotations

from segcore.catalog.entry import Entry
from segcore.catalog.loss_settings import FOCAL_ALPHA, GAMMA, PIXEL_EMPTY, SHARE
from segcore.ranges import Range, Setting

PIXEL_LOSSES: tuple[Entry, ...] = (
    Entry(
        name="bce",
        label="Cross-entropy (BCE)",
        help="Every voxel counts the same, so a rare lesion hardly counts; the baseline that often fails.",
        paper="Good 1952, doi:10.1111/j.2517-6161.1952.tb00104.x",
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="weighted_bce",
        label="Weighted cross-entropy",
        help="Lesion voxels count more, by a factor. The threshold shifts with it and is corrected for.",
        paper="King and Zeng 2001, doi:10.1093/oxfordjournals.pan.a004868",
        parameters=(
            Setting(
                name="positive_weight",
                label="Lesion weight",
                help="How many background voxels a lesion voxel is worth; 0 takes the square root of their ratio, up to 30.",
                domain=Range(low=0.0, high=10_000.0, default=0.0, step=1.0),
            ),
            Setting(
                name="ratio_power",
                label="Power of the ratio",
                help="Of the weight that is taken from the ratio: 0.5 is its square root, 1 the full ratio, up to 30.",
                domain=Range(low=0.0, high=1.0, default=0.5, step=0.1),
            ),
        ),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="balanced_ce",
        label="Balanced cross-entropy",
        help="Lesions and background as a whole count the same; finds much, with more false alarms.",
        paper="Xie and Tu 2015 (HED), arXiv:1504.06375",
        empty_patch="it hardly counts, since the background's weight is small.",
    ),
    Entry(
        name="logit_adjusted_ce",
        label="Logit-adjusted cross-entropy",
        help="Adds how rare lesions are to the logits while training, so that finding them is not punished for being rare. Needs a fitted threshold, which every run gets.",
        paper="Menon et al. 2021, arXiv:2007.07314",
        parameters=(
            Setting(
                name="tau",
                label="Strength",
                help="1 takes the rarity out altogether; 0 is plain cross-entropy.",
                domain=Range(low=0.0, high=2.0, default=1.0, step=0.1),
            ),
        ),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="focal",
        label="Focal",
        help="Cross-entropy that ignores easy voxels, of which the background is full.",
        paper="Lin et al. 2017, arXiv:1708.02002",
        parameters=(GAMMA, FOCAL_ALPHA),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="top_k",
        label="Hardest voxels (top-k)",
        help="Cross-entropy on the hardest voxels only, so that easy background falls silent.",
        paper="Wu et al. 2016, arXiv:1605.06885",
        parameters=(SHARE,),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="poly1",
        label="Poly-1",
        help="Cross-entropy with a little more (or less) punishment for being unsure about the right class.",
        paper="Leng et al. 2022, arXiv:2204.12511",
        parameters=(
            Setting(
                name="epsilon",
                label="Extra punishment",
                help="Above 0 sharpens predictions; below 0 softens them.",
                domain=Range(low=-0.9, high=5.0, default=1.0, step=0.1),
            ),
        ),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="ghm",
        label="Gradient-harmonised (GHM-C)",
        help="Voxels that are wrong in a common way count less, those wrong in a rare way more. Sensitive to wrong masks.",
        paper="Li et al. 2019, arXiv:1811.05181",
        parameters=(
            Setting(
                name="bins",
                label="Classes of wrongness",
                help="How finely voxels are told apart by how wrong they are.",
                domain=Range(low=2, high=50, default=10, whole=True, step=1),
            ),
        ),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="distance_weighted_ce",
        label="Cross-entropy, narrow gaps weighted",
        help="Background between two close lesions counts more, so that they are not merged.",
        paper="Ronneberger et al. 2015, arXiv:1505.04597",
        parameters=(
            Setting(
                name="w0",
                label="Weight of gaps",
                help="Added to the weight of background where lesions touch.",
                domain=Range(low=0.0, high=50.0, default=10.0, step=1.0),
            ),
            Setting(
                name="sigma",
                label="Width of gaps",
                help="Gaps about this wide still count more, in voxels.",
                domain=Range(low=0.5, high=50.0, default=5.0, step=0.5),
            ),
        ),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="inverse_size_ce",
        label="Cross-entropy, small lesions weighted",
        help="Each lesion counts as much as any other and as the background, whatever its size.",
        paper="Shirokikh et al. 2020, arXiv:2007.10033",
        parameters=(
            Setting(
                name="largest",
                label="Largest weight",
                help="No voxel counts more than this many times another.",
                domain=Range(low=1.0, high=1000.0, default=50.0, step=10.0),
            ),
        ),
        empty_patch=PIXEL_EMPTY,
    ),
)
