"""The JSON columns of SHOW ROUTINE LOAD as properties that CREATE reads (StarRocks, Doris: JobProperties).

All properties are there, and both delimiters as they were written. Refuses to know progress.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.jobs.moving.values import Texts

_ANY: Final = "*"

_STARROCKS_NAMES: Final = {
    "maxErrorNum": "max_error_number",
    "maxFilterRatio": "max_filter_ratio",
    "maxBatchIntervalS": "max_batch_interval",
    "maxBatchRows": "max_batch_rows",
    "desireTaskConcurrentNum": "desired_concurrent_number",
    "taskConsumeSecond": "task_consume_second",
    "taskTimeoutSecond": "task_timeout_second",
}
_STARROCKS_SAME: Final = frozenset(
    {
        *("log_rejected_record_num", "partial_update", "timezone", "strict_mode", "pause_on_fatal_parse_error"),
        *("merge_condition", "format", "strip_outer_array", "jsonpaths", "json_root", "trim_space", "warehouse"),
        *("enclose", "escape"),
    }
)
_DORIS_SAME: Final = frozenset(
    {
        *("format", "partial_columns", "unique_key_update_mode", "partial_update_new_key_behavior"),
        *("max_error_number", "max_filter_ratio", "max_batch_interval", "max_batch_rows", "max_batch_size"),
        *("desired_concurrent_number", "exec_mem_limit", "send_batch_parallelism", "load_to_single_tablet"),
        *("strict_mode", "timezone", "enclose", "escape", "empty_field_as_null", "jsonpaths", "json_root"),
        *("strip_outer_array", "num_as_string", "fuzzy_parse", "fill_missing_columns", "workload_group"),
    }
)
_NO_PROPERTY: Final = frozenset(
    {
        *("partitions", "columnToColumnExpr", "whereExpr", "precedingFilter", "delete", "sequence_col", "merge_type"),
        *("columnSeparator", "rowDelimiter", "column_separator", "line_delimiter", "dataFormat", "metadata"),
        *("currentTaskConcurrentNum", "current_concurrent_number", "partial_update_mode"),
    }
)
_OURS: Final = frozenset({"priority", "rate_limit", "freshness", "early_commit"})
_JSON_ONLY: Final = frozenset({"jsonpaths", "json_root", "strip_outer_array", "num_as_string", "fuzzy_parse"})
_CSV_ONLY: Final = frozenset({"trim_space", "enclose", "escape", "empty_field_as_null"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """``properties`` by the names of CREATE. Delimiters are None where the default holds, or none is told.

    ``clauses`` are the load clauses as SHOW prints them, for where nothing tells them better. ``unknown`` are keys that
    no release is known to have.
    """

    properties: Texts
    column_separator: str | None = None
    row_delimiter: str | None = None
    clauses: str = ""
    merge_type: str = ""
    unknown: Texts = field(default_factory=dict)


def read_shown(told: Mapping[str, Any], compat: Compat) -> Shown:
    """Raises AnalysisError for a value that cannot be meant."""
    texts = {key: _text(value) for key, value in told.items()}
    doris = compat is Compat.DORIS
    names = {key: key for key in _DORIS_SAME} if doris else {key: key for key in _STARROCKS_SAME} | _STARROCKS_NAMES
    names |= {key: key for key in _OURS}
    found = {names[key]: value for key, value in texts.items() if key in names}
    found = _without_defaults(found, doris=doris)
    separator, delimiter = ("column_separator", "line_delimiter") if doris else ("columnSeparator", "rowDelimiter")
    return Shown(
        properties=found,
        column_separator=_delimiter(texts.get(separator), "\t", doris=doris),
        row_delimiter=_delimiter(texts.get(delimiter), "\n", doris=doris),
        clauses=",\n".join(_clauses(texts)),
        merge_type=texts.get("merge_type", ""),
        unknown={key: value for key, value in texts.items() if key not in names and key not in _NO_PROPERTY},
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _without_defaults(found: dict[str, str], *, doris: bool) -> dict[str, str]:
    """What CREATE would refuse although SHOW prints it: empty texts, 0 for unset, characters as numbers."""
    for key in ("enclose", "escape"):
        if key in found:
            found[key] = found[key].strip("\0") if doris else _character(key, found[key])
    other = _CSV_ONLY if found.get("format", "csv").lower() != "csv" else _JSON_ONLY
    unset = {"desired_concurrent_number", "task_consume_second", "task_timeout_second"}
    if "true" not in {found.get("partial_columns", "").lower(), _partial(found)}:
        unset = unset | {"partial_update_new_key_behavior"}
    kept = {key: value for key, value in found.items() if value not in {"", "null"} and key not in other}
    kept = {key: value for key, value in kept.items() if not (key in unset and value in {"0", "-1", "APPEND"})}
    if doris and "unique_key_update_mode" in kept:
        kept.pop("partial_columns", None)
    return _without_second_time(kept)


def _partial(found: Mapping[str, str]) -> str:
    return "true" if found.get("unique_key_update_mode", "UPSERT").upper() != "UPSERT" else "false"


def _without_second_time(found: dict[str, str]) -> dict[str, str]:
    """StarRocks: of the two task times one makes the other; CREATE refuses both where they do not grow."""
    consume, timeout = found.get("task_consume_second", ""), found.get("task_timeout_second", "")
    if consume.isdecimal() and timeout.isdecimal() and int(consume) >= int(timeout):
        del found["task_consume_second"]
    return found


def _character(key: str, text: str) -> str:
    """StarRocks prints the byte's number, 0 for none."""
    if not text.isdecimal() or int(text) > 127:
        raise AnalysisError(f"{key} is '{text[:16]}'; known: the number of an ASCII character")
    return chr(int(text)) if int(text) else ""


def _delimiter(text: str | None, default: str, *, doris: bool) -> str | None:
    """None for the default. Doris prints what is not the default in single quotes (JobProperties JSON)."""
    if text is None or text == default:
        return None
    if doris and len(text) > 2 and text[0] == text[-1] == "'":
        return text[1:-1]
    return text


def _clauses(texts: Mapping[str, str]) -> list[str]:
    """COLUMNS, conditions and partitions in the front end's own rendering of them."""
    told = {key: value for key, value in texts.items() if value and value != _ANY}
    wanted = (
        ("columnToColumnExpr", "COLUMNS ({})"),
        ("partitions", "PARTITIONS ({})"),
        ("precedingFilter", "PRECEDING FILTER {}"),
        ("whereExpr", "WHERE {}"),
        ("delete", "DELETE ON {}"),
        ("sequence_col", "ORDER BY {}"),
        ("metadata", "INCLUDE METADATA ({})"),
    )
    return [shape.format(told[key]) for key, shape in wanted if key in told]
