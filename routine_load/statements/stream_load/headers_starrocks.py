"""StarRocks: what the headers of a Stream Load mean, in the order in which its backend looks at them."""

from __future__ import annotations

import re
from typing import Final

from routine_load.errors import RoutineLoadError
from routine_load.formats.compression import Compression
from routine_load.ids import Compat
from routine_load.jobs.timezones import standard_time_zone
from routine_load.loads.values import Format, LoadSpec
from routine_load.statements.stream_load.delimiters import header_delimiter
from routine_load.statements.stream_load.header_values import clause, is_true, leading_integer, leading_ratio, names
from routine_load.statements.stream_load.plan import Batching, BodyFormat, Head, LoadPlan, StreamLoadLimits
from routine_load.statements.stream_load.values import LoadRequest
from routine_load.statements.stream_load.words import Code, Refused, by_front_end, invalid

COMPAT: Final = Compat.STARROCKS
DEFAULT_TIME_ZONE: Final = "Asia/Shanghai"
_FORMATS: Final = {
    "": (BodyFormat.CSV, Compression.NONE),
    "csv": (BodyFormat.CSV, Compression.NONE),
    "json": (BodyFormat.JSON, Compression.NONE),
    "gzip": (BodyFormat.CSV, Compression.GZIP),
    "bzip2": (BodyFormat.CSV, Compression.BZIP2),
    "lz4": (BodyFormat.CSV, Compression.LZ4),
    "deflate": (BodyFormat.CSV, Compression.DEFLATE),
    "zstd": (BodyFormat.CSV, Compression.ZSTD),
    # Here only: the original's Stream Load has neither.
    "parquet": (BodyFormat.PARQUET, Compression.NONE),
    "arrow": (BodyFormat.ARROW, Compression.NONE),
}
_COMPRESSIONS: Final = {
    "gzip": Compression.GZIP,
    "bzip2": Compression.BZIP2,
    "lz4_frame": Compression.LZ4,
    "zstd": Compression.ZSTD,
    "deflate": Compression.DEFLATE,
    "identity": Compression.NONE,
}


def head(request: LoadRequest, limits: StreamLoadLimits) -> Head:
    """What is looked at before a transaction begins. Raises Refused."""
    merged = _flag(request, "enable_merge_commit", "Invalid parameter enable_merge_commit. The value must be bool type")
    body_format, compression = format_of(request)
    _check_size(request, body_format, limits)
    timeout = request.header("timeout")
    if timeout and not re.fullmatch(r"\+?\d{1,9}", timeout):
        raise invalid("Invalid timeout format")
    return Head(
        format=body_format,
        compression=compression,
        label=request.header("label"),
        timeout_s=int(timeout) if timeout else None,
        batching=_batching(request) if merged else Batching.OFF,
        batch_interval_ms=_interval_ms(request) if merged else 0,
    )


def format_of(request: LoadRequest) -> tuple[BodyFormat, Compression]:
    """``format`` and what compresses the body. Raises Refused."""
    text = request.header("format")
    found = _FORMATS.get(text.lower())
    if found is None:
        raise Refused(Code.INTERNAL_ERROR, f"unknown data format, format={text}")
    given = [request.header(name) for name in ("content-encoding", "compression") if request.header(name)]
    if len(given) > 1:
        raise invalid("Only one of http header content-encoding and compression can be set")
    if not given or found[1] is not Compression.NONE:
        return found
    if given[0].lower() not in _COMPRESSIONS:
        raise invalid(f"Unsupported compression type: {given[0]}, allowed are {', '.join(_COMPRESSIONS)}")
    return found[0], _COMPRESSIONS[given[0].lower()]


def _check_size(request: LoadRequest, body_format: BodyFormat, limits: StreamLoadLimits) -> None:
    size = request.content_length or 0
    if size > limits.body_bytes_max:
        raise Refused(
            Code.INTERNAL_ERROR,
            f"body size {size} exceed limit: {limits.body_bytes_max}, db={request.database}, table={request.table}. "
            "You can increase the limit by setting streaming_load_max_mb in be.conf.",
        )
    if (
        body_format is BodyFormat.JSON
        and size > limits.json_bytes_max
        and not is_true(request.header("ignore_json_size"))
    ):
        raise Refused(
            Code.INTERNAL_ERROR,
            f"The size of this batch exceed the max size [{limits.json_bytes_max}]  of json type data  data [ {size} "
            "]. Set ignore_json_size to skip the check, although it may lead huge memory consuming.",
        )


def _batching(request: LoadRequest) -> Batching:
    is_async = _flag(request, "merge_commit_async", "Invalid parameter merge_commit_async. The value must be bool type")
    return Batching.ASYNC if is_async else Batching.SYNC


def _interval_ms(request: LoadRequest) -> int:
    parallel = request.header("merge_commit_parallel")
    if parallel and (leading_integer(parallel) or 0) <= 0:
        raise invalid("Invalid parameter merge_commit_parallel. The value must be larger than 0")
    number = leading_integer(request.header("merge_commit_interval_ms"))
    if number is None or number <= 0:
        raise invalid("Invalid parameter merge_commit_interval_ms. The value must be larger than 0")
    return number


def plan(request: LoadRequest, front: Head, *, of_transaction: bool = False) -> LoadPlan:
    """What becomes of the rows. Raises Refused.

    ``of_transaction``: one of many bodies of a transaction, in which some headers of CSV have no effect.
    """
    skip_rows = _number(request, "skip_header", "Invalid csv load skip_header format", least=0)
    trim_space = _flag(request, "trim_space", "Invalid trim space format. Must be bool type")
    partitions, temporary = _partitions(request)
    strict_mode = _flag(request, "strict_mode", "Invalid strict mode format. Must be bool type")
    _number(request, "load_mem_limit", "Invalid load mem limit format", least=0)
    partial_update = _flag(request, "partial_update", "Invalid partial update flag format. Must be bool type")
    _number(request, "load_dop", "Invalid load_dop format", least=0)
    records_max = _number(request, "log_rejected_record_num", "Invalid log_rejected_record_num format", least=-1)
    if request.header("exec_mem_limit") and (leading_integer(request.header("exec_mem_limit")) or 0) <= 0:
        raise invalid("exec_mem_limit must be greater than 0")
    is_json = front.format is BodyFormat.JSON
    try:
        columns = request.header("columns").replace("\\,", ",")
        where = request.header("where")
        spec = LoadSpec(
            compat=COMPAT,
            format=_SPEC_FORMATS.get(front.format, Format.COLUMNS),
            column_separator=header_delimiter(request.header("column_separator", "\\t"), COMPAT),
            row_delimiter=header_delimiter(request.header("row_delimiter", "\\n"), COMPAT),
            enclose="" if of_transaction else request.header("enclose")[:1],
            escape="" if of_transaction else request.header("escape")[:1],
            trim_space=trim_space and not of_transaction,
            skip_rows=0 if of_transaction else skip_rows,
            jsonpaths=request.header("jsonpaths") if is_json else "",
            json_root=request.header("json_root") if is_json else "",
            strip_outer_array=is_json and is_true(request.header("strip_outer_array")),
            columns=clause("columns", columns, COMPAT).columns if columns else None,
            where=clause("where", where, COMPAT).where if where else None,
            partitions=partitions,
            temporary_partitions=temporary,
            merge_condition=request.header("merge_condition") or None,
            partial_update=partial_update,
            strict_mode=strict_mode,
            timezone=standard_time_zone(request.header("timezone", DEFAULT_TIME_ZONE)),
            negative=request.header("negative") == "true",
        )
    except RoutineLoadError as error:
        raise by_front_end(error) from error
    return LoadPlan(
        head=front,
        spec=spec,
        max_filter_ratio=leading_ratio(request.header("max_filter_ratio")),
        records_max=records_max,
        key=tuple(sorted((name, request.header(name)) for name in PLANNING if request.header(name))),
    )


_SPEC_FORMATS: Final = {BodyFormat.CSV: Format.CSV, BodyFormat.JSON: Format.JSON}

PLANNING: Final = (
    *("columns", "where", "column_separator", "row_delimiter", "skip_header", "trim_space", "enclose", "escape"),
    *("partitions", "temporary_partitions", "negative", "strict_mode", "timezone", "load_mem_limit", "jsonpaths"),
    *("json_root", "strip_outer_array", "partial_update", "partial_update_mode", "merge_condition", "format"),
    *("max_filter_ratio", "compression", "content-encoding", "load_dop", "exec_mem_limit"),
)
"""The headers of a load that have to be the same in all loads of one transaction."""


def _partitions(request: LoadRequest) -> tuple[tuple[str, ...] | None, bool]:
    plain, temporary = request.header("partitions"), request.header("temporary_partitions")
    if plain and temporary:
        raise invalid("Can not specify both partitions and temporary partitions")
    text = plain or temporary
    return (names(text) if text else None), bool(temporary)


def _flag(request: LoadRequest, name: str, refusal: str) -> bool:
    """``true`` or ``false`` in any case."""
    text = request.header(name).lower()
    if text not in {"", "true", "false"}:
        raise invalid(f"{refusal}, but is {request.header(name)}" if "parameter" in refusal else refusal)
    return text == "true"


def _number(request: LoadRequest, name: str, refusal: str, *, least: int) -> int:
    text = request.header(name)
    if not text:
        return 0
    number = leading_integer(text)
    if number is None:
        raise invalid(refusal)
    if number < least:
        raise invalid(f"{name} must be equal or greater than {least}")
    return number
