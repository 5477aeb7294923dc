"""SHOW of things that are always the same here, or never there: collations, engines, plugins, bulk loads, …

Tools ask for them when they connect or open a tree, and take an error for a broken server. Owns columns (StarRocks,
Doris: column lists of SHOW) and the few rows. Refuses to know sessions.
"""

from __future__ import annotations

import re

from routine_load.ids import Compat
from routine_load.sql.results import ResultTable, text_table

_List = tuple[tuple[str, ...], list[tuple[str | None, ...]]]

_WARNINGS: _List = (("Level", "Code", "Message"), [])
_CHARSET: _List = (
    ("Charset", "Description", "Default collation", "Maxlen"),
    [("utf8mb4", "UTF-8", "utf8mb4_general_ci", "4")],
)
_ROUTINES: _List = (
    (
        *("Db", "Name", "Type", "Definer", "Modified", "Created", "Security_type", "Comment"),
        *("character_set_client", "collation_connection", "Database Collation"),
    ),
    [],
)
_COMMON: dict[str, _List] = {
    "warnings": _WARNINGS,
    "errors": _WARNINGS,
    "count(*) warnings": (("@@session.warning_count",), [("0",)]),
    "count(*) errors": (("@@session.error_count",), [("0",)]),
    "events": (
        (
            *("Db", "Name", "Definer", "Time zone", "Type", "Execute at", "Interval value", "Interval field"),
            *("Starts", "Ends", "Status", "Originator", "character_set_client", "collation_connection"),
            "Database Collation",
        ),
        [],
    ),
    "triggers": (
        (
            *("Trigger", "Event", "Table", "Statement", "Timing", "Created", "sql_mode", "Definer"),
            *("character_set_client", "collation_connection", "Database Collation"),
        ),
        [],
    ),
    "plugins": (("Name", "Status", "Type", "Library", "License"), []),
    "status": (("Variable_name", "Value"), []),
    "profiles": (("Query_ID", "Duration", "Query"), []),
    "procedure status": _ROUTINES,
    "function status": _ROUTINES,
    "collation": (
        ("Collation", "Charset", "Id", "Default", "Compiled", "Sortlen"),
        [("utf8mb4_general_ci", "utf8mb4", "45", "Yes", "Yes", "1")],
    ),
    "charset": _CHARSET,
    "character set": _CHARSET,
    "engines": (
        ("Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"),
        [("OLAP", "DEFAULT", "Columnar tables", "YES", "NO", "NO")],
    ),
    "alter table column": (
        (
            *("JobId", "TableName", "CreateTime", "FinishTime", "IndexName", "IndexId", "OriginIndexId"),
            *("SchemaVersion", "TransactionId", "State", "Msg", "Progress", "Timeout"),
        ),
        [],
    ),
    "alter table optimize": (
        (
            *("JobId", "TableName", "CreateTime", "FinishTime", "Operation", "TransactionId", "State", "Msg"),
            *("Progress", "Timeout"),
        ),
        [],
    ),
    "alter table rollup": (
        (
            *("JobId", "TableName", "CreateTime", "FinishedTime", "BaseIndexName", "RollupIndexName", "RollupId"),
            *("TransactionId", "State", "Msg", "Progress", "Timeout"),
        ),
        [],
    ),
}
_LOAD_BEGIN = ("JobId", "Label", "State", "Progress", "Type")
_LOAD_TIMES = ("CreateTime", "EtlStartTime", "EtlFinishTime", "LoadStartTime", "LoadFinishTime")
_BY_VENDOR: dict[Compat, dict[str, _List]] = {
    Compat.STARROCKS: {
        "catalogs": (
            ("Catalog", "Type", "Comment"),
            [("default_catalog", "Internal", "An internal catalog contains this cluster's self-managed tables.")],
        ),
        "compute nodes": (
            (
                *("ComputeNodeId", "IP", "HeartbeatPort", "BePort", "HttpPort", "BrpcPort", "LastStartTime"),
                *("LastHeartbeat", "Alive", "SystemDecommissioned", "ClusterDecommissioned", "ErrMsg", "Version"),
                *("CpuCores", "MemLimit", "NumRunningQueries", "MemUsedPct", "CpuUsedPct", "DataCacheMetrics"),
                *("HasStoragePath", "StatusCode"),
            ),
            [],
        ),
        "load": (
            (
                *(*_LOAD_BEGIN, "Priority", "ScanRows", "FilteredRows", "UnselectedRows", "SinkRows", "EtlInfo"),
                *("TaskInfo", "ErrorMsg", *_LOAD_TIMES, "TrackingSQL", "JobDetails", "Warehouse"),
            ),
            [],
        ),
        "stream load": (
            (
                *("Label", "Id", "LoadId", "TxnId", "DbName", "TableName", "State", "ErrorMsg", "TrackingURL"),
                *("ChannelNum", "PreparedChannelNum", "NumRowsNormal", "NumRowsAbNormal", "NumRowsUnselected"),
                *("NumLoadBytes", "TimeoutSecond", "CreateTimeMs", "BeforeLoadTimeMs", "StartLoadingTimeMs"),
                *("StartPreparingTimeMs", "FinishPreparingTimeMs", "EndTimeMs", "ChannelState", "Type", "TrackingSQL"),
            ),
            [],
        ),
    },
    Compat.DORIS: {
        "catalogs": (
            (
                *("CatalogId", "CatalogName", "Type", "IsCurrent", "CreateTime", "LastUpdateTime", "Comment"),
                "ErrorMsg",
            ),
            [("0", "internal", "internal", "Yes", "UNRECORDED", None, "Doris internal catalog", "")],
        ),
        "load": (
            (
                *(*_LOAD_BEGIN, "EtlInfo", "TaskInfo", "ErrorMsg", *_LOAD_TIMES, "URL", "JobDetails"),
                *("TransactionId", "ErrorTablets", "User", "Comment", "FirstErrorMsg"),
            ),
            [],
        ),
        "stream load": (
            (
                *("Label", "Db", "Table", "ClientIp", "Status", "Message", "Url", "TotalRows", "LoadedRows"),
                *("FilteredRows", "UnselectedRows", "LoadBytes", "StartTime", "FinishTime", "User", "Comment"),
                "FirstErrorMsg",
            ),
            [],
        ),
    },
}
_WORDS = re.compile(r"count\(\*\)|[a-z]+", re.IGNORECASE)
_WORDS_MAX = 3


def fixed_list(text: str, compat: Compat) -> ResultTable | None:
    """The answer to ``SHOW <text>``, the longest name that fits; None for what is not one of these."""
    words = [match.group().lower() for _, match in zip(range(_WORDS_MAX + 2), _WORDS.finditer(text), strict=False)]
    while words and words[0] in {"full", "session", "global"}:
        del words[0]
    for length in range(min(len(words), _WORDS_MAX), 0, -1):
        name = " ".join(words[:length])
        found = _BY_VENDOR[compat].get(name) or _COMMON.get(name)
        if found is not None:
            return text_table(*found)
    return None
