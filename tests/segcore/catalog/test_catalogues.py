import inspect
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from segcore.catalog.augmentations import AUGMENTATIONS
from segcore.catalog.entry import Entry, find
from segcore.catalog.losses import LOSSES
from segcore.catalog.networks import NETWORKS
from segcore.catalog.samplers import SAMPLERS
from segcore.errors import OutOfRange, UnknownName
from segcore.losses.build import build_loss, builder_names
from segcore.ranges import Choice, Range, Switch, settings_of
from segcore.training.recipe import Augmentation, Network, Sampling

CATALOGUES = {"losses": LOSSES, "samplers": SAMPLERS, "augmentations": AUGMENTATIONS, "networks": NETWORKS}
ENTRIES = [pytest.param(entry, id=f"{kind}-{entry.name}") for kind, each in CATALOGUES.items() for entry in each]
PROMISED = [
    "bce",
    "weighted_bce",
    "balanced_ce",
    "dice",
    "jaccard",
    "tversky",
    "focal",
    "focal_tversky",
    "lovasz",
    "top_k",
    "dice_ce",
    "dice_focal",
    "dice_top_k",
    "bce_lovasz",
]


def choices(configuration: object, name: str) -> tuple[str, ...]:
    (domain,) = (item.domain for item in settings_of(configuration) if item.name == name)
    assert isinstance(domain, Choice)
    return domain.names


@pytest.mark.parametrize("kind", CATALOGUES)
def test_names_are_unique_and_plain(kind: str) -> None:
    names = [entry.name for entry in CATALOGUES[kind]]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name == name.lower() for name in names)
    labels = [entry.label for entry in CATALOGUES[kind]]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_is_explained_and_its_defaults_lie_in_range(entry: Entry) -> None:
    assert len(entry.help) > 20
    assert entry.help.endswith(".")
    assert entry.paper
    names = [item.name for item in entry.parameters]
    assert len(set(names)) == len(names)
    for item in entry.parameters:
        assert item.label
        assert item.help.endswith(".")
        item.domain.check(item.name, item.domain.default)  # type: ignore[arg-type]


def test_the_catalogue_of_losses_and_the_table_of_builders_are_one_to_one() -> None:
    assert sorted(builder_names()) == sorted(entry.name for entry in LOSSES)
    assert set(PROMISED) <= {entry.name for entry in LOSSES}
    assert all(entry.empty_patch.endswith(".") for entry in LOSSES)


@pytest.mark.parametrize("entry", LOSSES, ids=[entry.name for entry in LOSSES])
def test_every_parameter_of_a_loss_takes_its_limits_and_refuses_what_lies_beyond(entry: Entry) -> None:
    for item in entry.parameters:
        if isinstance(item.domain, Switch):
            build_loss(entry.name, **{item.name: True})
            build_loss(entry.name, **{item.name: False})
            with pytest.raises(OutOfRange):
                build_loss(entry.name, **{item.name: 1.0})
            continue
        assert isinstance(item.domain, Range)
        build_loss(entry.name, **{item.name: item.domain.low})
        build_loss(entry.name, **{item.name: item.domain.high})
        for value in (item.domain.high * 1.01 + 1, float("nan")):
            with pytest.raises(OutOfRange, match=item.name):
                build_loss(entry.name, **{item.name: value})


def test_recipes_offer_exactly_what_the_catalogues_describe() -> None:
    assert choices(Sampling, "method") == tuple(entry.name for entry in SAMPLERS)
    assert choices(Network, "size") == tuple(entry.name for entry in NETWORKS)
    assert [item.name for item in settings_of(Augmentation)] == [entry.name for entry in AUGMENTATIONS]
    described = {item.name: item for entry in (*SAMPLERS, *AUGMENTATIONS) for item in entry.parameters}
    fields = {item.name: item for part in (Sampling, Augmentation) for item in settings_of(part)}
    assert fields.pop("method").label == "Sampling"
    assert fields == described


def test_defaults_of_recipes_are_those_of_the_catalogues() -> None:
    assert (Sampling().method, Sampling().ratio, Sampling().jitter) == ("foreground", 0.5, 0.4)
    assert (Augmentation().flips, Augmentation().rotation, Augmentation().blur) == (True, 30.0, 0.7)


def test_an_unknown_entry_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="did you mean 'per_lesion'"):
        find("sampling", "per-lesion", SAMPLERS)
    with pytest.raises(UnknownName, match="jitter, later_ratio, ratio"):
        find("sampling", "foreground", SAMPLERS).parameter("exponent")


def test_catalogues_are_described_without_torch_and_say_nothing_twice() -> None:
    code = (
        "import sys, segcore.catalog.losses, segcore.catalog.samplers, segcore.catalog.augmentations, "
        "segcore.catalog.networks, segcore.training.recipe; print('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    root = Path(inspect.getfile(find)).parents[2]
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert answer.stdout.strip() == "False"
    helps = [entry.help for each in CATALOGUES.values() for entry in each]
    assert all(a != b for a, b in pairwise(sorted(helps)))
