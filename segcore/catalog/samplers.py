"""The ways to draw patches, described without torch; `segcore.sampling.patches` implements exactly these names."""

from __future__ import annotations

from segcore.catalog.entry import Entry

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
    ),
    Entry(
        name="per_lesion",
        label="Per lesion",
        help="As above, but small lesions are drawn (almost) as often as large ones.",
        paper="ours; size exponent 0.25",
    ),
    Entry(
        name="case_weighted",
        label="Case-weighted",
        help="As foreground-oversampled, with cases of little foreground drawn more often than those with much.",
        paper="inverse square root of the foreground, clipped at 10: ours",
    ),
    Entry(
        name="undersampled",
        label="Background undersampled",
        help="Empty patches are thrown away until only a chosen number per lesion patch is left; redrawn every time.",
        paper="Japkowicz and Stephen 2002, doi:10.3233/IDA-2002-6504",
    ),
)
