"""Databases and tables of a cluster, as its front end describes them.

SHOW CREATE TABLE says all that a load has to know. Where it says more than our own DDL reads, the table is taken from
``information_schema.columns``: its columns and its key model, without partitions.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any, Final

from routine_load.clock import Clock
from routine_load.engines.cluster.frontend import Frontend
from routine_load.errors import (
    AnalysisError,
    ClusterRefused,
    RoutineLoadError,
    StatementSyntaxError,
    TargetUnavailable,
    UnknownDatabase,
    UnknownTable,
)
from routine_load.ids import Compat, TableRef
from routine_load.sql.ddl import DdlContext, parse_create_table
from routine_load.sql.ddl_tokens import Reader
from routine_load.sql.ddl_types import read_type
from routine_load.sql.literals import quote_name, quote_string
from routine_load.sql.schema import Column, ColumnType, KeyModel, Table, TypeName

_NO_DATABASE: Final = frozenset({1049, 5501})
_NO_TABLE: Final = frozenset({1051, 1146, 5502})
_FRESH_S: Final = 2.0

_COLUMNS: Final = (
    "SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_KEY, COLUMN_DEFAULT, EXTRA FROM information_schema.columns "
    "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION"
)
_MODELS: Final = {"PRI": KeyModel.PRIMARY, "UNI": KeyModel.UNIQUE, "AGG": KeyModel.AGGREGATE, "DUP": KeyModel.DUPLICATE}


class Tables:
    """Thread-safe. A table is asked for each time: it may have been altered, or have got a partition."""

    def __init__(self, frontend: Frontend, clock: Clock) -> None:
        self._frontend = frontend
        self._clock = clock
        self._lock = threading.Lock()
        self._databases: frozenset[str] | None = None
        self._at = 0.0

    @property
    def vendor(self) -> Compat:
        return self._frontend.address.vendor

    def ask(self, text: str) -> list[dict[str, Any]]:
        """Raises ClusterRefused, TargetUnavailable."""
        return self._frontend.ask(text)

    def databases(self) -> list[str]:
        """Without information_schema. Raises TargetUnavailable."""
        names = [_first(row) for row in self._frontend.ask("SHOW DATABASES")]
        found = sorted(name for name in names if name.lower() != "information_schema")
        with self._lock:
            self._databases, self._at = frozenset(found), self._clock.monotonic()
        return found

    def has_database(self, database: str) -> bool:
        """While the cluster does not answer, what was known last: jobs can be looked at and paused all the same."""
        if database.lower() == "information_schema":
            return True
        with self._lock:
            known, age = self._databases, self._clock.monotonic() - self._at
        if known is not None and database in known and age < _FRESH_S:
            return True
        try:
            return database in self.databases()
        except TargetUnavailable:
            return known is None or database in known

    def names(self, database: str, *, views: bool) -> list[str]:
        """Tables of a database, or its views. Raises UnknownDatabase, TargetUnavailable."""
        rows = self._asked(f"SHOW FULL TABLES FROM {quote_name(database)}", TableRef(database, ""))
        return [_first(row) for row in rows if ("VIEW" in str(row.get("Table_type", "")).upper()) is views]

    def table(self, ref: TableRef) -> Table:
        """Raises UnknownDatabase, UnknownTable, TargetUnavailable, ClusterRefused."""
        rows = self._asked(f"SHOW CREATE TABLE {quote_name(ref.database)}.{quote_name(ref.table)}", ref)
        declared = str(rows[0].get("Create Table") or "") if rows else ""
        if not declared:
            raise UnknownTable(f"Unknown table '{ref}'")
        try:
            table = parse_create_table(declared.rstrip().rstrip(";"), DdlContext(ref.database, self.vendor))
        except (AnalysisError, StatementSyntaxError):
            return self._by_columns(ref)
        return replace(table, ref=ref)  # the text may leave the database out, or name the catalog, too

    def _by_columns(self, ref: TableRef) -> Table:
        rows = self._frontend.ask(_COLUMNS, ref.database, ref.table)
        if not rows:
            raise UnknownTable(f"Unknown table '{ref}'")
        keys = [_MODELS.get(str(row["COLUMN_KEY"]).upper()) for row in rows]
        model = next((key for key in keys if key is not None), KeyModel.DUPLICATE)
        columns = [_column(row, self.vendor, is_key=key is not None) for row, key in zip(rows, keys, strict=True)]
        return Table(ref=ref, columns=tuple(columns), key_model=model)

    def _asked(self, text: str, ref: TableRef) -> list[dict[str, Any]]:
        try:
            return self._frontend.ask(text)
        except ClusterRefused as error:
            if error.errno in _NO_DATABASE:
                raise UnknownDatabase(f"Unknown database '{ref.database}'") from error
            if error.errno in _NO_TABLE:
                raise UnknownTable(f"Unknown table '{ref}'") from error
            raise


def _first(row: dict[str, Any]) -> str:
    return str(next(iter(row.values())))


def _column(row: dict[str, Any], vendor: Compat, *, is_key: bool) -> Column:
    name = str(row["COLUMN_NAME"])
    extra = str(row["EXTRA"] or "").upper()
    generated = "GENERATED" in extra or extra.startswith("AS ")
    return Column(
        name=name,
        type=_type(str(row["COLUMN_TYPE"]), name, vendor),
        nullable=str(row["IS_NULLABLE"]).upper() == "YES",
        default=_default(row["COLUMN_DEFAULT"]),
        is_key=is_key,
        auto_increment="AUTO_INCREMENT" in extra,
        generated=extra if generated else None,
    )


def _default(value: object) -> str | None:
    """As DDL would write it: there a constant has quotes, here not."""
    text = None if value is None else str(value)
    return text if text is None or text.upper().startswith("CURRENT_TIMESTAMP") else quote_string(text)


def _type(text: str, column: str, vendor: Compat) -> ColumnType:
    """A type that is not known here takes text: the cluster makes of it what it can (Doris: IPV4, IPV6)."""
    try:
        reader = Reader(text)
        found = read_type(reader, column, vendor)
        reader.expect_end()
    except RoutineLoadError:
        return ColumnType(name=TypeName.STRING)
    return found
