"""Going from lesion to lesion and from error to error; the lists are made in the background when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from app.background import Background, Progress, Task
from app.errors import report_error
from app.viewer.scan_view import ScanView
from segcore.errors import Cancelled
from segcore.review.mask_lesions import LesionError, MaskLesion, errors_of, lesions_of

#: After the last stroke, before lesions are counted again, ms.
_REST_MS = 500


class Walk(Enum):
    """What one goes through; the value is its name on screen."""

    LESIONS = "lesion"
    ERRORS = "error"


class LesionWalk(QObject):
    """Lists what is in the case, and goes through it.

    Signals
    -------
    listed()
        The lesions are known.
    counting()
        They are being counted.
    reached(object)
        A `MaskLesion` or `LesionError` to show.
    passed(Walk, int)
        The list is at its end (1) or beginning (−1).
    """

    listed = Signal()
    counting = Signal()
    reached = Signal(object)
    passed = Signal(Walk, int)

    def __init__(self, view: ScanView, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view, self._background = view, background
        self.lesions: tuple[MaskLesion, ...] | None = None
        self.errors: tuple[LesionError, ...] | None = None
        self.order: Callable[[], tuple[MaskLesion, ...]] | None = None
        self.is_watching = False
        self._at: MaskLesion | LesionError | None = None
        self._wanted: tuple[Walk, int, bool] | None = None
        self._after: Callable[[], None] | None = None
        self._tasks: dict[Walk, Task[tuple[MaskLesion, ...] | tuple[LesionError, ...]]] = {}
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(partial(self._count, Walk.LESIONS))
        view.masksChanged.connect(self._masks_changed)
        view.scanChanged.connect(self._scan_changed)

    def watch(self, on: bool) -> None:
        """Keep the list of lesions up to date, because it is shown."""
        self.is_watching = on
        if on and self.lesions is None:
            self._count(Walk.LESIONS)

    def step(self, walk: Walk, further: int, *, anew: bool = False) -> None:
        """Go to the next (1) or previous (−1) one; lists them first where they are not known.

        With `anew`, to the first or the last one, wherever the crosshair is: one comes from another case.
        """
        known = self._list(walk)
        if known is None:
            self._wanted = (walk, further, anew)
            self._count(walk)
            return
        self._wanted = None
        place = -1 if anew else self._place(known)
        first = 0 if further > 0 else len(known) - 1
        following = first if place < 0 else place + further
        if 0 <= following < len(known):
            self.go_to(known[following])
        else:
            self.passed.emit(walk, further)

    def go_to(self, found: MaskLesion | LesionError) -> None:
        """Be at a lesion or an error."""
        self._at = found
        self.reached.emit(found)

    def _list(self, walk: Walk) -> tuple[MaskLesion, ...] | tuple[LesionError, ...] | None:
        if walk is Walk.ERRORS:
            return self.errors
        return self.order() if self.order is not None and self.lesions is not None else self.lesions

    def _place(self, known: tuple[MaskLesion, ...] | tuple[LesionError, ...]) -> int:
        """Return where one is: at the one that was reached last, else in the one under the crosshair; −1 for neither."""
        centres = [found.centre for found in known]
        if self._at is not None and self._at.centre in centres and self._view.crosshair == self._at.centre:
            return centres.index(self._at.centre)
        for place, box in enumerate([found.box for found in known]):
            sides = zip(box.start, self._view.crosshair, box.stop, strict=True)
            if all(a <= at < b for a, at, b in sides):
                return place
        return -1

    # Counting

    def counted_once(self, do: Callable[[], None]) -> None:
        """Count the lesions, then do something, unless another scan is shown by then."""
        self._after = do
        self._count(Walk.LESIONS)

    def _masks_changed(self) -> None:
        self.lesions = self.errors = None
        if self.is_watching:
            self._rest.start()

    def _scan_changed(self) -> None:
        self.lesions = self.errors = self._at = None
        self._wanted = self._after = None
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    def _count(self, walk: Walk) -> None:
        view = self._view
        volume, labels, steps, step = view.volume, view.labels, view.steps, view.step
        if volume is None or labels is None or (walk is Walk.ERRORS and steps is None):
            self._show(walk, volume, ())
            return
        if walk in self._tasks:
            self._tasks[walk].cancel()
        self.counting.emit()
        channel = volume.voxels[1 if volume.is_photograph else view.channel]

        def lesions(progress: Progress) -> tuple[MaskLesion, ...]:
            progress.check()
            return lesions_of(labels, volume.grid, channel)

        def errors(progress: Progress) -> tuple[LesionError, ...]:
            progress.check()
            return errors_of(labels, steps >= step, volume.grid) if steps is not None else ()

        function: Callable[[Progress], tuple[MaskLesion, ...] | tuple[LesionError, ...]]
        function = lesions if walk is Walk.LESIONS else errors
        self._tasks[walk] = self._background.run(
            function, done=partial(self._show, walk, volume), failed=self._failed, owner=self
        )

    def _show(self, walk: Walk, volume: object, found: tuple[MaskLesion, ...] | tuple[LesionError, ...]) -> None:
        if volume is not self._view.volume:
            return
        self._tasks.pop(walk, None)
        if walk is Walk.LESIONS:
            self.lesions = tuple(item for item in found if isinstance(item, MaskLesion))
            self.listed.emit()
            after, self._after = self._after, None
            if after is not None:
                after()
        else:
            self.errors = tuple(item for item in found if isinstance(item, LesionError))
        if self._wanted is not None and self._wanted[0] is walk:
            self.step(*self._wanted[:2], anew=self._wanted[2])

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, Cancelled):
            parent = self.parent()
            report_error(parent if isinstance(parent, QWidget) else self._view, error)
