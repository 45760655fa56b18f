"""Recipes as TOML files that a person can read, share and change, and changing one setting by name."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from segcore.catalog.entry import find
from segcore.catalog.losses import LOSSES
from segcore.errors import RareSegError, SettingProblem, UnknownName, UnreadableFile
from segcore.ranges import Choice, Range, Setting, Switch, settings_of
from segcore.storage import write_text
from segcore.training.recipe import LossTerm, Recipe

_SECTIONS = ("sampling", "synthesis", "augmentation", "network", "optimiser", "budget", "ensemble", "machine")


def recipe_to_toml(recipe: Recipe) -> str:
    """Return a recipe as TOML."""
    data: dict[str, Any] = {"name": recipe.name}
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

    Raises
    ------
    UnreadableFile
        If the file cannot be read or is not TOML.
    SettingProblem
        For an unknown setting or a value outside its range.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(path, "the recipe cannot be read", remedy="check the name and the permissions") from error
    except tomllib.TOMLDecodeError as error:
        raise UnreadableFile(path, f"the recipe is not valid TOML ({error})", remedy="correct that line") from error
    try:
        return recipe_from_data(data)
    except RareSegError as error:
        raise SettingProblem(f"{path.name}: {error.what}", remedy=error.remedy) from error


def recipe_from_data(data: dict[str, Any]) -> Recipe:
    """Return the recipe in parsed TOML; errors as `read_recipe`."""
    unknown = sorted(set(data) - {"name", "loss", *_SECTIONS})
    if unknown:
        raise UnknownName("section of a recipe", unknown[0], ["name", "loss", *_SECTIONS])
    recipe = Recipe(name=str(data.get("name", "Recipe")))
    if "loss" in data:
        recipe = dataclasses.replace(recipe, loss=tuple(_checked_term(term) for term in _terms(data["loss"])))
    for section in _SECTIONS:
        values = data.get(section, {})
        if not isinstance(values, dict):
            raise SettingProblem(f"[{section}] is no section", remedy=f"write [{section}] and settings below it")
        for name, value in values.items():
            recipe = _with_value(recipe, section, name, value)
    recipe.check()
    return recipe


def _terms(data: Any) -> tuple[LossTerm, ...]:
    entries = data if isinstance(data, list) else [data]
    try:
        return tuple(
            LossTerm(
                name=str(entry["name"]),
                weight=float(entry.get("weight", 1.0)),
                ramp=float(entry.get("ramp", 0.0)),
                parameters=tuple(sorted(dict(entry.get("parameters", {})).items())),
            )
            for entry in entries
        )
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise SettingProblem("a [[loss]] lacks its name", remedy='write name = "dice_ce"') from error


def _checked_term(term: LossTerm) -> LossTerm:
    """Return `term` with its parameters as the catalogue wants them, so that no run is started on a typing error."""
    entry = find("loss", term.name, LOSSES)
    parameters = tuple((name, _checked(entry.parameter(name), value)) for name, value in term.parameters)
    return dataclasses.replace(term, parameters=parameters)


def recipe_with(recipe: Recipe, assignment: str) -> Recipe:
    """Return `recipe` with one setting changed, as in ``sampling.ratio=0.3`` or ``loss.gamma=3``.

    A name without its section is looked up in all of them.

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
    first, *others = recipe.loss
    value = parse_value(find("loss", first.name, LOSSES).parameter(name), text)
    changed = dataclasses.replace(first, parameters=tuple(sorted({**dict(first.parameters), name: value}.items())))
    return dataclasses.replace(recipe, loss=(changed, *others))
