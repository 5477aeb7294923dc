"""The leader's lease: one row that says who leads, under which number, and until when by the database's own clock.

Owns taking, keeping and giving up the lease, and the question that every write of a leader begins with. Invariants:
the epoch only grows, and each take-over has one of its own; a lease is taken only where it has expired, or where its
holder takes it anew; whoever holds a share of the row keeps everybody from taking it over, not its holder from
keeping it. Refuses to know what a leader does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from routine_load.commit.intents import Epoch
from routine_load.errors import LeadershipLost
from routine_load.observe.failpoints import failpoint
from routine_load.store.counters import counter, set_counter
from routine_load.store.database import Database, add
from routine_load.store.tables import leader_lease

NOBODY: Final = ""
NO_EPOCH: Final = Epoch(-1)
"""Of a coordinator that does not lead: nothing it writes as a leader gets through."""

FAR: Final = 10
"""So many lease times ahead no lease ends, where it was given by the clock that the database has now."""

_LEADER: Final = "leader"
_EPOCH_COUNTER: Final = "epoch"
_MILLISECONDS: Final[Any] = 3  # digits of a second


@dataclass(frozen=True, slots=True)
class Standing:
    """Who leads. ``left_s``: so long by the database's clock; not above 0: the lease has expired, or was given up."""

    holder: str
    epoch: Epoch
    left_s: float

    @property
    def is_held(self) -> bool:
        return self.holder != NOBODY and self.left_s > 0


class LeaseStore:
    """The lease as one coordinator sees it. Thread-safe. Every method raises MetadataError."""

    def __init__(self, database: Database, holder: str, ttl_s: float) -> None:
        assert holder, "the empty name is nobody's"
        self.holder = holder
        self._database = database
        self._ttl_ms = round(ttl_s * 1000)

    def standing(self) -> Standing:
        with self._database.reading() as connection:
            return _standing(connection)

    def acquire(self) -> Standing:
        """Take the lease where it is free; how it stands then. Who has it takes it anew, under a new epoch.

        It is free, too, where it ends too far ahead: the database's clock went back, and whoever leads would have
        renewed it by the new one. Else a leader that died with such a lease would be followed by nobody for as long.
        """
        standing = self.standing()
        if standing.is_held and standing.holder != self.holder and standing.left_s * 1000 <= FAR * self._ttl_ms:
            return standing
        failpoint("lease.acquire.before")
        with self._database.writing() as connection:
            taken = _take(connection, self.holder, self._ttl_ms)
        failpoint("lease.acquire.after")
        return taken

    def renew(self, epoch: Epoch) -> Standing:
        """Keep the lease; how it stands then. It was lost where holder or epoch are others.

        Also where it has expired and nobody took it: the database's clock decides who may, not who holds it.
        """
        failpoint("lease.renew.before")
        with self._database.writing() as connection:
            until = now_ms(connection) + self._ttl_ms
            connection.execute(sa.update(leader_lease).where(self._mine(epoch)).values(expires_at_ms=until))
            standing = _standing(connection)
        failpoint("lease.renew.after")
        return standing

    def resign(self, epoch: Epoch) -> None:
        """Whoever asks next leads. Nothing where another one does already."""
        with self._database.writing() as connection:
            connection.execute(sa.update(leader_lease).where(self._mine(epoch)).values(holder=NOBODY, expires_at_ms=0))

    def _mine(self, epoch: Epoch) -> sa.ColumnElement[bool]:
        """Invariant: renewing and resigning name holder and epoch: a term that is over changes nothing."""
        row = leader_lease.c
        return sa.and_(row.name == _LEADER, row.holder == self.holder, row.epoch == epoch)


def seize(database: Database) -> Epoch:
    """A new epoch for who needs no lease: tools, and tests of what is fenced by it. Whoever led leads no more."""
    with database.writing() as connection:
        return _take(connection, NOBODY, 0, always=True).epoch


def check_epoch(connection: sa.Connection, epoch: Epoch) -> None:
    """What a leader's write begins with. Raises LeadershipLost; else nobody takes over until the transaction ends."""
    row = leader_lease.c
    found = sa.select(row.epoch).where(row.name == _LEADER).with_for_update(read=True, key_share=True)
    refuse_old(connection.execute(found).scalar_one_or_none(), epoch)


def refuse_old(newest: int | None, epoch: Epoch) -> None:
    """Raises LeadershipLost where the lease is of another epoch."""
    if epoch == NO_EPOCH:
        raise LeadershipLost("this coordinator does not lead, and only the leader may write this; try again")
    if newest != epoch:
        raise LeadershipLost(f"another coordinator commits now: its epoch is {newest}, mine {epoch}")


NEWEST_EPOCH: Final = (
    sa.select(leader_lease.c.epoch)
    .where(leader_lease.c.name == _LEADER)
    .with_for_update(read=True, key_share=True)
    .scalar_subquery()
)
"""What ``check_epoch`` asks, inside a statement that asks or writes more. Not for MariaDB, which has its own ideas of
locks inside of statements.
"""


def asks_inside(connection: sa.Connection) -> bool:
    """Whether ``NEWEST_EPOCH`` is as good as a statement of its own."""
    return connection.dialect.name != "mysql"


class Fence:
    """The epoch under which this process writes jobs. Until it is told of one, nobody leads and everybody may."""

    def __init__(self) -> None:
        self.epoch: Epoch | None = None

    def check(self, connection: sa.Connection) -> None:
        """Raises LeadershipLost."""
        if self.epoch is not None:
            check_epoch(connection, self.epoch)


def now_ms(connection: sa.Connection) -> sa.ColumnElement[int]:
    """The database's clock, as it is when the statement gets there."""
    kind = connection.dialect.name
    if kind == "postgresql":
        return sa.cast(sa.func.floor(sa.extract("epoch", sa.func.clock_timestamp()) * 1000), sa.BigInteger)
    if kind == "mysql":
        return sa.cast(sa.func.floor(sa.func.unix_timestamp(sa.func.sysdate(_MILLISECONDS)) * 1000), sa.BigInteger)
    return sa.cast((sa.func.julianday("now") - 2440587.5) * 86_400_000.0, sa.BigInteger)


def _standing(connection: sa.Connection) -> Standing:
    row = leader_lease.c
    left_ms = (row.expires_at_ms - now_ms(connection)).label("left_ms")
    found = connection.execute(sa.select(row.holder, row.epoch, left_ms).where(row.name == _LEADER)).first()
    if found is None:
        return Standing(NOBODY, NO_EPOCH, 0.0)
    return Standing(found.holder, Epoch(found.epoch), found.left_ms / 1000)


def _take(connection: sa.Connection, holder: str, ttl_ms: int, *, always: bool = False) -> Standing:
    """Invariant: one conditional statement, on a row that nobody who writes under the epoch before holds any more."""
    row, mine = leader_lease.c, leader_lease.c.name == _LEADER
    held = sa.select(row.epoch).where(mine).with_for_update()
    epoch = connection.execute(held).scalar_one_or_none()
    if epoch is None:
        before = counter(connection, _EPOCH_COUNTER) or 0
        add(connection, leader_lease, {"name": _LEADER}, {"holder": NOBODY, "epoch": before, "expires_at_ms": 0})
        epoch = connection.execute(held).scalar_one()
    now = now_ms(connection)
    far = now + FAR * ttl_ms
    free = sa.or_(row.expires_at_ms <= now, row.expires_at_ms > far, row.holder == holder) if not always else sa.true()
    values = {"holder": holder, "epoch": epoch + 1, "expires_at_ms": now + ttl_ms}
    if connection.execute(sa.update(leader_lease).where(mine, free).values(values)).rowcount:
        set_counter(connection, _EPOCH_COUNTER, epoch + 1)  # programs of before 0006 look there
    return _standing(connection)
