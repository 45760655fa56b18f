"""How long a person worked on a case: the time between signs of life, long pauses left out."""

from __future__ import annotations

#: A longer gap between two signs of life is a pause, seconds: somebody went for a coffee, or looks at another window.
PAUSE_SECONDS = 60.0


class WorkTime:
    """Adds up the time between signs of life (strokes, clicks, keys, scrolling).

    Parameters
    ----------
    pause
        A gap longer than this does not count at all, seconds.
    """

    def __init__(self, pause: float = PAUSE_SECONDS) -> None:
        self._pause = pause
        self._last: float | None = None
        self._seconds = 0.0

    def touch(self, now: float) -> None:
        """Note a sign of life at a time of a clock that never goes back, seconds."""
        if self._last is not None and 0.0 <= now - self._last <= self._pause:
            self._seconds += now - self._last
        self._last = now

    def take(self) -> float:
        """Return the seconds since they were last taken, and begin anew; the clock goes on."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def stop(self) -> None:
        """Forget the last sign of life: what comes next belongs to another case."""
        self._last = None


def in_words(seconds: float) -> str:
    """Return a time as a person reads it: ``"45 s"``, ``"3 min"``, ``"2 h 5 min"``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
