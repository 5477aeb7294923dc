"""The promises of ``loads.ports.Sink``, run on every implementation.

Another implementation joins by adding a factory to ``SINKS``: it opens (or opens again) a sink over a directory and
says how a table is made and read in it.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pytest

from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.engines.duckdb import DuckDbEngine
from routine_load.errors import SinkError, StaleRange, UnknownDatabase, UnknownTable
from routine_load.ids import Compat, JobId, Label, PartitionId, TableRef, TaskId
from routine_load.loads.ports import Sink
from routine_load.loads.values import TableBatch, WriteMode
from routine_load.statements.ports import Session

JOB = JobId(7)
TASK = TaskId("5b2f0c5e-0000-4000-8000-000000000001")
NOTHING = Counts()


@dataclass(frozen=True, kw_only=True)
class Pending:
    task_id: TaskId = TASK
    ranges: tuple[OffsetRange, ...] = ()
    counts: Counts = NOTHING
    timestamps_ms: tuple[tuple[PartitionId, int], ...] = ()
    rejects: str = ""
    execute_ms: int = 0
    first_error: str = ""
    txn_id: int = 7


class World(Protocol):
    """A sink under test, and the way around it that makes tables and reads rows."""

    @property
    def sink(self) -> Sink: ...

    def run(self, sql: str) -> list[tuple[Any, ...]]: ...

    def reopen(self) -> None: ...

    def close(self) -> None: ...


@dataclass
class DuckDbWorld:
    directory: Path
    engine: DuckDbEngine = field(init=False)

    def __post_init__(self) -> None:
        self._open()

    def _open(self) -> None:
        self.engine = DuckDbEngine.open(
            self.directory / "w.duckdb", error_log_dir=self.directory / "error_log", memory="256MB", threads=2
        )

    @property
    def sink(self) -> Sink:
        return self.engine

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        result = self.engine.execute(sql, Session(user="root", compat=Compat.STARROCKS, database="d"))
        return [tuple(row) for row in getattr(result, "rows", ())]

    def reopen(self) -> None:
        self.engine.close()
        self._open()

    def close(self) -> None:
        self.engine.close()


SINKS: dict[str, Callable[[Path], World]] = {"duckdb": DuckDbWorld}


@pytest.fixture(params=sorted(SINKS))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    opened = SINKS[request.param](tmp_path)
    opened.run("CREATE DATABASE d")
    yield opened
    opened.close()


def ranges(*triples: tuple[int, int, int]) -> tuple[OffsetRange, ...]:
    return tuple(OffsetRange(PartitionId(p), start, end) for p, start, end in triples)


def batch(table: str, mode: WriteMode | None = None, **columns: Any) -> TableBatch:
    arrays = {
        name: v if isinstance(v, pa.Array) else pa.array(v, pa.int8() if name == "__op" else None)
        for name, v in columns.items()
    }
    return TableBatch(TableRef("d", table), pa.table(arrays), mode or WriteMode())


def load(world: World, label: str, *batches: TableBatch, **pending: Any) -> CommitRecord:
    transaction = world.sink.begin(Label(label), JOB, many_tables=len({each.table for each in batches}) > 1)
    for each in batches:
        transaction.write(each)
    return transaction.commit(Pending(**pending))


# one transaction


def test_rows_progress_and_label_become_visible_together(world: World) -> None:
    """Before commit nothing is visible; after it rows, progress and record are."""
    world.run("CREATE TABLE t (a BIGINT, b VARCHAR(10))")
    world.sink.place(JOB, {PartitionId(0): 100})
    transaction = world.sink.begin(Label("l1"), JOB)
    assert list(transaction.write(batch("t", a=[1, 2], b=["x", None]))) == []
    assert world.run("SELECT * FROM t") == []
    assert world.sink.progress(JOB) == {0: 100}
    record = transaction.commit(
        Pending(
            ranges=ranges((0, 100, 102)),
            counts=Counts(2, 1, 0, 64, 3),
            timestamps_ms=((PartitionId(0), 1_700_000_000_000),),
            rejects="abc",
            execute_ms=12,
            first_error="bad row",
        )
    )
    assert world.run("SELECT * FROM t ORDER BY a") == [(1, "x"), (2, None)]
    assert world.sink.progress(JOB) == {0: 102}
    assert world.sink.commits_after(JOB, 0) == [record]
    assert record.counts == Counts(2, 1, 0, 64, 3)
    assert (record.label, record.job_id, record.rejects, record.first_error) == ("l1", JOB, "abc", "bad row")
    assert record.ranges == ranges((0, 100, 102))
    assert record.committed_at_ms > 0


def test_a_rolled_back_transaction_leaves_nothing(world: World) -> None:
    """Rollback gives rows, progress and label up."""
    world.run("CREATE TABLE t (a BIGINT)")
    world.sink.place(JOB, {PartitionId(0): 0})
    transaction = world.sink.begin(Label("l1"), JOB)
    transaction.write(batch("t", a=[1]))
    transaction.rollback()
    transaction.rollback()
    assert world.run("SELECT * FROM t") == []
    assert world.sink.progress(JOB) == {0: 0}
    assert world.sink.commits_after(JOB, 0) == []


def test_a_spent_transaction_refuses_everything(world: World) -> None:
    """After its end a transaction takes neither rows nor commits; rollback stays harmless."""
    world.run("CREATE TABLE t (a BIGINT)")
    transaction = world.sink.begin(Label("l1"), JOB)
    transaction.commit(Pending())
    transaction.rollback()
    with pytest.raises(SinkError):
        transaction.write(batch("t", a=[1]))
    with pytest.raises(SinkError):
        transaction.commit(Pending())


def test_a_batch_without_rows_moves_progress(world: World) -> None:
    """A batch with no rows to load is finished through the same door."""
    world.sink.place(JOB, {PartitionId(0): 5})
    load(world, "l1", ranges=ranges((0, 5, 9)))
    assert world.sink.progress(JOB) == {0: 9}


def test_a_range_that_does_not_start_at_progress_is_stale(world: World) -> None:
    """A repeated or late batch changes nothing, in any of its partitions."""
    world.run("CREATE TABLE t (a BIGINT)")
    world.sink.place(JOB, {PartitionId(0): 0, PartitionId(1): 0})
    load(world, "l1", batch("t", a=[1]), ranges=ranges((0, 0, 1)))
    for label, triples in (("l2", [(0, 0, 1)]), ("l3", [(1, 0, 1), (0, 0, 1)]), ("l4", [(2, 0, 1)])):
        with pytest.raises(StaleRange):
            load(world, label, batch("t", a=[2]), ranges=ranges(*triples))
    assert world.run("SELECT * FROM t") == [(1,)]
    assert world.sink.progress(JOB) == {0: 1, 1: 0}
    assert [c.label for c in world.sink.commits_after(JOB, 0)] == ["l1"]


def test_of_two_open_transactions_with_one_range_the_later_is_stale(world: World) -> None:
    """Two tasks that both believe they own a partition: one commits, the other leaves nothing."""
    world.run("CREATE TABLE t (a BIGINT)")
    world.sink.place(JOB, {PartitionId(0): 0})
    first, second = world.sink.begin(Label("l1"), JOB), world.sink.begin(Label("l2"), JOB)
    first.write(batch("t", a=[1]))
    second.write(batch("t", a=[2]))
    second.commit(Pending(ranges=ranges((0, 0, 1))))
    with pytest.raises(StaleRange):
        first.commit(Pending(ranges=ranges((0, 0, 1))))
    assert world.run("SELECT * FROM t") == [(2,)]


def test_a_label_commits_once(world: World) -> None:
    """A label that is used again fails the transaction."""
    world.run("CREATE TABLE t (a BIGINT)")
    load(world, "l1", batch("t", a=[1]))
    with pytest.raises(SinkError):
        load(world, "l1", batch("t", a=[2]))
    assert world.run("SELECT * FROM t") == [(1,)]


def write_and_commit(transaction, rows) -> None:
    transaction.write(rows)
    transaction.commit(Pending())


@pytest.mark.parametrize("table", ["t", "m"])
def test_a_failed_write_loses_the_whole_transaction(world: World, table: str) -> None:
    """A row that cannot be stored fails the transaction, at the latest its commit; what was written before goes too."""
    world.run("CREATE TABLE t (a BIGINT, b TINYINT)")
    world.run("CREATE TABLE m (a BIGINT, b TINYINT) UNIQUE KEY(a)")
    transaction = world.sink.begin(Label("l1"), JOB)
    transaction.write(batch(table, a=[1], b=[1]))
    with pytest.raises(SinkError):
        write_and_commit(transaction, batch(table, a=[2], b=["many"]))
    with pytest.raises(SinkError):
        transaction.commit(Pending())
    assert world.run(f"SELECT * FROM {table}") == []
    load(world, "l2", batch(table, a=[3], b=[3]))
    assert world.run(f"SELECT * FROM {table}") == [(3, 3)]


def test_unknown_tables_and_columns_are_named(world: World) -> None:
    """The error says which table or column is missing."""
    world.run("CREATE TABLE t (a BIGINT)")
    with pytest.raises(UnknownTable, match="nope"):
        world.sink.table(TableRef("d", "nope"))
    with pytest.raises(UnknownDatabase, match="nope"):
        world.sink.table(TableRef("nope", "t"))
    with pytest.raises(UnknownTable, match="nope"):
        world.sink.begin(Label("l1"), JOB).write(batch("nope", a=[1]))
    with pytest.raises(SinkError, match="zz"):
        world.sink.begin(Label("l2"), JOB).write(batch("t", a=[1], zz=[1]))


# progress and records


def test_everything_survives_a_restart(world: World) -> None:
    """Rows, progress, records, sequence and incarnation are the file's."""
    world.run("CREATE TABLE t (a BIGINT)")
    world.sink.place(JOB, {PartitionId(0): 0})
    first = load(world, "l1", batch("t", a=[1]), ranges=ranges((0, 0, 1)))
    incarnation, table = world.sink.incarnation, world.sink.table(TableRef("d", "t"))
    world.reopen()
    assert world.sink.incarnation == incarnation
    assert world.sink.table(TableRef("d", "t")) == table
    assert world.sink.progress(JOB) == {0: 1}
    assert world.sink.commits_after(JOB, 0) == [first]
    second = load(world, "l2", batch("t", a=[2]), ranges=ranges((0, 1, 2)))
    assert second.sequence > first.sequence
    assert world.run("SELECT a FROM t ORDER BY a") == [(1,), (2,)]


def test_place_sets_offsets_forward_and_back(world: World) -> None:
    """ALTER may move a partition either way; other jobs and partitions stay."""
    world.sink.place(JOB, {PartitionId(0): 5, PartitionId(1): 6})
    world.sink.place(JobId(8), {PartitionId(0): 50})
    world.sink.place(JOB, {PartitionId(1): 2, PartitionId(2): 9})
    assert world.sink.progress(JOB) == {0: 5, 1: 2, 2: 9}
    assert world.sink.progress(JobId(8)) == {0: 50}
    assert world.sink.progress(JobId(9)) == {}


def test_commits_after_gives_what_a_mirror_missed_in_order(world: World) -> None:
    """Records come in sequence order, only those of the job, only those beyond the number given."""
    records = [load(world, f"l{i}") for i in range(5)]
    assert world.sink.commits_after(JOB, 0) == records
    assert world.sink.commits_after(JOB, records[2].sequence) == records[3:]
    assert world.sink.commits_after(JobId(99), 0) == []


def test_forgetting_keeps_the_newest_hundred_and_the_unmirrored(world: World) -> None:
    """What is not mirrored yet is never dropped, nor the newest hundred of a job."""
    records = [load(world, f"l{i}") for i in range(130)]
    world.sink.forget_commits(JOB, records[9].sequence)
    assert world.sink.commits_after(JOB, 0) == records[10:]
    world.sink.forget_commits(JOB, records[-1].sequence)
    assert world.sink.commits_after(JOB, 0) == records[30:]


def test_a_forgotten_job_leaves_no_progress_and_sequences_go_on(world: World) -> None:
    """Whatever is forgotten, later commits come behind: a record of a lower sequence would never be booked."""
    world.sink.place(JOB, {PartitionId(0): 3})
    records = [load(world, f"l{i}") for i in range(3)]
    world.sink.forget_job(JOB)
    assert world.sink.progress(JOB) == {}
    assert world.sink.commits_after(JOB, 0) == records[-1:]  # the newest of all keeps the place
    world.reopen()
    assert load(world, "later").sequence > records[-1].sequence
    world.sink.forget_job(JOB)
    world.sink.forget_job(JobId(8))  # one that it never knew


def test_concurrent_appends_commit_side_by_side(world: World) -> None:
    """Eight tasks append to one table; all rows are there, sequences are distinct and follow commit order."""
    world.run("CREATE TABLE t (a BIGINT)")
    world.sink.place(JOB, {PartitionId(p): 0 for p in range(8)})
    failures: list[BaseException] = []
    records: list[CommitRecord] = []

    def task(partition: int) -> None:
        try:
            for step in range(5):
                rows = batch("t", a=[partition * 1000 + step * 10 + i for i in range(10)])
                records.append(
                    load(world, f"p{partition}-{step}", rows, ranges=ranges((partition, step * 10, step * 10 + 10)))
                )
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=task, args=(p,)) for p in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert world.run("SELECT count(*), count(DISTINCT a) FROM t") == [(400, 400)]
    assert world.sink.progress(JOB) == dict.fromkeys(range(8), 50)
    assert sorted(r.sequence for r in records) == list(range(1, 41))
    assert world.sink.commits_after(JOB, 0) == sorted(records, key=lambda r: r.sequence)


# defaults


@pytest.mark.parametrize("key", ["DUPLICATE", "UNIQUE"])
def test_columns_that_the_rows_lack_get_their_default(world: World, key: str) -> None:
    """Absent columns are filled: the declared default, or NULL."""
    world.run(
        f"CREATE TABLE t (a BIGINT, b VARCHAR(10) DEFAULT 'x', c INT, d DATETIME DEFAULT CURRENT_TIMESTAMP) {key} KEY(a)"
    )
    load(world, "l1", batch("t", a=[1]))
    [(a, b, c, d)] = world.run("SELECT * FROM t")
    assert (a, b, c) == (1, "x", None)
    assert isinstance(d, dt.datetime)


# merging


def test_the_later_row_of_a_key_wins_within_and_across_batches(world: World) -> None:
    """UNIQUE: arrival order decides, in a chunk, between chunks and between transactions."""
    world.run("CREATE TABLE t (k BIGINT, v VARCHAR(5)) UNIQUE KEY(k)")
    load(world, "l1", batch("t", k=[1, 1, 2], v=["a", "b", "c"]), batch("t", k=[2, 3], v=["d", "e"]))
    assert world.run("SELECT * FROM t ORDER BY k") == [(1, "b"), (2, "d"), (3, "e")]
    load(world, "l2", batch("t", k=[3, 4], v=["f", "g"]))
    assert world.run("SELECT * FROM t ORDER BY k") == [(1, "b"), (2, "d"), (3, "f"), (4, "g")]


def test_null_keys_are_equal(world: World) -> None:
    """Two rows whose key columns are NULL in the same places are one key."""
    world.run("CREATE TABLE t (k BIGINT, l VARCHAR(5), v INT) UNIQUE KEY(k, l)")
    load(world, "l1", batch("t", k=pa.array([None, None], pa.int64()), l=["x", "x"], v=[1, 2]))
    load(world, "l2", batch("t", k=pa.array([None], pa.int64()), l=["x"], v=[3]))
    assert world.run("SELECT * FROM t") == [(None, "x", 3)]


def test_op_1_deletes_the_key(world: World) -> None:
    """The last operation of a key in a batch counts."""
    world.run("CREATE TABLE t (k BIGINT, v INT) PRIMARY KEY(k)")
    load(world, "l1", batch("t", k=[1, 2, 3], v=[1, 2, 3]))
    load(world, "l2", batch("t", k=[1, 2, 2, 4, 4, 9], v=[0, 0, 20, 40, 0, 0], __op=[1, 1, 0, 0, 1, 1]))
    assert world.run("SELECT * FROM t ORDER BY k") == [(2, 20), (3, 3)]


def test_aggregations_combine_rows_of_a_key(world: World) -> None:
    """AGGREGATE: SUM, MIN, MAX, REPLACE, REPLACE_IF_NOT_NULL, within a batch and with what is there."""
    world.run(
        "CREATE TABLE t (k INT, s BIGINT SUM, lo INT MIN, hi INT MAX, r INT REPLACE, n INT REPLACE_IF_NOT_NULL)"
        " AGGREGATE KEY(k)"
    )
    load(world, "l1", batch("t", k=[1, 1], s=[1, 2], lo=[5, 4], hi=[5, 6], r=[1, 2], n=[1, None]))
    assert world.run("SELECT * FROM t") == [(1, 3, 4, 6, 2, 1)]
    load(
        world,
        "l2",
        batch("t", k=[1, 2], s=[10, 7], lo=[9, 9], hi=[1, 1], r=pa.array([None, 1], pa.int32()), n=[None, 8]),
    )
    assert world.run("SELECT * FROM t ORDER BY k") == [(1, 13, 4, 6, None, 1), (2, 7, 9, 1, 1, 8)]
    load(world, "l3", batch("t", k=[1], s=pa.array([None], pa.int64()), lo=[1], hi=[1], r=[3], n=[4]))
    assert world.run("SELECT * FROM t WHERE k = 1") == [(1, 13, 1, 6, 3, 4)]


def test_a_column_that_an_aggregate_load_lacks_is_its_default_in_every_row(world: World) -> None:
    """Both vendors: it is aggregated like a loaded value, it does not keep what was there."""
    world.run(
        "CREATE TABLE t (k INT, s INT SUM DEFAULT '5', lo INT MIN, r VARCHAR(5) REPLACE DEFAULT 'd',"
        " n INT REPLACE_IF_NOT_NULL) AGGREGATE KEY(k)"
    )
    load(world, "l1", batch("t", k=[1], s=[1], lo=[3], r=["old"], n=[9]))
    load(world, "l2", batch("t", k=[1, 1, 2]))
    assert world.run("SELECT * FROM t ORDER BY k") == [(1, 11, 3, "d", 9), (2, 5, None, "d", None)]


def test_a_partial_update_keeps_the_columns_it_lacks(world: World) -> None:
    """Missing columns keep old values; a new key gets defaults; a key that the batch deleted first starts anew."""
    world.run("CREATE TABLE t (k INT, a INT, b INT DEFAULT '7') PRIMARY KEY(k)")
    load(world, "l1", batch("t", k=[1, 2], a=[1, 2], b=[10, 20]))
    mode = WriteMode(partial_update=True)
    load(world, "l2", batch("t", mode, k=[1, 3], a=[100, 300]))
    assert world.run("SELECT * FROM t ORDER BY k") == [(1, 100, 10), (2, 2, 20), (3, 300, 7)]
    load(world, "l3", batch("t", mode, k=[2, 2, 3], a=[0, 5, 0], __op=[1, 0, 1]))
    assert world.run("SELECT * FROM t ORDER BY k") == [(1, 100, 10), (2, 5, 7)]


def test_a_merge_condition_holds_older_rows_back_but_not_deletes(world: World) -> None:
    """StarRocks: merge_condition: a row is applied if its value is greater or equal; deletes always are."""
    world.run("CREATE TABLE t (k INT, ver INT, v VARCHAR(5)) PRIMARY KEY(k)")
    mode = WriteMode(merge_condition="ver")
    load(world, "l1", batch("t", mode, k=[1, 1, 2], ver=[5, 4, 1], v=["new", "old", "x"]))
    assert world.run("SELECT * FROM t ORDER BY k") == [(1, 5, "new"), (2, 1, "x")]
    load(world, "l2", batch("t", mode, k=[1, 2], ver=[4, 1], v=["older", "equal"]))
    assert world.run("SELECT * FROM t ORDER BY k") == [(1, 5, "new"), (2, 1, "equal")]
    load(world, "l3", batch("t", mode, k=[1], ver=[0], v=[""], __op=[1]))
    assert world.run("SELECT * FROM t ORDER BY k") == [(2, 1, "equal")]


def test_a_sequence_column_decides_across_batches_for_deletes_too(world: World) -> None:
    """Doris: sequence column: for one key the greater or equal sequence wins, deletes included."""
    world.run('CREATE TABLE t (k INT, s INT, v INT) UNIQUE KEY(k) PROPERTIES("function_column.sequence_col" = "s")')
    mode = WriteMode(sequence_column="s")
    load(world, "l1", batch("t", mode, k=[1, 1], s=[5, 3], v=[50, 30]))
    load(world, "l2", batch("t", mode, k=[1], s=[4], v=[40]))
    assert world.run("SELECT * FROM t") == [(1, 5, 50)]
    load(world, "l3", batch("t", mode, k=[1], s=[4], v=[0], __op=[1]))
    assert world.run("SELECT * FROM t") == [(1, 5, 50)]
    load(world, "l4", batch("t", mode, k=[1], s=[5], v=[55]))
    load(world, "l5", batch("t", mode, k=[1], s=[6], v=[0], __op=[1]))
    assert world.run("SELECT * FROM t") == []


SEQUENCED = 'UNIQUE KEY(k) PROPERTIES("function_column.sequence_col" = "s")'
HIDDEN = 'UNIQUE KEY(k) PROPERTIES("function_column.sequence_type" = "int")'


@pytest.mark.parametrize("columns", ["k INT, s INT, v INT", "k INT, v INT"])
def test_a_deleted_key_comes_back_only_with_a_sequence_that_reaches_the_deletes(world: World, columns: str) -> None:
    """Doris: sequence column: it applies to deletes too, across batches and restarts, hidden or not."""
    hidden = "s" not in columns
    world.run(f"CREATE TABLE t ({columns}) {HIDDEN if hidden else SEQUENCED}")
    name = "__doris_sequence_col__" if hidden else "s"

    def put(label: str, sequence: int | None, op: int) -> list[tuple[Any, ...]]:
        given = pa.array([sequence], pa.int32())
        load(world, label, batch("t", k=[1], v=given, **{name: given, "__op": [op]}))
        return world.run("SELECT v FROM t")

    assert put("l1", 5, 0) == [(5,)]
    assert put("l2", 4, 1) == [(5,)]
    assert put("l3", 7, 1) == []
    world.reopen()
    assert put("l4", 6, 0) == []
    assert put("l5", None, 0) == []
    assert put("l6", 7, 0) == [(7,)]
    assert put("l7", 6, 0) == [(7,)]


def test_what_was_deleted_is_remembered_under_the_tables_new_name_and_keys(world: World) -> None:
    """ALTER TABLE carries the sequences of deleted keys; TRUNCATE and DROP forget them."""
    world.run(f"CREATE TABLE t (k INT, s INT) {SEQUENCED}")
    load(world, "l1", batch("t", k=[1], s=[9], __op=[1]))
    world.run("ALTER TABLE t RENAME COLUMN k TO kk")
    world.run("ALTER TABLE t MODIFY COLUMN kk BIGINT KEY")
    world.run("ALTER TABLE t RENAME u")
    load(world, "l2", batch("u", kk=[1, 2], s=[8, 8], __op=[0, 0]))
    assert world.run("SELECT * FROM u") == [(2, 8)]
    world.run("TRUNCATE TABLE u")
    load(world, "l3", batch("u", kk=[1], s=[1], __op=[0]))
    assert world.run("SELECT * FROM u") == [(1, 1)]
    load(world, "l4", batch("u", kk=[3], s=[9], __op=[1]))
    world.run("DROP TABLE u")
    world.run(f"CREATE TABLE u (kk INT, s INT) {SEQUENCED.replace('(k)', '(kk)')}")
    load(world, "l5", batch("u", kk=[3], s=[1], __op=[0]))
    assert world.run("SELECT * FROM u") == [(3, 1)]


def test_a_partial_update_of_an_unknown_key_is_refused_row_by_row(world: World) -> None:
    """A new row would lack a column that must not be NULL: that row is refused, the others are taken."""
    world.run("CREATE TABLE t (k INT, a INT, b INT NOT NULL) PRIMARY KEY(k)")
    load(world, "l1", batch("t", k=[1, 2], a=[1, 1], b=[1, 1]))
    transaction = world.sink.begin(Label("l2"), JOB)
    mode = WriteMode(partial_update=True)
    first = transaction.write(batch("t", mode, k=[1, 9, 2, 2, 1], a=[5, 5, 5, 6, 7], __op=[0, 0, 1, 0, 0]))
    assert [(r.row, r.column) for r in first] == [(1, "b"), (3, "b")]
    assert "`b` should have default value or be nullable" in first[0].reason
    second = transaction.write(batch("t", mode, k=[2, 1], a=[8, 8], __op=[0, 0]))
    assert [r.row for r in second] == [0]
    transaction.commit(Pending())
    assert world.run("SELECT * FROM t") == [(1, 8, 1)]


def test_one_unknown_key_fails_a_load_that_refuses_new_keys(world: World) -> None:
    """Doris: partial_update_new_key_behavior ERROR: nothing of the batch is visible, and the key is told."""
    world.run("CREATE TABLE t (k INT, a INT, b INT) UNIQUE KEY(k)")
    load(world, "l1", batch("t", k=[1], a=[1], b=[1]))
    mode = WriteMode(partial_update=True, refuses_new_keys=True)
    with pytest.raises(SinkError, match=r"behavior is ERROR. Row with key=\[2\] is not in table"):
        load(world, "l2", batch("t", mode, k=[1, 2], a=[5, 5]))
    load(world, "l3", batch("t", mode, k=[1, 3], a=[6, 0], __op=[0, 1]))
    assert world.run("SELECT * FROM t") == [(1, 6, 1)]


def test_rows_of_a_table_with_generated_columns_bring_the_others(world: World) -> None:
    """What is computed of other columns follows them, whatever the key model."""
    world.run("CREATE TABLE t (k INT, a INT, c INT AS (a + 1), b INT) PRIMARY KEY(k)")
    load(world, "l1", batch("t", k=[1, 1, 2], a=[1, 2, 3], b=[7, 8, 9]))
    load(world, "l2", batch("t", WriteMode(partial_update=True), k=[2], a=[5]))
    assert world.run("SELECT * FROM t ORDER BY k") == [(1, 2, 3, 8), (2, 5, 6, 9)]
    world.run("CREATE TABLE u (a INT, c INT AS (a + 1))")
    load(world, "l3", batch("u", a=[1]))
    assert world.run("SELECT * FROM u") == [(1, 2)]


def test_concurrent_merges_of_the_same_new_keys_leave_one_row_each(world: World) -> None:
    """Two transactions that both bring a new key: one row, whichever order they commit in."""
    world.run("CREATE TABLE t (k BIGINT, v INT) UNIQUE KEY(k)")
    transactions = [world.sink.begin(Label(f"l{i}"), JOB) for i in range(4)]
    for i, transaction in enumerate(transactions):
        transaction.write(batch("t", k=list(range(100)), v=[i] * 100))
    failures: list[BaseException] = []

    def commit(i: int) -> None:
        try:
            transactions[i].commit(Pending())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=commit, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    last = world.sink.commits_after(JOB, 0)[-1].label
    assert world.run("SELECT count(*), count(DISTINCT k), min(v), max(v) FROM t") == [
        (100, 100, int(last[1:]), int(last[1:]))
    ]


@pytest.mark.parametrize("order", [("t", "m"), ("m", "t")])
def test_one_transaction_may_fill_tables_of_both_kinds(world: World, order: tuple[str, str]) -> None:
    """A multi-table batch appends and merges; all of it commits, or nothing."""
    world.run("CREATE TABLE t (k BIGINT, v INT)")
    world.run("CREATE TABLE m (k BIGINT, v INT) UNIQUE KEY(k)")
    load(world, "l1", *(batch(name, k=[1, 1], v=[1, 2]) for name in order))
    assert world.run("SELECT * FROM t ORDER BY v") == [(1, 1), (1, 2)]
    assert world.run("SELECT * FROM m") == [(1, 2)]
    transaction = world.sink.begin(Label("l2"), JOB, many_tables=True)
    for name in order:
        transaction.write(batch(name, k=[2], v=[2]))
    transaction.rollback()
    load(world, "l3", batch("m", k=[1], v=[3]))
    assert world.run("SELECT count(*) FROM t") == [(2,)]
    assert world.run("SELECT * FROM m") == [(1, 3)]


def test_a_merge_that_slips_between_append_and_merge_costs_nothing_and_doubles_no_key(world: World) -> None:
    """A multi-table batch is merged with what is there when it commits, whatever was merged while it was consumed."""
    world.run("CREATE TABLE t (k BIGINT, d INT DEFAULT '7')")
    world.run("CREATE TABLE m (k BIGINT, v INT) UNIQUE KEY(k)")
    mixed = world.sink.begin(Label("l1"), JOB, many_tables=True)
    mixed.write(batch("t", k=[2, 1]))
    load(world, "l2", batch("m", k=[1], v=[2]))
    mixed.write(batch("m", k=[1], v=[1]))
    load(world, "l3", batch("m", k=[1], v=[3]))  # nobody waits for a batch that is still being consumed
    mixed.commit(Pending())
    assert world.run("SELECT * FROM m") == [(1, 1)]
    assert world.run("SELECT * FROM t") == [(2, 7), (1, 7)]


def test_tables_of_both_kinds_have_to_be_announced(world: World) -> None:
    """A load that began by appending cannot merge any more: it is refused, and nothing of it is visible."""
    world.run("CREATE TABLE t (k BIGINT)")
    world.run("CREATE TABLE m (k BIGINT, v INT) UNIQUE KEY(k)")
    transaction = world.sink.begin(Label("l1"), JOB)
    transaction.write(batch("t", k=[1]))
    with pytest.raises(SinkError, match="both kinds"):
        transaction.write(batch("m", k=[1], v=[1]))
    assert world.run("SELECT * FROM t") == []
