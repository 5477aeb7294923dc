"""Statements about routine load jobs: from parse trees to values.

Owns the shape rules of each statement; refuses to know which properties, tables or jobs exist.
"""

from __future__ import annotations

from routine_load.errors import AnalysisError
from routine_load.sql import statements as s
from routine_load.sql.building_clauses import load_clauses
from routine_load.sql.literals import string_value
from routine_load.sql.predicates import job_name_condition
from routine_load.sql.trees import (
    Node,
    Reading,
    child,
    database,
    dotted,
    has,
    like,
    limits,
    name,
    need,
    nodes,
    place,
    sort_keys,
    token,
)


def create(reading: Reading, tree: Node) -> s.Statement:
    on, comment = child(tree, "on"), child(tree, "comment")
    merge = next((c.data for c in nodes(tree) if c.data in {"append", "delete", "merge"}), "append")
    source = need(tree, "source")
    return s.CreateRoutineLoad(
        job=reading.job(tree),
        table=dotted(on) if on else None,
        merge_type=s.MergeType(merge.upper()),
        clauses=load_clauses(reading, child(tree, "load_clauses")),
        properties=reading.properties(child(tree, "properties")),
        source=name(source),
        source_properties=reading.properties(source),
        comment=string_value(token(comment)) if comment else "",
    )


def alter(reading: Reading, tree: Node) -> s.Statement:
    on, source, properties = child(tree, "on"), child(tree, "source"), child(tree, "properties")
    clauses = child(tree, "load_clauses")
    given = [part for part in (clauses, properties, source) if part is not None]
    if on is not None and given:
        raise AnalysisError(
            "ALTER ROUTINE LOAD target table change does not support other properties", position=place(on)
        )
    if on is None and not given:
        raise AnalysisError("No properties are specified")
    if source is not None and not has(source, "property"):
        raise AnalysisError("FROM in ALTER ROUTINE LOAD needs a property list", position=place(source))
    return s.AlterRoutineLoad(
        job=reading.job(tree),
        clauses=load_clauses(reading, clauses),
        properties=reading.properties(properties),
        source=name(source) if source else None,
        source_properties=reading.properties(source),
        table=dotted(on) if on else None,
    )


def rollback(reading: Reading, tree: Node) -> s.Statement:
    return s.RollbackRoutineLoad(job=reading.job(tree), version=int(token(tree)))


def pause(reading: Reading, tree: Node) -> s.Statement:
    return s.PauseRoutineLoad(job=reading.job(tree) if has(tree, "job") else None)


def resume(reading: Reading, tree: Node) -> s.Statement:
    job = reading.job(tree) if has(tree, "job") else None
    return s.ResumeRoutineLoad(job=job, properties=reading.properties(tree))


def stop(reading: Reading, tree: Node) -> s.Statement:
    return s.StopRoutineLoad(job=reading.job(tree))


def show(reading: Reading, tree: Node) -> s.Statement:
    for_job = child(tree, "for_job")
    limit, offset = limits(tree)
    return s.ShowRoutineLoad(
        all=has(tree, "all"),
        job=reading.job(for_job) if for_job else None,
        database=database(tree),
        like=like(tree),
        where=reading.show_where(tree),
        order_by=sort_keys(tree),
        limit=limit,
        offset=offset,
    )


def show_task(reading: Reading, tree: Node) -> s.Statement:
    where, like_node = reading.show_where(tree), child(tree, "like")
    if like_node is not None:
        where = s.Expression(text=reading.slice(like_node), position=place(like_node))
        return s.ShowRoutineLoadTask(database=database(tree), where=where)
    return s.ShowRoutineLoadTask(
        database=database(tree), job_name=job_name_condition(where) if where else None, where=where
    )


def show_create(reading: Reading, tree: Node) -> s.Statement:
    return s.ShowCreateRoutineLoad(job=reading.job(tree), all=has(tree, "all"))


def show_versions(reading: Reading, tree: Node) -> s.Statement:
    return s.ShowRoutineLoadVersions(job=reading.job(tree))
