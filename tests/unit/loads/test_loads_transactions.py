"""Transactions of clients over a real file: direct, staged, prepared; labels, callers, time-outs, restarts."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from routine_load.commit.values import Counts
from routine_load.errors import (
    AnalysisError,
    LabelUsed,
    LimitExceeded,
    RoutineLoadError,
    SinkError,
    TransactionBusy,
    TransactionEnded,
    TransactionNotFound,
    UnknownTable,
)
from routine_load.ids import Compat, Label, TableRef, TaskId, TxnId
from routine_load.loads.history import Load
from routine_load.loads.transaction_values import BeginLoad, TxnSource, TxnState
from routine_load.observe import failpoints
from routine_load.observe.failpoints import InjectedFailure
from routine_load.statements.ports import Session
from tests.support.client_transactions import AGG, BEGIN, SPEC, STAGED, P, Rows, T, World, add, loading, make_directory


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the tables in it, to be copied."""
    return make_directory(tmp_path_factory.mktemp("made"))


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Iterator[World]:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    opened = World(tmp_path)
    yield opened
    failpoints.disarm()
    opened.close()


def test_a_direct_load_is_invisible_until_its_commit(world: World) -> None:
    """Begin, load, commit: the rows and what is known of them come together, and survive a restart."""
    opened = world.load(BEGIN, b"1,x", b"2,y")
    assert world.rows() == []
    assert world.transactions.find("d", "l").state is TxnState.PREPARE
    done = opened.commit()
    assert (done.state, done.counts, done.tables) == (TxnState.VISIBLE, Counts(2, 0, 0, 6, 2), ("t",))
    assert world.rows() == [(1, "x"), (2, "y")]
    world.restart()
    assert world.transactions.find("d", "l") == done
    assert world.transactions.get(done.id) == done


@pytest.mark.parametrize("table", [T, P, AGG], ids=str)
@pytest.mark.parametrize("begin", [BEGIN, STAGED], ids=["direct", "staged"])
def test_every_key_model_takes_direct_and_staged_loads(world: World, begin: BeginLoad, table: TableRef) -> None:
    """Whichever way the rows take, the table's key model decides what becomes of them."""
    world.load(begin, b"1,5", b"2,6", b"1,7", table=table).commit()
    expected = {"t": [(1, "5"), (1, "7"), (2, "6")], "p": [(1, "7"), (2, "6")], "agg": [(1, 12), (2, 6)]}
    assert sorted(world.rows(table.table)) == expected[table.table]
    assert world.stages() == []


@pytest.mark.parametrize("table", [T, P, AGG], ids=str)
def test_what_is_prepared_is_invisible_survives_and_is_committed_later(world: World, table: TableRef) -> None:
    """StarRocks PREPARED, Doris PRECOMMITTED: invisible over a restart, then all of it in one commit."""
    world.load(BEGIN, b"1,1", table=table).commit()
    txn = world.prepared("two", b"1,5", b"3,6", table=table)
    before = world.rows(table.table)
    assert len(before) == 1
    world.restart()
    assert world.rows(table.table) == before
    found = world.transactions.get(txn)
    assert (found.state, found.label, found.counts.loaded) == (TxnState.PREPARED, "two", 2)
    assert world.transactions.commit(txn).state is TxnState.VISIBLE
    expected = {"t": [(1, "1"), (1, "5"), (3, "6")], "p": [(1, "5"), (3, "6")], "agg": [(1, 6), (3, 6)]}
    assert sorted(world.rows(table.table)) == expected[table.table]
    assert world.stages() == []


def test_a_transaction_takes_several_loads_into_several_tables(world: World) -> None:
    """StarRocks: transaction_type multi, and many loads of one label: all of it, or nothing."""
    opened = world.load(STAGED, b"1,x")
    add(opened, b"2,y")
    add(opened, b"7,z", table=P)
    done = opened.commit()
    assert (world.rows(), world.rows("p")) == ([(1, "x"), (2, "y")], [(7, "z")])
    assert (done.tables, done.counts.loaded) == (("t", "p"), 3)


def test_the_count_of_a_load_is_its_own(world: World) -> None:
    """Each load of a transaction tells what it brought; the transaction tells all."""
    opened = world.load(STAGED, b"1,x")
    with opened.load(T, SPEC) as stream:
        stream.add(Rows([b"2,y", b"bad,z", b"3,q"]), received_bytes=12)
        assert stream.counts == Counts(2, 1, 0, 12, 3)
    assert opened.counts.total == 4
    opened.rollback("enough")


def test_an_error_in_a_load_gives_the_whole_transaction_up(world: World) -> None:
    """StarRocks: any error in begin, load or prepare rolls the transaction back by itself; the label is free."""
    opened = world.load(STAGED, b"1,x")
    with pytest.raises(UnknownTable):
        add(opened, b"1", table=TableRef("d", "nope"))
    found = world.transactions.find("d", "l")
    assert found.state is TxnState.ABORTED
    assert "nope" in found.reason
    assert world.stages() == []
    with pytest.raises(TransactionEnded) as ended:
        opened.commit()
    assert ended.value.txn_state == "ABORTED"
    world.load(STAGED, b"9,x").commit()
    assert world.rows() == [(9, "x")]


def test_a_client_that_goes_away_gives_its_load_up(world: World) -> None:
    """Whatever leaves the block of a load gives everything up, for that reason."""
    opened = world.transactions.begin(BEGIN)

    def gone(stream: Any) -> None:
        stream.add(Rows([b"1,x"]), received_bytes=3)
        raise SinkError("the client closed its connection")

    with pytest.raises(SinkError):
        loading(opened, gone)
    assert world.transactions.find("d", "l").reason == "the client closed its connection"
    assert world.rows() == []


@pytest.mark.parametrize("compat", list(Compat))
def test_a_label_is_taken_in_every_state_but_aborted(world: World, compat: Compat) -> None:
    """Both vendors: PREPARE, PREPARED and VISIBLE hold a label; ABORTED frees it; other databases do not care."""
    begin = replace(STAGED, compat=compat)

    def clash() -> LabelUsed:
        with pytest.raises(LabelUsed) as used:
            world.transactions.begin(begin)
        return used.value

    opened = world.load(begin, b"1,x")
    assert clash().txn_state == "PREPARE"
    prepared = opened.prepare(10)
    assert clash().txn_state == "PREPARED"
    world.transactions.commit(prepared.id)
    error = clash()
    assert (error.txn_state, error.txn_id) == ("VISIBLE", prepared.id)
    texts = {
        Compat.STARROCKS: "Label [l] has already been used.",
        Compat.DORIS: f"Label [l] has already been used, relate to txn [{prepared.id}], status [VISIBLE].",
    }
    assert error.message == texts[compat]
    world.transactions.begin(replace(begin, database="e")).rollback("no")
    other = world.transactions.begin(replace(begin, label=Label("L")))
    other.rollback("no")
    assert world.transactions.begin(replace(begin, label=Label("L"))).id > other.id


@pytest.mark.parametrize(
    "sql", ["INTO t WITH LABEL `in-1` VALUES (1,'x')", "INTO p WITH LABEL `in-1` (b, a) SELECT 'x', 1"]
)
def test_an_insert_may_have_a_label(world: World, sql: str) -> None:
    """INSERT … WITH LABEL: of the same name space, committed with the rows; the answer tells the vendors' line."""
    told = world.engine.execute(f"INSERT {sql}", Session(user="root", compat=Compat.STARROCKS, database="d"))
    found = world.transactions.find("d", "in-1")
    assert told.message == f"{{'label':'in-1', 'status':'VISIBLE', 'txnId':'{found.id}'}}"
    assert (found.state, found.source, found.counts.loaded) == (TxnState.VISIBLE, TxnSource.INSERT, 1)
    with pytest.raises(LabelUsed):
        world.run(f"INSERT {sql}")
    with pytest.raises(LabelUsed):
        world.transactions.begin(replace(BEGIN, label=Label("in-1")))
    world.restart()
    assert world.transactions.find("d", "in-1") == found
    assert world.rows(found.tables[0]) == [(1, "x")]


def test_an_insert_that_fails_frees_its_label(world: World) -> None:
    """Nothing is inserted, the reason is known, the label can be used again."""
    with pytest.raises(RoutineLoadError):
        world.run("INSERT INTO t WITH LABEL l SELECT CAST('x' AS BIGINT) + error('no'), 'x'")
    with pytest.raises(RoutineLoadError):
        world.run("INSERT INTO t WITH LABEL l VALUES (NULL, 'x')")
    found = world.transactions.find("d", "l")
    assert found.state is TxnState.ABORTED
    assert "NOT NULL" in found.reason
    world.run("INSERT INTO t WITH LABEL l VALUES (1, 'x')")
    assert world.rows() == [(1, "x")]


def test_doris_calls_a_prepared_transaction_precommitted(world: World) -> None:
    """Doris: status [PRECOMMITTED] in the text that its clients read."""
    begin = replace(STAGED, compat=Compat.DORIS)
    txn = world.load(begin, b"1,x").prepare(10)
    with pytest.raises(LabelUsed, match=rf"relate to txn \[{txn.id}\], status \[PRECOMMITTED\]"):
        world.transactions.begin(begin)


def test_a_label_of_a_routine_load_task_is_taken(world: World) -> None:
    """One name space per database: what a task runs under, no client can take."""
    world.history.began(
        Load(
            label=Label("l"),
            task_id=TaskId("t"),
            job_id=1,
            database="d",
            table="t",
            user="root",
            compat=Compat.STARROCKS,
            began_at=world.clock.now(),
        )
    )
    with pytest.raises(LabelUsed):
        world.transactions.begin(BEGIN)
    world.history.aborted(Label("l"), "no", world.clock.now())
    world.transactions.begin(BEGIN)


def test_transactions_that_run_are_bounded_per_database(world: World) -> None:
    """max_running_txn_num_per_db: one more is refused in the vendors' words, and leaves no trace."""
    world.settings = {"max_running_txn_num_per_db": "2"}
    world.prepared("one", b"1,x")
    opened = world.transactions.begin(BEGIN)
    with pytest.raises(LimitExceeded, match="current running txns on db 2564639436 is 2, larger than limit 2"):
        world.transactions.begin(replace(BEGIN, label=Label("m")))
    world.transactions.begin(replace(BEGIN, database="e"))
    opened.rollback("no")
    assert world.transactions.find("d", "m") is None
    world.transactions.begin(replace(BEGIN, label=Label("m")))


@pytest.mark.parametrize(
    ("compat", "label", "is_one"),
    [
        (Compat.STARROCKS, "a-b_C9", True),
        (Compat.STARROCKS, "a:b", False),
        (Compat.DORIS, "a:b", True),
        (Compat.STARROCKS, "", False),
        (Compat.STARROCKS, "x" * 128, True),
        (Compat.DORIS, "x" * 129, False),
        (Compat.STARROCKS, "a\n", False),
        (Compat.DORIS, "ä", False),
    ],
)
def test_what_a_label_looks_like(world: World, compat: Compat, label: str, is_one: bool) -> None:
    """StarRocks: ^[-\\w]{1,128}$; Doris: a colon, too. The text names the pattern and the label."""
    begin = replace(BEGIN, compat=compat, label=Label(label))
    if is_one:
        assert world.transactions.begin(begin).label == label
        return
    with pytest.raises(AnalysisError) as refused:
        world.transactions.begin(begin)
    assert refused.value.message.startswith("Label format error. regex: ^[-")
    assert refused.value.message.endswith(f"label: {label}")


def test_a_second_caller_is_told_that_it_is_in_processing(world: World) -> None:
    """StarRocks: TXN_IN_PROCESSING, Transaction is in processing; the first caller is not disturbed."""
    opened = world.transactions.begin(STAGED)
    with opened.load(T, SPEC) as stream:
        for call in (lambda: opened.prepare(1), opened.commit, lambda: opened.rollback("r")):
            with pytest.raises(TransactionBusy, match="Transaction is in processing"):
                call()
        with pytest.raises(TransactionBusy), opened.load(T, SPEC):
            pass
        stream.add(Rows([b"1,x"]), received_bytes=3)
    opened.commit()
    assert world.rows() == [(1, "x")]


def test_an_abort_from_outside_is_told_to_the_load_with_its_next_chunk(world: World) -> None:
    """_cancel of both vendors: the label is free at once; whoever sends rows learns of it, and nothing stays."""
    opened = world.load(STAGED, b"1,x")
    again = []

    def cut(stream: Any) -> None:
        world.transactions.abort(opened.id, "user said so")
        assert world.transactions.find("d", "l").reason == "user said so"
        again.append(world.load(STAGED, b"5,new"))
        stream.add(Rows([b"2,y"]), received_bytes=3)

    with pytest.raises(TransactionEnded, match="current transaction is aborted"):
        loading(opened, cut)
    again[0].commit()
    assert world.rows() == [(5, "new")]
    assert world.stages() == []


def test_an_abort_after_the_last_chunk_leaves_nothing_either(world: World) -> None:
    """The load's end is as good as a chunk."""
    opened = world.transactions.begin(STAGED)

    def cut(stream: Any) -> None:
        stream.add(Rows([b"2,y"]), received_bytes=3)
        world.transactions.abort(opened.id, "late")

    with pytest.raises(TransactionEnded):
        loading(opened, cut)
    assert world.stages() == []
    world.restart()
    assert world.transactions.get(opened.id).reason == "late"


def test_what_ended_is_neither_committed_nor_aborted(world: World) -> None:
    """Commit and abort of what is not prepared tell the state, from which each vendor makes its text."""
    txn = world.prepared("one", b"1,x")
    world.transactions.commit(txn)
    for call in (world.transactions.commit, lambda i: world.transactions.abort(i, "r")):
        with pytest.raises(TransactionEnded) as ended:
            call(txn)
        assert (ended.value.txn_state, ended.value.txn_id) == ("VISIBLE", txn)
        with pytest.raises(TransactionNotFound, match=r"transaction \[5\] not found"):
            call(TxnId(5))
    other = world.prepared("two", b"2,x")
    world.transactions.abort(other, "changed my mind")
    with pytest.raises(TransactionEnded) as ended:
        world.transactions.commit(other)
    assert (ended.value.txn_state, ended.value.reason) == ("ABORTED", "changed my mind")
    assert world.rows() == [(1, "x")]
    assert world.stages() == []


def test_only_what_is_prepared_is_committed_by_id(world: World) -> None:
    """Doris: transaction [N] is prepare, not pre-committed."""
    opened = world.load(STAGED, b"1,x")
    with pytest.raises(TransactionEnded) as ended:
        world.transactions.commit(opened.id)
    assert ended.value.txn_state == "PREPARE"


def test_a_restart_aborts_what_was_open(world: World) -> None:
    """PREPARE of a dead process is ABORTED at start, its staged rows are gone, its label is free."""
    opened = world.load(STAGED, b"1,x")
    assert len(world.stages()) == 1
    world.restart()
    found = world.transactions.get(opened.id)
    assert (found.state, found.reason) == (TxnState.ABORTED, "coordinate BE restart")
    assert world.stages() == []
    world.load(STAGED, b"2,x").commit()
    assert world.rows() == [(2, "x")]


def test_numbers_grow_over_restarts_and_clocks(world: World) -> None:
    """A transaction's id is greater than any before, also where the clock went back."""
    first = world.transactions.begin(BEGIN).id
    world.clock.wall -= timedelta(days=1_000)
    world.restart()
    assert world.transactions.begin(BEGIN).id > first


def test_time_runs_out_for_what_is_open(world: World) -> None:
    """timeout: PREPARE is aborted by the transaction manager, and its client told how long it had."""
    opened = world.load(replace(STAGED, timeout_s=30), b"1,x")
    world.clock.seconds = 30
    world.transactions.tick()
    assert world.transactions.find("d", "l").state is TxnState.PREPARE
    world.clock.seconds = 31
    world.transactions.tick()
    found = world.transactions.find("d", "l")
    assert (found.state, found.reason) == (TxnState.ABORTED, "timeout by txn manager")
    with pytest.raises(TransactionEnded, match="transaction is aborted by timeout 30 seconds"):
        add(opened, b"2,x")
    assert world.stages() == []


def test_a_client_that_says_nothing_for_too_long_is_given_up(world: World) -> None:
    """idle_transaction_timeout: between two calls, not during one."""
    opened = world.transactions.begin(replace(STAGED, idle_timeout_s=5))
    with opened.load(T, SPEC):
        world.clock.seconds = 20
        world.transactions.tick()
    world.clock.seconds = 25
    world.transactions.tick()
    assert opened.transaction.state is TxnState.PREPARE
    world.clock.seconds = 26
    world.transactions.tick()
    assert opened.transaction.state is TxnState.ABORTED


def test_what_is_prepared_expires_in_its_own_time_also_over_a_restart(world: World) -> None:
    """prepared_timeout: timeout by txn manager; the timeout of PREPARE counts no more."""
    txn = world.load(replace(STAGED, timeout_s=1), b"1,x").prepare(100).id
    world.clock.seconds = 60
    world.restart()
    world.transactions.tick()
    assert world.transactions.get(txn).state is TxnState.PREPARED
    world.clock.seconds = 101
    world.transactions.tick()
    found = world.transactions.get(txn)
    assert (found.state, found.reason) == (TxnState.ABORTED, "timeout by txn manager")
    assert world.stages() == []


@pytest.mark.parametrize(
    ("compat", "setting"), [(Compat.STARROCKS, "label_keep_max_num"), (Compat.DORIS, "label_num_threshold")]
)
def test_labels_beyond_the_number_are_forgotten_the_oldest_first(world: World, compat: Compat, setting: str) -> None:
    """StarRocks: label_keep_max_num, running ones counted; Doris: label_num_threshold. The file forgets them, too."""
    world.settings = {setting: "3"}
    for n in range(5):
        world.load(replace(BEGIN, label=Label(f"l{n}"), compat=compat), b"1,x").commit()
    world.transactions.tick()
    assert [each.label for each in world.transactions.list("d")] == ["l2", "l3", "l4"]
    world.prepared("running", b"1,x")
    world.transactions.tick()
    assert [each.label for each in world.transactions.list("d")] == ["l3", "l4", "running"]
    world.restart()
    assert [each.label for each in world.transactions.list("d")] == ["l3", "l4", "running"]
    world.load(replace(BEGIN, label=Label("l0"), compat=compat), b"1,x").commit()


@pytest.mark.parametrize(("compat", "keep_s"), [(Compat.STARROCKS, 259_200), (Compat.DORIS, 43_200)])
def test_labels_are_forgotten_after_their_time(world: World, compat: Compat, keep_s: int) -> None:
    """StarRocks: label_keep_max_second, three days; Doris: streaming_label_keep_max_second, twelve hours."""
    world.load(replace(BEGIN, compat=compat), b"1,x").commit()
    world.clock.seconds = keep_s
    world.transactions.tick()
    assert world.transactions.find("d", "l") is not None
    world.clock.seconds = keep_s + 1
    world.transactions.tick()
    assert world.transactions.find("d", "l") is None


def test_a_table_that_was_altered_fails_the_commit_which_may_be_tried_again(world: World) -> None:
    """An ALTER between prepare and commit: nothing is half done, the transaction stays prepared."""
    txn = world.prepared("one", b"1,x", table=P)
    world.run("ALTER TABLE p ADD COLUMN c INT")
    with pytest.raises(SinkError, match="altered"):
        world.transactions.commit(txn)
    assert world.rows("p") == []
    assert world.transactions.get(txn).state is TxnState.PREPARED
    world.run("ALTER TABLE p DROP COLUMN c")
    world.transactions.commit(txn)
    assert world.rows("p") == [(1, "x")]


def test_rejected_rows_can_be_read_from_prepare_on_and_count_from_the_commit_on(world: World) -> None:
    """The error URL of the prepared load's answer works; after the commit the file is that of a committed load."""
    opened = world.load(STAGED, b"1,x", b"nonsense,y")
    prepared = opened.prepare(10)
    assert (prepared.counts.filtered, world.files()) == (1, [".refused"])
    assert "nonsense" in prepared.first_error
    done = world.transactions.commit(prepared.id)
    assert (done.rejects, world.files()) == (prepared.rejects, [".parquet"])


def test_rejected_rows_of_what_was_given_up_can_be_read(world: World) -> None:
    """too many filtered rows: the answer's error URL shows them."""
    opened = world.load(BEGIN, b"nonsense,y")
    aborted = opened.rollback("too many filtered rows")
    assert (aborted.counts.filtered, aborted.counts.loaded, aborted.reason) == (1, 0, "too many filtered rows")
    assert aborted.rejects
    assert world.files() == [".refused"]


def test_doris_counts_no_row_of_a_load_that_failed_as_loaded(world: World) -> None:
    """Doris: NumberLoadedRows 0 with the true NumberFilteredRows; StarRocks tells what it had counted."""
    opened = world.load(replace(BEGIN, compat=Compat.DORIS), b"1,x", b"nonsense,y")
    assert opened.rollback("no").counts == Counts(0, 1, 0, 13, 2)
    assert world.load(BEGIN, b"1,x", b"nonsense,y").rollback("no").counts == Counts(1, 1, 0, 13, 2)


def test_a_database_that_is_dropped_takes_its_transactions_with_it(world: World) -> None:
    """Labels belong to the database, not to its name: whoever makes it anew begins with none."""
    world.load(BEGIN, b"1,x").commit()
    txn = world.prepared("m", b"1,x")
    opened = world.load(replace(STAGED, label=Label("n")), b"1,x")
    world.transactions.begin(replace(BEGIN, database="e"))
    world.transactions.forget_databases({"d"})
    assert world.transactions.list("d") == []
    assert world.transactions.get(txn) is None
    assert opened.transaction.reason == "the database was dropped"
    assert world.stages() == []
    assert len(world.transactions.list("e")) == 1
    world.transactions.tick()
    world.restart()
    assert world.transactions.list("d") == []


def test_a_file_that_is_renamed_still_has_what_was_prepared(world: World) -> None:
    """What is staged is found by its number, whatever the file is called now."""
    txn = world.prepared("one", b"1,x")
    world.close()
    (world.directory / "w.duckdb").rename(world.directory / "other.duckdb")
    world.file = "other.duckdb"
    world.open()
    world.transactions.commit(txn)
    assert world.rows() == [(1, "x")]
    assert world.stages() == []


STEPS = ["transaction.finish.before", "prepared.commit.locked", "prepared.commit.merged", "prepared.commit.dropped"]


@pytest.mark.parametrize("point", STEPS)
def test_a_commit_that_fails_leaves_what_was_prepared(world: World, point: str) -> None:
    """At whatever step: nothing is visible, the transaction is prepared, and the next commit goes through."""
    txn = world.prepared("one", b"1,x", table=P)
    failpoints.arm(f"{point}=fail")
    with pytest.raises(InjectedFailure):
        world.transactions.commit(txn)
    assert (world.rows("p"), world.transactions.get(txn).state) == ([], TxnState.PREPARED)
    world.transactions.commit(txn)
    assert world.rows("p") == [(1, "x")]


def test_a_commit_whose_end_nobody_saw_is_found_done(world: World) -> None:
    """The file has committed, this process does not know it: the next commit says so, and adds nothing."""
    txn = world.prepared("one", b"1,x")
    failpoints.arm("prepared.commit.after=fail")
    with pytest.raises(InjectedFailure):
        world.transactions.commit(txn)
    assert world.transactions.get(txn).state is TxnState.PREPARED
    assert world.transactions.commit(txn).state is TxnState.VISIBLE
    assert world.rows() == [(1, "x")]


def test_of_many_that_want_a_label_one_gets_it(world: World) -> None:
    """Two concurrent identical labels: one wins."""
    start, won = threading.Barrier(8), []

    def begin() -> None:
        start.wait()
        with contextlib.suppress(LabelUsed):
            won.append(world.transactions.begin(STAGED))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_transactions_of_many_clients_do_not_hinder_each_other(world: World) -> None:
    """Direct and staged, committed and given up, into one table that merges: nobody meets an error of another."""
    ends: list[str] = []

    def client(number: int) -> None:
        for n in range(3):
            begin = replace(BEGIN if n == 0 else STAGED, label=Label(f"{number}-{n}"))
            opened = world.load(begin, b"%d,x" % (10 * number + n), table=P)
            if n == 2:
                ends.append(world.transactions.abort(opened.prepare(9).id, "no").state)
            else:
                ends.append(opened.commit().state)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["ABORTED"] * 6 + ["VISIBLE"] * 12
    assert len(world.rows("p")) == 12
    assert world.stages() == []


def test_of_many_commits_one_commits(world: World) -> None:
    """The same prepared transaction from eight callers: its rows come once."""
    txn, start = world.prepared("one", b"1,x"), threading.Barrier(8)
    ends: list[str] = []

    def commit() -> None:
        start.wait()
        try:
            ends.append(world.transactions.commit(txn).state)
        except (TransactionBusy, TransactionEnded) as error:
            ends.append(type(error).__name__)

    threads = [threading.Thread(target=commit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends.count("VISIBLE") == 1
    assert world.rows() == [(1, "x")]
