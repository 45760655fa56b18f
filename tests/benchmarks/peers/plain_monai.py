"""The plain MONAI recipe, as its tutorials write it, on arrays: ``python plain_monai.py FOLDER OUT MINUTES SEED``.

Needs an interpreter with torch and monai; run on its own, it imports nothing of RareSeg. Trains on all cases that are not
test cases (it has no use for validation cases), one thread, until MINUTES of processor time are over, and writes the
test cases' probabilities. Images of 2-D sets are given as they are; volumes are trained plane by plane.
"""

from __future__ import annotations

import csv
import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

#: Largest edge of a patch; where all images are smaller, patches are as large as they are, in steps of the network.
PATCH, STEP = 192, 16
BATCH_CASES, PATCHES_PER_CASE = 2, 4
LEARNING_RATE = 1e-3


def main() -> None:
    """Train and predict."""
    folder, out, minutes, seed = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(1)
    transforms: Any = importlib.import_module("monai.transforms")
    importlib.import_module("monai.utils").set_determinism(seed)
    with (folder / "parts.csv").open(newline="") as handle:
        parts = {row["case"]: row["part"] for row in csv.DictReader(handle)}
    normalise = transforms.NormalizeIntensity(nonzero=True, channel_wise=True)
    training = [case for case, part in parts.items() if part != "test"]
    edges = _edges([np.load(folder / f"{case}.npy", mmap_mode="r").shape[-2:] for case in training])
    items = [_item(folder, case, edges, normalise, transforms) for case in training]
    network, steps = _train(items, minutes * 60, seed, edges, transforms)
    out.mkdir(parents=True, exist_ok=True)
    for case in [case for case, part in parts.items() if part == "test"]:
        np.save(out / f"{case}.npy", _predict(network, edges, normalise, np.load(folder / f"{case}.npy")))
    (out / "info.json").write_text(json.dumps({"steps": steps}))


def _edges(shapes: list[tuple[int, ...]]) -> tuple[int, int]:
    edge = min(PATCH, STEP * -(-max(max(shape) for shape in shapes) // STEP))
    return edge, edge


def _item(folder: Path, case: str, edges: tuple[int, int], normalise: Any, transforms: Any) -> dict[str, Any]:
    image = normalise(torch.from_numpy(np.load(folder / f"{case}.npy").astype(np.float32)))
    label = torch.from_numpy(np.load(folder / f"{case}_mask.npy").astype(np.float32)[None])
    rows, columns = (max(0, edge - extent) for edge, extent in zip(edges, image.shape[-2:], strict=True))
    image, label = (torch.nn.functional.pad(part, (0, columns, 0, rows)) for part in (image, label))
    if image.shape[1] == 1:
        image, label = image[:, 0], label[:, 0]
    # Cached, as its documentation advises: looking for foreground in every step would cost it most of its minutes.
    indexed: dict[str, Any] = transforms.FgBgToIndicesd("label", image_key=None)({"image": image, "label": label})
    return indexed


def _train(items: list[dict[str, Any]], budget: float, seed: int, edges: tuple[int, int], t: Any) -> tuple[Any, int]:
    volumes = items[0]["image"].ndim == 4
    keys, axes = ["image", "label"], (1, 2) if volumes else (0, 1)
    chain = t.Compose(
        [
            t.RandCropByPosNegLabeld(
                keys,
                label_key="label",
                spatial_size=(1, *edges) if volumes else edges,
                pos=1,
                neg=1,
                num_samples=PATCHES_PER_CASE,
                fg_indices_key="label_fg_indices",
                bg_indices_key="label_bg_indices",
            ),
            t.RandFlipd(keys, prob=0.5, spatial_axis=axes[0]),
            t.RandFlipd(keys, prob=0.5, spatial_axis=axes[1]),
            t.RandRotate90d(keys, prob=0.5, max_k=3, spatial_axes=axes),
            t.RandScaleIntensityd("image", factors=0.1, prob=0.5),
            t.RandShiftIntensityd("image", offsets=0.1, prob=0.5),
        ]
    )
    unet = importlib.import_module("monai.networks.nets").UNet
    channels = items[0]["image"].shape[0]
    network = unet(2, channels, 2, (16, 32, 64, 128, 256), (2, 2, 2, 2), num_res_units=2, norm="batch")
    loss = importlib.import_module("monai.losses").DiceCELoss(to_onehot_y=True, softmax=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-5)
    rng, began, steps = np.random.default_rng(seed), time.process_time(), 0
    while (spent := time.process_time() - began) < budget:
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * spent / budget))
        drawn = [patch for number in rng.integers(len(items), size=BATCH_CASES) for patch in chain(items[number])]
        x = torch.stack([patch["image"].as_tensor() for patch in drawn])
        y = torch.stack([patch["label"].as_tensor() for patch in drawn])
        if volumes:
            x, y = x[:, :, 0], y[:, :, 0]
        optimiser.zero_grad(set_to_none=True)
        value = loss(network(x), y)
        value.backward()
        optimiser.step()
        steps += 1
    return network.eval(), steps


def _predict(network: Any, edges: tuple[int, int], normalise: Any, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return (planes, rows, columns) float16 probabilities."""
    window: Any = importlib.import_module("monai.inferers").sliding_window_inference
    x = normalise(torch.from_numpy(image.astype(np.float32))).as_tensor().permute(1, 0, 2, 3)
    with torch.inference_mode():
        logits = [window(plane[None], edges, 4, network, overlap=0.5, mode="gaussian") for plane in x]
    probability: np.ndarray[Any, Any] = torch.cat(logits).softmax(1)[:, 1].numpy().astype(np.float16)
    return probability


if __name__ == "__main__":
    main()
