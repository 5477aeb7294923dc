"""Settling: commits that did not go through at once are visited again, with growing pauses, until they have ended.

One thread for all of them, beside the jobs; an intent has one visitor at a time. Refuses to know what a visit does
(``commit.driver``).
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from routine_load.clock import Clock
from routine_load.commit.driver import Driver, Settled
from routine_load.commit.protocol import IntentState
from routine_load.errors import LeadershipLost
from routine_load.ids import JobId, Label
from routine_load.observe import events
from routine_load.observe.logs import logger

log = logger("commit")

PAUSE_S: Final = 1.0
PAUSE_MAX_S: Final = 30.0
_IDLE_S: Final = 3600.0


@dataclass(order=True, slots=True)
class _Due:
    at: float
    number: int
    label: Label = field(compare=False)
    job_id: JobId = field(compare=False)


class Settler:
    """Thread-safe. ``settled`` is told of each job of which an intent came to an end, or into doubt, on its thread."""

    def __init__(self, driver: Driver, clock: Clock) -> None:
        self.settled: Callable[[JobId], None] = lambda _job_id: None
        self._driver = driver
        self._clock = clock
        self._changed = threading.Condition()
        self._due: list[_Due] = []
        self._numbers = itertools.count()
        self._busy: set[Label] = set()
        self._attempts: dict[Label, int] = {}
        self._left: set[Label] = set()
        self._ends = False
        self._term = 0
        self._thread: threading.Thread | None = None

    def start(self, first: Callable[[], object] = lambda: None) -> None:
        """``first`` is done before any visit, on the same thread; what it raises is logged."""
        arguments = (first, self._term)
        self._thread = threading.Thread(target=self._run, args=arguments, name="commit-settler", daemon=True)
        self._thread.start()

    def halt(self, driver: Driver) -> None:
        """Forget every visit; those of the next term go by this driver. One that is under way is not waited for."""
        with self._changed:
            self._term += 1
            self._driver = driver
            self._due.clear()
            self._left.clear()
            self._attempts.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """No visit begins any more; one that is under way is waited for."""
        with self._changed:
            self._ends = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def working_on(self, label: Label) -> Iterator[bool]:
        """Inside, nobody else visits the intent; False where somebody does already."""
        with self._changed:
            is_free = label not in self._busy
            self._busy.add(label)
        try:
            yield is_free
        finally:
            if is_free:
                with self._changed:
                    self._busy.discard(label)

    def leave(self, label: Label, job_id: JobId) -> None:
        """An intent is open and nobody works on it: visit it later, once however often it is left."""
        with self._changed:
            if label in self._left:
                return
            self._left.add(label)
            pause_s = min(PAUSE_MAX_S, PAUSE_S * 2 ** min(self._attempts.get(label, 0), 10))
            heapq.heappush(self._due, _Due(self._clock.monotonic() + pause_s, next(self._numbers), label, job_id))
            self._changed.notify()

    def visit(self, label: Label) -> Settled | None:
        """Try to bring the intent to its end; None where somebody else is about it. Raises MetadataError."""
        with self.working_on(label) as mine:
            if not mine:
                return None
            attempt = self._attempts[label] = self._attempts.get(label, 0) + 1
            settled = self._driver.settle(label, attempt)  # the whole visit by one driver
            if not settled.state.is_open or settled.state is IntentState.IN_DOUBT:
                self._attempts.pop(label, None)
            return settled

    def work(self, term: int | None = None) -> float:
        """Make the visits that are due; how many seconds until the next one."""
        while True:
            with self._changed:
                if self._is_over(term) or not self._due:
                    return _IDLE_S
                after_s = self._due[0].at - self._clock.monotonic()
                if after_s > 0:
                    return after_s
                due = heapq.heappop(self._due)
                self._left.discard(due.label)
            self._visit_due(due)

    def _visit_due(self, due: _Due) -> None:
        try:
            settled = self.visit(due.label)
        except LeadershipLost as error:
            log.warning(events.COMMIT_WAITS, label=due.label, job_id=due.job_id, reason=error.message)
            return
        except Exception as error:  # whatever it is, giving up would leave the batch open for ever
            log.warning(events.COMMIT_WAITS, label=due.label, job_id=due.job_id, exc_info=error)
            self.leave(due.label, due.job_id)
            return
        if settled is None:
            self.leave(due.label, due.job_id)
        elif settled.state.is_open and settled.state is not IntentState.IN_DOUBT:
            log.warning(events.COMMIT_WAITS, label=due.label, job_id=due.job_id, reason=settled.text)
            self.leave(due.label, due.job_id)
        else:
            log.info(events.COMMIT_SETTLED, label=due.label, job_id=due.job_id, state=settled.state)
            self.settled(due.job_id)

    def _is_over(self, term: int | None) -> bool:
        return self._ends or term not in {None, self._term}

    def _run(self, first: Callable[[], object], term: int) -> None:
        try:
            first()
        except Exception:  # the visits do not depend on it
            log.exception(events.COMMIT_WAITS)
        while True:
            after_s = self.work(term)
            with self._changed:
                if self._is_over(term):
                    return
                # what was left meanwhile may be due before
                soonest = self._due[0].at - self._clock.monotonic() if self._due else after_s
                self._changed.wait(max(0.0, min(after_s, soonest)))
