"""Sequences that no row shows: of deleted keys, and of every key where the sequence column is hidden.

Doris: the row with the greater or equal sequence wins across batches, and that applies to deletes too. So a delete
leaves its key and sequence in a table beside the table; a later row of the key has to reach it, and takes its place.
Where the sequence column is hidden (``function_column.sequence_type``) the sequences of living rows are there as well.

It grows by one row per key that was deleted and did not come again; TRUNCATE TABLE empties it.
"""

from __future__ import annotations

import duckdb

from routine_load.engines.duckdb.merge_plan import IS_UPSERT, MergePlan, sequence_kind, sequences_ref, sequences_table
from routine_load.engines.duckdb.names import Names, quote
from routine_load.engines.duckdb.types import duckdb_type
from routine_load.sql.schema import Column, Table

KEPT = quote("__rl_sequence")


def keeps_sequences(table: Table) -> bool:
    return table.sequence_type is not None or table.sequence_column is not None


def made(plan: MergePlan, names: Names) -> str:
    """SQL: the table beside the table, where there is none yet."""
    return _creation(plan.table, sequence_kind(plan.table), sequences_table(names, plan.table.ref))


def remembered(plan: MergePlan, names: Names, winners: str) -> list[str]:
    """SQL: the sequences of a merge's winning rows that no row shows. Nothing is lower than NULL: that is not kept."""
    kept = sequences_table(names, plan.table.ref)
    assert plan.sequence_column is not None
    sequence = quote(plan.sequence_column)
    shown = plan.table.column(plan.sequence_column)
    which = f"{sequence} IS NOT NULL"
    if shown is not None:
        unseen = [f"NOT {IS_UPSERT}"] if plan.has_op else []
        unseen += [f"NOT {plan.brings(shown)}"] if shown in plan.masked else []
        which += f" AND ({' OR '.join(unseen) or 'false'})"
    return [
        f"DELETE FROM {kept} AS t USING {winners} AS r WHERE {plan.same_key('t', 'r')}",
        f"INSERT INTO {kept} SELECT {plan.keys()}, {sequence} FROM {winners} WHERE {which}",
    ]


def are_kept(cursor: duckdb.DuckDBPyConnection, names: Names, table: Table) -> bool:
    """The table beside the table is there."""
    return keeps_sequences(table) and _exists(cursor, names, table)


def make(cursor: duckdb.DuckDBPyConnection, names: Names, table: Table) -> None:
    cursor.execute(_creation(table, sequence_kind(table), sequences_table(names, table.ref)))


def forget(cursor: duckdb.DuckDBPyConnection, names: Names, table: Table) -> None:
    """The table is dropped, or made empty."""
    if keeps_sequences(table):
        cursor.execute(f"DROP TABLE IF EXISTS {sequences_table(names, table.ref)}")


def carry(cursor: duckdb.DuckDBPyConnection, names: Names, old: Table, new: Table) -> None:
    """What is remembered goes on under the altered table's name, keys and types."""
    if not keeps_sequences(old) or not _exists(cursor, names, old):
        return
    source, aside = sequences_table(names, old.ref), names.table(sequences_ref(new.ref))
    before, after = _shape(old), _shape(new)
    if before == after:
        if old.ref != new.ref:
            cursor.execute(f"ALTER TABLE {source} RENAME TO {quote(sequences_ref(new.ref).table)}")
        return
    known = dict(zip((c.name for c in old.key_columns), (c.name for c in old.key_columns), strict=True))
    if len(old.key_columns) == len(new.key_columns):
        known = dict(zip((c.name for c in new.key_columns), (c.name for c in old.key_columns), strict=True))
    values = [f"CAST({quote(known[c.name]) if c.name in known else 'NULL'} AS {kind})" for c, kind in _keys(new)]
    temporary = 'temp."__rl_sequences"'
    cursor.execute(f"CREATE TEMP TABLE {quote('__rl_sequences')} AS SELECT {', '.join(values)}, {KEPT} FROM {source}")
    cursor.execute(f"DROP TABLE {source}")
    cursor.execute(_creation(new, after[1], aside))
    cursor.execute(f"INSERT INTO {aside} SELECT * FROM {temporary}")
    cursor.execute(f"DROP TABLE {temporary}")


def _exists(cursor: duckdb.DuckDBPyConnection, names: Names, table: Table) -> bool:
    ref = sequences_ref(table.ref)
    found = cursor.execute(
        "SELECT 1 FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND table_name = ?",
        [names.file, ref.database, ref.table],
    ).fetchone()
    return found is not None


def _keys(table: Table) -> list[tuple[Column, str]]:
    return [(column, duckdb_type(column.type)) for column in table.key_columns]


def _shape(table: Table) -> tuple[list[tuple[str, str]], str]:
    return [(column.name, kind) for column, kind in _keys(table)], sequence_kind(table)


def _creation(table: Table, sequence: str, name: str) -> str:
    keys = ", ".join(f"{quote(column.name)} {kind}" for column, kind in _keys(table))
    return f"CREATE TABLE IF NOT EXISTS {name} ({keys}, {KEPT} {sequence})"
