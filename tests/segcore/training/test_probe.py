"""The choice of numbers by measurement: plain float32 unless something is clearly faster; kept, and told."""

from pathlib import Path

import pytest
import torch

from segcore.errors import Cancelled
from segcore.networks.build import build_network
from segcore.projects.project import Project
from segcore.training import probe
from segcore.training.numerics import PLAIN, Numerics, Precision
from segcore.training.probe import Choice, Timing, best_of, candidates, measured, numerics_for
from tests.segcore.training.test_cost import plan_of

CPU = torch.device("cpu")
LAST = Numerics(channels_last=True)
BF16, FP16 = (Numerics(precision=precision) for precision in (Precision.BFLOAT16, Precision.FLOAT16))


def timings(**seconds: float) -> list[Timing]:
    known = {"plain": PLAIN, "last": LAST, "bf16": BF16, "fp16": FP16}
    return [
        Timing(numerics=known[name], seconds=value, median=2 * value, tried=True) for name, value in seconds.items()
    ]


@pytest.mark.parametrize(
    ("measured_seconds", "worth", "expected"),
    [
        ({"plain": 1.0, "last": 0.9, "bf16": 0.9}, 0.85, PLAIN),
        ({"plain": 1.0, "last": 0.8, "bf16": 0.75}, 0.85, LAST),  # not clearly better than the safer one
        ({"plain": 1.0, "last": 0.8, "bf16": 0.5}, 0.85, BF16),
        ({"plain": 1.0, "bf16": 0.5, "fp16": 0.4}, 0.85, FP16),
        ({"plain": 1.0, "last": 0.7, "bf16": 0.65}, 0.6, PLAIN),
    ],
)
def test_something_else_must_be_clearly_faster_than_what_is_safer(
    measured_seconds: dict[str, float], worth: float, expected: Numerics
) -> None:
    assert best_of(timings(**measured_seconds), worth=worth) == expected


def test_one_lucky_step_is_not_enough() -> None:
    slow = Timing(numerics=PLAIN, seconds=1.0, median=1.2, tried=True)
    lucky = Timing(numerics=LAST, seconds=0.4, median=1.1, tried=True)
    assert best_of([slow, lucky], worth=0.6) == PLAIN


def test_every_device_begins_with_plain_float32() -> None:
    for kind in ("cpu", "cuda", "mps"):
        known = candidates(torch.device(kind), dimensions=2)
        assert known[0] == PLAIN
        assert len(set(known)) == len(known)
    assert {n.precision for n in candidates(CPU, dimensions=2)} == {Precision.FLOAT32, Precision.BFLOAT16}
    assert {n.precision for n in candidates(CPU, dimensions=3)} == {Precision.FLOAT32}


def test_on_this_processor_the_choice_is_plain_float32_and_nothing_is_touched() -> None:
    plan = plan_of(2, edge=64)
    torch.manual_seed(5)
    network = build_network(plan.network)
    weights = [p.detach().clone() for p in network.parameters()]
    state = torch.get_rng_state()
    choice = measured(network, plan, CPU, check=lambda: None)

    assert choice.numerics == PLAIN
    assert choice.timings[0].numerics == PLAIN
    assert all(timing.seconds > 0 for timing in choice.timings)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(weights, network.parameters(), strict=True))
    assert all(p.grad is None for p in network.parameters())


def test_a_faster_way_is_taken_and_a_hopeless_one_not_tried_on_a_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(2, edge=64)
    asked: list[tuple[Numerics, int]] = []

    class Fake:
        def __init__(self, _network: object, numerics: Numerics, _device: object, shape: tuple[int, ...]) -> None:
            self._numerics, self._whole = numerics, shape[0] == plan.batch

        def gradient_norm(self) -> float:
            return 1.0

        def step(self) -> float:
            asked.append((self._numerics, self._whole))
            if self._numerics.precision is Precision.BFLOAT16:
                return 0.5 if self._numerics.channels_last else 18.0
            return 1.0

    monkeypatch.setattr(probe, "_Runner", Fake)
    choice = measured(build_network(plan.network), plan, CPU, check=lambda: None)
    assert choice.numerics == Numerics(precision=Precision.BFLOAT16, channels_last=True)
    assert (BF16, True) not in asked
    assert "bfloat16 is far slower here" in choice.sentence
    assert "bfloat16, channels last 0.5 times" in choice.sentence
    assert choice.sentence.startswith(
        "Steps are computed in bfloat16, channels last: measured, a step in float32 takes"
    )


def test_what_a_device_does_not_offer_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = probe._Runner

    def refusing(network: object, numerics: Numerics, device: torch.device, shape: tuple[int, ...]) -> object:
        if numerics != PLAIN:
            raise RuntimeError("not implemented")
        return real(network, numerics, device, shape)  # type: ignore[arg-type]

    monkeypatch.setattr(probe, "_Runner", refusing)
    plan = plan_of(2)
    choice = measured(build_network(plan.network), plan, CPU, check=lambda: None)
    assert [timing.numerics for timing in choice.timings] == [PLAIN]


def test_memory_that_runs_out_in_plain_float32_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(*_: object) -> object:
        raise RuntimeError("not enough memory")

    monkeypatch.setattr(probe, "_Runner", refusing)
    plan = plan_of(2)
    with pytest.raises(RuntimeError, match="not enough memory"):
        measured(build_network(plan.network), plan, CPU, check=lambda: None)


def test_numbers_that_give_a_wrong_gradient_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(probe._Runner):
        def gradient_norm(self) -> float:
            return super().gradient_norm() if self._numerics != LAST else float("inf")

    monkeypatch.setattr(probe, "_Runner", Wrong)
    plan = plan_of(2)
    choice = measured(build_network(plan.network), plan, CPU, check=lambda: None)
    assert LAST not in {timing.numerics for timing in choice.timings}


def test_whatever_is_offered_in_three_dimensions_has_the_gradient_of_float32() -> None:
    plan = plan_of(3)
    network = build_network(plan.network)
    offered = [timing.numerics for timing in measured(network, plan, CPU, check=lambda: None).timings]
    norms = []
    for numerics in offered:
        runner = probe._Runner(network, numerics, CPU, (1, 2, 32, 32, 32))
        runner.step()
        norms.append(runner.gradient_norm())
    assert norms == pytest.approx([norms[0]] * len(offered), rel=0.05)


def test_a_choice_is_measured_once_and_kept_with_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, told = plan_of(2), list[str]()
    network = build_network(plan.network)
    known = Choice(numerics=BF16, timings=tuple(timings(plain=1.0, bf16=0.4)))
    monkeypatch.setattr(probe, "measured", lambda *_, **__: known)
    with Project.create(tmp_path / "p") as project:

        def ask(folder: str) -> Numerics:
            return numerics_for(project, tmp_path / folder, network, plan, CPU, told.append, lambda: None)

        assert ask("run") == BF16
        monkeypatch.setattr(probe, "measured", lambda *_, **__: pytest.fail("measured again"))
        assert ask("other") == BF16
        assert told == [known.sentence] * 2
        (tmp_path / "resumed" / "checkpoint").mkdir(parents=True)
        assert ask("resumed") == PLAIN  # until the checkpoint is read, which has its own
        assert len(told) == 2
        (file,) = project.cache_folder.glob("numerics-*.json")
        file.write_text("{")
        monkeypatch.setattr(probe, "measured", lambda *_, **__: known)
        assert ask("run") == BF16


def test_measuring_ends_when_the_person_cancels() -> None:
    def check() -> None:
        raise Cancelled

    plan = plan_of(2)
    with pytest.raises(Cancelled):
        measured(build_network(plan.network), plan, CPU, check=check)
