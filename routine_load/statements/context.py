"""What every statement handler works with, and the look-ups they share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from routine_load.backends.remote import RemoteBackends
from routine_load.clock import Clock, Deadline
from routine_load.commit.values import CommitRecord
from routine_load.config import Settings
from routine_load.errors import AnalysisError, JobNotFound, NoDatabaseSelected, UnknownDatabase
from routine_load.ids import Compat, JobId, TableRef
from routine_load.jobs.job import Job
from routine_load.jobs.small_files import NewFile, SmallFile
from routine_load.jobs.versions import JobVersion, Revision
from routine_load.loads.history import LoadHistory
from routine_load.loads.ports import Sink
from routine_load.loads.transactions import Transactions
from routine_load.loads.values import LoadCompiler
from routine_load.scheduler.ports import KafkaMetadata, ResolveFiles
from routine_load.scheduler.scheduler import Scheduler
from routine_load.sql.privileges import Privilege
from routine_load.sql.statements import JobName
from routine_load.sql.system_tables import Viewer
from routine_load.statements.leaders import Company
from routine_load.statements.ports import Engine, FrontendConfigs, Session
from routine_load.statements.privileges import Privileges


class JobRecords(Protocol):
    """The store of jobs, as statements need it."""

    def insert(self, job: Job) -> Job:
        """Give the job its id. Raises JobExists where a live job of the database has the name."""
        ...

    def get(self, job_id: JobId) -> Job | None: ...

    def live(self, database: str, name: str) -> Job | None: ...

    def find(self, database: str | None, name: str, *, include_final: bool) -> Sequence[Job]: ...

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

    def has_password(self, user: str) -> bool: ...

    def names(self) -> list[str]: ...


class CommitLog(Protocol):
    """The sink's own memory of commits, which survives this process."""

    def recent_commits(self, jobs: Sequence[JobId], limit: int) -> list[CommitRecord]:
        """The newest records of these jobs, the newest first."""
        ...


class RecordFiles(Protocol):
    """StarRocks: text files of rejected rows that a load asked for."""

    def write_records(self, opaque_id: str, rows_max: int) -> str: ...

    def records_path(self, opaque_id: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLoads:
    """Where loads are remembered. ``error_lines`` renders a file of rejected rows; FileNotFoundError: it is gone."""

    history: LoadHistory
    commits: CommitLog
    error_lines: Callable[[str], Iterator[str]]
    record_files: RecordFiles


class SmallFileRecords(Protocol):
    """The store of small files, as statements need it. Raises ExecutionError in the vendors' words."""

    def check(self, file: NewFile, files_max: int) -> None:
        """Raises where the file could not be made, whatever its content."""
        ...

    def create(self, new: NewFile, files_max: int) -> SmallFile: ...

    def drop(self, database: str, catalog: str, name: str) -> None: ...

    def list(self, database: str) -> Sequence[SmallFile]: ...

    def forget(self, databases: Collection[str]) -> None:
        """Remove the files of databases that were dropped."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileParts:
    """Where small files are kept, how a content is fetched (url, most bytes), and what a job's ``FILE:`` values are."""

    records: SmallFileRecords
    fetch: Callable[[str, int], bytes]
    resolve: ResolveFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The parts that handlers act on; ``app`` puts them together.

    ``check_client_properties`` takes a job's database, its brokers and its ``property.*``.
    """

    settings: Settings
    engine: Engine
    sink: Sink
    jobs: JobRecords
    users: UserRecords
    privileges: Privileges
    metadata: KafkaMetadata
    compiler: LoadCompiler
    scheduler: Scheduler
    check_client_properties: Callable[[str, str, tuple[tuple[str, str], ...]], None]
    clock: Clock
    frontend_config: FrontendConfigs
    error_log_url: Callable[[str], str]
    http_address: Callable[[], tuple[str, int]]
    backend_http_address: Callable[[], tuple[str, int]]
    mysql_address: Callable[[], tuple[str, int]]
    processes: Callable[[], list[tuple[Session, datetime, str | None]]]
    loads: KnownLoads
    transactions: Transactions
    files: FileParts
    company: Company | None = None
    """The other coordinators of this metadata; None where there can be none."""
    elsewhere: RemoteBackends | None = None
    """Backends in other processes; None where there can be none."""

    @staticmethod
    def visible(viewer: Viewer, table: TableRef) -> bool:
        """Whether a user may know of the loads into a table; ``table.table`` is empty for many tables.

        StarRocks: INSERT on it. Doris: LOAD, on the database for a job of many tables.
        """
        return viewer.rights.has(Privilege.INSERT, table.database, table.table)

    def visible_jobs(self, viewer: Viewer, jobs: Sequence[Job]) -> list[Job]:
        """SHOW leaves the others out silently (StarRocks, Doris)."""
        return [job for job in jobs if self.visible(viewer, TableRef(job.database, job.definition.table or ""))]

    def database(self, named: str | None, session: Session) -> str:
        """The database a statement means. Raises NoDatabaseSelected or UnknownDatabase."""
        database = named or session.database
        if not database:
            raise NoDatabaseSelected("No database selected")
        if not self.engine.has_database(database):
            raise UnknownDatabase(f"Unknown database '{database}'")
        return database

    def kafka_deadline(self, compat: Compat) -> Deadline:
        """By when Kafka has to answer a question about a topic: what the front end allows, and what ``Settings`` do."""
        return Deadline.after(
            min(self.settings.kafka_timeout_s, self.frontend_config(compat).kafka_timeout_s(compat)), self.clock
        )

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
