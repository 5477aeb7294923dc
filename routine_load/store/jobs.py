"""Jobs in the metadata database.

Owns ids, uniqueness of live names and the version check. Jobs are values: reading gives a record, saving compares its
version. Refuses to know why a job changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from routine_load.errors import JobExists, JobNotFound, StaleVersion
from routine_load.ids import JobId
from routine_load.jobs.job import Job
from routine_load.jobs.record import definition_text, read_definition, read_job, record_text
from routine_load.jobs.versions import JobVersion, Revision, first_version
from routine_load.store.database import Database
from routine_load.store.lease import NEWEST_EPOCH, Fence, asks_inside
from routine_load.store.secrets import SecretBox
from routine_load.store.tables import jobs
from routine_load.store.versions import keep_version, read_versions

ATTEMPTS_MAX: Final = 20
CACHED_MAX: Final = 20_000
_CHUNK: Final = 500
_STRIPES: Final = 64

_Jobs = list[Job]
_Versions = list[JobVersion]

_FULL = (jobs.c.id, jobs.c.version, jobs.c.definition, jobs.c.record)

_BOUND: Final[dict[str, Any]] = {
    "live_name": sa.bindparam("l"),
    "state": sa.bindparam("s"),
    "record": sa.bindparam("r"),
    "version": jobs.c.version + 1,
}
_SAVE: Final = sa.update(jobs).where(jobs.c.id == sa.bindparam("i"), jobs.c.version == sa.bindparam("v")).values(_BOUND)
_SAVE_ALL: Final = _SAVE.values(definition=sa.bindparam("d"))
_IS_NEWEST: Final = sa.bindparam("e") == NEWEST_EPOCH
_SAVE_IF_NEWEST: Final = _SAVE.where(_IS_NEWEST)
_SAVE_ALL_IF_NEWEST: Final = _SAVE_ALL.where(_IS_NEWEST)


class JobStore:
    """Repository of jobs. Thread-safe.

    Jobs that were read are kept by id and version: a list of a thousand jobs asks the database for their versions only
    and reads those that changed.
    """

    def __init__(self, database: Database, secrets: SecretBox, fence: Fence | None = None) -> None:
        self._database = database
        self._secrets = secrets
        self._fence = fence or Fence()
        self._cache: dict[JobId, Job] = {}
        self.saved: Callable[[Job, Job], None] = lambda _before, _after: None
        """Told of each change that was saved; must be quick and not fail."""
        # changes of one job wait for each other, which is cheaper than a refused version; those of others do not
        self._changing = tuple(threading.RLock() for _ in range(_STRIPES))

    # -- reading -------------------------------------------------------------

    def get(self, job_id: JobId) -> Job | None:
        """None for a job that is not there."""
        found = self._read(jobs.c.id == job_id)
        return found[0] if found else None

    def live(self, database: str, name: str) -> Job | None:
        """The job of that name that is not final, if there is one."""
        found = self._read(sa.and_(jobs.c.database_name == database, jobs.c.live_name == name))
        return found[0] if found else None

    def find(self, database: str | None, name: str, *, include_final: bool = False) -> _Jobs:
        """Jobs of that name, of one database or of all: live ones first, then history, newest first."""
        condition = (jobs.c.name if include_final else jobs.c.live_name) == name
        if database is not None:
            condition = sa.and_(jobs.c.database_name == database, condition)
        found = self._read(condition)
        return sorted(found, key=lambda job: (job.state.is_final, -job.id))

    def all_live(self) -> _Jobs:
        """Jobs of every database that are not final, by id."""
        return self._read(jobs.c.live_name.is_not(None))

    def list(self, database: str | None = None, *, include_final: bool = True) -> _Jobs:
        """Jobs of one database, or of all, by id."""
        conditions: list[sa.ColumnElement[bool]] = []
        if database is not None:
            conditions.append(jobs.c.database_name == database)
        if not include_final:
            conditions.append(jobs.c.live_name.is_not(None))
        return self._read(sa.and_(sa.true(), *conditions))

    def versions(self, job: Job) -> _Versions:
        """What the job has been, oldest first; the last is what it is now."""
        with self._database.reading() as connection:
            kept = read_versions(connection, job.id, self._secrets)
        return kept or [first_version(job)]

    def final(self) -> _Jobs:
        """Jobs of every database that have ended, by id."""
        return self._read(jobs.c.live_name.is_(None))

    def count(self) -> int:
        """Jobs of every database, those that have ended too."""
        with self._database.reading() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(jobs)).scalar_one())

    def _read(self, condition: sa.ColumnElement[bool]) -> _Jobs:
        with self._database.reading() as connection:
            present = connection.execute(sa.select(jobs.c.id, jobs.c.version).where(condition).order_by(jobs.c.id))
            wanted = [(JobId(job_id), version) for job_id, version in present]
            known = {job_id: self._cache.get(job_id) for job_id, _ in wanted}
            fresh = {
                job_id: job
                for (job_id, version) in wanted
                if (job := known[job_id]) is not None and job.version == version
            }
            missing = [job_id for job_id, _ in wanted if job_id not in fresh]
            rows: list[sa.Row[Any]] = []
            for start in range(0, len(missing), _CHUNK):
                chunk = missing[start : start + _CHUNK]
                rows += connection.execute(sa.select(*_FULL).where(jobs.c.id.in_(chunk)))
        for row in rows:
            job = self._parsed(row)
            fresh[job.id] = job
            self._remember(job)
        return [fresh[job_id] for job_id, _ in wanted]

    def _parsed(self, row: sa.Row[Any]) -> Job:
        definition = read_definition(row.definition, self._secrets.unseal)
        return read_job(JobId(row.id), row.version, definition, row.record)

    def _remember(self, job: Job) -> None:
        """The newest version wins, whichever thread comes last."""
        known = self._cache.get(job.id)
        if known is not None and known.version > job.version:
            return
        if known is None and len(self._cache) >= CACHED_MAX:
            self._cache.clear()
        self._cache[job.id] = job

    # -- writing -------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """Invariant: only the leader changes jobs. Raises LeadershipLost."""
        with self._database.writing() as connection:
            self._fence.check(connection)
            yield connection

    def insert(self, job: Job) -> Job:
        """Keep a new job and give it an id. Raises JobExists.

        Invariant: one live job per name and database; checked here for the message, and by a unique constraint.
        """
        definition = job.definition
        taken = f"Name {definition.name} already used in db {definition.database}"
        mine = sa.and_(jobs.c.database_name == definition.database, jobs.c.live_name == definition.name)
        values = {
            "database_name": definition.database,
            "name": definition.name,
            "live_name": _live_name(job),
            "state": job.state.value,
            "definition": definition_text(definition, self._secrets.seal),
            "record": record_text(job),
            "version": 1,
        }
        with self._writing() as connection:
            if connection.execute(sa.select(jobs.c.id).where(mine)).first() is not None:
                raise JobExists(taken)
            try:
                key = connection.execute(sa.insert(jobs).values(values)).inserted_primary_key
            except IntegrityError as cause:
                raise JobExists(taken) from cause
        assert key is not None
        inserted = replace(job, id=JobId(key[0]), version=1)
        self._remember(inserted)
        return inserted

    def save(self, job: Job) -> Job:
        """Keep a changed job; returns it with its new version. Raises StaleVersion.

        Invariant: an UPDATE names the version it was computed from, so that no change is lost.
        """
        with self._database.stating() as connection:
            self._update(connection, job)
        return self._saved(job)

    def _save(self, job: Job, also: Callable[[sa.Connection], None]) -> Job:
        with self._database.writing() as connection:
            self._update(connection, job)
            also(connection)
        return self._saved(job)

    def _update(self, connection: sa.Connection, job: Job) -> None:
        """One statement, which asks for the epoch where the database lets it. Raises LeadershipLost, StaleVersion."""
        values: dict[str, Any] = {
            "i": job.id,
            "v": job.version,
            "l": _live_name(job),
            "s": job.state.value,
            "r": record_text(job),
        }
        epoch = self._fence.epoch
        asks = epoch is not None and asks_inside(connection)
        if asks:
            values["e"] = epoch
        else:
            self._fence.check(connection)
        if self._knows_definition(job):
            statement = _SAVE_IF_NEWEST if asks else _SAVE
        else:
            statement = _SAVE_ALL_IF_NEWEST if asks else _SAVE_ALL
            values["d"] = definition_text(job.definition, self._secrets.seal)
        if connection.execute(statement, values).rowcount != 1:
            self._fence.check(connection)
            raise StaleVersion(
                f"routine load job {job.database}.{job.name} was changed meanwhile (version {job.version} is old)"
            )

    def _knows_definition(self, job: Job) -> bool:
        """Whether the database has it: it is that of the version which the change was computed from."""
        known = self._cache.get(job.id)
        if known is None or known.version != job.version:
            return False
        return known.definition is job.definition or known.definition == job.definition

    def _saved(self, job: Job) -> Job:
        saved = replace(job, version=job.version + 1)
        self._remember(saved)
        return saved

    def modify(self, job_id: JobId, change: Callable[[Job], Job]) -> Job:
        """Apply a pure change to the newest version and keep it; tried again when another process was faster.

        Nothing is written where ``change`` gives the job back as it was. Raises what ``change`` raises, JobNotFound,
        and StaleVersion after too many attempts.
        """
        return self._modify(job_id, change, lambda _before, after: self.save(after))

    def modify_all(self, job_ids: Sequence[JobId], change: Callable[[Job], Job]) -> _Jobs:
        """``modify`` of several jobs, written in one transaction; what somebody else changed meanwhile is tried alone.

        Raises what ``change`` raises, before any is written, and JobNotFound.
        """
        newest = {job.id: job for job in self._read(jobs.c.id.in_(list(job_ids)))}
        done: dict[JobId, Job] = {}
        written: _Jobs = []
        changes = [(job, change(job)) for job in newest.values()]
        with self._database.writing() as connection:
            for before, after in changes:
                assert (before.id, before.version) == (after.id, after.version)
                if after is before:
                    done[before.id] = before
                    continue
                with suppress(StaleVersion):
                    self._update(connection, after)
                    written.append(after)
        for job in written:
            done[job.id] = self._saved(job)
            self.saved(newest[job.id], done[job.id])
        return [done[job_id] if job_id in done else self.modify(job_id, change) for job_id in job_ids]

    def revise(self, job_id: JobId, change: Callable[[Job], Job], revision: Revision) -> Job:
        """``modify`` that keeps the definition before it, in the same transaction: both are written, or neither."""

        def write(before: Job, after: Job) -> Job:
            return self._save(after, lambda c: keep_version(c, before, after, revision, self._secrets))

        return self._modify(job_id, change, write)

    def delete_final(self, job_id: JobId) -> None:
        """Forget a job that has ended, with all its versions. Invariant: a job that lives is never deleted."""
        with self._writing() as connection:
            connection.execute(sa.delete(jobs).where(jobs.c.id == job_id, jobs.c.live_name.is_(None)))
        self._cache.pop(job_id, None)

    def _modify(self, job_id: JobId, change: Callable[[Job], Job], write: Callable[[Job, Job], Job]) -> Job:
        with self._changing[job_id % _STRIPES]:
            if (saved := self._guessed(job_id, change, write)) is not None:
                return saved
            for attempt in range(1, ATTEMPTS_MAX):
                current = self.get(job_id)
                if current is None:
                    raise JobNotFound(f"there is no routine load job with id {job_id}")
                changed = change(current)
                if changed is current:
                    return current
                try:
                    return self._written(current, changed, write)
                except StaleVersion:
                    if attempt + 1 == ATTEMPTS_MAX:
                        raise
        raise AssertionError("unreachable: the loop returns or raises")  # pragma: no cover

    def _guessed(self, job_id: JobId, change: Callable[[Job], Job], write: Callable[[Job, Job], Job]) -> Job | None:
        """The version that was seen last is the newest one nearly always, and whoever saves it is told if not.

        None: it was not. What follows without a save counts only if it was: that is asked.
        """
        current = self._cache.get(job_id)
        if current is None:
            return None
        try:
            changed = change(current)
        except Exception:
            if self.get(job_id) is current:
                raise
            return None
        if changed is current:
            return current if self.get(job_id) is current else None
        try:
            return self._written(current, changed, write)
        except StaleVersion:
            return None

    def _written(self, current: Job, changed: Job, write: Callable[[Job, Job], Job]) -> Job:
        assert (changed.id, changed.version) == (current.id, current.version)
        saved = write(current, changed)
        self.saved(current, saved)
        return saved


def _live_name(job: Job) -> str | None:
    return None if job.state.is_final else job.name
