"""Loss functions for rare foreground: one signature, one explicit catalogue.

>>> from segcore.losses import LOSSES, build_loss
>>> loss = build_loss("dice_ce", batch=True)
"""

from segcore.catalog.losses import LOSSES
from segcore.losses.build import build_loss, build_terms

__all__ = ["LOSSES", "build_loss", "build_terms"]
