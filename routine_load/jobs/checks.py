"""What a job asks of its table (StarRocks: properties that need the table; Doris: merge types, partial update).

Owns the checks that need only the table's declaration. Refuses to know columns' expressions: the load path checks them.
"""

from __future__ import annotations

from collections.abc import Sequence

from routine_load.errors import AnalysisError, ExecutionError
from routine_load.ids import Compat
from routine_load.jobs.definition import JobDefinition
from routine_load.jobs.partial_update import check_definition, check_merge_type
from routine_load.jobs.properties import UpdateMode
from routine_load.sql.automatic_partitions import may_come, with_named
from routine_load.sql.schema import KeyModel, Table, TypeName

_TEXTS = frozenset({TypeName.CHAR, TypeName.VARCHAR, TypeName.STRING, TypeName.VARBINARY})
_NOT_COMPARABLE = _TEXTS | {TypeName.JSON} | {name for name in TypeName if name.is_state}


def check_table(
    definition: JobDefinition, table: Table, *, at_create_only: bool = False, altering: bool = False
) -> None:
    """Raises AnalysisError or ExecutionError in the vendor's words.

    ``at_create_only``: what StarRocks looks at when a task is planned is left out (``validate = 'off'``).
    """
    check_merge_type(definition.merge_type, table)
    flexible = definition.properties.unique_key_update_mode is UpdateMode.FLEXIBLE
    if flexible or not at_create_only or definition.compat is Compat.DORIS:
        _check_partial_update(definition, table, altering=altering)
    check_merge_condition(definition.properties.merge_condition, table)
    clauses = definition.clauses
    check_partitions(clauses.partitions, table, temporary=clauses.temporary_partitions)
    if definition.properties.load_to_single_tablet and "RANDOM" not in table.distribution.upper():
        raise ExecutionError("if load_to_single_tablet set to true, the olap table must be with random distribution")


def _check_partial_update(definition: JobDefinition, table: Table, *, altering: bool) -> None:
    if definition.compat is Compat.DORIS or definition.properties.unique_key_update_mode is UpdateMode.FLEXIBLE:
        check_definition(definition, table, altering=altering)
        return
    if not definition.properties.partial_update:
        return
    if table.key_model is not KeyModel.PRIMARY:
        raise AnalysisError("Only primary key table support partial update")
    named = {item.name.lower() for item in definition.clauses.columns or ()}
    named |= {column.name.lower() for column in definition.clauses.metadata or ()}
    for column in table.key_columns:
        if column.name.lower() not in named:
            raise AnalysisError(f"key column {column.name} not in partial update columns")


def check_merge_condition(condition: str | None, table: Table) -> None:
    """StarRocks: a conditional update, of a job or a Stream Load."""
    if condition is None:
        return
    name = table.ref.table
    if table.key_model is not KeyModel.PRIMARY:
        raise ExecutionError(f"Conditional update only support primary key table {name}")
    column = table.column(condition)
    if column is None:
        raise ExecutionError(
            f"Merge condition column {condition} does not exist. If you are doing partial update with condition "
            "update, please check condition column is in the given update columns. Otherwise please check condition "
            f"column is in table {name}"
        )
    if column.is_key:
        raise ExecutionError(f"Merge condition column {condition} should not be primary key!")
    if column.type.name in _NOT_COMPARABLE:
        raise ExecutionError("Merge condition column has invalid type maybe bitmap/hll/percentile/json/varchar!")


def check_partitions(partitions: Sequence[str] | None, table: Table, *, temporary: bool) -> None:
    """The partitions that are named are there."""
    names = tuple(p.name for p in table.temporary) if temporary else with_named(table, partitions or ()).partition_names
    known = {name.lower() for name in names}
    for name in partitions or ():
        if name.lower() not in known and (temporary or not may_come(table, name)):
            raise ExecutionError(f"Partition {name} does not exist")
