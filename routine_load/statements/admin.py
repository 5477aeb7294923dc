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
from routine_load.statements.leaders import FrontendFacts
from routine_load.statements.ports import Session

_INFO_CHARS = 100
"""MySQL: what SHOW PROCESSLIST without FULL tells of a statement."""

_FIRST_WORDS = re.compile(r"(?:\s*[A-Za-z_]+(?=\s)){0,4}")
_SECRETS = re.compile(
    r"password|secret|identified|jaas|token|registry|user\.info|access|\bkey\b|\bdata:", re.IGNORECASE
)


def backends(_: ShowBackends, session: Session, context: Context) -> ResultTable:
    """Backends here and elsewhere, as they are now; figures that only a storage node has are 0 or empty."""
    columns = BACKENDS_COLUMNS[session.compat]
    rows = []
    for facts in context.scheduler.backends():
        started = local_text(facts.started_at, session.timezone) if facts.started_at else None
        heard = local_text(facts.heard_at, session.timezone) if facts.heard_at else None
        decommissioned = str(facts.is_decommissioned).lower()
        memory = context.settings.engine_memory if facts.http_port is None else ""  # that of this process
        known: dict[str, object] = {
            "BackendId": facts.id,
            "IP": facts.host,
            "Host": facts.host,
            "HeartbeatPort": facts.http_port or 0,  # ALTER SYSTEM names a backend by it
            "HttpPort": facts.http_port or context.backend_http_address()[1],
            "LastStartTime": started,
            "LastHeartbeat": heard,
            "Alive": str(facts.alive).lower(),
            "SystemDecommissioned": decommissioned,
            "ClusterDecommissioned": decommissioned,
            "ErrMsg": facts.trouble,
            "Version": release(session.compat),
            "StatusCode": "OK" if facts.alive else "CONNECTING" if facts.heard_at is None else "DISCONNECTED",
            "Status": "{}",
            "HeartbeatFailureCounter": facts.failures,
            "Tag": '{"location" : "default"}',
            "NodeRole": "mix",
            "LiveSince": started,
            "RunningTasks": facts.running_tasks,
            "CpuCores": facts.cpu_cores or os.cpu_count(),
            "MemLimit": memory,
            "Memory": memory,
        }
        rows.append(_row(columns, known))
    return text_table(columns, rows)


def compute_nodes(_: ShowComputeNodes, session: Session, context: Context) -> ResultTable:  # noqa: ARG001 - a handler
    """None: a backend here is one with storage (StarRocks: shared-nothing)."""
    return text_table(COMPUTE_NODES_COLUMNS, [])


def frontends(_: ShowFrontends, session: Session, context: Context) -> ResultTable:
    """The coordinators of this metadata; one that has its own is alone and leads."""
    columns = FRONTENDS_COLUMNS[session.compat]
    members = [_alone(context)] if context.company is None else context.company.members()
    return text_table(columns, [_row(columns, _frontend(each, session, context)) for each in members])


def _alone(context: Context) -> FrontendFacts:
    host, query_port = context.mysql_address()
    now = context.clock.now()
    begins = [facts.started_at for facts in context.scheduler.backends() if facts.started_at is not None]
    return FrontendFacts(
        number=1,
        host=host,
        query_port=query_port,
        http_port=context.http_address()[1],
        leads=True,
        alive=True,
        is_me=True,
        started_at=min(begins, default=now),
        seen_at=now,
    )


def _frontend(facts: FrontendFacts, session: Session, context: Context) -> dict[str, object]:
    """StarRocks tells the leader by its role, Doris beside it. Names differ where there are several."""
    started, seen = local_text(facts.started_at, session.timezone), local_text(facts.seen_at, session.timezone)
    leader = "LEADER" if session.compat is Compat.STARROCKS else "FOLLOWER"
    cluster = context.settings.cluster
    return {
        "Id": facts.number,
        "Name": cluster if context.company is None else f"{cluster}_{facts.host}_{facts.query_port}",
        "IP": facts.host,
        "Host": facts.host,
        "HttpPort": facts.http_port,
        "QueryPort": facts.query_port,
        "Role": leader if facts.leads else "FOLLOWER",
        "IsMaster": str(facts.leads).lower(),
        "ClusterId": 1,
        "Join": "true",
        "Alive": str(facts.alive).lower(),
        "IsHelper": "true",
        "LastHeartbeat": seen,
        "ErrMsg": "" if facts.alive else f"not heard of since {seen}",
        "StartTime": started,
        "LastStartTime": started,
        "LiveSince": started,
        "Version": release(session.compat),
        "CurrentConnected": "Yes" if facts.is_me else "No",
    }


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
