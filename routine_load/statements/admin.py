"""SHOW BACKENDS, FRONTENDS and PROCESSLIST, KILL: what runs where, in the vendors' columns, and how it is stopped."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from routine_load import __version__
from routine_load.errors import AccessDenied, ExecutionError, UnknownConnection
from routine_load.ids import Compat
from routine_load.jobs.timezones import local_text
from routine_load.sql.results import Ok, ResultTable, text_table
from routine_load.sql.show import BACKENDS_COLUMNS, FRONTENDS_COLUMNS, PROCESSLIST_COLUMNS
from routine_load.sql.statements import Kill, ShowBackends, ShowFrontends, ShowProc, ShowProcesslist
from routine_load.statements.context import Context
from routine_load.statements.ports import Session

_SECRETS = re.compile(r"password|secret|identified|jaas|token|\bkey\b", re.IGNORECASE)


def backends(_: ShowBackends | ShowProc, session: Session, context: Context) -> ResultTable:
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
            "HttpPort": context.http_address()[1],
            "LastStartTime": started,
            "LastHeartbeat": now,
            "Alive": str(facts.alive).lower(),
            "SystemDecommissioned": "false",
            "ClusterDecommissioned": "false",
            "Version": __version__,
            "StatusCode": "OK",
            "Status": "{}",
            "Tag": '{"location" : "default"}',
            "NodeRole": "mix",
            "LiveSince": started,
            "RunningTasks": facts.running_tasks,
        }
        rows.append(_row(columns, known))
    return text_table(columns, rows)


def frontends(_: ShowFrontends | ShowProc, session: Session, context: Context) -> ResultTable:
    """This coordinator, alone and leading."""
    columns = FRONTENDS_COLUMNS[session.compat]
    host, query_port = context.mysql_address()
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
        "Version": __version__,
        "CurrentConnected": "Yes",
    }
    return text_table(columns, [_row(columns, known)])


def proc(statement: ShowProc, session: Session, context: Context) -> ResultTable:
    """The places of the tree of facts that have a SHOW of their own."""
    answers = {"backends": backends, "frontends": frontends}
    answer = answers.get(statement.path.strip("/").lower())
    if answer is None:
        raise ExecutionError(f"Proc path '{statement.path}' doesn't exist; here are /backends and /frontends")
    return answer(statement, session, context)


def processlist(_: ShowProcesslist, session: Session, context: Context) -> ResultTable:
    """Root sees every session, others their own."""
    columns = PROCESSLIST_COLUMNS[session.compat]
    now = context.clock.now()
    rows = []
    for other, since, text in context.processes():
        if session.user not in {"root", other.user}:
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
            "Info": _without_secrets(text or ""),
            "IsPending": "false",
            "Warehouse": "default_warehouse",
        }
        rows.append(_row(columns, known))
    return text_table(columns, rows)


def kill(statement: Kill, session: Session, context: Context) -> Ok:
    """Ends another connection, or only what it runs. Root may end any, others their own."""
    number = statement.connection_id
    victim = next((other for other, _, _ in context.processes() if other.connection_id == number), None)
    if victim is None:
        raise UnknownConnection(f"Unknown thread id: {number}")
    if session.user not in {"root", victim.user}:
        raise AccessDenied(f"You are not owner of thread {number}")
    context.engine.kill(number)
    if not statement.query_only and victim.disconnect is not None:
        victim.disconnect()
    return Ok()


def _without_secrets(text: str) -> str:
    """A statement that may hold a secret shows its first words only (StarRocks, Doris: audit of secrets)."""
    return f"{' '.join(text.split()[:4])} …" if _SECRETS.search(text) else text


def _row(columns: tuple[str, ...], known: Mapping[str, object]) -> list[object]:
    number_like: Callable[[str], bool] = lambda name: name.endswith(("Port", "Num", "Cores", "Counter", "Queries"))  # noqa: E731 - one use
    return [known.get(name, 0 if number_like(name) else "") for name in columns]
