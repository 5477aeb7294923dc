"""SHOW PROC: the front end's tree of facts, as far as there is something to tell.

Owns the places and their columns (StarRocks, Doris: SHOW PROC). What nodes look like is ``admin``'s, what transactions
look like ``loads``'.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from routine_load.errors import ExecutionError
from routine_load.ids import Compat, TableRef, number_of
from routine_load.jobs.statistics import doris_statistic, starrocks_statistic
from routine_load.loads.history import Load
from routine_load.sql.results import ResultTable, text_table
from routine_load.sql.show_loads import ROUTINE_LOADS_PROC_COLUMNS
from routine_load.sql.statements import ShowBackends, ShowComputeNodes, ShowFrontends, ShowProc
from routine_load.statements import admin
from routine_load.statements.context import Context
from routine_load.statements.known_loads import loads_of
from routine_load.statements.loads import transaction_table
from routine_load.statements.ports import Session

_Place = Callable[[list[str], Session, Context], ResultTable]

_DBS_COLUMNS = ("DbId", "DbName", "TableNum", "Quota", "LastConsistencyCheckTime", "ReplicaQuota")
_DB_COLUMNS = ("TableId", "TableName", "PartitionColumnName", "KeysType", "Type", "ColumnNum", "Comment")


def proc(statement: ShowProc, session: Session, context: Context) -> ResultTable:
    """One place of the tree; '/' lists the others. Raises ExecutionError for a place that is not there."""
    parts = [part for part in statement.path.strip().split("/") if part]
    if not parts:
        return text_table(["name"], [(name,) for name in sorted(_PLACES)])
    place = _PLACES.get(parts[0].lower())
    if place is None:
        raise _missing(statement.path)
    return place(parts[1:], session, context)


def _missing(path: str) -> ExecutionError:
    return ExecutionError(f"Proc path '{path}' doesn't exist; here are {', '.join(f'/{name}' for name in _PLACES)}")


def _leaf(answer: Callable[[Session, Context], ResultTable]) -> _Place:
    """A place without places below it; what is said below is about one row and is not told here."""

    def place(rest: list[str], session: Session, context: Context) -> ResultTable:
        if rest:
            raise _missing("…/" + "/".join(rest))
        return answer(session, context)

    return place


def _routine_loads(session: Session, context: Context) -> ResultTable:
    """StarRocks, Doris: Name, Id, DbName, Statistic and how many tasks run and wait."""
    rows = []
    now = context.clock.now()
    for job in context.visible_jobs(session, context.jobs.list(None, include_final=True)):
        run = context.scheduler.run_of(job.id)
        running = 0 if run is None else sum(1 for part in run.slices if part.started_at is not None)
        waiting = 0 if run is None else len(run.slices) - running
        if session.compat is Compat.DORIS:
            age_ms = int((now - job.created_at).total_seconds() * 1000)
            statistic = doris_statistic(job.statistic, age_ms)
        else:
            statistic = starrocks_statistic(job.statistic)
        tasks = json.dumps({"running_task": str(running), "waiting_task": str(waiting)}, separators=(",", ":"))
        rows.append((job.name, job.id, job.database, statistic, tasks))
    return text_table(ROUTINE_LOADS_PROC_COLUMNS, rows)


def _dbs(rest: list[str], session: Session, context: Context) -> ResultTable:
    if rest:
        return _db(_database(rest[0], session, context), session, context)
    rows = []
    for database in _databases(session, context):
        tables = [t for t in context.engine.tables(database) if session.rights.sees(database, t)]
        rows.append((number_of(database), database, len(tables), "", None, ""))
    return text_table(_DBS_COLUMNS, rows)


def _db(database: str, session: Session, context: Context) -> ResultTable:
    rows = []
    for name in context.engine.tables(database):
        if session.rights.sees(database, name):
            table = context.engine.table(TableRef(database, name))
            keys = str(table.key_model).replace(" KEY", "_KEYS").replace("DUPLICATE", "DUP").replace("AGGREGATE", "AGG")
            number = number_of(f"{database}.{name}")
            partitioned = ", ".join(table.partition_columns)
            rows.append((number, name, partitioned, keys, table.engine, len(table.columns), table.comment))
    return text_table(_DB_COLUMNS, rows)


def _transactions(rest: list[str], session: Session, context: Context) -> ResultTable:
    """``/transactions``, ``/transactions/<db>``, ``/transactions/<db>/running`` and ``…/finished``."""
    if not rest:
        return text_table(["DbId", "DbName"], [(number_of(d), d) for d in _databases(session, context)])
    database = _database(rest[0], session, context)
    loads = loads_of(database, session, context)
    running = [load for load in loads if load.status.is_running]
    finished = [load for load in loads if load.status.is_final]
    if len(rest) == 1:
        return text_table(["State", "Number"], [("running", len(running)), ("finished", len(finished))])
    chosen: dict[str, list[Load]] = {"running": running, "finished": finished}
    if len(rest) > 2 or rest[1].lower() not in chosen:
        raise _missing("/transactions/" + "/".join(rest))
    return transaction_table(chosen[rest[1].lower()], session, context)


def _databases(session: Session, context: Context) -> list[str]:
    return [name for name in context.engine.databases() if session.rights.sees(name)]


def _database(said: str, session: Session, context: Context) -> str:
    """By name or by number."""
    for database in _databases(session, context):
        if said in (database, str(number_of(database))):
            return database
    raise ExecutionError(f"Database {said} does not exist")


_PLACES: dict[str, _Place] = {
    "backends": _leaf(lambda session, context: admin.backends(ShowBackends(), session, context)),
    "compute_nodes": _leaf(lambda session, context: admin.compute_nodes(ShowComputeNodes(), session, context)),
    "dbs": _dbs,
    "frontends": _leaf(lambda session, context: admin.frontends(ShowFrontends(), session, context)),
    "routine_loads": _leaf(_routine_loads),
    "transactions": _transactions,
}
