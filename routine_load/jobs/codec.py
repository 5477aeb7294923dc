"""Values ↔ JSON: dataclasses by their field names, so that what is stored can be read by people and by later versions.

Owns the general conversion. A field that is absent in the text takes its default; a field that is unknown is refused,
because dropping it silently would change what a job does. Refuses to know which values are stored.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, cast

from routine_load.errors import MetadataError

_T = TypeVar("_T")
_ATOMS = (str, int, float, bool, type(None))
_PLAIN = frozenset(_ATOMS)


def encode(value: object) -> Any:  # noqa: PLR0911 - one return per shape
    """Plain JSON values. Fields that do not take part in comparison (source positions) are left out."""
    if type(value) in _PLAIN:
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: encode(getattr(value, name)) for name in _compared(type(value))}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return [[encode(key), encode(item)] for key, item in value.items()]
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    assert isinstance(value, _ATOMS), type(value)
    return value


def decode(kind: type[_T], value: Any) -> _T:
    """The value that ``encode`` was given. Raises MetadataError where the text does not fit the type."""
    with _readable(kind):
        return cast("_T", _decode(kind, value))


def decode_fields(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    """Some fields of a dataclass, by name, for a caller that adds the others. Raises MetadataError."""
    with _readable(kind):
        hints = _hints(kind)
        return {name: _decode(hints[name], item) for name, item in values.items()}


@contextmanager
def _readable(kind: type) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AssertionError) as cause:
        raise MetadataError(f"a stored {kind.__name__} cannot be read: {type(cause).__name__}") from cause


def _decode(kind: Any, value: Any) -> Any:  # noqa: PLR0911 - one return per shape
    if isinstance(kind, typing.NewType):
        return _decode(kind.__supertype__, value)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Union or origin is types.UnionType:
        if value is None:
            return None
        (inner,) = [a for a in arguments if a is not type(None)]
        return _decode(inner, value)
    if origin is tuple:
        if arguments[1:] == (Ellipsis,):
            return tuple(_decode(arguments[0], item) for item in value)
        return tuple(_decode(a, item) for a, item in zip(arguments, value, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        return {_decode(arguments[0], key): _decode(arguments[1], item) for key, item in value}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _decode(hints[name], item) for name, item in value.items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    assert isinstance(value, kind if kind is not float else (int, float)), (kind, type(value))
    return value


@lru_cache(maxsize=256)
def _compared(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(kind) if f.compare)


@lru_cache(maxsize=256)
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
