"""Losses that pair votes of voxels with overlap: the safe choices."""

from __future__ import annotations

from segcore.catalog.entry import Entry
from segcore.catalog.loss_settings import BATCH, FOCAL_ALPHA, GAMMA, OVERLAP, PIXEL_EMPTY, SHARE
from segcore.ranges import Range, Setting

COMPOUND_LOSSES: tuple[Entry, ...] = (
    Entry(
        name="dice_ce",
        label="Dice + cross-entropy (default)",
        help="Overlap, which does not care how large the background is, plus every voxel's own vote. The robust choice.",
        paper="Isensee et al. 2021, doi:10.1038/s41592-020-01008-z",
        parameters=OVERLAP,
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="dice_focal",
        label="Dice + focal",
        help="Overlap plus a cross-entropy that concentrates on hard voxels.",
        paper="Zhu et al. 2019 (AnatomyNet), doi:10.1002/mp.13300",
        parameters=(GAMMA, FOCAL_ALPHA, *OVERLAP),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="dice_top_k",
        label="Dice + hardest voxels",
        help="Overlap plus cross-entropy on the hardest voxels only; strong on small tumours.",
        paper="Ma et al. 2021 (Loss Odyssey), doi:10.1016/j.media.2021.102035",
        parameters=(SHARE, *OVERLAP),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="cc_dice",
        label="Dice + cross-entropy per lesion",
        help="Every lesion is judged in its own neighbourhood; a false alarm is charged to the nearest lesion.",
        paper="arXiv:2511.17146 (CC-DiceCE)",
        parameters=(
            Setting(
                name="cell_weight",
                label="Weight by lesion",
                help="Of the mean over lesions, against the whole patch.",
                domain=Range(low=0.0, high=10.0, default=1.0, step=0.25),
            ),
        ),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="blob",
        label="Blob",
        help="Adds the mean over lesions of each one's own loss, so that small lesions count as much as large ones.",
        paper="Kofler et al. 2023, arXiv:2205.08209",
        parameters=(
            Setting(
                name="blob_weight",
                label="Weight by lesion",
                help="Of the mean over lesions; the whole patch counts 2.",
                domain=Range(low=0.0, high=10.0, default=1.0, step=0.25),
            ),
        ),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="bce_lovasz",
        label="Cross-entropy + Lovász",
        help="Cross-entropy plus a direct surrogate of the overlap, with little to tune.",
        paper="Berman et al. 2018, arXiv:1705.08790",
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="bce_mcc",
        label="Cross-entropy + MCC",
        help="Cross-entropy plus the correlation of prediction and mask, with nothing to tune.",
        paper="Abhishek and Hamarneh 2021, arXiv:2010.13454",
        parameters=(BATCH,),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="combo",
        label="Combo",
        help="Weighted cross-entropy and Dice, mixed by a chosen share.",
        paper="Taghanaki et al. 2019, arXiv:1805.02798",
        parameters=(
            Setting(
                name="alpha",
                label="Share of cross-entropy",
                help="The rest is Dice.",
                domain=Range(low=0.0, high=1.0, default=0.5, step=0.05),
            ),
            Setting(
                name="class_weight",
                label="Lesion weight",
                help="Weight of lesion voxels in the cross-entropy, against 1 minus it for background.",
                domain=Range(low=0.05, high=0.99, default=0.5, step=0.05),
            ),
            *OVERLAP,
        ),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="unified_focal",
        label="Unified focal (symmetric)",
        help="Focal loss and focal overlap of both classes with shared settings.",
        paper="Yeung et al. 2022, arXiv:2102.04525",
        parameters=(
            Setting(
                name="delta",
                label="Lesion weight",
                help="Weight of lesions, and of missed voxels, against 1 minus it.",
                domain=Range(low=0.05, high=0.95, default=0.6, step=0.05),
            ),
            Setting(
                name="gamma",
                label="Focus",
                help="How strongly easy voxels are ignored.",
                domain=Range(low=0.0, high=0.9, default=0.5, step=0.1),
            ),
            Setting(
                name="share",
                label="Share of the pixel half",
                help="The rest is the overlap of lesions and of background.",
                domain=Range(low=0.0, high=1.0, default=0.5, step=0.1),
            ),
            BATCH,
        ),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="asymmetric_unified_focal",
        label="Unified focal (asymmetric)",
        help="As the symmetric one, but only background is focused away: no lesion voxel is ever ignored.",
        paper="Yeung et al. 2022, arXiv:2102.04525",
        parameters=(
            Setting(
                name="delta",
                label="Lesion weight",
                help="Weight of lesions, and of missed voxels, against 1 minus it.",
                domain=Range(low=0.05, high=0.95, default=0.6, step=0.05),
            ),
            Setting(
                name="gamma",
                label="Focus",
                help="How strongly easy voxels are ignored.",
                domain=Range(low=0.0, high=0.9, default=0.5, step=0.1),
            ),
            Setting(
                name="share",
                label="Share of the pixel half",
                help="The rest is the overlap of lesions and of background.",
                domain=Range(low=0.0, high=1.0, default=0.5, step=0.1),
            ),
            BATCH,
        ),
        empty_patch=PIXEL_EMPTY,
    ),
    Entry(
        name="exponential_log",
        label="Exponential logarithmic",
        help="Logarithms of overlap and of every vote, raised to a power below 1: works hard on what is nearly right.",
        paper="Wong et al. 2018, arXiv:1809.00076",
        parameters=(
            Setting(
                name="gamma",
                label="Exponent",
                help="Below 1 keeps pushing where predictions are already good.",
                domain=Range(low=0.1, high=3.0, default=0.3, step=0.1),
            ),
            *OVERLAP,
        ),
        empty_patch=PIXEL_EMPTY,
    ),
)
