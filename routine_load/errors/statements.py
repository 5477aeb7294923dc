"""What a statement can meet: its text, its names, its properties, its user, and the engine behind it."""

from __future__ import annotations

from routine_load.errors.base import ExecutionError, RoutineLoadError
from routine_load.ids import Compat


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


class StaleVersion(ExecutionError):
    """The job was changed by someone else meanwhile."""


class MetadataError(ExecutionError):
    """The metadata database could not be read or written."""


class MetadataUnavailable(MetadataError):
    """The metadata database cannot be reached; it may be back in a moment."""


class LeaderUnknown(ExecutionError):
    """No coordinator leads just now, or the leader did not answer."""


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
