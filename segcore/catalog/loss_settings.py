"""Settings and sentences that several losses share."""

from __future__ import annotations

from segcore.ranges import Range, Setting, Switch

BATCH = Setting(
    name="batch",
    label="Whole batch",
    help="Measures overlap over the whole batch instead of patch by patch; safer when many patches are empty.",
    domain=Switch(default=True),
    advanced=True,
)
SMOOTH_NUMERATOR = Setting(
    name="smooth_numerator",
    label="Smoothing above",
    help="Added to the overlap; above 0 it rewards empty predictions and lets small lesions collapse.",
    domain=Range(low=0.0, high=1.0, default=0.0),
    advanced=True,
)
SMOOTH_DENOMINATOR = Setting(
    name="smooth_denominator",
    label="Smoothing below",
    help="Added to the sizes, so that nothing is divided by zero.",
    domain=Range(low=1e-8, high=10.0, default=1e-5, logarithmic=True),
    advanced=True,
)
OVERLAP = (BATCH, SMOOTH_NUMERATOR, SMOOTH_DENOMINATOR)
GAMMA = Setting(
    name="gamma",
    label="Focus",
    help="How strongly easy voxels are ignored; 0 ignores none.",
    domain=Range(low=0.0, high=5.0, default=2.0, step=0.25),
)
FOCAL_ALPHA = Setting(
    name="alpha",
    label="Lesion weight",
    help="Weight of lesion voxels against 1 minus it for the background; 0 gives both the same weight.",
    domain=Range(low=0.0, high=0.99, default=0.75, step=0.05),
)
TVERSKY_ALPHA = Setting(
    name="alpha",
    label="Cost of false positives",
    help="Higher means fewer false alarms.",
    domain=Range(low=0.01, high=1.0, default=0.3, step=0.05),
)
TVERSKY_BETA = Setting(
    name="beta",
    label="Cost of missed voxels",
    help="Higher means fewer missed lesions.",
    domain=Range(low=0.01, high=1.0, default=0.7, step=0.05),
)
SHARE = Setting(
    name="share",
    label="Hardest share",
    help="Share of the voxels that count; at least ten times the lesion's voxels are kept.",
    domain=Range(low=0.001, high=1.0, default=0.1, step=0.01),
)
#: How a term stands in a sum of losses.
WEIGHTS = Range(low=0.001, high=1000.0, default=1.0, step=0.1)
RAMPS = Range(low=0.0, high=1.0, default=0.0, step=0.05)
WEIGHT = Setting(
    name="weight",
    label="Weight",
    help="Factor of this loss in the sum.",
    domain=WEIGHTS,
)
RAMP = Setting(
    name="ramp",
    label="Grows over",
    help="Share of the run over which this loss comes in, from nothing to its weight; 0 is all of it at once.",
    domain=RAMPS,
)
#: Share of the run that a ramp counts as done at the first step: a weight of exactly 0 would leave nothing to learn from.
_BEGUN = 1e-3


def weight_at(weight: float, ramp: float, progress: float) -> float:
    """Return a term's weight at a point of the run, 0..1: it grows along a line, then stays."""
    return weight * min(1.0, max(progress, _BEGUN) / ramp) if ramp > 0 else weight


PIXEL_EMPTY = "it still learns to predict nothing there."
REGION_EMPTY = "it gives no gradient, so false alarms there are not punished."
