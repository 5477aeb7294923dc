"""The door to all statements: parse, find the handler, answer.

Owns sessions and the order in which a text is looked at: our grammar, then the small talk of clients, then the engine.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from routine_load.errors import LeadershipLost, LimitExceeded, RoutineLoadError, UnknownDatabase
from routine_load.ids import Compat
from routine_load.sql.access import require_sight_of_database
from routine_load.sql.parser import parse
from routine_load.sql.results import Ok, Result
from routine_load.sql.splitting import split
from routine_load.sql.statements import (
    AlterRoutineLoad,
    AlterSystem,
    CreateFile,
    CreateRoutineLoad,
    CreateUser,
    DropFile,
    DropUser,
    EngineStatement,
    Grant,
    Kill,
    PauseRoutineLoad,
    ResumeRoutineLoad,
    Revoke,
    RollbackRoutineLoad,
    SetFrontendConfig,
    SetPassword,
    ShowBackends,
    ShowComputeNodes,
    ShowCreateRoutineLoad,
    ShowFile,
    ShowFrontendConfig,
    ShowFrontends,
    ShowGrants,
    ShowLoad,
    ShowProc,
    ShowProcesslist,
    ShowRoutineLoad,
    ShowRoutineLoadTask,
    ShowRoutineLoadVersions,
    ShowStreamLoad,
    ShowTransaction,
    Statement,
    StopRoutineLoad,
)
from routine_load.statements import (
    admin,
    alter,
    files,
    frontend_config,
    grants,
    leaders,
    loads,
    nodes,
    of_no_effect,
    proc,
    routine_load,
    show,
    show_stream_load,
    users,
    variables,
)
from routine_load.statements.admission import admit
from routine_load.statements.context import Context
from routine_load.statements.own_table import in_own_database
from routine_load.statements.ports import Session

_USE = re.compile(r"use\s+(`(?:[^`]|``)+`|[\w$-]+(?:\.[\w$-]+)?)\s*", re.IGNORECASE)

_DROPS_DATABASE = re.compile(r"drop\s+(database|schema)\b", re.IGNORECASE)

_ERROR_CHARS_MAX = 16_384

IN_PROCESS_IDS_FROM = 1 << 31
"""A door numbers its own connections, from 1; sessions inside this process never share a number with one of them."""

Handler = Callable[[Any, Session, Context], Result]

HANDLERS: dict[type[Any], Handler] = {
    CreateRoutineLoad: routine_load.create,
    AlterRoutineLoad: alter.alter,
    RollbackRoutineLoad: alter.rollback,
    PauseRoutineLoad: routine_load.pause,
    ResumeRoutineLoad: routine_load.resume,
    StopRoutineLoad: routine_load.stop,
    ShowRoutineLoad: show.jobs,
    ShowRoutineLoadTask: show.tasks,
    ShowCreateRoutineLoad: show.create,
    ShowRoutineLoadVersions: alter.versions,
    CreateFile: files.create,
    DropFile: files.drop,
    ShowFile: files.show,
    Grant: grants.grant,
    Revoke: grants.revoke,
    ShowGrants: grants.show_grants,
    CreateUser: users.create,
    DropUser: users.drop,
    SetPassword: users.set_password,
    ShowBackends: admin.backends,
    ShowFrontends: admin.frontends,
    ShowProcesslist: admin.processlist,
    ShowComputeNodes: admin.compute_nodes,
    ShowProc: proc.proc,
    ShowTransaction: loads.transactions,
    ShowLoad: loads.loads,
    ShowStreamLoad: show_stream_load.stream_loads,
    SetFrontendConfig: frontend_config.set_config,
    ShowFrontendConfig: frontend_config.show_config,
    Kill: admin.kill,
    AlterSystem: nodes.alter_system,
}


class Processes:
    """Who is connected and what they run (SHOW PROCESSLIST).

    Kept by the session itself: a door numbers its connections, and gives a session its number after it was opened.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[int, tuple[Session, datetime, str | None]] = {}

    def opened(self, session: Session, at: datetime) -> None:
        with self._lock:
            self._sessions[id(session)] = (session, at, None)

    def closed(self, session: Session) -> None:
        with self._lock:
            self._sessions.pop(id(session), None)

    def running(self, session: Session, text: str | None, at: datetime) -> None:
        with self._lock:
            if id(session) in self._sessions:
                self._sessions[id(session)] = (session, at, text)

    def all(self) -> list[tuple[Session, datetime, str | None]]:
        with self._lock:
            return list(self._sessions.values())


class Service:
    """Runs statement texts for every way in. Thread-safe; one session is used by one thread at a time."""

    def __init__(self, context: Context, processes: Processes) -> None:
        self._context = context
        self._processes = processes
        self._connection_ids = itertools.count(IN_PROCESS_IDS_FROM)

    def open_session(self, user: str, client: str, compat: Compat | None = None) -> Session:
        """Raises AccessDenied for a user who is not there any more."""
        if self._context.company is not None:
            self._context.privileges.forget(user)  # another coordinator may have granted something just now
        session = Session(
            user=user,
            compat=compat or self._context.settings.compat,
            connection_id=next(self._connection_ids),
            client=client,
            rights=self._context.privileges.rights(user),
            # Drivers cut their batches by it, so it tells what is really taken.
            variables={
                "max_allowed_packet": str(self._context.settings.statement_bytes_max),
                "validate": "on" if self._context.settings.validate else "off",
            },
        )
        self._processes.opened(session, self._context.clock.now())
        return session

    def close_session(self, session: Session) -> None:
        self._processes.closed(session)

    def use(self, session: Session, database: str) -> None:
        """Select a database. Raises UnknownDatabase, PrivilegeDenied."""
        require_sight_of_database(session, database)
        if database.lower() == "information_schema":
            session.database = "information_schema"
        elif self._context.engine.has_database(database):
            session.database = database
        else:
            raise UnknownDatabase(f"Unknown database '{database}'")

    def stop(self, session: Session) -> None:
        """End what the session runs, from another thread; nothing where it runs nothing."""
        self._context.engine.kill(session.connection_id)

    def execute(self, session: Session, text: str) -> list[Result]:
        """One result per statement of ``text``. Raises RoutineLoadError; earlier statements of the text stay done."""
        return [step() for step in self.steps(session, text)]

    def steps(self, session: Session, text: str) -> list[Callable[[], Result]]:
        """One step per statement of ``text``; each runs it. The text is parsed as a whole before (``server.ports``)."""
        limit = self._context.settings.statement_bytes_max
        if len(text) > limit:
            raise LimitExceeded(f"The statement has {len(text)} characters, statement_bytes_max allows {limit}")
        try:
            statements = parse(text, session.compat)
        except RoutineLoadError as error:
            session.last_error = error.described(session.compat)[:_ERROR_CHARS_MAX]
            raise
        own = [text] if len(statements) < 2 else [piece.text for piece in split(text)]
        return [
            partial(self._run, statement, session, text[:1024], each)
            for statement, each in zip(statements, own, strict=False)
        ]

    def _run(self, statement: Statement, session: Session, shown: str, text: str) -> Result:
        now = self._context.clock.now
        self._processes.running(session, shown, now())
        try:
            return self._answer(statement, session, text)
        except RoutineLoadError as error:
            session.last_error = error.described(session.compat)[:_ERROR_CHARS_MAX]
            raise
        finally:
            self._processes.running(session, None, now())

    def _handled(self, statement: Statement, session: Session, own_text: str) -> Result:
        handler = HANDLERS[type(statement)]
        try:
            return handler(statement, session, self._context)
        except LeadershipLost:
            answered = leaders.answer_again(statement, session, own_text, self._context.company)
            return answered if answered is not None else handler(statement, session, self._context)

    def _answer(self, statement: Statement, session: Session, own_text: str) -> Result:
        statement = in_own_database(statement, session, self._context)
        admit(statement, session, self._context)
        if (answered := leaders.answer(statement, session, own_text, self._context.company)) is not None:
            return answered
        if not isinstance(statement, EngineStatement):
            return self._handled(statement, session, own_text)
        text = statement.text.strip()
        if match := _USE.fullmatch(text):
            name = match[1].rpartition(".")[2] if not match[1].startswith("`") else match[1][1:-1].replace("``", "`")
            self.use(session, name)
            return Ok()
        small_talk = variables.answer(text, session)
        if small_talk is not None:
            return small_talk
        if (nothing := of_no_effect.answer(text)) is not None:
            return nothing
        engine = self._context.engine
        before = engine.databases() if _DROPS_DATABASE.match(text) else []
        result = engine.execute(variables.with_session_values(text, session), session)
        if before:
            gone = set(before) - set(engine.databases())
            self._context.files.records.forget(gone)
            self._context.transactions.forget_databases(gone)
        return result
