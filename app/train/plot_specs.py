"""Which plots a run has, as data: heading, curves, axis, and a sentence on what they mean."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One curve of a plot.

    Parameters
    ----------
    curve
        Its name in `RunCurves`.
    legend
        What it is called on screen.
    colour
        Which of the theme's series.
    marked
        Whether each value gets a dot: validations are few.
    band
        Whether the interval over cases is shaded.
    """

    curve: str
    legend: str
    colour: int
    marked: bool = False
    band: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotSpec:
    """One plot over training steps."""

    title: str
    lines: tuple[Line, ...]
    tooltip: str
    logarithmic: bool = False
    unit_range: bool = False


def _validation(curve: str, legend: str, colour: int, *, band: bool = False) -> Line:
    return Line(curve=curve, legend=legend, colour=colour, marked=True, band=band)


def _step(curve: str, legend: str, colour: int) -> Line:
    return Line(curve=curve, legend=legend, colour=colour)


PLOTS = (
    PlotSpec(
        title="Rare class on whole validation scans",
        lines=(
            _validation("dice", "Dice", 0, band=True),
            _validation("precision", "Precision", 1),
            _validation("recall", "Recall", 2),
            _validation("f_beta", "F2", 4),
            _validation("average_precision", "Average precision", 3),
        ),
        unit_range=True,
        tooltip="Measured on whole scans as they are, at the fitted threshold, never on patches; the band is where the "
        "mean Dice of other such cases would lie (95 %).",
    ),
    PlotSpec(
        title="Lesions found, by size",
        lines=(
            _validation("size_1", "Smallest quarter", 4),
            _validation("size_2", "Second", 1),
            _validation("size_3", "Third", 3),
            _validation("size_4", "Largest quarter", 2),
            _validation("lesion_f1", "Lesion F1", 0),
        ),
        unit_range=True,
        tooltip="Share of true lesions that the prediction touches, from the smallest to the largest quarter of them.",
    ),
    PlotSpec(
        title="False alarms per case",
        lines=(_validation("false_positives_per_case", "False lesions", 4),),
        tooltip="Predicted lesions that touch no true one, per validation scan.",
    ),
    PlotSpec(
        title="Training loss",
        lines=(_step("loss", "Loss", 0),),
        tooltip="Its value says little when lesions are rare; see the skill beside it.",
    ),
    PlotSpec(
        title="Skill: better than a constant?",
        lines=(_step("patch_skill", "In patches", 1), _validation("skill", "In validation scans", 0)),
        tooltip="1 − cross-entropy / that of always saying the prevalence: 0 is as good as a constant, below is worse.",
    ),
    PlotSpec(
        title="Share of the gradient from lesions",
        lines=(_step("gradient_share", "Foreground share", 2),),
        unit_range=True,
        tooltip="Share of the pull on the network that comes from lesion voxels; healthy is 0.2 to 0.8.",
    ),
    PlotSpec(
        title="Foreground fraction: predicted and true",
        lines=(
            _step("predicted_fraction", "Predicted in patches", 1),
            _step("true_fraction", "True in patches", 2),
            _validation("validated_fraction", "Predicted in validation scans", 0),
        ),
        logarithmic=True,
        tooltip="A prediction far below the truth means the network is collapsing to 'all background'.",
    ),
    PlotSpec(
        title="Patches on lesions: asked and drawn",
        lines=(
            _step("asked_share", "Asked", 3),
            _step("forced_share", "Drawn on lesions", 0),
            _step("patches_with_foreground", "Hold a lesion", 2),
            _step("hard_share", "Hard negatives", 4),
            _step("pasted_share", "Pasted", 1),
        ),
        unit_range=True,
        tooltip="What the sampling was asked for, and what the batches really held.",
    ),
    PlotSpec(
        title="Calibration",
        lines=(_validation("brier_skill", "Brier skill", 0), _validation("calibration_error", "Calibration error", 4)),
        tooltip="Brier skill: 1 is perfect, 0 as good as always saying the prevalence. The error is measured where "
        "probabilities exceed 0.01.",
    ),
    PlotSpec(
        title="Learning rate",
        lines=(_step("learning_rate", "Learning rate", 3),),
        logarithmic=True,
        tooltip="Warms up, then falls along a cosine; a rescue begins its course anew.",
    ),
    PlotSpec(
        title="Patches per second",
        lines=(_step("patches_per_second", "Patches/s", 0),),
        tooltip="Throughput, validations included.",
    ),
    PlotSpec(
        title="Where the time goes",
        lines=(
            _step("learning", "Forward + backward", 0),
            _step("loading", "Drawing patches", 2),
            _step("augmenting", "Augmentation", 1),
            _step("validating", "Validation", 3),
        ),
        unit_range=True,
        tooltip="Shares of the time; what is missing to 1 went into saving and reporting.",
    ),
)
