"""System variables: their values by vendor (StarRocks, Doris: session variables), and which of them are switches.

Owns defaults. Refuses to know sessions, and what SET may say.
"""

from __future__ import annotations

from routine_load.ids import Compat
from routine_load.sql.session_functions import Value
from routine_load.statements.ports import DEFAULT_TIME_ZONE, QUERY_TIMEOUT_S

_COMMON: dict[str, str] = {
    "auto_increment_increment": "1",
    "auto_increment_offset": "1",
    "autocommit": "true",
    "character_set_system": "utf8",
    "default_tmp_storage_engine": "InnoDB",
    "enable_memtable_on_sink_node": "true",
    "exec_mem_limit": "2147483648",
    "foreign_key_checks": "true",
    "group_concat_max_len": "65535",
    "have_query_cache": "NO",
    "hostname": "localhost",
    "init_connect": "",
    "interactive_timeout": "3600",
    "lower_case_table_names": "0",
    "max_execution_time": "0",
    "net_buffer_length": "16384",
    "port": "9030",
    "protocol_version": "10",
    "query_cache_size": "1048576",
    "query_cache_type": "0",
    "read_only": "false",
    "send_batch_parallelism": "1",
    "session_track_system_variables": "",
    "socket": "",
    "sql_auto_is_null": "false",
    "sql_mode": "ONLY_FULL_GROUP_BY",
    "sql_notes": "true",
    "sql_safe_updates": "0",
    "sql_select_limit": "9223372036854775807",
    "sql_warnings": "false",
    "storage_engine": "olap",
    "super_read_only": "false",
    "system_time_zone": DEFAULT_TIME_ZONE,
    "time_zone": DEFAULT_TIME_ZONE,
    "transaction_isolation": "REPEATABLE-READ",
    "transaction_read_only": "false",
    "tx_isolation": "REPEATABLE-READ",
    "tx_read_only": "false",
    "unique_checks": "true",
    "wait_timeout": "28800",
}
_CHARSETS = ("character_set_client", "character_set_connection", "character_set_results", "character_set_server")
_COLLATIONS = ("collation_connection", "collation_database", "collation_server")
BY_VENDOR: dict[Compat, dict[str, str]] = {
    Compat.STARROCKS: {
        **_COMMON,
        **dict.fromkeys((*_CHARSETS, "character_set_database"), "utf8"),
        **dict.fromkeys(_COLLATIONS, "utf8_general_ci"),
        "default_storage_engine": "InnoDB",
        "language": "/starrocks/share/english/",
        "license": "Apache License 2.0",
        "max_allowed_packet": "33554432",
        "net_read_timeout": "60",
        "net_write_timeout": "60",
        "performance_schema": "false",
        "query_timeout": str(QUERY_TIMEOUT_S[Compat.STARROCKS]),
        "show_create_offsets": "create",
    },
    Compat.DORIS: {
        **_COMMON,
        **dict.fromkeys((*_CHARSETS, "character_set_database"), "utf8mb4"),
        **dict.fromkeys(_COLLATIONS, "utf8mb4_0900_bin"),
        "default_storage_engine": "olap",
        "language": "/palo/share/english/",
        "license": "Apache License, Version 2.0",
        "max_allowed_packet": "16777216",
        "net_read_timeout": "600",
        "net_write_timeout": "600",
        "performance_schema": "OFF",
        "query_timeout": str(QUERY_TIMEOUT_S[Compat.DORIS]),
        "show_create_offsets": "current",
    },
}
"""Every variable that a session has without having set it."""

_SWITCHES = {
    compat: frozenset(name for name, value in values.items() if value in {"true", "false"})
    for compat, values in BY_VENDOR.items()
}
_DIGITS_MAX = 19
_TRUE = frozenset({"1", "on", "true"})
_FALSE = frozenset({"0", "off", "false"})


def shown(name: str, value: str, compat: Compat) -> str:
    """As SHOW VARIABLES prints it: a switch is true or false, however it was set."""
    if name not in _SWITCHES[compat] or value.lower() not in _TRUE | _FALSE:
        return value
    return "true" if value.lower() in _TRUE else "false"


def selected(name: str, value: str, compat: Compat) -> Value:
    """As SELECT @@x answers it: a number is one, a switch is 1 or 0, because drivers read it as a number."""
    if name in _SWITCHES[compat] and value.lower() in _TRUE | _FALSE:
        return int(value.lower() in _TRUE)
    is_number = BY_VENDOR[compat].get(name, "").isdecimal() and value.isdecimal() and len(value) <= _DIGITS_MAX
    return int(value) if is_number else value
