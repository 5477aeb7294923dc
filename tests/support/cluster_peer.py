"""A second service in this process that stands in for a cluster, and what is asked of it behind the target's back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from routine_load.app.coordinator import Coordinator
from routine_load.clock import SystemClock
from routine_load.config import Settings
from routine_load.engines.cluster.address import read_target
from routine_load.engines.cluster.connected import Connected
from routine_load.ids import Compat
from routine_load.loads.values import WriteMode


@dataclass
class Peer:
    """``url`` is what ``--target`` takes."""

    coordinator: Coordinator
    compat: Compat

    def __post_init__(self):
        self.session = self.coordinator.service.open_session("root", "127.0.0.1:1")

    @property
    def url(self) -> str:
        mysql_port, http_port = self.coordinator.ports
        return f"{self.compat}://root:@127.0.0.1:{mysql_port}?http_port={http_port}"

    @property
    def key(self) -> str:
        """The key model of tables whose rows are replaced."""
        return "PRIMARY KEY" if self.compat is Compat.STARROCKS else "UNIQUE KEY"

    def run(self, text: str) -> list[tuple]:
        results = self.coordinator.service.execute(self.session, text)
        return [tuple(row) for result in results if hasattr(result, "rows") for row in result.rows]

    def table(self, name: str, columns: str, model: str | None = None) -> None:
        """A table of ``d`` with ``id`` as its key."""
        self.run(
            f"CREATE TABLE d.{name} (id BIGINT NOT NULL, {columns}) {model or self.key} (id) "
            "DISTRIBUTED BY HASH(id) BUCKETS 1 PROPERTIES ('replication_num' = '1')"
        )


@contextmanager
def peer_of(compat: Compat, folder: Path) -> Iterator[Peer]:
    coordinator = Coordinator(
        Settings(data_dir=folder / f"peer-{compat}", mysql_port=0, http_port=0, compat=compat, backends=2)
    )
    coordinator.start()
    try:
        peer = Peer(coordinator, compat)
        peer.run("CREATE DATABASE d")
        peer.run("USE d")
        yield peer
    finally:
        coordinator.stop(drain=False)


@contextmanager
def connected_to(peer: Peer, folder: Path) -> Iterator[Connected]:
    connected = Connected.to(read_target(peer.url), peer.coordinator.service, folder / "bodies", SystemClock())
    try:
        yield connected
    finally:
        connected.close()


@dataclass
class Body:
    """Rows of a part (``loads.ports.PartBody``)."""

    table: pa.Table
    mode: WriteMode = field(default_factory=WriteMode)

    @property
    def schema(self) -> pa.Schema:
        return self.table.schema

    @property
    def rows(self) -> int:
        return self.table.num_rows

    def batches(self):
        return iter(self.table.to_batches(max_chunksize=2))
