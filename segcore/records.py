"""Frozen dataclasses to JSON and back: run records, messages between processes, project tables.

Only types named in annotations are built; nothing in a record is ever imported, evaluated or unpickled.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from segcore.errors import SettingProblem

_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def encode(value: Any) -> Any:
    """Return `value` as JSON-ready data.

    Dataclasses become objects with a ``"type"`` member, tuples become lists, enums their value, paths strings, and
    the floats JSON lacks the strings ``"nan"``, ``"inf"`` and ``"-inf"``.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        body = {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"type": type(value).__name__, **body}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    return value


def decode(kind: Any, data: Any) -> Any:
    """Return `data` as an instance of the annotation `kind`.

    Unknown members are ignored (an older program reads a newer record); missing members take the field's default.

    Raises
    ------
    SettingProblem
        If the data does not fit `kind`.
    """
    origin = get_origin(kind)
    if kind is Any:
        return data
    if origin is Union or origin is types.UnionType:
        return _decode_union(get_args(kind), data)
    if origin is tuple:
        return _decode_tuple(get_args(kind), data)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data)
    return _decode_plain(kind, data)


def _decode_union(options: tuple[Any, ...], data: Any) -> Any:
    if data is None and type(None) in options:
        return None
    named = data.get("type") if isinstance(data, Mapping) else None
    for option in options:
        if option is type(None):
            continue
        if named is not None and getattr(option, "__name__", None) == named:
            return decode(option, data)
    for option in options:
        if option is type(None) or (named is not None and dataclasses.is_dataclass(option)):
            continue
        try:
            return decode(option, data)
        except SettingProblem:
            continue
    raise SettingProblem(f"a record holds {named or data!r}, which this version does not know", remedy="update RareSeg")


def _decode_tuple(arguments: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise SettingProblem(f"a record holds {data!r} where a list belongs", remedy="restore the file from a backup")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(decode(arguments[0], item) for item in data)
    if len(arguments) != len(data):
        raise SettingProblem(
            f"a record holds {len(data)} values where {len(arguments)} belong",
            remedy="restore the file from a backup",
        )
    return tuple(decode(kind, item) for kind, item in zip(arguments, data, strict=True))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _decode_dataclass(kind: Any, data: Any) -> Any:
    if not isinstance(data, Mapping):
        raise SettingProblem(
            f"a record holds {data!r} where {kind.__name__} belongs", remedy="restore the file from a backup"
        )
    hints = _hints(kind)
    present = {f.name: decode(hints[f.name], data[f.name]) for f in dataclasses.fields(kind) if f.name in data}
    try:
        return kind(**present)
    except TypeError as error:
        raise SettingProblem(f"a record of {kind.__name__} is incomplete ({error})", remedy="update RareSeg") from error


def _decode_plain(kind: Any, data: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(data)
        except ValueError as error:
            raise SettingProblem(
                f"a record holds the unknown {kind.__name__} {data!r}", remedy="update RareSeg"
            ) from error
    if kind is float and isinstance(data, str) and data in _SPECIAL:
        return _SPECIAL[data]
    if kind is float and isinstance(data, int | float) and not isinstance(data, bool):
        return float(data)
    if kind is Path and isinstance(data, str):
        return Path(data)
    if kind in (int, str, bool) and type(data) is kind:
        return data
    if kind is type(None) and data is None:
        return None
    raise SettingProblem(
        f"a record holds {data!r} where a {getattr(kind, '__name__', kind)} belongs", remedy="update RareSeg"
    )


def to_line(value: Any) -> str:
    """Return a dataclass instance as one line of JSON without the line ending."""
    return json.dumps(encode(value), allow_nan=False, separators=(",", ":"), ensure_ascii=False)


def from_line(kind: Any, line: str) -> Any:
    """Return the instance of `kind` (a dataclass or a union of dataclasses) written by `to_line`.

    Raises
    ------
    SettingProblem
        If the line is not valid JSON or does not fit.
    """
    try:
        data = json.loads(line)
    except ValueError as error:
        raise SettingProblem("a record line is damaged", remedy="it is skipped; the rest stays readable") from error
    return decode(kind, data)
