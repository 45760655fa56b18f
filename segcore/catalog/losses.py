"""The losses a person can choose, described without torch; `segcore.losses.build` implements exactly these names."""

from __future__ import annotations

from segcore.catalog.entry import Entry
from segcore.ranges import Range, Setting, Switch

_BATCH = Setting(
    name="batch",
    label="Whole batch",
    help="Measures overlap over the whole batch instead of patch by patch; safer when many patches are empty.",
    domain=Switch(default=True),
    advanced=True,
)
_SMOOTH_NUMERATOR = Setting(
    name="smooth_numerator",
    label="Smoothing above",
    help="Added to the overlap; above 0 it rewards empty predictions and lets small lesions collapse.",
    domain=Range(low=0.0, high=1.0, default=0.0),
    advanced=True,
)
_SMOOTH_DENOMINATOR = Setting(
    name="smooth_denominator",
    label="Smoothing below",
    help="Added to the sizes, so that nothing is divided by zero.",
    domain=Range(low=1e-8, high=10.0, default=1e-5, logarithmic=True),
    advanced=True,
)
_OVERLAP = (_BATCH, _SMOOTH_NUMERATOR, _SMOOTH_DENOMINATOR)
_GAMMA = Setting(
    name="gamma",
    label="Focus",
    help="How strongly easy voxels are ignored; 0 ignores none.",
    domain=Range(low=0.0, high=5.0, default=2.0, step=0.25),
)
_FOCAL_ALPHA = Setting(
    name="alpha",
    label="Lesion weight",
    help="Weight of lesion voxels against 1 minus it for the background; 0 gives both the same weight.",
    domain=Range(low=0.0, high=0.99, default=0.75, step=0.05),
)
_TVERSKY_ALPHA = Setting(
    name="alpha",
    label="Cost of false positives",
    help="Higher means fewer false alarms.",
    domain=Range(low=0.01, high=1.0, default=0.3, step=0.05),
)
_TVERSKY_BETA = Setting(
    name="beta",
    label="Cost of missed voxels",
    help="Higher means fewer missed lesions.",
    domain=Range(low=0.01, high=1.0, default=0.7, step=0.05),
)
_SHARE = Setting(
    name="share",
    label="Hardest share",
    help="Share of the voxels that count; at least ten times the lesion's voxels are kept.",
    domain=Range(low=0.001, high=1.0, default=0.1, step=0.01),
)
_PIXEL_EMPTY = "it still learns to predict nothing there."
_REGION_EMPTY = "it gives no gradient, so false alarms there are not punished."

LOSSES: tuple[Entry, ...] = (
    Entry(
        name="dice_ce",
        label="Dice + cross-entropy (default)",
        help="Overlap, which does not care how large the background is, plus every voxel's own vote. The robust choice.",
        paper="Isensee et al. 2021, doi:10.1038/s41592-020-01008-z",
        parameters=_OVERLAP,
        empty_patch=_PIXEL_EMPTY,
    ),
    Entry(
        name="dice_focal",
        label="Dice + focal",
        help="Overlap plus a cross-entropy that concentrates on hard voxels.",
        paper="Zhu et al. 2019 (AnatomyNet), doi:10.1002/mp.13300",
        parameters=(_GAMMA, _FOCAL_ALPHA, *_OVERLAP),
        empty_patch=_PIXEL_EMPTY,
    ),
    Entry(
        name="dice_top_k",
        label="Dice + hardest voxels",
        help="Overlap plus cross-entropy on the hardest voxels only; strong on small tumours.",
        paper="Ma et al. 2021 (Loss Odyssey), doi:10.1016/j.media.2021.102035",
        parameters=(_SHARE, *_OVERLAP),
        empty_patch=_PIXEL_EMPTY,
    ),
    Entry(
        name="bce_lovasz",
        label="Cross-entropy + Lovász",
        help="Cross-entropy plus a direct surrogate of the overlap, with little to tune.",
        paper="Berman et al. 2018, arXiv:1705.08790",
        empty_patch=_PIXEL_EMPTY,
    ),
    Entry(
        name="bce",
        label="Cross-entropy (BCE)",
        help="Every voxel counts the same, so a rare lesion hardly counts; the baseline that often fails.",
        paper="Good 1952, doi:10.1111/j.2517-6161.1952.tb00104.x",
        empty_patch=_PIXEL_EMPTY,
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
        ),
        empty_patch=_PIXEL_EMPTY,
    ),
    Entry(
        name="balanced_ce",
        label="Balanced cross-entropy",
        help="Lesions and background as a whole count the same; finds much, with more false alarms.",
        paper="Xie and Tu 2015 (HED), arXiv:1504.06375",
        empty_patch="it hardly counts, since the background's weight is small.",
    ),
    Entry(
        name="dice",
        label="Soft Dice",
        help="Overlap between prediction and mask: lesions and their misses only, however large the background.",
        paper="Milletari et al. 2016 (V-Net), arXiv:1606.04797",
        parameters=_OVERLAP,
        empty_patch=_REGION_EMPTY,
        needs_companion=True,
    ),
    Entry(
        name="jaccard",
        label="Soft Jaccard (IoU)",
        help="Like Dice, stricter on partial overlap.",
        paper="Rahman and Wang 2016, doi:10.1007/978-3-319-50835-1_22",
        parameters=_OVERLAP,
        empty_patch=_REGION_EMPTY,
        needs_companion=True,
    ),
    Entry(
        name="tversky",
        label="Tversky",
        help="Dice with separate costs for false alarms and for missed voxels.",
        paper="Salehi et al. 2017, arXiv:1706.05721",
        parameters=(_TVERSKY_ALPHA, _TVERSKY_BETA, *_OVERLAP),
        empty_patch=_REGION_EMPTY,
        needs_companion=True,
    ),
    Entry(
        name="focal_tversky",
        label="Focal Tversky",
        help="Tversky that works harder on patches that are still bad.",
        paper="Abraham and Khan 2019, arXiv:1810.07842",
        parameters=(
            _TVERSKY_ALPHA,
            _TVERSKY_BETA,
            Setting(
                name="kappa",
                label="Exponent",
                help="Below 1 keeps pushing when the overlap is already good.",
                domain=Range(low=0.3, high=3.0, default=0.75, step=0.05),
            ),
            *_OVERLAP,
        ),
        empty_patch=_REGION_EMPTY,
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
            *_OVERLAP,
        ),
        empty_patch=_REGION_EMPTY,
        needs_companion=True,
    ),
    Entry(
        name="focal",
        label="Focal",
        help="Cross-entropy that ignores easy voxels, of which the background is full.",
        paper="Lin et al. 2017, arXiv:1708.02002",
        parameters=(_GAMMA, _FOCAL_ALPHA),
        empty_patch=_PIXEL_EMPTY,
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
        name="top_k",
        label="Hardest voxels (top-k)",
        help="Cross-entropy on the hardest voxels only, so that easy background falls silent.",
        paper="Wu et al. 2016, arXiv:1605.06885",
        parameters=(_SHARE,),
        empty_patch=_PIXEL_EMPTY,
    ),
)
