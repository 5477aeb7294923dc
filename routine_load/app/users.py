"""Users between the store, which keeps verifiers, and the MySQL door, which makes them."""

from __future__ import annotations

from dataclasses import dataclass

from routine_load.errors import MetadataUnavailable
from routine_load.server.mysql.passwords import make_verifiers
from routine_load.server.ports import Verifiers
from routine_load.store import Metadata
from routine_load.store.users import UserStore


@dataclass(frozen=True, slots=True)
class Accounts:
    """What doors (``Users``) and statements (``UserRecords``) see of the users."""

    store: UserStore[Verifiers]

    @classmethod
    def of(cls, metadata: Metadata) -> Accounts:
        return cls(metadata.users(Verifiers))

    def verifiers(self, user: str) -> Verifiers | None:
        try:
            return self.store.verifiers(user)
        except MetadataUnavailable as cause:  # whoever asks is not logged in: the address is not for them
            raise MetadataUnavailable("the metadata database cannot be reached") from cause

    def create_user(self, user: str, password: str, *, if_not_exists: bool) -> None:
        self.store.create(user, make_verifiers(password), if_not_exists=if_not_exists)

    def drop_user(self, user: str, *, if_exists: bool) -> None:
        self.store.drop(user, if_exists=if_exists)

    def names(self) -> list[str]:
        return self.store.names()

    def has_password(self, user: str) -> bool:
        verifiers = self.store.verifiers(user)
        return verifiers is not None and not verifiers.empty

    def set_password(self, user: str, password: str) -> None:
        self.store.set_password(user, make_verifiers(password))
