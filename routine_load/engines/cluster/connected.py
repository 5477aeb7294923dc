"""The parts of one cluster, put together: its engine for statements, its target for loads, its nodes."""

from __future__ import annotations

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
        vendor = StarRocksTarget if address.vendor is Compat.STARROCKS else DorisTarget
        return cls(
            address=address,
            frontend=frontend,
            nodes=nodes,
            wire=wire,
            encoder=encoder,
            engine=ClusterEngine(frontend, tables, local),
            target=vendor(parts),
        )

    def close(self) -> None:
        self.nodes.close()
        self.wire.close()
        self.frontend.close()
        self.encoder.close()
