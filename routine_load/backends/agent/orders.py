"""Orders: which a backend takes, what it runs, and when it gives up.

Invariants: an order is taken once, in the session that it was given to, and from no coordinator whose epoch is past; a
task whose time is over, or that was taken back, asks for nothing to be committed any more, however long it slept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from routine_load.backends.agent.sink import send_rejects
from routine_load.backends.agent.voice import Post, Voice
from routine_load.backends.messages import Cancel, Heartbeat, Noted, Presence, Problem, TaskEnded, TaskFailed, TaskOrder
from routine_load.clock import Clock, Deadline
from routine_load.errors import BackendLost, BackendRefused, BrokenInvariant, LoadRejected, RoutineLoadError
from routine_load.loads.rejects import RejectLog
from routine_load.observe import events
from routine_load.observe.failpoints import failpoint
from routine_load.observe.logs import logger
from routine_load.tasks.control import TaskControl
from routine_load.tasks.run import TaskReport

log = logger("backends")

_REMEMBERED = 4096
"""Numbers of orders that are kept; what is older than all of them is not taken any more."""


class TimedControl(TaskControl):
    """A task that is not to do anything once its time is over, also where nobody told it."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def enter_commit(self) -> bool:
        if self._deadline.expired:
            self.cancel()
        return super().enter_commit()

    @property
    def cancelled(self) -> bool:
        return self._cancelled or self._deadline.expired


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How tasks are run here. ``run`` runs one whose sink speaks with this voice."""

    run: Callable[[TaskOrder, Voice, TaskControl], TaskReport]
    post: Post
    reject_log: RejectLog
    clock: Clock


@dataclass(slots=True)
class _Past:
    """Numbers of orders of one epoch that were taken."""

    epoch: int = 0
    floor: int = 0
    numbers: set[int] = field(default_factory=set)

    def require_epoch(self, epoch: int) -> bool:
        """Whether it is a later one. Raises BackendRefused for an earlier one."""
        if epoch < self.epoch:
            raise BackendRefused(f"epoch {epoch} is past: this backend has heard of epoch {self.epoch}")
        return epoch > self.epoch

    def take(self, number: int) -> None:
        """Raises BackendRefused for a number that was taken before, or may have been."""
        if number <= self.floor or number in self.numbers:
            raise BackendRefused(f"order {number} of epoch {self.epoch} was given before")
        self.numbers.add(number)
        if len(self.numbers) > _REMEMBERED:
            self.floor = sorted(self.numbers)[_REMEMBERED // 2]
            self.numbers = {each for each in self.numbers if each > self.floor}


class Orders:
    """Thread-safe."""

    def __init__(self, work: Work, presence: Presence) -> None:
        self._work = work
        self._presence = presence
        self._pool = ThreadPoolExecutor(max_workers=presence.slots, thread_name_prefix="task")
        self._lock = threading.Lock()
        self._past = _Past()
        self._running: dict[str, tuple[TimedControl, Future[None]]] = {}
        self._leaving = False
        self.heard = threading.Event()
        """Set by each heartbeat; whoever waits for one clears it."""

    def reached_at(self, address: tuple[str, int]) -> None:
        """Where coordinators find it: known once its door is open."""
        host, port = address
        self._presence = replace(self._presence, host=host, port=port)

    @property
    def presence(self) -> Presence:
        with self._lock:
            return replace(self._presence, tasks=tuple(self._running), is_leaving=self._leaving)

    def heartbeat(self, said: Heartbeat) -> Presence:
        """Raises BackendRefused for a coordinator that does not lead any more."""
        with self._lock:
            self._enter(said.epoch)
        self.heard.set()
        return self.presence

    def take(self, order: TaskOrder, coordinator: tuple[str, int]) -> None:
        """Begin a task, and speak of it to this address. Raises BackendRefused."""
        with self._lock:
            if order.session != self._presence.session:
                raise BackendRefused("the order is for another session of this backend")
            self._enter(order.epoch)
            self._past.take(order.number)
            if self._leaving:
                raise BackendRefused("this backend is leaving")
            if len(self._running) >= self._presence.slots:
                raise BackendRefused(f"all {self._presence.slots} slots are taken")
            control = TimedControl(Deadline.after(order.timeout_s, self._work.clock))
            self._running[order.key] = (
                control,
                self._pool.submit(self._run, replace(order, coordinator=coordinator), control),
            )

    def cancel(self, said: Cancel) -> None:
        """Does nothing for what does not run here."""
        with self._lock:
            running = self._running.get(said.key) if said.session == self._presence.session else None
        if running is not None:
            running[0].cancel()

    def refuse_more(self) -> None:
        """No more orders from here on, and whoever asks is told so."""
        with self._lock:
            self._leaving = True

    def leave(self, wait_s: float) -> None:
        """No more orders; what runs gives up unless it commits, which is waited for (bounded)."""
        self.refuse_more()
        with self._lock:
            running = list(self._running.values())
        for control, _ in running:
            control.cancel()
        deadline = Deadline.after(wait_s, self._work.clock)
        for _, future in running:
            with_time = deadline.remaining
            if with_time and not future.done():
                _ended(future, with_time)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _enter(self, epoch: int) -> None:
        """A new leader plans everything anew: the tasks of the one before are nobody's."""
        if self._past.require_epoch(epoch):
            self._past = _Past(epoch=epoch)
            for control, _ in self._running.values():
                control.cancel()

    def _run(self, order: TaskOrder, control: TimedControl) -> None:
        try:
            self._tell(order, control)
        finally:
            with self._lock:
                self._running.pop(order.key, None)

    def _tell(self, order: TaskOrder, control: TimedControl) -> None:
        """Run it, and say how it ended; where nobody hears that, the coordinator finds out by itself."""
        work = self._work
        deadline = Deadline.after(order.timeout_s, work.clock)
        voice = Voice(
            post=work.post, coordinator=order.coordinator, key=order.key, remaining=lambda: deadline.remaining
        )
        try:
            failpoint("backend.task.before")
            said = self._outcome(order, control, voice)
            failpoint("backend.task.after")
            voice.ask(said, Noted)
        except RoutineLoadError as error:
            log.warning(events.BACKEND_UNHEARD, task_id=order.task.id, job_id=order.task.job_id, error=error.message)

    def _outcome(self, order: TaskOrder, control: TimedControl, voice: Voice) -> TaskEnded | TaskFailed:
        """Raises BackendLost where the coordinator is gone, or has given the task up."""
        work = self._work
        try:
            report = work.run(order, voice, control)
            work.reject_log.remove(report.record.rejects if report.record is not None else "")
            return TaskEnded(report=replace(report, record=None))
        except BackendLost:
            raise
        except LoadRejected as error:
            try:
                send_rejects(voice, work.reject_log, error.rejects)
            finally:
                work.reject_log.remove(error.rejects)
            return TaskFailed(problem=Problem.of(error))
        except RoutineLoadError as error:
            return TaskFailed(problem=Problem.of(error))
        except Exception as error:
            log.exception(events.SCHEDULER_FAULT, job_id=order.task.job_id, task_id=order.task.id)
            text = f"an unexpected {type(error).__name__} stopped the task; the backend's log has it"
            return TaskFailed(problem=Problem.of(BrokenInvariant(text)))


def _ended(future: Future[None], wait_s: float) -> None:
    try:
        future.exception(wait_s)
    except TimeoutError:
        return
