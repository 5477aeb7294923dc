"""The backends elsewhere as they are now: who is there, who may get tasks, and how often each has failed.

Owns what is known of each; decides nothing about the world but what follows from what it is told. Invariants: a backend
that was dropped is nobody's; a session that was replaced never comes back to life here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from routine_load.backends.facts import BackendFacts, BackendRecord, BackendState
from routine_load.backends.messages import Presence
from routine_load.clock import Clock
from routine_load.ids import BackendId

FAILURES_MAX = 3
"""So many in a row, and a backend gets no tasks for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How patient a coordinator is with its backends."""

    heartbeat_s: float = 2.0
    missed_max: int = 3
    shut_out_s: float = 300.0
    tasks_max: int = 1024
    """On all of them together: each has a thread here that mostly waits, and a connection."""


@dataclass(slots=True, kw_only=True)
class Member:
    """One backend elsewhere. Its fields are changed by ``Members`` alone."""

    record: BackendRecord
    presence: Presence | None = None
    alive: bool = False
    missed: int = 0
    failures: int = 0
    shut_out_until: float = 0.0
    heard_at: datetime | None = None
    trouble: str = ""

    @property
    def address(self) -> tuple[str, int]:
        return self.record.host, self.record.port

    @property
    def session(self) -> str:
        return self.presence.session if self.presence is not None else ""


@dataclass(slots=True)
class Members:
    """Thread-safe. ``changed`` is told where there are more or fewer that are alive; ``lost`` of each session that
    ended, and why. Both are told outside of any lock and must not block.
    """

    clock: Clock
    terms: Terms
    changed: Callable[[], None] = lambda: None
    lost: Callable[[BackendId, str], None] = lambda _id, _why: None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _all: dict[BackendId, Member] = field(default_factory=dict)

    # -- what is told -------------------------------------------------------------------------------------------------

    def records(self, records: Iterable[BackendRecord]) -> None:
        """As the metadata has them."""
        gone: list[BackendId] = []
        with self._lock:
            before = self._count()
            kept = {each.id: each for each in records if each.state is not BackendState.DROPPED}
            for each in [*self._all]:
                if each not in kept:
                    del self._all[each]
                    gone.append(each)
            for number, record in kept.items():
                member = self._all.setdefault(number, Member(record=record))
                member.record = record
            differs = self._count() != before
        for each in gone:
            self.lost(each, "it was dropped")
        if differs:
            self.changed()

    def heard(self, backend: BackendId, presence: Presence) -> None:
        """It has said that it is there."""
        replaced = False
        with self._lock:
            member = self._all.get(backend)
            if member is None:
                return
            twin = self._twin(backend, presence.session)
        if twin is not None:
            self.missed(backend, f"it is backend {twin.record.id}, too, as {twin.record.address}", surely=True)
            return
        with self._lock:
            before = self._count()
            replaced = member.session not in {"", presence.session}
            if replaced:
                member.failures, member.shut_out_until = 0, 0.0
            member.presence = presence
            member.alive = not presence.is_leaving
            member.missed = 0
            member.heard_at = self.clock.now()
            member.trouble = "it is leaving" if presence.is_leaving else ""
            differs = self._count() != before
        if replaced:
            self.lost(backend, "its process ended, and another one began")
        if differs:
            self.changed()

    def missed(self, backend: BackendId, why: str, *, surely: bool = False) -> None:
        """It did not answer; ``surely``: nobody listens there any more."""
        with self._lock:
            member = self._all.get(backend)
            if member is None:
                return
            member.missed += 1
            member.trouble = why
            gone = surely or member.missed >= self.terms.missed_max
            before = self._count()
            member.alive = member.alive and not gone
            differs = self._count() != before
        if gone:  # each time: a task may have been ordered while it died
            self.lost(backend, why)
        if differs:
            self.changed()

    def leaves(self, backend: BackendId, presence: Presence) -> None:
        """A process takes no more tasks; nothing is known by that of another one at its address."""
        with self._lock:
            member = self._all.get(backend)
            is_it = member is not None and member.session == presence.session
        if is_it:
            self.heard(backend, presence)

    def forget(self) -> None:
        """Nobody asks them any more: none is known to be there."""
        with self._lock:
            self._all = {number: Member(record=member.record) for number, member in self._all.items()}

    def failed(self, backend: BackendId) -> None:
        """A task was lost on it. So many in a row, and it gets none for a while (Doris: blacklist)."""
        with self._lock:
            member = self._all.get(backend)
            if member is not None:
                member.failures += 1
                if member.failures >= FAILURES_MAX:
                    member.shut_out_until = self.clock.monotonic() + self.terms.shut_out_s

    def succeeded(self, backend: BackendId) -> None:
        with self._lock:
            member = self._all.get(backend)
            if member is not None:
                member.failures, member.shut_out_until = 0, 0.0

    # -- what is asked ------------------------------------------------------------------------------------------------

    @property
    def alive(self) -> int:
        """How many take tasks."""
        with self._lock:
            return self._count()

    @property
    def dead(self) -> int:
        """How many ought to take tasks and do not answer."""
        with self._lock:
            return sum(not m.alive for m in self._all.values() if m.record.state is BackendState.ADDED)

    def get(self, backend: BackendId) -> Member | None:
        with self._lock:
            return self._all.get(backend)

    def all(self) -> list[Member]:
        with self._lock:
            return list(self._all.values())

    def offers(self, most: int) -> dict[BackendId, int]:
        """How many tasks each may run. Those that are shut out are asked only where there are no others."""
        now = self.clock.monotonic()
        with self._lock:
            there = {
                number: member
                for number, member in self._all.items()
                if member.alive and member.record.state is BackendState.ADDED
            }
            trusted = {number: member for number, member in there.items() if member.shut_out_until <= now}
            return {
                number: min(most, member.presence.slots)
                for number, member in (trusted or there).items()
                if member.presence is not None
            }

    def facts(self, most: int, running: Callable[[BackendId], int]) -> list[BackendFacts]:
        now = self.clock.monotonic()
        with self._lock:
            return [_facts(member, most, running(number), now) for number, member in sorted(self._all.items())]

    def _twin(self, backend: BackendId, session: str) -> Member | None:
        """The same process under another address."""
        others = (member for number, member in self._all.items() if number != backend and member.alive)
        return next((member for member in others if member.session == session), None)

    def _count(self) -> int:
        return sum(m.alive for m in self._all.values() if m.record.state is BackendState.ADDED)


def _facts(member: Member, most: int, running: int, now: float) -> BackendFacts:
    presence = member.presence
    trouble = member.trouble
    if not trouble and member.shut_out_until > now:
        trouble = (
            f"{member.failures} tasks in a row were lost on it; it gets none for {member.shut_out_until - now:.0f} s"
        )
    return BackendFacts(
        id=member.record.id,
        host=member.record.host,
        http_port=member.record.port,
        alive=member.alive,
        running_tasks=running,
        slots=min(most, presence.slots) if presence else 0,
        started_at=datetime.fromtimestamp(presence.started_at_ms / 1000, UTC) if presence else None,
        heard_at=member.heard_at,
        is_decommissioned=member.record.state is BackendState.DECOMMISSIONED,
        trouble=trouble,
        version=presence.version if presence else "",
        cpu_cores=presence.cpu_cores if presence else 0,
        failures=member.missed,
    )
