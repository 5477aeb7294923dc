"""What coordinators of one metadata database say to each other: a follower has the leader run a statement.

A message is sealed with the secret that they share, so that nobody else reads, makes or changes one: the leader runs it
as the user whom the follower knows, and no password travels. It names sender, number, receiver and epoch: one that is
repeated, or was meant for another term, is refused. It is passed on once: who does not lead says so. Owns this talk,
and who is told by SHOW FRONTENDS.
"""

from __future__ import annotations

import itertools
import json
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from select import POLLIN, poll
from socket import socket
from typing import Any, Final, Self

from routine_load.app.leading import Membership
from routine_load.clock import Clock, Deadline
from routine_load.commit.intents import Epoch
from routine_load.errors import ExecutionError, LeadershipLost, LeaderUnknown, MetadataError, RoutineLoadError
from routine_load.ids import Compat
from routine_load.observe import events
from routine_load.observe.logs import logger
from routine_load.scheduler.leadership import Leadership
from routine_load.sql.results import Result
from routine_load.statements.leaders import FrontendFacts
from routine_load.statements.ports import Session
from routine_load.statements.service import Service
from routine_load.statements.travelling import (
    error_fields,
    read_error,
    read_result,
    result_fields,
    session_fields,
    take_over,
)
from routine_load.store import Metadata, SecretBox
from routine_load.store.coordinators import Member
from routine_load.store.lease import NO_EPOCH, Standing

log = logger("company")

PATH: Final = "/api/_coordinator/statement"
MESSAGE_BYTES_MAX: Final = 32 * 1024 * 1024
_ANSWER_BYTES_MAX: Final = 256 * 1024 * 1024
_CONNECT_TIMEOUT_S: Final = 3.0
_ANSWER_TIMEOUT_S: Final = 150.0
"""For what changes something; who only looks has less patience, and the same as for a leader (``_TAKE_OVER_S``)."""
_OPAQUE_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_AGAIN_S: Final = 0.1
_TAKE_OVER_S: Final = 5.0
"""Beyond the lease's own time: what a patient statement waits for a leader."""
_SENDERS_MAX: Final = 1000
_WINDOW: Final = 4096


class _NotSent(Exception):
    """Nothing of it was run."""


class _Overtaken(Exception):
    """Another one leads by now, and whether this was run is not known."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """How long an answer is waited for: so long, and not longer than the leader of that epoch leads."""

    deadline: Deadline
    epoch: Epoch = NO_EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Companions:
    """``statements.leaders.Company``. Thread-safe. ``catch_up`` reads what others may have changed."""

    me: Membership
    box: SecretBox = field(repr=False)
    store: Metadata
    leadership: Leadership
    clock: Clock
    catch_up: Callable[[], None]
    _sender: str = field(default_factory=lambda: secrets.token_hex(16))
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def of(
        cls,
        me: Membership,
        store: Metadata,
        leadership: Leadership,
        clock: Clock,
        catch_up: Callable[[], None],
    ) -> Self | None:
        """None where this coordinator is alone."""
        if me.box is None:
            return None
        return cls(me=me, box=me.box, store=store, leadership=leadership, clock=clock, catch_up=catch_up)

    @property
    def leads(self) -> bool:
        return self.leadership.leads

    @property
    def ttl_s(self) -> float:
        return self.me.ttl_s

    def changed(self) -> None:
        with suppress(RoutineLoadError):  # it is seen a little later
            self.catch_up()

    def ask(self, session: Session, text: str, *, patient: bool) -> Result | None:
        deadline = self._after(self.ttl_s + _TAKE_OVER_S if patient else 0.0)
        pause = threading.Event()
        while not self._leads_still(standing := self.me.lease.standing()):
            wait = _Wait(self._after(_ANSWER_TIMEOUT_S if patient else self.ttl_s + _TAKE_OVER_S), standing.epoch)
            try:
                return self._asked(standing, session, text, wait)
            except _Overtaken as where:
                if patient:
                    raise self._unheard(str(where), "another one leads by now") from None
                continue
            except _NotSent as why:
                if deadline.expired and not self.leads:
                    raise LeaderUnknown(
                        f"no coordinator leads just now, and only the leader can do this: {why}; try again"
                    ) from None
            pause.wait(_AGAIN_S)
        return None

    def _leads_still(self, standing: Standing) -> bool:
        """Who slept may believe it, while another one has the lease."""
        return self.leads and standing.epoch == self.leadership.epoch

    def _after(self, seconds: float) -> Deadline:
        return Deadline.after(seconds, self.clock)

    def members(self) -> Sequence[FrontendFacts]:
        standing = self.me.lease.standing()
        return [
            FrontendFacts(
                number=seen.number,
                host=seen.member.host,
                query_port=seen.member.query_port or 0,
                http_port=seen.member.http_port or 0,
                leads=standing.is_held and standing.holder == seen.member.id,
                alive=seen.silent_s < self.ttl_s or seen.member.id == self.me.id,
                is_me=seen.member.id == self.me.id,
                started_at=datetime.fromtimestamp(seen.member.started_at_ms / 1000, UTC),
                seen_at=seen.seen_at,
            )
            for seen in self.store.coordinators.all()
        ]

    def error_lines(self, opaque_id: str) -> Iterator[str]:
        """A file of rejected rows that another coordinator made. Raises FileNotFoundError where nobody has it."""
        for seen in self.store.coordinators.all():
            if seen.member.id == self.me.id or seen.silent_s >= self.ttl_s or seen.member.http_port is None:
                continue
            wait = _Wait(self._after(self.ttl_s + _TAKE_OVER_S))
            try:
                answer = self._answered(seen.member, {"error_log": opaque_id}, wait)
            except (_NotSent, LeaderUnknown):
                continue
            if "lines" in answer:
                return iter(answer["lines"])
        raise FileNotFoundError(opaque_id)

    def _asked(self, standing: Standing, session: Session, text: str, wait: _Wait) -> Result:
        question = {"session": session_fields(session), "text": text}
        answer = self._answered(self._leader(standing), question, wait)
        if "error" in answer:
            raise read_error(answer["error"])
        return read_result(answer["result"])

    def _answered(self, member: Member, question: dict[str, Any], wait: _Wait) -> dict[str, Any]:
        head = {"from": self._sender, "number": next(self._numbers), "to": member.id, "epoch": wait.epoch}
        token, body = self.box.seal(json.dumps(head)), self.box.seal(json.dumps({"head": head, **question}))
        answer = self._sent(member, token, body, wait)
        if answer.get("number") != head["number"] or answer.get("from") != head["from"]:
            raise self._unheard(_place(member), "what it answered belongs to another question")
        if "refused" in answer:
            raise _NotSent(answer["refused"])
        return answer

    def _leader(self, standing: Standing) -> Member:
        if not standing.is_held:
            raise _NotSent("the lease is free")
        if standing.holder == self.me.id:
            raise _NotSent("this one is about to")
        found = next((s.member for s in self.store.coordinators.all() if s.member.id == standing.holder), None)
        if found is None:
            raise _NotSent("the one that has the lease has not said yet where it is reached")
        if found.http_port is None:
            raise _NotSent(f"the leader at {found.host}:{found.query_port} has no HTTP port to be asked at")
        return found

    def _sent(self, member: Member, token: str, body: str, wait: _Wait) -> dict[str, Any]:
        connection = HTTPConnection(member.host, member.http_port, timeout=_CONNECT_TIMEOUT_S)
        try:
            try:
                connection.connect()
            except OSError as cause:
                raise _NotSent(f"the leader at {_place(member)} cannot be reached") from cause
            connection.sock.settimeout(_ANSWER_TIMEOUT_S)
            try:
                connection.request("POST", PATH, body.encode(), {"Authorization": f"Sealed {token}"})
                self._await_answer(connection.sock, _place(member), wait)
                response = connection.getresponse()
                answered = response.read(_ANSWER_BYTES_MAX)
            except (OSError, HTTPException) as cause:
                raise self._unheard(_place(member), type(cause).__name__) from cause
        finally:
            connection.close()
        if response.status != 200:
            raise _NotSent(f"the leader at {_place(member)} answered {response.status}")
        try:
            answer: dict[str, Any] = json.loads(self.box.unseal(answered.decode()))
        except (MetadataError, ValueError) as cause:
            raise self._unheard(_place(member), "what it answered cannot be opened") from cause
        return answer

    def _await_answer(self, sock: socket, place: str, wait: _Wait) -> None:
        """Until it begins. A leader that stands still is not waited for any longer than it leads."""
        ready = poll()
        ready.register(sock, POLLIN)
        while not ready.poll(min(wait.deadline.remaining, self.ttl_s / 15) * 1000):
            if wait.deadline.expired:
                raise self._unheard(place, "it takes too long")
            if wait.epoch != NO_EPOCH and self._is_over(wait.epoch):
                raise _Overtaken(place)

    def _is_over(self, epoch: Epoch) -> bool:
        """Where it cannot be known, it is not."""
        try:
            return self.leads or self.me.lease.standing().epoch != epoch
        except MetadataError:
            return False

    def _unheard(self, place: str, why: str) -> LeaderUnknown:
        return LeaderUnknown(
            f"the leader at {place} was asked and its answer was lost ({why}): whether the statement took effect is "
            "to be looked up"
        )


def _place(member: Member) -> str:
    return f"{member.host}:{member.http_port}"


@dataclass(frozen=True, slots=True)
class ErrorLogs:
    """Rejected rows wherever they lie (``server.http.ports.ErrorLogs``)."""

    own: Callable[[str], Iterator[str]]
    company: Companions | None

    def render(self, opaque_id: str) -> Iterator[str]:
        """Raises FileNotFoundError where nobody has them."""
        try:
            return self.own(opaque_id)
        except FileNotFoundError:
            if self.company is None:
                raise
            return self.company.error_lines(opaque_id)


@dataclass(slots=True, kw_only=True)
class Receiver:
    """The other side: it runs what a follower sends (``server.http.internal.Answers``). Thread-safe."""

    me: str
    box: SecretBox = field(repr=False)
    leadership: Leadership
    service: Service
    error_lines: Callable[[str], Iterator[str]]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: OrderedDict[str, tuple[int, set[int]]] = field(default_factory=OrderedDict)

    def is_ours(self, token: str) -> bool:
        """Whether a coordinator of this metadata made it; asked before any of the body is read."""
        return self._opened(token) is not None

    def answer(self, token: str, body: bytes) -> bytes | None:
        """What the statement answers, sealed; None for a message that is not ours, or was heard before."""
        head, message = self._opened(token), self._opened(body.decode(errors="replace"))
        if head is None or message is None or message.get("head") != head or not self._is_new(head):
            return None
        own = {"from": head["from"], "number": head["number"]}
        return self.box.seal(json.dumps(own | self._done(head, message))).encode()

    def _done(self, head: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
        if head["to"] == self.me and "error_log" in message:
            return self._error_log(message["error_log"])
        if head["to"] != self.me or not self.leadership.leads or head["epoch"] != self.leadership.epoch:
            return {"refused": "the one that was asked does not lead any more"}
        compat = Compat(message["session"]["compat"])
        try:
            return {"result": self._run(message, compat)}
        except (LeadershipLost, LeaderUnknown) as error:  # its write was refused: nothing was changed
            return {"refused": error.message}
        except RoutineLoadError as error:
            return {"error": error_fields(error, compat)}
        except Exception as error:
            log.exception(events.STATEMENT_FAULT)
            told = ExecutionError(f"an unexpected {type(error).__name__}; the leader's log has it")
            return {"error": error_fields(told, compat)}

    def _run(self, message: dict[str, Any], compat: Compat) -> dict[str, Any]:
        told = message["session"]
        session = self.service.open_session(told["user"], told["client"], compat)
        try:
            take_over(session, told)
            (result,) = self.service.execute(session, message["text"])
            return result_fields(result)
        finally:
            self.service.close_session(session)

    def _error_log(self, opaque_id: object) -> dict[str, Any]:
        if not isinstance(opaque_id, str) or not _OPAQUE_ID.fullmatch(opaque_id):
            return {"none": True}
        try:
            return {"lines": list(self.error_lines(opaque_id))}
        except FileNotFoundError:
            return {"none": True}

    def _is_new(self, head: dict[str, Any]) -> bool:
        """A sender counts up; of its newest numbers it is known which were heard, and older ones are refused."""
        with self._lock:
            newest, heard = self._seen.pop(head["from"], (0, set()))
            number = head["number"]
            is_new = number > newest - _WINDOW and number not in heard
            if is_new:
                heard.add(number)
                newest = max(newest, number)
                if len(heard) > 2 * _WINDOW:
                    heard = {each for each in heard if each > newest - _WINDOW}
            self._seen[head["from"]] = (newest, heard)
            while len(self._seen) > _SENDERS_MAX:
                self._seen.popitem(last=False)
            return is_new

    def _opened(self, sealed: str) -> dict[str, Any] | None:
        try:
            value = json.loads(self.box.unseal(sealed))
        except (MetadataError, ValueError):
            return None
        return value if isinstance(value, dict) else None
