"""Golden cases of the load path: messages + table + load options → rows, rejected rows, unselected count."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from routine_load.errors import AnalysisError
from routine_load.formats import decoder_for
from routine_load.ids import Compat
from routine_load.loads.values import Format, LoadSpec, Origin
from routine_load.sql.ddl import DdlContext, parse_create_table
from routine_load.sql.expressions import read_expression
from routine_load.sql.statements import ColumnItem, MergeType, MetadataColumn, MetadataField
from routine_load.transform import TransformCompiler
from tests.golden.function_cases import unescaped

FOLDER = Path(__file__).parent / "load"


HEADERS = pa.map_(pa.string(), pa.binary())


class Chunk:
    """Messages of partition 3; ``carried`` is what lines with @ say of each."""

    def __init__(self, values, carried=()):
        self.values = values
        self.carried = carried or [{} for _ in values]

    def origin(self, index):
        return Origin("t", 3, index)

    def metadata(self, what):
        defaults = {"TOPIC": "t", "PARTITION": 3, "KEY": None, "TIMESTAMP_MS": None, "HEADERS": []}
        kinds = {"KEY": pa.binary(), "TOPIC": pa.string(), "HEADERS": HEADERS}
        found = [
            at if what == "OFFSET" else carried.get(what, defaults.get(what)) for at, carried in enumerate(self.carried)
        ]
        return pa.array(found, kinds.get(what, pa.int64()))


def carried_of(line):
    """``@ KEY k1``, ``@ TIMESTAMP_MS 17``, ``@ HEADERS name=value name=value`` behind the message that carries it."""
    what, _, text = line.partition(" ")
    if what == "HEADERS":
        pairs = (pair.partition("=") for pair in text.split())
        return what, None if text == "NULL" else [
            (name, unescaped(value) if sign else None) for name, sign, value in pairs
        ]
    return what, unescaped(text) if what == "KEY" else int(text)


def columns_of(text):
    items = []
    depth, start = 0, 0
    for at, char in enumerate(text + ","):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            name, sign, expression = text[start:at].strip().partition("=")
            default = sign and expression.strip().upper() == "DEFAULT"
            expression = read_expression(expression.strip()) if sign and not default else None
            items.append(ColumnItem(name=name.strip().strip("`"), expression=expression, is_default=bool(default)))
            start = at + 1
    return tuple(items)


def spec_of(lines):
    options = {"compat": Compat.STARROCKS, "column_separator": ","}
    for key, value in lines:
        if key == "columns":
            options[key] = columns_of(value)
        elif key == "include":
            pairs = (item.split(" AS ") for item in value.split(", "))
            columns = tuple(MetadataColumn(field=MetadataField(what), name=name) for what, name in pairs)
            options["metadata"] = columns
        elif key in {"where", "preceding_filter", "delete_on"}:
            options[key] = read_expression(value)
        elif key in {"column_separator", "row_delimiter"}:
            options[key] = unescaped(value).decode()
        elif key in {"partitions", "hidden_columns"}:
            options[key] = tuple(value.split(","))
        else:
            kinds = {"compat": Compat, "format": Format, "merge_type": MergeType}
            options[key] = kinds[key](value) if key in kinds else {"true": True, "false": False}.get(value, value)
    return LoadSpec(**options)


def shown(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return str(int.from_bytes(value, "little", signed=True)) if len(value) == 16 else value.hex()
    if isinstance(value, dt.datetime | dt.date | Decimal | int | float):
        return str(value)
    if isinstance(value, list | dict):
        return json.dumps(value, default=str)
    return value.replace("\n", "\\n").replace("\r", "\\r").replace("\ufeff", "\\ufeff").replace("\0", "\\x00")


def loaded(spec, table, messages, carried=()):
    """What the load path makes of the messages, as the lines of a case."""
    compiler = TransformCompiler()
    try:
        compiler.check(spec, table)
        decoder = decoder_for(spec, compiler.source_columns(spec, table))
    except AnalysisError as error:
        return [f"error {error.message}"]
    transformer = compiler.transformer(spec, table)
    decoded = decoder.decode(Chunk(messages, carried))
    result = transformer.transform(decoded)
    transformer.close()
    decoder.close()
    lines = [f"row {' | '.join(shown(v) for v in row.values())}" for row in result.rows.to_pylist()]
    rejected = sorted([*decoded.rejected, *result.rejected], key=lambda r: r.payload)
    lines += [f"reject {r.payload} [{r.column}] {r.reason}" for r in rejected]
    return lines + ([f"unselected {result.unselected}"] if result.unselected else [])


def blocks():
    for path in sorted(FOLDER.glob("*.case")):
        for number, block in enumerate(path.read_text().split("\n\n")):
            lines = [line for line in block.split("\n") if line]
            if lines and any(not line.startswith("#") for line in lines):
                title = lines[0].removeprefix("# ")
                yield pytest.param(lines, id=f"{path.stem}-{number}-{title[:60]}")


@pytest.mark.parametrize("lines", list(blocks()))
def test_case(lines):
    """Each block of tests/golden/load/*.case: options and messages load as the lines below them say."""
    ddl, options, messages, carried, expected = "", [], [], [], []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word in {"#", "##"}:
            continue
        if word == "table":
            ddl = rest
        elif word in {"row", "reject", "unselected", "error"}:
            expected.append(line)
        elif word == ">":
            messages.append(unescaped(rest))
            carried.append({})
        elif word == "tombstone":
            messages.append(None)
            carried.append({})
        elif word == "@":
            carried[-1].update([carried_of(rest)])
        else:
            assert word.endswith(":"), line
            options.append((word[:-1], rest))
    spec = spec_of(options)
    table = parse_create_table(f"CREATE TABLE t {ddl}", DdlContext("db", spec.compat))
    assert loaded(spec, table, messages, carried) == expected
