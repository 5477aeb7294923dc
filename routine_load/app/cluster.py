"""The cluster that ``--target`` names, with the sink that commits to it in two phases."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from routine_load.clock import Clock
from routine_load.commit.intents import Epoch
from routine_load.config import Settings
from routine_load.engines.cluster.address import is_cluster, read_target
from routine_load.engines.cluster.connected import Connected
from routine_load.engines.cluster.engine import ClusterEngine, Local
from routine_load.engines.cluster.nodes import Nodes
from routine_load.loads.two_phase import SpoolPlace, TwoPhaseSink
from routine_load.store import Metadata
from routine_load.store.intents import IntentStore
from routine_load.store.lease import NO_EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """``intents`` is the log of commits, written under an epoch; ``idle`` is the one of who does not lead."""

    engine: ClusterEngine
    sink: TwoPhaseSink
    nodes: Nodes
    intents: Callable[[Epoch], IntentStore]
    idle: IntentStore

    @classmethod
    def of(cls, settings: Settings, clock: Clock, store: Metadata, local: Local, stack: ExitStack) -> Self | None:
        """None where tables live in the embedded engine. Raises PropertyError for a target that cannot be read."""
        if not is_cluster(settings.target):
            return None
        connected = Connected.to(read_target(settings.target), local, settings.spool_dir / "bodies", clock)
        stack.callback(connected.close)
        place = SpoolPlace(folder=settings.spool_dir / "batches", bytes_max=settings.batch_bytes_max)

        def intents(epoch: Epoch) -> IntentStore:
            return store.intents(settings.cluster, lambda: int(clock.now().timestamp() * 1000), epoch)

        idle = intents(NO_EPOCH)
        sink = TwoPhaseSink(connected.target, idle, place, clock)
        stack.callback(sink.close)
        return cls(engine=connected.engine, sink=sink, nodes=connected.nodes, intents=intents, idle=idle)
