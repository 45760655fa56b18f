"""The main job by the command line: import, split, train, predict, evaluate."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segcore.cli.main import main
from segcore.projects.project import Project
from segcore.scans.formats.table import read_mask, read_volume, write_volume
from segcore.scans.volume import Volume
from segcore.training.record import RunState, list_runs
from tests.segcore.small_project import make_small_project

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[3]


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    assert main([*map(str, words), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def write_scans(project: Project, folder: Path) -> None:
    for case in project.cases():
        scan = project.scan(case.id)
        write_volume(
            folder / f"{case.id}.nii.gz",
            Volume(voxels=np.array(scan.voxels), grid=case.source_grid, channels=scan.channels),
        )


def test_train_predict_and_evaluate_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with make_small_project(tmp_path / "p", planes=3) as project:
        write_scans(project, tmp_path / "scans")
    trained = answer(
        capsys, "train", tmp_path / "p", "--steps", 20, "--threads", 1, "--seed", 2, "--set", "budget.validations=2"
    )
    assert trained["steps"] == 20
    assert set(trained["validation"]) == {"dice", "ap", "precision", "recall", "lesion_f1", "threshold"}
    (run,) = list_runs(tmp_path / "p")
    assert (run.id, run.state, str(run.model_folder)) == (trained["run"], RunState.FINISHED, trained["model"])
    assert run.recipe.machine.seed == 2

    (tmp_path / "scans" / "broken.nii.gz").write_bytes(b"\x1f\x8b no gzip")
    out = tmp_path / "out"
    found = answer(capsys, "predict", trained["model"], "--images", tmp_path / "scans", "--out", out, "--probabilities")
    assert sorted(item["image"] for item in found["predictions"]) == [f"case{n}.nii.gz" for n in range(8)]
    assert [item["file"] for item in found["failed"]] == ["broken.nii.gz"]
    for item in found["predictions"]:
        mask, scan = read_mask(Path(item["mask"])), read_volume(tmp_path / "scans" / item["image"])
        assert mask.grid.matches(scan.grid, tolerance_mm=1e-3)
        assert mask.labels.mean() == pytest.approx(item["foreground_fraction"])
        probability = read_volume(out / f"{item['image'].removesuffix('.nii.gz')}_probability.nii.gz").voxels[0]
        assert np.array_equal(mask.labels == 1, probability >= trained["validation"]["threshold"] - 1e-6)

    answer(capsys, "export", tmp_path / "p", "--to", tmp_path / "truth", "--cases", "case0")
    scored = answer(capsys, "evaluate", "--predictions", out, "--references", tmp_path / "truth")
    dice = scored["cases"][0]["dice"]
    assert scored["froc"]["cases"] == 1
    assert [point["false_alarms_per_case"] for point in scored["froc"]["at"]] == [0.125, 0.25, 0.5, 1, 2, 4, 8]
    recalls = [point["recall"] for point in scored["froc"]["at"]]
    assert recalls == sorted(recalls)
    best = run.best
    assert best is not None
    assert dice == pytest.approx(best.cases[0].dice, abs=1e-6, nan_ok=True)  # case0 is the validation case


def test_dangerous_choices_are_told_before_the_run_and_stand_in_its_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_small_project(tmp_path / "p").close()
    words = ["train", tmp_path / "p", "--steps", 2, "--threads", 1, "--loss", "dice", "--set", "prior_bias=off"]
    assert main([*map(str, words), "--set", "budget.validations=2", "--json"]) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)["cautions"]
    assert [caution["name"] for caution in told] == ["region_alone", "no_prior"]
    assert captured.err.startswith(f"CAUTION: {told[0]['sentence']} Remedy: Add cross-entropy.")


def test_a_dry_run_says_what_it_would_take_and_trains_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_small_project(tmp_path / "p").close()
    words = ["train", tmp_path / "p", "--dry-run", "--steps", 100, "--loss", "dice"]
    told = answer(capsys, *words)
    assert [caution["name"] for caution in told["cautions"]] == ["region_alone"]
    found = told["estimate"]
    assert (found["steps"], found["seconds"], found["based_on"]) == (100, None, "")
    assert found["memory_bytes"] > 4e8
    assert found["disk_bytes"] > 1e6
    assert list_runs(tmp_path / "p") == ()


def test_a_set_without_a_lesion_is_refused_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_small_project(tmp_path / "p", cases=4, empty=(0, 1, 2, 3)).close()
    assert main(["train", str(tmp_path / "p"), "--steps", "5"]) == 2
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert captured.err.strip().splitlines()[-1].startswith("rareseg: ")


@pytest.mark.skipif(os.name != "posix", reason="sends the signal of Ctrl+C")
def test_ctrl_c_keeps_the_best_model_and_answers(tmp_path: Path) -> None:
    make_small_project(tmp_path / "p").close()
    command = [sys.executable, "-m", "segcore.cli.main", "train", str(tmp_path / "p"), "--minutes", "1", "--json"]
    process = subprocess.Popen(
        [*command, "--threads", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
    )
    with process:
        deadline = time.monotonic() + 90
        while not list((tmp_path / "p" / "runs").glob("*/model/model.json")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    found = json.loads(out)
    assert (Path(found["model"]) / "weights.safetensors").is_file()
    (run,) = list_runs(tmp_path / "p")
    assert run.state is RunState.STOPPED


def test_the_doctor_answers_from_a_real_engine(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "doctor")
    assert found["devices"][-1]["name"] == "cpu"
    assert "torch" in found["versions"]
    assert isinstance(found["problems"], list)
