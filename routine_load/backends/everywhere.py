"""All backends of a coordinator, here and elsewhere, as the scheduler sees them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from routine_load.backends.facts import BackendFacts, Runs
from routine_load.backends.local import LocalBackends
from routine_load.backends.remote import RemoteBackends
from routine_load.ids import BackendId


class Backends:
    """``remote`` None: there are only those in this process."""

    def __init__(self, local: LocalBackends, remote: RemoteBackends | None = None) -> None:
        self._local = local
        self.remote = remote

    @property
    def alive(self) -> int:
        return self._local.alive + (self.remote.members.alive if self.remote else 0)

    @property
    def dead(self) -> int:
        """How many ought to be there and are not (Doris: max_tolerable_backend_down_num)."""
        return self.remote.members.dead if self.remote else 0

    @property
    def slots(self) -> int:
        """Tasks that each backend may run at a time, as it is now."""
        return self._local.slots

    def place(self, job_id: int, previous: BackendId | None) -> BackendId | None:
        """A backend with a free slot, as ``Seats.take`` chooses it; None where every slot is taken."""
        offers = self._local.offers()
        if self.remote is not None:
            elsewhere = self.remote.members.offers(self.slots)
            if sum(map(self._local.seats.running, elsewhere)) < self.remote.members.terms.tasks_max:
                offers |= elsewhere
        return self._local.seats.take(job_id, previous, offers)

    def elsewhere(self, backend_id: BackendId) -> Runs | None:
        """Who runs its tasks; None: this process."""
        return None if self.remote is None else self.remote.elsewhere(backend_id)

    def run(self, backend_id: BackendId, job_id: int, work: Callable[[], None]) -> Future[None]:
        """Run ``work`` in the slot that ``place`` reserved; the slot is free again when it ends."""
        if backend_id in self._local.offers():
            return self._local.run(backend_id, job_id, work)
        assert self.remote is not None, backend_id
        return self.remote.run(backend_id, job_id, work)

    def facts(self) -> list[BackendFacts]:
        return self._local.facts() + (self.remote.facts(self.slots) if self.remote else [])

    def close(self) -> None:
        """Wait for running tasks and end the threads."""
        self._local.close()
        if self.remote is not None:
            self.remote.close()
