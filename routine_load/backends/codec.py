"""Values ↔ JSON, directed by their types: what travels between a coordinator and backends elsewhere.

Owns the form. Refuses to know what the values mean, and to make anything but the types that the asked-for type is made
of: a message cannot name a class. A frame is such a value with bytes behind it.

Invariant: ``decoded(kind, encoded(value, kind)) == value``; what does not fit the type raises MessageError.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Final, NewType, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from routine_load.errors import RoutineLoadError
from routine_load.jobs.budget import RatioLimit
from routine_load.loads.path import Routes, SingleTable
from routine_load.loads.routing import ByTablePrefix

T = TypeVar("T")

_HEAD: Final = 4
HEAD_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of a frame's value; rows are behind it."""

_SCALARS: Final = frozenset({str, int, float, bool})
_UNIONS: Final = (Union, types.UnionType)

_STANDS_FOR: Final[Mapping[object, object]] = {
    Routes: SingleTable | ByTablePrefix,
    Callable: RatioLimit,
}
"""What travels where a type only says what it can do."""


class MessageError(RoutineLoadError):
    """A message between coordinator and backend cannot be read."""


def encoded(value: object, kind: object) -> Any:
    """As JSON values."""
    kind = _plain(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in _UNIONS:
        return _encoded_one_of(value, arguments)
    if origin in (tuple, Sequence, frozenset):
        assert isinstance(value, Iterable)
        inner = _inner(arguments)
        found = [encoded(each, inner(n)) for n, each in enumerate(value)]
        return sorted(found) if origin is frozenset else found
    if origin is Mapping:
        assert isinstance(value, Mapping)
        return [[encoded(k, arguments[0]), encoded(v, arguments[1])] for k, v in value.items()]
    if isinstance(kind, type) and issubclass(kind, Enum):
        assert isinstance(value, kind), (value, kind)
        return value.value
    if is_dataclass(kind):
        assert type(value) is kind, (type(value), kind)
        return {name: encoded(getattr(value, name), of) for name, of in _fields(cast("type", kind))}
    assert kind in _SCALARS, kind
    assert isinstance(value, (str, int, float)), type(value)
    return value


def decoded(kind: type[T], value: Any) -> T:
    """From JSON values. Raises MessageError."""
    try:
        made = _decoded(kind, value)
    except (TypeError, ValueError, KeyError, AssertionError, AttributeError) as error:
        raise MessageError(f"a message is no {getattr(kind, '__name__', kind)}: {type(error).__name__}") from error
    return cast("T", made)


def to_json(value: object) -> bytes:
    """A dataclass as a document."""
    return json.dumps(encoded(value, type(value)), separators=(",", ":")).encode()


def from_json(kind: type[T], document: bytes) -> T:
    """Raises MessageError."""
    try:
        value = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise MessageError("a message is no JSON") from error
    return decoded(kind, value)


def to_frame(value: object, of: object, payload: bytes | memoryview = b"") -> bytes:
    """A value of a type, and bytes behind it."""
    head = json.dumps(encoded(value, of), separators=(",", ":")).encode()
    return b"".join((len(head).to_bytes(_HEAD, "big"), head, payload))


def from_frame(kind: Any, frame: bytes) -> tuple[Any, memoryview]:
    """Raises MessageError. The bytes are a view into the frame."""
    size = int.from_bytes(frame[:_HEAD], "big")
    if len(frame) < _HEAD + size or size > HEAD_BYTES_MAX:
        raise MessageError(f"a frame of {len(frame)} bytes has no head of {size} bytes")
    return from_json(kind, frame[_HEAD : _HEAD + size]), memoryview(frame)[_HEAD + size :]


def _plain(kind: object) -> object:
    while isinstance(kind, NewType):
        kind = kind.__supertype__
    return _STANDS_FOR.get(get_origin(kind) or kind, kind)


def _inner(arguments: tuple[Any, ...]) -> Callable[[int], Any]:
    """The type of the n-th item of a tuple, sequence or set."""
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return lambda _: arguments[0]
    if len(arguments) == 1:
        return lambda _: arguments[0]
    return lambda n: arguments[n]


@cache
def _fields(kind: type) -> tuple[tuple[str, object], ...]:
    hints = get_type_hints(kind)
    return tuple((each.name, hints[each.name]) for each in fields(kind) if each.init)


def _encoded_one_of(value: object, kinds: tuple[Any, ...]) -> Any:
    """None as it is; one of several dataclasses beside its name."""
    if value is None:
        assert type(None) in kinds
        return None
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    if len(kinds) == 1:
        return encoded(value, kinds[0])
    kind = next(kind for kind in kinds if type(value) is kind)
    return [kind.__name__, encoded(value, kind)]


def _decoded_one_of(kinds: tuple[Any, ...], value: Any) -> Any:
    if value is None and type(None) in kinds:
        return None
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    if len(kinds) == 1:
        return _decoded(kinds[0], value)
    name, inner = value
    return _decoded({kind.__name__: kind for kind in kinds}[name], inner)


def _decoded(kind: Any, value: Any) -> Any:
    kind = _plain(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in _UNIONS:
        return _decoded_one_of(arguments, value)
    if origin in (tuple, Sequence, frozenset):
        assert isinstance(value, list)
        inner = _inner(arguments)
        many = (_decoded(inner(n), each) for n, each in enumerate(value))
        return frozenset(many) if origin is frozenset else tuple(many)
    if origin is Mapping:
        return {_decoded(arguments[0], k): _decoded(arguments[1], v) for k, v in value}
    if is_dataclass(kind):
        known = dict(_fields(cast("type", kind)))
        return cast("Any", kind)(**{name: _decoded(known[name], each) for name, each in value.items()})
    return kind(value) if issubclass(kind, Enum) else _scalar(kind, value)


def _scalar(kind: Any, value: Any) -> Any:
    assert kind in _SCALARS, kind
    if kind is float and type(value) is int:
        return float(value)
    assert type(value) is kind, (type(value), kind)
    return value
