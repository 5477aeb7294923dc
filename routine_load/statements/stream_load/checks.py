"""What a load asks of its table, beside its columns and expressions (StarRocks, Doris: planning a load).

Refuses to know columns' expressions: the load path checks them.
"""

from __future__ import annotations

from routine_load.errors import AnalysisError, ExecutionError
from routine_load.ids import Compat
from routine_load.jobs.checks import check_merge_condition, check_partitions
from routine_load.jobs.partial_update import check_merge_type, check_table_for
from routine_load.jobs.properties import UpdateMode
from routine_load.loads.values import LoadSpec
from routine_load.sql.schema import KeyModel, Table
from routine_load.statements.stream_load.plan import LoadPlan


def check_plan(plan: LoadPlan, table: Table) -> None:
    """Raises AnalysisError or ExecutionError in the vendor's words."""
    spec = plan.spec
    check_merge_type(spec.merge_type, table)
    _check_partial_update(spec, table)
    check_merge_condition(spec.merge_condition, table)
    check_partitions(spec.partitions, table, temporary=spec.temporary_partitions)
    if plan.load_to_single_tablet and "RANDOM" not in table.distribution.upper():
        raise ExecutionError("if load_to_single_tablet set to true, the olap table must be with random distribution")


def _check_partial_update(spec: LoadSpec, table: Table) -> None:
    if not spec.partial_update:
        return
    if spec.compat is Compat.DORIS:
        check_table_for(UpdateMode.FLEXIBLE if spec.flexible else UpdateMode.FIXED, table)
        return
    if table.key_model is not KeyModel.PRIMARY:
        raise AnalysisError("Only primary key table support partial update")
    named = {item.name.lower() for item in spec.columns or ()}
    for column in table.key_columns:
        if column.name.lower() not in named:
            raise AnalysisError(f"key column {column.name} not in partial update columns")
