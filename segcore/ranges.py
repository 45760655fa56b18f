"""Ranges as data: one object validates a number, describes itself, and drives a spin box."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, TypeAlias

from segcore.errors import OutOfRange, UnknownName


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The numbers a setting may take.

    Parameters
    ----------
    low, high
        Inclusive limits.
    default
        The value used when nothing is said.
    step
        A sensible increment for a spin box; 0 lets the widget choose.
    unit
        Shown behind the number, e.g. ``"mm"``.
    whole
        Only integers.
    logarithmic
        The natural scale is logarithmic (learning rates).
    """

    low: float
    high: float
    default: float
    step: float = 0.0
    unit: str = ""
    whole: bool = False
    logarithmic: bool = False

    def __post_init__(self) -> None:
        if not self.low <= self.default <= self.high:
            raise OutOfRange("the default of a range", self.default, f"{self.low} to {self.high}")

    def describe(self) -> str:
        """Return the range in words, e.g. ``"0 to 1, default 0.33"``."""
        unit = f" {self.unit}" if self.unit else ""
        form = ",.0f" if self.whole else "g"
        return f"{self.low:{form}} to {self.high:{form}}{unit}, default {self.default:{form}}"

    def check(self, name: str, value: float) -> float:
        """Return `value`, or raise `OutOfRange` naming the setting and the limits."""
        whole_broken = self.whole and float(value) != int(value) if math.isfinite(value) else True
        if not math.isfinite(value) or not self.low <= value <= self.high or whole_broken:
            raise OutOfRange(name, value, self.describe())
        return int(value) if self.whole else float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The names a setting may take, each with the words shown for it.

    Parameters
    ----------
    options
        Pairs (name stored in files, label shown to a person).
    default
        One of the names.
    """

    options: tuple[tuple[str, str], ...]
    default: str

    @property
    def names(self) -> tuple[str, ...]:
        """The stored names, in order."""
        return tuple(name for name, _ in self.options)

    def describe(self) -> str:
        """Return the options in words."""
        return f"one of {', '.join(self.names)}; default {self.default}"

    def check(self, name: str, value: str) -> str:
        """Return `value`, or raise `UnknownName` with the known names."""
        if value not in self.names:
            raise UnknownName(name, value, self.names)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A setting that is on or off."""

    default: bool

    def describe(self) -> str:
        """Return the default in words."""
        return f"on or off, default {'on' if self.default else 'off'}"

    def check(self, name: str, value: object) -> bool:
        """Return `value` as a bool, or raise `OutOfRange`."""
        if not isinstance(value, bool):
            raise OutOfRange(name, value, self.describe())
        return value


Domain: TypeAlias = Range | Choice | Switch


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One field of a configuration as a form or ``--help`` shows it.

    Parameters
    ----------
    name
        The field's name, as stored in recipes.
    label
        What the form calls it.
    help
        One sentence on what it does.
    domain
        What values it may take.
    advanced
        Hidden until a person asks for all settings.
    """

    name: str
    label: str
    help: str
    domain: Domain
    advanced: bool = False


def setting(domain: Domain, *, label: str, help: str, advanced: bool = False) -> Any:
    """Return a dataclass field whose default, range and explanation come from one place.

    Whole ranges get an ``int`` default, so that the field's annotation may be ``int``.
    """
    default: object = domain.default
    if isinstance(domain, Range) and domain.whole:
        default = int(domain.default)
    return dataclasses.field(
        default=default, metadata={"domain": domain, "label": label, "help": help, "advanced": advanced}
    )


def field_for(item: Setting) -> Any:
    """Return a dataclass field for a setting that a catalogue already describes; the field must have the same name."""
    return setting(item.domain, label=item.label, help=item.help, advanced=item.advanced)


def settings_of(configuration: Any) -> tuple[Setting, ...]:
    """Return the settings declared with `setting` in a dataclass or an instance of one, in order."""
    return tuple(
        Setting(
            name=field.name,
            label=field.metadata["label"],
            help=field.metadata["help"],
            domain=field.metadata["domain"],
            advanced=field.metadata["advanced"],
        )
        for field in dataclasses.fields(configuration)
        if "domain" in field.metadata
    )


def check_settings(configuration: Any) -> None:
    """Raise `OutOfRange` or `UnknownName` for the first field of a dataclass instance outside its domain."""
    for item in settings_of(configuration):
        item.domain.check(item.name, getattr(configuration, item.name))
