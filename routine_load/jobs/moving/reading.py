"""What a front end tells of a job, put together: one job that a statement can say, and what cannot be said of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from routine_load.errors import AnalysisError
from routine_load.ids import Compat, PartitionId
from routine_load.jobs.moving import starts
from routine_load.jobs.moving.created import Created, read_clauses, read_created
from routine_load.jobs.moving.shown import Shown, read_shown
from routine_load.jobs.moving.values import MovedJob, Texts, Told
from routine_load.jobs.registry import REGISTRY
from routine_load.jobs.source import DEFAULT_OFFSETS, DISCOVERY, GROUP_ID, ORIGIN_DEFAULT_OFFSETS
from routine_load.sql.delimiters import delimiter_value
from routine_load.sql.parser import parse
from routine_load.sql.statements import CreateRoutineLoad, Delimiter, LoadClauses, MergeType

_MASK: Final = re.compile(r"\*{3,}")
_MASKED_URL: Final = re.compile(r"\*{3,}@")
_UUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_PREFIX: Final = "property."
_MARKS: Final = {"-2": starts.BEGINNING, "-1": starts.END}
_CLUSTER: Final = "default_cluster:"
"""Stands before names of databases in older releases."""

_PLACES: Final = frozenset({"kafka_partitions", "kafka_offsets", DISCOVERY})


def read_job(told: Told) -> MovedJob:
    """Raises AnalysisError that names the job and what of it cannot be read."""
    try:
        return _read(told)
    except AnalysisError as error:
        raise AnalysisError(f"{told.column('DbName')}.{told.column('Name')}: {error.message}") from error


def _read(told: Told) -> MovedJob:
    if told.column("DataSourceType") not in {"", "KAFKA"}:
        raise AnalysisError(f"its source is {told.column('DataSourceType')}, allowed: KAFKA")
    if told.is_ours and told.created:
        return _of_ours(told)
    shown = read_shown(starts.read_json(told.column("JobProperties"), "JobProperties"), told.compat)
    created, notes = _created(told, shown)
    source = _source(told, created)
    masked = tuple(key for key, value in source.items() if _is_masked(value))
    if REGISTRY in source and REGISTRY not in masked:
        notes += (f"{REGISTRY}: a key and secret in it, if it has any, are not told: give it whole",)
    unknown = {key: value for key, value in shown.unknown.items() if key not in created.properties}
    notes += tuple(
        f"not carried over: {key} = {value[:100]}, which no known release has" for key, value in unknown.items()
    )
    progress, dropped = _progress(told, created)
    name = told.column("Name")
    return MovedJob(
        compat=told.compat,
        database=told.column("DbName").removeprefix(_CLUSTER),
        name=name,
        table=_table(told),
        merge_type=_merge_type(shown, created),
        clauses=_with_delimiters(created.clauses, shown),
        properties={**{k: v for k, v in created.properties.items() if _is_worth(k, v, shown)}, **shown.properties},
        source=_without_made_up_group(source, name),
        starts=progress,
        is_pinned=_is_pinned(told, created),
        comment=told.column("Comment") or created.comment,
        masked=masked,
        notes=notes + dropped,
    )


def _of_ours(told: Told) -> MovedJob:
    """Another service of this kind prints a statement that makes the same job, at the offsets of now."""
    (statement,) = parse(told.created, told.compat)
    if not isinstance(statement, CreateRoutineLoad):
        raise AnalysisError("SHOW CREATE ROUTINE LOAD tells another statement")
    given = {each.key: each.value for each in statement.source_properties}
    source = {key: value for key, value in given.items() if key not in _PLACES}
    written = starts.written_offsets(given)
    follows = given.get(DISCOVERY, "false").lower() == "true" or "kafka_partitions" not in given
    return MovedJob(
        compat=told.compat,
        database=told.column("DbName"),
        name=statement.job.name,
        table=statement.table,
        merge_type=statement.merge_type,
        clauses=statement.clauses,
        properties={each.key: each.value for each in statement.properties},
        source=source,
        starts=written or starts.next_offsets(told.column("Progress")),
        is_pinned=not follows,
        comment=statement.comment,
        masked=tuple(key for key, value in source.items() if _is_masked(value)),
    )


def _created(told: Told, shown: Shown) -> tuple[Created, tuple[str, ...]]:
    """The clauses; where SHOW CREATE does not tell them, those that SHOW prints, which mean the same."""
    problem = "there is no SHOW CREATE ROUTINE LOAD"
    if told.created:
        try:
            return read_created(told.created, told.compat), ()
        except AnalysisError as error:
            problem = error.message
    created = Created(
        merge_type=MergeType(shown.merge_type or "APPEND"), clauses=read_clauses(shown.clauses, told.compat)
    )
    return created, (f"clauses are those of SHOW ROUTINE LOAD: {problem}",)


def _is_worth(key: str, value: str, shown: Shown) -> bool:
    """A property that only SHOW CREATE tells. What of the JSON columns was left out is left out here, too."""
    told_by_json = {"partial_columns", "jsonpaths", "json_root", "enclose", "escape", "task_consume_second"}
    told_by_json |= {"strip_outer_array", "num_as_string", "fuzzy_parse", "desired_concurrent_number"}
    return value != "" and key not in shown.properties and not (shown.properties and key in told_by_json)


def _source(told: Told, created: Created) -> dict[str, str]:
    """Keys of FROM KAFKA, from the JSON columns, which are not escaped twice; then what only SHOW CREATE tells."""
    place = starts.read_json(told.column("DataSourceProperties"), "DataSourceProperties")
    custom = starts.read_json(told.column("CustomProperties"), "CustomProperties")
    source = {"kafka_broker_list": str(place.get("brokerList", "")), "kafka_topic": str(place.get("topic", ""))}
    if place.get(REGISTRY):
        source[REGISTRY] = str(place[REGISTRY])
    for key, value in custom.items():
        bare = told.compat is Compat.DORIS and key.startswith("aws.")
        source[key if bare else f"{_PREFIX}{key}"] = str(value)
    for key, value in created.source.items():
        if key not in _PLACES and (key not in source or _MASKED_URL.search(value)):
            source[key] = value
    return _default_offset({key: value for key, value in source.items() if value})


def _default_offset(source: dict[str, str]) -> dict[str, str]:
    """Doris keeps a date-time twice, as milliseconds and as it was written; the two marks may be numbers."""
    default, origin = f"{_PREFIX}{DEFAULT_OFFSETS}", source.pop(f"{_PREFIX}{ORIGIN_DEFAULT_OFFSETS}", "")
    if origin:
        source[default] = origin
    if default in source:
        source[default] = _MARKS.get(source[default], source[default])
    return source


def _is_masked(value: str) -> bool:
    return _MASK.fullmatch(value) is not None or _MASKED_URL.search(value) is not None


def _without_made_up_group(source: Texts, job: str) -> dict[str, str]:
    """A group id that CREATE made up is made up anew: two services must not commit to one group."""
    group = f"{_PREFIX}{GROUP_ID}"
    made_up = re.compile(rf"{re.escape(job)}_{_UUID}")
    return {key: value for key, value in source.items() if key != group or not made_up.fullmatch(value)}


def _table(told: Told) -> str | None:
    """Doris: a job for many tables has none (manuals: multi-table)."""
    if told.column("IsMultiTable").lower() == "true":
        return None
    table = told.column("TableName")
    if not table or table.isdecimal():
        raise AnalysisError("its table is gone")
    return table


def _merge_type(shown: Shown, created: Created) -> MergeType:
    return MergeType(shown.merge_type) if shown.merge_type in set(MergeType) else created.merge_type


def _with_delimiters(clauses: LoadClauses, shown: Shown) -> LoadClauses:
    def read(text: str | None) -> Delimiter | None:
        return None if text is None else Delimiter(original=text, value=delimiter_value(text))

    return replace(clauses, column_separator=read(shown.column_separator), row_delimiter=read(shown.row_delimiter))


def _progress(told: Told, created: Created) -> tuple[dict[PartitionId, str], tuple[str, ...]]:
    """Next offsets, and a note on partitions that the topic has no more.

    Doris tells next offsets in SHOW CREATE, too: what both say has to agree.
    """
    written = starts.written_offsets(created.source)
    progress = starts.next_offsets(told.column("Progress"))
    if not progress:
        return written, ()  # StarRocks: pinned, and not scheduled yet
    if told.compat is Compat.DORIS and not starts.agreed(progress, written):
        raise AnalysisError(
            f"its progress moved while it was read: Progress is {starts.in_words(progress)}, "
            f"SHOW CREATE {starts.in_words(written)}"
        )
    place = starts.read_json(told.column("DataSourceProperties"), "DataSourceProperties")
    current = starts.partition_list(str(place.get("currentKafkaPartitions", "")))
    gone = {p: offset for p, offset in progress.items() if current and p not in current}
    note = (f"not carried over: partitions that the topic has no more ({starts.in_words(gone)})",) if gone else ()
    return {p: offset for p, offset in progress.items() if p not in gone}, note


def _is_pinned(told: Told, created: Created) -> bool | None:
    """Whether the partitions are all that the job will ever read; None where the front end does not tell.

    StarRocks prints offsets only for a job that is pinned; Doris prints both for every job that has progress.
    """
    listed = "kafka_partitions" in created.source
    if not told.created:
        return None
    if told.compat is Compat.STARROCKS:
        return "kafka_offsets" in created.source or (None if listed else False)
    return None if listed else False


def with_values(job: MovedJob, given: Mapping[str, str]) -> MovedJob:
    """The job with these in the place of what its source says; what is no longer masked is not missing."""
    source = {**job.source, **given}
    return replace(job, source=source, masked=tuple(key for key in job.masked if _is_masked(source.get(key, ""))))
