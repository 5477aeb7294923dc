"""What a table's key model asks of a load: deletes, sequence columns, partial updates. Refuses to know expressions."""

from __future__ import annotations

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.loads.values import SEQUENCE, Format, LoadSpec
from routine_load.sql.schema import Column, KeyModel, Table
from routine_load.sql.statements import MergeType

ABSENT = "\ufdd0absent\ufdd0"
"""Stands for a key that a JSON object does not have, where that differs from null; no text that is exchanged has it."""


def can_delete(spec: LoadSpec, table: Table) -> bool:
    """The load can delete rows. Raises AnalysisError for a merge type that the table does not take."""
    if spec.compat is Compat.STARROCKS:
        return table.key_model is KeyModel.PRIMARY
    if spec.merge_type is not MergeType.APPEND and table.key_model is not KeyModel.UNIQUE:
        raise AnalysisError("load by MERGE or DELETE is only supported in unique tables.")
    if spec.merge_type is MergeType.MERGE and spec.delete_on is None:
        raise AnalysisError("Excepted DELETE ON clause when merge type is MERGE.")
    if spec.merge_type is not MergeType.MERGE and spec.delete_on is not None:
        raise AnalysisError("not support DELETE ON clause when merge type is not MERGE.")
    return table.key_model is KeyModel.UNIQUE


def check_partial(spec: LoadSpec, table: Table, filled: set[str]) -> None:
    """A partial update names every key column; ``filled`` are the table columns that the load fills, lower case."""
    if not spec.partial_update:
        return
    starrocks = spec.compat is Compat.STARROCKS
    if starrocks and table.key_model is not KeyModel.PRIMARY:
        raise AnalysisError("Only primary key table support partial update")
    for column in table.key_columns:
        if column.name.lower() not in filled:
            if starrocks:
                raise AnalysisError(f"key column {column.name} not in partial update columns")
            raise AnalysisError(f"Partial update should include all key columns, missing: {column.name}")


def hidden_sequence(spec: LoadSpec, table: Table) -> Column | None:
    """The hidden sequence column as a column to be filled (Doris: function_column.sequence_type).

    In a flexible partial update each row may bring it by its name, and no other column stands for it.
    """
    kind = table.sequence_type
    if kind is None:
        return None
    if spec.flexible and spec.sequence_column is not None:
        raise AnalysisError(
            f"Flexible partial update does not support ORDER BY {spec.sequence_column}: "
            f"its rows bring {SEQUENCE.upper()} themselves"
        )
    return Column(name=SEQUENCE, type=kind)


def _is_listed(spec: LoadSpec, declared: str) -> bool:
    """Doris: a COLUMNS of assignments alone does not say that the sequence column is loaded."""
    items = spec.columns or ()
    fills = spec.fill_missing_columns and spec.format is Format.JSON
    return not items or fills or any(item.name.lower() == declared.lower() for item in items)


def check_sequence(spec: LoadSpec, table: Table, filled: set[str]) -> None:
    """Doris: the sequence column must be loaded, and ORDER BY belongs to tables that have one."""
    wanted, declared = spec.sequence_column, table.sequence_column
    name = table.ref.table
    if wanted is not None and table.key_model is not KeyModel.UNIQUE:
        raise AnalysisError("sequence column only support UNIQUE_KEYS")
    if table.sequence_type is not None:
        if SEQUENCE not in filled:
            if wanted is not None:
                raise AnalysisError(f"There is no sequence column in the table {name}: {wanted}")
            raise AnalysisError(f"Table {name} has sequence column, need to specify the sequence column")
        return
    if wanted is not None and (declared is None or wanted.lower() != declared.lower()):
        told = "" if declared is None else f", it is {declared}"
        raise AnalysisError(f"There is no sequence column in the table {name}: {wanted}{told}")
    if declared is not None and (declared.lower() not in filled or not _is_listed(spec, declared)):
        raise AnalysisError(f"Table {name} has sequence column, need to specify the sequence column")
