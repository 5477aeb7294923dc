"""The coordinators that share a metadata database: where each is reached, and when it was seen last.

Owns their numbers and the database's clock on them. Refuses to know who leads (``lease``) and what they ask each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from routine_load.store.database import Database, put
from routine_load.store.lease import now_ms
from routine_load.store.tables import coordinators

FORGOTTEN_AFTER_S: Final = 7 * 86_400
"""One that was not seen for so long is no longer told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """``id`` is its own for ever; ports are None where a door is shut."""

    id: str
    host: str
    query_port: int | None
    http_port: int | None
    version: str
    target: str
    started_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A member as it is known now. ``number`` is the database's own for it."""

    member: Member
    number: int
    silent_s: float
    seen_at: datetime


class CoordinatorStore:
    """Thread-safe. Every method raises MetadataError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, member: Member) -> None:
        """It is here, and reached there; what was known of it before goes."""
        with self._database.writing() as connection:
            values = {
                "host": member.host,
                "query_port": member.query_port,
                "http_port": member.http_port,
                "version": member.version,
                "target": member.target,
                "started_at_ms": member.started_at_ms,
                "seen_at_ms": connection.execute(sa.select(now_ms(connection))).scalar_one(),
            }
            put(connection, coordinators, {"id": member.id}, values)
            old = now_ms(connection) - FORGOTTEN_AFTER_S * 1000
            connection.execute(sa.delete(coordinators).where(coordinators.c.seen_at_ms < old))

    def seen(self, id_: str) -> None:
        """It is still here."""
        with self._database.writing() as connection:
            moment = {"seen_at_ms": now_ms(connection)}
            connection.execute(sa.update(coordinators).where(coordinators.c.id == id_).values(moment))

    def all(self) -> list[Seen]:
        """In the order in which they came first."""
        row = coordinators.c
        with self._database.reading() as connection:
            silent_ms = (now_ms(connection) - row.seen_at_ms).label("silent_ms")
            found = connection.execute(sa.select(coordinators, silent_ms).order_by(row.number)).all()
        return [
            Seen(
                member=Member(
                    id=each.id,
                    host=each.host,
                    query_port=each.query_port,
                    http_port=each.http_port,
                    version=each.version,
                    target=each.target,
                    started_at_ms=each.started_at_ms,
                ),
                number=each.number,
                silent_s=each.silent_ms / 1000,
                seen_at=datetime.fromtimestamp(each.seen_at_ms / 1000, UTC),
            )
            for each in found
        ]
