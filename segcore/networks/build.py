"""From a description to a network."""

from __future__ import annotations

from segcore.catalog.entry import find
from segcore.catalog.networks import NETWORKS
from segcore.errors import UnknownName
from segcore.networks.first_unet import FirstUNet
from segcore.networks.light_unet import LightUNet
from segcore.networks.unet import FIRST_DESIGN, PRESENT_DESIGN, NetworkDescription, UNet

_DESIGNS: dict[int, type[FirstUNet | LightUNet]] = {FIRST_DESIGN: FirstUNet, PRESENT_DESIGN: LightUNet}


def build_network(description: NetworkDescription) -> UNet:
    """Return an untrained network.

    Raises
    ------
    UnknownName
        For a size or design that is not known.
    """
    find("network", description.size, NETWORKS)
    if description.design not in _DESIGNS:
        raise UnknownName("design of networks", str(description.design), [str(known) for known in _DESIGNS])
    return _DESIGNS[description.design](description)
