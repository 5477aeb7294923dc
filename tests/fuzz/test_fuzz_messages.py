"""Random and mutated messages through decoders and transformers: no crash, and every message is accounted for."""

from __future__ import annotations

import json
import os
import random
from collections import Counter

import pytest

from routine_load.errors import UnreadableSchema
from routine_load.formats import decoder_for
from routine_load.formats.ports import RegisteredSchema
from routine_load.ids import Compat
from routine_load.loads.values import Format, LoadSpec, Origin
from routine_load.sql.ddl import DdlContext, parse_create_table
from routine_load.sql.expressions import read_expression
from routine_load.transform import TransformCompiler
from tests.fuzz.messages import Messages

MESSAGES = 1_000_000 if os.environ.get("RL_SOAK") else 50_000
CHUNK = 2_500
BLANKS = " \t\r\n"
TABLE = (
    "CREATE TABLE t (k INT, v VARCHAR(8), d DATE, n DECIMAL(20,2)) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) BUCKETS 1"
)
WHERE = read_expression("k <> 5")
ROOT = {"json_root": "$.a"}
DIALECTS = {
    "csv": [
        {},
        {"strict_mode": True, "where": WHERE},
        {"enclose": '"'},
        {"enclose": '"', "escape": "\\", "trim_space": True},
        {"enclose": "'", "escape": "\\", "column_separator": "||", "row_delimiter": "##"},
        {"column_separator": "||", "row_delimiter": "##"},
        {"trim_space": True, "empty_field_as_null": True},
    ],
    "json": [
        {},
        {"strict_mode": True, "where": WHERE},
        {"strip_outer_array": True},
        ROOT,
        {**ROOT, "strip_outer_array": True},
        {"jsonpaths": '["$.k", "$.v[*]", "$.a.d", "$.a[1].n"]'},
        {"jsonpaths": '["$.a.k", "$"]'},
    ],
    "avro": [
        {},
        {"strict_mode": True, "where": WHERE},
        {"jsonpaths": '["$.k", "$.more.k", "$.d", "$.next.next.n"]'},
        {"jsonpaths": '["$", "$.list[1]", "$.next.k", "$.n"]'},
    ],
}


RECORD = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "k", "type": "long"},
        {"name": "v", "type": ["null", "string", "boolean"]},
        {"name": "d", "type": ["null", {"type": "int", "logicalType": "date"}]},
        {"name": "n", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}},
        {"name": "more", "type": {"type": "map", "values": {"type": "array", "items": "int"}}},
        {"name": "next", "type": ["null", "R"]},
    ],
}
FLAT = {
    "type": "record",
    "name": "F",
    "fields": [
        {"name": "k", "type": "int"},
        {"name": "list", "type": {"type": "array", "items": ["null", "float", "string"]}},
    ],
}


class Registry:
    """Two schemas, one of which is inside itself."""

    def schema(self, _, number):
        if number not in {1, 2}:
            raise UnreadableSchema("nobody knows it")
        return RegisteredSchema(json.dumps(RECORD if number == 1 else FLAT))


LOADS = [(f, c) for f in DIALECTS for c in Compat if (f, c) != ("avro", Compat.DORIS)]


class Chunk:
    def __init__(self, values):
        self.values = values

    def origin(self, index):
        return Origin("t", 0, index)


@pytest.fixture(params=[pytest.param((f, c), id=f"{f}-{c}") for f, c in LOADS])
def loads(request):
    """Every dialect of one format and vendor: its spec, decoder and transformer."""
    format_, compat = request.param
    table = parse_create_table(TABLE, DdlContext("d", compat))
    compiler = TransformCompiler()
    made = []
    for options in DIALECTS[format_]:
        spec = LoadSpec(**{"compat": compat, "format": Format(format_), "column_separator": ",", **options})
        decoder = decoder_for(spec, compiler.source_columns(spec, table), Registry())
        made.append((spec, decoder, compiler.transformer(spec, table)))
    yield format_, made
    for _, decoder, transformer in made:
        decoder.close()
        transformer.close()


@pytest.mark.timeout(3600 if os.environ.get("RL_SOAK") else 120)
def test_every_message_is_accounted_for(loads):
    """Loaded + filtered + unselected are the rows; a message without any is blank, or an empty array."""
    format_, dialects = loads
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    messages = Messages(format_, seed)
    for at in range(MESSAGES // CHUNK):
        values = messages.some(CHUNK)
        spec, decoder, transformer = dialects[at % len(dialects)]
        decoder.prepare(Chunk(values))
        decoded = decoder.decode(Chunk(values))
        result = transformer.transform(decoded)
        rows = decoded.columns.num_rows
        assert result.rows.num_rows + len(result.rejected) + result.unselected == rows
        payloads = range(rows) if decoded.payload_of is None else decoded.payload_of.to_pylist()
        assert list(payloads) == sorted(payloads)
        seen = Counter(payloads) + Counter(row.payload for row in decoded.rejected)
        silent = [value for index, value in enumerate(values) if index not in seen]
        assert [value for value in silent if not without_rows(value, spec)] == []
        known = [index for index, value in enumerate(values) if without_rows(value, spec) and index in seen]
        assert known == []
        assert {row.payload for row in result.rejected} <= set(payloads)


def without_rows(value, spec):
    """What makes no row and no error row: nothing at all, blank rows, blanks around no document, empty arrays."""
    if spec.compat is Compat.DORIS:
        value = (value or b"").removeprefix(b"\xef\xbb\xbf")
    if not value:
        return True
    if spec.format is Format.AVRO:
        return False
    if spec.format is Format.JSON:
        return not value.strip(BLANKS.encode()) or (spec.strip_outer_array and only_empty_arrays(value, spec))
    rows = value.split(spec.row_delimiter.encode())
    ending = (b"", b"\r") if spec.compat is Compat.DORIS and spec.row_delimiter == "\n" else (b"",)
    return all(row in ending for row in rows)


def only_empty_arrays(value, spec):
    """Every document is an empty array, or has one under the root; an array of documents is taken apart first."""
    documents = []
    try:
        text = value.decode().strip(BLANKS)
        while text:
            document, end = json.JSONDecoder(object_pairs_hook=first_of_equal_keys).raw_decode(text)
            documents.append(document)
            text = text[end:].strip(BLANKS)
    except (ValueError, RecursionError):
        return False
    if len(documents) > 1 and spec.compat is Compat.DORIS:
        return False
    if spec.json_root:
        rows = [row for each in documents for row in (each if isinstance(each, list) else [each])]
        documents = [row.get("a") if isinstance(row, dict) else None for row in rows]
    return all(each == [] for each in documents)


def first_of_equal_keys(pairs):
    return dict(reversed(pairs))
