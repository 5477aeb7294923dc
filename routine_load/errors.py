"""The error tree. Each class carries a MySQL error number and an SQLSTATE; its docstring is its default message.

Vendors frame and number the same failure differently (StarRocks: 5501, Doris: 1049 for an unknown database), so an
error keeps what happened, and ``framed`` says it in the words of one vendor.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

from routine_load.ids import Compat

_DORIS_GENERAL = 1105


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a statement: line and column count from 1."""

    line: int
    column: int


class RoutineLoadError(Exception):
    """Something went wrong in routine load.

    ``errno`` and ``sqlstate`` are what a MySQL client sees; ``position`` is where in the statement, if that is known.
    The embedded API sets ``errno`` to the number of the vendor whose rules the session follows.
    """

    errno: int = 1064
    errno_doris: ClassVar[int | None] = None
    sqlstate: str = "HY000"
    sqlstate_doris: ClassVar[str | None] = None

    def __init__(self, message: str | None = None, *, position: Position | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").split("\n")[0].rstrip("."))
        self.position = position

    @property
    def message(self) -> str:
        """The text, without the vendor's frame around it."""
        return str(self.args[0])

    def number(self, compat: Compat) -> int:
        """The MySQL error number that this vendor's front end sends."""
        if compat is Compat.DORIS and self.errno_doris is not None:
            return self.errno_doris
        return self.errno

    def state(self, compat: Compat) -> str:
        """The SQLSTATE that this vendor's front end sends. Doris: its general number has the general state."""
        if compat is not Compat.DORIS:
            return self.sqlstate
        return "HY000" if self.number(compat) == _DORIS_GENERAL else self.sqlstate_doris or self.sqlstate

    def framed(self, compat: Compat) -> str:
        """The text of the error packet in this vendor's frame."""
        if compat is Compat.DORIS:
            return f"errCode = 2, detailMessage = {self.message}"
        return self.message

    @property
    def place(self) -> str:
        """`` (line 2, column 1)``, for where an error is shown; empty where it is not known or the message says it."""
        if self.position is None or f"line {self.position.line}, column {self.position.column}" in self.message:
            return ""
        return f" (line {self.position.line}, column {self.position.column})"

    def described(self, compat: Compat) -> str:
        """All of it as JSON, for our own clients: many classes share a number. ``text`` is what the client is sent."""
        return json.dumps(
            {
                "class": next(kind.__name__ for kind in type(self).__mro__ if kind.__module__ == __name__),
                "message": self.message,
                "place": [self.position.line, self.position.column] if self.position else None,
                "text": self.framed(compat),
            },
            ensure_ascii=False,
        )


class StatementSyntaxError(RoutineLoadError):
    """The statement cannot be parsed.

    Both vendors send the general SQLSTATE with it, where MySQL sends 42000.
    """

    errno_doris = 1105

    def framed(self, compat: Compat) -> str:
        if compat is Compat.DORIS or self.position is None:
            return super().framed(compat)
        at = f"at line {self.position.line}, column {self.position.column}"
        return f"Getting syntax error {at}. Detail message: {self.message}."


class AnalysisError(RoutineLoadError):
    """The statement was parsed but has no meaning."""

    errno_doris = 1105

    def framed(self, compat: Compat) -> str:
        if compat is Compat.DORIS:
            return super().framed(compat)
        at = f" at line {self.position.line}, column {self.position.column}" if self.position else ""
        return f"Getting analyzing error{at}. Detail message: {self.message}."


class PropertyError(AnalysisError):
    """A property is unknown or its value is not allowed."""


class UnknownTimeZone(PropertyError):
    """Unknown or incorrect time zone."""

    errno = 1298
    errno_doris = 1298


class InvalidValue(PropertyError):
    """A value is not what its property expects."""

    errno = 5018


class IncorrectName(AnalysisError):
    """The name is not allowed."""

    errno = 5063
    sqlstate = "42000"


class UnknownReference(AnalysisError):
    """A load expression refers to a column that is not there."""

    errno = 5601
    sqlstate = "42000"


class ExpressionError(AnalysisError):
    """A load expression has no meaning."""

    errno = 5602
    sqlstate = "42000"


class JsonPathsError(AnalysisError):
    """The JSON paths of a job cannot be read."""


class DelimiterLength(AnalysisError):
    """A delimiter is too long."""

    errno = 5605
    sqlstate = "42000"


class UnsupportedFeature(AnalysisError):
    """This cannot be kept here."""


class ExecutionError(RoutineLoadError):
    """The statement could not be carried out."""

    errno_doris = 1105


class NoDatabaseSelected(ExecutionError):
    """No database selected."""

    errno = 1046
    errno_doris = 1046
    sqlstate = "3D000"


class UnknownDatabase(ExecutionError):
    """Unknown database."""

    errno = 5501
    errno_doris = 1049
    sqlstate = "3F000"
    sqlstate_doris = "42000"


class UnknownTable(ExecutionError):
    """Unknown table."""

    errno = 5502
    errno_doris = 1051
    sqlstate = "42602"
    sqlstate_doris = "42S02"


class DatabaseExists(ExecutionError):
    """The database exists."""

    errno = 1007
    errno_doris = 1007


class TableExists(ExecutionError):
    """The table exists."""

    errno = 1050
    errno_doris = 1050
    sqlstate = "42S01"


class JobNotFound(ExecutionError):
    """There is no such routine load job."""

    errno = 5089
    sqlstate = "42000"


class JobExists(ExecutionError):
    """The name is used by another routine load job."""


class JobStateError(ExecutionError):
    """The job's state does not allow this."""


class AccessDenied(ExecutionError):
    """Access denied."""

    errno = 1045
    errno_doris = 1045
    sqlstate = "28000"

    def framed(self, compat: Compat) -> str:  # noqa: ARG002 - both vendors send the bare text
        return self.message


class PrivilegeDenied(AccessDenied):
    """Access denied; a privilege on the table is missing."""

    errno = 5203
    errno_doris = 1142
    sqlstate = "42000"

    def framed(self, compat: Compat) -> str:
        return RoutineLoadError.framed(self, compat)


class DatabaseDenied(PrivilegeDenied):
    """Access denied; a privilege on the database is missing."""

    errno_doris = 1044


class SystemDenied(PrivilegeDenied):
    """Access denied; a privilege on the service is missing."""

    errno_doris = 1227


class KillDenied(PrivilegeDenied):
    """You are not owner of the thread."""

    errno = 1095
    errno_doris = 1095
    sqlstate = "HY000"


class NoSuchGrant(ExecutionError):
    """There is no such grant."""

    errno = 1141
    errno_doris = 1141
    sqlstate = "42000"


class UnknownVariable(ExecutionError):
    """Unknown system variable."""

    errno = 1193
    errno_doris = 1193


class UnknownConfig(ExecutionError):
    """There is no such setting of the front end, or it cannot be changed."""

    errno = 5102
    sqlstate = "F0000"


class ConfigRefused(ExecutionError):
    """A setting of the front end does not take this value."""


class BeginRefused(ExecutionError):
    """No load transaction could be begun."""


class TaskTimedOut(ExecutionError):
    """timeout by txn manager."""


class StaleVersion(ExecutionError):
    """The job was changed by someone else meanwhile."""


class MetadataError(ExecutionError):
    """The metadata database could not be read or written."""


class SourceError(ExecutionError):
    """Kafka did not give what was asked for."""


class PartitionMissing(SourceError):
    """The topic does not have this partition."""


class SourceUnavailable(SourceError):
    """Kafka did not answer in time."""


class RegistryUnavailable(SourceUnavailable):
    """The schema registry did not answer."""


class UnreadableSchema(SourceError):
    """A message's schema is unknown, or cannot be read."""


class OffsetOutOfRange(SourceError):
    """The offset does not exist in Kafka any more, or not yet."""


class LogCut(OffsetOutOfRange):
    """The log ends before what was read of it."""

    def __init__(self, message: str | None = None, *, partition: int = 0, offset: int = 0, end: int = 0) -> None:
        super().__init__(message)
        self.partition = partition
        self.offset = offset
        self.end = end


class BeyondLogEnd(ExecutionError):
    """The offset lies beyond the end of its partition."""


class EngineError(ExecutionError):
    """The engine refused the statement."""


class ClusterRefused(EngineError):
    """The cluster refused the statement. Number, state and text are the cluster's own, whoever asks."""

    def __init__(self, message: str | None = None, *, errno: int = 1105, sqlstate: str = "HY000") -> None:
        super().__init__(message)
        self.errno = errno
        self._state = sqlstate

    def number(self, compat: Compat) -> int:  # noqa: ARG002 - it is the cluster's
        return self.errno

    def state(self, compat: Compat) -> str:  # noqa: ARG002 - likewise
        return self._state

    def framed(self, compat: Compat) -> str:  # noqa: ARG002 - the text has its frame
        return self.message


class UnknownConnection(ExecutionError):
    """There is no such connection."""

    errno = 1094
    errno_doris = 1094


class ConnectionClosed(RoutineLoadError):
    """The connection is closed."""


class ConnectionLost(RoutineLoadError):
    """The server did not answer; what was running may or may not have been carried out."""

    errno = 2013
    errno_doris = 2013
    sqlstate = "08S01"


class SinkError(RoutineLoadError):
    """The sink refused the load transaction; nothing of it is visible."""


class StaleRange(SinkError):
    """Another transaction moved the progress first; nothing of this one is visible."""


class TargetUnavailable(SinkError):
    """The target did not answer; nothing is known of what was asked."""


class CommitUnsettled(SinkError):
    """A commit that was decided has not gone through yet; it is tried again until it has."""


class InDoubt(SinkError):
    """The target cannot say whether a transaction was committed: a person has to."""


class MetadataOlder(InDoubt):
    """The target knows a label that no batch was given yet: the metadata is older than the target."""


class LeadershipLost(SinkError):
    """Another coordinator commits now; nothing of this one's is written any more."""


class LoadRejected(SinkError):
    """The batch as a whole was refused.

    ``rejects`` is the opaque id of the file of its rejected rows, empty where there is none.
    """

    def __init__(self, message: str | None = None, *, rejects: str = "") -> None:
        super().__init__(message)
        self.rejects = rejects


class FatalParseError(LoadRejected):
    """A message cannot be parsed, and the job is to pause for it."""


class TransactionError(ExecutionError):
    """A load transaction cannot do what was asked."""


class LabelUsed(TransactionError):
    """The label has already been used.

    ``txn_id`` and ``txn_state`` (``loads.transaction_values.TxnState``) are those of the transaction that has it.
    """

    def __init__(self, message: str | None = None, *, txn_id: int = -1, state: str = "") -> None:
        super().__init__(message)
        self.txn_id = txn_id
        self.txn_state = state


class TransactionNotFound(TransactionError):
    """There is no such transaction."""


class TransactionBusy(TransactionError):
    """Transaction is in processing."""


class TransactionEnded(TransactionError):
    """The state of the transaction does not allow this.

    ``txn_state`` is a ``loads.transaction_values.TxnState``; ``reason`` is why it was aborted.
    """

    def __init__(self, message: str | None = None, *, txn_id: int = -1, state: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.txn_id = txn_id
        self.txn_state = state
        self.reason = reason


class LimitExceeded(RoutineLoadError):
    """A bound was reached."""


class DirectoryInUse(RoutineLoadError):
    """The data directory belongs to another process."""


class BrokenInvariant(RoutineLoadError):
    """Something that must be true is not."""
