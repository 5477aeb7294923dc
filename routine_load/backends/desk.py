"""The owner's side of a task that runs elsewhere: its rows, rejected rows and ranges go into one transaction here.

The batch becomes visible with its progress or not at all, whatever becomes of the backend. Invariants: nothing is
committed but ranges that begin where the task was told to begin; once the task is cancelled nothing is; rejected rows
are durable here before the commit that counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from routine_load.backends.conversation import Conversation, Silence
from routine_load.backends.messages import (
    Answer,
    CommitAsked,
    Committed,
    Noted,
    PartsPrepared,
    PartsToPrepare,
    Problem,
    RejectsSent,
    RowsSent,
    RowsTaken,
    Said,
    TableAsked,
    TaskEnded,
    TaskFailed,
)
from routine_load.clock import Clock, Deadline
from routine_load.commit.labels import Part
from routine_load.commit.values import CommitRecord
from routine_load.errors import (
    BackendLost,
    BrokenInvariant,
    CommitUnsettled,
    InDoubt,
    LeadershipLost,
    LoadRejected,
    RoutineLoadError,
    SinkError,
)
from routine_load.loads.path import Commit
from routine_load.loads.ports import BatchSink, SinkTransaction
from routine_load.loads.preparing import Preparation
from routine_load.loads.rejects import RejectLog
from routine_load.loads.two_phase import TwoPhaseSink
from routine_load.loads.values import TableBatch
from routine_load.observe.failpoints import failpoint
from routine_load.tasks.control import TaskControl
from routine_load.tasks.run import Task, TaskOutcome, TaskReport

_LAST_WORD_S = 10.0
"""How long a backend has to say how its task ended, once the batch is committed; nothing depends on it."""


class TaskCancelled(RoutineLoadError):
    """The task was cancelled."""


class Committing(Protocol):
    """How a batch that was sent is committed."""

    def take(self, batch: TableBatch) -> RowsTaken: ...

    def commit(self, commit: Commit, asked: CommitAsked, conversation: Conversation) -> CommitRecord: ...

    def close(self) -> None: ...


class IntoTransaction:
    """The embedded engine: rows and progress go into one transaction of its own."""

    def __init__(self, sink: BatchSink, task: Task) -> None:
        self._sink = sink
        self._task = task
        self._transaction: SinkTransaction | None = None

    def take(self, batch: TableBatch) -> RowsTaken:
        transaction = self._open()
        refused = transaction.write(batch)
        return RowsTaken(refused=tuple(refused), is_full=transaction.is_full)

    def commit(self, commit: Commit, asked: CommitAsked, conversation: Conversation) -> CommitRecord:  # noqa: ARG002 - nothing is left to ask
        return self._open().commit(commit)

    def close(self) -> None:
        if self._transaction is not None:
            self._transaction.rollback()

    def _open(self) -> SinkTransaction:
        if self._transaction is None:
            task = self._task
            self._transaction = self._sink.begin(task.label, task.job_id, many_tables=task.routes.many_tables)
        return self._transaction


class OntoLabels:
    """A cluster: the backend keeps the rows and prepares their labels; here is intended, decided and committed."""

    def __init__(self, sink: TwoPhaseSink, task: Task) -> None:
        self._transaction = sink.begin(task.label, task.job_id, many_tables=task.routes.many_tables)

    def take(self, batch: TableBatch) -> RowsTaken:
        raise BrokenInvariant(f"rows of {batch.table} were sent to a coordinator that does not keep them")

    def commit(self, commit: Commit, asked: CommitAsked, conversation: Conversation) -> CommitRecord:
        """Raises BackendLost where the backend was lost before it had prepared: nothing is known against the job."""
        lost: list[RoutineLoadError] = []

        def prepares(parts: Sequence[Part]) -> Preparation:
            conversation.answer(PartsToPrepare(parts=tuple(parts)))
            try:
                said, _ = conversation.hear()
            except RoutineLoadError as error:  # nobody will ever commit what it may still prepare
                lost.append(error)
                return Preparation(given_up=error.message)
            if not isinstance(said, PartsPrepared):
                return Preparation(given_up=f"the backend said {type(said).__name__} instead of what it prepared")
            done = said.preparation
            if done.given_up is None and not done.used_before and [part for part, _ in done.prepared] != list(parts):
                return Preparation(given_up="the backend prepared other labels than it was told to")
            return done

        try:
            return self._transaction.commit_by(commit, asked.tables, prepares)
        except (CommitUnsettled, InDoubt, LeadershipLost):
            raise
        except SinkError as error:
            if lost:
                raise BackendLost(lost[0].message) from error
            raise

    def close(self) -> None:
        self._transaction.rollback()


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What commits need here. ``committing`` makes what one task's rows go into."""

    sink: BatchSink
    reject_log: RejectLog
    clock: Clock
    committing: Callable[[Task], Committing]


@dataclass(slots=True)
class Desk:
    """One task. Used by the thread of its slot."""

    owner: Owner
    task: Task
    control: TaskControl
    _committing: Committing = field(init=False)
    _rejects: str = ""
    _record: CommitRecord | None = None

    def __post_init__(self) -> None:
        self._committing = self.owner.committing(self.task)

    def serve(self, conversation: Conversation) -> TaskReport:
        """Until the task has ended. Raises what it failed with, and what interrupted it; nothing is visible then."""
        try:
            while True:
                said, payload = conversation.hear(self._patience())
                if isinstance(said, TaskEnded):
                    conversation.answer(Noted())
                    return self._report(said.report)
                if isinstance(said, TaskFailed):
                    conversation.answer(Noted())
                    raise self._failure(said.problem)
                conversation.answer(self._answered(conversation, said, payload))
        except (RoutineLoadError, Silence):
            if self._record is None:
                raise
            return self._report(None)  # what fails once the batch is visible does not make it undone
        finally:
            self._close()

    def _answered(self, conversation: Conversation, said: Said, payload: memoryview) -> Answer:
        """Raises what the sink raises, once the backend was told; what a missing table means the backend says."""
        try:
            return self._done(conversation, said, payload)
        except TaskCancelled:
            raise
        except RoutineLoadError as error:
            if isinstance(said, TableAsked):
                return Problem.of(error)
            if conversation.is_asked:
                conversation.answer(Problem.of(error))
            raise

    def _done(self, conversation: Conversation, said: Said, payload: memoryview) -> Answer:
        match said:
            case TableAsked(ref=ref):
                return self.owner.sink.table(ref)
            case RowsSent(table=table, mode=mode):
                with pa.ipc.open_stream(pa.py_buffer(payload)) as stream:
                    return self._committing.take(TableBatch(table, stream.read_all(), mode))
            case RejectsSent(id=opaque_id, offset=offset):
                self._rejects = self.owner.reject_log.adopt(opaque_id, offset, payload)
                return Noted()
            case CommitAsked():
                return Committed(record=self._commit(conversation, said))
            case PartsPrepared() | TaskEnded() | TaskFailed():
                raise BrokenInvariant(f"a backend said {type(said).__name__} where it was not asked for it")

    def _commit(self, conversation: Conversation, asked: CommitAsked) -> CommitRecord:
        task, rejected = self.task, self.owner.reject_log
        if {each.partition: each.start for each in asked.ranges} != dict(task.start):
            raise BrokenInvariant(f"task {task.id} was to begin elsewhere than its backend says it did")
        if asked.rejects != self._rejects:
            raise BrokenInvariant(f"task {task.id} counts rejected rows that its backend did not send")
        rejected.make_durable(self._rejects)
        if not self.control.enter_commit():
            raise TaskCancelled
        commit = Commit(
            task_id=task.id,
            ranges=asked.ranges,
            counts=asked.counts,
            timestamps_ms=asked.timestamps_ms,
            rejects=asked.rejects,
            execute_ms=asked.execute_ms,
            first_error=asked.first_error,
            txn_id=task.txn_id,
        )
        failpoint("backend.commit.before")
        try:
            record = self._record = self._committing.commit(commit, asked, conversation)
        except (CommitUnsettled, InDoubt):
            self._rejects = ""  # the file is wanted as soon as the commit has gone through
            raise
        failpoint("backend.commit.after")
        self._rejects = ""
        rejected.publish(record.rejects)
        return record

    def _patience(self) -> Deadline | None:
        return None if self._record is None else Deadline.after(_LAST_WORD_S, self.owner.clock)

    def _report(self, said: TaskReport | None) -> TaskReport:
        """What the backend says of its positions; of a commit what was committed here."""
        record = self._record
        if record is None:
            assert said is not None
            if said.outcome is TaskOutcome.COMMITTED or (
                said.outcome is TaskOutcome.NOTHING and dict(said.positions) != dict(self.task.start)
            ):
                raise BrokenInvariant(f"task {self.task.id} speaks of a commit that there was not")
            return said
        return TaskReport(
            outcome=TaskOutcome.COMMITTED,
            positions={each.partition: each.end for each in record.ranges},
            caught_up=said.caught_up if said is not None else False,
            held_back=said.held_back if said is not None else False,
            record=record,
        )

    def _failure(self, problem: Problem) -> RoutineLoadError:
        error = problem.error()
        if isinstance(error, LoadRejected) and self._rejects and error.rejects == self._rejects:
            self.owner.reject_log.make_durable(self._rejects)
            self.owner.reject_log.keep_refused(self._rejects)
            self._rejects = ""
        return error

    def _close(self) -> None:
        try:
            self._committing.close()
        finally:
            if self._rejects:
                self.owner.reject_log.give_up(self._rejects)
