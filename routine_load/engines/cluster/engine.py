"""A cluster as the engine behind SQL (``statements.ports.Engine``): what is not ours is forwarded to its front end.

Our own tables of ``information_schema`` (jobs, rejected rows) are not in the cluster: a query that names one is
answered here, and can then name no table of the cluster.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from routine_load.engines.cluster.admission import Client, require_to_forward
from routine_load.engines.cluster.frontend import Frontend
from routine_load.engines.cluster.tables import Tables
from routine_load.ids import TableRef
from routine_load.sql.results import Result
from routine_load.sql.schema import Table
from routine_load.sql.system_tables import SystemTable

_OURS: Final = frozenset({"routine_load_jobs", "routine_load_rejects", "load_tracking_logs"})
_NAMED: Final = re.compile(
    rf"\binformation_schema`?\s*\.\s*`?({'|'.join(sorted(_OURS))})\b|\b(?:from|join)\s+`?({'|'.join(sorted(_OURS))})\b",
    re.IGNORECASE,
)


class Local(Protocol):
    """An engine in this process, which has our own system tables."""

    def execute(self, text: str, session: Client) -> Result: ...

    def kill(self, connection_id: int) -> None: ...

    def add_system_table(self, table: SystemTable) -> None: ...


class ClusterEngine:
    """Thread-safe."""

    def __init__(self, frontend: Frontend, tables: Tables, local: Local) -> None:
        self._frontend = frontend
        self._tables = tables
        self._local = local

    def databases(self) -> list[str]:
        return self._tables.databases()

    def has_database(self, database: str) -> bool:
        return self._tables.has_database(database)

    def tables(self, database: str) -> list[str]:
        return self._tables.names(database, views=False)

    def views(self, database: str) -> list[str]:
        return self._tables.names(database, views=True)

    def table(self, ref: TableRef) -> Table:
        return self._tables.table(ref)

    def execute(self, text: str, session: Client) -> Result:
        """Raises ClusterRefused with the cluster's number, state and text; TargetUnavailable; PrivilegeDenied."""
        match = _NAMED.search(text)
        if match is not None and (match[1] or (session.database or "").lower() == "information_schema"):
            return self._local.execute(text, session)
        require_to_forward(text, session)
        return self._frontend.run(text, session)

    def kill(self, connection_id: int) -> None:
        self._local.kill(connection_id)
        self._frontend.kill(connection_id)

    def add_system_table(self, table: SystemTable) -> None:
        """Make one of our own tables readable; those that the cluster has, too, are the cluster's."""
        if table.name in _OURS:
            self._local.add_system_table(table)
