"""Key models against the row-at-a-time reference: any split into batches and chunks gives the same table."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routine_load.app.compiler import Compiler
from routine_load.clock import SystemClock
from routine_load.commit.values import Counts
from routine_load.engines.duckdb import DuckDbEngine
from routine_load.ids import Compat, JobId, Label, TableRef, TaskId
from routine_load.loads.kept import KeptCompiler
from routine_load.loads.path import LoadPath, Progressed, SingleTable
from routine_load.loads.rejects import RejectLog
from routine_load.loads.values import Format, LoadSpec, Origin
from routine_load.sql.expressions import read_expression
from routine_load.sql.statements import ColumnItem, MergeType
from routine_load.statements.ports import Session
from tests.reference.keys_at_a_time import Rules, State

JOB, TASK = JobId(1), TaskId("5b2f0c5e-0000-4000-8000-000000000001")
REF = TableRef("d", "t")


class Chunk:
    def __init__(self, values):
        self.values = values

    def origin(self, index):
        return Origin("t", 0, index)

    def metadata(self, what):
        raise AssertionError(what)


class World:
    """One file; ``load`` is one transaction of chunks."""

    def __init__(self, folder):
        self.engine = DuckDbEngine.open(folder / "w.duckdb", error_log_dir=folder / "log", threads=1)
        self.path = LoadPath(
            sink=self.engine,
            compiler=KeptCompiler(Compiler()),
            reject_log=RejectLog(folder / "log"),
            clock=SystemClock(),
        )
        self.labels = itertools.count()
        self.run("CREATE DATABASE d", Compat.STARROCKS)

    def run(self, sql, compat):
        result = self.engine.execute(sql, Session(user="root", compat=compat, database="d"))
        return [tuple(row) for row in getattr(result, "rows", ())]

    def load(self, spec, chunks) -> Counts:
        label = Label(f"l{next(self.labels)}")
        with self.path.begin(label, JOB, spec, SingleTable(REF)) as load:
            for chunk in chunks:
                load.add(Chunk(chunk), received_bytes=0)
            return load.commit(Progressed(task_id=TASK, ranges=[], timestamps_ms=(), execute_ms=1)).counts


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    opened = World(tmp_path_factory.mktemp("keys"))
    yield opened
    opened.engine.close()


def csv(brought, delete):
    values = [*(brought[name] for name in "kvs"), int(delete)]
    return ",".join("\\N" if v is None else str(v) for v in values).encode()


@dataclass(frozen=True, kw_only=True)
class Case:
    """``row`` draws (what the row brings, whether it deletes); ``message`` writes it down."""

    ddl: str
    spec: LoadSpec
    rules: Callable[[], Rules]
    row: Any
    message: Callable[[dict, bool], bytes] = csv


def as_json(key):
    def message(brought, delete):
        return json.dumps({**brought, key: int(delete)} if delete else brought).encode()

    return message


def columns(text):
    parts = (part.partition("=") for part in text.split(","))
    return tuple(
        ColumnItem(name=name.strip(), expression=read_expression(value.strip()) if sign else None)
        for name, sign, value in parts
    )


small = st.integers(0, 3)
value = st.none() | st.integers(0, 9)


def full(**kinds):
    return st.tuples(st.fixed_dictionaries({"k": small, **kinds}), st.booleans())


def some(**kinds):
    return st.tuples(st.fixed_dictionaries({"k": small}, optional=kinds), st.integers(0, 4).map(lambda n: n == 0))


DORIS = LoadSpec(
    compat=Compat.DORIS,
    column_separator=",",
    merge_type=MergeType.MERGE,
    delete_on=read_expression("gone = 1"),
    columns=columns("k, v, s, gone"),
)
PRIMARY = LoadSpec(compat=Compat.STARROCKS, column_separator=",", columns=columns("k, v, s, __op"))
UNIQUE = "UNIQUE KEY(k) DISTRIBUTED BY HASH(k) BUCKETS 1"
SEQUENCED = UNIQUE + ' PROPERTIES("function_column.sequence_col" = "s")'


def changed(spec, **other):
    return LoadSpec(**{name: other.get(name, getattr(spec, name)) for name in spec.__dataclass_fields__})


FLEXIBLE = LoadSpec(compat=Compat.DORIS, format=Format.JSON, partial_update=True, flexible=True)
CASES = {
    "unique": Case(
        ddl=f"(k INT, v INT, s INT) {UNIQUE}",
        spec=DORIS,
        rules=lambda: Rules(columns=("k", "v", "s")),
        row=full(v=value, s=value),
    ),
    "unique, sequence column": Case(
        ddl=f"(k INT, v INT, s INT) {SEQUENCED}",
        spec=DORIS,
        rules=lambda: Rules(columns=("k", "v", "s"), sequence="s"),
        row=full(v=value, s=value),
    ),
    "unique, hidden sequence column": Case(
        ddl=f'(k INT, v INT) {UNIQUE} PROPERTIES("function_column.sequence_type" = "int")',
        spec=changed(DORIS, sequence_column="s"),
        rules=lambda: Rules(columns=("k", "v"), sequence="s"),
        row=full(v=value, s=value),
    ),
    "unique, partial columns": Case(
        ddl=f'(k INT, v INT, s INT, d INT DEFAULT "7") {UNIQUE}',
        spec=changed(DORIS, partial_update=True),
        rules=lambda: Rules(columns=("k", "v", "s", "d"), partial=True, defaults={"d": 7}),
        row=full(v=value, s=value),
    ),
    "unique, partial columns and a sequence": Case(
        ddl=f'(k INT, v INT, s INT, d INT DEFAULT "7") {SEQUENCED}',
        spec=changed(DORIS, partial_update=True),
        rules=lambda: Rules(columns=("k", "v", "s", "d"), partial=True, defaults={"d": 7}, sequence="s"),
        row=full(v=value, s=value),
    ),
    "unique, flexible columns": Case(
        ddl=f'(k INT, v INT, s INT, d INT DEFAULT "7") {UNIQUE}',
        spec=FLEXIBLE,
        rules=lambda: Rules(columns=("k", "v", "s", "d"), partial=True, defaults={"d": 7}),
        row=some(v=value, s=value, d=value),
        message=as_json("__DORIS_DELETE_SIGN__"),
    ),
    "unique, flexible columns and a sequence": Case(
        ddl=f'(k INT, v INT, s INT, d INT DEFAULT "7") {SEQUENCED}',
        spec=FLEXIBLE,
        rules=lambda: Rules(columns=("k", "v", "s", "d"), partial=True, defaults={"d": 7}, sequence="s"),
        row=some(v=value, s=value, d=value),
        message=as_json("__DORIS_DELETE_SIGN__"),
    ),
    "unique, flexible columns and a hidden sequence": Case(
        ddl=f'(k INT, v INT, d INT DEFAULT "7") {UNIQUE} PROPERTIES("function_column.sequence_type" = "int")',
        spec=FLEXIBLE,
        rules=lambda: Rules(
            columns=("k", "v", "d"), partial=True, defaults={"d": 7}, sequence="__DORIS_SEQUENCE_COL__"
        ),
        row=some(v=value, d=value, __DORIS_SEQUENCE_COL__=value),
        message=as_json("__DORIS_DELETE_SIGN__"),
    ),
    "unique, flexible columns, one required": Case(
        ddl=f"(k INT, v INT NOT NULL, s INT, d INT) {UNIQUE}",
        spec=FLEXIBLE,
        rules=lambda: Rules(columns=("k", "v", "s", "d"), partial=True, required=("v",)),
        row=some(v=small, s=value, d=value),
        message=as_json("__DORIS_DELETE_SIGN__"),
    ),
    "primary": Case(
        ddl="(k INT, v INT, s INT) PRIMARY KEY(k) DISTRIBUTED BY HASH(k)",
        spec=PRIMARY,
        rules=lambda: Rules(columns=("k", "v", "s")),
        row=full(v=value, s=value),
    ),
    "primary, merge condition": Case(
        ddl="(k INT, v INT, s INT) PRIMARY KEY(k) DISTRIBUTED BY HASH(k)",
        spec=changed(PRIMARY, merge_condition="s"),
        rules=lambda: Rules(columns=("k", "v", "s"), condition="s"),
        row=full(v=value, s=value),
    ),
    "primary, partial update": Case(
        ddl='(k INT, v INT, s INT, d INT DEFAULT "7") PRIMARY KEY(k) DISTRIBUTED BY HASH(k)',
        spec=changed(PRIMARY, partial_update=True),
        rules=lambda: Rules(columns=("k", "v", "s", "d"), partial=True, defaults={"d": 7}),
        row=full(v=value, s=value),
    ),
    "primary, partial update with a merge condition": Case(
        ddl='(k INT, v INT, s INT, d INT DEFAULT "7") PRIMARY KEY(k) DISTRIBUTED BY HASH(k)',
        spec=changed(PRIMARY, partial_update=True, merge_condition="s"),
        rules=lambda: Rules(columns=("k", "v", "s", "d"), partial=True, defaults={"d": 7}, condition="s"),
        row=full(v=value, s=value),
    ),
    "primary, partial update without a required column": Case(
        ddl="(k INT, v INT, s INT, d INT NOT NULL) PRIMARY KEY(k) DISTRIBUTED BY HASH(k)",
        spec=changed(PRIMARY, partial_update=True),
        rules=lambda: Rules(columns=("k", "v", "s", "d"), partial=True, required=("d",)),
        row=full(v=value, s=value),
    ),
}


def pieces(data, items):
    """The items, cut anywhere: batches of chunks."""
    marks = data.draw(st.lists(st.sampled_from([0, 0, 1, 2]), min_size=len(items), max_size=len(items)))
    batches = [[[]]]
    for item, mark in zip(items, marks, strict=True):
        if mark == 2:
            batches.append([[]])
        elif mark == 1:
            batches[-1].append([])
        batches[-1][-1].append(item)
    return [[chunk for chunk in batch if chunk] for batch in batches]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_split_into_batches_gives_what_one_row_after_the_other_gives(world, case, data):
    """Last wins in offset order, inside a chunk, a batch, and across batches; deletes, sequences, partial updates."""
    rows = data.draw(st.lists(case.row, min_size=1, max_size=12))
    world.run("DROP TABLE IF EXISTS t", case.spec.compat)
    world.run(f"CREATE TABLE t {case.ddl}", case.spec.compat)
    state = State(case.rules())
    if state.rules.required:
        # Keys 0 and 1 are there, whatever a new row would need.
        world.run("INSERT INTO t VALUES (0, 5, 5, 5), (1, 6, 6, 6)", case.spec.compat)
        for key in (0, 1):
            state.rows[key,] = {"k": key, **dict.fromkeys("vsd", key + 5)}
    for brought, delete in rows:
        state.put(brought, delete=delete)
    counts = [world.load(case.spec, batch) for batch in pieces(data, [case.message(*row) for row in rows]) if batch]
    assert sorted(world.run("SELECT * FROM t", case.spec.compat), key=repr) == state.table()
    assert sum(c.filtered for c in counts) == state.rejected
    assert sum(c.loaded for c in counts) == len(rows) - state.rejected
