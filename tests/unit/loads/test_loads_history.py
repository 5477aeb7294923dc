"""Loads that are remembered: how they end, and how many of them are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from routine_load.commit.values import CommitRecord, Counts
from routine_load.ids import Compat, JobId, Label, TaskId, TxnId
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.loads.history import Load, LoadHistory
from routine_load.loads.transaction_values import TxnState

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def load(number: int, database: str = "d", compat: Compat = Compat.STARROCKS) -> Load:
    """A load that just began."""
    return Load(
        label=Label(f"j-1-{number}"),
        txn_id=TxnId(number),
        task_id=TaskId(str(number)),
        job_id=JobId(1),
        database=database,
        table="t",
        user="root",
        compat=compat,
        began_at=NOON,
    )


def bounded(**values: str) -> LoadHistory:
    """A history under these settings of the front end."""
    return LoadHistory(lambda compat: FrontendConfig.of(compat, values))


def statuses(history: LoadHistory, database: str = "d") -> list[tuple[int, str]]:
    """Numbers and states, in the history's order."""
    return [(known.txn_id, known.status.value) for known in history.of(database)]


def test_a_load_runs_and_ends_once():
    """It begins as PREPARE; a commit makes it VISIBLE, an abort keeps its reason, nothing to load leaves no trace."""
    history = LoadHistory()
    for number in (1, 2, 3, 4):
        history.began(load(number))
    record = CommitRecord(
        sequence=1,
        label=Label("j-1-1"),
        job_id=JobId(1),
        task_id=TaskId("1"),
        ranges=(),
        counts=Counts(loaded=5, filtered=1),
        rejects="abc",
        committed_at_ms=int(NOON.timestamp() * 1000) + 1500,
    )
    history.committed(Label("j-1-1"), record)
    history.aborted(Label("j-1-2"), "because " + "x" * 5000, NOON)
    history.unused(Label("j-1-3"))
    history.aborted(Label("j-1-1"), "too late", NOON)
    assert statuses(history) == [(1, "VISIBLE"), (2, "ABORTED"), (4, "PREPARE")]
    visible, aborted, _ = history.of("d")
    assert (visible.committed_at, visible.finished_at) == (NOON + timedelta(seconds=1.5),) * 2
    assert (visible.counts, visible.rejects, visible.reason) == (record.counts, "abc", "")
    assert (len(aborted.reason), aborted.committed_at) == (1024, None)


def test_what_the_sink_committed_is_visible_whatever_was_thought_of_it():
    """A task that failed while it tidied up has committed: no reason is left."""
    record = CommitRecord(
        sequence=1,
        label=Label("j-1-1"),
        job_id=JobId(1),
        task_id=TaskId("1"),
        ranges=(),
        counts=Counts(),
        committed_at_ms=0,
    )
    after = load(1).aborted("lost", NOON).committed(record)
    assert (after.status, after.reason) == (TxnState.VISIBLE, "")


def test_a_database_keeps_as_many_as_its_vendor_says():
    """StarRocks: label_keep_max_num; Doris: label_num_threshold. The oldest goes first, and other databases stay."""
    for compat, setting in ((Compat.STARROCKS, "label_keep_max_num"), (Compat.DORIS, "label_num_threshold")):
        history = bounded(**{setting: "2"})
        for number in (1, 2, 3):
            history.began(load(number, compat=compat))
            history.aborted(Label(f"j-1-{number}"), "", NOON)
        history.began(load(9, "other", compat))
        history.aborted(Label("j-1-9"), "", NOON)
        assert statuses(history) == [(2, "ABORTED"), (3, "ABORTED")]
        assert statuses(history, "other") == [(9, "ABORTED")]


def test_what_is_too_old_is_forgotten():
    """StarRocks, Doris: label_keep_max_second, counted to the newest."""
    history = bounded(label_keep_max_second="60")
    for number, minutes in ((1, 0), (2, 1), (3, 2)):
        history.began(load(number))
        history.aborted(Label(f"j-1-{number}"), "", NOON + timedelta(minutes=minutes))
    assert statuses(history) == [(2, "ABORTED"), (3, "ABORTED")]


def test_nothing_may_be_kept_at_all():
    """A bound of nothing is a bound."""
    history = bounded(label_keep_max_num="0")
    history.began(load(1))
    history.aborted(Label("j-1-1"), "", NOON)
    assert statuses(history) == []


def test_a_label_that_runs_again_is_one_load():
    """A task that found nothing tries again under its own label."""
    history = LoadHistory()
    history.began(load(1))
    history.began(replace(load(1), txn_id=TxnId(7)))
    assert [(known.txn_id, known.status) for known in history.of("d")] == [(7, TxnState.PREPARE)]
