"""What sampling does with cases that hold no lesion, in words."""

from __future__ import annotations

from collections.abc import Sequence

from app.widgets.wording import count
from segcore.imbalance.batch_odds import share_from_empty_cases
from segcore.projects.case import Case
from segcore.training.recipe import Sampling

_METHODS = {
    "uniform": "Uniform sampling draws patches from all cases alike",
    "foreground": "Foreground oversampling draws {ratio:.0%} of the patches around lesions and the rest from all cases alike",
    "per_lesion": "Sampling per lesion draws {ratio:.0%} of the patches around lesions and the rest from all cases alike",
    "case_weighted": "Case-weighted sampling draws {ratio:.0%} of the patches around lesions, and at least half of the rest "
    "from cases with lesions",
    "undersampled": "Undersampling throws patches that hold foreground away among those from anywhere, until there are "
    "{empties:g} empty ones for each around a lesion",
    "hard_negative": "Hard-negative sampling draws {ratio:.0%} of the patches around lesions, and the rest from all cases "
    "alike or where the model raises false alarms",
}


def empties_words(cases: Sequence[Case], sampling: Sampling) -> str:
    """Return what `sampling` does with those of the training `cases` that are empty."""
    empty = sum(case.foreground_voxels == 0 for case in cases)
    if not cases:
        return "There is no training case yet: mark cases complete."
    if not empty:
        return "Every training case holds a lesion. Patches without one are drawn elsewhere in the same cases."
    method = _METHODS[sampling.method].format(ratio=sampling.ratio, empties=sampling.empties_per_foreground)
    share = share_from_empty_cases(
        [case.foreground_voxels for case in cases], sampling.method, sampling.ratio, sampling.empties_per_foreground
    )
    verb = "holds" if empty == 1 else "hold"
    return (
        f"{empty:,} of {count(len(cases), 'training case')} {verb} no lesion. {method}: {share:.0%} of all patches come "
        f"from cases without a lesion."
    )
