"""Who takes part."""

from __future__ import annotations

from real_clients.alchemy import dialects
from real_clients.asyncmy_client import Asyncmy
from real_clients.dbapi import Connector, MySqlClient, PyMySql
from real_clients.jdbc import Jdbc, MariaDbJdbc
from real_clients.loaders import loaders
from real_clients.session import Client
from real_clients.terminals import MariaDbShell, Mycli

CLIENTS: tuple[Client, ...] = (
    MariaDbShell(),
    Mycli(),
    PyMySql(),
    MySqlClient(),
    Connector(),
    Asyncmy(),
    Jdbc("Connector/J", ""),
    Jdbc("Connector/J, prepared", "useServerPrepStmts=true&cachePrepStmts=true&useCursorFetch=true"),
    MariaDbJdbc("MariaDB Connector/J", ""),
    *dialects(),
    *loaders(),
)
NAMES = tuple(client.name for client in CLIENTS)
assert len(set(NAMES)) == len(NAMES)


def named(name: str) -> Client:
    return CLIENTS[NAMES.index(name)]
