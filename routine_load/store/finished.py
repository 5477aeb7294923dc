"""Records of batches that this program itself has finished, for booking them without asking the database.

While a coordinator leads nobody else finishes batches, so that the newest records of a job that was read once are known
here. Invariants: what is told is what the database would tell; a job of which a batch is being finished, or of which
one ended with an error, is told nothing of until it was read again. Bounded. Refuses to know the database.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from routine_load.commit.values import CommitRecord
from routine_load.ids import JobId

JOBS_MAX: Final = 20_000
RECORDS_MAX: Final = 8

_Records = list[CommitRecord]


@dataclass(slots=True)
class _Known:
    """All records beyond ``since``; None: nobody knows. ``changes`` counts what began, ended or was forgotten: whoever
    read meanwhile may have missed it. ``doubtful``: the last finish ended with an error, and its commit may still be
    under way in the database; the next one that ends well has waited for it there, as both lock the job's progress.
    """

    since: int | None = None
    records: _Records = field(default_factory=list)
    open: int = 0
    changes: int = 0
    doubtful: bool = False

    def begin_anew(self) -> None:
        self.since = None
        self.records.clear()
        self.changes += 1

    def trim(self) -> None:
        if self.since is not None and len(self.records) > RECORDS_MAX:
            gone = len(self.records) - RECORDS_MAX
            self.since = self.records[gone - 1].sequence
            del self.records[:gone]


@dataclass(slots=True)
class FinishedRecords:
    """Thread-safe."""

    _jobs: dict[JobId, _Known] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def finishing(self, job_id: JobId) -> Iterator[Callable[[CommitRecord], None]]:
        """Around the transaction that finishes a batch; the record of one that is durable is handed over inside."""
        finished: _Records = []
        with self._lock:
            known = self._of(job_id)
            known.open += 1
            known.changes += 1
        try:
            yield finished.append
        except BaseException:
            with self._lock:
                known.open -= 1
                known.doubtful = True
                known.begin_anew()
            raise
        with self._lock:
            known.open -= 1
            known.changes += 1
            known.doubtful = False
            if known.since is not None:
                for record in finished:
                    bisect.insort(known.records, record, key=_sequence)
                known.trim()

    def after(self, job_id: JobId, sequence: int, read: Callable[[], _Records]) -> _Records:
        """Records of a job beyond a sequence; ``read`` asks the database for them."""
        with self._lock:
            known = self._of(job_id)
            if not known.open and known.since is not None and known.since <= sequence:
                # whoever asks has what was before
                known.since = sequence
                known.records = [record for record in known.records if record.sequence > sequence]
                return list(known.records)
            changes = known.changes
        records = read()
        with self._lock:
            if not known.open and not known.doubtful and known.changes == changes:
                known.since, known.records = sequence, list(records)
                known.trim()
        return records

    def forget(self, job_id: JobId) -> None:
        """The job and its progress are gone, in a transaction that has waited for every other one of it."""
        with self._lock:
            known = self._jobs.get(job_id)
            if known is not None:
                known.begin_anew()
                if not known.open:
                    del self._jobs[job_id]

    def _of(self, job_id: JobId) -> _Known:
        known = self._jobs.get(job_id)
        if known is None:
            if len(self._jobs) >= JOBS_MAX:
                self._drop_all()
            known = self._jobs[job_id] = _Known()
        return known

    def _drop_all(self) -> None:
        """Those stay of which a batch is being finished, or may be: what is read now may lack it."""
        self._jobs = {job_id: known for job_id, known in self._jobs.items() if known.open or known.doubtful}


def _sequence(record: CommitRecord) -> int:
    return record.sequence
