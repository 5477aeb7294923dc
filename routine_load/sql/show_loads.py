"""Column lists of SHOW TRANSACTION, SHOW LOAD and of the tables of ``information_schema`` about loads, by vendor.

Owns names, order and types; refuses to know values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from routine_load.ids import Compat
from routine_load.sql.results import ResultColumn, ResultType


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _typed(text: str, **types: str) -> tuple[ResultColumn, ...]:
    """VARCHAR unless a type names the column."""
    kinds = {name: ResultType(kind) for kind, names in types.items() for name in _names(names)}
    return tuple(ResultColumn(name, kinds.get(name, ResultType.VARCHAR)) for name in _names(text))


TRANSACTION_COLUMNS: Final[Mapping[Compat, tuple[str, ...]]] = {
    Compat.STARROCKS: _names(
        "TransactionId Label Coordinator TransactionStatus LoadJobSourceType PrepareTime PreparedTime CommitTime "
        "PublishTime FinishTime Reason ErrorReplicasCount ListenerId TimeoutMs PreparedTimeoutMs ErrMsg"
    ),
    Compat.DORIS: _names(
        "TransactionId Label Coordinator TransactionStatus LoadJobSourceType PrepareTime PreCommitTime CommitTime "
        "PublishTime FinishTime Reason ErrorReplicasCount ListenerId TimeoutMs"
    ),
}

LOAD_COLUMNS: Final[Mapping[Compat, tuple[str, ...]]] = {
    Compat.STARROCKS: _names(
        "JobId Label State Progress Type Priority ScanRows FilteredRows UnselectedRows SinkRows EtlInfo TaskInfo "
        "ErrorMsg CreateTime EtlStartTime EtlFinishTime LoadStartTime LoadFinishTime TrackingSQL JobDetails Warehouse"
    ),
    Compat.DORIS: _names(
        "JobId Label State Progress Type EtlInfo TaskInfo ErrorMsg CreateTime EtlStartTime EtlFinishTime "
        "LoadStartTime LoadFinishTime URL JobDetails TransactionId ErrorTablets User Comment FirstErrorMsg"
    ),
}

STREAM_LOAD_COLUMNS: Final[Mapping[Compat, tuple[str, ...]]] = {
    Compat.STARROCKS: _names(
        "Label Id LoadId TxnId DbName TableName State ErrorMsg TrackingURL ChannelNum PreparedChannelNum NumRowsNormal "
        "NumRowsAbNormal NumRowsUnselected NumLoadBytes TimeoutSecond CreateTimeMs BeforeLoadTimeMs StartLoadingTimeMs "
        "StartPreparingTimeMs FinishPreparingTimeMs EndTimeMs ChannelState Type TrackingSQL"
    ),
    Compat.DORIS: _names(
        "Label Db Table ClientIp Status Message Url TotalRows LoadedRows FilteredRows UnselectedRows LoadBytes "
        "StartTime FinishTime User Comment FirstErrorMsg"
    ),
}

ROUTINE_LOADS_PROC_COLUMNS: Final = _names("Name Id DbName Statistic TaskStatistic")

ROUTINE_LOAD_JOBS: Final[Mapping[Compat, tuple[ResultColumn, ...]]] = {
    Compat.STARROCKS: _typed(
        "ID NAME CREATE_TIME PAUSE_TIME END_TIME DB_NAME TABLE_NAME STATE DATA_SOURCE_TYPE CURRENT_TASK_NUM "
        "JOB_PROPERTIES DATA_SOURCE_PROPERTIES CUSTOM_PROPERTIES STATISTICS PROGRESS REASONS_OF_STATE_CHANGED "
        "ERROR_LOG_URLS TRACKING_SQL OTHER_MSG LATEST_SOURCE_POSITION OFFSET_LAG TIMESTAMP_PROGRESS",
        bigint="ID CURRENT_TASK_NUM",
        datetime="CREATE_TIME PAUSE_TIME END_TIME",
        json="LATEST_SOURCE_POSITION OFFSET_LAG TIMESTAMP_PROGRESS",
    ),
    Compat.DORIS: _typed(
        "JOB_ID JOB_NAME CREATE_TIME PAUSE_TIME END_TIME DB_NAME TABLE_NAME STATE CURRENT_TASK_NUM JOB_PROPERTIES "
        "DATA_SOURCE_PROPERTIES CUSTOM_PROPERTIES STATISTIC PROGRESS LAG REASON_OF_STATE_CHANGED ERROR_LOG_URLS "
        "USER_NAME CURRENT_ABORT_TASK_NUM IS_ABNORMAL_PAUSE COMPUTE_GROUP FIRST_ERROR_MSG",
        int="CURRENT_ABORT_TASK_NUM",
        boolean="IS_ABNORMAL_PAUSE",
    ),
}

LOADS: Final = _typed(
    "ID LABEL PROFILE_ID DB_NAME TABLE_NAME USER WAREHOUSE STATE PROGRESS TYPE PRIORITY SCAN_ROWS SCAN_BYTES "
    "FILTERED_ROWS UNSELECTED_ROWS SINK_ROWS RUNTIME_DETAILS CREATE_TIME LOAD_START_TIME LOAD_COMMIT_TIME "
    "LOAD_FINISH_TIME PROPERTIES ERROR_MSG TRACKING_SQL REJECTED_RECORD_PATH JOB_ID",
    bigint="ID SCAN_ROWS SCAN_BYTES FILTERED_ROWS UNSELECTED_ROWS SINK_ROWS JOB_ID",
    datetime="CREATE_TIME LOAD_START_TIME LOAD_COMMIT_TIME LOAD_FINISH_TIME",
    json="RUNTIME_DETAILS PROPERTIES",
)

LOAD_TRACKING_LOGS: Final = _typed("ID JOB_ID LABEL DATABASE_NAME TRACKING_LOG TYPE", bigint="ID JOB_ID")
