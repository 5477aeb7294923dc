"""What the scheduler works with, and how long it waits after a failure."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from routine_load.clock import Clock
from routine_load.config import Settings
from routine_load.ids import TxnId
from routine_load.loads.history import LoadHistory
from routine_load.observe.metrics import Counters
from routine_load.scheduler.agenda import Agenda
from routine_load.scheduler.bookkeeping import Bookkeeper
from routine_load.scheduler.planning import Planner
from routine_load.scheduler.ports import Backends, Watch
from routine_load.tasks.run import TaskRunner


def _own_numbers() -> Callable[[], TxnId]:
    numbers = itertools.count(1)
    return lambda: TxnId(next(numbers))


@dataclass(slots=True, kw_only=True)
class Parts:
    """What the scheduler works with; ``app`` puts them together."""

    agenda: Agenda
    bookkeeper: Bookkeeper
    planner: Planner
    watch: Watch
    backends: Backends
    runner: TaskRunner
    settings: Settings
    clock: Clock
    history: LoadHistory = field(default_factory=LoadHistory)
    counters: Counters = field(default_factory=Counters)
    clients_running: Callable[[str], int] = lambda _: 0
    """How many transactions of clients run in a database, which share a bound with tasks."""
    next_txn_id: Callable[[], TxnId] = field(default_factory=_own_numbers)

    @property
    def interval_s(self) -> float:
        """StarRocks: ``routine_load_scheduler_interval_millisecond``, not less than a second."""
        config = self.planner.frontend_config(self.settings.compat)
        return max(1.0, config.routine_load_scheduler_interval_millisecond / 1000)

    def backoff_s(self, failures: int) -> float:
        """The pause after so many failures in a row."""
        settings = self.settings
        return float(min(settings.abort_backoff_max_s, settings.abort_backoff_s * 2 ** min(failures - 1, 10)))
