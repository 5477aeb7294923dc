"""Avro in Confluent's frame: a zero, the number of the writer's schema, and a value (StarRocks: Avro).

Columns are taken by name, or by ``jsonpaths``: a path that goes through records is followed in the decoded values, what
lies in an array, a map or a union of several types is found in their JSON. A message that cannot be decoded is an error
row, and so is one whose schema the registry does not know. A registry that is silent is neither: the task fails, and is
tried again. Refuses to know how schemas are fetched.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from routine_load.errors import UnreadableSchema
from routine_load.formats.avro_each import Faulty, arrow_type, read_one
from routine_load.formats.avro_read import REASONS, Fault, Integers, Messages
from routine_load.formats.avro_schema import Kind, Schema, Type, parse_schema
from routine_load.formats.avro_text import Form, Texts
from routine_load.formats.json_exact import as_written
from routine_load.formats.json_select import Selection
from routine_load.formats.jsonpaths import Path, dollar, parse_jsonpaths
from routine_load.formats.memory import MemoryDuckDB
from routine_load.formats.ports import SchemaRegistry
from routine_load.formats.rows import Rejects, nothing
from routine_load.loads.values import Decoded, LoadSpec, Payloads, Reading, RegistryAddress, SourceColumn

HEAD_BYTES = 5
SCHEMAS_MAX = 1_000
_ROOTS = frozenset({Kind.RECORD, Kind.MAP, Kind.UNION})
_WRONG = "parse error. the Avro message"


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Where the messages of a chunk stand in one buffer; ``framed`` are the numbers of those with a frame."""

    data: pa.Buffer
    start: Integers
    end: Integers
    framed: Integers
    schemas: Integers

    @classmethod
    def of(cls, values: Sequence[bytes | None]) -> _Chunk:
        raw = pa.array(values, pa.binary())
        _, offsets, data = raw.buffers()
        bounds = np.frombuffer(offsets, np.int32).astype(np.int64)[: len(raw) + 1]
        start, end = bounds[:-1], bounds[1:]
        data = data if data is not None and data.size else pa.py_buffer(b"\0")
        content = np.frombuffer(data, np.uint8)
        long_enough = np.flatnonzero(end - start >= HEAD_BYTES)
        framed = long_enough[content[start[long_enough]] == 0]
        head = content[start[framed][:, None] + np.arange(1, HEAD_BYTES)]
        return cls(data, start, end, framed, np.ascontiguousarray(head).view(">u4")[:, 0].astype(np.int64))


class AvroDecoder:
    """Decodes Avro messages into the given source columns. ``prepare`` fetches schemas, ``decode`` never does."""

    def __init__(self, spec: LoadSpec, columns: tuple[SourceColumn, ...], registry: SchemaRegistry) -> None:
        self._spec = spec
        self._columns = columns
        self._registry = registry
        self._duck = MemoryDuckDB()
        self._texts = Texts(self._duck, spec.timezone)
        self._known: dict[int, Schema] = {}
        self._unreadable: dict[int, str] = {}
        paths: tuple[Path | None, ...] = tuple((column.name,) for column in columns)
        if spec.jsonpaths:
            given = parse_jsonpaths(spec.jsonpaths)[: len(columns)]
            paths = given + (None,) * (len(columns) - len(given))
        self._paths = paths

    def prepare(self, payloads: Payloads) -> None:
        """Raises RegistryUnavailable, SourceError."""
        wanted = set(np.unique(_Chunk.of(payloads.values).schemas).tolist()) - set(self._known)
        if len(self._known) + len(wanted) > SCHEMAS_MAX:
            self._known.clear()
        self._unreadable.clear()
        address = self._spec.registry or RegistryAddress("")
        for number in sorted(wanted):
            try:
                found = self._registry.schema(address, number)
                self._known[number] = _usable(parse_schema(found.text, found.references))
            except UnreadableSchema as error:
                self._unreadable[number] = error.message

    def decode(self, payloads: Payloads) -> Decoded:
        values = payloads.values
        chunk = _Chunk.of(values)
        rejects = Rejects()
        self._reject_unframed(values, chunk, rejects)
        tables, places = [], []
        for number in np.unique(chunk.schemas).tolist():
            rows = chunk.framed[chunk.schemas == number]
            schema = self._known.get(number)
            if schema is None:
                reason = self._unreadable.get(number, "its schema was not fetched")
                for row in rows.tolist():
                    rejects.add(row, b"", f"{_WRONG} is of schema {number}: {reason}")
                continue
            table, place = self._of_schema(number, schema, chunk, (rows, rejects))
            tables.append(table)
            places.append(place)
        if not tables:
            return nothing(self._columns, rejects)
        table, place = pa.concat_tables(tables), np.concatenate(places)
        if len(tables) > 1:
            order = np.argsort(place, kind="stable")
            table, place = table.take(pa.array(order)), place[order]
        whole = len(place) == len(values)
        return Decoded(table, None if whole else pa.array(place), rejects.sorted())

    def close(self) -> None:
        self._duck.close()

    def _reject_unframed(self, values: Sequence[bytes | None], chunk: _Chunk, rejects: Rejects) -> None:
        """What is empty is no message; everything else has a frame."""
        bare = chunk.end > chunk.start
        bare[chunk.framed] = False
        for row in np.flatnonzero(bare).tolist():
            rejects.add(row, b"", f"{_WRONG} has no schema number in front of it: {_looks_like(values[row] or b'')}")

    def _of_schema(
        self, number: int, schema: Schema, chunk: _Chunk, rest: tuple[Integers, Rejects]
    ) -> tuple[pa.Table, Integers]:
        """The rows of one schema's messages, and which payload each is."""
        rows, rejects = rest
        messages = Messages(schema, chunk.data, chunk.start[rows] + HEAD_BYTES, chunk.end[rows], self._texts.json)
        values = messages.read()
        faults = messages.faults
        if faults.any():
            for row in np.flatnonzero(faults > Fault.LONG).tolist():
                reason = REASONS[Fault(faults[row])]
                rejects.add(int(rows[row]), b"", f"{_WRONG} is not what schema {number} says: {reason}")
            values = values.filter(pa.array(faults == Fault.NONE))
            each, place = self._each(number, schema, chunk, (rows[faults == Fault.LONG], rejects))
            values = pa.concat_arrays([values, each]) if len(each) else values
            rows = np.concatenate([rows[faults == Fault.NONE], place])
            order = np.argsort(rows, kind="stable")
            values, rows = values.take(pa.array(order)), rows[order]
        if values.null_count:  # a null in the place of a record is no row, as no value is
            there = pc.is_valid(values)
            values, rows = values.filter(there), rows[there.to_numpy(zero_copy_only=False)]
        return self._table(schema.root, values), rows

    def _each(
        self, number: int, schema: Schema, chunk: _Chunk, rest: tuple[Integers, Rejects]
    ) -> tuple[pa.Array, Integers]:
        rows, rejects = rest
        found, places = [], []
        for row in rows.tolist():
            body = chunk.data[int(chunk.start[row]) + HEAD_BYTES : int(chunk.end[row])].to_pybytes()
            try:
                found.append(read_one(schema.root, body))
                places.append(row)
            except Faulty as fault:
                rejects.add(row, b"", f"{_WRONG} is not what schema {number} says: {fault}")
        return pa.array(found, arrow_type(schema.root)), np.array(places, np.int64)

    def _table(self, root: Type, values: pa.Array) -> pa.Table:
        arrays: list[pa.Array] = []
        deep: dict[int, tuple[pa.Array, Path]] = {}
        for index, (column, path) in enumerate(zip(self._columns, self._paths, strict=True)):
            found = None if path is None else _followed(root, values, path)
            if found is None:
                arrays.append(pa.nulls(len(values), column.type))
                continue
            kind, inside, rest = found
            if rest:
                deep[index] = (self._texts.json(kind, inside), rest)
                arrays.append(pa.nulls(len(values), column.type))
            else:
                arrays.append(self._written(column, kind, inside))
        if deep:
            for index, column in zip(deep, self._deep(deep), strict=True):
                arrays[index] = column.cast(self._columns[index].type)
        return pa.table(arrays, names=[column.name for column in self._columns])

    def _written(self, column: SourceColumn, kind: Type, values: pa.Array) -> pa.Array:
        if column.reading is Reading.BYTES:
            inner = kind.optional or kind
            if inner.kind in {Kind.BYTES, Kind.FIXED} and inner.logical is None:
                return values
        return self._texts.of(kind, values, _FORMS.get(column.reading, Form())).cast(column.type)

    def _deep(self, deep: dict[int, tuple[pa.Array, Path]]) -> list[pa.ChunkedArray]:
        """What lies in arrays, maps and unions: out of the JSON of those alone, as out of JSON messages."""
        pieces, paths = [], []
        for at, (texts, rest) in enumerate(deep.values()):
            pieces += [f'{"," if at else "{"}"{at}":', pc.fill_null(texts, "null")]
            paths.append(f'$."{at}"{dollar(rest)[1:]}')
        docs = pa.table({"doc": pc.binary_join_element_wise(*pieces, "}", "")})
        spec = replace(self._spec, jsonpaths=json.dumps(paths))
        selection = Selection(spec, tuple(self._columns[index] for index in deep))
        table = as_written(self._duck, selection, docs)
        return [table.column(at).combine_chunks() for at in range(table.num_columns)]


_FORMS = {
    Reading.TEXT: Form(digits=True),
    Reading.DECIMAL: Form(digits=True, is_number=True),
    Reading.EXACT: Form(digits=True, is_number=True),
    Reading.NUMBER: Form(is_number=True),
    Reading.JSON: Form(is_json=True),
}


def _followed(kind: Type, values: pa.Array, path: Path) -> tuple[Type, pa.Array, Path] | None:
    """As far as the path goes through records: what is there, and the rest of it. None: no record has such a field."""
    for at, step in enumerate(path):
        record = kind.optional or kind
        if record.kind is not Kind.RECORD:
            return kind, values, path[at:]
        if step not in record.names:
            return None
        place = record.names.index(step)
        kind, values = record.parts[place], pc.struct_field(values, [place])
    return kind, values, ()


def _usable(schema: Schema) -> Schema:
    if schema.root.kind not in _ROOTS:
        raise UnreadableSchema(f"its type is {schema.root.kind}, a row needs a record")
    return schema


_OTHERS = (
    (b"\x01", "it begins with the GUID of a schema, which is not supported"),
    (b"\x03", "it looks like one of AWS Glue"),
    (b"\xc3\x01", "it looks like Avro's single-object encoding"),
    (b"Obj\x01", "it looks like an Avro file"),
    (b"{", "it looks like JSON"),
    (b"[", "it looks like JSON"),
)


def _looks_like(value: bytes) -> str:
    for start, hint in _OTHERS:
        if value.startswith(start):
            return hint
    return "it is shorter than 5 bytes" if value.startswith(b"\0") else f"it begins with the byte {value[0]:#04x}"
