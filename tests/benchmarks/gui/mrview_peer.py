"""mrview (MRtrix3) from outside: ``python -m tests.benchmarks.gui.mrview_peer FOLDER`` under an X server.

The wheel is turned by XTest, and XDamage tells what is drawn. The time of a step is from before it is sent to the last
change of the screen it causes; processor time is that of the whole process.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.gui.frames import SIZE, Figures, figures

_EVENTS = 40
#: The screen is at rest when nothing changed for so long, s; and how long at most is waited for that.
_QUIET, _LONGEST = 0.25, 15.0
_TICK = os.sysconf("SC_CLK_TCK")


class Screen:
    """A connection to the X server that sends events and hears of changes of the whole screen."""

    def __init__(self) -> None:
        self._x, self._test, self._damage = (
            ctypes.CDLL(name) for name in ("libX11.so.6", "libXtst.so.6", "libXdamage.so.1")
        )
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        self._display = ctypes.c_void_p(self._x.XOpenDisplay(None))
        self._x.XDefaultRootWindow.restype = ctypes.c_ulong
        base, error = ctypes.c_int(), ctypes.c_int()
        self._damage.XDamageQueryExtension(self._display, ctypes.byref(base), ctypes.byref(error))
        self._damage.XDamageCreate.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int]
        self._damage.XDamageCreate(self._display, self._x.XDefaultRootWindow(self._display), 0)  # every rectangle
        self._event = (ctypes.c_byte * 192)()
        self._x.XSync(self._display, 0)

    def wheel(self, button: int) -> None:
        """Turn the wheel: button 4 is up, 5 down."""
        for down in (1, 0):
            self._test.XTestFakeButtonEvent(self._display, button, down, 0)
        self._x.XFlush(self._display)

    def point(self, x: int, y: int) -> None:
        """Move the mouse."""
        self._test.XTestFakeMotionEvent(self._display, -1, x, y, 0)
        self._x.XFlush(self._display)

    def last_change(self, quiet: float, longest: float) -> float | None:
        """Return when the screen changed last, once it has been quiet; None where it never changed."""
        began, last = time.perf_counter(), None
        while True:
            now = time.perf_counter()
            while self._x.XPending(self._display):
                self._x.XNextEvent(self._display, ctypes.byref(self._event))
                last = now
            if (last is not None and now - last > quiet) or now - began > longest:
                return last
            time.sleep(0.0002)


def main() -> int:
    """Measure; prints one JSON object."""
    folder, screen = Path(sys.argv[1]), Screen()
    # Without the mask, which is in its favour: with an overlay mrview 3.0.3 crashes under Mesa's llvmpipe.
    command = ["mrview", str(folder / "scan.nii.gz"), "-mode", "2", "-position", "0,0"]
    program = subprocess.Popen(
        [*command, "-size", f"{SIZE[0]},{SIZE[1]}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(2.0)
        screen.point(SIZE[0] // 3, SIZE[1] // 2)
        screen.last_change(1.0, _LONGEST)
        result: Figures = {"scroll axial": _scroll(screen, program.pid)}
    finally:
        os.kill(program.pid, signal.SIGKILL)
        program.wait()
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def _scroll(screen: Screen, pid: int) -> Figures:
    wall, cpu = [], []
    for number in range(_EVENTS):
        before, began = _processor_ms(pid), time.perf_counter()
        screen.wheel(5 if number % 20 < 10 else 4)
        changed = screen.last_change(_QUIET, 1.0)
        if changed is not None:
            wall.append(1e3 * (changed - began))
            cpu.append(_processor_ms(pid) - before)
    # The kernel counts in ticks of 10 ms: only the mean over all events says something.
    return {**figures(wall), "without_frame": _EVENTS - len(wall), "cpu_all": round(sum(cpu) / max(len(cpu), 1), 2)}


def _processor_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / _TICK


if __name__ == "__main__":
    sys.exit(main())
