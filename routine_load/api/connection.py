"""``connect`` and what it gives."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from routine_load.api import wording
from routine_load.api.address import Address
from routine_load.api.doors import Client, Door, EmbeddedDoor
from routine_load.api.job import Job, goal_of
from routine_load.api.leaving import at_the_end, forget
from routine_load.api.looking import Looking
from routine_load.api.remote import RemoteDoor
from routine_load.api.rows import Rows
from routine_load.api.sessions import Sessions
from routine_load.api.status import JobState, read_job
from routine_load.api.wording import Clauses, Offsets, Values
from routine_load.errors import NoDatabaseSelected, PropertyError, RoutineLoadError
from routine_load.ids import Compat
from routine_load.sql.literals import quote_name
from routine_load.sql.results import Ok, Result, ResultTable
from routine_load.sql.statements import JobName

if TYPE_CHECKING:
    from routine_load.api.moving_choices import Choices
    from routine_load.api.moving_values import ExportedJob, MovedReport

_SYSTEM: Final = frozenset({"information_schema", "mysql", "sys", "_statistics_", "__internal_schema"})


def connect(
    path: str | Path | None = None,
    *,
    url: str | None = None,
    compat: str | Compat | None = None,
    database: str | None = None,
    **settings: object,
) -> Connection:
    """Start a coordinator in this process, or reach one that runs elsewhere.

    ``path`` is the data directory; without it everything lives in a temporary one that goes at ``close``. One process
    owns a directory. No port is opened unless ``mysql_port`` or ``http_port`` is given (0: any free one; ``ports``
    tells which). ``settings`` are the other fields of ``routine_load.config.Settings``.

    ``url`` is ``mysql://[user[:password]@]host[:port][/database][?option=value]`` of a running service; then neither
    ``path`` nor settings are given. Characters such as ``@ / ? # %`` in user and password are written as ``%40 %2F %3F
    %23 %25`` (``urllib.parse.quote``). Options: ``ssl`` (disabled, preferred, required, verify_ca, verify_identity),
    ``ssl_ca``, ``ssl_cert``, ``ssl_key``, ``connect_timeout`` and ``read_timeout`` in seconds.

    ``compat`` is ``starrocks`` or ``doris``; embedded ``starrocks``, with a url the service's own, unless it is given.
    ``database`` is the current database of every thread's session at first.

    Raises RoutineLoadError: PropertyError naming the setting, DirectoryInUse, AccessDenied, UnknownDatabase,
    ConnectionLost where nobody answers.
    """
    chosen = _compat(compat)
    if url is not None:
        if path is not None or settings:
            given = ["path"] * (path is not None) + sorted(settings)
            raise PropertyError(f"{', '.join(given)}: not allowed with url, whose service has settings of its own")
        address = Address.of(url)
        return Connection(RemoteDoor(address, chosen), database or address.database)
    folder = None if path is None else Path(path)
    door = EmbeddedDoor(folder, settings if chosen is None else {"compat": chosen, **settings})
    return Connection(door, database)


def _compat(given: str | Compat | None) -> Compat | None:
    try:
        return None if given is None else Compat(given.lower())
    except (ValueError, AttributeError) as error:
        raise PropertyError(
            f"compat = {given!r} (given to connect) is not allowed; allowed: {' or '.join(Compat)}"
        ) from error


def _choices(jobs: Sequence[str], given: Mapping[str, Any]) -> Choices:
    from routine_load.api.moving_choices import Choices  # noqa: PLC0415 - only who moves jobs pays

    names = [each.name for each in fields(Choices)]
    if unknown := sorted(given.keys() - set(names)):
        raise PropertyError(f"{unknown[0]} is no choice; allowed: {', '.join(names)}")
    return Choices(**{"jobs": (jobs,) if isinstance(jobs, str) else tuple(jobs), **given})


class Connection:
    """A coordinator, in this process or elsewhere. ``connect`` makes it. Threads may share it.

    Each thread has a session of its own, like a MySQL client's, with its own current database and variables: what one
    thread USEs or SETs, another does not see, and none waits for another. A thread's session begins with the database
    that was given to ``connect`` and ends with the thread; at most 256 are open at a time.

    A context manager: leaving it closes it. What nobody closed is closed when the program ends.
    """

    def __init__(self, door: Door, database: str | None = None) -> None:
        self._door = door
        self._sessions = Sessions(door, database)
        self._looking = Looking(self._sessions)
        try:
            self._sessions.open_here()  # nobody there, no such database: said now, not at the first statement
        except BaseException:
            self.close()
            raise
        at_the_end(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Connection {'closed' if self._sessions.closing.is_set() else 'open'}, ports {self.ports}>"

    @property
    def ports(self) -> tuple[int | None, int | None]:
        """MySQL and HTTP port; None where that door is shut, or, behind a url, not known."""
        return self._door.ports

    # -- statements ----------------------------------------------------------

    def execute(self, sql: str, database: str | None = None) -> Result:
        """Run a statement, or several separated by ``;``, and return the last result.

        ``database`` becomes the current database of the calling thread first, as ``USE`` would. Raises
        RoutineLoadError, whose ``errno``, ``sqlstate`` and ``position`` are those a MySQL client would see. A statement
        is never sent twice: where the server goes away while it runs, ConnectionLost is raised, and whether it was
        carried out has to be looked up. The next call connects again.
        """
        results = self.results(sql, database)
        return results[-1] if results else Ok()

    def results(self, sql: str, database: str | None = None) -> list[Result]:
        """The results of all statements in ``sql``, in order. Otherwise like ``execute``."""
        return self._sessions.run(sql, database)

    def query(self, sql: str, database: str | None = None) -> Rows:
        """Run a statement that answers rows. Raises RoutineLoadError, also where there are no rows to answer."""
        result = self.execute(sql, database)
        if not isinstance(result, ResultTable):
            raise RoutineLoadError("this statement answers no rows; use execute")
        return Rows(result)

    def databases(self) -> list[str]:
        """Names of the databases, as SHOW DATABASES lists them."""
        return [str(row[0]) for row in self.query("SHOW DATABASES")]

    def tables(self, database: str | None = None) -> list[str]:
        """Names of a database's tables; of the current one where none is given. Raises NoDatabaseSelected."""
        return [str(row[0]) for row in self.query(f"SHOW TABLES FROM {quote_name(self._named(database))}")]

    # -- jobs ----------------------------------------------------------------

    def job(self, name: str) -> Job:
        """The job ``database.name``, the newest where several had the name; ``name`` alone is of the current database.

        Raises JobNotFound, UnknownDatabase, NoDatabaseSelected.
        """
        return Job(self._looking, self._looking.job(self._job_name(name)))

    def jobs(self, database: str | None = None, *, include_final: bool = False) -> list[Job]:
        """The jobs of a database, or of all, by id; with ``include_final`` also stopped and cancelled ones."""
        everything = "ALL " if include_final else ""
        databases = [database] if database is not None else [d for d in self.databases() if d.lower() not in _SYSTEM]
        found = [
            read_job(row)
            for each in databases
            for row in self._looking.rows(f"SHOW {everything}ROUTINE LOAD FROM {quote_name(each)}")
        ]
        return [Job(self._looking, status) for status in sorted(found, key=lambda status: status.id)]

    def create_routine_load(  # noqa: PLR0913 - one keyword a clause of the statement
        self,
        name: str,
        *,
        table: str | None,
        brokers: str,
        topic: str,
        columns: str | Sequence[str] | None = None,
        where: str | None = None,
        column_separator: str | None = None,
        offsets: Offsets | str | None = None,
        properties: Values | None = None,
        source: Values | None = None,
    ) -> Job:
        """CREATE ROUTINE LOAD, with every value quoted.

        ``columns`` and ``where`` are SQL, as they stand within ``COLUMNS (…)`` and after WHERE. ``offsets`` is where to
        begin: by partition, or for all of them ``"OFFSET_BEGINNING"`` or ``"OFFSET_END"`` (both vendors' default).
        ``properties`` are the job's, ``source`` further ones of FROM KAFKA (``property.group.id``, …). ``table`` None
        makes Doris' job for many tables. Clauses that have no keyword here: ``execute`` the statement.

        Raises what the statement raises: JobExists, PropertyError, UnknownTable, SourceUnavailable, …
        """
        job = self._job_name(name)
        placed = {"property.kafka_default_offsets": offsets} if isinstance(offsets, str) else {}
        clauses = Clauses(
            columns=columns,
            where=where,
            column_separator=column_separator,
            properties=properties or {},
            source={
                "kafka_broker_list": brokers,
                "kafka_topic": topic,
                **placed,
                **(wording.offsets_as_source(offsets) if offsets and not isinstance(offsets, str) else {}),
                **(source or {}),
            },
        )
        self.execute(wording.create_text(job, table, clauses))
        return Job(self._looking, self._looking.job(job))

    def wait(
        self,
        job: str,
        *,
        loaded_rows: int | None = None,
        caught_up: bool = False,
        state: JobState | str | None = None,
        timeout: float = 30.0,
    ) -> Job:
        """Return the job ``database.name`` once all that is asked for holds; see ``Job.wait``."""
        goal = goal_of(loaded_rows, caught_up=caught_up, state=state)
        return Job(self._looking, self._looking.wait(self._job_name(job), goal, timeout))

    # -- moving --------------------------------------------------------------

    def import_jobs(self, url: str, jobs: Sequence[str] = (), **choices: Any) -> list[MovedReport]:
        """Make jobs of another front end here, with their tables, going on exactly where they are there.

        ``url`` is ``mysql://user:password@host:port/database``, or begins with ``starrocks`` or ``doris``. ``jobs`` are
        names, ``database.name`` or of the URL's database; without them all that have not ended. ``choices`` are the
        fields of ``routine_load.api.moving_choices.Choices``: ``pause`` (jobs that run are paused there first),
        ``tables`` (False: left alone), ``properties`` (by key of FROM KAFKA: secrets that are not told, brokers by
        another name), ``of_jobs`` (the same by job), ``pinned`` (where the front end does not tell), ``dry_run``,
        ``timeout_s``.

        One report a job; where one is refused before anything was begun, nothing is begun. Raises RoutineLoadError
        where the front end cannot be looked at.
        """
        from routine_load.api.importing import import_jobs  # noqa: PLC0415 - only who moves jobs pays

        with self._own_client() as here:
            return import_jobs(url, here, _choices(jobs, choices))

    def export_jobs(
        self, jobs: Sequence[str] = (), database: str | None = None, compat: str | Compat | None = None, **choices: Any
    ) -> list[ExportedJob]:
        """CREATE ROUTINE LOAD with the offsets of now, for a cluster of either vendor.

        ``compat`` is the cluster's vendor; without it each job's own. ``jobs``, ``database`` and ``choices`` as in
        ``import_jobs``, of this service; ``tables`` is False unless it is given. A job with secrets needs them given.
        """
        from routine_load.api.exporting import export_jobs  # noqa: PLC0415 - only who moves jobs pays

        with self._own_client() as here:
            return export_jobs(here, database, _choices(jobs, {"tables": False, **choices}), _compat(compat))

    @contextlib.contextmanager
    def _own_client(self) -> Iterator[Client]:
        """A session apart: what a move SETs, no thread of the user sees."""
        client = self._door.open(None)
        try:
            yield client
        finally:
            client.close()

    # -- the end -------------------------------------------------------------

    def close(self) -> None:
        """Stop what ``connect`` started, letting running tasks finish. A second call does nothing.

        Other threads need not be ready for it: their waits end and their queries are interrupted, with
        ConnectionClosed; ``close`` waits for them, but never for longer than 15 seconds.
        """
        forget(self.close)
        if self._sessions.close():
            self._door.close()

    def _job_name(self, text: str) -> JobName:
        name = wording.job_name(text)
        return name if name.database is not None else replace(name, database=self._named(None))

    def _named(self, database: str | None) -> str:
        if database is None:
            row = self.query("SELECT DATABASE()").fetchone()
            database = row[0] if row else None
        if database is None:
            raise NoDatabaseSelected
        return database
