"""Recipes as TOML files that a person can read, share and change, and changing one setting by name."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from segcore.catalog.entry import find
from segcore.catalog.loss_settings import RAMP, WEIGHT
from segcore.catalog.losses import LOSSES
from segcore.errors import RareSegError, SettingProblem, UnknownName, UnreadableFile
from segcore.ranges import Choice, Range, Setting, Switch, settings_of
from segcore.storage import write_text
from segcore.training.recipe import LossTerm, Recipe
from segcore.training.recipe_text import line_of

_SECTIONS = ("sampling", "synthesis", "augmentation", "network", "optimiser", "budget", "ensemble", "machine")
#: Of the files that are written; files without a number are read as the first.
_FORMAT = 1
_OF_A_TERM = ("name", "weight", "ramp", "parameters")
_LONGEST_NAME = 200
#: No recipe is longer, bytes; whatever is larger was dropped by mistake.
_LARGEST_FILE = 1 << 20


def recipe_to_toml(recipe: Recipe) -> str:
    """Return a recipe as TOML."""
    data: dict[str, Any] = {"format": _FORMAT, "name": recipe.name}
    data["loss"] = [
        {"name": term.name, "weight": term.weight, "ramp": term.ramp, "parameters": dict(term.parameters)}
        for term in recipe.loss
    ]
    for section in _SECTIONS:
        part = getattr(recipe, section)
        data[section] = {item.name: getattr(part, item.name) for item in settings_of(part)}
    return tomli_w.dumps(data)


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Write a recipe as TOML, atomically; see `segcore.storage.write_atomically` for the errors."""
    write_text(path, recipe_to_toml(recipe))


def read_recipe(path: Path) -> Recipe:
    """Return the recipe in a TOML file; settings that it does not name take their defaults.

    Nothing in the file is a path, and nothing in it is ever run.

    Raises
    ------
    UnreadableFile
        If the file cannot be read, is far too long, or is not TOML.
    SettingProblem
        For a newer format, an unknown setting or a value outside its range, with the line.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise UnreadableFile(path, "this is too long for a recipe", remedy="choose a recipe that RareSeg wrote")
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(path, "the recipe cannot be read", remedy="check the name and the permissions") from error
    except tomllib.TOMLDecodeError as error:
        raise UnreadableFile(path, f"the recipe is not valid TOML ({error})", remedy="correct that line") from error
    try:
        return recipe_from_data(data, text)
    except RareSegError as error:
        raise SettingProblem(f"{path.name}: {error.what}", remedy=error.remedy) from error


def recipe_from_data(data: dict[str, Any], text: str = "") -> Recipe:
    """Return the recipe in parsed TOML; `text`, where there is one, gives the lines of errors, which are `read_recipe`'s."""
    _check_format(data.get("format", _FORMAT))
    for key in sorted(set(data) - {"format", "name", "loss", *_SECTIONS}):
        with _at_line(text, "", key):
            raise UnknownName("section of a recipe", key, ["name", "loss", *_SECTIONS])
    with _at_line(text, "", "name"):
        recipe = Recipe(name=_checked_name(data.get("name", "Recipe")))
    if "loss" in data:
        recipe = dataclasses.replace(recipe, loss=_terms(data["loss"], text))
    for section in _SECTIONS:
        values = data.get(section, {})
        if not isinstance(values, dict):
            raise SettingProblem(f"[{section}] is no section", remedy=f"write [{section}] and settings below it")
        for name, value in values.items():
            with _at_line(text, section, name):
                recipe = _with_value(recipe, section, name, value)
    recipe.check()
    return recipe


def _check_format(number: Any) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise SettingProblem(f"format is {number!r}, which is no format of recipes", remedy=f"write format = {_FORMAT}")
    if number > _FORMAT:
        raise SettingProblem(
            f"the recipe was written by a newer RareSeg (format {number}; this one reads up to {_FORMAT})",
            remedy="update RareSeg",
        )


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise SettingProblem("the name of the recipe is no short text", remedy='write name = "My recipe"')
    return name


@contextmanager
def _at_line(text: str, section: str, key: str, *, number: int = 0) -> Iterator[None]:
    """Name the line of a setting in the errors that are raised inside."""
    try:
        yield
    except RareSegError as error:
        line = line_of(text, section, key, number=number)
        raise SettingProblem(f"line {line}: {error.what}" if line else error.what, remedy=error.remedy) from error


def _terms(data: Any, text: str) -> tuple[LossTerm, ...]:
    entries = data if isinstance(data, list) else [data]
    terms = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise SettingProblem("a [[loss]] lacks its name", remedy='write name = "dice_ce"')
        for key in entry:
            with _at_line(text, "loss", key, number=number):
                _check_key(key, entry[key])
        with _at_line(text, "loss", "name", number=number):
            terms.append(_checked_term(_term(entry)))
    return tuple(terms)


def _check_key(key: str, value: Any) -> None:
    if key not in _OF_A_TERM:
        raise UnknownName("setting of a [[loss]]", key, _OF_A_TERM)
    if key in (WEIGHT.name, RAMP.name):
        _checked(WEIGHT if key == WEIGHT.name else RAMP, value)
    if key == "parameters" and not isinstance(value, dict):
        raise SettingProblem("the parameters of a [[loss]] are no table", remedy="write parameters = {gamma = 2.0}")


def _term(entry: dict[str, Any]) -> LossTerm:
    return LossTerm(
        name=entry["name"],
        weight=float(entry.get("weight", 1.0)),
        ramp=float(entry.get("ramp", 0.0)),
        parameters=tuple(sorted(entry.get("parameters", {}).items())),
    )


def _checked_term(term: LossTerm) -> LossTerm:
    """Return `term` with its parameters as the catalogue wants them, so that no run is started on a typing error."""
    entry = find("loss", term.name, LOSSES)
    parameters = tuple((name, _checked(entry.parameter(name), value)) for name, value in term.parameters)
    return dataclasses.replace(term, parameters=parameters)


def recipe_with(recipe: Recipe, assignment: str) -> Recipe:
    """Return `recipe` with one setting changed, as in ``sampling.ratio=0.3`` or ``loss.gamma=3``.

    A name without its section is looked up in all of them. Of a sum, ``loss.boundary.ramp=0.5`` or ``loss.2.ramp=0.5``
    changes that term.

    Raises
    ------
    UnknownName, OutOfRange, SettingProblem
        In one sentence.
    """
    key, found, text = assignment.partition("=")
    if not found:
        raise SettingProblem(f"{assignment!r} sets nothing", remedy="write NAME=VALUE, such as sampling.ratio=0.3")
    section, dot, name = key.strip().partition(".")
    if not dot:
        section, name = _section_of(recipe, section), section
    if section == "loss":
        return _with_loss_parameter(recipe, name, text.strip())
    if section not in _SECTIONS:
        raise UnknownName("section of a recipe", section, [*_SECTIONS, "loss"])
    item = _find(recipe, section, name)
    return _with_value(recipe, section, name, parse_value(item, text.strip()))


def _section_of(recipe: Recipe, name: str) -> str:
    for section in _SECTIONS:
        if any(item.name == name for item in settings_of(getattr(recipe, section))):
            return section
    names = [f"{s}.{item.name}" for s in _SECTIONS for item in settings_of(getattr(recipe, s))]
    raise UnknownName("setting", name, names)


def _find(recipe: Recipe, section: str, name: str) -> Setting:
    known = settings_of(getattr(recipe, section))
    for item in known:
        if item.name == name:
            return item
    raise UnknownName(f"setting of {section}", name, [item.name for item in known])


def parse_value(item: Setting, text: str) -> float | bool | str:
    """Return the value that `text` means for a setting, checked against its domain."""
    if isinstance(item.domain, Switch):
        if text.lower() not in ("true", "false", "on", "off", "1", "0", "yes", "no"):
            raise SettingProblem(f"{item.name} is {text!r}", remedy="write true or false")
        return text.lower() in ("true", "on", "1", "yes")
    if isinstance(item.domain, Range):
        try:
            return item.domain.check(item.name, float(text))
        except ValueError as error:
            raise SettingProblem(
                f"{item.name} is {text!r}, which is no number", remedy=item.domain.describe()
            ) from error
    return item.domain.check(item.name, text)


def _checked(item: Setting, value: Any) -> float | bool | str:
    """Return a value from a file, checked against its setting's domain."""
    if isinstance(item.domain, Range) and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise SettingProblem(f"{item.name} is {value!r}, which is no number", remedy=item.domain.describe())
    if isinstance(item.domain, Choice) and not isinstance(value, str):
        raise SettingProblem(f"{item.name} is {value!r}, which is no name", remedy=item.domain.describe())
    return item.domain.check(item.name, value)


def _with_value(recipe: Recipe, section: str, name: str, value: Any) -> Recipe:
    checked = _checked(_find(recipe, section, name), value)
    return dataclasses.replace(recipe, **{section: dataclasses.replace(getattr(recipe, section), **{name: checked})})


def _with_loss_parameter(recipe: Recipe, name: str, text: str) -> Recipe:
    """Change a parameter, the weight or the ramp of a term: the first, or the one whose number or name comes before."""
    which, dot, parameter = name.rpartition(".")
    place = _place_of_term(recipe, which) if dot else 0
    term = recipe.loss[place]
    if parameter in (WEIGHT.name, RAMP.name):
        weighs = parameter == WEIGHT.name
        number = float(parse_value(WEIGHT if weighs else RAMP, text))
        changed = dataclasses.replace(term, weight=number) if weighs else dataclasses.replace(term, ramp=number)
    else:
        value = parse_value(find("loss", term.name, LOSSES).parameter(parameter), text)
        changed = dataclasses.replace(
            term, parameters=tuple(sorted({**dict(term.parameters), parameter: value}.items()))
        )
    return dataclasses.replace(recipe, loss=(*recipe.loss[:place], changed, *recipe.loss[place + 1 :]))


def _place_of_term(recipe: Recipe, which: str) -> int:
    names = [term.name for term in recipe.loss]
    if which in names:
        return names.index(which)
    if which.isdecimal() and 1 <= int(which) <= len(names):
        return int(which) - 1
    raise UnknownName("term of the loss", which, [*names, *map(str, range(1, len(names) + 1))])
