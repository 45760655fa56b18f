from dataclasses import replace

import numpy as np
import pytest

from segcore.geometry import Box
from segcore.sampling.mining import FalseAlarm, HardNegatives, false_alarms
from segcore.sampling.patches import PatchSampler
from segcore.training.recipe import Sampling
from tests.segcore.sampling.test_sampling import a_case

HARD = Sampling(method="hard_negative", ratio=0.4, hard_share=0.3, jitter=0.4)


def scan() -> tuple[np.ndarray, np.ndarray]:
    logits = np.full((1, 60, 60), -8.0, dtype=np.float32)
    labels = np.zeros((1, 60, 60), dtype=np.uint8)
    return logits, labels


def test_a_false_alarm_is_a_component_away_from_every_lesion() -> None:
    logits, labels = scan()
    labels[0, 10:14, 10:14] = 1
    logits[0, 9:20, 10:14] = 2.0  # a lesion drawn too large
    logits[0, 40:43, 40:42] = 1.0
    logits[0, 41, 41] = 3.0  # its peak
    logits[0, 50, 50:52] = 5.0  # two voxels are too few
    logits[0, 30:34, 5:9] = 4.0
    labels[0, 30:34, 5:9] = 255  # nobody said that there is nothing

    assert false_alarms(logits, labels) == (FalseAlarm(voxel=(0, 41, 41), size=6),)


def test_without_alarms_or_lesions_nothing_breaks() -> None:
    logits, labels = scan()
    assert false_alarms(logits, labels) == ()
    logits[0, 5:9, 5:9] = 1.0
    assert [alarm.size for alarm in false_alarms(logits, labels)] == [16]


def test_old_alarms_are_forgotten_and_the_state_is_kept() -> None:
    pool = HardNegatives(2)
    first, second = FalseAlarm(voxel=(0, 1, 1), size=9), FalseAlarm(voxel=(0, 2, 2), size=4)
    pool.update(1, [first])
    pool.update(1, [second])
    assert len(pool) == 2
    again = HardNegatives(2)
    again.state = pool.state
    assert again.state == pool.state
    pool.update(1, [second])
    assert len(pool) == 1
    pool.update(1, [])
    pool.update(1, [])
    assert len(pool) == 0


def test_the_asked_share_of_all_patches_is_drawn_at_false_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    case = a_case(Box((2, 20, 20), (4, 24, 24)))
    sampler = PatchSampler([case], (16, 16, 16), HARD, flat=False, seed=[1])
    sampler.hard.update(0, [FalseAlarm(voxel=(2, 3, 4), size=5)])
    asked: list[int] = []
    drawn = sampler.hard.draw
    monkeypatch.setattr(sampler.hard, "draw", lambda rng: (asked.append(1), drawn(rng))[1])
    for _ in range(300):
        sampler.draw(10)
    # 1,800 of 3,000 patches are not forced, half of them are drawn here: 900, give or take four deviations.
    assert 900 - 85 < len(asked) < 900 + 85


def test_a_patch_drawn_at_a_false_alarm_holds_it() -> None:
    case = a_case(Box((2, 20, 20), (4, 24, 24)))
    always = replace(HARD, ratio=0.0, hard_share=1.0)
    sampler = PatchSampler([case], (3, 8, 8), always, flat=False, seed=[1])
    voxel = (4, 17, 18)
    sampler.hard.update(0, [FalseAlarm(voxel=voxel, size=5)])
    origins = [start for _ in range(30) for start in sampler.draw(10).origins]
    assert all(a <= v < a + 8 for start in origins for a, v in zip(start, voxel, strict=True))
    assert len(set(origins)) > 50  # and not always in the same place of it


def test_without_false_alarms_the_patches_are_those_of_foreground_sampling() -> None:
    case = a_case(Box((2, 20, 20), (4, 24, 24)))
    hard = PatchSampler([case], (16, 16, 16), HARD, flat=False, seed=[3])
    plain = PatchSampler([case], (16, 16, 16), replace(HARD, method="foreground"), flat=False, seed=[3])
    assert hard.draw(20).origins == plain.draw(20).origins
