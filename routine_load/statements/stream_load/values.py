"""What the HTTP door hands to Stream Load, and what it gets back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from routine_load.commit.values import Counts
from routine_load.errors import RoutineLoadError
from routine_load.ids import NO_TXN, TxnId
from routine_load.statements.ports import Session


class Body(Protocol):
    """The bytes of a request, in order. ``read`` blocks."""

    def read(self, max_bytes: int) -> bytes:
        """At least one byte and at most ``max_bytes``; empty at the end. Raises ClientGone."""
        ...


class NoBody:
    """A request without one."""

    def read(self, max_bytes: int) -> bytes:  # noqa: ARG002 - there is nothing
        return b""


class ClientGone(RoutineLoadError):
    """The client closed its connection before the end of the body."""


class StreamLoadRefused(RoutineLoadError):
    """What was asked is refused, in the vendor's words.

    ``status`` is the vendor's word: ``Fail``, ``FAILED``, ``Label Already Exists``, or a status code's name
    (``TXN_NOT_EXISTS``). ``existing_status`` is that of the load which has the label; None: the key is absent.
    """

    def __init__(
        self, status: str, message: str, *, existing_status: str | None = None, txn_id: TxnId = NO_TXN
    ) -> None:
        super().__init__(message or " ")
        self.text = message
        self.status = status
        self.existing_status = existing_status
        self.txn_id = txn_id


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """One request of a load or of the transaction interface.

    ``database`` and ``table`` are those of the path, or of the headers ``db`` and ``table`` (transaction interface);
    empty where there are none. ``headers`` by lower-case name; an empty value counts as absent. ``client`` is the
    address that SHOW tells. ``content_length`` None: the body is chunked, or there is none. ``preceding_filter`` is the
    condition on fields that a statement gave (Doris: ``_http_stream``); no header can.
    """

    session: Session
    database: str
    table: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    client: str = ""
    content_length: int | None = None
    is_chunked: bool = False
    preceding_filter: str = ""
    body: Body = field(default_factory=NoBody)

    def header(self, name: str, default: str = "") -> str:
        """The value of a header, trimmed; ``default`` where it is absent or empty."""
        return self.headers.get(name, "").strip() or default


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTimes:
    """Milliseconds that the parts of a load took."""

    load: int = 0
    begin: int = 0
    plan: int = 0
    read: int = 0
    write: int = 0
    commit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOutcome:
    """How a request ended, done or refused: everything that either vendor's answer tells.

    ``status`` is the vendor's word: of a direct load ``Success``, ``Publish Timeout``, ``Label Already Exists``,
    ``Fail``; of the transaction interface ``OK`` or a status code's name. ``message`` is all of the vendor's text, code
    and fixed prefix included. ``existing_status`` None: the key is absent. ``rejects``: the opaque id of the rejected
    rows, from which the door makes the error URL; empty: none. ``rejected_record_path``: of the text file of them that
    was asked for (StarRocks). ``total_rows`` where it is not the sum of the others
    (Doris says of a failed load that it loaded nothing). ``has_context`` False: the transaction interface had no
    transaction to speak of, so that its answer has ``Status`` and ``Message`` alone.
    """

    OK: ClassVar[frozenset[str]] = frozenset({"Success", "OK", "Publish Timeout"})

    status: str
    message: str
    existing_status: str | None = None
    txn_id: TxnId = NO_TXN
    label: str = ""
    database: str = ""
    table: str = ""
    comment: str = ""
    two_phase: bool = False
    group_commit: bool = False
    merge_commit: bool = False
    request_id: str = ""
    counts: Counts = field(default_factory=Counts)
    total_rows: int | None = None
    times: LoadTimes = field(default_factory=LoadTimes)
    rejects: str = ""
    rejected_record_path: str = ""
    first_error: str = ""
    has_context: bool = True

    @property
    def ok(self) -> bool:
        return self.status in self.OK


@dataclass(frozen=True, slots=True)
class Finished:
    """Doris: the answer of ``_stream_load_2pc``; ``status`` is ``Success`` or a status code's name."""

    status: str
    message: str


@dataclass(frozen=True, slots=True)
class LabelState:
    """``get_load_state``: the state in the vendor's word (``UNKNOWN`` where nothing has the label), and its reason."""

    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLoad:
    """StarRocks: a transaction of its interface that is open; ``is_busy``: a call is at work. Times in Unix seconds."""

    label: str
    txn_id: TxnId
    is_busy: bool
    counts: Counts
    began_s: int
    touched_s: int
    timeout_s: int
    idle_timeout_s: int
