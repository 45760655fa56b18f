"""The networks, described without torch; `segcore.networks.unet` builds them."""

from __future__ import annotations

from segcore.catalog.entry import Entry

#: Each level of a network has half the resolution of the one above, and twice its width.
LEVELS = 4
#: Voxels along an edge of one cell of the coarsest level; extents of a patch are multiples of it.
MULTIPLE: int = 1 << LEVELS

NETWORKS: tuple[Entry, ...] = (
    Entry(
        name="small",
        label="Small U-Net",
        help="Few weights, many steps per minute: the choice for a CPU and for few cases.",
        paper="Ronneberger et al. 2015, arXiv:1505.04597",
    ),
    Entry(name="medium", label="Medium U-Net", help="Twice as wide; for long runs or a GPU.", paper="as small"),
    Entry(name="large", label="Large U-Net", help="Four times as wide; needs a GPU and many cases.", paper="as small"),
)
