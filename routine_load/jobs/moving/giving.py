"""A moved job as the statement that makes it: for a service of this kind, or for a cluster of its vendor.

Owns what each of the two can be told (a cluster knows no ``kafka_partition_discovery``: partitions with offsets pin a
job there). Refuses to write a mask as a value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from routine_load.errors import AnalysisError, PropertyError
from routine_load.jobs.definition import DefineContext, define
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.moving.values import MovedJob
from routine_load.jobs.source import DISCOVERY, MASK, is_secret
from routine_load.sql.render import render
from routine_load.sql.statements import CreateRoutineLoad, JobName, Property

_UTC: Final = "UTC"
_NEWER: Final = {
    "unique_key_update_mode": "UPSERT",
    "empty_field_as_null": "false",
    "fill_missing_columns": "false",
    "pause_on_fatal_parse_error": "false",
}
"""Defaults of properties that older releases refuse by name."""

_ONE_OF_EACH: Final = {"warehouse": "default_warehouse", "workload_group": "normal"}


@dataclass(frozen=True, slots=True)
class Given:
    """A statement, and what its reader has to know."""

    statement: CreateRoutineLoad
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As it is executed: with secrets in it."""
        return render(self.statement)

    @property
    def shown(self) -> str:
        """For people and logs."""
        masked = (
            replace(each, value=MASK)
            if is_secret(each.key) or ("registry.url" in each.key and "@" in each.value)
            else each
            for each in self.statement.source_properties
        )
        return render(replace(self.statement, source_properties=tuple(masked)))


def for_service(job: MovedJob) -> Given:
    """For a service of this kind: it follows its topic where the job did. Raises AnalysisError."""
    job = _without_groups(job)
    pairs = {**job.source, **_places(job)}
    if job.starts and not job.is_pinned:
        pairs[DISCOVERY] = "true"
    return _checked(job, Given(_statement(job, pairs), job.notes))


def _without_groups(job: MovedJob) -> MovedJob:
    """Warehouses and workload groups share a cluster out; here there is one of each."""
    lost = {
        key: value for key, value in job.properties.items() if _ONE_OF_EACH.get(key, value).lower() != value.lower()
    }
    return replace(
        job,
        properties={key: value for key, value in job.properties.items() if key not in lost},
        notes=job.notes + tuple(f"not carried over: {key} = {value}, which is not here" for key, value in lost.items()),
    )


def for_cluster(job: MovedJob) -> Given:
    """For a cluster of the job's vendor, which knows nothing of ours. Raises AnalysisError."""
    job = replace(job, properties={k: v for k, v in job.properties.items() if _NEWER.get(k, "") != v})
    notes = list(job.notes)
    pairs = {**job.source, **_places(job)}
    if job.starts and not job.is_pinned:
        notes.append("kafka_partitions pin the job there: partitions that the topic gets later are not loaded")
    return _checked(job, Given(_statement(job, pairs), tuple(notes)))


def _places(job: MovedJob) -> dict[str, str]:
    if not job.starts:
        return {}
    return {
        "kafka_partitions": ",".join(str(partition) for partition in job.starts),
        "kafka_offsets": ",".join(job.starts.values()),
    }


def _statement(job: MovedJob, source: dict[str, str]) -> CreateRoutineLoad:
    return CreateRoutineLoad(
        job=JobName(name=job.name, database=job.database),
        table=job.table,
        merge_type=job.merge_type,
        clauses=job.clauses,
        properties=tuple(Property(key=key, value=value) for key, value in job.properties.items()),
        source="KAFKA",
        source_properties=tuple(Property(key=key, value=value) for key, value in source.items()),
        comment=job.comment,
    )


def _checked(job: MovedJob, given: Given) -> Given:
    """All that needs no table and no broker. Raises AnalysisError in the vendor's words."""
    if job.masked:
        raise PropertyError(f"{', '.join(job.masked)}: the front end does not tell the value; give it")
    if not job.starts and job.is_pinned:
        raise AnalysisError("the job is pinned to partitions, and has no offsets yet")
    context = DefineContext(
        compat=job.compat,
        config=FrontendConfig.of(job.compat),
        database=job.database,
        user="",
        timezone=_UTC,
        uuid="",
    )
    grouped = _without_groups(job)  # which groups a cluster has, it knows itself
    define(replace(given.statement, properties=_statement(grouped, {}).properties), context)
    return given
