"""The parts of one cluster, put together: its engine for statements, its target for loads, its nodes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from routine_load.clock import Clock
from routine_load.engines.cluster.address import ClusterAddress
from routine_load.engines.cluster.body import Encoder
from routine_load.engines.cluster.doris import DorisTarget
from routine_load.engines.cluster.engine import ClusterEngine, Local
from routine_load.engines.cluster.frontend import Frontend
from routine_load.engines.cluster.http import Wire
from routine_load.engines.cluster.nodes import Nodes
from routine_load.engines.cluster.starrocks import StarRocksTarget
from routine_load.engines.cluster.tables import Tables
from routine_load.engines.cluster.target import ClusterTarget, Parts
from routine_load.ids import Compat


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadsOnly:
    """A cluster as somebody needs it who runs no statements there."""

    target: ClusterTarget
    close: Callable[[], None]

    @classmethod
    def to(cls, address: ClusterAddress, spool_dir: Path, clock: Clock) -> Self:
        """Nothing is asked before it is needed."""
        frontend = Frontend(address)
        nodes = Nodes(frontend, clock)
        wire, encoder = Wire(address, nodes.members), Encoder()
        parts = Parts(
            address=address,
            tables=Tables(frontend, clock),
            nodes=nodes,
            wire=wire,
            encoder=encoder,
            spool_dir=spool_dir,
        )
        ends = ExitStack()
        for part in (encoder, frontend, wire, nodes):
            ends.callback(part.close)
        return cls(target=_vendors(address)(parts), close=ends.close)


def _vendors(address: ClusterAddress) -> type[StarRocksTarget | DorisTarget]:
    return StarRocksTarget if address.vendor is Compat.STARROCKS else DorisTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """Nothing is asked before it is needed: the cluster may be away when this begins."""

    address: ClusterAddress
    frontend: Frontend
    nodes: Nodes
    wire: Wire
    encoder: Encoder
    engine: ClusterEngine
    target: ClusterTarget

    @classmethod
    def to(cls, address: ClusterAddress, local: Local, spool_dir: Path, clock: Clock) -> Self:
        """``local`` has our own system tables, ``spool_dir`` the bodies of loads while they are sent."""
        frontend = Frontend(address)
        tables, nodes = Tables(frontend, clock), Nodes(frontend, clock)
        wire, encoder = Wire(address, nodes.members), Encoder()
        parts = Parts(address=address, tables=tables, nodes=nodes, wire=wire, encoder=encoder, spool_dir=spool_dir)
        return cls(
            address=address,
            frontend=frontend,
            nodes=nodes,
            wire=wire,
            encoder=encoder,
            engine=ClusterEngine(frontend, tables, local),
            target=_vendors(address)(parts),
        )

    def close(self) -> None:
        self.nodes.close()
        self.wire.close()
        self.frontend.close()
        self.encoder.close()
