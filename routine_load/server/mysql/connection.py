"""One client's connection: owns its phases (greeting, TLS, login, commands), its session and its error packets.

Statements run on the door's worker threads. Every text goes to the service; nothing is answered here. Refuses to know
what statements mean, how a password is checked and how results are written.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import traceback
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from mysql_mimic.types import Capabilities, Commands

from routine_load.clock import SystemClock
from routine_load.errors import AccessDenied, ExecutionError, LimitExceeded, RoutineLoadError, StatementSyntaxError
from routine_load.ids import Compat
from routine_load.observe import events
from routine_load.observe.logs import logger
from routine_load.server.mysql import outbound
from routine_load.server.mysql.answers import Answers
from routine_load.server.mysql.authentication import Authenticator, Plugin, fresh_nonce
from routine_load.server.mysql.inbound import (
    Cursor,
    MalformedPacket,
    parse_capabilities,
    parse_change_user,
    parse_login,
    text,
)
from routine_load.server.mysql.prepared import Budget, PreparedStatements
from routine_load.server.mysql.stream import BoundedStream, ConnectionClosed, ProtocolViolation
from routine_load.server.ports import MySqlLimits, StatementService, server_version
from routine_load.sql.results import Result
from routine_load.sql.splitting import has_several_statements
from routine_load.statements.ports import Session

_SSL_REQUEST_BYTES = 32
_FRAMES_LOGGED = 6
_STOP_AGAIN_S = 0.5
_UNANSWERED = (Commands.COM_STMT_SEND_LONG_DATA, Commands.COM_STMT_CLOSE)

_log = logger("server.mysql")

_NOTHING = " \t\r\n;"


class EmptyStatement(ExecutionError):
    """Query was empty."""

    errno = 1065
    errno_doris = 1065
    sqlstate = "42000"


class UnknownCommand(ExecutionError):
    """Unknown command."""

    errno = 1047
    errno_doris = 1047
    sqlstate = "08S01"


@dataclass(slots=True, kw_only=True)
class House:
    """What the connections of one door share."""

    service: StatementService
    authenticator: Authenticator
    compat: Compat
    limits: MySqlLimits
    tls: ssl.SSLContext | None
    workers: ThreadPoolExecutor
    prepared: Budget
    connection_ids: Iterator[int] = field(default_factory=lambda: count(1))
    started: float = field(default_factory=lambda: SystemClock().monotonic())
    connections: int = 0
    questions: int = 0
    stopping: bool = False


class Connection:
    """From accept to close. ``busy`` is true while a command runs; only then does a stopping door wait for it."""

    def __init__(self, stream: BoundedStream, house: House, client: str) -> None:
        self._stream = stream
        self._house = house
        self._client = client
        self._id = next(house.connection_ids) & 0xFFFFFFFF
        self._capabilities = Capabilities(0)
        self._multi_statements = False
        self._session: Session | None = None
        self._running: Future[Any] | None = None
        self._answers = Answers(stream, self._call, self._discard)
        self._prepared = PreparedStatements(2 * house.limits.max_allowed_packet, house.prepared)
        self.busy = False
        self._commands: dict[int, Callable[[bytes], Awaitable[None]]] = {
            Commands.COM_QUERY: self._query,
            Commands.COM_INIT_DB: self._init_db,
            Commands.COM_FIELD_LIST: self._field_list,
            Commands.COM_STATISTICS: self._statistics,
            Commands.COM_PING: self._answer_ok,
            Commands.COM_CHANGE_USER: self._change_user,
            Commands.COM_RESET_CONNECTION: self._reset,
            Commands.COM_SET_OPTION: self._set_option,
            Commands.COM_STMT_PREPARE: self._stmt_prepare,
            Commands.COM_STMT_EXECUTE: self._stmt_execute,
            Commands.COM_STMT_SEND_LONG_DATA: self._stmt_long_data,
            Commands.COM_STMT_RESET: self._stmt_reset,
            Commands.COM_STMT_CLOSE: self._stmt_close,
        }

    async def run(self) -> None:
        """Serves the client until it leaves, errs beyond repair, or the door stops."""
        try:
            async with asyncio.timeout(self._house.limits.handshake_timeout_s):
                entered = await self._enter()
            if entered:
                self._stream.packet_bytes_max = self._house.limits.max_allowed_packet
                await self._serve()
        except ProtocolViolation as violation:
            await self._farewell(violation.errno, "08S01", str(violation))
        except MalformedPacket as malformed:
            await self._farewell(1043, "08S01", f"Bad handshake: {malformed}")
        except (ConnectionClosed, TimeoutError):
            pass
        finally:
            self._prepared.clear()
            self._leave()
            self._stream.close()

    # -- connection phase

    async def _enter(self) -> bool:
        nonce = fresh_nonce()
        offered = outbound.CAPABILITIES | (Capabilities.CLIENT_SSL if self._house.tls else Capabilities(0))
        greeting = outbound.Greeting(
            version=server_version(self._house.compat),
            connection_id=self._id,
            nonce=nonce,
            plugin=Plugin.SHA2,
            capabilities=offered,
        )
        await self._stream.write(greeting.payload())
        payload = await self._stream.read()
        asked = parse_capabilities(payload)
        if Capabilities.CLIENT_SSL in asked:
            if self._house.tls is None or len(payload) != _SSL_REQUEST_BYTES:
                raise ProtocolViolation(
                    1043, "Bad handshake: the client asks for TLS, which this server does not offer"
                )
            await self._stream.start_tls(self._house.tls)
            payload = await self._stream.read()
            asked = parse_capabilities(payload)
        if Capabilities.CLIENT_PROTOCOL_41 not in asked:
            raise ProtocolViolation(1043, "Bad handshake: the client speaks the protocol from before MySQL 4.1")
        self._capabilities = self._answers.capabilities = asked & offered
        self._multi_statements = Capabilities.CLIENT_MULTI_STATEMENTS in self._capabilities
        login = parse_login(payload, self._capabilities)
        try:
            await self._house.authenticator.check(self._stream, login, nonce, self._client)
            await self._open_session(login.user, login.database)
        except Exception as error:  # noqa: BLE001 - whatever failed, the client is told
            await self._refuse(error)
            return False
        await self._stream.write(outbound.ok())
        return True

    async def _open_session(self, user: str, database: str | None) -> None:
        try:
            session: Session = await self._call(self._house.service.open_session, user, self._client)
        except asyncio.CancelledError:
            assert self._running is not None, "the call was submitted"
            self._running.add_done_callback(self._close_late)
            raise
        session.connection_id = self._id
        session.tls_cipher, session.tls_version = self._stream.cipher
        session.disconnect = partial(asyncio.get_running_loop().call_soon_threadsafe, self._stream.abort)
        self._session = session
        if database:
            await self._call(self._house.service.use, session, database)

    def _close_late(self, opened: Future[Any]) -> None:
        """Closes a session that came when its connection was given up."""
        if not opened.cancelled() and opened.exception() is None:
            self._house.service.close_session(opened.result())

    async def _refuse(self, error: Exception) -> None:
        if isinstance(error, ConnectionClosed | ProtocolViolation | MalformedPacket | TimeoutError):
            raise error
        if isinstance(error, AccessDenied):
            _log.warning(events.CONNECTION_REFUSED, client=self._client, reason="access denied")
        await self._stream.write(self._error_packet(error))

    async def _farewell(self, errno: int, sqlstate: str, message: str) -> None:
        _log.warning(events.CONNECTION_REFUSED, client=self._client, reason=message)
        try:
            await self._stream.write(outbound.error(errno, sqlstate, message))
        except ConnectionClosed:
            return

    def _leave(self) -> None:
        """Hands the session back when no worker uses it any more."""
        session, self._session = self._session, None
        if session is None:
            return
        if self._running is not None and not self._running.done():
            self._running.add_done_callback(lambda _done: self._house.service.close_session(session))
        else:
            self._house.workers.submit(self._house.service.close_session, session)

    # -- command phase

    async def _serve(self) -> None:
        while not self._house.stopping:
            self._stream.new_exchange()
            async with asyncio.timeout(self._house.limits.idle_timeout_s):
                payload = await self._stream.read()
            self._house.questions += 1
            if not payload or payload[0] == Commands.COM_QUIT:
                return
            self.busy = True
            await self._command(payload[0], payload[1:])
            self.busy = False

    async def _command(self, command: int, body: bytes) -> None:
        try:
            run = self._commands.get(command)
            if run is None:
                raise UnknownCommand(f"Unknown command 0x{command:02x}")  # noqa: TRY301 - answered below
            await run(body)
        except (ConnectionClosed, ProtocolViolation):
            raise
        except Exception as error:
            if command in _UNANSWERED:
                raise ProtocolViolation(1835, "Malformed communication packet") from error
            await self._stream.write(self._error_packet(error))

    def _error_packet(self, error: Exception) -> bytes:
        if isinstance(error, RoutineLoadError):
            compat = self._house.compat if self._session is None else self._session.compat
            return outbound.error(error.number(compat), error.state(compat), error.framed(compat))
        if isinstance(error, MalformedPacket):
            return outbound.error(1835, "HY000", f"Malformed communication packet: {error}")
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_LOGGED:]
        where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        _log.error(events.STATEMENT_FAULT, connection_id=self._id, fault=type(error).__name__, where=where)
        return outbound.error(1105, "HY000", "internal error, see the log")

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Runs a blocking call on a worker. A cancelled connection leaves it running and closes its session after."""
        self._running = self._house.workers.submit(function, *arguments)
        return await asyncio.shield(asyncio.wrap_future(self._running))

    def _discard(self, rows: Iterator[Any]) -> None:
        """Ends a lazy result on a worker, unless one is still within it."""
        close = getattr(rows, "close", None)
        if close is not None and (self._running is None or self._running.done()):
            self._house.workers.submit(close)

    @property
    def _open(self) -> Session:
        assert self._session is not None, "a command before the login was done"
        return self._session

    async def _answer_ok(self, _body: bytes) -> None:
        await self._stream.write(outbound.ok())

    async def _query(self, body: bytes) -> None:
        statement = self._statement(body)
        if not self._multi_statements and await self._call(has_several_statements, statement):
            raise StatementSyntaxError("this client did not ask for multi-statements; send one statement at a time")
        await self._answer(statement, binary=False)

    def _statement(self, body: bytes) -> str:
        """The text; one that nobody would run is not even looked through for its end."""
        limit = self._house.limits.statement_bytes_max
        if len(body) > limit:
            raise LimitExceeded(f"The statement has {len(body)} bytes, statement_bytes_max allows {limit}")
        return text(body)

    async def _answer(self, statement: str, *, binary: bool) -> None:
        watch = asyncio.ensure_future(self._stop_when_left(self._open))
        try:
            steps: list[Callable[[], Result]] = await self._call(self._house.service.steps, self._open, statement)
            if not steps and not statement.strip(_NOTHING):
                raise EmptyStatement
            if not steps:  # comments alone are answered, as MySQL does: dumps begin with some
                await self._stream.write(outbound.ok())
            for left, step in zip(range(len(steps) - 1, -1, -1), steps, strict=True):
                await self._answers.send(await self._call(step), more=left > 0, binary=binary)
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    async def _stop_when_left(self, session: Session) -> None:
        """A client that leaves takes its statement along. Again and again: it may be just about to start."""
        await self._stream.peer_left()
        while True:
            self._house.service.stop(session)
            await asyncio.sleep(_STOP_AGAIN_S)

    async def _init_db(self, body: bytes) -> None:
        await self._call(self._house.service.use, self._open, text(body))
        await self._stream.write(outbound.ok())

    async def _field_list(self, body: bytes) -> None:
        """The names of a table's columns, for completion in shells; both vendors answer it from SHOW COLUMNS too."""
        table = text(Cursor(body).until_nul()).replace("`", "``")
        [step] = await self._call(self._house.service.steps, self._open, f"SHOW COLUMNS FROM `{table}`")
        await self._answers.send_field_list(await self._call(step))

    async def _statistics(self, _body: bytes) -> None:
        uptime = max(1, int(SystemClock().monotonic() - self._house.started))
        line = (
            f"Uptime: {uptime}  Threads: {self._house.connections}  Questions: {self._house.questions}  "
            f"Slow queries: 0  Opens: 0  Open tables: 0  "
            f"Queries per second avg: {self._house.questions / uptime:.3f}"
        )
        await self._stream.write(line.encode())

    async def _set_option(self, body: bytes) -> None:
        self._multi_statements = Cursor(body).integer(2) == 0
        await self._stream.write(outbound.eof(self._capabilities))

    async def _change_user(self, body: bytes) -> None:
        login = parse_change_user(body, self._capabilities)
        try:
            await self._house.authenticator.check(self._stream, login, None, self._client)
        except AccessDenied as error:
            await self._refuse(error)
            raise ConnectionClosed("a user change was refused") from error
        await self._renew(login.user, login.database)

    async def _reset(self, _body: bytes) -> None:
        await self._renew(self._open.user, self._open.database)

    async def _renew(self, user: str, database: str | None) -> None:
        self._prepared.clear()
        self._leave()
        await self._open_session(user, database)
        await self._stream.write(outbound.ok())

    # -- prepared statements

    async def _stmt_prepare(self, body: bytes) -> None:
        statement_id, parameters = await self._call(self._prepared.add, self._statement(body))
        await self._answers.send_prepared(statement_id, parameters)

    async def _stmt_execute(self, body: bytes) -> None:
        await self._answer(await self._call(self._prepared.bind, body), binary=True)

    async def _stmt_long_data(self, body: bytes) -> None:
        self._prepared.collect(body)

    async def _stmt_reset(self, body: bytes) -> None:
        self._prepared.reset(body)
        await self._stream.write(outbound.ok())

    async def _stmt_close(self, body: bytes) -> None:
        self._prepared.close(body)
