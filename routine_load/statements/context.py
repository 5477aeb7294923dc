"""What every statement handler works with, and the look-ups they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from routine_load.clock import Clock
from routine_load.commit.values import CommitRecord
from routine_load.config import Settings
from routine_load.errors import AnalysisError, JobNotFound, NoDatabaseSelected, UnknownDatabase
from routine_load.ids import Compat, JobId, TableRef
from routine_load.jobs.job import Job
from routine_load.jobs.versions import JobVersion, Revision
from routine_load.loads.history import LoadHistory
from routine_load.loads.ports import Sink
from routine_load.loads.values import LoadCompiler
from routine_load.scheduler.ports import KafkaMetadata
from routine_load.scheduler.scheduler import Scheduler
from routine_load.sql.statements import JobName
from routine_load.sql.system_tables import Viewer
from routine_load.statements.ports import Engine, FrontendConfigs, Session


class JobRecords(Protocol):
    """The store of jobs, as statements need it."""

    def insert(self, job: Job) -> Job:
        """Give the job its id. Raises JobExists where a live job of the database has the name."""
        ...

    def get(self, job_id: JobId) -> Job | None: ...

    def live(self, database: str, name: str) -> Job | None: ...

    def find(self, database: str, name: str, *, include_final: bool) -> Sequence[Job]: ...

    def list(self, database: str | None, *, include_final: bool) -> Sequence[Job]: ...

    def all_live(self) -> Sequence[Job]: ...

    def modify(self, job_id: JobId, change: Callable[[Job], Job]) -> Job: ...

    def revise(self, job_id: JobId, change: Callable[[Job], Job], revision: Revision) -> Job:
        """``modify`` that keeps the definition before it as a version, in the same transaction."""
        ...

    def versions(self, job: Job) -> Sequence[JobVersion]:
        """What the job has been, oldest first; the last is what it is now."""
        ...


class UserRecords(Protocol):
    """The store of users, as statements need it. Raises ExecutionError for a user that exists, or does not."""

    def create_user(self, user: str, password: str, *, if_not_exists: bool) -> None: ...

    def drop_user(self, user: str, *, if_exists: bool) -> None: ...

    def set_password(self, user: str, password: str) -> None: ...


class CommitLog(Protocol):
    """The sink's own memory of commits, which survives this process."""

    def recent_commits(self, jobs: Sequence[JobId], limit: int) -> list[CommitRecord]:
        """The newest records of these jobs, the newest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLoads:
    """Where loads are remembered. ``error_lines`` renders a file of rejected rows; FileNotFoundError: it is gone."""

    history: LoadHistory
    commits: CommitLog
    error_lines: Callable[[str], Iterator[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The parts that handlers act on; ``app`` puts them together."""

    settings: Settings
    engine: Engine
    sink: Sink
    jobs: JobRecords
    users: UserRecords
    metadata: KafkaMetadata
    compiler: LoadCompiler
    scheduler: Scheduler
    check_client_properties: Callable[[str, tuple[tuple[str, str], ...]], None]
    clock: Clock
    frontend_config: FrontendConfigs
    error_log_url: Callable[[str], str]
    http_address: Callable[[], tuple[str, int]]
    mysql_address: Callable[[], tuple[str, int]]
    processes: Callable[[], list[tuple[Session, datetime, str | None]]]
    loads: KnownLoads

    @staticmethod
    def visible(viewer: Viewer, table: TableRef) -> bool:
        """Whether a user may know of a table and of the loads into it; ``table.table`` is empty for many tables."""
        return viewer.rights.sees(table.database, table.table)

    def database(self, named: str | None, session: Session) -> str:
        """The database a statement means. Raises NoDatabaseSelected or UnknownDatabase."""
        database = named or session.database
        if not database:
            raise NoDatabaseSelected("No database selected")
        if not self.engine.has_database(database):
            raise UnknownDatabase(f"Unknown database '{database}'")
        return database

    def live_job(self, name: JobName, session: Session) -> Job:
        """The job a name refers to: the first that is not final (StarRocks, Doris: look-up of names)."""
        job = self.jobs.live(self.database(name.database, session), name.name)
        if job is None:
            if session.compat is Compat.DORIS:
                raise JobNotFound(f"There is not operable routine load job with name {name.name}")
            raise _NotFoundStarRocks(f"Routine load job [{name.name}] not found when checking privilege")
        return job


class _NotFoundStarRocks(JobNotFound, AnalysisError):
    """StarRocks frames a missing job as an analysis error."""

    errno = 5089
    sqlstate = "42000"

    def framed(self, compat: Compat) -> str:
        return AnalysisError.framed(self, compat)
