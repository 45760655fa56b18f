"""The page of the simulator: move patch, share and batch, and see at once what a batch will hold."""

from __future__ import annotations

import math
from dataclasses import replace

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.actions import Actions
from app.data.facts import Facts, Simulated, with_patch
from app.data.measured_page import MeasuredPage
from app.data.plot_dress import dress_plot, make_plot
from app.data.summary_strip import Tile
from app.session import Session
from app.settings import Settings
from app.theme import SPACE_2, SPACE_3, SPACE_4, current_tokens, set_role
from app.widgets.action_button import ActionButton
from app.widgets.wording import count, one_in, percent
from segcore.catalog.samplers import SAMPLERS
from segcore.imbalance.batch_odds import BatchOdds, Setting, batch_odds
from segcore.training.recipe import Sampling

#: The slider knows batches from 1 to this.
MOST_PATCHES = 64


class SimulatorPage(MeasuredPage[Simulated]):
    """Sliders on the left, the batch in figures and over all patches on the right."""

    def __init__(self, session: Session, actions: Actions, settings: Settings, facts: Facts) -> None:
        self.method = QComboBox()
        self.patch, self.share, self.batch = (_slider() for _ in range(3))
        self.patch_words, self.share_words, self.batch_words = QLabel(), QLabel(), QLabel()
        self.tiles = {
            "chance": Tile("Batches that hold a lesion"),
            "patches": Tile("Patches with a lesion, per batch"),
            "voxels": Tile("Foreground voxels per batch"),
            "share": Tile("Foreground in what is trained on"),
        }
        self.explanation = QLabel()
        self.plot = make_plot("Over all patches, with the settings on the left", "patch edge, voxels", "chance")
        self._simulated: Simulated | None = None
        super().__init__(facts.simulated, "Counting what patches hold at every place of every training case.")
        self._session, self._actions, self._facts = session, actions, facts
        self._make_curves()
        self._lay_out()
        self._connect(settings)

    def _make_curves(self) -> None:
        self.lines = {name: self.plot.plot([], [], symbolSize=6) for name in ("batch", "anywhere")}
        legend = self.plot.addLegend(offset=(-8, -8), labelTextSize="8pt")
        legend.addItem(self.lines["batch"], "a batch holds a lesion")
        legend.addItem(self.lines["anywhere"], "one patch from anywhere does")
        self.here = pg.InfiniteLine(angle=90)
        self.plot.addItem(self.here)
        self.plot.setLogMode(x=True)
        self.plot.setYRange(0, 1.03, padding=0)
        self._theme_changed()

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(SPACE_3)
        left.addLayout(self._make_form())
        self.explanation.setWordWrap(True)
        set_role(self.explanation, "muted")
        self.explanation.setAlignment(Qt.AlignmentFlag.AlignTop)
        left.addWidget(self.explanation, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE_2)
        buttons.addWidget(ActionButton(self._actions.action("data.as-advised")))
        buttons.addWidget(ActionButton(self._actions.action("data.use-sampling"), main=True))
        left.addLayout(buttons)
        side = QWidget()
        side.setFixedWidth(340)
        side.setLayout(left)
        right = QVBoxLayout()
        right.setSpacing(SPACE_2)
        names = list(self.tiles)
        for pair in (names[:2], names[2:]):
            line = QHBoxLayout()
            line.setSpacing(SPACE_2)
            for name in pair:
                line.addWidget(self.tiles[name], 1)
            right.addLayout(line)
        right.addWidget(self.plot, 1)
        layout = QHBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_4)
        layout.addWidget(side)
        layout.addLayout(right, 1)

    def _make_form(self) -> QFormLayout:
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        form.setVerticalSpacing(SPACE_2)
        for entry in SAMPLERS:
            self.method.addItem(entry.label, entry.name)
            self.method.setItemData(self.method.count() - 1, entry.help, Qt.ItemDataRole.ToolTipRole)
        self.method.setAccessibleName("Sampling")
        self.method.setToolTip("How patches are drawn from the scans")
        form.addRow(_caption("Sampling", self.method), self.method)
        for name, slider, words, help in (
            ("Patch edge", self.patch, self.patch_words, "Edge of a patch in voxels of the prepared scan"),
            ("Foreground share", self.share, self.share_words, "Share of the patches that must hold foreground"),
            ("Batch", self.batch, self.batch_words, "Patches per step"),
        ):
            slider.setAccessibleName(name)
            slider.setToolTip(help)
            words.setToolTip(help)
            words.setMinimumWidth(96)
            words.setAlignment(Qt.AlignmentFlag.AlignRight)
            line = QHBoxLayout()
            line.addWidget(_caption(name, slider), 1)
            line.addWidget(words)
            form.addRow(line)
            form.addRow(slider)
        return form

    def _connect(self, settings: Settings) -> None:
        self.method.activated.connect(self._moved)
        for slider in (self.patch, self.share, self.batch):
            slider.valueChanged.connect(self._moved)
        self._actions.action("data.as-advised").triggered.connect(lambda _=False: self._as_advised())
        self._actions.action("data.use-sampling").triggered.connect(lambda _=False: self._use())
        settings.themeChanged.connect(self._theme_changed)
        self._facts.simulated.changed.connect(self._enable)
        self._enable()

    # Values

    @property
    def sampling(self) -> Sampling:
        """The sampling on the left."""
        return replace(self._facts.sampling, method=str(self.method.currentData()), ratio=self.share.value() / 100)

    @property
    def odds(self) -> BatchOdds | None:
        """What a batch holds with the settings on the left; None before the project is measured."""
        return self._odds(self.patch.value()) if self._simulated is not None else None

    def _odds(self, place: int) -> BatchOdds:
        simulated = self._simulated
        if simulated is None:
            raise IndexError(place)
        sampling = self.sampling
        setting = Setting(
            method=sampling.method,
            ratio=sampling.ratio,
            batch=self.batch.value(),
            empties_per_foreground=sampling.empties_per_foreground,
        )
        return batch_odds(simulated.cases, place, setting)

    def show_value(self, value: Simulated) -> str:
        """Show the settings that would be trained with, at first."""
        first = self._simulated is None
        edge = value.edges[0] if first or self._simulated is None else self._simulated.edges[self.patch.value()]
        self._simulated = value
        if first:
            self._as_advised()
        else:
            self._set(self.patch, value.place_of(edge), 0, len(value.edges) - 1)
        self._draw()
        sample = f"a fair sample of {len(value.cases)} of " if value.of_cases > len(value.cases) else ""
        return (
            f"Counted at every place of {sample}{count(value.of_cases, 'training case')}, prepared as training does it, with the "
            f"sampler's own rules."
        )

    def _as_advised(self) -> None:
        if self._simulated is None:
            return
        advised = self._simulated.advised
        self._facts.try_sampling(None)
        sampling = self._facts.sampling
        self._set(self.patch, self._simulated.planned, 0, len(self._simulated.edges) - 1)
        self._set(self.share, round(100 * sampling.ratio), 0, 100)
        self._set(self.batch, advised.sizes.batch, 1, MOST_PATCHES)
        self.method.setCurrentIndex(self.method.findData(sampling.method))
        self._draw()

    def _set(self, slider: QSlider, value: int, least: int, most: int) -> None:
        slider.blockSignals(True)
        slider.setRange(least, most)
        slider.setValue(value)
        slider.blockSignals(False)

    def _moved(self) -> None:
        self._facts.try_sampling(self.sampling)
        self._draw()

    def _use(self) -> None:
        if self._simulated is None:
            return
        recipe = with_patch(self._simulated.advised.advice.recipe, self._simulated.edges[self.patch.value()])
        batch = self.batch.value()
        self._session.offer_recipe(
            replace(
                recipe,
                name="Simulated",
                sampling=self.sampling,
                optimiser=replace(recipe.optimiser, batch=batch),
            )
        )

    def _enable(self) -> None:
        ready = self._facts.simulated.value is not None
        for id in ("data.as-advised", "data.use-sampling"):
            self._actions.enable(id, ready, "nothing is counted yet: open the page Simulator")
        if not ready:
            self._simulated = None

    # Showing

    def _draw(self) -> None:
        simulated, odds = self._simulated, self.odds
        if simulated is None or odds is None:
            return
        place, batch = self.patch.value(), self.batch.value()
        planes, rows, columns = simulated.draws.patches[place]
        deep = "" if simulated.draws.flat else f" × {planes}"
        self.patch_words.setText(f"{columns} × {rows}{deep}")
        self.share_words.setText(f"{self.share.value()} %")
        self.batch_words.setText(f"{batch} patch{'es' * (batch > 1)}")
        forced = self.sampling.method not in ("uniform", "undersampled")
        self.share.setEnabled(forced)
        self._show_tiles(simulated, odds, batch)
        self.explanation.setText(self._words(odds))
        every = [self._odds(number) for number in range(len(simulated.edges))]
        self.lines["batch"].setData(simulated.edges, [one.has_lesion for one in every])
        self.lines["anywhere"].setData(simulated.edges, [one.hit_rate for one in every])
        axis = self.plot.getPlotItem().getAxis("bottom")
        # In the logarithms that the axis counts in.
        axis.setTicks([[(math.log10(edge), str(edge)) for edge in simulated.edges]])
        self.here.setValue(math.log10(simulated.edges[place]))

    def _show_tiles(self, simulated: Simulated, odds: BatchOdds, batch: int) -> None:
        prevalence = simulated.advised.statistics.prevalence
        missed = 1 - odds.has_lesion
        self.tiles["chance"].show_figure(
            _chance(odds.has_lesion),
            "every one" if missed < 1e-9 else f"1 in {1 / missed:,.0f} teaches nothing about lesions",
            "Chance that at least one patch of a batch holds foreground.",
            warning=odds.has_lesion < 0.95,
        )
        self.tiles["patches"].show_figure(
            f"{odds.patches_with_lesion:.2f}",
            f"of {batch}; {_chance(odds.hit_rate)} of patches from anywhere do",
            "Patches that hold foreground: those that must and those that happen to.",
            warning=odds.patches_with_lesion < 1,
        )
        self.tiles["voxels"].show_figure(
            f"{odds.foreground_voxels:,.0f}" if odds.foreground_voxels >= 10 else f"{odds.foreground_voxels:.2g}",
            f"{odds.foreground_voxels / batch:,.1f} per patch",
            "Mean over batches.",
            warning=odds.foreground_voxels < 10,
        )
        times = odds.foreground_share / prevalence if prevalence > 0 else 0.0
        self.tiles["share"].show_figure(
            percent(odds.foreground_share),
            f"{one_in(odds.foreground_share)}; {times:,.1f} times that of the scans",
            "Foreground fraction of the voxels that the network is trained on, against the prevalence of the scans.",
        )

    def _words(self, odds: BatchOdds) -> str:
        method = self.sampling.method
        if method == "uniform":
            return "Patches come from anywhere: only luck shows the network a lesion."
        if method == "undersampled":
            empties = self.sampling.empties_per_foreground
            return f"{empties:g} empty patches per patch around a lesion; the share on the left is not used."
        if odds.has_lesion > 1 - 1e-9:
            return "From two patches on, at least one of a batch is drawn around a lesion, whatever the share."
        return "A batch of one patch holds a lesion as often as the share says, or by luck."

    def _theme_changed(self) -> None:
        tokens = current_tokens()
        dress_plot(self.plot, tokens)
        for name, colour in (("batch", tokens.accent), ("anywhere", tokens.warning)):
            self.lines[name].setPen(pg.mkPen(colour, width=2))
            self.lines[name].setSymbol("o")
            self.lines[name].setSymbolBrush(colour)
            self.lines[name].setSymbolPen(None)
        self.here.setPen(pg.mkPen(tokens.muted, style=Qt.PenStyle.DashLine))
        legend = self.plot.getPlotItem().legend
        if legend is not None:
            legend.setLabelTextColor(tokens.text)


def _slider() -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, 100)
    slider.setSingleStep(1)
    slider.setPageStep(5)
    return slider


def _caption(text: str, buddy: QWidget) -> QLabel:
    label = QLabel(text)
    label.setBuddy(buddy)
    return label


def _chance(share: float) -> str:
    return "100 %" if share > 1 - 1e-9 else (f"{100 * share:.1f} %" if share >= 0.1 else percent(share))
