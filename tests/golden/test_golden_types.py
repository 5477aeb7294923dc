"""What each column type makes of each kind of value, per vendor and strictness; docs/types.md is written from it."""

import json
import re
import runpy
from pathlib import Path

import duckdb
import pytest

from routine_load.engines.duckdb.rows import vendor_text
from routine_load.formats import decoder_for
from routine_load.ids import Compat
from routine_load.loads.values import Format, LoadSpec, Origin
from routine_load.sql.ddl import DdlContext, parse_create_table
from routine_load.sql.schema import TypeName
from routine_load.transform import TransformCompiler

FILE = Path(__file__).parent / "load" / "values.types"
LIMITS = {"lower limit", "upper limit", "below", "above"}
CSV = {"in range", "NULL", "garbage", "empty", "blanks", "hex", "exponent"}
JSON = {"string", "number", "boolean", "object", "array", "NULL", "empty", "garbage"}
UNLIMITED = {TypeName.BOOLEAN, TypeName.JSON, TypeName.ARRAY, TypeName.MAP, TypeName.STRUCT, TypeName.STRING}
STATES = {"hll", "bitmap", "quantile_state", "percentile", "agg_state"}
WRITTEN = {TypeName.BOOLEAN, TypeName.JSON, TypeName.ARRAY, TypeName.MAP, TypeName.STRUCT}
ONLY_ABOVE = {TypeName.CHAR, TypeName.VARCHAR, TypeName.VARBINARY}
PRINTED = {
    "DECIMAL(5,2)": "DECIMAL(5, 2)",
    "DECIMAL(38,0)": "DECIMAL(38, 0)",
    "DECIMAL(38,38)": "DECIMAL(38, 38)",
    "DATETIME(3)": "DATETIME",
    "STRUCT<x INT, y VARCHAR(3)>": "STRUCT<INT, VARCHAR(3)>",
}
FAILS = "!"
SEPARATOR = "\x01"


class Chunk:
    def __init__(self, values):
        self.values = values

    def origin(self, index):
        return Origin("t", 0, index)


class Case:
    """``csv | in range | 1.5 => 1 ~ !``: what StarRocks and what Doris makes of it; ``a / b``: not strict and strict."""

    def __init__(self, type_, line):
        head, _, expected = line.partition(" => ")
        self.type = type_
        self.format, self.kind, self.given = (part.strip() for part in head.split(" | "))
        starrocks, _, doris = expected.strip().partition(" ~ ")
        self._expected = {Compat.STARROCKS: starrocks, Compat.DORIS: doris or starrocks}

    @property
    def message(self):
        raw = re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), self.given.encode())
        if self.format == "csv":
            return b"0" + SEPARATOR.encode() + (b"" if raw == b"(empty)" else raw)
        return b'{"k":0,"c":' + raw + b"}"

    def text(self, compat):
        """The value as an error row shows it."""
        if self.format == "csv":
            return self.message[2:].decode()
        if self.given in {"true", "false"}:
            name = COLUMNS[self.type].columns[0].type.name
            digits = name not in WRITTEN if compat is Compat.DORIS else name in {TypeName.DECIMAL, TypeName.LARGEINT}
            return {"true": "1", "false": "0"}[self.given] if digits else self.given
        return json.loads(self.given) if self.given.startswith('"') else self.given

    def expected(self, compat, *, strict):
        usual, _, strictly = self._expected[compat].partition(" / ")
        return (strictly or usual) if strict else usual


def sections():
    found = {}
    for line in FILE.read_text().splitlines():
        if line.startswith("## "):
            cases = found.setdefault(line[3:], [])
        elif line and not line.startswith("#"):
            cases.append(Case(line_type(found), line))
    return found


def line_type(found):
    return list(found)[-1]


SECTIONS = sections()
COLUMNS = {kind: parse_create_table(f"CREATE TABLE t (c {kind})", DdlContext("d", Compat.DORIS)) for kind in SECTIONS}


def loaded(type_, cases, compat, *, strict, null="NULL"):
    """Per case its value as text, or the reason of its error row."""
    format_ = Format(cases[0].format)
    spec = LoadSpec(compat=compat, format=format_, column_separator=SEPARATOR, strict_mode=strict)
    table = parse_create_table(f"CREATE TABLE t (k INT, c {type_} {null})", DdlContext("d", compat))
    compiler = TransformCompiler()
    decoder = decoder_for(spec, compiler.source_columns(spec, table))
    transformer = compiler.transformer(spec, table)
    try:
        decoded = decoder.decode(Chunk([case.message for case in cases]))
        result = transformer.transform(decoded)
    finally:
        transformer.close()
        decoder.close()
    rejected = {row.payload: row.reason for row in (*decoded.rejected, *result.rejected)}
    values = iter(shown(result.rows))
    return [rejected[at] if at in rejected else next(values) for at in range(len(cases))]


def shown(rows):
    with duckdb.connect() as connection:
        kind = str(connection.from_arrow(rows).types[1])
        if kind == "BLOB":
            return [f"x'{v}'" if v is not None else "NULL" for (v,) in fetched(connection, rows, "hex(c)")]
        if kind.startswith(("MAP(", "STRUCT(")) or kind.endswith("]"):
            return [vendor_text(v) if v is not None else "NULL" for (v,) in fetched(connection, rows, "c")]
        values = [v if v is not None else "NULL" for (v,) in fetched(connection, rows, "c::VARCHAR")]
        return [re.sub(r"^(-?)\.", r"\g<1>0.", value) for value in values] if kind.startswith("DECIMAL") else values


def fetched(connection, rows, expression):
    return connection.from_arrow(rows).project(expression).fetchall()


def reason(case, compat, type_):
    """The vendors' words for a value that does not convert (StarRocks: CSV, JSON; Doris: strict mode)."""
    if compat is Compat.DORIS:
        return f"column(c) value is incorrect while strict mode is true, src value is {case.text(compat)}"
    name = PRINTED.get(type_, type_)
    if case.format == "csv":
        return (
            f"The field (name = c, pos = 1) is out of range. Type: {name}, "
            f"Value length: {len(case.text(compat).encode())}, Value: {case.text(compat)}"
        )
    return f"Value '{case.text(compat)}' is out of range. The type of 'c' is {name}"


def cases_of(type_, format_):
    return [case for case in SECTIONS[type_] if case.format == format_]


VARIANTS = [
    pytest.param(type_, format_, compat, strict, id=f"{type_}-{format_}-{compat}-{'strict' if strict else 'lenient'}")
    for type_ in SECTIONS
    for format_ in ("csv", "json")
    for compat in Compat
    for strict in (False, True)
    if cases_of(type_, format_)
]


@pytest.mark.parametrize(("type_", "format_", "compat", "strict"), VARIANTS)
def test_values_become_what_the_table_of_types_says(type_, format_, compat, strict):
    """Each line of values.types: the value, NULL where it does not convert, in strict mode the vendor's error row."""
    cases = cases_of(type_, format_)
    expected = []
    for case in cases:
        said = case.expected(compat, strict=strict)
        expected.append(said if said != FAILS else reason(case, compat, type_) if strict else "NULL")
    assert loaded(type_, cases, compat, strict=strict) == [
        text.replace("\\x00", "\x00").replace("\\x20", " ") for text in expected
    ]


@pytest.mark.parametrize("compat", list(Compat))
@pytest.mark.parametrize("type_", SECTIONS)
def test_values_spelled_as_usual_take_the_short_way_to_the_same(type_, compat):
    """Values alone in their chunk, which the cheap program may convert, become what they become among others."""
    cases = [case for case in cases_of(type_, "csv") if case.text(compat) == case.expected(compat, strict=False)]
    if cases:
        assert loaded(type_, cases, compat, strict=True) == [case.text(compat) for case in cases]


@pytest.mark.parametrize("compat", list(Compat))
@pytest.mark.parametrize("type_", SECTIONS)
def test_null_and_what_does_not_convert_is_refused_by_a_column_that_is_not_null(type_, compat):
    """StarRocks, Doris: NULL in a NOT NULL column is an error row in the vendor's words, whatever the mode."""
    name = "NULL value in non-nullable column 'c'"
    if compat is Compat.DORIS:
        name = "column(c) values is null while columns is not nullable"
    for format_ in ("csv", "json"):
        cases = [c for c in cases_of(type_, format_) if c.expected(compat, strict=False) in {FAILS, "NULL"}]
        if cases:
            assert loaded(type_, cases, compat, strict=False, null="NOT NULL") == [name] * len(cases)


def test_every_type_has_every_class_of_values():
    """Each scalar type, CSV and JSON: in range, both limits, outside, NULL, garbage and what else may be meant by it."""
    missing = []
    seen = set()
    for type_, cases in SECTIONS.items():
        name = COLUMNS[type_].columns[0].type.name
        if name in seen:
            continue
        seen.add(name)
        limits = set() if name in UNLIMITED else {"upper limit", "above"} if name in ONLY_ABOVE else LIMITS
        for format_, kinds in (("csv", CSV), ("json", JSON)):
            has = {case.kind for case in cases if case.format == format_}
            missing += [f"{type_} {format_} {kind}" for kind in sorted((kinds | limits) - has)]
    assert missing == []
    # What only an expression fills takes no value as it is.
    assert seen == {name for name in TypeName if name not in STATES}


def test_the_types_page_is_up_to_date():
    """docs/types.md is what scripts/types_doc.py writes."""
    namespace = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "types_doc.py"))
    assert namespace["PAGE"].read_text() == namespace["page"]()
