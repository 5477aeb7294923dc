"""Rows of a partial update that cannot be taken: their key is not there, and they do not bring what a new row needs.

Looked at while rows are staged, before any lock, so that such a row is a rejected row with its place in the topic. A
key that disappears between this look and the merge fails the load there, which is then read again.
"""

from __future__ import annotations

import duckdb

from routine_load.engines.duckdb.merge_plan import IS_UPSERT, ORDER, MergePlan
from routine_load.engines.duckdb.names import Names
from routine_load.loads.values import RefusedRow


def take_out(
    cursor: duckdb.DuckDBPyConnection, names: Names, plan: MergePlan, staged: tuple[str, int]
) -> list[RefusedRow]:
    """Delete the rows from ``staged`` (the stage, and the ordinal of its first new row) that the table cannot take."""
    stage, first = staged
    if not plan.required:
        return []
    found = cursor.execute(_impossible(plan, stage, first, names.table(plan.table.ref))).fetchall()
    ordinals = [int(row[0]) for row in found]
    if ordinals:
        cursor.execute(f"DELETE FROM {stage} WHERE {ORDER} IN (SELECT unnest(?::BIGINT[]))", [ordinals])
    column = plan.required[0].name
    reason = (
        f"the unmentioned column `{column}` should have default value or be nullable for newly inserted rows in "
        "partial update"
    )
    return [RefusedRow(ordinal - first, column, reason) for ordinal in ordinals]


def _impossible(plan: MergePlan, stage: str, first: int, target: str) -> str:
    """SELECT of ordinals. A key is there when the table has it, or a row before made it, and none deleted it since."""
    gone = f"NOT {IS_UPSERT}" if plan.has_op else "false"
    complete = " AND ".join(plan.brings(column) if column.name in plan.columns else "false" for column in plan.required)
    window = f"WINDOW w AS (PARTITION BY {plan.keys()} ORDER BY {ORDER})"
    rows = (
        f'SELECT {plan.keys()}, {ORDER}, {gone} AS "__rl_gone",'
        f' max({ORDER}) FILTER (WHERE {gone}) OVER w AS "__rl_cut",'
        f' max({ORDER}) FILTER (WHERE NOT ({gone}) AND {complete}) OVER w AS "__rl_made"'
        f" FROM {stage} WHERE {ORDER} >= {first} {window}"
    )
    before = f'SELECT {plan.keys()}, arg_max({gone}, {ORDER}) AS "__rl_gone" FROM {stage} WHERE {ORDER} < {first}'
    return (
        f"SELECT s.{ORDER} FROM ({rows}) AS s"
        f" LEFT JOIN ({before} GROUP BY {plan.keys()}) AS b ON {plan.same_key('b', 's')}"
        f" LEFT JOIN {target} AS t ON {plan.same_key('t', 's')}"
        ' WHERE NOT s."__rl_gone" AND NOT coalesce(s."__rl_made" > coalesce(s."__rl_cut", -1), false)'
        ' AND NOT (s."__rl_cut" IS NULL AND coalesce(NOT b."__rl_gone", t.rowid IS NOT NULL))'
        f" ORDER BY s.{ORDER}"
    )
