"""The command line's contract: one JSON object, exit codes, one sentence; the commands that need no torch."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segcore.cli import new as new_command
from segcore.cli.main import COMMANDS, main
from segcore.geometry import Grid
from segcore.projects.project import Project
from segcore.scans.formats.table import read_mask, write_mask, write_volume
from segcore.scans.volume import Mask, Volume
from segcore.training.recipe_files import read_recipe
from tests.segcore.small_project import make_small_project

#: A scan whose file axes are flipped, so that a mask that comes back unturned is noticed.
GRID = Grid((4, 24, 20), np.array([[0, 0, -1.0, 40], [0, 2.0, 0, -5], [3.0, 0, 0, 7], [0, 0, 0, 1]]))

Capture = pytest.CaptureFixture[str]


def answer(capsys: Capture, *words: object, code: int = 0) -> dict[str, Any]:
    """Run a command with --json; its standard output must be exactly one object."""
    assert main([*map(str, words), "--json"]) == code
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    found: dict[str, Any] = json.loads(out, parse_constant=pytest.fail)
    assert found["ok"] is (code == 0)
    return found


def refusal(capsys: Capture, *words: object) -> str:
    """Run a command that must fail on its input: exit 2, one sentence on stderr, no traceback, and the same in JSON."""
    assert main(list(map(str, words))) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    last = captured.err.strip().splitlines()[-1]
    assert last.startswith("rareseg: ")
    assert last.endswith(".")
    assert "Traceback" not in captured.err
    assert answer(capsys, *words, code=2)["error"] == last.removeprefix("rareseg: ")
    return last


def labels_of(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    labels = np.zeros(GRID.shape, np.uint8)
    if number:
        labels[1, 3 : 3 + number, 5:7] = 1
    return labels


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Six scans with masks: the first without a lesion; in a folder with a space and an umlaut."""
    folder = tmp_path / "Üb ung"
    for number in range(6):
        voxels = np.random.default_rng(number).integers(0, 900, (1, *GRID.shape)).astype(np.int16)
        write_volume(folder / "images" / f"p{number}.nii.gz", Volume(voxels=voxels, grid=GRID, channels=("image",)))
        write_mask(folder / "masks" / f"p{number}.nii.gz", Mask(labels=labels_of(number), grid=GRID))
    return folder


@pytest.fixture
def project(scans: Path, capsys: Capture) -> Path:
    folder = scans / "project"
    answer(capsys, "new", folder)
    answer(capsys, "import", folder, "--images", scans / "images", "--masks", scans / "masks")
    return folder


@pytest.mark.parametrize("command", [name for name, _, _ in COMMANDS])
def test_every_command_explains_itself_with_an_example(command: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "example" in text
    assert "rareseg" in text.partition("example")[2]


def test_the_overview_names_every_command(capsys: Capture) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name, _, _ in COMMANDS)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["frobnicate"], "there is no command 'frobnicate'"),
        (["new"], "required: project"),
        (["train", "x", "--minutes", "soon"], "--minutes"),
        (["evaluate", "--predictions", "/nowhere/a", "--references", "/nowhere/b"], "does not exist"),
        (["predict", "/nowhere", "--images", "/nowhere", "--out", "/nowhere"], "does not exist"),
        (["analyse", "/nowhere"], "holds no RareSeg project"),
        (["audit", "verify", "/nowhere"], "holds no RareSeg project"),
        (["split", "/nowhere"], "holds no RareSeg project"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(words: list[str], expected: str, capsys: Capture) -> None:
    assert expected in refusal(capsys, *words)


def test_our_own_fault_is_exit_code_1_and_the_log_names_no_patient(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "patient Meier in /secret/folder"

    def broken(*_: object) -> int:
        raise RuntimeError(told)

    monkeypatch.setattr(new_command, "run", broken)
    monkeypatch.setattr("segcore.cli.main.user_log_path", lambda _: tmp_path / "log")
    assert main(["new", "x"]) == 1
    assert "Meier" not in capsys.readouterr().err
    log = (tmp_path / "log" / "rareseg.log").read_text("utf-8")
    assert "RuntimeError" in log
    assert "in broken" in log
    assert "Meier" not in log
    assert "secret" not in log


def test_a_fast_command_starts_without_torch_or_image_libraries() -> None:
    heavy = "{'torch', 'SimpleITK', 'nibabel', 'skimage', 'scipy.ndimage', 'PySide6'}"
    code = f"import sys; from segcore.cli.main import main; main(['new', '--help'])\nraise SystemExit({heavy} & set(sys.modules))"
    guarded = code.replace(
        "main(['new', '--help'])", "\ntry:\n    main(['new', '--help'])\nexcept SystemExit:\n    pass"
    )
    found = subprocess.run([sys.executable, "-c", guarded], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (1, "set()\n")


def test_import_counts_cases_and_reports_each_bad_file(scans: Path, capsys: Capture) -> None:
    whole = (scans / "images" / "p1.nii.gz").read_bytes()
    (scans / "images" / "p1.nii.gz").write_bytes(whole[: len(whole) // 2])
    (scans / "images" / "text.nii").write_text("no scan")
    other = Grid((5, 24, 20), GRID.affine)
    write_mask(scans / "masks" / "p2.nii.gz", Mask.empty(other))
    folder = scans / "project"
    answer(capsys, "new", folder)
    found = answer(capsys, "import", folder, "--images", scans / "images", "--masks", scans / "masks")
    assert found["cases"] == 5
    blamed = {problem["file"] for problem in found["problems"]}
    assert {"p1.nii.gz", "text.nii", "p2.nii.gz"} <= blamed
    assert all(problem["what"] and problem["remedy"] for problem in found["problems"])


def test_a_channel_that_is_no_folder_is_refused(project: Path, scans: Path, capsys: Capture) -> None:
    assert "write NAME=DIR" in refusal(
        capsys, "import", project, "--images", scans / "images", "--channel", "T1=/nowhere"
    )


def test_a_split_by_seed_is_repeatable_complete_and_without_leaks(project: Path, capsys: Capture) -> None:
    first = answer(capsys, "split", project, "--fractions", "0.5,0.25,0.25", "--seed", 3)
    again = answer(capsys, "split", project, "--fractions", "0.5,0.25,0.25", "--seed", 3)
    assert first == again
    assert sorted(first["train"] + first["validation"] + first["test"]) == [f"p{n}" for n in range(6)]
    assert first["leaks"] == []


def test_a_split_by_table_is_taken_as_it_is(project: Path, scans: Path, capsys: Capture) -> None:
    table = scans / "parts.csv"
    table.write_text("case,part\np0,train\np1,train\np2,train\np3,train\np4,val\np5,test\n")
    found = answer(capsys, "split", project, "--csv", table)
    assert (found["train"], found["validation"], found["test"]) == (["p0", "p1", "p2", "p3"], ["p4"], ["p5"])
    table.write_text("p9,train\n")
    assert "no case named 'p9'" in refusal(capsys, "split", project, "--csv", table)
    table.write_text("p0,traim\n")
    assert "did you mean 'train'" in refusal(capsys, "split", project, "--csv", table)
    assert "three numbers" in refusal(capsys, "split", project, "--fractions", "a,b")


def test_analyse_measures_each_case_and_writes_a_recipe_that_train_can_read(
    project: Path, scans: Path, capsys: Capture
) -> None:
    found = answer(capsys, "analyse", project, "--write", scans / "advised.toml")
    by_id = {case["id"]: case for case in found["cases"]}
    assert by_id["p3"]["lesions"] == 1
    assert by_id["p3"]["prevalence"] == pytest.approx(6 / labels_of(0).size)
    assert by_id["p3"]["volume_ml"] == pytest.approx(6 * 6 / 1000)
    assert (by_id["p0"]["state"], by_id["p0"]["prevalence"]) == ("confirmed empty", 0.0)
    assert found["prevalence"] == pytest.approx(2 * (1 + 2 + 3 + 4 + 5) / (6 * labels_of(0).size))
    assert found["reasons"]
    assert all(set(reason) == {"choice", "because", "value"} for reason in found["reasons"])
    assert found["suspects"] == found["usual"] == []
    recipe = read_recipe(scans / "advised.toml")
    assert recipe.sampling.method == found["recipe"]["sampling"]["method"]
    assert recipe.loss[0].name == found["recipe"]["loss"][0]["name"]


def test_analyse_lists_suspect_masks_with_what_to_do(project: Path, capsys: Capture) -> None:
    with Project.open(project) as opened:
        opened.save_mask("p4", Mask.empty(opened.case("p4").grid), author="a", origin="annotation")
    (suspect,) = answer(capsys, "analyse", project)["suspects"]
    assert set(suspect) == {"kind", "case", "place", "what", "measured", "limit", "remedy", "other"}
    assert (suspect["kind"], suspect["case"], suspect["place"]) == ("empty but complete", "p4", None)
    assert main(["analyse", str(project)]) == 0
    assert "suspect: p4: The case is marked complete, but its mask holds nothing." in capsys.readouterr().out


def test_analyse_lists_the_lesions_that_a_spacing_loses(project: Path, capsys: Capture) -> None:
    found = answer(capsys, "analyse", project)["vanishing"]
    assert (found["spacing"], found["shrink"], found["stride"]) == ([3.0, 2.0, 1.0], 1, 16)
    assert (found["lesions"], found["lost"], found["below_stride"]) == (5, 0, 5)
    coarse = answer(capsys, "analyse", project, "--spacing", 3, 8, 4)["vanishing"]
    assert coarse["spacing"] == [3.0, 8.0, 4.0]
    # Four rows and columns become one: a lesion of two columns and one row fills an eighth of a voxel.
    assert coarse["lost"] >= 1
    assert {"id", "lesions", "lost", "narrow", "below_stride"} == set(coarse["cases"][0])
    assert {"place", "voxels"} == set(coarse["cases"][0]["lost"][0])
    assert "spacing" in refusal(capsys, "analyse", project, "--spacing", 0, 1, 1)


def test_a_project_without_masks_has_nothing_to_analyse(scans: Path, capsys: Capture) -> None:
    answer(capsys, "new", scans / "bare")
    answer(capsys, "import", scans / "bare", "--images", scans / "images")
    assert "no case is complete" in refusal(capsys, "analyse", scans / "bare")


@pytest.mark.parametrize(("kind", "suffix"), [("nifti", ".nii.gz"), ("nrrd", ".nrrd"), ("own", ".nii.gz")])
def test_exported_masks_are_the_imported_ones_in_the_files_own_geometry(
    project: Path, scans: Path, capsys: Capture, kind: str, suffix: str
) -> None:
    found = answer(capsys, "export", project, "--to", scans / "out", "--as", kind)
    assert sorted(Path(file).name for file in found["written"]) == [f"p{n}{suffix}" for n in range(6)]
    for number in range(6):
        before = read_mask(scans / "masks" / f"p{number}.nii.gz")
        after = read_mask(scans / "out" / f"p{number}{suffix}")
        assert np.array_equal(after.labels, before.labels)
        assert after.grid.matches(before.grid, tolerance_mm=1e-3)


def test_export_of_what_is_not_there_yet_or_does_not_fit_is_refused(
    project: Path, scans: Path, capsys: Capture
) -> None:
    assert "is not built yet" in refusal(capsys, "export", project, "--to", scans, "--as", "dicom-seg")
    assert "no kind of export named 'dicom'" in refusal(capsys, "export", project, "--to", scans, "--as", "dicom")
    assert "does not fit into a PNG" in refusal(capsys, "export", project, "--to", scans, "--as", "png")
    assert "no case named 'p7'" in refusal(capsys, "export", project, "--to", scans, "--cases", "p7")


def test_evaluation_matches_hand_computed_overlaps_and_reports_what_has_no_partner(
    scans: Path, capsys: Capture
) -> None:
    predictions = scans / "predicted"
    shifted = labels_of(4)
    shifted[1, 3:5] = 0  # half of the eight voxels
    write_mask(predictions / "p4.nrrd", Mask(labels=shifted, grid=GRID))
    write_mask(predictions / "p0.nii.gz", Mask.empty(GRID))
    write_mask(predictions / "alone.nii.gz", Mask.empty(GRID))
    write_mask(predictions / "p1.nii.gz", Mask.empty(Grid((5, 24, 20), GRID.affine)))
    found = answer(capsys, "evaluate", "--predictions", predictions, "--references", scans / "masks")
    by_id = {case["id"]: case for case in found["cases"]}
    assert set(by_id) == {"p0", "p4"}
    assert by_id["p4"]["dice"] == pytest.approx(2 * 4 / (4 + 8))
    assert by_id["p4"]["iou"] == pytest.approx(0.5)
    assert (by_id["p4"]["precision"], by_id["p4"]["recall"]) == (1.0, 0.5)
    assert (by_id["p4"]["lesion_f1"], by_id["p4"]["lesion_recall"], by_id["p4"]["false_positives"]) == (1.0, 1.0, 0)
    assert by_id["p0"]["dice"] is None
    assert found["mean"]["dice"] == pytest.approx(2 / 3)
    assert found["unpaired"] == ["alone", "p2", "p3", "p5"]
    assert [item["file"] for item in found["failed"]] == ["p1.nii.gz"]
    assert found["conventions"]
    assert by_id["p4"]["panoptic_quality"] == pytest.approx(0.5)
    assert found["recall_by_size"] == [{"low": 8, "high": 8, "lesions": 1, "found": 1, "recall": 1.0}]
    assert found["froc"] == {}


def test_masks_of_photographs_are_evaluated_too(tmp_path: Path, capsys: Capture) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        square = np.zeros((20, 20), np.uint8)
        square[4:8, 4:8] = 255
        Image.fromarray(square).save(tmp_path / folder / "x.png")
    found = answer(capsys, "evaluate", "--predictions", tmp_path / "a", "--references", tmp_path / "b")
    assert found["cases"][0]["dice"] == 1.0


@pytest.mark.parametrize("command", ["losses", "samplers", "networks"])
def test_catalogues_are_listed_with_their_ranges(command: str, capsys: Capture) -> None:
    entries = answer(capsys, command)["entries"]
    assert entries
    keys = {"name", "label", "help", "paper", "parameters", "empty_patch", "needs_companion"}
    for entry in entries:
        assert keys <= set(entry)
        for parameter in entry["parameters"]:
            assert {"name", "default", "low", "high", "help"} <= set(parameter)
    if command == "losses":
        assert {"bce", "dice_ce", "focal_tversky", "lovasz"} <= {entry["name"] for entry in entries}


def test_the_audit_trail_is_verified_and_a_change_is_found(tmp_path: Path, capsys: Capture) -> None:
    make_small_project(tmp_path / "p", cases=3).close()
    whole = answer(capsys, "audit", "verify", tmp_path / "p")
    assert whole["entries"] >= 3
    assert whole["first_bad"] is None
    with sqlite3.connect(tmp_path / "p" / "project.db") as database:
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'")
        for (name,) in triggers.fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE audit SET author = 'nobody' WHERE rowid = 2")
    database.close()
    assert answer(capsys, "audit", "verify", tmp_path / "p", code=2)["first_bad"] == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--loss", "dicee"], "did you mean"),
        (["--set", "sampling.ratio=7"], "range 0 to 1"),
        (["--set", "loss.gamma=2"], "no parameter of dice_ce"),
        (["--sampling", "magic"], "magic"),
        (["--device", "quantum"], "quantum"),
        (["--steps", "-3"], "steps is -3"),
        (["--recipe", "/nowhere.toml"], "cannot be read"),
    ],
)
def test_a_wrong_setting_is_refused_before_any_run_begins(
    tmp_path: Path, capsys: Capture, words: list[str], expected: str
) -> None:
    make_small_project(tmp_path / "p", cases=4).close()
    assert expected in refusal(capsys, "train", tmp_path / "p", *words)
    assert not any((tmp_path / "p" / "runs").glob("*/checkpoint"))
