import hashlib
from pathlib import Path

import numpy as np
import pytest

from segcore import demo
from segcore.demo import LESION_FREE, PATIENTS, make_patient, open_or_make_demo
from segcore.errors import ProjectDamaged, RareSegError
from segcore.metrics.baseline import apply_intensity_rule, fit_intensity_rule
from segcore.projects.case import CaseState, Part
from segcore.projects.project import Project
from segcore.scans.volume import Mask, Volume

FEW = 6


@pytest.fixture(scope="module")
def anatomy() -> demo._Anatomy:
    return demo._load_anatomy()


@pytest.fixture(scope="module")
def patients(anatomy: demo._Anatomy) -> dict[int, tuple[Volume, Mask]]:
    return {number: make_patient(anatomy, number) for number in range(FEW)}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, patients: dict[int, tuple[Volume, Mask]]) -> None:
    """Let the demo project have the patients that are made already."""
    monkeypatch.setattr(demo, "PATIENTS", FEW)
    monkeypatch.setattr(demo, "make_patient", lambda anatomy, number: patients[number])


def digest(volume: Volume, mask: Mask) -> str:
    return hashlib.sha256(volume.voxels.tobytes() + mask.labels.tobytes()).hexdigest()


def test_the_anatomy_is_the_template_at_two_millimetres(anatomy: demo._Anatomy) -> None:
    assert anatomy.grid.spacing == pytest.approx((2.0, 2.0, 2.0))
    assert anatomy.t1.shape == anatomy.grey.shape == anatomy.white.shape == anatomy.grid.shape
    litres = float((anatomy.grey + anatomy.white).sum()) * anatomy.grid.voxel_volume_ml / 1000
    assert 1.0 < litres < 2.2  # a brain


def test_a_patient_is_the_same_each_time_and_unlike_the_others(
    anatomy: demo._Anatomy, patients: dict[int, tuple[Volume, Mask]]
) -> None:
    assert digest(*make_patient(anatomy, 1)) == digest(*patients[1])
    assert len({digest(*patient) for patient in patients.values()}) == FEW


def test_scans_are_whole_numbers_in_two_channels_with_nothing_outside_the_head(
    patients: dict[int, tuple[Volume, Mask]],
) -> None:
    for volume, mask in patients.values():
        assert (volume.channels, volume.voxels.dtype) == (("FLAIR", "T1"), np.int16)
        assert volume.voxels.min() == 0
        assert not volume.voxels[:, :, 0].any()
        assert (volume.voxels[0][mask.labels == 1] > 0).all()


def test_lesions_are_rare_and_some_patients_have_none(patients: dict[int, tuple[Volume, Mask]]) -> None:
    for number, (_, mask) in patients.items():
        share = mask.foreground_voxels / mask.labels.size
        if number in LESION_FREE:
            assert share == 0
        else:
            assert 0.0001 * 0.5 < share < 0.008
    assert len(LESION_FREE) == 4
    assert PATIENTS == 24


def test_flair_shows_lesions_bright_fluid_dark_and_grey_above_white(
    anatomy: demo._Anatomy, patients: dict[int, tuple[Volume, Mask]]
) -> None:
    for number, (volume, mask) in patients.items():
        flair, t1 = volume.voxels.astype(float)
        head = t1 > 0
        dark, bright = (t1[head] < np.quantile(t1[head], 0.04)), (t1[head] > np.quantile(t1[head], 0.85))
        middle = (t1[head] > np.quantile(t1[head], 0.25)) & (t1[head] < np.quantile(t1[head], 0.45))
        assert flair[head][dark].mean() < flair[head][bright].mean() < flair[head][middle].mean()
        if number not in LESION_FREE:
            assert flair[mask.labels == 1].mean() > 1.1 * np.median(flair[head])


def test_a_threshold_on_the_intensity_fails(patients: dict[int, tuple[Volume, Mask]]) -> None:
    train = [patients[number] for number in (0, 1, 2)]
    rule = fit_intensity_rule(train)
    assert (rule.channel, rule.bright) == (0, True)
    dices = [apply_intensity_rule(rule, *patients[number]).dice for number in (3, 5)]
    assert max(dices) < 0.6
    assert np.mean(dices) < 0.45


@pytest.mark.usefixtures("few")
def test_the_project_is_split_by_patient_with_states_and_reports_its_progress(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    with open_or_make_demo(tmp_path / "demo", report=lambda *step: told.append(step)) as project:
        cases = project.cases()
        assert [case.id for case in cases] == [f"patient0{n}" for n in range(1, FEW + 1)]
        assert [case.state for case in cases].count(CaseState.CONFIRMED_EMPTY) == 1
        assert cases[4].state is CaseState.CONFIRMED_EMPTY
        assert {case.part for case in cases} == set(Part)
        assert project.leaks() == ()
    assert told == [(n, FEW, f"patient0{n + 1}") for n in range(FEW)]


@pytest.mark.usefixtures("few")
def test_a_demo_that_was_left_half_made_is_finished_and_a_whole_one_is_opened_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "demo"

    def switched_off(done: int, total: int, case: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_or_make_demo(folder, report=switched_off)
    with Project.open(folder) as project:
        assert len(project.cases()) == 3
    with open_or_make_demo(folder) as project:
        assert len(project.cases()) == FEW
        assert {case.part for case in project.cases()} == set(Part)

    def never(*_: object) -> None:
        raise AssertionError("a whole demo is not made again")

    monkeypatch.setattr(demo, "make_patient", never)
    with open_or_make_demo(folder) as project:
        assert len(project.cases()) == FEW


def test_a_damaged_demo_is_told_and_not_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    Project.create(folder).close()
    (folder / "project.db").write_bytes(b"no database at all" * 100)
    before = (folder / "project.db").read_bytes()
    with pytest.raises(RareSegError) as caught:
        open_or_make_demo(folder)
    assert isinstance(caught.value, ProjectDamaged)
    assert (folder / "project.db").read_bytes() == before


def test_the_template_carries_its_notice() -> None:
    text = (Path(demo.__file__).parents[1] / "resources" / "demo" / "NOTICE.txt").read_text("utf-8")
    for words in ("Louis Collins", "McConnell Brain Imaging Centre", "without fee", "notice"):
        assert words in text
