"""Events of a scripted run, for tests of the Train workspace."""

from dataclasses import replace

from segcore.metrics.calibration import ReliabilityBin
from segcore.metrics.lesion_sizes import SizeBin
from segcore.metrics.precision_recall import Interval, PrCurve
from segcore.training.events import EndReason, RunEnded, RunStarted, StepsDone, Validated

STARTED = RunStarted(
    run="r",
    time="2026-01-01T00:00:00Z",
    device="CPU, 2 threads",
    network="small 2D U-Net",
    total_steps=100,
    total_seconds=None,
    train_cases=3,
    validation_cases=1,
    prevalence=0.001,
    sampled_prevalence=0.01,
)
ENDED = RunEnded(step=60, seconds=60.0, reason=EndReason.FINISHED, best_step=50, sentence="The budget is used up.")
STOPPED = replace(ENDED, reason=EndReason.STOPPED, sentence="The run was stopped.")
PAUSED = replace(ENDED, reason=EndReason.PAUSED, sentence="The run is paused at step 60; it goes on from there.")


def steps(step: int) -> StepsDone:
    return StepsDone(
        step=step,
        seconds=float(step),
        loss=1.0,
        gradient_share=0.4,
        predicted_fraction=0.01,
        true_fraction=0.01,
        patches_with_foreground=0.5,
        learning_rate=1e-3,
        patches_per_second=9.0,
        remaining_seconds=75.0,
        skill=0.25,
        asked_share=0.5,
        forced_share=0.5,
        hard_share=0.125,
        pasted_share=0.0,
        batches_without_foreground=0.0,
        dead_batches=0.0,
        foreground_logit=1.0,
        loading=0.1,
        augmenting=0.2,
        learning=0.5,
        validating=0.1,
    )


def validated(step: int, ap: float = 0.41) -> Validated:
    return Validated(
        step=step,
        seconds=float(step),
        dice=0.42,
        precision=0.5,
        recall=0.4,
        pooled_dice=0.4,
        dice_at_half=0.3,
        average_precision=ap,
        lesion_f1=0.5,
        threshold=0.3,
        predicted_fraction=0.001,
        true_fraction=0.001,
        soft_fraction=0.001,
        foreground_probability=0.5,
        skill=0.3,
        is_best=True,
        cases=(),
        f_beta=0.45,
        dice_interval=Interval(low=0.31, high=0.55),
        sizes=(SizeBin(low=1, high=4, lesions=4, found=1), SizeBin(low=5, high=9, lesions=4, found=4)),
        false_positives_per_case=2.5,
        curve=PrCurve(recall=(0.2, 0.6, 1.0), precision=(1.0, 0.7, 0.1), at_recall=0.6, at_precision=0.7),
        reliability=(
            ReliabilityBin(predicted=0.1, observed=0.05, voxels=40),
            ReliabilityBin(predicted=0.8, observed=0.6, voxels=40),
        ),
        calibration_error=0.125,
        brier_skill=0.35,
    )
