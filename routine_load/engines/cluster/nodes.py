"""Who the cluster is made of: live nodes that take loads, front ends, and its identity.

Facts are kept for a moment, so that neither a tick of the scheduler nor a load asks each time; while the cluster does
not answer, what was known last stays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from routine_load.clock import Clock
from routine_load.engines.cluster.address import Endpoint
from routine_load.engines.cluster.frontend import Frontend
from routine_load.errors import ClusterRefused, RoutineLoadError
from routine_load.ids import Compat

_FRESH_S: Final = 5.0
_NODES_MAX: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """``alive`` counts the nodes that take loads (StarRocks: backends and compute nodes); endpoints are of HTTP."""

    alive: int = 0
    nodes: frozenset[Endpoint] = frozenset()
    fronts: frozenset[Endpoint] = frozenset()


class Nodes:
    """Thread-safe. Asks the cluster at most every few seconds."""

    def __init__(self, frontend: Frontend, clock: Clock) -> None:
        self.changed: Callable[[], None] = lambda: None
        """Called, from any thread, when the number of live nodes has changed; must not block."""
        self._frontend = frontend
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cluster-nodes", daemon=True)
        self._members = Members()
        self._at: float | None = None
        self._identity = ""

    def start(self) -> None:
        """Keep the members fresh until ``close``."""
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def alive(self) -> int:
        """The formula of task concurrency counts these (StarRocks, Doris: task splitting). 0 until one was seen.

        Only the first call waits for an answer.
        """
        return self.members().alive if self._at is None else self._members.alive

    def _watch(self) -> None:
        while not self._closed.wait(_FRESH_S):
            self.members()

    @property
    def identity(self) -> str:
        """Which cluster this is. Raises TargetUnavailable, ClusterRefused as long as it was never heard.

        StarRocks, Doris: ``ClusterId`` of SHOW FRONTENDS. A cluster that is made anew has another.
        """
        if not self._identity:
            rows = self._frontend.ask("SHOW FRONTENDS")
            ids = {str(row["ClusterId"]) for row in rows if row.get("ClusterId")}
            self._identity = f"{self._frontend.address.vendor}-{min(ids, default='0')}"
        return self._identity

    def members(self) -> Members:
        """As they were a moment ago. Never raises: without an answer, what was known last."""
        with self._lock:
            now = self._clock.monotonic()
            if self._at is not None and now - self._at < _FRESH_S:
                return self._members
            self._at = now  # others take what is known, meanwhile
        try:
            members = self._asked()
        except RoutineLoadError:
            return self._members
        before, self._members = self._members.alive, members
        if members.alive != before:
            self.changed()
        return members

    def _asked(self) -> Members:
        rows = self._frontend.ask("SHOW BACKENDS")
        if self._frontend.address.vendor is Compat.STARROCKS:
            rows = [*rows, *self._compute_nodes()]
        alive = [row for row in rows[:_NODES_MAX] if _is_yes(row.get("Alive")) and not _is_leaving(row)]
        fronts = [row for row in self._frontend.ask("SHOW FRONTENDS")[:_NODES_MAX] if _is_yes(row.get("Alive"))]
        return Members(
            alive=len(alive),
            nodes=frozenset(filter(None, map(_endpoint, rows[:_NODES_MAX]))),
            fronts=frozenset(filter(None, map(_endpoint, fronts))),
        )

    def _compute_nodes(self) -> list[dict[str, Any]]:
        """StarRocks: nodes without storage, which take loads in a shared-data cluster."""
        try:
            return self._frontend.ask("SHOW COMPUTE NODES")
        except ClusterRefused:
            return []


def _is_yes(value: object) -> bool:
    return str(value).lower() == "true"


def _is_leaving(row: Mapping[str, Any]) -> bool:
    return _is_yes(row.get("SystemDecommissioned")) or _is_yes(row.get("ClusterDecommissioned"))


def _endpoint(row: Mapping[str, Any]) -> Endpoint | None:
    host, port = row.get("IP") or row.get("Host"), str(row.get("HttpPort"))
    return (str(host), int(port)) if host and port.isdecimal() else None
