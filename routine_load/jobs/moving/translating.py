"""A job of one vendor as a job of the other, where that means the same (Doris: dialect switch).

Three things can become of what the other vendor does not have: it changes no row and is left out with a note; it has
another name there; or rows would be others, and the job is refused. Functions within expressions stay as they are
written: most have both vendors' meaning, and the cluster refuses those that it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.jobs.moving.values import MovedJob
from routine_load.jobs.registry import REGISTRY_PREFIX
from routine_load.jobs.source import DEFAULT_OFFSETS
from routine_load.sql.statements import MergeType

_DEFAULT: Final = f"property.{DEFAULT_OFFSETS}"
_STARROCKS_INTERVAL_MIN: Final = 5

_SAME_ROWS: Final = {
    Compat.DORIS: {
        "task_consume_second": "15",
        "task_timeout_second": "60",
        "log_rejected_record_num": "0",
        "pause_on_fatal_parse_error": "false",
        "warehouse": "default_warehouse",
    },
    Compat.STARROCKS: {
        "exec_mem_limit": "2147483648",
        "send_batch_parallelism": "1",
        "load_to_single_tablet": "false",
        "fuzzy_parse": "false",
        "workload_group": "normal",
    },
}
"""By the vendor that lacks them, with their defaults: they share work out, and change no row."""

_OTHER_ROWS: Final = {
    Compat.DORIS: {"trim_space": "false", "merge_condition": ""},
    Compat.STARROCKS: {
        "num_as_string": "false",
        "empty_field_as_null": "false",
        "fill_missing_columns": "false",
        "partial_update_new_key_behavior": "APPEND",
    },
}
"""By the vendor that lacks them, with the value at which nothing is lost."""

_OURS: Final = {"push_down": "false", "priority": "10", "rate_limit": "0", "freshness": "", "early_commit": "true"}
_EXPRESSIONS: Final = "expressions stand as they were written: a function may mean something else there"


def for_cluster_of(job: MovedJob, compat: Compat) -> MovedJob:
    """The job by the rules of ``compat``, without what only a service of this kind knows. Raises AnalysisError."""
    job = _without(job, _OURS, "only this service has it")
    for key, harmless in _OTHER_ROWS[compat].items():
        if job.properties.get(key, harmless).lower() != harmless.lower():
            raise AnalysisError(f"{key} = {job.properties[key]} is not in {compat}")
    job = _without(job, _SAME_ROWS[compat], f"{compat} has no such property")
    other = _OTHER_ROWS[compat].keys()
    job = replace(job, properties={key: value for key, value in job.properties.items() if key not in other})
    if job.compat is compat:
        return _doris_clauses(job) if compat is Compat.DORIS else _starrocks_clauses(job)
    step: Callable[[MovedJob], MovedJob] = _to_doris if compat is Compat.DORIS else _to_starrocks
    notes = (_EXPRESSIONS,) if _has_expressions(job) else ()
    return step(replace(job, compat=compat, notes=job.notes + notes))


def _has_expressions(job: MovedJob) -> bool:
    clauses = job.clauses
    return any(item.expression for item in clauses.columns or ()) or clauses.where is not None


def _to_doris(job: MovedJob) -> MovedJob:
    properties = dict(job.properties)
    if properties.pop("partial_update", "false").lower() == "true":
        properties["partial_columns"] = "true"
    notes = list(job.notes)
    if "max_batch_rows" in properties:
        notes.append("max_batch_rows ends a batch in Doris; in StarRocks it only counts for max_error_number")
    source = dict(job.source)
    if source.get(_DEFAULT, "").isdecimal():
        notes.append(f"not carried over: {_DEFAULT} = {source.pop(_DEFAULT)}; Doris takes no number there")
    return _doris_clauses(replace(job, properties=properties, source=source, notes=tuple(notes)))


def _doris_clauses(job: MovedJob) -> MovedJob:
    clauses = job.clauses
    if job.properties.get("format", "csv").lower() == "avro" or any(
        key.startswith(REGISTRY_PREFIX) for key in job.source
    ):
        raise AnalysisError("format avro is not in Doris")
    if clauses.row_delimiter is not None and clauses.row_delimiter.value != "\n":
        raise AnalysisError(f"ROWS TERMINATED BY {clauses.row_delimiter.original!r}: Doris knows line feeds only")
    if clauses.metadata:
        raise AnalysisError("INCLUDE METADATA is not in Doris")
    if job.merge_type is MergeType.APPEND and any(item.name.lower() == "__op" for item in clauses.columns or ()):
        raise AnalysisError("column __op means nothing in Doris: WITH MERGE and DELETE ON say which rows are deleted")
    return replace(job, clauses=replace(clauses, row_delimiter=None))


def _to_starrocks(job: MovedJob) -> MovedJob:
    properties, notes = dict(job.properties), list(job.notes)
    if size := properties.pop("max_batch_size", ""):
        notes.append(f"not carried over: max_batch_size = {size}; StarRocks accepts it without effect")
    interval = properties.get("max_batch_interval", "")
    if interval.isdecimal() and int(interval) < _STARROCKS_INTERVAL_MIN:
        properties["max_batch_interval"] = str(_STARROCKS_INTERVAL_MIN)
        notes.append(f"max_batch_interval {interval} becomes {_STARROCKS_INTERVAL_MIN}, StarRocks' least")
    source = dict(job.source)
    default = source.get(_DEFAULT, "")
    if default and not default.isdecimal() and not default.upper().startswith("OFFSET_"):
        notes.append(f"not carried over: {_DEFAULT} = {default}; StarRocks takes no date-time there")
        del source[_DEFAULT]
    aws = [key for key in source if key.startswith("aws.")]
    if aws:
        raise AnalysisError(f"{aws[0]} is not in StarRocks")
    return _starrocks_clauses(replace(job, properties=properties, source=source, notes=tuple(notes)))


def _starrocks_clauses(job: MovedJob) -> MovedJob:
    if job.table is None:
        raise AnalysisError("a job for many tables is not in StarRocks")
    clauses, properties = job.clauses, dict(job.properties)
    mode = properties.pop("unique_key_update_mode", "UPSERT").upper()
    if mode == "UPDATE_FLEXIBLE_COLUMNS":
        raise AnalysisError("unique_key_update_mode = UPDATE_FLEXIBLE_COLUMNS is not in StarRocks")
    if properties.pop("partial_columns", "false").lower() == "true" or mode == "UPDATE_FIXED_COLUMNS":
        properties["partial_update"] = "true"
    only_doris = {
        f"WITH {job.merge_type}": job.merge_type is not MergeType.APPEND,
        "DELETE ON": clauses.delete_on is not None,
        "ORDER BY": clauses.order_by is not None,
        "PRECEDING FILTER": clauses.preceding_filter is not None,
    }
    for clause, there in only_doris.items():
        if there:
            raise AnalysisError(f"{clause} is not in StarRocks")
    notes = list(job.notes)
    if job.comment:
        notes.append("not carried over: COMMENT; StarRocks has none")
    if clauses.metadata:
        notes.append("INCLUDE METADATA needs StarRocks 4.1")
    return replace(job, properties=properties, comment="", notes=tuple(notes))


def _without(job: MovedJob, properties: Mapping[str, str], why: str) -> MovedJob:
    lost = {
        key: job.properties[key]
        for key, harmless in properties.items()
        if job.properties.get(key, harmless) != harmless
    }
    return replace(
        job,
        properties={key: value for key, value in job.properties.items() if key not in properties},
        notes=job.notes + tuple(f"not carried over: {key} = {value}; {why}" for key, value in lost.items()),
    )
