"""Any headers and any bytes: a Stream Load is loaded or refused in words, and nothing else happens."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from routine_load.clock import SystemClock
from routine_load.errors import AnalysisError, LimitExceeded, LoadRejected
from routine_load.formats import check, decoder_for
from routine_load.ids import Compat
from routine_load.loads.values import SourceColumn
from routine_load.statements.ports import Session
from routine_load.statements.stream_load import headers_doris, headers_starrocks
from routine_load.statements.stream_load.bodies import ReceivedBody, opened
from routine_load.statements.stream_load.plan import LoadPlan, StreamLoadLimits
from routine_load.statements.stream_load.values import LoadRequest
from routine_load.statements.stream_load.words import Refused, by_front_end

ROUNDS = int(os.environ.get("RL_FUZZ_LOADS", "800"))
SEED = 20_261_120
LIMITS = StreamLoadLimits(
    spool_dir=Path("/tmp"), body_bytes_max=20_000, json_bytes_max=5_000, chunk_bytes=64, row_bytes_max=2_000
)
NAMES = sorted(
    {
        *headers_starrocks.PLANNING,
        *headers_doris.PLANNING,
        *("label", "timeout", "log_rejected_record_num", "comment", "two_phase_commit", "skip_header", "skip_lines"),
        *("group_commit", "enable_merge_commit", "merge_commit_interval_ms", "unique_key_update_mode"),
        *("partial_columns", "partial_update_new_key_behavior", "exec_mem_limit", "send_batch_parallelism"),
    }
)
VALUES = (
    *(
        "true",
        "false",
        "TRUE",
        "0",
        "1",
        "-1",
        "99999999999999999999999",
        "1e400",
        "nan",
        "0.5",
        "abc",
        ",",
        "|",
        "\\x01",
    ),
    *(
        "\\x0",
        "\\xzz",
        "\\t",
        "\\\\",
        '"',
        "'",
        "`",
        "a, b",
        "a, b = a + 1",
        "b = (select 1)",
        "a;drop table t",
        "$.a",
        "[",
    ),
    *(
        '["$.a"]',
        '["$.a", "$.b"]',
        "json",
        "csv",
        "gzip",
        "gz",
        "zstd",
        "lz4",
        "deflate",
        "bz2",
        "arrow",
        "parquet",
        "orc",
    ),
    *(
        "csv_with_names",
        "Asia/Shanghai",
        "+25:00",
        "MERGE",
        "DELETE",
        "a > 1",
        "a >",
        "--",
        "/*",
        "é€𝄞",
        "x" * 3000,
        "\\",
    ),
    *("UPDATE_FLEXIBLE_COLUMNS", "sync_mode", "a) , WHERE (b", "{}", "a = default", "__op='delete'", "a, __op"),
)
PIECES = (
    *(b"1,2\n", b"1\t2\n", b'"a,\n', b'""', b"\\N", b"\\", b"\n", b"\r\n", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"|"),
    *(b'{"a":1,"b":2}', b'{"a":[1,{"b":"}"}]}', b"[", b"]", b"{", b"}", b",", b'"', b'\\"', b"null", b"1e999", b" "),
    *(b"PAR1", b"ORC", b"\x1f\x8b\x08", b"BZh9", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"x" * 500),
)


class Bytes:
    """A body that is there already, in pieces."""

    def __init__(self, data: bytes, dice: random.Random) -> None:
        self._data = data
        self._dice = dice

    def read(self, max_bytes: int) -> bytes:
        size = min(max_bytes, self._dice.randint(1, 100))
        taken, self._data = self._data[:size], self._data[size:]
        return taken


def request_of(compat: Compat, dice: random.Random) -> LoadRequest:
    chosen = {name: dice.choice(VALUES) for name in dice.sample(NAMES, dice.randint(0, 6))}
    if dice.random() < 0.6:
        chosen["format"] = dice.choice(("json", "csv", "gzip", "csv", "arrow", "parquet"))
    data = b"".join(dice.choices(PIECES, k=dice.randint(0, 40)))
    return LoadRequest(
        session=Session(user="root", compat=compat),
        database="d",
        table="t",
        headers=chosen,
        content_length=len(data) if dice.random() < 0.9 else dice.choice((None, 7)),
        body=Bytes(data, dice),
    )


def planned(request: LoadRequest) -> LoadPlan:
    """As the service plans it, but for what needs the table."""
    if request.session.compat is Compat.DORIS:
        plan = headers_doris.plan(request, headers_doris.head(request, LIMITS))
    else:
        plan = headers_starrocks.plan(request, headers_starrocks.head(request, LIMITS))
    try:
        check(plan.spec)
    except AnalysisError as error:
        raise by_front_end(error) from error
    return plan


def decoded_rows(request: LoadRequest, plan: LoadPlan) -> int:
    """Rows that are decoded or rejected; each of the body's payloads is asked for its text, too."""
    body = ReceivedBody(request, LIMITS, SystemClock())
    source = opened(plan, body, LIMITS)
    decoder = decoder_for(source.spec, (SourceColumn("a"), SourceColumn("b")))
    rows = 0
    try:
        for payloads in source.payloads:
            found = decoder.decode(payloads)
            rows += found.columns.num_rows + len(found.rejected)
            assert all(payloads.values[row.payload] is not None for row in found.rejected)
        body.finish()
    finally:
        decoder.close()
    return rows


@pytest.mark.parametrize("compat", list(Compat))
def test_any_request_is_loaded_or_refused(compat: Compat) -> None:
    """Whatever the headers and the bytes: rows, rejected rows or a refusal in words; a refusal is never empty."""
    ends = {"refused": 0, "unreadable": 0, "rows": 0, "nothing": 0}
    for number in range(ROUNDS):
        request = request_of(compat, random.Random(f"{SEED} {compat} {number}"))
        try:
            ends[ended(request)] += 1
        except Exception as error:
            raise AssertionError(f"round {number} with seed {SEED}: {request.headers}") from error
    assert min(ends["refused"], ends["unreadable"], ends["rows"]) > ROUNDS // 50, ends


def ended(request: LoadRequest) -> str:
    """How it ends."""
    try:
        return "rows" if decoded_rows(request, planned(request)) else "nothing"
    except (LoadRejected, LimitExceeded):
        return "unreadable"
    except Refused as error:
        said = error.said(request.session.compat)
    assert said.strip()
    assert len(said) <= 2_200
    return "refused"
