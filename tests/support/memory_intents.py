"""A log of intents in memory (``commit.intents.IntentLog``), trusted because it passes the contract of the real one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from routine_load.commit.intents import Intent, part_label
from routine_load.commit.labels import Part
from routine_load.commit.protocol import IntentState
from routine_load.commit.values import CommitRecord
from routine_load.errors import CommitUnsettled, LeadershipLost, StaleRange
from routine_load.ids import JobId, Label, PartitionId


@dataclass
class Kept:
    """What outlives the processes that use it."""

    epoch: int = 0
    sequence: int = 0
    labels: Counter[JobId] = field(default_factory=Counter)
    intents: dict[Label, Intent] = field(default_factory=dict)
    standing: dict[JobId, dict[PartitionId, int]] = field(default_factory=dict)

    def open_labels(self, job_id: JobId) -> dict[PartitionId, Label]:
        mine = [i for i in self.intents.values() if i.job_id == job_id and i.state.is_open]
        return {moved.partition: intent.label for intent in mine for moved in intent.record.ranges}


class MemoryIntents:
    """``kept`` as one process sees it: making one makes it the newest."""

    def __init__(self, kept: Kept, cluster: str = "rl", now_ms: Callable[[], int] = lambda: 0) -> None:
        self.kept, self._now_ms, self._cluster = kept, now_ms, cluster
        kept.epoch += 1
        self.epoch = kept.epoch

    def _fence(self) -> Kept:
        if self.kept.epoch != self.epoch:
            raise LeadershipLost(f"another coordinator commits now: its epoch is {self.kept.epoch}, mine {self.epoch}")
        return self.kept

    def _labelled(self, record: CommitRecord) -> CommitRecord:
        kept, job_id = self._fence(), record.job_id
        standing, opened = kept.standing.get(job_id, {}), kept.open_labels(job_id)
        if any(standing.get(r.partition) != r.start or r.partition in opened for r in record.ranges):
            raise StaleRange(f"Job {job_id}: progress is no longer where the batch starts")
        kept.labels[job_id] += 1
        return replace(record, label=Label(f"{self._cluster}-{job_id}-{kept.labels[job_id]}"), sequence=0)

    def intend(self, record, tables) -> Intent:
        record = self._labelled(record)
        parts = tuple(Part(table, part_label(record.label, n)) for n, table in enumerate(tables))
        intent = Intent(record=record, parts=parts, state=IntentState.INTENDED)
        self.kept.intents[record.label] = intent
        return intent

    def finish_without_target(self, record) -> CommitRecord:
        record = self._labelled(record)
        return self._finished(Intent(record=record, parts=(), state=IntentState.FINISHED))

    def _same(self, intent: Intent) -> Intent | None:
        now = self._fence().intents.get(intent.label)
        return now if now is not None and now.state is intent.state else None

    def decide(self, intent, report) -> bool:
        now = self._same(intent)
        if now is None:
            return False
        record = replace(now.record, counts=report.counts, first_error=now.record.first_error or report.first_error)
        changed = replace(now, state=IntentState.DECIDED, record=record, parts=report.parts, was_decided=True)
        self.kept.intents[intent.label] = changed
        return True

    def move(self, intent, to, reason) -> bool:
        now = self._same(intent)
        if now is not None:
            self.kept.intents[intent.label] = replace(now, state=to, reason=reason)
        return now is not None

    def finish(self, intent, report=None) -> CommitRecord | None:
        now = self._same(intent)
        if now is None:
            return None
        record = now.record
        if report is not None:
            record = replace(record, counts=report.counts, first_error=record.first_error or report.first_error)
        return self._finished(replace(now, state=IntentState.FINISHED, record=record))

    def _finished(self, intent: Intent) -> CommitRecord:
        kept = self.kept
        kept.sequence += 1
        record = replace(intent.record, sequence=kept.sequence, committed_at_ms=self._now_ms())
        kept.intents[record.label] = replace(intent, record=record)
        kept.standing[record.job_id] |= {moved.partition: moved.end for moved in record.ranges}
        return record

    def find(self, label) -> Intent | None:
        return self.kept.intents.get(label)

    def open_intents(self, job_id=None) -> list[Intent]:
        return [i for i in self.kept.intents.values() if i.state.is_open and job_id in {None, i.job_id}]

    def abandoned(self, limit) -> list[Intent]:
        return [i for i in reversed(self.kept.intents.values()) if i.state is IntentState.ABANDONED][:limit]

    def progress(self, job_id) -> dict[PartitionId, int]:
        return dict(self.kept.standing.get(job_id, {}))

    def place(self, job_id, offsets, *, only=False) -> None:
        kept = self._fence()
        if opened := kept.open_labels(job_id):
            raise CommitUnsettled(f"the progress of job {job_id} cannot be set: label {min(opened.values())} is open")
        kept.standing[job_id] = ({} if only else kept.standing.get(job_id, {})) | dict(offsets)

    def records_after(self, job_id, sequence) -> list[CommitRecord]:
        return sorted((r for r in self._records() if r.job_id == job_id and r.sequence > sequence), key=_sequence)

    def recent_records(self, jobs, limit) -> list[CommitRecord]:
        return sorted((r for r in self._records() if r.job_id in jobs), key=_sequence, reverse=True)[:limit]

    def _records(self) -> list[CommitRecord]:
        return [i.record for i in self.kept.intents.values() if i.state is IntentState.FINISHED]

    def forget_records(self, job_id, up_to_sequence) -> None:
        self._fence()

    def forget_job(self, job_id) -> None:
        kept = self._fence()
        mine = [i for i in kept.intents.values() if i.job_id == job_id]
        decided = [i for i in mine if i.state is IntentState.DECIDED]
        for intent in mine:
            if intent not in decided:
                del kept.intents[intent.label]
        waiting = {moved.partition for intent in decided for moved in intent.record.ranges}
        standing = kept.standing.pop(job_id, {})
        if left := {p: offset for p, offset in standing.items() if p in waiting}:
            kept.standing[job_id] = left

    def skip_labels(self, job_id) -> None:
        self._fence().labels[job_id] += 1_000_000


def _sequence(record: CommitRecord) -> int:
    return record.sequence
