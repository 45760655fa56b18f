"""The ways to make lesions that are not in the scans, described; `segcore.synthesis` implements them."""

from __future__ import annotations

from segcore.catalog.entry import Entry
from segcore.ranges import Range, Setting, Switch

RATE = Setting(
    name="rate",
    label="Pasted share",
    help="Share of patches that receive one pasted lesion, where there is room for it.",
    domain=Range(low=0.0, high=1.0, default=0.5, step=0.05),
)
FEATHER = Setting(
    name="feather",
    label="Feather",
    help="Width of the band around a pasted lesion in which it fades into the scan; 0 leaves a cut edge.",
    domain=Range(low=0.0, high=8.0, default=2.0, step=0.5, unit="voxels"),
)
MATCH_INTENSITY = Setting(
    name="match_intensity",
    label="Match the surroundings",
    help="Keeps the lesion's contrast to the tissue around it, not its brightness: a lesion from a dark region is "
    "lifted where it lands in a bright one.",
    domain=Switch(default=True),
)
PASTE_FLIPS = Setting(
    name="paste_flips",
    label="Flip pasted lesions",
    help="Mirrors a lesion at random before it is pasted; every voxel stays as it was measured.",
    domain=Switch(default=True),
)
#: How the three remedies on the side of the data differ; shown in the form and in the guide.
THREE_WAYS = (
    "Oversampling shows the same lesions more often: what they teach on average is what class weights teach, but the "
    "network may learn these few by heart. Undersampling throws background away: quick, but more false alarms. "
    "Synthesis puts lesions into surroundings where they never were: new combinations, at the risk that the network "
    "learns to find paste edges instead of lesions. So it is off until you have compared it with off in Trials."
)

SYNTHESES: tuple[Entry, ...] = (
    Entry(
        name="none",
        label="Off",
        help="The network sees only lesions where they really are.",
        paper="baseline",
    ),
    Entry(
        name="copy_paste",
        label="Copy and paste lesions",
        help="Copies lesions of training cases into patches of other training cases, also of lesion-free ones, with a "
        "feathered edge. Compare it with off before you rely on it.",
        paper="Yang et al. 2021 (TumorCP), arXiv:2107.09843; feathering: Dai et al. 2022 (Soft-CP), arXiv:2203.10507; "
        "choice of the place by its surroundings: ours",
        parameters=(RATE, FEATHER, MATCH_INTENSITY, PASTE_FLIPS),
    ),
    Entry(
        name="carve_mix",
        label="CarveMix",
        help="Copies a part of a lesion, or the lesion with some of what surrounds it, with a hard edge that follows its "
        "outline.",
        paper="Zhang et al. 2021, arXiv:2108.06883; choice of the place: ours",
        parameters=(RATE, MATCH_INTENSITY, PASTE_FLIPS),
    ),
    Entry(
        name="poisson",
        label="Copy by gradients (Poisson)",
        help="Copies a lesion's gradients instead of its brightness: its edge meets the tissue without a step.",
        paper="Perez et al. 2003, doi:10.1145/882262.882269; choice of the place: ours",
        parameters=(RATE, FEATHER, PASTE_FLIPS),
    ),
    Entry(
        name="parametric",
        label="Made-up lesions",
        help="Draws irregular ellipsoids with the size, contrast and texture of real lesions: shapes that nobody has.",
        paper="ours",
        parameters=(RATE, FEATHER, MATCH_INTENSITY),
    ),
)
