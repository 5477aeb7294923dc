"""DuckDB's exceptions in the words of our error tree, without its internals and without paths."""

from __future__ import annotations

import re

import duckdb

from routine_load.errors import AnalysisError, EngineError, RoutineLoadError, SinkError
from routine_load.ids import Compat

MESSAGE_MAX = 500
_LOOKED_AT_MAX = 4_096
"""A message repeats what the statement said, and that may be megabytes that a regular expression trips over."""

_PREFIX = re.compile(r"^(?:TransactionContext Error: Failed to commit: )?[A-Za-z ]{3,40} Error: ")
_EXCERPT = re.compile(r"\n\n|\n\s*(?:LINE \d|Candidate|Did you mean)")
_PATH = re.compile(r"(?<![\w<])/(?:[\w.\-]+/)+[\w.\-]*")
_INTEGERS = {"8": "TINYINT", "16": "SMALLINT", "32": "INT", "64": "BIGINT", "128": "LARGEINT"}
_INTEGER = re.compile(r"\b(to|type|from) INT(8|16|32|64|128)\b")
"""What DuckDB calls its integers in conversion errors; nobody can declare a column so."""
_UNKNOWN_COLUMN = re.compile(r'Referenced column "([^"]+)" (?:was )?not found|does not have a column named "([^"]+)"')
_UNKNOWN_FUNCTION = re.compile(r"Function with name (\S+) does not exist")


def plain(error: duckdb.Error) -> str:
    """The first sentence of a DuckDB message: no error class, no source excerpt, no file path, vendors' types."""
    text = _EXCERPT.split(_told(error))[0]
    text = _PREFIX.sub("", text.strip())
    text = _PATH.sub("<file>", text).replace("\n", " ")
    text = _INTEGER.sub(lambda match: f"{match[1]} {_INTEGERS[match[2]]}", text)
    return text[:MESSAGE_MAX] or type(error).__name__


def _told(error: duckdb.Error) -> str:
    return str(error)[:_LOOKED_AT_MAX]


def query_failure(error: duckdb.Error, compat: Compat) -> RoutineLoadError:  # noqa: PLR0911 - one return per cause
    """What a client is told about a query that DuckDB refused."""
    text = _told(error)
    if match := _UNKNOWN_COLUMN.search(text):
        column = match.group(1) or match.group(2)
        if compat is Compat.DORIS:
            return AnalysisError(f"Unknown column '{column}' in 'table list'")
        return AnalysisError(f"Column '{column}' cannot be resolved")
    if match := _UNKNOWN_FUNCTION.search(text):
        return AnalysisError(f"No matching function with signature: {match.group(1)}(…)")
    if isinstance(error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException):
        return AnalysisError(plain(error))
    if isinstance(error, duckdb.InterruptException):
        return EngineError("Query was cancelled")
    if isinstance(error, duckdb.OutOfMemoryException):
        return EngineError("Memory of the engine exceeded; select fewer rows or raise engine_memory")
    return EngineError(plain(error))


_SUM_OVERFLOW = re.compile(
    r"Overflow in|out of range.* when casting from source column (?:sum|coalesce)|DECIMAL.* failed: value"
)


def sink_failure(error: duckdb.Error, doing: str) -> SinkError:
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException) and _SUM_OVERFLOW.search(
        _told(error)
    ):
        wider = "a sum does not fit the type of its SUM column: make it wider, ALTER TABLE … MODIFY COLUMN"
        return SinkError(f"{doing}: {wider} ({plain(error)})")
    return SinkError(f"{doing}: {plain(error)}")
