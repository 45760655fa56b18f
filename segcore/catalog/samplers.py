"""The ways to draw patches, described without torch; `segcore.sampling.patches` implements exactly these names."""

from __future__ import annotations

from segcore.catalog.entry import Entry
from segcore.ranges import Range, Setting, Switch

RATIO = Setting(
    name="ratio",
    label="Foreground share",
    help="Share of patches that must hold foreground; the rest is drawn anywhere. Ignored by uniform sampling.",
    domain=Range(low=0.0, high=1.0, default=0.5, step=0.05),
)
JITTER = Setting(
    name="jitter",
    label="Jitter",
    help="How far, as a share of the patch, a lesion may lie off centre; 0 teaches 'it is in the middle'.",
    domain=Range(low=0.0, high=0.5, default=0.4, step=0.05),
)
SIZE_EXPONENT = Setting(
    name="size_exponent",
    label="Size exponent",
    help="Per-lesion sampling: 0 draws small and large lesions equally often, 1 by their volume.",
    domain=Range(low=0.0, high=1.0, default=0.25, step=0.05),
    advanced=True,
)
EMPTIES_PER_FOREGROUND = Setting(
    name="empties_per_foreground",
    label="Empty per lesion patch",
    help="Background undersampling: how many empty patches are kept for each patch with foreground.",
    domain=Range(low=0.0, high=10.0, default=1.0, step=0.25),
    advanced=True,
)
HARD_SHARE = Setting(
    name="hard_share",
    label="Hard negative share",
    help="Hard-negative sampling: share of all patches drawn where the model saw a lesion that is none.",
    domain=Range(low=0.0, high=0.5, default=0.2, step=0.05),
    advanced=True,
)

RATIO_FADES = Setting(
    name="ratio_fades",
    label="Share changes in the course",
    help="Moves the foreground share to the later share over the first third of the run: many lesions first, then more "
    "of the background that raises false alarms.",
    domain=Switch(default=False),
    advanced=True,
)
LATER_RATIO = Setting(
    name="later_ratio",
    label="Later foreground share",
    help="Foreground share from a third of the run on, where the share changes in the course.",
    domain=Range(low=0.0, high=1.0, default=0.35, step=0.05),
    advanced=True,
)

SAMPLERS: tuple[Entry, ...] = (
    Entry(
        name="uniform",
        label="Uniform (as it is)",
        help="Patches from anywhere in the body: at 0.1 % foreground most hold no lesion at all.",
        paper="baseline",
    ),
    Entry(
        name="foreground",
        label="Foreground-oversampled",
        help="A chosen share of patches holds a lesion voxel, anywhere in the patch; the rest comes from anywhere.",
        paper="Isensee et al. 2021, doi:10.1038/s41592-020-01008-z; probabilistic and with jitter: ours",
        parameters=(RATIO, RATIO_FADES, LATER_RATIO, JITTER),
    ),
    Entry(
        name="per_lesion",
        label="Per lesion",
        help="As above, but small lesions are drawn (almost) as often as large ones.",
        paper="ours; size exponent 0.25",
        parameters=(RATIO, RATIO_FADES, LATER_RATIO, JITTER, SIZE_EXPONENT),
    ),
    Entry(
        name="case_weighted",
        label="Case-weighted",
        help="As foreground-oversampled, with at least half of all patches from cases with foreground, and cases of "
        "little foreground drawn more often than those of much.",
        paper="inverse square root of the foreground, clipped at 10: ours",
        parameters=(RATIO, RATIO_FADES, LATER_RATIO, JITTER),
    ),
    Entry(
        name="undersampled",
        label="Background undersampled",
        help="Empty patches are thrown away until only a chosen number per lesion patch is left; redrawn every time.",
        paper="Japkowicz and Stephen 2002, doi:10.3233/IDA-2002-6504",
        parameters=(JITTER, EMPTIES_PER_FOREGROUND),
    ),
    Entry(
        name="hard_negative",
        label="Hard negatives",
        help="As foreground-oversampled; from a fifth of the run on, some patches come from where the model raised false "
        "alarms in training scans, or where a reviewer rejected its predictions.",
        paper="Shrivastava et al. 2016 (OHEM), arXiv:1604.03540; by whole scans: ours",
        parameters=(RATIO, RATIO_FADES, LATER_RATIO, JITTER, HARD_SHARE),
    ),
)
