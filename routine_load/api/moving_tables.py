"""The tables of a job that moves: read there, made here where they are absent. Rows stay where they are."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from routine_load.api.moving_source import FrontEnd
from routine_load.errors import AnalysisError, ConnectionLost, ExecutionError, RoutineLoadError, UnknownTable
from routine_load.ids import Compat, TableRef
from routine_load.sql.ddl import DdlContext, parse_create_table
from routine_load.sql.literals import quote_name
from routine_load.sql.schema import Table
from routine_load.sql.statements import CreateRoutineLoad

TABLES_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlan:
    """``texts`` are the CREATE TABLE of tables to be made, by name; ``words`` what becomes of each table."""

    database: str = ""
    compat: Compat = Compat.STARROCKS
    makes_database: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def plan_tables(
    statement: CreateRoutineLoad, compat: Compat, source: FrontEnd, here: FrontEnd, wanted: bool
) -> TablePlan:
    """Raises RoutineLoadError that names the table, where one cannot be made or is not there."""
    database = statement.job.database or ""
    is_there = database in here.databases()
    present = frozenset(here.tables(database)) if is_there else frozenset[str]()
    names = [statement.table] if statement.table is not None else source.tables(database)
    if len(names) > TABLES_MAX:
        raise AnalysisError(f"{len(names)} tables are too many, at most {TABLES_MAX}")
    if not wanted:
        absent = [name for name in names if name not in present] if statement.table is not None else []
        if absent:
            raise UnknownTable(f"table {database}.{absent[0]} is not here, and tables are to be left alone")
        return TablePlan(words=dict.fromkeys(names, "left alone"))
    texts: dict[str, str] = {}
    notes: list[str] = []
    for name in names:
        text = source.table_text(database, name, compat)
        declared = _declared(text, database, compat, name)
        if name in present:
            notes += _differences(declared, here.table_text(database, name, compat), compat, name)
        else:
            texts[name] = text
    if texts:
        notes.append(f"tables begin empty: rows that {', '.join(texts)} has there stay there")
    return TablePlan(
        database=database,
        compat=compat,
        makes_database=not is_there,
        texts=texts,
        words={name: "to be made" if name in texts else "there already" for name in names},
        notes=tuple(notes),
    )


def make_tables(plan: TablePlan, here: FrontEnd) -> list[str]:
    """Names of those that were made. What was made is dropped again where one is refused."""
    made: list[str] = []
    try:
        if plan.makes_database:
            here.ask(f"CREATE DATABASE IF NOT EXISTS {quote_name(plan.database)}")
        for name, text in plan.texts.items():
            made.append(name)
            _make_table(name, text, plan, made, here)
    except BaseException:
        drop_again(plan, made, here)
        raise
    return made


def _make_table(name: str, text: str, plan: TablePlan, made: list[str], here: FrontEnd) -> None:
    """What is refused was not made by us; what is not answered may have been."""
    try:
        here.ask(f"SET compat = '{plan.compat}'; {text}", plan.database)
    except ConnectionLost:
        raise
    except RoutineLoadError:
        made.remove(name)
        raise


def drop_again(plan: TablePlan, made: Sequence[str], here: FrontEnd) -> None:
    """What ``make_tables`` made, as long as nothing is in it. Never raises RoutineLoadError."""
    database = quote_name(plan.database)
    for name in reversed(made):
        with contextlib.suppress(RoutineLoadError):
            if not here.ask(f"SELECT 1 FROM {database}.{quote_name(name)} LIMIT 1"):
                here.ask(f"DROP TABLE {database}.{quote_name(name)}")
    with contextlib.suppress(RoutineLoadError):
        if plan.makes_database and not here.ask(f"SHOW TABLES FROM {database}") and not here.live_jobs(plan.database):
            here.ask(f"DROP DATABASE {database}")


def _declared(text: str, database: str, compat: Compat, name: str) -> Table:
    """Raises AnalysisError that says which table, and what of it this service does not have."""
    try:
        table = parse_create_table(text, DdlContext(database, compat))
    except RoutineLoadError as error:
        raise ExecutionError(
            f"table {name} cannot be made here: {error.message}{error.place}. Make it yourself, and have tables left "
            "alone"
        ) from error
    if table.ref != TableRef(database, name):
        raise ExecutionError(f"asked for table {name}, the front end tells of {table.ref}")
    return table


def _differences(there: Table, text: str, compat: Compat, name: str) -> list[str]:
    """What a table that is here already has otherwise than the one there."""
    try:
        here = parse_create_table(text, DdlContext(there.ref.database, compat))
    except RoutineLoadError:
        return [f"table {name} is there already, and cannot be compared"]
    types = {column.name.lower(): str(column.type) for column in here.columns}
    found = [c.name for c in there.columns if c.name.lower() not in types]
    other = [c.name for c in there.columns if types.get(c.name.lower(), str(c.type)) != str(c.type)]
    notes = [f"table {name} here has no column {', '.join(found)}"] if found else []
    notes += [f"table {name} here has other types of {', '.join(other)}"] if other else []
    return notes + ([f"table {name} here has other keys"] if here.key_model is not there.key_model else [])
