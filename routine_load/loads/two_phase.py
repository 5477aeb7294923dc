"""The sink over a cluster: rows are spooled while they are consumed, and sent when the batch is committed.

Everything that touches the target happens inside ``commit``, when the ends of the ranges are known: intend, ask for the
labels, begin and load and prepare, decide, commit, finish (``commit.protocol``). Progress and records are those of the
intent log. Failpoints: ``commit.intend``, ``commit.prepare``, and those of ``commit.driver``. Refuses to know what a
cluster speaks and what a database looks like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from routine_load.clock import Clock
from routine_load.commit.driver import Driver, Settled
from routine_load.commit.intents import Intent, IntentLog, Report
from routine_load.commit.labels import LabelState, Part, Prepared
from routine_load.commit.protocol import Event, IntentState
from routine_load.commit.values import CommitRecord, Counts
from routine_load.errors import (
    CommitUnsettled,
    InDoubt,
    LeadershipLost,
    MetadataError,
    MetadataOlder,
    RoutineLoadError,
    SinkError,
)
from routine_load.ids import JobId, Label, PartitionId, TableRef
from routine_load.loads.ports import PendingCommit, Target
from routine_load.loads.preparing import Prepares, prepare
from routine_load.loads.settling import Settler
from routine_load.loads.spool import Spool, SpooledRows, empty_spool
from routine_load.loads.values import RefusedRow, TableBatch
from routine_load.observe import events
from routine_load.observe.failpoints import failpoint
from routine_load.observe.logs import logger
from routine_load.sql.schema import Table

log = logger("commit")

SWEPT_MAX: Final = 200
"""Labels that are asked for at a start, the newest ones; older ones the target's own time-out has ended."""

_COMMITTED = frozenset({LabelState.COMMITTED, LabelState.VISIBLE})


class TwoPhaseSink:
    """Thread-safe (``loads.ports.Sink``). ``start`` it before the jobs are recovered, then let it ``go_on``.

    Each term of a leader has a log of its own (``lead``). A batch is committed through the log of the term in which it
    was begun: one that outlives its term is refused there.
    """

    def __init__(self, target: Target, intents: IntentLog, spool: SpoolPlace, clock: Clock) -> None:
        self._target = target
        self._log = intents
        self._spool = spool
        empty_spool(spool.folder)
        self._driver = Driver(log=intents, labels=target, where=target.name)
        self.settler = Settler(self._driver, clock)

    def lead(self, intents: IntentLog) -> None:
        """A term begins, or ended: from here on this log is written, and nothing that was left to the settler stays."""
        self._log = intents
        self._driver = Driver(log=intents, labels=self._target, where=self._target.name)
        self.settler.halt(self._driver)

    def start(self) -> None:
        """Leave every commit that is open to the settler. Raises MetadataError."""
        for intent in self._log.open_intents():
            if intent.state is not IntentState.IN_DOUBT:
                self.settler.leave(intent.label, intent.job_id)

    def go_on(self) -> None:
        """The jobs are recovered: sweep, and bring what is open to its end, in the background."""
        self.settler.start(self.sweep)

    def sweep(self) -> int:
        """Roll back what the target has prepared under labels that were given up: a request of a process that is gone
        may have come late. How many there were. Raises TargetUnavailable, MetadataError.
        """
        swept = 0
        for intent in self._log.abandoned(SWEPT_MAX):
            for part in intent.parts:
                state = self._target.state(part.table.database, part.label)
                if state in {LabelState.PREPARE, LabelState.PREPARED}:
                    self._target.rollback(part)
                    swept += 1
        return swept

    def close(self) -> None:
        self.settler.close()

    @property
    def incarnation(self) -> str:
        return self._target.incarnation

    def table(self, ref: TableRef) -> Table:
        return self._target.table(ref)

    def begin(self, label: Label, job_id: JobId, *, many_tables: bool = False) -> TwoPhaseTransaction:  # noqa: ARG002 - a batch has its labels from its intent
        return TwoPhaseTransaction(self, job_id, Spool(self._spool.folder, self._spool.bytes_max), self._driver)

    def progress(self, job_id: JobId) -> dict[PartitionId, int]:
        return self._log.progress(job_id)

    def place(self, job_id: JobId, offsets: Mapping[PartitionId, int], *, only: bool = False) -> None:
        self._log.place(job_id, offsets, only=only)

    def commits_after(self, job_id: JobId, sequence: int) -> list[CommitRecord]:
        return self._log.records_after(job_id, sequence)

    def recent_commits(self, jobs: Sequence[JobId], limit: int) -> list[CommitRecord]:
        return self._log.recent_records(jobs, limit)

    def forget_commits(self, job_id: JobId, up_to_sequence: int) -> None:
        self._log.forget_records(job_id, up_to_sequence)

    def forget_job(self, job_id: JobId) -> None:
        self._log.forget_job(job_id)

    def open_rejects(self) -> list[str]:
        return [intent.record.rejects for intent in self._log.open_intents() if intent.record.rejects]

    # -- what is open -------------------------------------------------------------------------------------------------

    def settle(self, job_id: JobId) -> None:
        waiting: list[str] = []
        for intent in self._log.open_intents(job_id):
            settled = self.settler.visit(intent.label)
            if settled is None:
                waiting.append(self._waits(intent, "it is being tried"))
            elif settled.state is IntentState.IN_DOUBT:
                raise _doubt(intent, settled)
            elif settled.state.is_open:
                self.settler.leave(intent.label, job_id)
                waiting.append(self._waits(intent, settled.text, settled.state))
        if waiting:
            raise CommitUnsettled("; ".join(waiting))

    def resolve(self, job_id: JobId, *, committed: bool, label: str = "") -> list[Label]:
        doubted = [i for i in self._log.open_intents(job_id) if i.state is IntentState.IN_DOUBT]
        if label or len(doubted) > 1:
            doubted = [_meant(doubted, label)]
        known = {i.label: self._checked_word(i, committed=committed) for i in doubted if i.was_decided}
        for intent in doubted:
            if not intent.was_decided:
                self._log.skip_labels(job_id)
            rest = tuple(p for p, state in known.get(intent.label, ()) if state is LabelState.PREPARED)
            if committed and rest:
                report = Report(parts=rest, counts=intent.record.counts)
                settled = self._driver.happened(intent, Event.SAID_COMMITTED_IN_PART, report)
            else:
                settled = self._driver.happened(intent, Event.SAID_COMMITTED if committed else Event.SAID_NOT_COMMITTED)
            if settled.state.is_open:
                self.settler.leave(intent.label, job_id)
        return [intent.label for intent in doubted]

    def _checked_word(self, intent: Intent, *, committed: bool) -> list[tuple[Part, LabelState]]:
        """The labels as the target has them. Raises SinkError: where it does know, nobody has to tell it."""
        states = self._driver.states(intent)
        wrong = {LabelState.ABORTED} if committed else _COMMITTED
        if all(state in wrong for state in states):
            raise SinkError(
                f"{self._target.name} has label {intent.label} as {states[0]}: it was "
                f"{'not ' if committed else ''}committed; nothing was changed"
            )
        return list(zip(intent.parts, states, strict=True))

    # -- one batch ----------------------------------------------------------------------------------------------------

    def commit_batch(self, record: CommitRecord, tables: Sequence[TableRef], by: By) -> CommitRecord:
        """Raises StaleRange and SinkError (nothing of it is visible), CommitUnsettled and InDoubt (nobody knows).

        The driver is that of the term in which the batch was begun. Raises LeadershipLost where that is over.
        """
        driver = by.driver
        failpoint("commit.intend.before")
        try:
            intent = driver.log.intend(record, tuple(tables)) if tables else None
            finished = driver.log.finish_without_target(record) if intent is None else None
        except MetadataError as error:
            # whether it was written, whoever plans the job sees
            raise CommitUnsettled(f"the metadata has to say what became of a batch: {error.message}") from error
        if intent is None:
            assert finished is not None
            failpoint("commit.intend.after")
            return finished
        with self.settler.working_on(intent.label):
            try:
                failpoint("commit.intend.after")
                settled = self._carry(intent, by.prepares, driver)
            except LeadershipLost:
                raise
            except Exception as error:  # whatever it is, the intent is open: it has to be brought to its end
                log.warning(events.COMMIT_WAITS, label=intent.label, job_id=intent.job_id, exc_info=error)
                self.settler.leave(intent.label, intent.job_id)
                told = error.message if isinstance(error, RoutineLoadError) else type(error).__name__
                raise CommitUnsettled(self._waits(intent, told)) from error
        if settled.record is not None:
            return settled.record
        raise self._not_finished(intent, settled)

    def _not_finished(self, intent: Intent, settled: Settled) -> SinkError:
        if settled.state is IntentState.IN_DOUBT:
            return InDoubt(settled.text)
        if settled.state.is_open:
            self.settler.leave(intent.label, intent.job_id)
            return CommitUnsettled(self._waits(intent, settled.text, settled.state))
        return SinkError(settled.text or f"{self._target.name} has aborted label {intent.label}")

    def prepare(self, bodies: Mapping[TableRef, SpooledRows]) -> Prepares:
        """What was spooled here, prepared from here."""
        return lambda parts: prepare(self._target, parts, lambda part: bodies[part.table])

    def _carry(self, intent: Intent, prepares: Prepares, driver: Driver) -> Settled:
        """From an intent to its end, or as far as it gets now."""
        happened = driver.happened
        done = prepares(intent.parts)
        if done.used_before:
            return happened(intent, Event.USED_BEFORE, reason=done.used_before)
        if done.given_up is not None:
            return happened(intent, Event.GIVE_UP, reason=done.given_up)
        assert [part for part, _ in done.prepared] == list(intent.parts), "each part is prepared, in their order"
        failpoint("commit.report.before")
        report = _report(intent.record.counts, done.prepared)
        failpoint("commit.report.after")
        if not report.parts:
            return happened(intent, Event.NOTHING_TO_LOAD, report)
        for part, each in done.prepared:
            if each.is_empty:  # it is not part of what will be decided: nobody will ever commit it
                self._target.rollback(part)
        return happened(intent, Event.PREPARED, report)

    def _waits(self, intent: Intent, text: str, state: IntentState = IntentState.DECIDED) -> str:
        doing = "roll-back" if state is IntentState.ABANDONING else "commit"
        return f"waits on {doing} of label {intent.label} at {self._target.name}" + (f": {text}" if text else "")


@dataclass(frozen=True, slots=True)
class By:
    """Who carries a batch: the driver decides and commits, somebody here or elsewhere prepares."""

    driver: Driver
    prepares: Prepares


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolPlace:
    """Where batches are spooled, and from which size on a batch should be committed."""

    folder: Path
    bytes_max: int


@dataclass(slots=True)
class TwoPhaseTransaction:
    """One batch (``loads.ports.SinkTransaction``)."""

    _sink: TwoPhaseSink
    _job_id: JobId
    _spool: Spool
    _driver: Driver
    _spent: bool = field(default=False)

    @property
    def is_full(self) -> bool:
        return self._spool.is_full

    def write(self, batch: TableBatch) -> Sequence[RefusedRow]:
        self._require_open()
        self._spool.add(batch)
        return ()

    def commit(self, commit: PendingCommit) -> CommitRecord:
        bodies = self._spool.tables
        return self.commit_by(commit, tuple(bodies), self._sink.prepare(bodies))

    def commit_by(self, commit: PendingCommit, tables: Sequence[TableRef], prepares: Prepares) -> CommitRecord:
        """``commit`` of rows that whoever prepares them has."""
        self._require_open()
        self._spent = True
        record = CommitRecord(
            sequence=0,
            label=Label(""),
            job_id=self._job_id,
            task_id=commit.task_id,
            ranges=tuple(commit.ranges),
            counts=commit.counts,
            timestamps_ms=commit.timestamps_ms,
            rejects=commit.rejects,
            execute_ms=commit.execute_ms,
            first_error=commit.first_error,
            txn_id=commit.txn_id,
        )
        try:
            return self._sink.commit_batch(record, tables, By(self._driver, prepares))
        finally:
            self._spool.close()

    def rollback(self) -> None:
        self._spent = True
        self._spool.close()

    def _require_open(self) -> None:
        if self._spent:
            raise SinkError("the transaction has ended")


def _meant(doubted: Sequence[Intent], label: str) -> Intent:
    """The one of several that a person speaks of: each may have ended in its own way."""
    meant = next((intent for intent in doubted if intent.label == label), None)
    if meant is None:
        labels = ", ".join(intent.label for intent in doubted) or "none"
        what = f"label {label} is not in doubt" if label else "more than one label is in doubt"
        raise SinkError(f'{what}: say which one is meant by "in_doubt_label"; in doubt: {labels}')
    return meant


def _doubt(intent: Intent, settled: Settled) -> InDoubt:
    """An intent that was never decided carries nothing: what is wrong is the metadata."""
    return InDoubt(settled.text) if intent.was_decided else MetadataOlder(settled.text)


def _report(counts: Counts, prepared: Sequence[tuple[Part, Prepared]]) -> Report:
    """The batch's counts, with the rows that the target itself did not load. A label without rows is not committed."""
    done = [each for _, each in prepared]
    counts = replace(
        counts,
        loaded=sum(each.loaded for each in done),
        filtered=counts.filtered + sum(each.filtered for each in done),
        unselected=counts.unselected + sum(each.unselected for each in done),
    )
    return Report(
        parts=tuple(replace(part, txn_id=each.txn_id) for part, each in prepared if not each.is_empty),
        counts=counts,
        first_error=next((each.first_error for each in done if each.first_error), ""),
    )
