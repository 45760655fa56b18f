"""What a step costs, held to the networks themselves."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from segcore.errors import UnknownName
from segcore.inference.preparation import Preparation
from segcore.networks.build import build_network
from segcore.networks.description import FIRST_DESIGN, PRESENT_DESIGN, NetworkDescription
from segcore.training.cost import step_cost
from segcore.training.plan import Plan


def plan_of(dimensions: int, size: str = "small", *, channels: int = 2, batch: int = 2, edge: int = 32) -> Plan:
    flat = dimensions == 2
    return Plan(
        network=NetworkDescription(dimensions=dimensions, channels=channels, size=size, design=PRESENT_DESIGN),
        preparation=Preparation(channels=("a",), spacing=None, shrink=1),
        patch=(1, edge, edge) if flat else (edge, edge, edge),
        batch=batch,
        flat=flat,
        spacing=(1.0, 1.0, 1.0),
    )


@pytest.mark.parametrize("size", ["small", "medium", "large"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_weights_are_those_of_the_network(dimensions: int, size: str) -> None:
    plan = plan_of(dimensions, size, channels=3)
    assert step_cost(plan).weights == build_network(plan.network).weights


@pytest.mark.parametrize("dimensions", [2, 3])
def test_multiply_adds_are_those_that_torch_counts(dimensions: int) -> None:
    plan = plan_of(dimensions)
    network = build_network(plan.network)
    spatial = plan.patch[1:] if plan.flat else plan.patch
    x = torch.zeros(plan.batch, plan.network.channels, *spatial)
    with FlopCounterMode(display=False) as counter:
        network(x)
    assert step_cost(plan).multiply_adds == 3 * counter.get_total_flops() // 2


@pytest.mark.parametrize("dimensions", [2, 3])
def test_activations_are_what_autograd_keeps(dimensions: int) -> None:
    plan = plan_of(dimensions)
    network = build_network(plan.network)
    spatial = plan.patch[1:] if plan.flat else plan.patch
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes() // 4
        return tensor

    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = network(torch.zeros(plan.batch, plan.network.channels, *spatial))
    counted = sum(numbers for pointer, numbers in kept.items() if pointer not in weights)
    assert step_cost(plan).activations == pytest.approx(counted, rel=0.02)  # the statistics of the norms are left out
    assert logits.shape[0] == plan.batch


def test_costs_grow_with_the_batch_and_not_the_weights() -> None:
    one, two = step_cost(plan_of(2, batch=1)), step_cost(plan_of(2, batch=2))
    assert (two.weights, two.multiply_adds, two.activations) == (
        one.weights,
        2 * one.multiply_adds,
        2 * one.activations,
    )


def test_a_design_that_is_not_trained_any_more_is_refused() -> None:
    plan = plan_of(2)
    with pytest.raises(UnknownName, match="design"):
        step_cost(replace(plan, network=replace(plan.network, design=FIRST_DESIGN)))
