"""Places that are short: slots of backends, and seats of tasks that work on a backlog. Who finds none waits for a turn.

On the scheduler's loop. A slice that waits asks nothing and holds nothing: whoever leaves a place calls the next one,
and a timer looks now and then for places that came into being without anybody leaving them.
"""

from __future__ import annotations

from collections.abc import Callable

from routine_load.ids import JobId
from routine_load.scheduler.agenda import Agenda
from routine_load.scheduler.run import HELD_BACK_S, NO_SLOT_S, JobRun, Slice
from routine_load.scheduler.turns import Turns

_Waiting = tuple[JobRun, Slice]


class Places:
    """``begin`` gives a slice its task, or says that there is no slot; ``again`` lets a slice try from the start."""

    def __init__(
        self, agenda: Agenda, begin: Callable[[JobRun, Slice], bool], again: Callable[[JobRun, Slice], None]
    ) -> None:
        self._agenda = agenda
        self._begin = begin
        self._again = again
        self._slots: Turns[_Waiting] = Turns()
        self._seats: Turns[_Waiting] = Turns()
        self._slots_looked_at = self._seats_looked_at = False

    @property
    def waits_for_slots(self) -> bool:
        """May be asked from any thread."""
        return len(self._slots) > 0

    @property
    def waits_for_seats(self) -> bool:
        return len(self._seats) > 0

    def wait_for_slot(self, run: JobRun, part: Slice) -> None:
        self._wait(self._slots, run, part)
        if not self._slots_looked_at:
            self._slots_looked_at = True
            self._agenda.due(NO_SLOT_S, self._look_for_slots)

    def wait_for_seat(self, run: JobRun, part: Slice) -> None:
        self._wait(self._seats, run, part)
        if not self._seats_looked_at:
            self._seats_looked_at = True
            self._agenda.due(HELD_BACK_S, self._look_for_seats)

    def slot_left(self) -> None:
        """A slot may be free: whoever is next begins, as long as there are slots."""
        while (waiting := self._slots.peek()) is not None:
            run, part = waiting
            if not run.closed and not self._agenda.stopping:
                part.queued = False
                if not self._begin(run, part):
                    part.queued = True
                    return
            if self._slots.peek() is waiting:  # what began it may have closed the run, and so dropped all it waits for
                self._slots.take()

    def seat_left(self) -> None:
        """A task that worked on a backlog has ended: the next one may try."""
        while (waiting := self._seats.take()) is not None:
            run, part = waiting
            if not run.closed:
                part.queued = False
                self._again(run, part)
                return

    def drop(self, job_id: JobId) -> None:
        """The job's run is closed."""
        self._slots.drop(job_id)
        self._seats.drop(job_id)

    def clear(self) -> None:
        """Nothing comes due any more, and nobody waits."""
        self._slots, self._seats = Turns(), Turns()
        self._slots_looked_at = self._seats_looked_at = False

    def _wait(self, turns: Turns[_Waiting], run: JobRun, part: Slice) -> None:
        part.queued = True
        properties = run.plan.job.definition.properties
        turns.wait(run.job_id, (run, part), priority=properties.priority, cost_s=part.took_s)

    def _look_for_slots(self) -> None:
        self._slots_looked_at = False
        self.slot_left()
        if self._slots and not self._slots_looked_at:
            self._slots_looked_at = True
            self._agenda.due(NO_SLOT_S, self._look_for_slots)

    def _look_for_seats(self) -> None:
        self._seats_looked_at = False
        self.seat_left()
        if self._seats and not self._seats_looked_at:
            self._seats_looked_at = True
            self._agenda.due(HELD_BACK_S, self._look_for_seats)
