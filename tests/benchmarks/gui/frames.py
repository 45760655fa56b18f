"""Time from before an event to the frame it causes, on the X server; shared by ours and the peers, needs Qt and numpy alone."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget

#: Of the window and of the screen.
SIZE = (1920, 1080)
Figures = dict[str, Any]


def figures(wall: Iterable[float], cpu: Iterable[float] = (), cpu_all: Iterable[float] = ()) -> Figures:
    """Return median and 95th percentile of wall ms, and median processor ms of the GUI thread and of all threads."""
    kept = sorted(wall)
    result: Figures = {"n": len(kept)}
    if kept:
        result |= {"p50": round(_quantile(kept, 0.5), 2), "p95": round(_quantile(kept, 0.95), 2)}
    for name, values in (("cpu", sorted(cpu)), ("cpu_all", sorted(cpu_all))):
        if values:
            result[name] = round(_quantile(values, 0.5), 2)
    return result


def _quantile(values: list[float], share: float) -> float:
    place = (len(values) - 1) * share
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def memory_mb() -> float:
    """Return the resident memory, pages of mapped files included."""
    return _status("VmRSS")


def mapped_mb() -> float:
    """Return how much of the resident memory is pages of mapped files, which the system may drop at any time."""
    return _status("RssFile")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return round(int(fields[name].split()[0]) / 1024, 1)


@contextmanager
def screen() -> Iterator[None]:
    """Keep an X server of our own for what runs inside; children inherit it."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    before = {name: os.environ.get(name) for name in ("DISPLAY", "QT_QPA_PLATFORM")}
    os.environ |= {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        server.terminate()
        server.wait()


class RoundTrip:
    """Asks the X server something on Qt's own connection: the answer comes after all that was drawn before."""

    def __init__(self, app: QApplication) -> None:
        native: Any = app.nativeInterface()
        self._connection = ctypes.c_void_p(int(native.connection()))
        self._xcb, self._libc = ctypes.CDLL("libxcb.so.1"), ctypes.CDLL(None)
        self._xcb.xcb_get_input_focus.restype = ctypes.c_uint
        self._xcb.xcb_get_input_focus.argtypes = [ctypes.c_void_p]
        self._xcb.xcb_get_input_focus_reply.restype = ctypes.c_void_p
        self._xcb.xcb_get_input_focus_reply.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p]
        self._libc.free.argtypes = [ctypes.c_void_p]

    def __call__(self) -> None:
        """Wait for the answer."""
        cookie = self._xcb.xcb_get_input_focus(self._connection)
        self._libc.free(self._xcb.xcb_get_input_focus_reply(self._connection, cookie, None))


class Frames(QObject):
    """Counts the paints of a widget (the swaps, where it draws by OpenGL)."""

    def __init__(self, app: QApplication, widget: QWidget) -> None:
        super().__init__()
        self._app, self._widget, self.count = app, widget, 0
        self._round_trip = RoundTrip(app)
        if hasattr(widget, "frameSwapped"):
            widget.frameSwapped.connect(self._swapped)
        else:
            widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Count a paint."""
        self.count += event.type() == QEvent.Type.Paint
        return False

    def _swapped(self) -> None:
        self.count += 1

    def settle(self, seconds: float = 0.2) -> None:
        """Let the window come to rest."""
        limit = time.perf_counter() + seconds
        while time.perf_counter() < limit:
            self._app.processEvents()
            time.sleep(0.002)
        self._round_trip()

    def one(self, action: Callable[[], object], timeout: float = 30.0) -> tuple[float, float, float] | None:
        """Return (wall, GUI thread, all threads) ms from before `action` to its frame; None where none came."""
        before = self.count
        everything, thread, began = time.process_time(), time.thread_time(), time.perf_counter()
        action()
        while self.count == before:
            self._app.processEvents()
            if time.perf_counter() - began > timeout:
                return None
        self._app.sendPostedEvents()
        self._round_trip()
        return (
            1e3 * (time.perf_counter() - began),
            1e3 * (time.thread_time() - thread),
            1e3 * (time.process_time() - everything),
        )

    def many(self, actions: Iterable[Callable[[], object]], timeout: float = 10.0) -> Figures:
        """Return the figures of one event after another; events without a frame are counted."""
        found = [self.one(action, timeout) for action in actions]
        kept = [times for times in found if times is not None]
        result = figures(*(zip(*kept, strict=True) if kept else ((), (), ())))
        return result if len(kept) == len(found) else {**result, "without_frame": len(found) - len(kept)}
