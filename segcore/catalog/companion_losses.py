"""Losses of borders, lines and ranking, to be added to another."""

from __future__ import annotations

from segcore.catalog.entry import Entry
from segcore.catalog.loss_settings import REGION_EMPTY
from segcore.ranges import Range, Setting

COMPANION_LOSSES: tuple[Entry, ...] = (
    Entry(
        name="boundary",
        label="Boundary",
        help="Punishes by how far from the border a voxel is wrong. A companion whose weight should grow over the run.",
        paper="Kervadec et al. 2021, arXiv:1812.07032",
        parameters=(
            Setting(
                name="clip",
                label="Farthest distance",
                help="Voxels farther from the border count as if this far.",
                domain=Range(low=2.0, high=200.0, default=20.0, step=2.0),
            ),
        ),
        empty_patch="it says nothing there.",
        needs_companion=True,
    ),
    Entry(
        name="hausdorff_dt",
        label="Hausdorff distance",
        help="Punishes errors by their distance to the borders of mask and prediction. A slow companion for late in the run.",
        paper="Karimi and Salcudean 2019, arXiv:1904.10030",
        parameters=(
            Setting(
                name="alpha",
                label="Exponent",
                help="How much more distant errors cost.",
                domain=Range(low=0.5, high=4.0, default=2.0, step=0.5),
            ),
        ),
        empty_patch="it sees false alarms only once their probability is above a half.",
        needs_companion=True,
    ),
    Entry(
        name="cl_dice",
        label="Centre-line Dice (clDice)",
        help="For cracks and vessels: whether centre lines are covered without gaps, plus Dice.",
        paper="Shit et al. 2021, arXiv:2003.07311",
        parameters=(
            Setting(
                name="iterations",
                label="Thickest radius",
                help="How many voxels thick structures may be from border to centre line.",
                domain=Range(low=1, high=50, default=5, whole=True, step=1),
            ),
            Setting(
                name="alpha",
                label="Share of centre lines",
                help="The rest is Dice.",
                domain=Range(low=0.0, high=1.0, default=0.5, step=0.1),
            ),
        ),
        empty_patch=REGION_EMPTY,
        needs_companion=True,
    ),
    Entry(
        name="skeleton_recall",
        label="Skeleton recall",
        help="For cracks and vessels: how much of the widened centre lines is covered. A cheap companion to Dice + cross-entropy.",
        paper="Kirchhoff et al. 2024, arXiv:2404.03010",
        empty_patch=REGION_EMPTY,
        needs_companion=True,
    ),
    Entry(
        name="auc_pair",
        label="Ranking of pairs (AUC)",
        help="Wants every lesion voxel above every background voxel by a margin. A companion: on its own it knows no threshold.",
        paper="Yuan et al. 2021 (LibAUC), arXiv:2012.03173",
        parameters=(
            Setting(
                name="margin",
                label="Margin",
                help="By how much logits must differ.",
                domain=Range(low=0.1, high=10.0, default=1.0, step=0.5),
            ),
        ),
        empty_patch="it says nothing there.",
        needs_companion=True,
    ),
)
