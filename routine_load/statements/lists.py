"""SHOW of things that are always the same here, or never there: collations, engines, plugins, bulk loads, …

Tools ask for them when they connect or open a tree, and take an error for a broken server. Owns columns (StarRocks,
Doris: column lists of SHOW) and the few rows. Refuses to know sessions.
"""

from __future__ import annotations

import re

from routine_load.ids import Compat
from routine_load.sql.results import ResultTable, text_table
from routine_load.sql.show_conditions import row_condition

_List = tuple[tuple[str, ...], list[tuple[str | None, ...]]]

_WARNINGS: _List = (("Level", "Code", "Message"), [])
_CHARSET_COLUMNS = ("Charset", "Description", "Default collation", "Maxlen")
_COLLATION_COLUMNS = ("Collation", "Charset", "Id", "Default", "Compiled", "Sortlen")
_UTF8 = ("utf8", "UTF-8 Unicode", "utf8_general_ci", "3")
_CHARSET: dict[Compat, _List] = {
    Compat.STARROCKS: (_CHARSET_COLUMNS, [_UTF8, ("utf8mb4", "UTF-8 Unicode", "utf8mb4_general_ci", "4")]),
    Compat.DORIS: (_CHARSET_COLUMNS, [_UTF8, ("utf8mb4", "UTF-8 Unicode", "utf8mb4_0900_bin", "4")]),
}
_COLLATIONS: list[tuple[str | None, ...]] = [
    ("utf8_general_ci", "utf8", "33", "Yes", "Yes", "1"),
    ("utf8mb4_general_ci", "utf8mb4", "45", "Yes", "Yes", "1"),
]
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
    "profiles": (("Query_ID", "Duration", "Query"), []),
    "procedure status": _ROUTINES,
    "function status": _ROUTINES,
    "engines": (
        ("Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"),
        [("OLAP", "DEFAULT", "Columnar tables", "YES", "NO", "NO")],
    ),
    "data": (("TableName", "Size", "ReplicaCount", "RemoteSize"), []),
    "tablets": (
        (
            *("TabletId", "ReplicaId", "BackendId", "SchemaHash", "Version", "LstSuccessVersion", "LstFailedVersion"),
            *("LstFailedTime", "LocalDataSize", "RemoteDataSize", "RowCount", "State", "LstConsistencyCheckTime"),
            *("CheckVersion", "VersionCount", "QueryHits", "PathHash", "Path", "MetaUrl", "CompactionStatus"),
        ),
        [],
    ),
    "repositories": (("RepoId", "RepoName", "CreateTime", "IsReadOnly", "Location", "Broker", "ErrMsg"), []),
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
_BY_VENDOR: dict[Compat, dict[str, _List]] = {
    Compat.STARROCKS: {
        "charset": _CHARSET[Compat.STARROCKS],
        "character set": _CHARSET[Compat.STARROCKS],
        "collation": (_COLLATION_COLUMNS, _COLLATIONS),
        "catalogs": (
            ("Catalog", "Type", "Comment"),
            [("default_catalog", "Internal", "An internal catalog contains this cluster's self-managed tables.")],
        ),
    },
    Compat.DORIS: {
        "charset": _CHARSET[Compat.DORIS],
        "character set": _CHARSET[Compat.DORIS],
        "collation": (
            _COLLATION_COLUMNS,
            [*_COLLATIONS, ("utf8mb4_0900_bin", "utf8mb4", "309", "Yes", "Yes", "1")],
        ),
        "catalogs": (
            (
                *("CatalogId", "CatalogName", "Type", "IsCurrent", "CreateTime", "LastUpdateTime", "Comment"),
                "ErrorMsg",
            ),
            [("0", "internal", "internal", "Yes", "UNRECORDED", None, "Doris internal catalog", "")],
        ),
    },
}
_WORDS = re.compile(r"count\(\*\)|[a-z]+", re.IGNORECASE)
_WORDS_MAX = 3
_ENDING = re.compile(r"\b(?:like|where)\b", re.IGNORECASE)


def fixed_list(text: str, compat: Compat) -> ResultTable | None:
    """The answer to ``SHOW <text>``, the longest name that fits; None for what is not one of these."""
    words = [match.group().lower() for _, match in zip(range(_WORDS_MAX + 2), _WORDS.finditer(text), strict=False)]
    while words and words[0] in {"full", "session", "global", "storage"}:
        del words[0]
    for length in range(min(len(words), _WORDS_MAX), 0, -1):
        name = " ".join(words[:length])
        found = _BY_VENDOR[compat].get(name) or _COMMON.get(name)
        if found is not None:
            columns, rows = found
            keep = row_condition(_ending(text), columns) if rows else None
            return text_table(columns, rows if keep is None else [row for row in rows if keep(row)])
    return None


def _ending(text: str) -> str:
    """From LIKE or WHERE on."""
    match = _ENDING.search(text)
    return text[match.start() :] if match else ""
