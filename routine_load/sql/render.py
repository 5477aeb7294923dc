"""Statement value to text, the way back of ``parser``: parsing a rendered statement gives an equal one.

Owns spelling and layout; refuses to mask anything: who shows a text to a user decides what may stand in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from routine_load.sql import statements as s
from routine_load.sql.literals import quote_name, quote_string
from routine_load.sql.render_accounts import ACCOUNT_RENDERERS


def render(statement: s.Statement) -> str:
    """The statement as text, without a closing `;`."""
    return _RENDERERS[type(statement)](statement)


def render_job(job: s.JobName) -> str:
    """``[db.]name`` with back-quotes."""
    parts = [job.name] if job.database is None else [job.database, job.name]
    return ".".join(quote_name(part) for part in parts)


def render_column(item: s.ColumnItem) -> str:
    """One item of COLUMNS."""
    name = quote_name(item.name)
    if item.is_default:
        return f"{name} = DEFAULT"
    return f"{name} = {item.expression.text}" if item.expression else name


def render_clauses(clauses: s.LoadClauses) -> str:
    """The load clauses, one on a line, commas between them; empty if there are none."""
    parts: list[str] = []
    if clauses.column_separator is not None:
        parts.append(f"COLUMNS TERMINATED BY {quote_string(clauses.column_separator.original)}")
    if clauses.row_delimiter is not None:
        parts.append(f"ROWS TERMINATED BY {quote_string(clauses.row_delimiter.original)}")
    if clauses.columns is not None:
        parts.append(f"COLUMNS ({', '.join(render_column(item) for item in clauses.columns)})")
    if clauses.partitions is not None:
        kind = "TEMPORARY PARTITIONS" if clauses.temporary_partitions else "PARTITIONS"
        parts.append(f"{kind} ({', '.join(quote_name(name) for name in clauses.partitions)})")
    if clauses.metadata is not None:
        fields = (f"{column.field} AS {quote_name(column.name)}" for column in clauses.metadata)
        parts.append(f"INCLUDE METADATA ({', '.join(fields)})")
    for keywords, expression in (
        ("PRECEDING FILTER", clauses.preceding_filter),
        ("WHERE", clauses.where),
        ("DELETE ON", clauses.delete_on),
    ):
        if expression is not None:
            parts.append(f"{keywords} {expression.text}")
    if clauses.order_by is not None:
        parts.append(f"ORDER BY {quote_name(clauses.order_by)}")
    return ",\n".join(parts)


def render_properties(properties: Iterable[s.Property]) -> str:
    """A property list in parentheses, one property on a line."""
    lines = (f"{quote_string(p.key)} = {quote_string(p.value)}" for p in properties)
    return "(\n" + ",\n".join(lines) + "\n)"


def _create(statement: s.CreateRoutineLoad) -> str:
    on = f" ON {quote_name(statement.table)}" if statement.table is not None else ""
    lines = [f"CREATE ROUTINE LOAD {render_job(statement.job)}{on}"]
    if statement.merge_type is not s.MergeType.APPEND:
        lines.append(f"WITH {statement.merge_type}")
    lines.append(render_clauses(statement.clauses))
    if statement.properties:
        lines.append(f"PROPERTIES\n{render_properties(statement.properties)}")
    lines.append(_source(statement.source, statement.source_properties))
    if statement.comment:
        lines.append(f"COMMENT {quote_string(statement.comment)}")
    return "\n".join(line for line in lines if line)


def _alter(statement: s.AlterRoutineLoad) -> str:
    on = f" ON {quote_name(statement.table)}" if statement.table is not None else ""
    lines = [f"ALTER ROUTINE LOAD FOR {render_job(statement.job)}{on}", render_clauses(statement.clauses)]
    if statement.properties:
        lines.append(f"PROPERTIES\n{render_properties(statement.properties)}")
    if statement.source is not None:
        lines.append(_source(statement.source, statement.source_properties))
    return "\n".join(line for line in lines if line)


def _source(source: str, properties: tuple[s.Property, ...]) -> str:
    name = source if source.upper() == "KAFKA" else quote_name(source)
    return f"FROM {name}" + (f"\n{render_properties(properties)}" if properties else "")


def _pause(statement: s.PauseRoutineLoad) -> str:
    return "PAUSE " + _one_or_all(statement.job)


def _resume(statement: s.ResumeRoutineLoad) -> str:
    properties = f"\nPROPERTIES\n{render_properties(statement.properties)}" if statement.properties else ""
    return "RESUME " + _one_or_all(statement.job) + properties


def _one_or_all(job: s.JobName | None) -> str:
    return f"ROUTINE LOAD FOR {render_job(job)}" if job is not None else "ALL ROUTINE LOAD"


def _show(statement: s.ShowRoutineLoad) -> str:
    text = "SHOW ALL ROUTINE LOAD" if statement.all else "SHOW ROUTINE LOAD"
    if statement.job is not None:
        text += f" FOR {render_job(statement.job)}"
    text += _from(statement.database)
    if statement.like is not None:
        text += f" LIKE {quote_string(statement.like)}"
    return text + _where(statement.where) + _page(statement)


def _from(database: str | None) -> str:
    return f" FROM {quote_name(database)}" if database is not None else ""


def _where(where: s.Expression | None) -> str:
    return f" WHERE {where.text}" if where is not None else ""


def _page(statement: s.ShowRoutineLoad | s.ShowLoad | s.ShowStreamLoad) -> str:
    """ORDER BY and LIMIT."""
    text = ""
    if statement.order_by:
        keys = (quote_name(key.column) + (" DESC" if key.descending else "") for key in statement.order_by)
        text += f" ORDER BY {', '.join(keys)}"
    if statement.limit is not None:
        text += f" LIMIT {statement.limit}" + (f" OFFSET {statement.offset}" if statement.offset else "")
    return text


def _show_task(statement: s.ShowRoutineLoadTask) -> str:
    text = "SHOW ROUTINE LOAD TASK" + _from(statement.database)
    if statement.where is None:
        return text
    is_like = statement.where.text[:4].upper() == "LIKE"
    return f"{text} {'' if is_like else 'WHERE '}{statement.where.text}"


def _show_load(statement: s.ShowLoad) -> str:
    return "SHOW LOAD" + _from(statement.database) + _where(statement.where) + _page(statement)


def _show_stream_load(statement: s.ShowStreamLoad) -> str:
    label = f" FOR {quote_name(statement.label)}" if statement.label is not None else ""
    return "SHOW STREAM LOAD" + label + _from(statement.database) + _where(statement.where) + _page(statement)


def _show_create(statement: s.ShowCreateRoutineLoad) -> str:
    return f"SHOW {'ALL ' if statement.all else ''}CREATE ROUTINE LOAD FOR {render_job(statement.job)}"


def _rollback(statement: s.RollbackRoutineLoad) -> str:
    return f"ALTER ROUTINE LOAD FOR {render_job(statement.job)} ROLLBACK TO VERSION {statement.version}"


def _file(statement: s.CreateFile | s.DropFile) -> str:
    properties = f" PROPERTIES {render_properties(statement.properties)}" if statement.properties else ""
    return quote_string(statement.name) + _from(statement.database) + properties


def _show_config(statement: s.ShowFrontendConfig) -> str:
    like = f" LIKE {quote_string(statement.like)}" if statement.like is not None else ""
    return f"SHOW FRONTEND CONFIG{like}"


def _alter_system(statement: s.AlterSystem) -> str:
    verb = "" if statement.change is s.NodeChange.CANCEL_DECOMMISSION else "ALTER SYSTEM "
    return f"{verb}{statement.change} BACKEND {', '.join(map(quote_string, statement.addresses))}"


_RENDERERS: Final[dict[type, Callable[[Any], str]]] = {
    s.CreateRoutineLoad: _create,
    s.AlterRoutineLoad: _alter,
    s.PauseRoutineLoad: _pause,
    s.ResumeRoutineLoad: _resume,
    s.StopRoutineLoad: lambda statement: f"STOP ROUTINE LOAD FOR {render_job(statement.job)}",
    s.ShowRoutineLoad: _show,
    s.ShowRoutineLoadTask: _show_task,
    s.ShowCreateRoutineLoad: _show_create,
    s.ShowRoutineLoadVersions: lambda statement: f"SHOW ROUTINE LOAD VERSIONS FOR {render_job(statement.job)}",
    s.RollbackRoutineLoad: _rollback,
    s.CreateFile: lambda statement: "CREATE FILE " + _file(statement),
    s.DropFile: lambda statement: "DROP FILE " + _file(statement),
    s.ShowFile: lambda statement: "SHOW FILE" + _from(statement.database),
    s.ShowTransaction: lambda statement: "SHOW TRANSACTION" + _from(statement.database) + _where(statement.where),
    s.ShowLoad: _show_load,
    s.ShowStreamLoad: _show_stream_load,
    s.ShowBackends: lambda _statement: "SHOW BACKENDS",
    s.ShowComputeNodes: lambda _statement: "SHOW COMPUTE NODES",
    s.ShowFrontends: lambda _statement: "SHOW FRONTENDS",
    s.ShowProcesslist: lambda statement: f"SHOW {'FULL ' if statement.full else ''}PROCESSLIST",
    s.ShowProc: lambda proc: f"SHOW PROC {quote_string(proc.path)}",
    s.ShowFrontendConfig: _show_config,
    s.SetFrontendConfig: lambda config: f"ADMIN SET FRONTEND CONFIG {render_properties(config.properties)}",
    s.Kill: lambda kill: f"KILL {'QUERY ' if kill.query_only else ''}{kill.connection_id}",
    s.AlterSystem: _alter_system,
    **ACCOUNT_RENDERERS,
    s.EngineStatement: lambda statement: statement.text,
}
