"""Rows that are settled without SQL come out as by SQL: several columns, odd in one, in some or in none."""

from __future__ import annotations

import random
from dataclasses import replace

import pyarrow as pa
import pytest

from routine_load.ids import Compat, TableRef
from routine_load.loads.values import Decoded, LoadSpec
from routine_load.sql.schema import Column, ColumnType, KeyModel, Table, TypeName
from routine_load.transform.program import make_program
from routine_load.transform.run import SqlTransformer

COLUMNS = (
    ("k", ColumnType(name=TypeName.BIGINT), "17"),
    ("i", ColumnType(name=TypeName.TINYINT), "-7"),
    ("t", ColumnType(name=TypeName.VARCHAR, length=5), "é日"),
    ("d", ColumnType(name=TypeName.DATE), "2026-11-20"),
    ("m", ColumnType(name=TypeName.DATETIME), "2026-11-20 10:11:12"),
    ("f", ColumnType(name=TypeName.DOUBLE), "0.5"),
    ("n", ColumnType(name=TypeName.DECIMAL, precision=9, scale=2), "1.25"),
    ("b", ColumnType(name=TypeName.BOOLEAN), "true"),
)
ODD = (
    "x",
    "x7",
    "7x",
    " 7 ",
    "1e1",
    "1e400",
    "",
    "abcdef",
    "日本語",
    "0x1F",
    "1_0",
    "1\v",
    "nan",
    "inf",
    "TRUE",
    "300",
)
ODD += (
    "2026-11-2",
    "20261120",
    "infinity",
    "2020-01-01 (BC)",
    "2020-01-01 (BC) 10:11:12",
    "26-1-1",
    "1.5",
    "\\N{}",
    None,
)
ROWS = 400


def rows_of(dice: random.Random, share: float) -> dict[str, list[str | None]]:
    return {
        name: [dice.choice(ODD) if dice.random() < share else usual for _ in range(ROWS)] for name, _, usual in COLUMNS
    }


def outcome(transformer: SqlTransformer, rows: dict[str, list[str | None]]):
    """What is loaded, from which rows, and what is rejected; payloads are numbered by twos."""
    payloads = pa.array(range(0, ROWS * 2, 2), pa.int64())
    done = transformer.transform(Decoded(pa.table(rows, pa.schema([(n, pa.string()) for n in rows])), payloads))
    kept = list(range(ROWS)) if done.kept is None else done.kept.to_pylist()
    return repr(done.rows.to_pylist()), kept, done.rejected, done.unselected


@pytest.mark.parametrize("compat", list(Compat))
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("nullable", ["", "kitdmfnb", "idfb", "ktmn"])
def test_rows_with_odd_fields_come_out_as_by_sql(compat: Compat, nullable: str, *, strict: bool) -> None:
    """The same rows, rejected rows, columns, reasons and raw bytes, whichever columns may be NULL."""
    columns = tuple(Column(name=name, type=of, nullable=name in nullable) for name, of, _ in COLUMNS)
    table = Table(ref=TableRef("d", "t"), columns=columns, key_model=KeyModel.DUPLICATE)
    spec = LoadSpec(compat=compat, strict_mode=strict)
    program = make_program(spec, table)
    assert program.plain
    quick, by_sql = SqlTransformer(spec, program), SqlTransformer(spec, replace(program, plain=()))
    by_sql._usual = lambda _src: None
    dice = random.Random(f"hopeless {compat} {strict} {nullable}")
    for share in (0.002, 0.01, 0.03):
        quick._unusual_chunks = 0
        rows = rows_of(dice, share)
        assert outcome(quick, rows) == outcome(by_sql, rows)
    quick.close()
    by_sql.close()


@pytest.mark.parametrize(
    ("strict", "reason"),
    [
        (False, "NULL value in non-nullable column 'k'"),
        (True, "The field (name = k, pos = 0) is out of range. Type: BIGINT, Value length: 2, Value: x7"),
    ],
)
def test_a_field_that_is_no_value_costs_no_query(reason: str, *, strict: bool) -> None:
    """StarRocks: the row is filtered; how is known without SQL."""
    columns = (
        Column(name="k", type=COLUMNS[0][1], nullable=False),
        Column(name="i", type=COLUMNS[1][1], nullable=True),
    )
    table = Table(ref=TableRef("d", "t"), columns=columns, key_model=KeyModel.DUPLICATE)
    spec = LoadSpec(compat=Compat.STARROCKS, strict_mode=strict, column_separator=",")
    transformer = SqlTransformer(spec, make_program(spec, table))
    transformer._query = None
    done = transformer.transform(Decoded(pa.table({"k": ["1", "x7", "2"], "i": ["1", "2", None]}), None))
    assert [(row.payload, row.raw, row.column, row.reason) for row in done.rejected] == [(1, b"x7,2", "k", reason)]
    assert done.rows.to_pylist() == [{"k": 1, "i": 1}, {"k": 2, "i": None}]
    transformer.close()
