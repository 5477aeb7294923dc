"""Prepared statements of one connection: owns their texts, their parameters' types and what long data they got.

Refuses to know what an execution answers. Values are written into the text; there is no plan to keep.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, field

from routine_load.errors import ExecutionError, LimitExceeded, StatementSyntaxError
from routine_load.server.mysql.inbound import Cursor, ParameterType, parse_execution
from routine_load.server.mysql.placeholders import substitute
from routine_load.sql.splitting import has_several_statements, marks

STATEMENTS_MAX = 1024
PARAMETERS_MAX = 0xFFFF


class UnknownStatement(ExecutionError):
    """Unknown prepared statement handler."""

    errno = 1243
    errno_doris = 1243


class TooManyStatements(LimitExceeded):
    """Can't create more prepared statements."""

    errno = 1461
    sqlstate = "42000"


class TooManyParameters(LimitExceeded):
    """Prepared statement contains too many placeholders."""

    errno = 1390


class LongDataTooBig(LimitExceeded):
    """The long data of a prepared statement is too big."""

    errno = 1153
    sqlstate = "08S01"


@dataclass(slots=True)
class _Statement:
    text: str
    places: tuple[int, ...]
    types: tuple[ParameterType, ...] = ()
    long_data: dict[int, bytearray] = field(default_factory=dict)
    long_bytes: int = 0
    overflowed: bool = False


class Budget:
    """What the prepared statements of all connections may take together. Thread-safe."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self.bytes = 0

    def take(self, size: int) -> bool:
        with self._lock:
            fits = self.bytes + size <= self._bytes_max
            self.bytes += size if fits else 0
            return fits

    def give(self, size: int) -> None:
        with self._lock:
            self.bytes -= size


class _Share:
    """What one connection has of the budget; it goes back whatever ends the connection."""

    def __init__(self, budget: Budget, bytes_max: int) -> None:
        self._budget = budget
        self._bytes_max = bytes_max
        self._bytes = 0

    def take(self, size: int) -> bool:
        fits = self._bytes + size <= self._bytes_max and self._budget.take(size)
        self._bytes += size if fits else 0
        return fits

    def give(self, size: int) -> None:
        self._budget.give(size)
        self._bytes -= size

    def clear(self) -> None:
        self.give(self._bytes)


class PreparedStatements:
    """By id, bounded in number; texts and long data of all of them together take at most ``bytes_max``.

    Those of all connections together take what ``budget`` has.
    """

    def __init__(self, bytes_max: int, budget: Budget | None = None) -> None:
        self._share = _Share(budget or Budget(bytes_max), bytes_max)
        self._too_much = f"The prepared statements of one connection take more than {bytes_max} bytes, or all too many"
        weakref.finalize(self, self._share.clear)
        self._statements: dict[int, _Statement] = {}
        self._last_id = 0

    def add(self, text: str) -> tuple[int, int]:
        """The id of a new statement, and how many parameters it has."""
        if len(self._statements) >= STATEMENTS_MAX:
            raise TooManyStatements(f"Can't create more than {STATEMENTS_MAX} prepared statements on one connection")
        if has_several_statements(text):
            raise StatementSyntaxError("one statement at a time can be prepared")
        places = marks(text)
        if len(places) > PARAMETERS_MAX:
            raise TooManyParameters
        if not self._share.take(len(text)):
            raise TooManyStatements(self._too_much)
        self._last_id = self._last_id % 0xFFFFFFFF + 1
        self._statements[self._last_id] = _Statement(text, places)
        return self._last_id, len(places)

    def bind(self, body: bytes) -> str:
        """The text of one execution. Cursors are not opened: MySQL too may answer with all rows instead."""
        cursor = Cursor(body)
        statement = self._find(cursor.integer(4))
        cursor.take(1 + 4)
        if statement.overflowed:
            self._forget_long_data(statement)
            raise LongDataTooBig(self._too_much)
        execution = parse_execution(cursor, len(statement.places), statement.types, statement.long_data)
        statement.types = execution.types
        self._forget_long_data(statement)
        return substitute(statement.text, statement.places, execution.values)

    def collect(self, body: bytes) -> None:
        """COM_STMT_SEND_LONG_DATA: it has no answer, so what is wrong with it shows at the execution."""
        cursor = Cursor(body)
        statement = self._statements.get(cursor.integer(4))
        if statement is None:
            return
        parameter = cursor.integer(2)
        if parameter >= len(statement.places):
            return
        if not self._share.take(cursor.left):
            statement.overflowed = True
        else:
            statement.long_bytes += cursor.left
            statement.long_data.setdefault(parameter, bytearray()).extend(cursor.rest())

    def reset(self, body: bytes) -> None:
        self._forget_long_data(self._find(Cursor(body).integer(4)))

    def close(self, body: bytes) -> None:
        statement = self._statements.pop(Cursor(body).integer(4), None)
        if statement is not None:
            self._forget_long_data(statement)
            self._share.give(len(statement.text))

    def clear(self) -> None:
        self._statements.clear()
        self._share.clear()

    def _find(self, statement_id: int) -> _Statement:
        if statement_id not in self._statements:
            raise UnknownStatement(f"Unknown prepared statement handler ({statement_id}) given to EXECUTE")
        return self._statements[statement_id]

    def _forget_long_data(self, statement: _Statement) -> None:
        self._share.give(statement.long_bytes)
        statement.long_data.clear()
        statement.long_bytes = 0
        statement.overflowed = False
