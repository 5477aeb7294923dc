"""Opening the file: its settings, the lock on them, and the engine's own tables.

``external access`` is off and the configuration locked before any statement of a user can run; the one directory that
can be read is the error log's (Parquet files of rejected rows).
"""

from __future__ import annotations

import contextlib
import threading
import uuid
import weakref
from pathlib import Path

import duckdb

from routine_load.clock import Deadline
from routine_load.engines.duckdb.defaults import AUTO_INCREMENT
from routine_load.engines.duckdb.failures import plain
from routine_load.engines.duckdb.names import OWN_SCHEMA, RESERVED_DATABASES, Names, quote
from routine_load.engines.duckdb.running import Statements
from routine_load.errors import DirectoryInUse, EngineError
from routine_load.sql.ddl_tokens import literal
from routine_load.transform import native

CHECKPOINT_BYTES = "64MB"
"""WAL size that starts a checkpoint. Appended row groups go to the file directly, so even long loads write little WAL;
a larger threshold than DuckDB's 16 MB keeps many small commits from stopping for one too often."""

CLOSE_WAIT_S = 10.0
CLOSE_RETRY_S = 0.01

LAYOUT = "1"

_OWN_TABLES = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);
CREATE SEQUENCE IF NOT EXISTS {schema}.{auto_increment};
CREATE TABLE IF NOT EXISTS {schema}.databases (name VARCHAR PRIMARY KEY);
CREATE TABLE IF NOT EXISTS {schema}.tables (
    database VARCHAR NOT NULL, name VARCHAR NOT NULL, definition VARCHAR NOT NULL, PRIMARY KEY (database, name));
CREATE TABLE IF NOT EXISTS {schema}.progress (
    job_id BIGINT NOT NULL, partition INTEGER NOT NULL, next_offset BIGINT NOT NULL, PRIMARY KEY (job_id, partition));
CREATE TABLE IF NOT EXISTS {schema}.commits (
    sequence BIGINT PRIMARY KEY, label VARCHAR NOT NULL UNIQUE, job_id BIGINT NOT NULL, task_id VARCHAR NOT NULL,
    ranges VARCHAR NOT NULL, loaded BIGINT NOT NULL, filtered BIGINT NOT NULL, unselected BIGINT NOT NULL,
    received_bytes BIGINT NOT NULL, messages BIGINT NOT NULL, timestamps_ms VARCHAR NOT NULL, rejects VARCHAR NOT NULL,
    execute_ms BIGINT NOT NULL, committed_at_ms BIGINT NOT NULL, first_error VARCHAR NOT NULL);
ALTER TABLE {schema}.commits ADD COLUMN IF NOT EXISTS txn_id BIGINT DEFAULT -1;
"""


class Warehouse:
    """The open file. Hands out cursors, one per statement or transaction, and closes them with the file."""

    def __init__(self, root: duckdb.DuckDBPyConnection, names: Names, incarnation: str, error_log_dir: Path) -> None:
        self.names = names
        self.incarnation = incarnation
        self.error_log_dir = error_log_dir
        self._root = root
        self._lock = threading.Lock()
        self._cursors: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()
        self._closed = False
        self.statements = Statements()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same file; the caller closes it."""
        with self._lock:
            if self._closed:
                raise EngineError("The engine is closed")
            cursor = self._root.cursor()
            self._cursors.add(cursor)
        self.statements.adopt(cursor)
        return cursor

    def close(self) -> None:
        """Close the file; what is under way is interrupted and rolled back. The second call does nothing.

        A connection that runs a statement refuses to be closed, so this interrupts and asks again, for a bounded time.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self.statements.close()
        deadline = Deadline.after(CLOSE_WAIT_S)
        pause = threading.Event()
        while True:
            busy = [cursor for cursor in list(self._cursors) if not _closes(cursor)]
            if not busy and _closes(self._root):
                return
            if deadline.expired:
                raise EngineError(f"{len(busy)} statements did not stop within {CLOSE_WAIT_S:g} s; the file stays open")
            pause.wait(CLOSE_RETRY_S)


def _closes(connection: duckdb.DuckDBPyConnection) -> bool:
    """Interrupt and close; False where it is still busy."""
    with contextlib.suppress(duckdb.ConnectionException):
        connection.interrupt()
    try:
        connection.close()
    except duckdb.ConnectionException:
        return True
    except duckdb.Error:
        return False
    return True


def open_warehouse(path: Path, *, error_log_dir: Path, memory: str, threads: int) -> Warehouse:
    """Open or create the file. Raises DirectoryInUse when another process (or engine) has it, EngineError otherwise."""
    if path.stem.lower() in RESERVED_DATABASES:
        raise EngineError(f"The file cannot be called {path.name}: the name is reserved")
    path.parent.mkdir(parents=True, exist_ok=True)
    error_log_dir.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / "tmp"
    try:
        root = duckdb.connect(str(path))
    except (duckdb.IOException, duckdb.ConnectionException) as error:
        if "lock" in str(error) or "different configuration" in str(error):
            owner = str(error).rpartition("(PID ")[2].split(")")[0] if "(PID " in str(error) else ""
            raise DirectoryInUse(f"{path} is open in another process" + (f" (pid {owner})" if owner else "")) from error
        raise EngineError(f"{path} cannot be opened: {plain(error)}") from error
    try:
        if _one(root, "SELECT current_setting('lock_configuration')"):
            root.close()
            raise DirectoryInUse(f"{path} is open already in this process")
        names = Names(str(_one(root, "SELECT current_database()")))
        native.install(root)
        _configure(root, (memory, threads), temporary, error_log_dir)
        incarnation = _own_tables(root, names)
    except duckdb.Error as error:
        root.close()
        raise EngineError(f"{path} cannot be opened: {plain(error)}") from error
    return Warehouse(root, names, incarnation, error_log_dir)


def _configure(root: duckdb.DuckDBPyConnection, limits: tuple[str, int], temporary: Path, error_log_dir: Path) -> None:
    memory, threads = limits
    settings = {
        "memory_limit": literal(memory),
        "threads": str(threads),
        "temp_directory": literal(str(temporary.resolve())),
        "allowed_directories": f"[{literal(str(error_log_dir.resolve()) + '/')}]",
        "checkpoint_threshold": literal(CHECKPOINT_BYTES),
        # Rows come back in the order they were loaded; measured, giving that up saves neither time nor memory here.
        "preserve_insertion_order": "true",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "python_enable_replacements": "false",
        "TimeZone": "'UTC'",
        # Both vendors: a division by zero is NULL.
        "error_on_division_by_zero": "false",
        "enable_external_access": "false",
        "lock_configuration": "true",
    }
    for name, value in settings.items():
        root.execute(f"SET GLOBAL {quote(name)} = {value}")


def _own_tables(root: duckdb.DuckDBPyConnection, names: Names) -> str:
    root.execute("BEGIN")
    root.execute(_OWN_TABLES.format(schema=names.schema(OWN_SCHEMA), auto_increment=AUTO_INCREMENT))
    meta = names.own("meta")
    root.execute(
        f"INSERT INTO {meta} VALUES ('incarnation', ?), ('layout', ?) ON CONFLICT DO NOTHING",
        [uuid.uuid4().hex, LAYOUT],
    )
    layout = _one(root, f"SELECT value FROM {meta} WHERE key = 'layout'")
    incarnation = _one(root, f"SELECT value FROM {meta} WHERE key = 'incarnation'")
    root.execute("COMMIT")
    if layout != LAYOUT:
        raise EngineError(f"The file was written by another version: layout {layout}, this version knows {LAYOUT}")
    return str(incarnation)


def _one(cursor: duckdb.DuckDBPyConnection, query: str) -> object:
    rows = cursor.execute(query).fetchall()  # all of them: functions cannot be installed behind an open result
    return rows[0][0]
