import json
from pathlib import Path

import numpy as np
import pytest

from segcore.errors import CannotSave, UnreadableFile
from segcore.geometry import Grid
from segcore.projects.case import CaseState
from segcore.projects.exporting import export_masks, export_model
from segcore.projects.importing import plan_import, run_import
from segcore.projects.project import Project
from segcore.scans.formats.table import read_mask, read_volume, write_mask, write_volume
from segcore.scans.volume import Mask, Volume

OBLIQUE = np.array(
    [[0.0, 0.6 * 0.8, 0.9 * 0.6, -31.5], [0.0, 0.6 * 0.6, -0.9 * 0.8, 7.25], [-4.0, 0.0, 0.0, 90.0], [0, 0, 0, 1]]
)


def a_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    head = json.dumps({"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}).encode()
    (folder / "weights.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + b"\0" * 12)
    (folder / "model.json").write_text('{"id": "run-1"}')
    return folder


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_mask_goes_back_exactly_onto_an_oblique_flipped_scan(tmp_path: Path, suffix: str) -> None:
    grid = Grid((3, 5, 4), OBLIQUE)
    rng = np.random.default_rng(0)
    scan = Volume(voxels=rng.integers(0, 99, (1, 3, 5, 4)).astype(np.int16), grid=grid, channels=("image",))
    labels = rng.choice(np.array([0, 0, 0, 1, 255], np.uint8), (3, 5, 4))
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    write_volume(tmp_path / "images" / f"ä b{suffix}", scan)
    write_mask(tmp_path / "masks" / f"ä b{suffix}", Mask(labels=labels, grid=grid))
    with Project.create(tmp_path / "p") as project:
        report = run_import(project, plan_import([tmp_path / "images"], masks=[tmp_path / "masks"]))
        assert report.problems == ()
        (case,) = project.cases()
        assert case.grid.shape != grid.shape or not np.allclose(case.grid.affine, grid.affine)
        (out,) = export_masks(project, [case.id], tmp_path / "out")
        assert out.name == f"ä b{suffix}"
        assert np.array_equal(read_mask(out).labels, labels)
        assert read_mask(out).grid.affine == pytest.approx(
            read_volume(tmp_path / "images" / f"ä b{suffix}").grid.affine, abs=1e-4
        )
        assert export_masks(project, [case.id], tmp_path / "out") == (out,)  # written again over itself


def test_masks_are_never_written_over_the_scans(tmp_path: Path) -> None:
    grid = Grid.from_spacing((2, 3, 4))
    scan = Volume(voxels=np.arange(24, dtype=np.int16).reshape(1, 2, 3, 4), grid=grid, channels=("image",))
    path = tmp_path / "images" / "a.nii.gz"
    path.parent.mkdir()
    write_volume(path, scan)
    with Project.create(tmp_path / "p") as project:
        run_import(project, plan_import([tmp_path / "images"]))
        project.save_mask("a", Mask.empty(grid, 1), author="me", origin="annotation", state=CaseState.COMPLETE)
        with pytest.raises(CannotSave, match=r"^a\.nii\.gz: a file of this name that RareSeg did not write"):
            export_masks(project, ["a"], tmp_path / "images")
    assert np.array_equal(read_volume(path).voxels, scan.voxels)


def test_a_model_is_copied_under_the_name_of_its_run(tmp_path: Path) -> None:
    model = a_model(tmp_path / "runs" / "run-1" / "model")
    copy = export_model(model, tmp_path / "out")
    assert copy == tmp_path / "out" / "run-1"
    assert sorted(file.name for file in copy.iterdir()) == ["model.json", "weights.safetensors"]
    assert (copy / "weights.safetensors").read_bytes() == (model / "weights.safetensors").read_bytes()
    with pytest.raises(CannotSave, match="lies in this folder already"):
        export_model(copy, tmp_path / "out")


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("model.json", None, "missing"),
        ("weights.safetensors", None, "missing"),
        ("model.json", b"{", "description of the model is damaged"),
        ("model.json", b"[]", "description of the model is damaged"),
        ("weights.safetensors", b"", "cut off"),
        ("weights.safetensors", (10**15).to_bytes(8, "little") + b"{}", "cut off"),
        ("weights.safetensors", b"\x80\x04pickle....", "cut off"),
        ("weights.safetensors", (3).to_bytes(8, "little") + b"[1]", "damaged"),
    ],
)
def test_a_model_that_is_not_whole_is_not_exported(
    tmp_path: Path, file: str, content: bytes | None, sentence: str
) -> None:
    model = a_model(tmp_path / "run-1" / "model")
    (model / file).unlink()
    if content is not None:
        (model / file).write_bytes(content)
    with pytest.raises(UnreadableFile, match=rf"^{file}: .*{sentence}"):
        export_model(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()
