"""Leadership: a coordinator follows until it gets the lease, leads while it keeps it, and follows again.

Owns when the lease is asked for, renewed and given up, and until when its holder trusts it. What a leader does is
handed in (``Duties``). On the coordinator's loop; the lease is asked in threads of its own.

Invariants: ``gain`` and ``lose`` are called in turn, each once a term, and ``lose`` also where ``gain`` was cut; a term
has one epoch. Time only makes a leader stop earlier: it trusts a lease from the moment it asked for it, by a clock that
never goes back, and less a margin. Nothing rests on that: whatever a leader writes is checked against the epoch.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from routine_load.clock import Clock
from routine_load.commit.intents import Epoch
from routine_load.errors import RoutineLoadError
from routine_load.observe import events
from routine_load.observe.logs import logger

log = logger("leadership")

T = TypeVar("T")

_THREADS: Final = 4
"""A question that hangs keeps the next one from nothing."""


class Standing(Protocol):
    """How the lease stands, by the clock of whoever keeps it."""

    @property
    def holder(self) -> str: ...
    @property
    def epoch(self) -> Epoch: ...
    @property
    def left_s(self) -> float: ...
    @property
    def is_held(self) -> bool: ...


class Lease(Protocol):
    """The lease, as this coordinator sees it. Blocking; every method may raise MetadataError."""

    @property
    def holder(self) -> str:
        """The name under which this coordinator holds it."""
        ...

    def acquire(self) -> Standing: ...

    def renew(self, epoch: Epoch) -> Standing: ...

    def resign(self, epoch: Epoch) -> None: ...


class Duties(Protocol):
    """What a coordinator does, by its role."""

    async def gain(self, epoch: Epoch) -> None:
        """Begin to lead: recover, then schedule. It may be cut."""
        ...

    async def lose(self, drain_s: float | None) -> None:
        """Lead no more. ``drain_s``: the lease is held still, and what commits may take so long to end."""
        ...

    def beat(self) -> None:
        """Blocking; now and then, whatever the role: be seen, and see what others changed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """``ttl_s`` is how long a lease lasts, ``margin_s`` how much earlier its holder stops.

    ``patient``: nobody else could do the work, so that only another holder ends a term, not time.
    """

    ttl_s: float
    renew_s: float
    margin_s: float
    look_s: float
    patient: bool = False

    @classmethod
    def of(cls, ttl_s: float, *, patient: bool = False) -> Timing:
        """A lease of 15 s is renewed every 5 s, trusted 13 s, and looked at by others every second."""
        return cls(ttl_s=ttl_s, renew_s=ttl_s / 3, margin_s=ttl_s * 2 / 15, look_s=ttl_s / 15, patient=patient)


class Leadership:
    """``start`` and ``stop`` it on its loop; the properties may be read from any thread."""

    def __init__(
        self,
        lease: Lease,
        duties: Duties,
        clock: Clock,
        timing: Timing,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._lease = lease
        self._duties = duties
        self._clock = clock
        self._timing = timing
        self._jitter = jitter
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="leadership")
        self._epoch: Epoch | None = None
        self._trusted_until = 0.0
        self._gaining: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._leads = False
        self._stopping = False

    @property
    def leads(self) -> bool:
        """This coordinator leads, and has recovered."""
        return self._leads

    @property
    def epoch(self) -> Epoch | None:
        """That of the term; None for a follower."""
        return self._epoch

    @property
    def has_lease(self) -> bool:
        return self._epoch is not None

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Lead where nobody does, else follow. Raises MetadataError, and what ``gain`` raises."""
        await self._look()
        self._keeping = asyncio.create_task(self._keep(), name="leadership")
        self._beating = asyncio.create_task(self._beat(), name="heartbeat")
        if self._gaining is not None:
            await self._gaining

    async def start_alone(self) -> None:
        """Lead at once, and for good: nobody else can have this database. Raises as ``start``."""
        standing = await self._asked(self._lease.acquire)
        self._epoch, self._trusted_until = standing.epoch, float("inf")
        await self._gain(standing.epoch)

    async def stop(self, drain_s: float) -> None:
        """Lead no more, and let another one begin at once. What commits gets so long; the lease is kept meanwhile."""
        epoch, self._stopping = self._epoch, True
        if epoch is not None:
            await self._end_term(drain_s)
        for task in (self._keeping, self._beating):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if epoch is not None:
            with contextlib.suppress(RoutineLoadError, TimeoutError):
                await asyncio.wait_for(self._asked(lambda: self._lease.resign(epoch)), self._timing.ttl_s)
        self._threads.shutdown(wait=False, cancel_futures=True)

    # -- keeping ------------------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        while True:
            wait_s = await self._kept()
            await asyncio.sleep(wait_s * (0.8 + 0.4 * self._jitter()))

    async def _kept(self) -> float:
        """One round; how many seconds until the next."""
        timing = self._timing
        try:
            async with asyncio.timeout(self._patience_s):
                wait_s = await (self._look() if self._epoch is None else self._renew(self._epoch))
        except (RoutineLoadError, TimeoutError) as error:
            log.warning(events.LEASE_UNKNOWN, leads=self.has_lease, error=type(error).__name__)
            wait_s = timing.look_s
        except Exception:  # the next round comes in any case
            log.exception(events.SCHEDULER_FAULT)
            wait_s = timing.look_s
        if self._epoch is not None and not self._stopping:
            if self._clock.monotonic() >= self._trusted_until:
                log.warning(events.LEADERSHIP_LOST, epoch=self._epoch, reason="the lease could not be renewed in time")
                await self._end_term(None)
                return timing.look_s
            wait_s = min(wait_s, max(0.0, self._trusted_until - self._clock.monotonic()))
        return wait_s

    @property
    def _patience_s(self) -> float:
        """How long a question may take: a leader's, as long as it trusts its lease."""
        if self._epoch is None or self._timing.patient:
            return self._timing.ttl_s
        return max(0.0, min(self._timing.ttl_s, self._trusted_until - self._clock.monotonic()))

    async def _look(self) -> float:
        """Ask for the lease."""
        asked_at = self._clock.monotonic()
        standing = await self._asked(self._lease.acquire)
        if standing.holder != self._lease.holder:
            return min(self._timing.look_s, max(standing.left_s, 0.0) + self._timing.look_s / 10)
        self._epoch = standing.epoch
        self._trust_from(asked_at)
        self._gaining = asyncio.create_task(self._gain(standing.epoch), name="gaining-leadership")
        self._gaining.add_done_callback(_told)
        return self._timing.renew_s

    async def _renew(self, epoch: Epoch) -> float:
        """Keep the lease, or see that another one has it."""
        asked_at = self._clock.monotonic()
        standing = await self._asked(lambda: self._lease.renew(epoch))
        if self._stopping:
            return self._timing.renew_s  # whatever is written without it is refused
        if (standing.holder, standing.epoch) != (self._lease.holder, epoch):
            log.warning(events.LEADERSHIP_LOST, epoch=epoch, reason=f"the lease is of epoch {standing.epoch} now")
            await self._end_term(None)
            return self._timing.look_s
        self._trust_from(asked_at)
        if self._gaining is not None and self._gaining.done() and not self._leads:
            log.warning(events.LEADERSHIP_LOST, epoch=epoch, reason="recovery failed")
            await self._end_term(None)
            await self._asked(lambda: self._lease.resign(epoch))
        return self._timing.renew_s

    def _trust_from(self, asked_at: float) -> None:
        if self._timing.patient:
            self._trusted_until = float("inf")
        else:
            self._trusted_until = asked_at + self._timing.ttl_s - self._timing.margin_s

    async def _beat(self) -> None:
        """Beside the lease, so that whatever takes its time there does not take the lease's."""
        while True:
            await asyncio.sleep(self._timing.renew_s * (0.8 + 0.4 * self._jitter()))
            try:
                await self._asked(self._duties.beat)
            except RoutineLoadError as error:
                log.warning(events.LEASE_UNKNOWN, leads=self.has_lease, error=type(error).__name__)
            except Exception:  # the next one comes in any case
                log.exception(events.SCHEDULER_FAULT)

    # -- terms --------------------------------------------------------------------------------------------------------

    async def _gain(self, epoch: Epoch) -> None:
        log.info(events.LEADERSHIP_GAINED, epoch=epoch)
        await self._duties.gain(epoch)
        self._leads = True

    async def _end_term(self, drain_s: float | None) -> None:
        """``drain_s`` None: the lease is gone, and nothing is waited for."""
        if self._gaining is not None and not self._gaining.done():
            self._gaining.cancel()
            with contextlib.suppress(asyncio.CancelledError, RoutineLoadError):
                await self._gaining
        self._gaining = None
        self._leads = False
        if drain_s is None:
            self._epoch = None
        await self._duties.lose(drain_s)
        self._epoch = None

    async def _asked(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, question)


def _told(gaining: asyncio.Task[None]) -> None:
    """An error of a gain that nobody waits for is logged, and not lost."""
    if not gaining.cancelled() and (error := gaining.exception()) is not None:
        log.error(events.SCHEDULER_FAULT, exc_info=error)
