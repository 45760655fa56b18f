"""The losses a person can choose, described without torch; `segcore.losses.build` implements exactly these names."""

from __future__ import annotations

from segcore.catalog.companion_losses import COMPANION_LOSSES
from segcore.catalog.compound_losses import COMPOUND_LOSSES
from segcore.catalog.entry import Entry
from segcore.catalog.overlap_losses import OVERLAP_LOSSES
from segcore.catalog.pixel_losses import PIXEL_LOSSES

#: The default first, then what is safe alone, then what needs a companion.
LOSSES: tuple[Entry, ...] = COMPOUND_LOSSES + PIXEL_LOSSES + OVERLAP_LOSSES + COMPANION_LOSSES
