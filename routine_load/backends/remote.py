"""Backends elsewhere, as the scheduler uses them: a seat, an order by HTTP, a conversation until the task has ended.

Owns heartbeats, the tasks under way on each backend, and what is done when one is lost. Invariant: a task whose backend
is lost, or which was cancelled, is over here at once: whatever its backend still says is not heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from routine_load.backends.codec import to_json
from routine_load.backends.conversation import Conversation, Conversations
from routine_load.backends.desk import Desk, Owner, TaskCancelled
from routine_load.backends.facts import BackendFacts, BackendRecord, BackendRecords, BackendState
from routine_load.backends.heartbeats import Heartbeats, Rounds
from routine_load.backends.members import Member, Members
from routine_load.backends.messages import (
    CANCEL_PATH,
    TASK_PATH,
    Cancel,
    Presence,
    TaskOrder,
)
from routine_load.backends.seats import Seats
from routine_load.backends.signing import SharedSecret
from routine_load.backends.wire import Unreachable, Wire
from routine_load.errors import BackendLost, BackendRefused, MetadataError, RoutineLoadError, SourceUnavailable
from routine_load.ids import BackendId
from routine_load.observe import events
from routine_load.observe.failpoints import failpoint
from routine_load.observe.logs import logger
from routine_load.tasks.control import TaskControl
from routine_load.tasks.run import Task, TaskOutcome, TaskReport

log = logger("backends")

_ORDER_S = 10.0
_CANCEL_S = 2.0
_MISSING_MAX = 2
"""So many heartbeats without it, and a task is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leading:
    """Who gives the orders: its number, and where turns are spoken to."""

    epoch: Callable[[], int]
    coordinator: Callable[[], tuple[str, int]]
    files: Callable[[Task], Mapping[str, str]] = lambda _task: {}
    target: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Links:
    """Where backends are kept, how they are spoken to, and how many tasks each has."""

    records: BackendRecords
    wire: Wire
    seats: Seats


@dataclass(slots=True)
class _UnderWay:
    backend: BackendId
    session: str
    conversation: Conversation
    missing: int = 0


class RemoteBackends:
    """``place`` and ``run`` are the scheduler's; ``start`` and ``stop`` belong to the coordinator's loop."""

    def __init__(self, members: Members, links: Links, owner: Owner, leading: Leading) -> None:
        self.members = members
        self.conversations = Conversations()
        self.leading = leading
        self._records = links.records
        self._wire = links.wire
        self._seats = links.seats
        self._owner = owner
        self._pool = ThreadPoolExecutor(max_workers=members.terms.tasks_max, thread_name_prefix="backend-elsewhere")
        self._cancels = ThreadPoolExecutor(max_workers=4, thread_name_prefix="backend-cancel")
        self._lock = threading.Lock()
        self._under_way: dict[str, _UnderWay] = {}
        self._heartbeats = Heartbeats(
            members,
            links.wire,
            Rounds(
                epoch=leading.epoch,
                can_be_answered=lambda: leading.coordinator()[1] > 0,  # its door is about to open else
                look_again=self.look_again,
                asking=self._asking,
                after=self._decommissioned,
            ),
        )
        members.lost = self._lost

    @property
    def secret(self) -> SharedSecret:
        """What its messages are signed with."""
        return self._wire.secret

    # -- the scheduler's ----------------------------------------------------------------------------------------------

    def elsewhere(self, backend_id: BackendId) -> RemoteRunner | None:
        member = self.members.get(backend_id)
        return None if member is None else RemoteRunner(self, member)

    def run(self, backend_id: BackendId, job_id: int, work: Callable[[], None]) -> Future[None]:
        """Run ``work``, which waits for a task elsewhere, in the slot that was taken."""

        def occupied() -> None:
            try:
                work()
            finally:
                self._seats.give_back(backend_id, job_id)

        return self._pool.submit(occupied)

    # -- one task -----------------------------------------------------------------------------------------------------

    def run_task(self, member: Member, task: Task, control: TaskControl) -> TaskReport:
        """Raises BackendLost, and what the task failed with."""
        number, conversation = self.conversations.open()
        backend, session = member.record.id, member.session
        under_way = _UnderWay(backend, session, conversation)
        with self._lock:
            self._under_way[conversation.key] = under_way
        ended = False
        try:
            control.tell(lambda: conversation.interrupt(TaskCancelled()))
            self._order(member, session, number, conversation.key, task)
            report = Desk(self._owner, task, control).serve(conversation)
            ended = True
        except TaskCancelled:
            return TaskReport(outcome=TaskOutcome.CANCELLED, positions=dict(task.start), caught_up=False)
        except (BackendLost, SourceUnavailable):
            self.members.failed(backend)
            raise
        except RoutineLoadError:
            ended = True  # the backend did what it could
            raise
        finally:
            with self._lock:
                del self._under_way[conversation.key]
            self.conversations.close(conversation)
            if ended:
                self.members.succeeded(backend)
            else:
                with contextlib.suppress(RuntimeError):  # the coordinator ends: so does the pool
                    self._cancels.submit(self._cancel, member, session, conversation.key)
        return report

    def _order(self, member: Member, session: str, number: int, key: str, task: Task) -> None:
        order = TaskOrder(
            session=session,
            epoch=self.leading.epoch(),
            number=number,
            key=key,
            coordinator=self.leading.coordinator(),
            task=task,
            timeout_s=task.timeout_s,
            files=self.leading.files(task),
            target=self.leading.target,
        )
        failpoint("backend.order.before")
        try:
            self._wire.post(member.address, TASK_PATH, self._wire.secret.sealed(to_json(order)), _ORDER_S)
        except BackendRefused as error:
            raise BackendLost(f"failed to submit task. error code: REFUSED, msg: {error.message}") from error
        except BackendLost as error:
            if isinstance(error, Unreachable):
                self.members.missed(member.record.id, error.message, surely=True)
            raise BackendLost(f"failed to send task: {error.message}") from error
        failpoint("backend.order.after")

    def _cancel(self, member: Member, session: str, key: str) -> None:
        with contextlib.suppress(RoutineLoadError):
            self._wire.post(member.address, CANCEL_PATH, to_json(Cancel(session=session, key=key)), _CANCEL_S)

    # -- who is there -------------------------------------------------------------------------------------------------

    def register(self, presence: Presence) -> BackendId:
        """A backend makes itself known, or says that it leaves. Blocking.

        Raises BackendRefused for one that was dropped, or is not where it says; MetadataError. What it says is believed
        once it was asked, so that nothing that is repeated, or said of another one's address, ends a task.
        """
        known = next((r for r in self._records.all() if (r.host, r.port) == (presence.host, presence.port)), None)
        if known is not None and known.state is BackendState.DROPPED:
            raise BackendRefused(
                f"backend {known.address} was dropped; ALTER SYSTEM ADD BACKEND '{known.address}' lets it come back"
            )
        if known is not None and presence.is_leaving:
            self.members.leaves(known.id, presence)
            return known.id
        found = self._heartbeats.ask_back(known, presence) if self._heartbeats.leads else None
        if known is None:
            known = self._records.put(presence.host, presence.port, BackendState.ADDED)
            log.info(events.BACKEND_ADDED, backend_id=known.id, address=known.address)
        self.look_again()
        if found is not None:
            self.members.heard(known.id, found)
        return known.id

    def set_state(self, host: str, port: int, state: BackendState) -> BackendRecord:
        """Blocking. Raises MetadataError."""
        record = self._records.put(host, port, state)
        self.look_again()
        return record

    def record_of(self, host: str, port: int) -> BackendRecord | None:
        """Blocking. None for one that is not there, or was dropped. Raises MetadataError."""
        found = (r for r in self._records.all() if (r.host, r.port) == (host, port))
        return next((r for r in found if r.state is not BackendState.DROPPED), None)

    def look_again(self) -> None:
        """Blocking: who there is, as the metadata says. Raises MetadataError."""
        self.members.records(self._records.all())

    async def lead(self) -> None:
        """This coordinator gives the orders from here on."""
        self._heartbeats.lead()

    async def follow(self) -> None:
        """Another one does, or none: what its backends run is nobody's, and what is known of them grows old."""
        await self._heartbeats.follow()
        with self._lock:
            left = list(self._under_way.values())
        for each in left:  # also where a cluster is asked to prepare: whoever leads next decides
            each.conversation.interrupt(BackendLost("this coordinator does not lead any more"))
        self.members.forget()

    def close(self) -> None:
        """Blocking: wait for what is under way."""
        self._pool.shutdown(wait=True)
        self._cancels.shutdown(wait=True)
        self._wire.close()

    def _asking(self, member: Member) -> Callable[[Presence], None]:
        with self._lock:
            known = [each for each in self._under_way.values() if each.backend == member.record.id]
        return lambda presence: self._look_for(known, presence)

    async def _decommissioned(self, member: Member) -> None:
        """StarRocks, Doris: a backend that is decommissioned is dropped once it has nothing left, dead or alive."""
        record = member.record
        if record.state is BackendState.DECOMMISSIONED and not self._seats.running(record.id):
            with contextlib.suppress(MetadataError):
                await asyncio.to_thread(self.set_state, record.host, record.port, BackendState.DROPPED)
                log.info(events.BACKEND_DROPPED, backend_id=record.id, address=record.address)

    def _look_for(self, known: list[_UnderWay], presence: Presence) -> None:
        """A task that its backend does not run is lost: it was ordered before the backend was asked."""
        for each in known:
            if each.conversation.key in presence.tasks:
                each.missing = 0
                continue
            each.missing += 1
            if each.missing >= _MISSING_MAX:
                each.conversation.interrupt(BackendLost(f"backend {each.backend} does not run the task any more"))

    def _lost(self, backend: BackendId, why: str) -> None:
        """Every task of a session that is gone is over."""
        member = self.members.get(backend)
        session = member.session if member is not None and member.alive else ""
        with self._lock:
            lost = [each for each in self._under_way.values() if each.backend == backend and each.session != session]
        if lost:
            log.warning(events.BACKEND_LOST, backend_id=backend, tasks=len(lost), reason=why)
        for each in lost:
            each.conversation.interrupt(BackendLost(f"backend {backend} is lost: {why}"))

    def facts(self, most: int) -> list[BackendFacts]:
        return self.members.facts(most, self._seats.running)


@dataclass(frozen=True, slots=True)
class RemoteRunner:
    """``backends.facts.Runs`` on one backend elsewhere."""

    _backends: RemoteBackends
    _member: Member

    def run(self, task: Task, control: TaskControl) -> TaskReport:
        return self._backends.run_task(self._member, task, control)
