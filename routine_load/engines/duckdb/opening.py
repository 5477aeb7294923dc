"""Opening the file: its settings, the lock on them, and the engine's own tables.

``external access`` is off and the configuration locked before any statement of a user can run; the one directory that
can be read is the error log's (Parquet files of rejected rows). What can still be set is ``breadth``'s business.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import duckdb

from routine_load.engines.duckdb.breadth import COMPACTING, COMPACTING_TASKS, Breadth, memory_bytes
from routine_load.engines.duckdb.defaults import AUTO_INCREMENT
from routine_load.engines.duckdb.failures import plain
from routine_load.engines.duckdb.names import OWN_SCHEMA, RESERVED_DATABASES, Names, quote
from routine_load.engines.duckdb.warehouse import Opened, Warehouse
from routine_load.errors import DirectoryInUse, EngineError
from routine_load.sql.ddl_tokens import literal
from routine_load.transform import native

CHECKPOINT_BYTES = 64_000_000
"""WAL size that starts a checkpoint. Appended row groups go to the file directly, so even long loads write little WAL;
a larger threshold than DuckDB's 16 MB keeps many small commits from stopping for one too often."""

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
CREATE TABLE IF NOT EXISTS {schema}.views (
    database VARCHAR NOT NULL, name VARCHAR NOT NULL, definition VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS {schema}.wide_tables (database VARCHAR NOT NULL, name VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS {schema}.transactions (
    id BIGINT NOT NULL, state VARCHAR NOT NULL, facts VARCHAR NOT NULL, stages VARCHAR NOT NULL);
ALTER TABLE {schema}.commits ADD COLUMN IF NOT EXISTS txn_id BIGINT DEFAULT -1;
"""


def open_warehouse(path: Path, *, error_log_dir: Path, memory: str, threads: int) -> Warehouse:
    """Open or create the file. Raises DirectoryInUse when another process (or engine) has it, EngineError otherwise."""
    if path.stem.lower() in RESERVED_DATABASES:
        raise EngineError(f"The file cannot be called {path.name}: the name is reserved")
    path.parent.mkdir(parents=True, exist_ok=True)
    error_log_dir.mkdir(parents=True, exist_ok=True)

    def opening() -> Opened:
        return _open(path, error_log_dir, (memory, threads))

    return Warehouse(opening, error_log_dir)


def _open(path: Path, error_log_dir: Path, limits: tuple[str, int]) -> Opened:
    """What a crash left in the WAL is read with all the machine's memory, and put nowhere together (``breadth``)."""
    try:
        root = duckdb.connect(str(path), config={COMPACTING: "0"})
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
        _configure(root, limits, path.parent / "tmp", error_log_dir)
        incarnation = _own_tables(root, names)
        breadth = Breadth(memory_bytes(root), names)
        if not breadth.recall(root):
            root.execute(f"SET GLOBAL {COMPACTING} = {COMPACTING_TASKS}")
    except duckdb.Error as error:
        root.close()
        raise EngineError(f"{path} cannot be opened: {plain(error)}") from error
    return Opened(root, names, incarnation, breadth)


def _configure(root: duckdb.DuckDBPyConnection, limits: tuple[str, int], temporary: Path, error_log_dir: Path) -> None:
    memory, threads = limits
    root.execute(f"SET GLOBAL memory_limit = {literal(memory)}")
    settings = {
        "threads": str(threads),
        "temp_directory": literal(str(temporary.resolve())),
        "allowed_directories": f"[{literal(str(error_log_dir.resolve()) + '/')}]",
        "checkpoint_threshold": f"'{min(CHECKPOINT_BYTES, memory_bytes(root) // 4)}B'",
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
        "allowed_configs": f"[{literal(COMPACTING)}]",
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
