"""The random changes to patches, described without torch; `segcore.augmentation.transforms` implements these names.

An entry has at most one parameter, of its own name, which is also the field of a recipe.
"""

from __future__ import annotations

from segcore.catalog.entry import Entry
from segcore.ranges import Range, Setting, Switch

FLIPS = Setting(
    name="flips",
    label="Flips",
    help="Mirror patches along each axis at random.",
    domain=Switch(default=True),
)
ROTATION = Setting(
    name="rotation",
    label="Rotation",
    help="Largest random rotation; 0 turns it off.",
    domain=Range(low=0.0, high=180.0, default=30.0, step=5.0, unit="°"),
)
SCALING = Setting(
    name="scaling",
    label="Scaling",
    help="Largest random change of size, as a share; 0.2 means 0.8 to 1.2 times.",
    domain=Range(low=0.0, high=0.5, default=0.3, step=0.05),
)
NOISE = Setting(
    name="noise",
    label="Noise",
    help="Largest random noise, in standard deviations of the scan.",
    domain=Range(low=0.0, high=0.5, default=0.1, step=0.02),
)
BLUR = Setting(
    name="blur",
    label="Blur",
    help="Largest random Gaussian blur.",
    domain=Range(low=0.0, high=2.0, default=0.7, step=0.1, unit="voxels"),
)
GAMMA = Setting(
    name="gamma",
    label="Gamma",
    help="Largest random change of contrast; 0.3 means an exponent of 0.7 to 1.4.",
    domain=Range(low=0.0, high=0.7, default=0.3, step=0.05),
)
BRIGHTNESS = Setting(
    name="brightness",
    label="Brightness",
    help="Largest random factor on all values, as a share; 0.25 means 0.75 to 1.25 times.",
    domain=Range(low=0.0, high=0.5, default=0.0, step=0.05),
)
CONTRAST = Setting(
    name="contrast",
    label="Contrast",
    help="Largest random stretch of values about their mean, as a share; 0.25 means 0.75 to 1.25 times.",
    domain=Range(low=0.0, high=0.5, default=0.0, step=0.05),
)
LOW_RESOLUTION = Setting(
    name="low_resolution",
    label="Low resolution",
    help="Coarsest voxels that are imitated, in multiples of the present ones, less one; 1 means twice as coarse.",
    domain=Range(low=0.0, high=2.0, default=0.0, step=0.25),
)

_NNUNET = "Isensee et al. 2021, doi:10.1038/s41592-020-01008-z"

AUGMENTATIONS: tuple[Entry, ...] = (
    Entry(
        name="flips",
        label="Flips",
        help="Doubles what a few lesions show. Turn it off where left and right, or up and down, mean something.",
        paper=_NNUNET,
        parameters=(FLIPS,),
    ),
    Entry(
        name="rotation",
        label="Rotation",
        help="A lesion looks the same when the head is tilted. Turned in millimetres; no lesion vanishes by it.",
        paper=_NNUNET,
        parameters=(ROTATION,),
    ),
    Entry(
        name="scaling",
        label="Scaling",
        help="Makes lesions smaller and larger than those you have. Too much turns small lesions into single voxels.",
        paper=_NNUNET,
        parameters=(SCALING,),
    ),
    Entry(
        name="noise",
        label="Noise",
        help="Keeps the network from learning the grain of your scans. Too much hides faint lesions.",
        paper=_NNUNET,
        parameters=(NOISE,),
    ),
    Entry(
        name="blur",
        label="Blur",
        help="Prepares for softer scans. Weaker across thick slices; above 1 voxel it wipes out lesions of a few voxels.",
        paper=_NNUNET,
        parameters=(BLUR,),
    ),
    Entry(
        name="gamma",
        label="Gamma",
        help="Prepares for scanners with other contrast.",
        paper=_NNUNET,
        parameters=(GAMMA,),
    ),
    Entry(
        name="brightness",
        label="Brightness",
        help="Prepares for scans whose values are scaled otherwise. Off by default: scans are normalised.",
        paper=_NNUNET,
        parameters=(BRIGHTNESS,),
    ),
    Entry(
        name="contrast",
        label="Contrast",
        help="Stretches and squeezes values within their range. Off by default: gamma does nearly the same.",
        paper=_NNUNET,
        parameters=(CONTRAST,),
    ),
    Entry(
        name="low_resolution",
        label="Low resolution",
        help="Prepares for coarser scans. Off by default: it wipes out lesions of a few voxels.",
        paper=_NNUNET,
        parameters=(LOW_RESOLUTION,),
    ),
)
