"""Temporary partitions: rows that are seen by their name only, until they take the place of partitions (both vendors).

Their names and ranges belong to the table's declaration; their rows are in a table beside the table, which is there
while the declaration has any. It has the table's columns and keys, so loads write into it as into any other. Refuses to
know how statements are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from routine_load.engines.duckdb import sequences
from routine_load.engines.duckdb.merge_plan import sequences_table
from routine_load.engines.duckdb.names import Names, quote, quoted
from routine_load.engines.duckdb.partitions import named, rows_of
from routine_load.errors import AnalysisError
from routine_load.ids import TableRef
from routine_load.sql.ddl_alter import AlterAction, CommentOn, RenameTable, ReplacePartitions, SetProperties
from routine_load.sql.schema import Table, TablePartition

_PREFIX = "__rl_temporary_"


def beside(table: Table) -> Table:
    """The table of the rows in temporary partitions."""
    ref = TableRef(table.ref.database, _PREFIX + table.ref.table)
    return replace(table, ref=ref, partitions=table.temporary, partitions_come=False, temporary=())


def owner(ref: TableRef) -> TableRef:
    """The table that a table stands beside; any other is its own."""
    return TableRef(ref.database, ref.table.removeprefix(_PREFIX))


def check_alterable(table: Table, actions: Sequence[AlterAction]) -> None:
    """Both vendors: columns stay as they are while there are temporary partitions. Raises AnalysisError."""
    harmless = (RenameTable, SetProperties)
    for action in actions:
        comments = isinstance(action, CommentOn) and action.column is None
        if table.temporary and not comments and not isinstance(action, harmless):
            raise AnalysisError("Can not alter table when there are temp partitions in table")


def emptied(cursor: duckdb.DuckDBPyConnection, names: Names, table: Table, gone: Sequence[TablePartition]) -> None:
    """The rows of partitions of a table (or of a table beside one), and the sequences that are kept of them."""
    if gone:
        where = rows_of(table, gone)
        for stored in _stored(cursor, names, table):
            cursor.execute(f"DELETE FROM {stored} WHERE {where}")


def exchanged(cursor: duckdb.DuckDBPyConnection, names: Names, table: Table, action: ReplacePartitions) -> None:
    """REPLACE PARTITION: the rows of temporary partitions take the place of those in partitions."""
    emptied(cursor, names, table, named(table, action.names))
    aside = beside(table)
    moved = rows_of(aside, named(aside, action.by, temporary=True))
    columns = quoted([column.name for column in table.stored_columns])
    source, target = names.table(aside.ref), names.table(table.ref)
    cursor.execute(f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {source} WHERE {moved}")
    if sequences.are_kept(cursor, names, aside):
        sequences.make(cursor, names, table)
        source, target = sequences_table(names, aside.ref), sequences_table(names, table.ref)
        cursor.execute(f"INSERT INTO {target} SELECT * FROM {source} WHERE {moved}")
    emptied(cursor, names, aside, named(aside, action.by, temporary=True))


def carried(cursor: duckdb.DuckDBPyConnection, names: Names, old: Table, new: Table) -> None:
    """The table got another name."""
    if old.temporary and old.ref != new.ref:
        cursor.execute(f"ALTER TABLE {names.table(beside(old).ref)} RENAME TO {quote(beside(new).ref.table)}")
        sequences.carry(cursor, names, beside(old), beside(new))


def _stored(cursor: duckdb.DuckDBPyConnection, names: Names, table: Table) -> list[str]:
    kept = [sequences_table(names, table.ref)] if sequences.are_kept(cursor, names, table) else []
    return [names.table(table.ref), *kept]
