"""StarRocks as a target: the transaction interface for one table (StarRocks: Stream Load transactions, 2.4 and later).

begin, load and prepare go to the node that the leader names for the label; commit and rollback are the leader's own
once the label is prepared. The rows of a part may go in several loads of one transaction, one after another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from routine_load.commit.labels import Part, Prepared, Reply
from routine_load.engines.cluster.http import Answer, Request
from routine_load.engines.cluster.target import COMMIT_S, QUESTION_S, ClusterTarget, Load, brief
from routine_load.loads.ports import PartBody
from routine_load.observe.failpoints import failpoint

LOAD_BYTES: Final = 32 * 1024 * 1024
"""A load ends behind the chunk that reaches this: a node keeps the JSON of one in memory."""

_NOTHING: Final = "No partitions have data available for loading"
_NOT_THERE: Final = re.compile(
    r"no transaction found|transaction with label .* not exists|does not exist", re.IGNORECASE
)
_COMMITTED: Final = re.compile(r"has already committed", re.IGNORECASE)
_ABORTED: Final = re.compile(r"can ?not commit (?:ABORTED|CANCELLED) transaction", re.IGNORECASE)
_GIVEN_UP: Final = re.compile(r"has already aborted", re.IGNORECASE)
_TOO_LATE: Final = re.compile(r"can ?not abort (?:VISIBLE|COMMITTED) transaction", re.IGNORECASE)
_UNKNOWN_DATABASE: Final = re.compile(r"unknown database|Database\[.*\] does not exist", re.IGNORECASE)


class StarRocksTarget(ClusterTarget):
    def _prepare(self, part: Part, body: PartBody, load: Load) -> Prepared:
        limits = self._parts.address
        failpoint("commit.begin.before")
        begun = self._call("begin", part, {"timeout": str(limits.load_timeout_s)}, QUESTION_S)
        failpoint("commit.begin.after")
        if begun.text("status") != "OK":
            return Prepared(reply=Reply.refused(f"begin: {brief(begun)}"))
        for chunks in _loads(load.chunks):
            failpoint("commit.load.before")
            loaded = self._load(part, load.headers, chunks)
            failpoint("commit.load.after")
            if loaded.text("status") not in {"OK", "Success"} or not loaded.from_node:
                return Prepared(reply=Reply.refused(f"load: {brief(loaded)}"))
        timeout = {"prepared_timeout": str(limits.prepared_timeout_s)}
        prepared = self._call("prepare", part, timeout, limits.load_timeout_s)
        if prepared.text("status") == "OK":
            return self._counted(prepared, body)
        if _NOTHING in prepared.text("message"):
            return Prepared(
                reply=Reply.refused(brief(prepared)),
                is_empty=True,
                filtered=body.rows if body.mode.pushed is None or prepared.text("errorurl") else 0,
                error_url=prepared.text("errorurl"),
                first_error=self._first_error(prepared),
            )
        return Prepared(reply=Reply.refused(f"prepare: {brief(prepared)}"))

    def _commit(self, part: Part) -> Reply:
        answer = self._call("commit", part, {}, COMMIT_S)
        said = answer.text("message", "msg")
        if answer.text("status") == "OK" or _COMMITTED.search(said):
            return Reply.done(said)
        if _ABORTED.search(said) or _NOT_THERE.search(said):
            return Reply.refused(brief(answer))
        return Reply.unknown(brief(answer))  # a publish that takes too long is told as a failure, too

    def _rollback(self, part: Part) -> Reply:
        answer = self._call("rollback", part, {}, COMMIT_S)
        said = answer.text("message", "msg")
        if answer.text("status") in {"OK", "Success"} or _GIVEN_UP.search(said) or _NOT_THERE.search(said):
            return Reply.done(said)
        return Reply.refused(brief(answer)) if _TOO_LATE.search(said) else Reply.unknown(brief(answer))

    def _state_said(self, answer: Answer) -> str:
        if answer.text("status") == "OK":
            return answer.text("state")
        return "UNKNOWN" if _UNKNOWN_DATABASE.search(answer.text("message", "msg")) else ""

    def _call(self, operation: str, part: Part, more: dict[str, str], timeout_s: float) -> Answer:
        named = {"db": part.table.database, "table": part.table.table, "label": str(part.label)}
        path = f"/api/transaction/{operation}"
        return self._parts.wire.send(Request(method="POST", path=path, headers=named | more, timeout_s=timeout_s))

    def _load(self, part: Part, headers: dict[str, str], chunks: Iterator[bytes]) -> Answer:
        named = {"db": part.table.database, "table": part.table.table, "label": str(part.label)}
        with self._spooled(chunks) as (read, length):
            return self._parts.wire.send(
                Request(
                    method="PUT",
                    path="/api/transaction/load",
                    headers=named | headers,
                    body=read,
                    length=length,
                    to_node=True,
                    timeout_s=self._parts.address.load_timeout_s,
                )
            )


def _loads(chunks: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """Chunks by loads; each has to be read before the next is asked for."""
    for chunk in chunks:
        yield _load(chunk, chunks)


def _load(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    length = len(first)
    while length < LOAD_BYTES:
        chunk = next(rest, None)
        if chunk is None:
            return
        yield chunk
        length += len(chunk)
