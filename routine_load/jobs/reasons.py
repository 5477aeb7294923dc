"""Why a job is paused, cancelled, stopped or unstable: every cause, its code and its text, for both vendors.

The one table of them (StarRocks: causes of every transition; Doris: causes of a system pause). Refuses to know when a
cause has come about.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from routine_load.ids import Compat
from routine_load.jobs.states import DorisReason, Reason, StarRocksReason


class Cause(StrEnum):
    """What moved a job."""

    USER_PAUSE = "user_pause"
    USER_STOP = "user_stop"
    TOPIC_AT_PLANNING = "topic_at_planning"
    """The topic's partitions cannot be had while the job is planned, and asking again does not help."""
    TOPIC_WHILE_RUNNING = "topic_while_running"
    PARTITION_MISSING = "partition_missing"
    """The job is pinned to a partition that the topic does not have."""
    DATABASE_GONE = "database_gone"
    TABLE_GONE = "table_gone"
    BEYOND_LOG_END = "beyond_log_end"
    """CREATE or ALTER said an offset beyond the end of the partition."""
    LOG_CUT = "log_cut"
    """The log ends before what was read of it."""
    OFFSET_GONE = "offset_gone"
    """Kafka has dropped the offset that is to be read next."""
    BEGIN_REFUSED = "begin_refused"
    PLAN_REFUSED = "plan_refused"
    """Columns, expressions or table do not fit any more."""
    JSON_PATHS = "json_paths"
    """The ``jsonpaths`` or the ``json_root`` cannot be read."""
    MULTI_TABLE_PLAN = "multi_table_plan"
    """A message of a multi-table job names a table that is not there."""
    FILTER_RATIO = "filter_ratio"
    ERROR_WINDOW = "error_window"
    PARSE_ERROR = "parse_error"
    LAG = "lag"
    SINK_KEEPS_FAILING = "sink_keeps_failing"
    IN_DOUBT = "in_doubt"
    """Record and target do not tell one story: a person has to look."""
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class _Told:
    code: int
    text: str


_S, _D = StarRocksReason, DorisReason
_ADVICE: Final = (
    "Check the 'TrackingSQL' field for detailed information. If you are sure that the data has many errors, you can "
    "set '{}' property to a greater value through ALTER ROUTINE LOAD and RESUME the job"
)

_CUT: Final = "The topic was re-created, or Kafka lost records"

_ALIKE: dict[Cause, _Told] = {
    Cause.USER_PAUSE: _Told(_S.MANUAL_PAUSE, "User {user} pauses routine load job"),
    Cause.USER_STOP: _Told(_S.MANUAL_STOP, "User  {user} stop routine load job"),
    Cause.BEGIN_REFUSED: _Told(_S.CREATE_TASKS, "failed to begin txn for task :{detail}"),
    Cause.MULTI_TABLE_PLAN: _Told(
        _S.MANUAL_PAUSE, "failed to get stream load plan, errCode = 7, detailMessage = {detail}"
    ),
    Cause.SINK_KEEPS_FAILING: _Told(_S.TASKS_ABORT, "{attempts} attempts in a row failed, the last one with: {detail}"),
    Cause.INTERNAL: _Told(_S.INTERNAL, "{detail}"),
}

_STARROCKS: dict[Cause, _Told] = _ALIKE | {
    Cause.TOPIC_AT_PLANNING: _Told(_S.PARTITIONS, "Job failed to fetch all current partition with error [{detail}]"),
    Cause.TOPIC_WHILE_RUNNING: _Told(_S.PARTITIONS, "{detail}"),
    Cause.PARTITION_MISSING: _Told(_S.INTERNAL, "{detail}"),
    Cause.DATABASE_GONE: _Told(_S.DATABASE, "db {database}not exist"),
    Cause.TABLE_GONE: _Told(_S.TABLE, "table not exist"),
    Cause.BEYOND_LOG_END: _Told(
        _S.TASKS_ABORT,
        "FE aborts the task with reason: failed to check task ready to execute, err: {detail} through ALTER ROUTINE "
        "LOAD and RESUME the job",
    ),
    Cause.LOG_CUT: _Told(
        _S.TASKS_ABORT,
        "FE aborts the task with reason: failed to check task ready to execute, err: Consume offset: {offset} is "
        "greater than the latest offset: {end} in kafka partition: {partition}. You can modify 'kafka_offsets' "
        "property through ALTER ROUTINE LOAD and RESUME the job. " + _CUT,
    ),
    Cause.OFFSET_GONE: _Told(_S.TASKS_ABORT, "be {backend} abort task with reason: {detail}"),
    Cause.PLAN_REFUSED: _Told(_S.INTERNAL, "failed to create task: {detail}"),
    Cause.JSON_PATHS: _Told(_S.INTERNAL, "failed to create task: {detail}"),
    Cause.FILTER_RATIO: _Told(_S.TOO_MANY_FAILURE_ROWS, "{detail}. " + _ADVICE.format("max_filter_ratio")),
    Cause.ERROR_WINDOW: _Told(
        _S.TOO_MANY_FAILURE_ROWS,
        "Current error rows: {errors} is more than max error num: {allowed}. " + _ADVICE.format("max_error_number"),
    ),
    Cause.PARSE_ERROR: _Told(_S.DATA_PARSE_ERROR, "{detail}. Check the 'TrackingSQL' field for detailed information."),
    Cause.LAG: _Told(
        _S.SLOW_RUNNING,
        "The lag [{lag}] of partition [{partition}] exceeds Config.routine_load_unstable_threshold_second "
        "[{threshold}]",
    ),
    Cause.IN_DOUBT: _Told(_S.TASKS_ABORT, "{detail}"),
}

_DORIS: dict[Cause, _Told] = _ALIKE | {
    Cause.TOPIC_AT_PLANNING: _Told(
        _D.PARTITIONS,
        "{detail} may be Kafka properties set in job is error or no partition in this topic that should check Kafka",
    ),
    Cause.TOPIC_WHILE_RUNNING: _Told(_D.PARTITIONS, "failed to get latest partition offset. {{}}{detail}"),
    Cause.PARTITION_MISSING: _Told(
        _D.PARTITIONS,
        "{detail} may be Kafka properties set in job is error or no partition in this topic that should check Kafka",
    ),
    Cause.DATABASE_GONE: _Told(_D.DATABASE, "db {database} does not exist"),
    Cause.TABLE_GONE: _Told(_D.TABLE, "table does not exist"),
    Cause.BEYOND_LOG_END: _Told(_D.INTERNAL, "{detail}"),
    # Not by itself: the log may have grown past the offset by then, over records that nobody would ever read.
    Cause.LOG_CUT: _Told(
        _D.CANNOT_RESUME,
        "offset set in job: {offset} is greater than kafka latest offset: {end} partition id: {partition}. " + _CUT,
    ),
    Cause.OFFSET_GONE: _Told(
        _D.CANNOT_RESUME,
        "{detail}. the offset used by job does not exist in kafka, please check the offset, using the Alter ROUTINE "
        "LOAD command to modify it, and resume the job",
    ),
    Cause.PLAN_REFUSED: _Told(_D.CREATE_TASKS, "failed to create task: {detail}"),
    Cause.JSON_PATHS: _Told(_D.CANNOT_RESUME, "{detail}, please check the jsonpaths"),
    Cause.ERROR_WINDOW: _Told(
        _D.TOO_MANY_FAILURE_ROWS,
        "current error rows is more than max_error_number or the max_filter_ratio is more than the value set",
    ),
    Cause.IN_DOUBT: _Told(_D.CANNOT_RESUME, "{detail}"),
}

REASONS: Final[dict[Compat, dict[Cause, _Told]]] = {Compat.STARROCKS: _STARROCKS, Compat.DORIS: _DORIS}
"""Doris has no UNSTABLE, and fails no batch for its share of bad rows or for a message that cannot be parsed."""

NEVER_HERE: Final[dict[Compat, frozenset[int]]] = {
    Compat.STARROCKS: frozenset({_S.IMPOSSIBLE, _S.REPLICA_FEW, _S.META_NOT_FOUND}),
    Compat.DORIS: frozenset({_D.REPLICA_FEW, _D.META_NOT_FOUND}),
}
"""Codes that nothing here leads to: there are no replicas, and a table or database that is gone says so by 5 and 6."""


def reason(cause: Cause, compat: Compat, **values: object) -> Reason:
    """The code and text of a cause. ``values`` are what its text names."""
    told = REASONS[compat][cause]
    return Reason(told.code, told.text.format(**values))


def paused_by(user: str) -> Reason:
    return reason(Cause.USER_PAUSE, Compat.STARROCKS, user=user)


def stopped_by(user: str) -> Reason:
    """Two blanks, as the vendors print it."""
    return reason(Cause.USER_STOP, Compat.STARROCKS, user=user)
