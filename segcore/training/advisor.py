"""A recipe that follows from what was measured, and for each choice the number that caused it.

The rules are a table of small functions, read from top to bottom; a rule that does not apply answers None and the
setting keeps its default. Sources: nnU-Net (doi:10.1038/s41592-020-01008-z) for patches and dimensions, Loss Odyssey
(doi:10.1016/j.media.2021.102035) for losses; the limits that no source gives are ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from segcore.imbalance.statistics import ANISOTROPY_2D, ProjectStatistics, ratio_words
from segcore.training.recipe import LossTerm, Recipe

#: From this foreground fraction on, imbalance is mild and losses differ by less than noise.
MILD = 0.05
#: Below it, foreground hardly ever turns up by chance.
RARE = 0.001
#: Below it, even one false voxel in ten thousand buries the true ones.
EXTREME = 0.0001
#: Fewer lesions or cases than this: the choice of cases matters more than the choice of loss.
FEW_LESIONS, FEW_CASES = 50, 30
#: From this many cases on, a larger network pays.
MANY_CASES = 300
#: Large over small lesions (90th over 10th percentile of the volume) from which small ones are drowned.
SPREAD = 10.0
#: Lesions of fewer voxels lose half their Dice when their border moves by one voxel.
TINY_VOXELS = 20.0
#: Intensity alone separates at least this well: a threshold may do.
EASY_CONTRAST = 0.97


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a setting is what it is.

    Parameters
    ----------
    choice
        The setting in words, with what was chosen.
    because
        The rule, as a sentence that names what was measured.
    value
        The measured number, ready to be shown.
    """

    choice: str
    because: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A recipe and its reasons; ``cautions`` are what a recipe cannot mend."""

    recipe: Recipe
    reasons: tuple[Reason, ...]
    cautions: tuple[Reason, ...]


Step = tuple[Recipe, Reason] | None
Rule = Callable[[Recipe, ProjectStatistics], Step]


def advise(statistics: ProjectStatistics, *, start: Recipe | None = None, recall_first: bool = False) -> Advice:
    """Return the recipe for what was measured.

    Parameters
    ----------
    statistics
        See `segcore.imbalance.statistics.measure`.
    start
        What the rules begin from: its budget, machine and everything no rule speaks of are kept.
    recall_first
        A missed lesion is worse than several false alarms.
    """
    recipe = replace(start or Recipe(), name="Advised")
    reasons = []
    for rule in (_loss_for_recall, *RULES) if recall_first else (_loss, *RULES):
        step = rule(recipe, statistics)
        if step is not None:
            recipe, reason = step
            reasons.append(reason)
    recipe.check()
    cautions = tuple(caution for check in CAUTIONS if (caution := check(statistics)) is not None)
    return Advice(recipe=recipe, reasons=tuple(reasons), cautions=cautions)


def percent(share: float) -> str:
    """Return a share as a percentage with two significant figures, never as ``1e-05``."""
    if not share > 0:
        return "0 %"
    digits = max(0, 1 - math.floor(math.log10(share * 100)))
    return f"{share * 100:.{digits}f} %"


def _rarity(statistics: ProjectStatistics) -> str:
    return f"{percent(statistics.prevalence)} foreground ({ratio_words(statistics.prevalence)})"


def _loss(recipe: Recipe, s: ProjectStatistics) -> Step:
    if s.prevalence < RARE and s.lesions >= FEW_LESIONS:
        because = (
            "Foreground is so rare that most background is learnt at once: overlap together with the hardest voxels "
            "only keeps that background from drowning the lesions."
        )
        chosen, label = LossTerm(name="dice_top_k"), "Dice + hardest voxels"
    elif s.prevalence >= MILD:
        because = "At this share the choice of loss hardly matters; overlap together with every voxel's vote is robust."
        chosen, label = LossTerm(name="dice_ce"), "Dice + cross-entropy"
    else:
        because = (
            "Overlap does not care how large the background is, and cross-entropy keeps learning on patches without "
            "a lesion. 'Dice + hardest voxels' is the first alternative to try."
        )
        chosen, label = LossTerm(name="dice_ce"), "Dice + cross-entropy"
    return replace(recipe, loss=(chosen,)), Reason(choice=f"Loss: {label}", because=because, value=_rarity(s))


def _loss_for_recall(recipe: Recipe, s: ProjectStatistics) -> Step:
    terms = (LossTerm(name="bce"), LossTerm(name="tversky", parameters=(("alpha", 0.3), ("beta", 0.7))))
    because = "You asked for few misses: Tversky makes a missed voxel cost more than twice as much as a false one."
    return replace(recipe, loss=terms), Reason(
        choice="Loss: cross-entropy + Tversky 0.3/0.7", because=because, value=_rarity(s)
    )


def _method(recipe: Recipe, s: ProjectStatistics) -> Step:
    method, reason = _method_and_reason(s)
    return replace(recipe, sampling=replace(recipe.sampling, method=method)), reason


def _method_and_reason(s: ProjectStatistics) -> tuple[str, Reason]:
    spread = size_spread(s)
    if s.empty_share > 0.5:
        because = (
            "Most cases hold no foreground: empty patches are thrown away until they no longer outnumber the rest."
        )
        return "undersampled", Reason(
            choice="Sampling: background undersampled", because=because, value=f"{percent(s.empty_share)} empty cases"
        )
    if s.lesions_per_case >= 2 and spread >= SPREAD:
        because = "Lesions differ much in size: drawing lesion by lesion keeps the small ones from being drowned."
        return "per_lesion", Reason(
            choice="Sampling: per lesion", because=because, value=f"large lesions are {spread:.0f} times the small ones"
        )
    because = (
        "Patches from anywhere would rarely hold a lesion, so a share of them is drawn around foreground."
        if s.hit_rate < 0.5
        else "Patches from anywhere often hold a little foreground; a share drawn around it makes sure of every batch."
    )
    return "foreground", Reason(
        choice="Sampling: foreground-oversampled",
        because=because,
        value=f"{percent(s.hit_rate)} of random patches hold foreground",
    )


def size_spread(statistics: ProjectStatistics) -> float:
    """Return how many times larger large lesions (90 %) are than small ones (10 %); 1 without lesions."""
    sizes = statistics.sizes_voxels
    return sizes.high / sizes.low if sizes.low > 0 else 1.0


def _ratio(recipe: Recipe, s: ProjectStatistics) -> Step:
    ratio = 0.33 if s.prevalence >= MILD else 0.5
    because = (
        "Foreground turns up by chance often enough that a third of the patches suffices."
        if ratio < 0.5
        else "Half of the patches must hold foreground; more would teach that a lesion is always there."
    )
    return replace(recipe, sampling=replace(recipe.sampling, ratio=ratio)), Reason(
        choice=f"Foreground share: {ratio:g}",
        because=because,
        value=_rarity(s),
    )


def _dimensions(recipe: Recipe, s: ProjectStatistics) -> Step:
    if s.shape[0] == 1:
        dimensions, because, value = "2d", "The images have one plane.", f"shape {_edges(s.shape)}"
    elif s.anisotropy > ANISOTROPY_2D:
        dimensions = "2d"
        because = (
            f"Planes lie more than {ANISOTROPY_2D:g} times as far apart as pixels, so a block of them tells little."
        )
        value = f"planes {s.anisotropy:.1f} times as far apart as pixels"
    else:
        dimensions = "auto"
        because = (
            "Voxels are nearly cubes: 3D where the volume is small or a GPU is there, else 2D with its neighbours."
        )
        value = f"shape {_edges(s.shape)}, anisotropy {s.anisotropy:.1f}"
    return replace(recipe, network=replace(recipe.network, dimensions=dimensions)), Reason(
        choice=f"Dimensions: {'automatic' if dimensions == 'auto' else '2D'}", because=because, value=value
    )


def _size(recipe: Recipe, s: ProjectStatistics) -> Step:
    size = "medium" if len(s.cases) > MANY_CASES else "small"
    because = (
        "There are enough cases for a network with more weights."
        if size == "medium"
        else "A small network takes more steps per minute and memorises less."
    )
    return replace(recipe, network=replace(recipe.network, size=size)), Reason(
        choice=f"Network size: {size}", because=because, value=f"{len(s.cases)} cases of {s.groups} patients"
    )


def lesion_edge(voxels: float, *, flat: bool) -> float:
    """Return the diameter in voxels of a disc (one plane) or ball with that many voxels."""
    return 2 * math.sqrt(voxels / math.pi) if flat else (6 * voxels / math.pi) ** (1 / 3)


def _patch(recipe: Recipe, s: ProjectStatistics) -> Step:
    """Ask for four times the diameter of large lesions, where the automatic choice gives less."""
    if not s.lesions:
        return None
    one_plane = s.shape[0] == 1
    across = lesion_edge(s.sizes_voxels.high, flat=one_plane)
    wanted = 16 * math.ceil(4 * across / 16)
    usual, most = (256, 320) if s.flat else (48, 96)
    # Large photographs are shrunk before training, by the size of their lesions; the plan knows by how much.
    if wanted <= usual or (one_plane and not s.calibrated and max(s.shape) > 1024):
        return None
    edge = min(wanted, most)
    return replace(recipe, optimiser=replace(recipe.optimiser, patch=edge)), Reason(
        choice=f"Patch edge: {edge} voxels",
        because="A patch should be about four times as wide as a large lesion, so that it shows what is around it.",
        value=f"large lesions are {across:.0f} voxels across",
    )


def _batch(recipe: Recipe, s: ProjectStatistics) -> Step:
    """Make sure that at least two patches of a batch hold foreground, on average."""
    ratio = recipe.sampling.ratio
    if s.prevalence >= RARE and s.hit_rate >= 0.05:
        return None
    batch = 8 if s.flat else 4
    return replace(recipe, optimiser=replace(recipe.optimiser, batch=batch)), Reason(
        choice=f"Batch: {batch} patches",
        because=(
            f"At least two patches of a batch should hold foreground: {ratio * batch:g} of {batch} are drawn around it."
        ),
        value=f"{percent(s.hit_rate)} of random patches hold foreground",
    )


def _few(recipe: Recipe, s: ProjectStatistics) -> Step:
    if s.lesions >= FEW_LESIONS and len(s.cases) >= FEW_CASES:
        return None
    stronger = replace(recipe.augmentation, rotation=30.0, scaling=0.3)
    return replace(recipe, augmentation=stronger), Reason(
        choice="Augmentation: rotation 30°, scaling 0.3",
        because="With few lesions to learn from, stronger random changes make them look like more.",
        value=f"{s.lesions} lesions in {len(s.cases)} cases",
    )


def _tiny(recipe: Recipe, s: ProjectStatistics) -> Step:
    if not s.lesions or s.sizes_voxels.middle >= TINY_VOXELS:
        return None
    gentler = replace(recipe.augmentation, blur=0.4, scaling=min(recipe.augmentation.scaling, 0.2))
    return replace(recipe, augmentation=gentler), Reason(
        choice="Augmentation: blur 0.4, scaling at most 0.2",
        because="Lesions of a few voxels vanish when they are blurred or shrunk.",
        value=f"half of the lesions have fewer than {s.sizes_voxels.middle + 1:.0f} voxels",
    )


#: In this order; later rules see what earlier ones chose.
RULES: tuple[Rule, ...] = (_method, _ratio, _dimensions, _size, _patch, _batch, _few, _tiny)


def _no_foreground(s: ProjectStatistics) -> Reason | None:
    if s.lesions:
        return None
    because = "There is nothing to learn from: annotate some lesions and mark their cases complete."
    return Reason(choice="Annotate lesions first", because=because, value=f"{len(s.cases)} cases, all empty")


def _extremely_rare(s: ProjectStatistics) -> Reason | None:
    if not 0 < s.prevalence < EXTREME:
        return None
    because = (
        "For a Dice near 0.9, false voxels must be ten times rarer than lesions. Expect a good ranking before a good "
        "mask: watch average precision, and cut the scans to the organ if you can."
    )
    return Reason(choice="Expect false alarms", because=because, value=_rarity(s))


def _count_lesions(s: ProjectStatistics) -> Reason | None:
    if not s.lesions or s.sizes_voxels.middle >= TINY_VOXELS:
        return None
    because = (
        "On lesions this small, Dice says how well the border was guessed. Judge by lesions found and false alarms."
    )
    value = f"median lesion {s.sizes_voxels.middle:.0f} voxels"
    return Reason(choice="Judge by lesions, not by Dice", because=because, value=value)


def _few_to_learn_from(s: ProjectStatistics) -> Reason | None:
    if not s.lesions or (s.lesions >= FEW_LESIONS and len(s.cases) >= FEW_CASES):
        return None
    because = (
        "Results will differ from split to split and seed to seed: more annotated lesions help more than settings."
    )
    return Reason(choice="Annotate more", because=because, value=f"{s.lesions} lesions in {len(s.cases)} cases")


def _threshold_may_do(s: ProjectStatistics) -> Reason | None:
    if math.isnan(s.contrast_auc) or s.contrast_auc < EASY_CONTRAST:
        return None
    because = "Intensity alone tells lesion from background well here: compare the model with a plain threshold."
    return Reason(choice="Compare with a threshold", because=because, value=f"area under ROC {s.contrast_auc:.3f}")


#: What the person should know, whatever the recipe.
CAUTIONS: tuple[Callable[[ProjectStatistics], Reason | None], ...] = (
    _no_foreground,
    _extremely_rare,
    _few_to_learn_from,
    _count_lesions,
    _threshold_may_do,
)


def _edges(shape: tuple[int, int, int]) -> str:
    return " × ".join(str(edge) for edge in shape)
