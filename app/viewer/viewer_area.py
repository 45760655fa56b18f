"""A viewer with everything around it: bar, second view, 3D, lesion table; the same in Annotate and in Review."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from app.actions import Actions
from app.background import Background
from app.session import Session
from app.settings import Settings
from app.theme import SPACE_1
from app.viewer.beside_view import BesideView
from app.viewer.caption import Caption
from app.viewer.cine import Cine
from app.viewer.coarse_copies import CoarseCopies
from app.viewer.display_controls import DisplayControls
from app.viewer.layers_panel import LayersPanel
from app.viewer.lesion_table import LesionTable
from app.viewer.lesion_walk import LesionWalk, Walk
from app.viewer.measure_tool import MeasureTool
from app.viewer.measuring import Kind
from app.viewer.scan_view import ScanView
from app.viewer.surface_pane import SurfacePane
from app.viewer.touch import Touch
from app.viewer.viewer_bar import ViewerBar
from app.viewer.zooming import show_one_to_one, zoom_by_keys, zoom_to
from segcore.geometry import Box
from segcore.review.mask_lesions import LesionError, MaskLesion

_TABLE_HEIGHT = 190


class ViewerArea(QWidget):
    """Puts the parts together and does the viewer's commands while it is visible.

    Parameters
    ----------
    cases
        Ids of the cases in the order in which the person goes through them.
    go_to
        Shows one of these cases.
    is_predicted
        Whether a prediction is shown over a case when one goes there.

    Signals
    -------
    hovered(str)
        What is under the mouse in the second view.
    """

    hovered = Signal(str)

    def __init__(
        self,
        view: ScanView,
        display: DisplayControls,
        session: Session,
        actions: Actions,
        background: Background,
        settings: Settings,
        *,
        cases: Callable[[], Sequence[str]],
        go_to: Callable[[str], None],
        is_predicted: Callable[[str], bool],
    ) -> None:
        super().__init__()
        self.view, self.display = view, display
        self._session, self._actions, self._background, self._settings = session, actions, background, settings
        self._cases, self._go_to, self._is_predicted = cases, go_to, is_predicted
        self._case = ""
        self._single_before = -1
        self.layers = LayersPanel(view, session, settings, self)
        self.bar = ViewerBar(actions, self.layers)
        self.words = Caption(view)
        self.measure = MeasureTool(view, self)
        self.cine = Cine(view, self)
        self.touch = Touch(view, self)
        self.coarse = CoarseCopies(view, session, background, self)
        self.walk = LesionWalk(view, background, self)
        self.table = LesionTable()
        self.beside: BesideView | None = None
        self.surface: SurfacePane | None = None
        self._lay_out()
        self._connect()
        self._connect_actions()

    def _lay_out(self) -> None:
        self._across = QSplitter(Qt.Orientation.Horizontal)
        self._across.setChildrenCollapsible(False)
        self._across.addWidget(self.view)
        self._down = QSplitter(Qt.Orientation.Vertical)
        self._down.setChildrenCollapsible(False)
        self._down.addWidget(self._across)
        self._down.addWidget(self.table)
        self._down.setStretchFactor(0, 1)
        self._down.setStretchFactor(1, 0)
        self.table.hide()
        self.table.auto_zoom.setChecked(self._settings.flag("viewer/auto-zoom", True))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_1)
        layout.addWidget(self.bar)
        layout.addWidget(self._down, 1)

    def _connect(self) -> None:
        self.walk.order = self.table.in_order
        self.walk.listed.connect(self._show_lesions)
        self.walk.counting.connect(self.table.wait)
        self.walk.reached.connect(self._reached)
        self.walk.passed.connect(self._passed)
        self.table.chosen.connect(self.walk.go_to)
        self.table.auto_zoom.toggled.connect(partial(self._settings.store, "viewer/auto-zoom"))
        self.cine.playingChanged.connect(lambda _: self._sync())
        self.bar.speed.valueChanged.connect(self.cine.set_speed)
        self.measure.kindChanged.connect(self._sync)
        self.touch.pans = self._settings.flag("viewer/touch-pans", False)
        self._session.projectChanged.connect(self.measure.forget_all)
        self.view.arranged.connect(self._sync)
        self.view.scanChanged.connect(self._scan_changed)

    def _connect_actions(self) -> None:
        doings: dict[str, Callable[[], object]] = {
            "three": partial(self.view.show_single, -1),
            "one": self._show_one,
            "beside": self._toggle_beside,
            "surface": self._toggle_surface,
            "lesions": self._toggle_table,
            "next-lesion": partial(self.walk.step, Walk.LESIONS, 1),
            "previous-lesion": partial(self.walk.step, Walk.LESIONS, -1),
            "next-error": partial(self._step_error, 1),
            "previous-error": partial(self._step_error, -1),
            "zoom-lesion": self._zoom_to_lesion,
            "zoom-in": partial(zoom_by_keys, self.view, 1),
            "zoom-out": partial(zoom_by_keys, self.view, -1),
            "actual": partial(show_one_to_one, self.view),
            "measure-delete": self.measure.erase,
            "measure-clear": self.measure.erase_all,
            "play": lambda: self.cine.stop() if self.cine.is_playing else self.cine.play(),
            "hide": self.display.toggle_hidden,
            "style": self.display.step_style,
            "preset": self.display.step_preset,
            "map": self.layers.step_map,
            "fusion": self.layers.toggle_fusion,
            "pan-by-touch": self._toggle_touch,
            **{kind.value: partial(self._toggle_measuring, kind) for kind in Kind},
        }
        for name, do in doings.items():
            self._actions.action(f"viewer.{name}").triggered.connect(partial(self._do, do))
        # A painting tool takes the left button back.
        for action in self._actions.of_workspace("annotate"):
            if action.isCheckable():
                action.triggered.connect(lambda _=False: self.measure.choose(None))

    def _do(self, doing: Callable[[], object], _checked: bool = False) -> None:
        """Do a command, if this is the viewer that the person sees; two workspaces share them."""
        if self.isVisible():
            doing()
            self._sync()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._sync()

    def _sync(self) -> None:
        """Mark what is on."""
        if not self.isVisible():
            return
        on = {
            "three": self.view.single < 0,
            "one": self.view.single >= 0,
            "beside": self.beside is not None and self.beside.isVisibleTo(self),
            "surface": self.surface is not None and self.surface.isVisibleTo(self),
            "lesions": self.table.isVisibleTo(self),
            "play": self.cine.is_playing,
            "hide": self.display.is_hidden,
            "fusion": self.layers.is_fused,
            "pan-by-touch": self.touch.pans,
            **{kind.value: self.measure.kind is kind for kind in Kind},
        }
        for name, value in on.items():
            self._actions.action(f"viewer.{name}").setChecked(value)

    # What the panel tells

    def show_case(self, case: str) -> None:
        """Another case is shown in the viewer; an empty name for none."""
        self._case = case
        self.measure.show_scan(case)
        self.coarse.show_case(case)
        self.layers.show_case(case)
        if self.beside is not None and self.beside.isVisibleTo(self):
            self.beside.show_case(case)
        if self.table.isVisibleTo(self):
            self.walk.watch(True)
        self.words.say("")

    def _scan_changed(self) -> None:
        if self.view.volume is None and self._case:
            self.show_case("")

    # Layout

    def _show_one(self) -> None:
        """Show the plane in hand alone; the next plane, where one is alone already."""
        single = self.view.single
        self.view.show_single((single + 1) % 3 if single >= 0 else self.view.axis_in_hand)

    def _toggle_beside(self) -> None:
        if self.beside is not None and self.beside.isVisibleTo(self):
            self.beside.hide()
            self.beside.links.stop()
            self.view.show_single(self._single_before)
            return
        if self.beside is None:
            self.beside = BesideView(self._session, self.view)
            self.beside.hovered.connect(self.hovered)
            self._across.insertWidget(1, self.beside)
        self._single_before = self.view.single
        if self.view.single < 0:
            self.view.show_single(self.view.axis_in_hand)
        self.beside.show()
        self._share_width()
        self.beside.show_case(self._case)

    def _toggle_surface(self) -> None:
        if self.surface is not None and self.surface.isVisibleTo(self):
            self.surface.hide()
            return
        if self.surface is None:
            self.surface = SurfacePane(self.view, self._background)
            self.surface.lesionClicked.connect(self._go_to_number)
            self._across.addWidget(self.surface)
        self.surface.show()
        self._share_width()
        self.surface.make()

    def _share_width(self) -> None:
        parts = (self.view, self.beside, self.surface)
        count = sum(part is not None and part.isVisibleTo(self) for part in parts)
        self._across.setSizes([self._across.width() // count] * self._across.count())

    def _toggle_table(self) -> None:
        shown = not self.table.isVisibleTo(self)
        self.table.setVisible(shown)
        self.walk.watch(shown)
        if shown:
            self._down.setSizes([max(100, self._down.height() - _TABLE_HEIGHT), _TABLE_HEIGHT])
            self._show_lesions()

    def _toggle_touch(self) -> None:
        self.touch.pans = not self.touch.pans
        self._settings.store("viewer/touch-pans", self.touch.pans)

    def _toggle_measuring(self, kind: Kind) -> None:
        self.measure.choose(None if self.measure.kind is kind else kind)
        if self.measure.kind is not None:
            self.view.panes[self.view.axis_in_hand].setFocus()

    # Lesions and errors

    def _show_lesions(self) -> None:
        if self.walk.lesions is not None:
            self.table.show_lesions(self.walk.lesions, self.view.volume.grid if self.view.volume else None)

    def _step_error(self, further: int) -> None:
        if self.view.steps is None:
            self.words.say("No prediction is shown: errors are where mask and prediction differ")
            return
        self.walk.step(Walk.ERRORS, further)

    def _reached(self, found: MaskLesion | LesionError) -> None:
        self.view.set_crosshair(found.centre)
        if self.table.auto_zoom.isChecked():
            zoom_to(self.view, found.box)
        grid = self.view.volume.grid if self.view.volume is not None else None
        known = grid is not None and grid.calibrated
        if isinstance(found, LesionError):
            errors = self.walk.errors or ()
            place = f"{errors.index(found) + 1} of {len(errors)}" if found in errors else ""
            self.words.say(f"Error {place}: {found.kind.value}, {found.voxels} voxels")
            return
        self.table.mark(found)
        if self.surface is not None:
            self.surface.picture.mark(found.number)
        size = f"{found.volume_ml:.3f} ml" if known else f"{found.voxels} voxels"
        self.words.say(f"Lesion {found.number} of {len(self.walk.lesions or ())}: {size}")

    def _go_to_number(self, number: int) -> None:
        for lesion in self.walk.lesions or ():
            if lesion.number == number:
                self.walk.go_to(lesion)
                return
        self.walk.step(Walk.LESIONS, 1)

    def _passed(self, walk: Walk, further: int) -> None:
        """Go on in the next case that has some; say so where there is none."""
        if not self._case:
            return
        cases = list(self._cases())
        place = cases.index(self._case) if self._case in cases else -1
        following = cases[place + 1 :] if further > 0 else cases[: max(place, 0)][::-1]
        for case in following:
            if self._may_have(walk, case):
                self._go_to(case)
                # Later, so that a hundred cases without any do not pile up on the stack.
                QTimer.singleShot(0, self, partial(self._arrive, walk, further, case))
                return
        side = "further" if further > 0 else "earlier"
        self.words.say(f"No {side} {walk.value} in any case of the list")

    def _arrive(self, walk: Walk, further: int, case: str) -> None:
        if self._case == case:
            self.walk.step(walk, further, anew=True)

    def _may_have(self, walk: Walk, case: str) -> bool:
        found = self._session.case(case)
        if found is None:
            return False
        if walk is Walk.LESIONS:
            return found.foreground_voxels > 0
        return self._is_predicted(case)

    def _zoom_to_lesion(self) -> None:
        """Show the lesion under the crosshair large, or the nearest; without lesions, what is around the crosshair."""
        lesions, at = self.walk.lesions, self.view.crosshair
        if self.view.volume is None:
            return
        if lesions is None and self.view.labels is not None:
            self.walk.counted_once(self._zoom_to_lesion)
            return
        spacing = self.view.volume.grid.spacing
        if not lesions:
            zoom_to(self.view, Box(at, (at[0] + 1, at[1] + 1, at[2] + 1)))
            return

        def away(lesion: MaskLesion) -> float:
            sides = zip(lesion.box.start, at, lesion.box.stop, spacing, strict=True)
            return sum((max(a - v, 0, v - (b - 1)) * mm) ** 2 for a, v, b, mm in sides)

        nearest = min(lesions, key=away)
        self.view.set_crosshair(nearest.centre if away(nearest) > 0 else at)
        zoom_to(self.view, nearest.box)
