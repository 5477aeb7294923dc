"""SHOW BACKENDS, COMPUTE NODES, FRONTENDS, PROCESSLIST, and KILL: what runs where, and how it is stopped."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from routine_load.errors import KillDenied, UnknownConnection
from routine_load.ids import Compat
from routine_load.jobs.timezones import local_text
from routine_load.sql.identity import release
from routine_load.sql.privileges import Privilege
from routine_load.sql.results import Ok, ResultTable, text_table
from routine_load.sql.show import BACKENDS_COLUMNS, COMPUTE_NODES_COLUMNS, FRONTENDS_COLUMNS, PROCESSLIST_COLUMNS
from routine_load.sql.statements import Kill, ShowBackends, ShowComputeNodes, ShowFrontends, ShowProcesslist
from routine_load.statements.context import Context
from routine_load.statements.ports import Session

_INFO_CHARS = 100
"""MySQL: what SHOW PROCESSLIST without FULL tells of a statement."""

_FIRST_WORDS = re.compile(r"(?:\s*[A-Za-z_]+(?=\s)){0,4}")
_SECRETS = re.compile(
    r"password|secret|identified|jaas|token|registry|user\.info|access|\bkey\b|\bdata:", re.IGNORECASE
)


def backends(_: ShowBackends, session: Session, context: Context) -> ResultTable:
    """The in-process backends; figures that only a storage node has are 0 or empty."""
    columns = BACKENDS_COLUMNS[session.compat]
    rows = []
    for facts in context.scheduler.backends():
        started = local_text(facts.started_at, session.timezone)
        now = local_text(context.clock.now(), session.timezone)
        known: dict[str, object] = {
            "BackendId": facts.id,
            "IP": facts.host,
            "Host": facts.host,
            "HttpPort": context.backend_http_address()[1],
            "LastStartTime": started,
            "LastHeartbeat": now,
            "Alive": str(facts.alive).lower(),
            "SystemDecommissioned": "false",
            "ClusterDecommissioned": "false",
            "Version": release(session.compat),
            "StatusCode": "OK",
            "Status": "{}",
            "Tag": '{"location" : "default"}',
            "NodeRole": "mix",
            "LiveSince": started,
            "RunningTasks": facts.running_tasks,
            "CpuCores": os.cpu_count(),
            "MemLimit": context.settings.engine_memory,
            "Memory": context.settings.engine_memory,
        }
        rows.append(_row(columns, known))
    return text_table(columns, rows)


def compute_nodes(_: ShowComputeNodes, session: Session, context: Context) -> ResultTable:  # noqa: ARG001 - a handler
    """None: a backend here is one with storage (StarRocks: shared-nothing)."""
    return text_table(COMPUTE_NODES_COLUMNS, [])


def frontends(_: ShowFrontends, session: Session, context: Context) -> ResultTable:
    """This coordinator, alone and leading."""
    columns = FRONTENDS_COLUMNS[session.compat]
    host, query_port = context.mysql_address()
    nodes = [facts.started_at for facts in context.scheduler.backends()]
    started = local_text(min(nodes, default=context.clock.now()), session.timezone)
    now = local_text(context.clock.now(), session.timezone)
    known: dict[str, object] = {
        "Id": 1,
        "Name": context.settings.cluster,
        "IP": host,
        "Host": host,
        "HttpPort": context.http_address()[1],
        "QueryPort": query_port,
        "Role": "LEADER" if session.compat is Compat.STARROCKS else "FOLLOWER",
        "IsMaster": "true",
        "ClusterId": 1,
        "Join": "true",
        "Alive": "true",
        "IsHelper": "true",
        "LastHeartbeat": now,
        "StartTime": started,
        "LastStartTime": started,
        "LiveSince": started,
        "Version": release(session.compat),
        "CurrentConnected": "Yes",
    }
    return text_table(columns, [_row(columns, known)])


def processlist(statement: ShowProcesslist, session: Session, context: Context) -> ResultTable:
    """All sessions for who may operate (StarRocks: OPERATE; Doris: ADMIN_PRIV), others see their own."""
    columns = PROCESSLIST_COLUMNS[session.compat]
    now = context.clock.now()
    rows = []
    all_of_them = session.rights.has(Privilege.OPERATE)
    for other, since, text in context.processes():
        if not all_of_them and other.user != session.user:
            continue
        started = local_text(since, session.timezone)
        known: dict[str, object] = {
            "ServerName": context.settings.cluster,
            "CurrentConnected": "Yes" if other is session else "No",
            "Id": other.connection_id,
            "User": other.user,
            "Host": other.client,
            "Db": other.database or "",
            "Catalog": "default_catalog",
            "Command": "Query" if text else "Sleep",
            "ConnectionStartTime": started,
            "LoginTime": started,
            "Time": int((now - since).total_seconds()),
            "State": "OK",
            "Info": _without_secrets(text or "")[: None if statement.full else _INFO_CHARS],
            "IsPending": "false",
            "Warehouse": "default_warehouse",
            "FE": context.mysql_address()[0],
        }
        rows.append(_row(columns, known))
    return text_table(columns, rows)


def kill(statement: Kill, session: Session, context: Context) -> Ok:
    """Ends another connection, or only what it runs. Who may operate may end any, others their own."""
    number = statement.connection_id
    victim = next((other for other, _, _ in context.processes() if other.connection_id == number), None)
    if victim is None:
        raise UnknownConnection(f"Unknown thread id: {number}")
    if victim.user != session.user and not session.rights.has(Privilege.OPERATE):
        raise KillDenied(f"You are not owner of thread {number}")
    context.engine.kill(number)
    if not statement.query_only and victim.disconnect is not None:
        victim.disconnect()
    return Ok()


def _without_secrets(text: str) -> str:
    """A statement that may hold a secret shows its first words only (StarRocks, Doris: audit of secrets).

    Words, up to the first sign: ``SET PASSWORD='x'`` has two.
    """
    words = _FIRST_WORDS.match(text)
    assert words is not None, "no words are words, too"
    return f"{words.group().strip()} …" if _SECRETS.search(text) else text


def _row(columns: tuple[str, ...], known: Mapping[str, object]) -> list[object]:
    return [known.get(name, _nothing(name)) for name in columns]


def _nothing(name: str) -> object:
    """What a column says of which nothing is known: figures that only a storage node has."""
    if name.endswith("Pct"):
        return "0.00 %"
    if name.endswith(("Capacity", "MemLimit", "Memory")):
        return "0.000 "
    return 0 if name.endswith(("Port", "Num", "Cores", "Counter", "Queries", "JournalId")) else ""
