"""One coordinator among those that share a metadata database: its name, what it does as a leader, and as a follower.

Owns the order in which a term begins and ends, and what is read anew now and then because others may have changed it.
Refuses to know when a term begins (``scheduler.leadership``) and what followers ask (``forwarding``).
"""

from __future__ import annotations

import asyncio
import socket
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from routine_load.app.cluster import Cluster
from routine_load.app.frontend_config import LiveFrontendConfig
from routine_load.backends.remote import RemoteBackends
from routine_load.commit.intents import Epoch
from routine_load.config import Settings
from routine_load.errors import DirectoryInUse, MetadataError, PropertyError
from routine_load.scheduler.cleaning import Cleaner
from routine_load.scheduler.leadership import Leadership, Timing
from routine_load.scheduler.scheduler import Scheduler
from routine_load.statements.privileges import Privileges
from routine_load.store import Metadata, SecretBox
from routine_load.store.coordinators import Seen
from routine_load.store.lease import NO_EPOCH, LeaseStore

_FILE = "coordinator.id"
_WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a coordinator's role turns on and off (``scheduler.leadership.Duties``)."""

    store: Metadata
    scheduler: Scheduler
    cleaner: Cleaner
    frontend_config: LiveFrontendConfig
    privileges: Privileges
    cluster: Cluster | None
    me: str
    elsewhere: RemoteBackends | None = None

    async def gain(self, epoch: Epoch) -> None:
        self.store.fence.epoch = epoch
        if self.cluster is not None:
            intents = await asyncio.to_thread(self.cluster.intents, epoch)
            self.cluster.sink.lead(intents)  # here, where a term that was cut cannot come late
            await asyncio.to_thread(self.cluster.sink.start)
        if self.elsewhere is not None:
            await self.elsewhere.lead()
        await self.scheduler.start()
        if self.cluster is not None:
            self.cluster.sink.go_on()
        self.cleaner.soon()

    async def lose(self, drain_s: float | None) -> None:
        if drain_s is not None:
            await self.scheduler.stop(drain_s)
        self.store.fence.epoch = NO_EPOCH
        self.scheduler.halt()
        if self.elsewhere is not None:
            await self.elsewhere.follow()
        if self.cluster is not None:
            self.cluster.sink.lead(self.cluster.idle)

    def beat(self) -> None:
        self.store.coordinators.seen(self.me)
        self.catch_up()

    def catch_up(self) -> None:
        """Others may have changed settings and grants. Raises MetadataError."""
        self.frontend_config.read_again()
        self.privileges.forget_all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """This coordinator among the others: its name, the lease as it sees it, and what they say to each other under."""

    id: str
    lease: LeaseStore
    ttl_s: float
    is_shared: bool
    box: SecretBox | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings, store: Metadata, secrets: SecretBox) -> Membership:
        """Raises MetadataError; DirectoryInUse and PropertyError where it does not fit to who leads."""
        me = name_of(settings.data_dir)
        shared = is_shared(settings)
        box = None
        if shared:
            store.fence.epoch = NO_EPOCH  # until it leads it changes no job, whatever asks for it
            box = store.shared_box(secrets, str(settings.secret_key_path))
            check_company(settings, store, me)
        ttl_s = settings.lease_ttl_s
        return cls(id=me, lease=store.lease(me, ttl_s), ttl_s=ttl_s, is_shared=shared, box=box)


def name_of(data_dir: Path) -> str:
    """The coordinator that owns this directory: the same after every start, another one for a copy elsewhere.

    Raises MetadataError.
    """
    path = data_dir / _FILE
    try:
        if not path.exists():
            draft = path.with_name(f"{_FILE}.new")
            draft.write_text(uuid.uuid4().hex)
            draft.replace(path)
        seed = uuid.UUID(hex=path.read_text().strip())
    except (OSError, ValueError) as cause:
        raise MetadataError(f"the coordinator's own name in {path} cannot be used: {cause}") from cause
    return uuid.uuid5(seed, f"{socket.gethostname()}:{data_dir.resolve()}").hex


def is_shared(settings: Settings) -> bool:
    """Whether other coordinators may use the same metadata: not the file in this process' own directory."""
    return settings.metadata_url is not None


def timing_of(settings: Settings) -> Timing:
    """Tables in a file of this process can be loaded by nobody else: there only another holder ends a term."""
    return Timing.of(settings.lease_ttl_s, patient=settings.target == "duckdb")


def check_company(settings: Settings, store: Metadata, me: str) -> None:
    """Raises DirectoryInUse where another coordinator leads on tables that are not this one's."""
    standing = store.lease(me, settings.lease_ttl_s).standing()
    if not standing.is_held or standing.holder == me:
        return
    leader = next((each for each in store.coordinators.all() if each.member.id == standing.holder), None)
    where = "another coordinator" if leader is None else f"the coordinator at {told_address(leader)}"
    if settings.target == "duckdb":
        raise DirectoryInUse(
            f"a DuckDB file has one owner: the jobs of this metadata database are {where}'s, which loads them into its "
            "own file; stop it, or give this one metadata of its own. Coordinators that take over from each other need "
            "a cluster as --target"
        )
    if leader is not None and leader.member.target != told_target(settings):
        raise PropertyError(
            f"target is {told_target(settings)}, but {where} leads with target {leader.member.target}: coordinators of "
            "one metadata database share one target"
        )


def told_address(seen: Seen) -> str:
    member = seen.member
    return f"{member.host}:{member.query_port or member.http_port or '?'}"


def reached_at(settings: Settings) -> str:
    """Where other coordinators find this one: who listens on every address is found by the machine's name."""
    return socket.getfqdn() if settings.told_host in _WILDCARDS else settings.told_host


def told_target(settings: Settings) -> str:
    """The target without its password, and without options."""
    scheme, separator, rest = settings.target.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2].partition('?')[0].rstrip('/')}"


async def begin(leadership: Leadership, *, shared: bool) -> None:
    """The first term, or the first look at who leads. Raises RoutineLoadError."""
    await (leadership.start() if shared else leadership.start_alone())
