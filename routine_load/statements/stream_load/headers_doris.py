"""Doris: what the headers of a Stream Load mean, in the order in which its backend looks at them."""

from __future__ import annotations

from typing import Final

from routine_load.errors import RoutineLoadError
from routine_load.formats.compression import Compression
from routine_load.ids import Compat
from routine_load.jobs.timezones import standard_time_zone
from routine_load.loads.values import Format, LoadSpec
from routine_load.sql.statements import Expression, MergeType
from routine_load.statements.stream_load.delimiters import header_delimiter
from routine_load.statements.stream_load.header_values import clause, is_true, leading_integer, leading_ratio, names
from routine_load.statements.stream_load.plan import MIB, Batching, BodyFormat, Head, LoadPlan, StreamLoadLimits
from routine_load.statements.stream_load.values import LoadRequest
from routine_load.statements.stream_load.words import Code, Refused, by_front_end, invalid

COMPAT: Final = Compat.DORIS
HEADING_ROWS: Final = {"csv_with_names": 1, "csv_with_names_and_types": 2}
_FORMATS: Final = {
    "": BodyFormat.CSV,
    "csv": BodyFormat.CSV,
    "csv_with_names": BodyFormat.CSV,
    "csv_with_names_and_types": BodyFormat.CSV,
    "hive_text": BodyFormat.CSV,
    "json": BodyFormat.JSON,
    "parquet": BodyFormat.PARQUET,
    "orc": BodyFormat.ORC,
    "arrow": BodyFormat.ARROW,
}
_COMPRESSIONS: Final = {
    "": Compression.NONE,
    "gz": Compression.GZIP,
    "bz2": Compression.BZIP2,
    "lz4": Compression.LZ4,
    "lz4frame": Compression.LZ4,
    "deflate": Compression.DEFLATE,
    "zstd": Compression.ZSTD,
}
_UPDATE_MODES: Final = ("UPSERT", "UPDATE_FIXED_COLUMNS", "UPDATE_FLEXIBLE_COLUMNS")
_NOT_WITH_FLEXIBLE: Final = (
    *("columns", "jsonpaths", "hidden_columns", "function_column.sequence_col", "merge_type", "where"),
)


def head(request: LoadRequest, limits: StreamLoadLimits) -> Head:
    """What is looked at before a transaction begins. Raises Refused."""
    grouped = request.header("group_commit").lower()
    if grouped not in {"", *Batching}:
        raise invalid("Header `group_commit` can only be `sync_mode`, `async_mode` or `off_mode`.")
    batching = Batching(grouped) if grouped and _can_group(request) else Batching.OFF
    if batching is not Batching.OFF and request.header("label"):
        raise invalid("label and group_commit can't be set at the same time")
    text = request.header("format").lower()
    compression = _compression(request)
    if text not in _FORMATS:
        raise Refused(Code.DATA_FILE_TYPE_ERROR, f"unknown data format, format={request.header('format')}")
    _check_size(request, _FORMATS[text], limits)
    return Head(
        format=_FORMATS[text],
        compression=compression,
        label=request.header("label"),
        timeout_s=_number(request, "timeout", -(2**31)) if request.header("timeout") else None,
        skip_rows=HEADING_ROWS.get(text, 0),
        comment=request.header("comment"),
        two_phase=request.header("two_phase_commit") == "true",
        batching=batching,
    )


def _can_group(request: LoadRequest) -> bool:
    """Doris: what cannot be grouped is loaded by itself, silently."""
    mode = request.header("unique_key_update_mode", "UPSERT").upper()
    apart = ("partitions", "temporary_partitions")
    return not (
        is_true(request.header("partial_columns"))
        or any(request.header(name) for name in apart)
        or request.header("two_phase_commit") == "true"
        or mode != "UPSERT"
        or request.content_length == 0
    )


def _compression(request: LoadRequest) -> Compression:
    text = request.header("compress_type")
    if text.lower() in {"lzo", "lzop"}:
        raise Refused(
            Code.NOT_IMPLEMENTED, f"compress_type {text} is not supported here, use gz, bz2, lz4, deflate or zstd"
        )
    if text.lower() not in _COMPRESSIONS:
        raise Refused(Code.DATA_FILE_TYPE_ERROR, f"unknown data format, format={request.header('format')}")
    return _COMPRESSIONS[text.lower()]


def _check_size(request: LoadRequest, body_format: BodyFormat, limits: StreamLoadLimits) -> None:
    size = request.content_length
    if size is None and not request.is_chunked:
        raise invalid(
            "content_length is empty and transfer-encoding!=chunked, "
            "please set content_length or transfer-encoding=chunked"
        )
    if size is not None and request.is_chunked:
        raise invalid("please do not set both content_length and transfer-encoding")
    by_line = is_true(request.header("read_json_by_line"))
    if body_format is BodyFormat.JSON and not by_line and (size or 0) > limits.json_bytes_max:
        raise Refused(
            Code.EXCEEDED_LIMIT,
            f"json body size {size} exceed BE's conf `streaming_load_json_max_mb` {limits.json_bytes_max // MIB}. "
            "increase it if you are sure this load is reasonable",
        )
    if (size or 0) > limits.body_bytes_max:
        raise Refused(
            Code.EXCEEDED_LIMIT,
            f"body size {size} exceed BE's conf `streaming_load_max_mb` {limits.body_bytes_max // MIB}. "
            "increase it if you are sure this load is reasonable",
        )


def plan(request: LoadRequest, front: Head) -> LoadPlan:
    """What becomes of the rows. Raises Refused."""
    for name in ("enclose", "escape"):
        if len(request.header(name).encode()) > 1:
            raise invalid(f"{name} must be single-char, actually is {request.header(name)}")
    partitions, temporary = request.header("partitions"), request.header("temporary_partitions")
    if partitions and temporary:
        raise invalid("Can not specify both partitions and temporary partitions")
    merge_type = _merge_type(request)
    strict_mode = request.header("strict_mode").lower()
    if strict_mode not in {"", "true", "false"}:
        raise invalid("Invalid strict mode format. Must be bool type")
    if request.header("exec_mem_limit"):
        _number(request, "exec_mem_limit", 0)
    if request.header("send_batch_parallelism"):
        _number(request, "send_batch_parallelism", 0)
    mode = _update_mode(request, front)
    new_keys = _new_keys(request)
    columns, where, delete = (request.header(name) for name in ("columns", "where", "delete"))
    of_json = request.header if front.format is BodyFormat.JSON else lambda _: ""
    is_hive = request.header("format").lower() == "hive_text"
    try:
        spec = LoadSpec(
            compat=COMPAT,
            format=_SPEC_FORMATS.get(front.format, Format.COLUMNS),
            column_separator=header_delimiter(
                request.header("column_separator", "\\x01" if is_hive else "\\t"), COMPAT
            ),
            row_delimiter=header_delimiter(request.header("line_delimiter", "\\n"), COMPAT),
            enclose=request.header("enclose"),
            escape=request.header("escape"),
            skip_rows=_skip_rows(request, front),
            trim_double_quotes=is_true(request.header("trim_double_quotes")),
            keeps_enclosure=request.header("enclose") == '"' and not is_true(request.header("trim_double_quotes")),
            empty_field_as_null=is_true(request.header("empty_field_as_null")),
            jsonpaths=of_json("jsonpaths"),
            json_root=of_json("json_root"),
            strip_outer_array=is_true(of_json("strip_outer_array")),
            num_as_string=is_true(of_json("num_as_string")),
            columns=clause("columns", columns, COMPAT).columns if columns else None,
            where=clause("where", where, COMPAT).where if where else None,
            preceding_filter=_preceding_filter(request),
            partitions=names(partitions or temporary) or None,
            temporary_partitions=bool(temporary),
            merge_type=merge_type,
            delete_on=clause("delete", delete, COMPAT).delete_on if delete else None,
            sequence_column=request.header("function_column.sequence_col") or None,
            hidden_columns=names(request.header("hidden_columns")),
            partial_update=mode != "UPSERT",
            flexible=mode == "UPDATE_FLEXIBLE_COLUMNS",
            refuses_new_keys=new_keys == "ERROR",
            strict_mode=strict_mode == "true",
            timezone=standard_time_zone(
                request.header("timezone") or request.header("time_zone", request.session.timezone)
            ),
            negative=request.header("negative") == "true",
        )
    except RoutineLoadError as error:
        raise by_front_end(error) from error
    return LoadPlan(
        head=front,
        spec=spec,
        max_filter_ratio=leading_ratio(request.header("max_filter_ratio")),
        json_by_line=_by_line(request),
        load_to_single_tablet=is_true(request.header("load_to_single_tablet")),
        key=tuple(sorted((name, request.header(name)) for name in request.headers if name in PLANNING)),
    )


_SPEC_FORMATS: Final = {BodyFormat.CSV: Format.CSV, BodyFormat.JSON: Format.JSON}

PLANNING: Final = frozenset(
    {
        *("columns", "where", "column_separator", "line_delimiter", "skip_lines", "enclose", "escape", "strict_mode"),
        *("trim_double_quotes", "empty_field_as_null", "timezone", "time_zone", "jsonpaths", "json_root", "format"),
        *("strip_outer_array", "read_json_by_line", "num_as_string", "fuzzy_parse", "merge_type", "delete"),
        *("function_column.sequence_col", "hidden_columns", "negative", "max_filter_ratio", "compress_type"),
        "group_commit",
    }
)
"""The headers of a load that decide what its rows become: only loads that are alike there are grouped."""


def _preceding_filter(request: LoadRequest) -> Expression | None:
    text = request.preceding_filter
    return clause("preceding_filter", text, COMPAT).preceding_filter if text else None


def _by_line(request: LoadRequest) -> bool:
    """Doris: implied where neither it nor ``strip_outer_array`` was sent."""
    given = request.header("read_json_by_line")
    return is_true(given) if given else not request.header("strip_outer_array")


def _skip_rows(request: LoadRequest, front: Head) -> int:
    text = request.header("skip_lines")
    number = leading_integer(text) if text else 0
    if number is None:
        raise invalid(f"Invalid 'skip_lines': {text}")
    if number < 0:
        raise invalid(f"Invalid 'skip_lines': {number}")
    return front.skip_rows or number


def _merge_type(request: LoadRequest) -> MergeType:
    text = request.header("merge_type", "APPEND").upper()
    if text not in set(MergeType):
        raise invalid(f"Invalid merge type {request.header('merge_type')}")
    has_condition = bool(request.header("delete"))
    if text == MergeType.MERGE and not has_condition:
        raise invalid("Excepted DELETE ON clause when merge type is MERGE.")
    if text != MergeType.MERGE and has_condition:
        raise invalid("Not support DELETE ON clause when merge type is not MERGE.")
    return MergeType(text)


def _update_mode(request: LoadRequest, front: Head) -> str:
    """``unique_key_update_mode`` wins over ``partial_columns``."""
    given = request.header("unique_key_update_mode")
    if not given:
        return "UPDATE_FIXED_COLUMNS" if is_true(request.header("partial_columns")) else "UPSERT"
    if given.upper() not in _UPDATE_MODES:
        raise invalid(
            f"Invalid unique_key_partial_mode {given}, must be one of 'UPSERT', 'UPDATE_FIXED_COLUMNS' or "
            "'UPDATE_FLEXIBLE_COLUMNS'"
        )
    if given.upper() == "UPDATE_FLEXIBLE_COLUMNS":
        if front.format is not BodyFormat.JSON:
            raise invalid("flexible partial update only support json format as input file currently")
        if is_true(request.header("fuzzy_parse")):
            raise invalid("Don't support flexible partial update when 'fuzzy_parse' is enabled")
        for name in _NOT_WITH_FLEXIBLE:
            if request.header(name):
                raise invalid(f"Don't support flexible partial update when '{name}' is specified")
    return given.upper()


def _new_keys(request: LoadRequest) -> str:
    text = request.header("partial_update_new_key_behavior", "APPEND").upper()
    if text not in {"APPEND", "ERROR"}:
        raise invalid(
            f"Invalid partial_update_new_key_behavior {request.header('partial_update_new_key_behavior')}, must be one "
            "of 'APPEND', 'ERROR'"
        )
    return text


def _number(request: LoadRequest, name: str, least: int) -> int:
    text = request.header(name)
    number = leading_integer(text)
    if number is None or number < least:
        raise invalid(f"Invalid format of '{name}': '{text}', stoi")
    return number
