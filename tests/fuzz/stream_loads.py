"""Random Stream Loads: well-formed ones whose rows were counted when they were made, and what comes of them by accidents.

The count is made here, from what was put together, and knows nothing of how bodies are read.
"""

from __future__ import annotations

import bz2
import gzip
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from routine_load.ids import Compat

VALUES = [
    "1",
    "-7",
    "x",
    "\\N",
    "2026-11-20",
    "2026-11-20 10:11:12",
    "1.5",
    "é",
    "日本",
    "a b",
    "0x1f",
    "9" * 25,
    "",
    "''",
]
JUNK = [
    b"\n",
    b"\t",
    b",",
    b'"',
    b"\\",
    b"\x00",
    b"\xff",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\r",
    b"|",
    b"\x1f\x8b",
    b"PAR1",
    b":",
]
ODD_HEADERS = [
    *("true", "false", "0", "-1", "99999999999999999999", "1e400", "nan", "0.5", ",", "|", "\\x01", "\\x0", "\\t", "'"),
    *(
        "a, b",
        "a, b, c = a + 1",
        "b = (select 1)",
        "a;drop table t",
        "$.a",
        '["$.a"]',
        "[",
        "json",
        "csv",
        "gzip",
        "lz4",
    ),
    *("arrow", "parquet", "orc", "csv_with_names", "Asia/Shanghai", "+25:00", "MERGE", "DELETE", "a > 1", "a >", "--"),
    *("x" * 3000, "\\", "p1", "a) , WHERE (b", "{}", "__op='delete'", "a, __op", "é€𝄞", "sync_mode", "a\x00b", " "),
]
NAMES = [
    *(
        "format",
        "columns",
        "column_separator",
        "row_delimiter",
        "line_delimiter",
        "where",
        "max_filter_ratio",
        "timeout",
    ),
    *("timezone", "strict_mode", "partitions", "temporary_partitions", "jsonpaths", "json_root", "strip_outer_array"),
    *(
        "read_json_by_line",
        "num_as_string",
        "fuzzy_parse",
        "skip_header",
        "skip_lines",
        "trim_space",
        "enclose",
        "escape",
    ),
    *(
        "trim_double_quotes",
        "merge_type",
        "delete",
        "partial_update",
        "partial_columns",
        "merge_condition",
        "compression",
    ),
    *(
        "compress_type",
        "function_column.sequence_col",
        "hidden_columns",
        "ignore_json_size",
        "label",
        "comment",
        "negative",
    ),
    *(
        "log_rejected_record_num",
        "empty_field_as_null",
        "load_mem_limit",
        "exec_mem_limit",
        "two_phase_commit",
        "unknown",
    ),
]


@dataclass(frozen=True, slots=True)
class Load:
    """Headers and body of a request. ``rows`` None: nobody knows how many there are."""

    headers: dict[str, str]
    body: bytes
    rows: int | None = None


class StreamLoads:
    """An endless supply for one vendor; the same seed gives the same loads.

    Headers are few and come again with other bodies: what is compiled for one load serves the others.
    """

    def __init__(self, compat: Compat, seed: str, *, odd_headers: int) -> None:
        self._compat = compat
        self._dice = random.Random(f"{seed} {compat}")
        self._clean = [_delimited, _documents, _packed]
        self._odd = [self._odd_headers() for _ in range(odd_headers)]

    def next(self) -> Load:
        dice = self._dice
        found = dice.choice(self._clean)(self._compat, dice)
        draw = dice.random()
        if draw < 0.45:
            return found
        body = self._mutated(found.body)
        return Load(dice.choice(self._odd) if draw < 0.7 else found.headers, body)

    def _odd_headers(self) -> dict[str, str]:
        dice = self._dice
        base = dice.choice(self._clean)(self._compat, dice).headers
        return base | {dice.choice(NAMES): dice.choice(ODD_HEADERS) for _ in range(dice.randint(1, 3))}

    def _mutated(self, body: bytes) -> bytes:
        dice = self._dice
        for _ in range(dice.choice((0, 1, 1, 2, 5))):
            at = dice.randrange(len(body) + 1)
            end = min(len(body), at + dice.randrange(12))
            match dice.randrange(4):
                case 0:
                    body = body[:at] + body[end:]
                case 1:
                    body = body[:at] + dice.choice(JUNK) + body[at:]
                case 2:
                    body = body[:at] + dice.randbytes(3) + body[end:]
                case _:
                    body = body[:end] + body[at:]
        return body


def _field(dice: random.Random, without: str) -> str:
    return "".join(char for char in dice.choice(VALUES) if char not in without)


def _delimited(compat: Compat, dice: random.Random) -> Load:
    """CSV: fields that nothing encloses, often too few or too many of them; blank rows are none."""
    separator, delimiter = dice.choice([(",", "\n"), ("\t", "\n"), ("|", "##"), ("||", "\n"), ("\x01", "\x02")])
    name = "row_delimiter" if compat is Compat.STARROCKS else "line_delimiter"
    headers = {"column_separator": separator, name: delimiter}
    if dice.random() < 0.3:
        headers["where"] = "a > 0"
    if dice.random() < 0.7:
        headers["max_filter_ratio"] = "1"
    rows = [
        separator.join(_field(dice, separator + delimiter + "\r") for _ in range(dice.choice((3, 3, 3, 2, 4))))
        for _ in range(dice.randrange(1, 12))
    ]
    lines = [line for row in rows for line in ([row, ""] if dice.random() < 0.1 else [row])]
    body = delimiter.join(lines) + delimiter * dice.randrange(2)
    return Load(headers, body.encode(), len(rows))


def _documents(compat: Compat, dice: random.Random) -> Load:
    """JSON objects: in an array, or by line (Doris), or one behind the other (StarRocks)."""
    headers = {"format": "json", "max_filter_ratio": "1"}
    found = [
        {key: dice.choice(VALUES) for key in dice.sample("abcd", dice.randint(1, 4))} for _ in range(dice.randint(1, 9))
    ]
    texts = [json.dumps(document, ensure_ascii=dice.random() < 0.5) for document in found]
    if dice.random() < 0.5:
        headers["strip_outer_array"] = "true"
        return Load(headers, f"[{dice.choice((',', ' , ')).join(texts)}]".encode(), len(texts))
    if compat is Compat.DORIS:
        headers["read_json_by_line"] = "true"
    return Load(headers, "\n".join(texts).encode(), len(texts))


_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "bzip2": bz2.compress,
    "deflate": zlib.compress,
}


def _packed(compat: Compat, dice: random.Random) -> Load:
    """CSV that is compressed, where the vendor reads that."""
    plain = _delimited(compat, dice)
    kind = dice.choice(["gzip", "bzip2", "deflate"] if compat is Compat.STARROCKS else ["gzip", "bz2", "deflate"])
    name = "compression" if compat is Compat.STARROCKS else "compress_type"
    shown = {"gzip": "gz"}.get(kind, kind) if compat is Compat.DORIS else kind
    return Load(plain.headers | {"format": "csv", name: shown}, _PACKERS[kind](plain.body), plain.rows)
