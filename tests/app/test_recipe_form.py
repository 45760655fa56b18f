"""The form and the catalogues are one thing; the mix of losses, the shares over the run, the devices."""

import json
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLabel, QPushButton, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from app.train.loss_editor import LossTermEditor
from app.train.recipe_form import RecipeForm
from app.widgets.setting_editor import SettingEditor
from segcore.catalog.augmentations import AUGMENTATIONS
from segcore.catalog.entry import Entry
from segcore.catalog.losses import LOSSES
from segcore.catalog.networks import NETWORKS
from segcore.catalog.samplers import SAMPLERS
from segcore.catalog.synthesis import SYNTHESES
from segcore.cli.main import main
from segcore.ranges import Choice, Range, Setting, Switch
from segcore.training.recipe import LossTerm, Machine, Network, Recipe, Sampling, Synthesis
from segcore.training.recipe_files import recipe_with


@pytest.fixture
def form(qtbot: QtBot) -> RecipeForm:
    made = RecipeForm(Recipe())
    qtbot.addWidget(made)
    made.resize(360, 900)
    made.show()
    qtbot.waitExposed(made)
    return made


def shown(form: RecipeForm) -> Iterator[SettingEditor]:
    return (editor for editor in form.findChildren(SettingEditor) if editor.isVisibleTo(form))


def show_all(form: RecipeForm) -> None:
    box = form.findChild(QCheckBox, "recipe-advanced")
    assert box is not None
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Space)
    assert box.isChecked()


def choose(box: QComboBox, name: str) -> None:
    """Choose by the keyboard, as a person who cannot use a mouse would."""
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Home)
    for _ in range(box.findData(name)):
        QTest.keyClick(box, Qt.Key.Key_Down)
    assert box.currentData() == name


def edits(editor: SettingEditor, item: Setting) -> None:
    """The editor offers exactly the setting's values, starts at its default, and says what it does."""
    if isinstance(item.domain, Switch):
        assert editor.findChild(QCheckBox).isChecked() is item.domain.default
    elif isinstance(item.domain, Choice):
        combo = editor.findChild(QComboBox)
        assert tuple(combo.itemData(n) for n in range(combo.count())) == item.domain.names
    else:
        number = editor.findChild(QSpinBox if item.domain.whole else QDoubleSpinBox)
        assert (number.minimum(), number.maximum()) == (item.domain.low, min(item.domain.high, 2_147_483_647))
        assert editor.value() == item.domain.default
        assert item.domain.describe() in editor.explanation.text()
    assert item.help in editor.explanation.text()


@pytest.mark.parametrize("entry", LOSSES, ids=[entry.name for entry in LOSSES])
def test_every_parameter_of_every_loss_is_in_the_form_on_the_command_line_and_in_its_list(
    qtbot: QtBot, capsys: pytest.CaptureFixture[str], entry: Entry
) -> None:
    editor = LossTermEditor(LossTerm(name=entry.name), with_weight=True)
    qtbot.addWidget(editor)
    editor.show_advanced(True)
    editors = {e.setting.name: e for e in editor.findChildren(SettingEditor) if e.isVisibleTo(editor)}
    assert set(editors) == {"weight", "ramp", *(item.name for item in entry.parameters)}
    assert main(["losses", "--json"]) == 0
    listed = {e["name"]: e for e in json.loads(capsys.readouterr().out)["entries"]}[entry.name]
    assert (listed["help"], listed["paper"], listed["empty_patch"]) == (entry.help, entry.paper, entry.empty_patch)
    assert entry.help in " ".join(label.text() for label in editor.findChildren(QLabel))
    for item, parameter in zip(entry.parameters, listed["parameters"], strict=True):
        edits(editors[item.name], item)
        assert (parameter["name"], parameter["help"], parameter["default"]) == (
            item.name,
            item.help,
            item.domain.default,
        )
        highest = item.domain.high if isinstance(item.domain, Range) else "on"
        assert parameter["high"] == (item.domain.high if isinstance(item.domain, Range) else None)
        changed = recipe_with(Recipe(loss=(LossTerm(name=entry.name),)), f"loss.{item.name}={highest}")
        assert dict(changed.loss[0].parameters)[item.name] == (True if highest == "on" else highest)


@pytest.mark.parametrize(
    ("section", "catalogue", "recipes"),
    [
        ("sampling", SAMPLERS, lambda name: Recipe(sampling=Sampling(method=name))),
        ("synthesis", SYNTHESES, lambda name: Recipe(synthesis=Synthesis(method=name))),
    ],
    ids=["sampling", "synthesis"],
)
def test_a_method_shows_its_explanation_and_its_own_settings_only(
    form: RecipeForm, section: str, catalogue: tuple[Entry, ...], recipes: object
) -> None:
    show_all(form)
    for entry in catalogue:
        box = form._editors[section, "method"].findChild(QComboBox)
        assert box is not None
        choose(box, entry.name)
        editors = {name: e for (where, name), e in form._editors.items() if where == section and e.isVisibleTo(form)}
        hidden = {"later_ratio"}  # until the share changes in the course
        assert set(editors) - hidden == {"method", *(item.name for item in entry.parameters)} - hidden
        assert entry.help in editors["method"].explanation.text()
        for item in entry.parameters:
            if item.name in editors:
                edits(editors[item.name], item)
        assert form.recipe() == recipes(entry.name)  # type: ignore[operator]


def test_augmentations_and_networks_are_in_the_form_with_their_ranges(form: RecipeForm) -> None:
    show_all(form)
    for entry in AUGMENTATIONS:
        (item,) = entry.parameters
        edits(form._editors["augmentation", entry.name], item)
    size = form._editors["network", "size"]
    combo = size.findChild(QComboBox)
    assert [combo.itemData(n) for n in range(combo.count())] == [entry.name for entry in NETWORKS]
    for entry in NETWORKS:
        choose(combo, entry.name)
        assert entry.help in size.explanation.text()


def test_settings_for_experts_are_hidden_until_asked_for_unless_they_were_changed(form: RecipeForm) -> None:
    def smoothing() -> SettingEditor:
        return next(e for e in form._loss._editors[0]._parameters if e.setting.name == "smooth_numerator")

    assert not smoothing().isVisibleTo(form)
    form.set_recipe(Recipe(loss=(LossTerm(name="dice_ce", parameters=(("smooth_numerator", 0.5),)),)))
    assert smoothing().isVisibleTo(form)
    form.set_recipe(Recipe())
    show_all(form)
    assert smoothing().isVisibleTo(form)


def test_a_mix_of_losses_shows_the_weight_of_each_over_the_run(form: RecipeForm, qtbot: QtBot) -> None:
    assert form._loss.plot.isHidden()
    more = form.findChild(QPushButton, "loss-more")
    assert more is not None
    QTest.mouseClick(more, Qt.MouseButton.LeftButton)
    second = form._loss._editors[1]
    box = second.findChild(QComboBox, "loss-name")
    assert box is not None
    choose(box, "boundary")
    ramp = second._ramp.findChild(QDoubleSpinBox)
    assert ramp is not None
    ramp.setFocus()
    ramp.selectAll()
    QTest.keyClicks(ramp, "0.5")
    QTest.keyClick(ramp, Qt.Key.Key_Return)

    assert form.recipe().loss == (LossTerm(name="dice_ce"), LossTerm(name="boundary", ramp=0.5))
    plot = form._loss.plot
    assert plot.isVisibleTo(form)
    assert plot.accessibleDescription() == "Dice + cross-entropy (default): 1; Boundary: 0.002 to 1"
    for _ in range(2):
        QTest.mouseClick(more, Qt.MouseButton.LeftButton)
    assert len(plot.courses) == 4
    assert not more.isVisibleTo(form)


def test_the_share_of_foreground_is_drawn_over_the_run(form: RecipeForm) -> None:
    assert form.shares.accessibleDescription() == "Around lesions: 0.5"
    show_all(form)
    fades = form._editors["sampling", "ratio_fades"].findChild(QCheckBox)
    assert fades is not None
    assert not form._editors["sampling", "later_ratio"].isVisibleTo(form)
    fades.setFocus()
    QTest.keyClick(fades, Qt.Key.Key_Space)
    assert form._editors["sampling", "later_ratio"].isVisibleTo(form)
    assert form.shares.accessibleDescription() == "Around lesions: 0.5 to 0.35"
    form.set_recipe(Recipe(sampling=Sampling(method="uniform")))
    assert form.shares.isHidden()


def test_devices_that_are_not_there_cannot_be_chosen(form: RecipeForm, qtbot: QtBot) -> None:
    box = form._editors["machine", "device"].findChild(QComboBox)
    assert box is not None
    with qtbot.waitSignal(form.devicesAsked):
        box.setFocus()
    form.limit_devices({"cpu": "2 cores, 16 GB"})
    choose(box, "cpu")
    assert box.currentText() == "CPU: 2 cores, 16 GB"
    QTest.keyClick(box, Qt.Key.Key_Down)  # no GPU below
    assert form.recipe().machine == Machine(device="cpu")


def test_a_recipe_that_is_put_into_the_form_changes_it_once(form: RecipeForm, qtbot: QtBot) -> None:
    told: list[Recipe] = []
    form.changed.connect(lambda: told.append(form.recipe()))
    other = Recipe(name="Other", loss=(LossTerm(name="focal"),), network=Network(size="medium"))
    form.set_recipe(other)
    assert told == [other]


def test_everything_in_the_form_has_a_name_and_a_sentence(form: RecipeForm) -> None:
    show_all(form)
    for kind in (QComboBox, QSpinBox, QDoubleSpinBox, QPushButton, QCheckBox):
        for widget in form.findChildren(kind):
            name = widget.accessibleName() or (widget.text() if isinstance(widget, QPushButton | QCheckBox) else "")
            assert name, widget.objectName()
            if isinstance(widget.parent(), SettingEditor):
                assert widget.toolTip()
    assert isinstance(form, QWidget)
