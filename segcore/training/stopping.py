"""Stop keeps the best model, pause keeps the state, cancel discards the run; looked at before every batch and tile."""

from __future__ import annotations

from collections import deque

from segcore.errors import Cancelled
from segcore.training.events import EndReason
from segcore.training.steering import Change


class StopSignal:
    """Wishes from outside, set from any thread and read by the loop: to end, or to go on otherwise."""

    def __init__(self) -> None:
        self.reason: EndReason | None = None
        self._changes: deque[Change] = deque()

    def stop(self) -> None:
        """End soon and keep the best model; a wish to cancel is not taken back."""
        self.reason = self.reason or EndReason.STOPPED

    def pause(self) -> None:
        """End soon with nothing but the state saved, so that going on later gives what an unbroken run would."""
        self.reason = self.reason or EndReason.PAUSED

    def cancel(self) -> None:
        """End soon and discard the run."""
        self.reason = EndReason.CANCELLED

    def close_window(self) -> None:
        """The window is gone: end soon and keep the best model."""
        self.reason = self.reason or EndReason.WINDOW_CLOSED

    def ask(self, change: Change) -> None:
        """Go on otherwise."""
        self._changes.append(change)

    def asked(self) -> Change | None:
        """Return the oldest change that was not made yet, and forget it."""
        return self._changes.popleft() if self._changes else None

    @property
    def requested(self) -> bool:
        """Whether to end at all."""
        return self.reason is not None

    def check(self) -> None:
        """Raise `Cancelled` where an end is wanted; for use inside a prediction that nobody needs any more."""
        if self.requested:
            raise Cancelled


class PausingSignal(StopSignal):
    """For work that goes on later as if it had never been broken: every wish to end is a pause, `cancel` apart."""

    def stop(self) -> None:
        """End soon with the state saved."""
        self.pause()

    def close_window(self) -> None:
        """The window is gone: end soon with the state saved."""
        self.pause()

    def ask(self, change: Change) -> None:
        """Nothing changes: what is compared must stay as it was planned."""


def left_unfinished(reason: EndReason, step: int) -> str:
    """Return the sentence for a run that ends without finishing, at `step`."""
    if reason is EndReason.PAUSED and step:
        return f"The run is paused at step {step}; it goes on from there."
    return "The run was stopped before its first step; there is no model."
