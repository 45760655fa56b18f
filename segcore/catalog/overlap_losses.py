"""Losses of overlap between prediction and mask."""

from __future__ import annotations

from segcore.catalog.entry import Entry
from segcore.catalog.loss_settings import BATCH, OVERLAP, PIXEL_EMPTY, REGION_EMPTY, TVERSKY_ALPHA, TVERSKY_BETA
from segcore.ranges import Range, Setting, Switch

OVERLAP_LOSSES: tuple[Entry, ...] = (
    Entry(
        name="dice",
        label="Soft Dice",
        help="Overlap between prediction and mask: lesions and their misses only, however large the background.",
        paper="Milletari et al. 2016 (V-Net), arXiv:1606.04797",
        parameters=(
            Setting(
                name="squared",
                label="Squared sizes",
                help="Squares probabilities in the denominator, which pushes faint background down less.",
                domain=Switch(default=False),
                advanced=True,
            ),
            *OVERLAP,
        ),
        empty_patch=REGION_EMPTY,
        needs_companion=True,
    ),
    Entry(
        name="generalized_dice",
        label="Generalised Dice",
        help="Overlap of lesions and of background together, each weighted by the inverse square of its size.",
        paper="Sudre et al. 2017, arXiv:1707.03237",
        parameters=(BATCH,),
        empty_patch="false alarms cost a little, by their share of the patch.",
    ),
    Entry(
        name="jaccard",
        label="Soft Jaccard (IoU)",
        help="Like Dice, stricter on partial overlap.",
        paper="Rahman and Wang 2016, doi:10.1007/978-3-319-50835-1_22",
        parameters=OVERLAP,
        empty_patch=REGION_EMPTY,
        needs_companion=True,
    ),
    Entry(
        name="tversky",
        label="Tversky",
        help="Dice with separate costs for false alarms and for missed voxels.",
        paper="Salehi et al. 2017, arXiv:1706.05721",
        parameters=(TVERSKY_ALPHA, TVERSKY_BETA, *OVERLAP),
        empty_patch=REGION_EMPTY,
        needs_companion=True,
    ),
    Entry(
        name="focal_tversky",
        label="Focal Tversky",
        help="Tversky that works harder on patches that are still bad.",
        paper="Abraham and Khan 2019, arXiv:1810.07842",
        parameters=(
            TVERSKY_ALPHA,
            TVERSKY_BETA,
            Setting(
                name="kappa",
                label="Exponent",
                help="Below 1 keeps pushing when the overlap is already good.",
                domain=Range(low=0.3, high=3.0, default=0.75, step=0.05),
            ),
            *OVERLAP,
        ),
        empty_patch=REGION_EMPTY,
        needs_companion=True,
    ),
    Entry(
        name="f_beta",
        label="F-beta",
        help="Dice in which finding lesions counts beta times as much as avoiding false alarms.",
        paper="Hashemi et al. 2018, arXiv:1803.11078",
        parameters=(
            Setting(
                name="beta",
                label="Weight of recall",
                help="1 is Dice; above 1, missed lesions cost more than false alarms.",
                domain=Range(low=0.25, high=4.0, default=1.5, step=0.25),
            ),
            *OVERLAP,
        ),
        empty_patch=REGION_EMPTY,
        needs_companion=True,
    ),
    Entry(
        name="log_cosh_dice",
        label="Log-cosh Dice",
        help="Dice with smaller steps at the start and hardly any once the overlap is good.",
        paper="Jadon 2020, arXiv:2006.14822",
        parameters=OVERLAP,
        empty_patch=REGION_EMPTY,
        needs_companion=True,
    ),
    Entry(
        name="lovasz",
        label="Lovász hinge",
        help="A direct surrogate of the overlap on sorted errors; best as a companion.",
        paper="Berman et al. 2018, arXiv:1705.08790",
        empty_patch="only the single worst voxel is pushed down.",
        needs_companion=True,
    ),
    Entry(
        name="mcc",
        label="Matthews correlation (MCC)",
        help="Correlation of prediction and mask; lesions and background pull equally at the start, however rare lesions are.",
        paper="Abhishek and Hamarneh 2021, arXiv:2010.13454",
        parameters=(BATCH,),
        empty_patch=REGION_EMPTY,
        needs_companion=True,
    ),
    Entry(
        name="sensitivity_specificity",
        label="Sensitivity + specificity",
        help="Mean squared error of lesions and of background, mixed by a chosen share. Tends to draw lesions too large.",
        paper="Brosch et al. 2015, doi:10.1007/978-3-319-24574-4_1",
        parameters=(
            Setting(
                name="r",
                label="Share of sensitivity",
                help="Higher means fewer missed lesions and more false alarms.",
                domain=Range(low=0.01, high=0.99, default=0.1, step=0.05),
            ),
            BATCH,
        ),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="dsc_plus_plus",
        label="DSC++",
        help="Dice in which confident errors cost and doubt hardly does, for probabilities that can be believed.",
        paper="Yeung et al. 2023, doi:10.1007/s10278-022-00735-3",
        parameters=(
            Setting(
                name="gamma",
                label="Focus",
                help="How much more confident errors cost; 1 is Dice.",
                domain=Range(low=1.0, high=4.0, default=2.0, step=0.5),
            ),
            *OVERLAP,
        ),
        empty_patch=REGION_EMPTY,
        needs_companion=True,
    ),
)
