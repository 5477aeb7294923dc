"""The metadata database as one thing: opened once, closed once, its repositories at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from routine_load.store.connections import CONNECTIONS_MAX
from routine_load.store.database import Database
from routine_load.store.files import SmallFileStore
from routine_load.store.grants import GrantStore
from routine_load.store.intents import IntentStore
from routine_load.store.jobs import JobStore
from routine_load.store.secrets import SecretBox
from routine_load.store.settings import SettingStore
from routine_load.store.users import UserStore, VerifierValue

V = TypeVar("V", bound=VerifierValue)


class Metadata:
    """An open metadata database. ``with`` closes it."""

    def __init__(self, url: str, secrets: SecretBox, connections_max: int = CONNECTIONS_MAX) -> None:
        self._database = Database(url, connections_max)
        self.jobs = JobStore(self._database, secrets)
        self.settings = SettingStore(self._database)
        self.grants = GrantStore(self._database)

    def users(self, make: Callable[[bytes, str], V]) -> UserStore[V]:
        """The users, with verifiers of the door's own type."""
        return UserStore(self._database, make)

    def small_files(self, folder: Path) -> SmallFileStore:
        """What CREATE FILE made, with contents in this folder. Raises MetadataError."""
        return SmallFileStore(self._database, folder)

    def intents(self, cluster: str, now_ms: Callable[[], int]) -> IntentStore:
        """The log of commits in two phases, which is this coordinator's from now on. Raises MetadataError."""
        return IntentStore(self._database, cluster, now_ms)

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
