import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from segcore.errors import CannotSave, SettingProblem, UnreadableFile
from segcore.geometry import Grid
from segcore.inference.model import Model, ModelFacts, Scores, load_model, read_facts, save_model
from segcore.inference.predict import predict_volume
from segcore.inference.preparation import Preparation
from segcore.networks.build import build_network
from segcore.networks.first_unet import FirstUNet
from segcore.networks.unet import NetworkDescription
from segcore.scans.volume import Volume

CPU = torch.device("cpu")


def facts(**changes: object) -> ModelFacts:
    known = ModelFacts(
        id="run-1",
        name="Default",
        created="2026-01-01T00:00:00Z",
        network=NetworkDescription(dimensions=2, channels=3, size="small"),
        preparation=Preparation(channels=("image",), spacing=(3.0, 1.0, 1.0), shrink=1),
        patch=(3, 32, 32),
        step=-7,
        correction=0.0,
        prevalence=0.001,
        scores=Scores(dice=0.5, average_precision=0.4, precision=0.5, recall=0.5, lesion_f1=float("nan"), cases=2),
        recipe="{}",
        train_cases=("a", "b"),
        versions=(("rareseg", "0.1.0"),),
    )
    return replace(known, **changes)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    save_model(path, facts(), build_network(facts().network).state_dict())
    return path


def scan(channels: tuple[str, ...] = ("image",)) -> Volume:
    grid = Grid.from_spacing((5, 40, 30), (3.0, 1.0, 1.0))
    voxels = np.random.default_rng(0).normal(100, 10, (len(channels), *grid.shape)).astype(np.float32)
    return Volume(voxels=voxels, grid=grid, channels=channels)


def test_a_model_is_read_back_as_it_was_written(folder: Path) -> None:
    model = load_model(folder, CPU)

    assert model.facts.train_cases == ("a", "b")
    assert model.facts.step == -7
    assert np.isnan(model.facts.scores.lesion_f1)
    for name, value in load_file(folder / "weights.safetensors").items():
        assert torch.equal(model.networks[0].state_dict()[name], value)
    assert sorted(file.name for file in folder.iterdir()) == ["model.json", "weights.safetensors"]


def test_nothing_is_left_beside_a_model_that_was_replaced(folder: Path) -> None:
    save_model(folder, facts(step=12), build_network(facts().network).state_dict())

    assert read_facts(folder).step == 12
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_weights_that_are_cut_off_are_refused_with_a_sentence(folder: Path, share: float) -> None:
    file = folder / "weights.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])

    with pytest.raises(UnreadableFile, match=r"weights\.safetensors: the weights are missing or cut off"):
        load_model(folder, CPU)


def test_weights_of_another_network_are_refused_with_a_sentence(folder: Path) -> None:
    data = json.loads((folder / "model.json").read_text("utf-8"))
    data["network"]["size"] = "medium"
    (folder / "model.json").write_text(json.dumps(data), "utf-8")

    with pytest.raises(UnreadableFile, match="the weights belong to another network"):
        load_model(folder, CPU)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"format": "x"}', "\x00\x01"])
def test_a_foreign_description_is_refused_with_a_sentence(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text, "utf-8")

    with pytest.raises(UnreadableFile, match=r"model\.json"):
        read_facts(folder)


def test_a_folder_without_a_model_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="this is not a RareSeg model"):
        load_model(tmp_path, CPU)


def test_a_model_of_a_newer_version_is_refused(folder: Path) -> None:
    data = json.loads((folder / "model.json").read_text("utf-8"))
    data["format"] = 99
    (folder / "model.json").write_text(json.dumps(data), "utf-8")

    with pytest.raises(UnreadableFile, match="newer version"):
        read_facts(folder)


def test_a_file_in_the_way_is_answered_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file", "utf-8")

    with pytest.raises(CannotSave, match="was not saved"):
        save_model(tmp_path / "run" / "model", facts(), build_network(facts().network).state_dict())


def test_the_old_model_survives_when_writing_the_new_one_fails(folder: Path) -> None:
    class Unwritable(dict[str, torch.Tensor]):
        def items(self) -> object:  # type: ignore[override]
            raise OSError(28, "No space left on device")

    with pytest.raises(CannotSave, match="disk is full"):
        save_model(folder, facts(step=99), Unwritable())

    assert load_model(folder, CPU).facts.step == -7
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_model_that_stepped_aside_in_a_crash_is_still_found(folder: Path) -> None:
    folder.rename(folder.with_name(".model-old"))

    assert load_model(folder, CPU).facts.step == -7
    save_model(folder, facts(step=3), build_network(facts().network).state_dict())
    assert load_model(folder, CPU).facts.step == 3
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize("delay", [0.02, 0.11, 0.23])
def test_killing_the_writer_at_any_moment_leaves_a_whole_model(tmp_path: Path, delay: float) -> None:
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from tests.segcore.inference.test_model import facts
        from segcore.inference.model import save_model
        from segcore.networks.build import build_network
        folder = Path(sys.argv[1])
        network = build_network(facts().network)
        step = 0
        while True:
            save_model(folder, facts(step=step), network.state_dict())
            if step == 0:
                print("written", flush=True)
            step += 1
        """
    )
    root = Path(__file__).parents[3]
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "model")], stdout=subprocess.PIPE, cwd=root, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "written\n"
    time.sleep(delay)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()

    assert load_model(tmp_path / "model", CPU).facts.step >= 0


def test_a_prediction_lies_on_the_grid_of_the_scan(folder: Path) -> None:
    model = load_model(folder, CPU)
    tiles = []

    logits = predict_volume(model, scan(), device=CPU, report=lambda done, total: tiles.append((done, total)))

    assert logits.shape == (5, 40, 30)
    assert logits.dtype == np.float32
    assert tiles[-1][0] == tiles[-1][1]


def test_the_correction_is_added_everywhere(folder: Path) -> None:
    model = load_model(folder, CPU)
    shifted = Model(facts=replace(model.facts, correction=-2.5), networks=model.networks)

    plain, corrected = (predict_volume(m, scan(), device=CPU) for m in (model, shifted))

    np.testing.assert_allclose(corrected, plain - 2.5, rtol=1e-5, atol=1e-5)


def test_mirrored_copies_change_the_prediction_a_little(folder: Path) -> None:
    model = load_model(folder, CPU)

    plain, averaged = (predict_volume(model, scan(), device=CPU, flips=flips) for flips in (False, True))

    assert plain.shape == averaged.shape
    assert not np.array_equal(plain, averaged)


def test_a_scan_with_other_channels_is_refused_naming_them(folder: Path) -> None:
    model = load_model(folder, CPU)

    with pytest.raises(SettingProblem, match=r"other channels \(FLAIR, T1\) than the model was trained on \(image\)"):
        predict_volume(model, scan(("FLAIR", "T1")), device=CPU)


def test_a_scan_too_large_for_the_memory_is_answered_with_a_sentence(folder: Path) -> None:
    class Exhausted(FirstUNet):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.empty(1 << 60)

    model = Model(facts=facts(), networks=(Exhausted(facts().network),))

    with pytest.raises(Exception, match="not enough memory for this scan"):
        predict_volume(model, scan(), device=CPU)
