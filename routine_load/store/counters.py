"""Numbers that only grow, each under its name: the coordinator's epoch, commits, labels of each job.

Invariant: a number is held by the transaction that counted it, so that numbers become visible in the order they were
given. Refuses to know what is counted.
"""

from __future__ import annotations

import sqlalchemy as sa

from routine_load.store.database import add, put
from routine_load.store.tables import commit_counter


def counter(connection: sa.Connection, name: str, *, shared: bool = False) -> int | None:
    """The number, which stays as it is until the transaction ends; ``shared``: others may hold it, too."""
    found = sa.select(commit_counter.c.value).where(commit_counter.c.name == name).with_for_update(read=shared)
    return connection.execute(found).scalar_one_or_none()


def counted(connection: sa.Connection, name: str, by: int = 1, floor: int = 0) -> int:
    """One more, or several: the last of them; all are above the floor.

    Invariant: of two that count at once each gets numbers of its own, also where they are the first.
    """
    known = counter(connection, name)
    if known is None:
        start(connection, name)
        known = counter(connection, name) or 0
    return set_counter(connection, name, max(known, floor) + by)


def start(connection: sa.Connection, name: str, value: int = 0) -> None:
    """The number is there, and has this value where it was not."""
    add(connection, commit_counter, {"name": name}, {"value": value})


def set_counter(connection: sa.Connection, name: str, value: int) -> int:
    put(connection, commit_counter, {"name": name}, {"value": value})
    return value
