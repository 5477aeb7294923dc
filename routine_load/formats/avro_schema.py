"""A writer's Avro schema: its text → the tree that values are read by (Avro 1.12, "Schema Declaration").

Owns names and namespaces, logical types, and which schemas are not read at all: values of unbounded size or work out of
nothing, such as an array of items that take no byte. Refuses to know values, and where schemas are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from routine_load.errors import UnreadableSchema

SCHEMA_CHARS_MAX = 1024 * 1024
TYPES_MAX = 10_000
"""Types of one schema, each named one counted wherever it is used."""
DEPTH_MAX = 64
DECIMAL_DIGITS_MAX = 1_000


class Kind(StrEnum):
    NULL = "null"
    BOOLEAN = "boolean"
    INT = "int"
    LONG = "long"
    FLOAT = "float"
    DOUBLE = "double"
    BYTES = "bytes"
    STRING = "string"
    FIXED = "fixed"
    ENUM = "enum"
    RECORD = "record"
    ARRAY = "array"
    MAP = "map"
    UNION = "union"
    AGAIN = "again"
    """A record inside itself: ``name`` says which."""


class Logical(StrEnum):
    DATE = "date"
    TIME_MILLIS = "time-millis"
    TIME_MICROS = "time-micros"
    TIMESTAMP_MILLIS = "timestamp-millis"
    TIMESTAMP_MICROS = "timestamp-micros"
    TIMESTAMP_NANOS = "timestamp-nanos"
    LOCAL_MILLIS = "local-timestamp-millis"
    LOCAL_MICROS = "local-timestamp-micros"
    LOCAL_NANOS = "local-timestamp-nanos"
    DECIMAL = "decimal"
    BIG_DECIMAL = "big-decimal"
    UUID = "uuid"
    DURATION = "duration"


_ON: Mapping[Logical, frozenset[Kind]] = {
    Logical.DATE: frozenset({Kind.INT}),
    Logical.TIME_MILLIS: frozenset({Kind.INT}),
    Logical.TIME_MICROS: frozenset({Kind.LONG}),
    Logical.DECIMAL: frozenset({Kind.BYTES, Kind.FIXED}),
    Logical.BIG_DECIMAL: frozenset({Kind.BYTES}),
    Logical.UUID: frozenset({Kind.STRING, Kind.FIXED}),
    Logical.DURATION: frozenset({Kind.FIXED}),
}
_SIZES = {Logical.UUID: 16, Logical.DURATION: 12}
_PLAIN = frozenset({Kind.NULL, Kind.BOOLEAN, Kind.INT, Kind.LONG, Kind.FLOAT, Kind.DOUBLE, Kind.BYTES, Kind.STRING})
_NAMED = frozenset({Kind.RECORD, Kind.ENUM, Kind.FIXED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """One type. ``parts`` are the fields of a record (``names`` beside them), the branches of a union, the items.

    ``width_min``: the fewest bytes that a value takes; ``types``: how many types it is, itself included.
    """

    kind: Kind
    logical: Logical | None = None
    name: str = ""
    names: tuple[str, ...] = ()
    parts: tuple[Type, ...] = ()
    size: int = 0
    scale: int = 0
    width_min: int = 0
    types: int = 1

    @property
    def optional(self) -> Type | None:
        """What the value is where it is not null; None for what is no union of null and one more."""
        if self.kind is not Kind.UNION:
            return None
        branches = [part for part in self.parts if part.kind is not Kind.NULL]
        return branches[0] if len(branches) == 1 else None


@dataclass(frozen=True, slots=True)
class Schema:
    """``records`` are the records that hold themselves, by name; without any, every value is of bounded depth."""

    root: Type
    records: Mapping[str, Type]


def parse_schema(text: str, references: Sequence[str] = ()) -> Schema:
    """The schema, with the schemas it refers to before it, each after what it needs. Raises UnreadableSchema."""
    reader = _Reader()
    root = None
    for each in (*references, text):
        if len(each) > SCHEMA_CHARS_MAX:
            raise UnreadableSchema(f"the schema has {len(each)} characters, at most {SCHEMA_CHARS_MAX} are read")
        try:
            root = reader.type(json.loads(each), "", 0)
        except (ValueError, RecursionError) as cause:
            raise UnreadableSchema("the schema is not JSON") from cause
    assert root is not None
    return Schema(root, reader.records)


class _Reader:
    def __init__(self) -> None:
        self._known: dict[str, Type] = {}
        self._open: set[str] = set()
        self.records: dict[str, Type] = {}
        self._again: set[str] = set()

    def type(self, node: Any, space: str, depth: int) -> Type:
        if depth > DEPTH_MAX:
            raise UnreadableSchema(f"the schema is deeper than {DEPTH_MAX} types")
        if isinstance(node, str):
            return self._called(node, space)
        if isinstance(node, list):
            return self._union(node, space, depth)
        if not isinstance(node, dict) or "type" not in node:
            raise UnreadableSchema(f"the schema has {_shown(node)} where a type should be")
        kind = node["type"]
        if not isinstance(kind, str):
            return self.type(kind, space, depth + 1)  # {"type": {"type": …}}, as some writers have it
        if kind in _NAMED:
            return self._declared(node, Kind(kind), space, depth)
        if kind in {Kind.ARRAY, Kind.MAP}:
            return self._items(node, Kind(kind), space, depth)
        return _logical(self._called(kind, space), node)

    def _called(self, name: str, space: str) -> Type:
        if name in _PLAIN:
            kind = Kind(name)
            return Type(kind=kind, width_min=_WIDTHS.get(kind, 1))
        full = name if "." in name or not space else f"{space}.{name}"
        for each in (full, name):
            if each in self._open:
                self._again.add(each)
                return Type(kind=Kind.AGAIN, name=each, width_min=0)
            if each in self._known:
                return self._known[each]
        raise UnreadableSchema(f"the schema does not say what {_shown(name)} is")

    def _union(self, node: list[Any], space: str, depth: int) -> Type:
        branches = tuple(self.type(each, space, depth + 1) for each in node)
        if not branches or any(branch.kind is Kind.UNION for branch in branches):
            raise UnreadableSchema("the schema has a union without branches, or one right inside another")
        least = min(branch.width_min for branch in branches)
        return _counted(Type(kind=Kind.UNION, parts=branches, width_min=1 + least))

    def _items(self, node: dict[str, Any], kind: Kind, space: str, depth: int) -> Type:
        item = self.type(node.get("items" if kind is Kind.ARRAY else "values"), space, depth + 1)
        if kind is Kind.ARRAY and item.width_min == 0 and item.kind is not Kind.AGAIN:
            raise UnreadableSchema("the schema has an array of items that take no byte: they could be without end")
        return _counted(Type(kind=kind, parts=(item,), width_min=1))

    def _declared(self, node: dict[str, Any], kind: Kind, space: str, depth: int) -> Type:
        name, space = _full_name(node, space)
        if name in self._known or name in self._open:
            raise UnreadableSchema(f"the schema says twice what {_shown(name)} is")
        if kind is Kind.RECORD:
            made = self._record(node, name, space, depth)
        elif kind is Kind.ENUM:
            symbols = node.get("symbols")
            if not isinstance(symbols, list) or not symbols or not all(isinstance(each, str) for each in symbols):
                raise UnreadableSchema(f"the schema has no symbols of the enum {_shown(name)}")
            made = Type(kind=kind, name=name, names=tuple(symbols), width_min=1)
        else:
            size = node.get("size")
            if type(size) is not int or not 0 <= size <= SCHEMA_CHARS_MAX:
                raise UnreadableSchema(f"the schema has no size of {_shown(name)}, or one above {SCHEMA_CHARS_MAX}")
            made = _logical(Type(kind=kind, name=name, size=size, width_min=size), node)
        self._known[name] = made
        return made

    def _record(self, node: dict[str, Any], name: str, space: str, depth: int) -> Type:
        fields = node.get("fields")
        if not isinstance(fields, list) or not all(
            isinstance(field, dict) and isinstance(field.get("name"), str) and "type" in field for field in fields
        ):
            raise UnreadableSchema(f"the schema has no fields of the record {_shown(name)}")
        names = tuple(field["name"] for field in fields)
        if len(set(names)) < len(names):
            raise UnreadableSchema(f"the schema has two fields of one name in the record {_shown(name)}")
        self._open.add(name)
        parts = tuple(self.type(field["type"], space, depth + 1) for field in fields)
        self._open.discard(name)
        width = sum(part.width_min for part in parts)
        made = _counted(Type(kind=Kind.RECORD, name=name, names=names, parts=parts, width_min=width))
        if name in self._again:
            if width == 0:
                raise UnreadableSchema(f"the schema has a record {_shown(name)} without end: it holds itself always")
            self.records[name] = made
        return made


_WIDTHS = {Kind.NULL: 0, Kind.FLOAT: 4, Kind.DOUBLE: 8}


def _counted(made: Type) -> Type:
    types = 1 + sum(part.types for part in made.parts)
    if types > TYPES_MAX:
        raise UnreadableSchema(f"the schema has more than {TYPES_MAX} types")
    return Type(
        kind=made.kind, name=made.name, names=made.names, parts=made.parts, width_min=made.width_min, types=types
    )


def _full_name(node: dict[str, Any], space: str) -> tuple[str, str]:
    """The full name, and the namespace of what is inside."""
    name = node.get("name")
    if not isinstance(name, str) or not name:
        raise UnreadableSchema(f"the schema has a {_shown(node['type'])} without a name")
    if "." in name:
        return name, name.rpartition(".")[0]
    given = node.get("namespace", space)
    space = given if isinstance(given, str) else space
    return (f"{space}.{name}" if space else name), space


def _logical(made: Type, node: dict[str, Any]) -> Type:
    """With its logical type. One that is unknown, or stands on another type, is ignored: so Avro wants it."""
    try:
        logical = Logical(node.get("logicalType", ""))
    except ValueError:
        return made
    if made.kind not in _ON.get(logical, frozenset({Kind.LONG})):
        return made
    if made.kind is Kind.FIXED and made.size != _SIZES.get(logical, made.size):
        return made
    scale = node.get("scale", 0)
    if logical is Logical.DECIMAL:
        precision = node.get("precision")
        if type(scale) is not int or type(precision) is not int or not 0 <= scale <= precision <= DECIMAL_DIGITS_MAX:
            return made
    else:
        scale = 0
    return Type(kind=made.kind, logical=logical, name=made.name, size=made.size, scale=scale, width_min=made.width_min)


def _shown(value: object) -> str:
    return repr(value)[:80]
