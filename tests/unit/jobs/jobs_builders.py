"""Statements and jobs for the tests of this folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.ids import Compat, JobId, Label, PartitionId, TaskId
from routine_load.jobs.definition import DefineContext, JobDefinition, define
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import Job
from routine_load.jobs.properties import PropertyContext
from routine_load.jobs.states import JobState
from routine_load.sql.statements import CreateRoutineLoad, JobName, LoadClauses, MergeType, Property

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
SOURCE = {"kafka_broker_list": "kafka:9092", "kafka_topic": "orders"}


def listed(values: Mapping[str, str]) -> tuple[Property, ...]:
    return tuple(Property(key=key, value=value) for key, value in values.items())


def context(compat: Compat) -> PropertyContext:
    return PropertyContext(compat=compat, config=FrontendConfig.of(compat), timezone="Asia/Shanghai")


def defined(
    compat: Compat = Compat.STARROCKS,
    properties: Mapping[str, str] | None = None,
    source: Mapping[str, str] | None = None,
    *,
    name: str = "j",
    table: str | None = "t",
    clauses: LoadClauses = LoadClauses(),  # noqa: B008 - a frozen value
    merge_type: MergeType = MergeType.APPEND,
    comment: str = "",
) -> JobDefinition:
    statement = CreateRoutineLoad(
        job=JobName(name=name),
        table=table,
        merge_type=merge_type,
        clauses=clauses,
        properties=listed(properties or {}),
        source="KAFKA",
        source_properties=listed(SOURCE | dict(source or {})),
        comment=comment,
    )
    return define(
        statement,
        DefineContext(
            compat=compat,
            config=FrontendConfig.of(compat),
            database="db",
            user="root",
            timezone="Asia/Shanghai",
            uuid=UUID,
        ),
    )


def job_of(
    definition: JobDefinition | None = None,
    *,
    progress: Mapping[int, int] | None = None,
    state: JobState = JobState.RUNNING,
) -> Job:
    return Job(
        id=JobId(7),
        definition=definition or defined(),
        created_at=NOON,
        state=state,
        progress={PartitionId(p): o for p, o in (progress or {0: 0}).items()},
    )


def commit_of(
    sequence: int, ranges: Mapping[int, tuple[int, int]], counts: Counts | None = None, **more: object
) -> CommitRecord:
    record = CommitRecord(
        sequence=sequence,
        label=Label(f"rl-7-{sequence}"),
        job_id=JobId(7),
        task_id=TaskId(UUID),
        ranges=tuple(OffsetRange(PartitionId(p), start, end) for p, (start, end) in ranges.items()),
        counts=counts or Counts(loaded=sum(end - start for start, end in ranges.values())),
        committed_at_ms=int(NOON.timestamp() * 1000),
        execute_ms=10,
    )
    return replace(record, **more)
