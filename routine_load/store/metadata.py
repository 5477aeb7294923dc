"""The metadata database as one thing: opened once, closed once, its repositories at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from routine_load.commit.intents import Epoch
from routine_load.store.backends import BackendStore
from routine_load.store.connections import CONNECTIONS_MAX
from routine_load.store.coordinators import CoordinatorStore
from routine_load.store.database import Database
from routine_load.store.files import SmallFileStore
from routine_load.store.grants import GrantStore
from routine_load.store.intents import IntentStore
from routine_load.store.jobs import JobStore
from routine_load.store.lease import Fence, LeaseStore
from routine_load.store.sealed import shared_box
from routine_load.store.secrets import SecretBox
from routine_load.store.settings import SettingStore
from routine_load.store.users import UserStore, VerifierValue

V = TypeVar("V", bound=VerifierValue)


class Metadata:
    """An open metadata database. ``with`` closes it."""

    def __init__(self, url: str, secrets: SecretBox, connections_max: int = CONNECTIONS_MAX) -> None:
        self._database = Database(url, connections_max)
        self.fence = Fence()
        self.jobs = JobStore(self._database, secrets, self.fence)
        self.settings = SettingStore(self._database)
        self.grants = GrantStore(self._database)
        self.coordinators = CoordinatorStore(self._database)
        self.backends = BackendStore(self._database)

    def users(self, make: Callable[[bytes, str], V]) -> UserStore[V]:
        """The users, with verifiers of the door's own type."""
        return UserStore(self._database, make)

    def small_files(self, folder: Path, shared: SecretBox | None = None) -> SmallFileStore:
        """What CREATE FILE made, with contents in this folder, and for others sealed so. Raises MetadataError."""
        return SmallFileStore(self._database, folder, shared)

    def lease(self, holder: str, ttl_s: float) -> LeaseStore:
        """The leader's lease, as one coordinator sees it."""
        return LeaseStore(self._database, holder, ttl_s)

    def shared_box(self, secrets: SecretBox, told: str) -> SecretBox:
        """What coordinators seal their messages to each other with. Raises MetadataError, naming ``told``, where the
        coordinators before this one sealed with another key.
        """
        return shared_box(self._database, secrets, told)

    def intents(self, cluster: str, now_ms: Callable[[], int], epoch: Epoch | None = None) -> IntentStore:
        """The log of commits in two phases, written under an epoch, or under a new one. Raises MetadataError."""
        return IntentStore(self._database, cluster, now_ms, epoch)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_metadata(url: str, secrets: SecretBox, connections_max: int = CONNECTIONS_MAX) -> Metadata:
    """Migrate and open. Raises MetadataError."""
    return Metadata(url, secrets, connections_max)
