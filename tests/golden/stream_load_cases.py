r"""Requests of Stream Load and what comes of them: the format of ``stream_load/*.case``.

A file is for one vendor's mode: the first word of its name says which (``doris_json.case``). Cases are apart by an empty
line; each has a database ``{db}`` of its own. ``# `` begins it and says ``<Vendor> <section>: <rule>``; ``##`` is a
comment; a line that begins with two blanks continues the one before. The rest is done from top to bottom:

* ``table t (…) …`` — ``CREATE TABLE t (…) …``; ``sql …`` — a statement
* ``put t`` — begins a direct load into it; ``call load t`` one of the transaction interface, ``finish`` the second
  phase of Doris, ``stream`` a load that the SQL behind it describes, ``get_load_state`` and ``_cancel`` with the label behind them. All go to the backend's door, the last
  two and ``fe commit`` (of the transaction interface) to the front end's
* ``format: json`` — a header of that request: any word and a colon
* ``> text`` — a line of its body; ``>> text`` without an end of line; both with ``\n \t \\ \x01``
* ``as gzip`` — the body is compressed so, ``as parquet`` made of ``{"a": [1, 2]}``; ``chunked`` — sent so;
  ``length 7`` — said to be so long

and what is expected of the answer, of the table, and of the file of rejected rows:

* ``Status Success``, ``Message OK`` — that key of the answer; ``Message …text`` ends with it, ``no ErrorURL``: it is
  absent; ``some Label``: it is there, and not empty; ``{txn}`` is the number of the transaction that was answered last
* ``counts total loaded filtered unselected``
* ``row 1 | NULL | x`` — the rows of ``t``, in any order, or of the ``query`` before them; ``no rows``
* ``log text`` — a line of the error log contains that; ``record text`` — so does the file of rejected records
"""

from __future__ import annotations

import base64
import bz2
import gzip
import http.client
import io
import json
import re
import urllib.request
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
from case_files import Case
from function_cases import unescaped
from pyarrow import orc

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.ids import Compat

FOLDER = Path(__file__).parent / "stream_load"
COUNTS = ("NumberTotalRows", "NumberLoadedRows", "NumberFilteredRows", "NumberUnselectedRows")
_HEADER = re.compile(r"([\w.-]+): ?(.*)")
_REQUESTS = ("put ", "call ", "fe ", "finish", "stream ", "get_load_state", "_cancel")


class Doors:
    """One coordinator with its doors open."""

    def __init__(self, directory: Path, compat: Compat) -> None:
        self.compat = compat
        self.coordinator = Coordinator(Settings(data_dir=directory, compat=compat, mysql_port=0, http_port=0))
        self.coordinator.start()
        self.connection = pymysql.connect(
            host="127.0.0.1", port=self.coordinator.ports[0] or 0, user="root", ssl_disabled=True, autocommit=True
        )

    def close(self) -> None:
        self.connection.close()
        self.coordinator.stop(drain=False)

    def play(self, case: Case) -> list[str]:
        """What did not come out as the case says, in words."""
        player = Player(self, re.sub(r"\W", "_", case.place))
        try:
            return player.play(case)
        except (pymysql.MySQLError, AssertionError, OSError, ValueError) as error:
            return [f"{type(error).__name__}: {error}"]


@dataclass(slots=True)
class Request:
    """One request that is being put together."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_chunked: bool = False
    at_front_end: bool = False


@dataclass(slots=True)
class Player:
    """One case's client."""

    doors: Doors
    name: str
    request: Request | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    query: str = "SELECT * FROM t"
    rows: list[str] = field(default_factory=list)
    txn: str = ""

    def play(self, case: Case) -> list[str]:
        self.ask(f"CREATE DATABASE {self.name}")
        self.ask(f"USE {self.name}")
        wrong: list[str] = []
        for line in (*case.lines, ""):
            if self.rows and not line.startswith("row "):
                wrong += self._compare(self.rows)
                self.rows = []
            said = line.replace("{db}", self.name).replace("{txn}", self.txn)
            if self._acted(said) or not line:
                continue
            wrong += self._checked(said)
        if self.request is not None:
            self._send()
        return wrong

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        with self.doors.connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def _acted(self, line: str) -> bool:
        """Whether the line is something to do."""
        word, _, rest = line.partition(" ")
        if line.startswith(_REQUESTS):
            self._send()
            self._begin(word, rest)
        elif word in {"table", "sql"}:
            self._send()
            self.ask(f"CREATE TABLE {rest}" if word == "table" else rest)
        elif word in {">", ">>"}:
            assert self.request is not None
            self.request.body += unescaped(rest) + (b"\n" if word == ">" else b"")
        elif word == "as":
            assert self.request is not None
            self.request.body = ENCODINGS[rest](self.request.body)
        elif word in {"chunked", "length"}:
            assert self.request is not None
            self.request.is_chunked = word == "chunked"
            if word == "length":
                self.request.headers["Content-Length"] = rest
        elif self.request is not None and (header := _HEADER.fullmatch(line)):
            self.request.headers[header[1]] = header[2]
        else:
            return False
        return True

    def _begin(self, word: str, rest: str) -> None:
        if word == "put":
            self.request = Request("PUT", f"/api/{self.name}/{rest}/_stream_load")
        elif word == "finish":
            self.request = Request("PUT", f"/api/{self.name}/_stream_load_2pc")
        elif word == "stream":
            self.request = Request("PUT", "/api/_http_stream", {"sql": rest})
        elif word in {"call", "fe"}:
            operation, _, table = rest.partition(" ")
            headers = {"db": self.name} | ({"table": table} if table else {})
            method = "PUT" if operation == "load" else "POST"
            self.request = Request(method, f"/api/transaction/{operation}", headers, at_front_end=word == "fe")
        else:
            table = "t/" if word == "_cancel" and self.doors.compat is Compat.STARROCKS else ""
            method = "POST" if word == "_cancel" else "GET"
            self.request = Request(method, f"/api/{self.name}/{table}{word}?label={rest}", at_front_end=True)

    def _send(self) -> None:
        request, self.request = self.request, None
        if request is None:
            return
        coordinator = self.doors.coordinator
        port = coordinator.ports[1] if request.at_front_end else coordinator.backend_http_port
        connection = http.client.HTTPConnection("127.0.0.1", port or 0, timeout=60)
        headers = {"Authorization": "Basic " + base64.b64encode(b"root:").decode(), **request.headers}
        pieces = [request.body[at : at + 5] for at in range(0, len(request.body), 5)]
        body: Any = iter(pieces) if request.is_chunked else request.body
        named = {name: value.encode() for name, value in headers.items()}
        with closing(connection):
            connection.request(request.method, request.path, body, named, encode_chunked=request.is_chunked)
            with connection.getresponse() as answered:
                assert answered.status == 200, answered.status
                self.answer = json.loads(answered.read())
        self.txn = str(self.answer.get("TxnId", self.txn)) if self.answer.get("TxnId") != -1 else self.txn

    def _checked(self, line: str) -> list[str]:
        self._send()
        word, _, rest = line.partition(" ")
        if word == "query":
            self.query = rest
            return []
        if word == "row":
            self.rows.append(rest)
            return []
        if line == "no rows":
            return self._compare([])
        return self._misfit(line, word, rest)

    def _misfit(self, line: str, word: str, rest: str) -> list[str]:
        """What the answer, or the error log, says instead."""
        found: Any = self.answer.get(word)
        fits = (found if isinstance(found, str) else json.dumps(found)) == rest
        if word == "counts":
            found = " ".join(str(self.answer.get(key)) for key in COUNTS)
            fits = found == rest
        elif word == "log":
            with urllib.request.urlopen(self.answer["ErrorURL"]) as page:
                found = page.read().decode()
            fits = rest in found
        elif word == "record":
            found = Path(self.answer["RejectedRecordPath"]).read_text()
            fits = unescaped(rest).decode() in found.splitlines()
        elif word == "some":
            fits = bool(self.answer.get(rest))
        elif word == "no":
            fits = rest not in self.answer
        elif rest.startswith("…"):
            fits = str(found).endswith(rest[1:])
        return [] if fits else [f"expected: {line}\nanswered: {found} {self.answer}"]

    def _compare(self, expected: list[str]) -> list[str]:
        found = [" | ".join("NULL" if value is None else str(value) for value in row) for row in self.ask(self.query)]
        query, self.query = self.query, "SELECT * FROM t"
        if query == self.query:
            found, expected = sorted(found), sorted(expected)
        return [] if found == expected else [f"expected rows: {expected}\nfound: {found}"]


def _table(body: bytes) -> pa.Table:
    return pa.table(json.loads(body))


def _parquet(body: bytes) -> bytes:
    target = io.BytesIO()
    pq.write_table(_table(body), target)
    return target.getvalue()


def _orc(body: bytes) -> bytes:
    target = io.BytesIO()
    orc.write_table(_table(body), target)
    return target.getvalue()


def _arrow(body: bytes) -> bytes:
    target, table = io.BytesIO(), _table(body)
    with pa.ipc.new_stream(target, table.schema) as stream:
        stream.write_table(table)
    return target.getvalue()


def _compressed(codec: str) -> Callable[[bytes], bytes]:
    return lambda body: pa.compress(body, codec=codec, asbytes=True)


def _framed(body: bytes) -> bytes:
    target = pa.BufferOutputStream()
    with pa.CompressedOutputStream(target, "lz4") as stream:
        stream.write(body)
    return target.getvalue().to_pybytes()


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "gzip twice": lambda body: gzip.compress(body[: len(body) // 2]) + gzip.compress(body[len(body) // 2 :]),
    "half of gzip": lambda body: gzip.compress(body)[:-9],
    "bz2": bz2.compress,
    "lz4": _framed,
    "zstd": _compressed("zstd"),
    "deflate": zlib.compress,
    "parquet": _parquet,
    "orc": _orc,
    "arrow": _arrow,
}
