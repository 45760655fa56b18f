"""What people really do wrong, through the command line: one sentence that names the file and the remedy, exit code 2."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from segcore.cli.main import main
from segcore.geometry import Grid
from segcore.projects.case import CaseState
from segcore.scans.formats.table import write_mask, write_volume
from segcore.scans.volume import Mask, Volume
from tests.segcore.small_project import make_small_project

GRID = Grid.from_spacing((4, 16, 16))


def scan(path: Path, voxels: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = voxels if voxels is not None else np.random.default_rng(0).integers(0, 99, GRID.shape).astype(np.int16)
    write_volume(path, Volume(voxels=values[np.newaxis], grid=GRID, channels=("image",)))


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object], str]:
    capsys.readouterr()
    code = main([*words, "--json"])
    out, err = capsys.readouterr()
    assert len(out.strip().splitlines()) == 1
    assert "Traceback" not in err
    return code, json.loads(out), err


@pytest.mark.parametrize("kind", ["truncated", "text", "zero"])
def test_a_damaged_scan_is_named_with_its_remedy_and_the_others_are_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    images = tmp_path / "Bilder von Müller 1"
    scan(images / "good.nii.gz")
    scan(images / "bad.nii.gz")
    bad = {"truncated": images / "bad.nii.gz", "text": images / "bad.nii", "zero": images / "bad.png"}[kind]
    if kind == "truncated":
        data = gzip.decompress((images / "bad.nii.gz").read_bytes())
        bad.write_bytes(gzip.compress(data)[:-900])
    else:
        (images / "bad.nii.gz").unlink()
        bad.write_bytes(b"hello, I am no image\n" * 50 if kind == "text" else b"")
    project = str(tmp_path / "Projekt ä")
    assert answer(capsys, "new", project)[0] == 0
    code, report, _ = answer(capsys, "import", project, "--images", str(images))
    assert (code, report["cases"]) == (0, 1)
    (problem,) = report["problems"]  # type: ignore[misc]
    assert problem["file"] == bad.name  # type: ignore[index]
    assert problem["remedy"]  # type: ignore[index]
    assert problem["blocking"] is True  # type: ignore[index]


def test_a_project_without_any_lesion_cannot_be_trained_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_small_project(tmp_path / "p", cases=3, empty=(0, 1, 2)).close()
    code, result, err = answer(capsys, "train", str(tmp_path / "p"), "--steps", "5")
    assert code == 2
    assert "all masks are background" in str(result["error"])
    assert "annotate lesions" in err


def test_one_case_only_trains_with_a_loud_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_small_project(tmp_path / "p", cases=1, empty=(), split=False).close()
    code, result, err = answer(capsys, "train", str(tmp_path / "p"), "--steps", "6", "--threads", "1")
    assert code == 0
    assert Path(str(result["model"])).is_dir()
    assert "memorised" in err


def test_nan_voxels_are_reported_and_training_copes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        voxels = np.random.default_rng(number).normal(0, 1, GRID.shape).astype(np.float32)
        voxels[0, 0, :5] = np.nan
        scan(tmp_path / "images" / f"s{number}.nii.gz", voxels)
        mask = Mask.empty(GRID)
        mask.labels[2, 5:8, 5:8] = 1
        (tmp_path / "masks").mkdir(exist_ok=True)
        write_mask(tmp_path / "masks" / f"s{number}.nii.gz", mask)
    project = str(tmp_path / "p")
    answer(capsys, "new", project)
    _, report, _ = answer(
        capsys, "import", project, "--images", str(tmp_path / "images"), "--masks", str(tmp_path / "masks")
    )
    assert [p["what"] for p in report["problems"]] == ["5 voxels are NaN or infinite"] * 3  # type: ignore[attr-defined]
    code, result, _ = answer(capsys, "train", project, "--steps", "6", "--threads", "1")
    assert code == 0
    assert result["steps"] == 6


def test_what_is_no_model_is_refused_and_no_pickle_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan(tmp_path / "images" / "a.nii.gz")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    (folder / "weights.safetensors").write_bytes(b"\x80\x04\x95cos\nsystem\n(S'touch canary'\ntR.")
    code, result, _ = answer(
        capsys, "predict", str(folder), "--images", str(tmp_path / "images"), "--out", str(tmp_path / "out")
    )
    assert code == 2
    assert "model.json" in str(result["error"])
    assert not Path("canary").exists()


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write everywhere")
def test_a_read_only_folder_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    code, result, _ = answer(capsys, "new", str(locked / "p"))
    assert code == 2
    assert "read-only" in str(result["error"])


def test_a_scan_with_other_channels_than_the_model_is_told_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with make_small_project(tmp_path / "p") as project:
        assert project.case("case0").state is CaseState.COMPLETE
    _, trained, _ = answer(capsys, "train", str(tmp_path / "p"), "--steps", "4", "--threads", "1")
    images = tmp_path / "images"
    images.mkdir()
    grid = Grid.from_spacing((1, 64, 64), (3.0, 1.0, 1.0))
    good = np.random.default_rng(0).normal(100, 8, (1, *grid.shape)).astype(np.int16)
    write_volume(images / "good.nii.gz", Volume(voxels=good, grid=grid, channels=("image",)))
    colour = np.zeros((3, 1, 32, 32), np.uint8)
    colour[0] = 9
    write_volume(
        images / "photo.png",
        Volume(voxels=colour, grid=Grid.from_spacing((1, 32, 32), calibrated=False), channels=("red", "green", "blue")),
    )
    code, result, _ = answer(
        capsys, "predict", str(trained["model"]), "--images", str(images), "--out", str(tmp_path / "out")
    )
    assert code == 0
    assert [Path(p["mask"]).name for p in result["predictions"]] == ["good.nii.gz"]  # type: ignore[attr-defined]
    assert "channels" in result["failed"][0]["error"]  # type: ignore[index]
