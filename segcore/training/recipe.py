"""The recipe: everything needed to repeat a training, as frozen dataclasses that describe their own form."""

from __future__ import annotations

from dataclasses import dataclass, field

from segcore.catalog.augmentations import (
    BLUR,
    BRIGHTNESS,
    CONTRAST,
    FLIPS,
    GAMMA,
    LOW_RESOLUTION,
    NOISE,
    ROTATION,
    SCALING,
)
from segcore.catalog.loss_settings import RAMPS, WEIGHTS
from segcore.catalog.samplers import (
    EMPTIES_PER_FOREGROUND,
    HARD_SHARE,
    JITTER,
    LATER_RATIO,
    RATIO,
    RATIO_FADES,
    SAMPLERS,
    SIZE_EXPONENT,
)
from segcore.catalog.synthesis import FEATHER, MATCH_INTENSITY, PASTE_FLIPS, RATE, SYNTHESES, THREE_WAYS
from segcore.errors import SettingProblem
from segcore.ranges import Choice, Range, Switch, check_settings, field_for, setting

#: Terms that a loss may have.
MOST_TERMS = 4
#: A loss parameter: its name in the catalogue and its value.
Parameter = tuple[str, float | bool | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTerm:
    """One term of the loss.

    Parameters
    ----------
    name
        A name in `segcore.catalog.losses`.
    weight
        Factor in the sum, > 0.
    ramp
        Share of the run, 0..1, over which the weight grows from 0; 0 is the whole weight at once.
    parameters
        Only those that differ from the catalogue's defaults.
    """

    name: str
    weight: float = 1.0
    ramp: float = 0.0
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Which patches the network sees."""

    method: str = setting(
        Choice(options=tuple((entry.name, entry.label) for entry in SAMPLERS), default="foreground"),
        label="Sampling",
        help="How patches are drawn from the scans; the rare class must be seen often to be learnt.",
    )
    ratio: float = field_for(RATIO)
    ratio_fades: bool = field_for(RATIO_FADES)
    later_ratio: float = field_for(LATER_RATIO)
    jitter: float = field_for(JITTER)
    size_exponent: float = field_for(SIZE_EXPONENT)
    empties_per_foreground: float = field_for(EMPTIES_PER_FOREGROUND)
    hard_share: float = field_for(HARD_SHARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Random changes that make a few lesions look like many."""

    flips: bool = field_for(FLIPS)
    rotation: float = field_for(ROTATION)
    scaling: float = field_for(SCALING)
    noise: float = field_for(NOISE)
    blur: float = field_for(BLUR)
    gamma: float = field_for(GAMMA)
    brightness: float = field_for(BRIGHTNESS)
    contrast: float = field_for(CONTRAST)
    low_resolution: float = field_for(LOW_RESOLUTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesis:
    """Lesions made from those there are; off unless a person asks for it."""

    method: str = setting(
        Choice(options=tuple((entry.name, entry.label) for entry in SYNTHESES), default="none"),
        label="Synthesis of lesions",
        help=THREE_WAYS,
    )
    rate: float = field_for(RATE)
    feather: float = field_for(FEATHER)
    match_intensity: bool = field_for(MATCH_INTENSITY)
    paste_flips: bool = field_for(PASTE_FLIPS)

    @property
    def is_on(self) -> bool:
        """Whether any patch may receive a lesion."""
        return self.method != "none" and self.rate > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The network that is trained."""

    dimensions: str = setting(
        Choice(options=(("auto", "Automatic"), ("2d", "2D slices"), ("3d", "3D patches")), default="auto"),
        label="Dimensions",
        help="2D looks at one slice with its neighbours, 3D at blocks; automatic decides by spacing and budget.",
    )
    size: str = setting(
        Choice(
            options=(("small", "Small (fast)"), ("medium", "Medium"), ("large", "Large (needs a GPU)")),
            default="small",
        ),
        label="Network size",
        help="Larger networks learn more from many cases and long budgets; small ones take more steps per minute.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimiser:
    """How the weights are moved."""

    learning_rate: float = setting(
        Range(low=1e-6, high=10.0, default=2e-3, logarithmic=True),
        label="Learning rate",
        help="Peak step size of AdamW; it warms up, then falls to zero over the budget.",
    )
    batch: int = setting(
        Range(low=0, high=256, default=0, whole=True, step=1),
        label="Batch",
        help="Patches per step; 0 chooses by patch size and device.",
        advanced=True,
    )
    patch: int = setting(
        Range(low=0, high=1024, default=0, whole=True, step=16),
        label="Patch edge",
        help="Edge of a patch in voxels; 0 chooses by lesion size and network.",
        advanced=True,
    )
    prior_bias: bool = setting(
        Switch(default=True),
        label="Start from the prevalence",
        help="Starts at 'as rare as it is' instead of 'half is lesion': the cheapest cure of the collapse.",
        advanced=True,
    )
    average: bool = setting(
        Switch(default=True),
        label="Average the weights",
        help="Validates and keeps a running mean of the weights, which is steadier with few lesions.",
        advanced=True,
    )
    deep_supervision: bool = setting(
        Switch(default=False),
        label="Deep supervision",
        help="The coarse levels of the network must say where lesions are, too; small lesions are kept at every level.",
        advanced=True,
    )
    rescue: bool = setting(
        Switch(default=False),
        label="Rescue a collapsed run",
        help="On a confirmed collapse, or a loss that is no number: applies the remedy and goes on from the best weights; "
        "at most twice, and the record says so.",
        advanced=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long to train; `steps` counts where it is not 0, else `minutes`."""

    minutes: float = setting(
        Range(low=0.1, high=100_000.0, default=5.0, step=1.0, unit="min"),
        label="Minutes",
        help="How long to train; the learning rate is planned so that the run ends well.",
    )
    steps: int = setting(
        Range(low=0, high=10_000_000, default=0, whole=True, step=100),
        label="Steps",
        help="Train for this many steps instead; runs of equal steps can be compared. 0 uses the minutes.",
    )
    validations: int = setting(
        Range(low=2, high=1000, default=10, whole=True, step=1),
        label="Validations",
        help="How often whole validation scans are predicted during the run.",
        advanced=True,
    )
    patience: int = setting(
        Range(low=0, high=1000, default=0, whole=True, step=1),
        label="Patience",
        help="Ends the run after so many validations without a better one; 0 uses the whole budget.",
        advanced=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the training runs on."""

    device: str = setting(
        Choice(
            options=(("auto", "Automatic"), ("cpu", "CPU"), ("cuda", "NVIDIA GPU"), ("mps", "Apple GPU")),
            default="auto",
        ),
        label="Device",
        help="Automatic takes a GPU where there is one.",
    )
    threads: int = setting(
        Range(low=0, high=256, default=0, whole=True, step=1),
        label="CPU threads",
        help="Threads for training on the CPU; 0 takes all cores.",
        advanced=True,
    )
    seed: int = setting(
        Range(low=0, high=2_147_483_647, default=0, whole=True, step=1),
        label="Seed",
        help="The same seed, data and steps give the same result on the same CPU.",
    )
    tensorboard: bool = setting(
        Switch(default=False),
        label="Files for TensorBoard",
        help="Writes the curves as event files, too, into the folder tensorboard of the run.",
        advanced=True,
    )


SEEDS, FOLDS = "seeds", "folds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Several networks that are trained one after the other and averaged."""

    members: int = setting(
        Range(low=1, high=10, default=1, whole=True, step=1),
        label="Members",
        help="Networks trained one after the other, each for the whole budget, and averaged. 3 to 5 are steadier than "
        "one, and where they disagree deserves a look. 1 trains a single network.",
    )
    differ_in: str = setting(
        Choice(
            options=((SEEDS, "The seed"), (FOLDS, "The patients left out")),
            default=SEEDS,
        ),
        label="Members differ in",
        help="The seed: all learn from the same patients. The patients left out: each validates on other patients, so "
        "that every patient outside the test part is learnt from and the threshold is fitted on all of them.",
        advanced=True,
    )


DEFAULT_LOSS = (LossTerm(name="dice_ce"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything needed to repeat a training, apart from the data and the split.

    Parameters
    ----------
    name
        What the person calls it.
    loss
        One to four terms; their weighted sum is minimised.
    """

    name: str = "Default"
    loss: tuple[LossTerm, ...] = DEFAULT_LOSS
    sampling: Sampling = field(default_factory=Sampling)
    synthesis: Synthesis = field(default_factory=Synthesis)
    augmentation: Augmentation = field(default_factory=Augmentation)
    network: Network = field(default_factory=Network)
    optimiser: Optimiser = field(default_factory=Optimiser)
    budget: Budget = field(default_factory=Budget)
    ensemble: Ensemble = field(default_factory=Ensemble)
    machine: Machine = field(default_factory=Machine)

    def check(self) -> None:
        """Raise `SettingProblem` for the first setting outside its range; loss names are checked when built."""
        if not 1 <= len(self.loss) <= MOST_TERMS:
            raise SettingProblem(f"the loss has {len(self.loss)} terms", remedy=f"combine one to {MOST_TERMS} losses")
        for term in self.loss:
            WEIGHTS.check(f"weight of {term.name}", term.weight)
            RAMPS.check(f"ramp of {term.name}", term.ramp)
        if all(term.ramp > 0 for term in self.loss):
            raise SettingProblem(
                "every term of the loss grows from 0, so that nothing would be learnt at first",
                remedy="set the ramp of one term to 0",
            )
        for part in (
            self.sampling,
            self.synthesis,
            self.augmentation,
            self.network,
            self.optimiser,
            self.budget,
            self.ensemble,
            self.machine,
        ):
            check_settings(part)
