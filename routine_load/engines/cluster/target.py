"""What both vendors' clusters are to the commit protocol (``loads.ports.Target``), apart from their requests.

A reply is *done*, *refused* or *unknown*. Refused is only what the cluster says in words that are known to mean it;
every other failure is unknown, and the protocol asks for the label's state.
"""

from __future__ import annotations

import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

from routine_load.commit.labels import LabelState, Part, Prepared, Reply
from routine_load.engines.cluster import pushed
from routine_load.engines.cluster.address import ClusterAddress
from routine_load.engines.cluster.body import Encoder, headers, plan
from routine_load.engines.cluster.http import Answer, Request, Wire
from routine_load.engines.cluster.nodes import Nodes
from routine_load.engines.cluster.tables import Tables
from routine_load.errors import ClusterRefused, SinkError, TargetUnavailable, UnknownDatabase, UnknownTable
from routine_load.ids import Label, TableRef, TxnId
from routine_load.loads.ports import PartBody
from routine_load.sql.schema import Table

QUESTION_S: Final = 10.0
COMMIT_S: Final = 40.0
"""StarRocks waits up to 20 s for a commit to become visible before it answers."""

_ERROR_LOG_BYTES: Final = 16 * 1024
_ERROR_LOG_S: Final = 5.0
_READ_BYTES: Final = 256 * 1024
_ERROR_LINES: Final = re.compile(r"(?:Error|Reason): (.*?)(?:\. Row:|\. src line|\n|$)", re.DOTALL)
_STATES: Final = {state.value: state for state in LabelState} | {"PRECOMMITTED": LabelState.PREPARED}
_TEXT_MAX: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a target is made of. ``spool_dir`` has the bodies of loads while they are sent."""

    address: ClusterAddress
    tables: Tables
    nodes: Nodes
    wire: Wire
    encoder: Encoder
    spool_dir: Path


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent of a part: headers, and whole rows in chunks, once."""

    headers: dict[str, str]
    chunks: Iterator[bytes]


class ClusterTarget(ABC):
    """Thread-safe. No request is repeated in here."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @property
    def incarnation(self) -> str:
        """Raises TargetUnavailable as long as the cluster was never heard."""
        try:
            return self._parts.nodes.identity
        except ClusterRefused as error:
            raise TargetUnavailable(
                f"{self.name} does not say which cluster it is; the target's user has to see its nodes: {error.message}"
            ) from error

    @property
    def name(self) -> str:
        address = self._parts.address
        return f"{address.vendor}://{','.join(f'{host}:{port}' for host, port in address.fronts)}"

    def table(self, ref: TableRef) -> Table:
        return self._parts.tables.table(ref)

    def state(self, database: str, label: Label) -> LabelState:
        path = f"/api/{quote(database, safe='')}/get_load_state"
        answer = self._parts.wire.send(Request(method="GET", path=path, query={"label": label}, timeout_s=QUESTION_S))
        said = self._state_said(answer)
        if said not in _STATES:
            raise TargetUnavailable(f"{self.name} says of label {label}: {brief(answer)}")
        return _STATES[said]

    def prepare(self, part: Part, body: PartBody) -> Prepared:
        try:
            return self._prepare(part, body, self._bytes_of(part, body))
        except TargetUnavailable as error:
            return Prepared(reply=Reply.unknown(error.message))
        except (SinkError, ClusterRefused, UnknownTable, UnknownDatabase) as error:
            return Prepared(reply=Reply.refused(error.message))

    def commit(self, part: Part) -> Reply:
        return _replied(lambda: self._commit(part))

    def rollback(self, part: Part) -> Reply:
        return _replied(lambda: self._rollback(part))

    @abstractmethod
    def _prepare(self, part: Part, body: PartBody, load: Load) -> Prepared: ...

    @abstractmethod
    def _commit(self, part: Part) -> Reply: ...

    @abstractmethod
    def _rollback(self, part: Part) -> Reply: ...

    @abstractmethod
    def _state_said(self, answer: Answer) -> str:
        """The state's word; anything else where the answer tells none."""

    # for the vendors

    def _bytes_of(self, part: Part, body: PartBody) -> Load:
        if (spec := body.mode.pushed) is not None:
            return Load(pushed.headers(spec), pushed.chunks(spec, body.batches()))
        encoding = plan(self._parts.address.vendor, self.table(part.table), body.schema, body.mode)
        return Load(headers(encoding, body.mode), self._parts.encoder.chunks(encoding, body.batches()))

    @contextmanager
    def _spooled(self, chunks: Iterable[bytes]) -> Iterator[tuple[Callable[[], Iterator[bytes]], int]]:
        """A body in a file, for as long as it takes to send it: its reader, and its length."""
        self._parts.spool_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._parts.spool_dir) as file:
            length = sum(file.write(chunk) for chunk in chunks)

            def read() -> Iterator[bytes]:
                file.seek(0)
                return _pieces(file)

            yield read, length

    def _counted(self, answer: Answer, body: PartBody) -> Prepared:
        """A part that was prepared, with the cluster's own counts.

        Fewer rows than were sent, or more (a proxy that sent them twice), make it unknown: it is not to be committed.
        """
        loaded, filtered, unselected = (_number(answer, f"number{kind}rows") for kind in _KINDS)
        told = loaded + filtered + unselected
        is_known = body.mode.pushed is None  # of a message that is pushed nobody knows how many rows it is
        if is_known and told != body.rows:
            return Prepared(reply=Reply.unknown(f"{self.name} tells of {told} rows where {body.rows} were sent"))
        url = answer.text("errorurl")
        return Prepared(
            reply=Reply.done(),
            txn_id=TxnId(_number(answer, "txnid", -1)),
            loaded=loaded,
            filtered=filtered,
            unselected=unselected,
            error_url=url,
            first_error=self._first_error(answer) if filtered else "",
        )

    def _first_error(self, answer: Answer) -> str:
        """What was wrong with the first row that the cluster filtered, from the answer or from its error log."""
        if told := answer.text("firsterrormsg"):
            return told[:_TEXT_MAX]
        url = answer.text("errorurl")
        if not url.startswith(("http://", "https://")):
            return ""
        found = _ERROR_LINES.search(self._parts.wire.read(url, _ERROR_LOG_BYTES, _ERROR_LOG_S))
        return found.group(1)[:_TEXT_MAX] if found else ""


_KINDS: Final[Sequence[str]] = ("loaded", "filtered", "unselected")


def brief(answer: Answer) -> str:
    """What an answer said, for people."""
    said = answer.text("message", "msg")
    status = answer.text("status") or str(answer.status)
    return f"{status}: {said}"[:_TEXT_MAX]


def _replied(ask: Callable[[], Reply]) -> Reply:
    try:
        return ask()
    except (TargetUnavailable, ClusterRefused) as error:
        return Reply.unknown(error.message)


def _number(answer: Answer, name: str, default: int = 0) -> int:
    value = answer.fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_READ_BYTES):
        yield piece
