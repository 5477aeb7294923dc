"""Backends in processes of their own, under the addresses that they have.

Owns their keeping. Refuses to know what a state means. Invariant: an address is one backend, which keeps its number.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from routine_load.store.counters import counted
from routine_load.store.database import Database, add
from routine_load.store.tables import backends

FIRST_ID = 20001
"""Below are the numbers of backends inside of coordinators."""

_IDS = "backend"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBackend:
    id: int
    host: str
    port: int
    state: str


class BackendStore:
    """Repository of backends. Thread-safe; every method raises MetadataError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[StoredBackend]:
        """By number."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(backends).order_by(backends.c.id))
            return [_backend(row) for row in rows]

    def put(self, host: str, port: int, state: str) -> StoredBackend:
        """The backend of this address is in this state; it gets a number where it had none."""
        row = backends.c
        mine = sa.and_(row.host == host, row.port == port)
        with self._database.writing() as connection:
            changed = connection.execute(sa.update(backends).where(mine).values(state=state))
            if not changed.rowcount:
                number = FIRST_ID - 1 + counted(connection, _IDS)
                add(connection, backends, {"host": host, "port": port}, {"id": number, "state": state})
            return _backend(connection.execute(sa.select(backends).where(mine)).one())


def _backend(row: sa.Row[tuple[int, str, int, str]]) -> StoredBackend:
    return StoredBackend(id=row.id, host=row.host, port=row.port, state=row.state)
