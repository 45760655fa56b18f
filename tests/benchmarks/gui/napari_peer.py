"""napari measured as ours is: ``PYTHON -m tests.benchmarks.gui.napari_peer FOLDER`` with a Python that has napari.

Wheel, mouse and key are real events; window and threshold set the layer's property, which leaves the slider out, in napari's favour.
"""

# mypy: ignore-errors
from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from pathlib import Path

from tests.benchmarks.gui.frames import SIZE, Figures, Frames, memory_mb

EVENTS = 60


def main() -> int:
    """Measure; prints one JSON object."""
    began = float(os.environ.get("RARESEG_BENCHMARK_BEGAN", time.monotonic()))
    import napari  # noqa: PLC0415 - part of what is measured
    from qtpy.QtWidgets import QApplication  # noqa: PLC0415 - as above

    viewer = napari.Viewer(show=True)
    window = viewer.window._qt_window
    window.setGeometry(0, 0, *SIZE)
    frames = Frames(QApplication.instance(), viewer.window._qt_viewer.canvas.native)
    frames.one(lambda: None)
    result: Figures = {"version": napari.__version__, "start": round(1e3 * (time.monotonic() - began), 1)}
    frames.settle(1.0)
    window.windowHandle().requestActivate()
    result["memory"] = {"empty": memory_mb()}
    image, labels = _open(Path(sys.argv[1]), viewer, frames, result)
    result["memory"]["loaded"] = memory_mb()
    result |= _view(viewer, image, frames)
    for radius, ball in ((5, False), (20, False), (60, False), (20, True), (60, True)):
        name = f"{'ball' if ball else 'brush'} r{radius}"
        result[name] = _stroke(viewer, labels, frames, radius, ball=ball)
    result["undo"] = {"p50": result["brush r20"]["undo"]}
    result["threshold"] = _threshold(Path(sys.argv[1]), viewer, frames)
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    os._exit(0)


def _open(folder, viewer, frames, result):
    import nibabel  # noqa: PLC0415 - only the peer's environment needs it
    import numpy as np  # noqa: PLC0415 - as above

    began = time.perf_counter()
    scan = np.asarray(nibabel.load(folder / "scan.nii.gz").dataobj).T
    mask = np.asarray(nibabel.load(folder / "mask.nii.gz").dataobj).T
    image = viewer.add_image(scan, colormap="gray", contrast_limits=(-160, 240))
    labels = viewer.add_labels(mask, opacity=0.5)
    frames.one(lambda: None)
    result["first slice"] = {"p50": round(1e3 * (time.perf_counter() - began), 1)}
    frames.settle(1.0)
    viewer.reset_view()
    frames.settle(0.5)
    return image, labels


def _at(viewer, across, down):
    from qtpy.QtCore import QPoint  # noqa: PLC0415 - only the peer's environment has it

    canvas = viewer.window._qt_viewer.canvas.native
    place = QPoint(int(canvas.width() * across), int(canvas.height() * down))
    return canvas.mapTo(viewer.window._qt_window, place)


def _view(viewer, image, frames):
    from qtpy.QtCore import QPoint, Qt  # noqa: PLC0415 - only the peer's environment has it
    from qtpy.QtTest import QTest  # noqa: PLC0415 - as above

    handle, middle = viewer.window._qt_window.windowHandle(), _at(viewer, 0.5, 0.5)
    result = {}
    for axis, (name, order) in enumerate((("axial", (0, 1, 2)), ("coronal", (1, 0, 2)), ("sagittal", (2, 0, 1)))):
        viewer.dims.order = order
        frames.settle(0.5)
        viewer.dims.set_current_step(axis, 100)
        frames.settle(0.3)
        wheel = partial(
            QTest.wheelEvent, handle, middle, QPoint(0, -120), QPoint(0, 0), Qt.KeyboardModifier.ControlModifier
        )
        result[f"scroll {name}"] = frames.many([wheel] * EVENTS)
    viewer.dims.order = (0, 1, 2)
    viewer.dims.set_current_step(0, 150)
    frames.settle(0.5)
    result["window and level"] = frames.many(
        [partial(setattr, image, "contrast_limits", (-160 + k, 240 + k)) for k in range(EVENTS)]
    )
    return result


def _stroke(viewer, labels, frames, radius, *, ball):
    from qtpy.QtCore import QPoint, Qt  # noqa: PLC0415 - only the peer's environment has it
    from qtpy.QtTest import QTest  # noqa: PLC0415 - as above

    handle, start = viewer.window._qt_window.windowHandle(), _at(viewer, 0.38, 0.5)
    viewer.layers.selection.active = labels
    labels.mode, labels.selected_label, labels.brush_size = "paint", 5, 2 * radius
    labels.n_edit_dimensions = 3 if ball else 2
    labels._undo_history.clear()
    before = labels.data.copy()
    QTest.mouseMove(handle, start)
    frames.settle()
    left, no_keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QTest.mousePress(handle, left, no_keys, start)
    count = 20 if ball else EVENTS
    result = frames.many([partial(QTest.mouseMove, handle, start + QPoint(2 * n, n % 7)) for n in range(1, count + 1)])
    QTest.mouseRelease(handle, left, no_keys, start + QPoint(2 * count, 0))
    frames.settle()
    result["changed_voxels"] = int((labels.data != before).sum())
    result["undo_mb"] = round(sum(map(_bytes, labels._undo_history)) / 1e6, 3)
    undo = frames.one(partial(QTest.keyClick, handle, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier), 3.0)
    if not (labels.data == before).all():
        undo = frames.one(labels.undo)
    result["undo"] = round(undo[0], 2) if undo else None
    labels.data[:] = before
    return result


def _bytes(kept):
    if hasattr(kept, "nbytes"):
        return kept.nbytes
    return sum(map(_bytes, kept)) if isinstance(kept, tuple | list) else 32


def _threshold(folder, viewer, frames):
    import nibabel  # noqa: PLC0415 - only the peer's environment needs it
    import numpy as np  # noqa: PLC0415 - as above

    share = np.asarray(nibabel.load(folder / "probability.nii.gz").dataobj).T
    layer = viewer.add_image(share, colormap="red", blending="additive", contrast_limits=(0.499, 0.5))
    frames.settle(0.5)
    steps = [0.2 + 0.5 * k / EVENTS for k in range(EVENTS)]
    return frames.many([partial(setattr, layer, "contrast_limits", (low, low + 0.0001)) for low in steps])


if __name__ == "__main__":
    sys.exit(main())
