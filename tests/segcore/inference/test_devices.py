import pytest
import torch

from segcore.errors import EngineProblem
from segcore.inference.devices import choose_device, device_words, devices


def test_the_processor_is_always_there_and_comes_last() -> None:
    assert devices()[-1][0] == "cpu"
    assert choose_device("cpu") == torch.device("cpu")


def test_automatic_takes_the_first() -> None:
    assert choose_device("auto").type == devices()[0][0]


def test_a_device_that_is_not_there_is_answered_with_those_that_are() -> None:
    absent = next(name for name in ("mps", "cuda") if name not in dict(devices()))

    with pytest.raises(EngineProblem, match=f"no device '{absent}'; choose .*cpu"):
        choose_device(absent)


def test_the_processor_in_words_names_its_threads() -> None:
    threads = torch.get_num_threads()

    assert device_words(torch.device("cpu")) == f"CPU, {threads} thread{'s' if threads > 1 else ''}"
