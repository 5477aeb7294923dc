"""What both vendors' REST pages ask: a table's columns, a count, what a SHOW statement says. As the caller, always."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from routine_load.errors import AccessDenied, ExecutionError
from routine_load.ids import Compat, TableRef
from routine_load.server.http.authentication import Credentials
from routine_load.server.http.callers import Answer, Callers
from routine_load.sql.access import require_on_table
from routine_load.sql.privileges import Privilege
from routine_load.sql.results import ResultTable
from routine_load.sql.schema import Aggregation, Column, ColumnType, KeyModel, Table, TypeName
from routine_load.statements.ports import Session

_DORIS_TYPES = {TypeName.DECIMAL: "DECIMAL64", TypeName.DATE: "DATEV2", TypeName.DATETIME: "DATETIMEV2"}
_KEYS = {
    KeyModel.DUPLICATE: "DUP_KEYS",
    KeyModel.AGGREGATE: "AGG_KEYS",
    KeyModel.UNIQUE: "UNIQUE_KEYS",
    KeyModel.PRIMARY: "PRIMARY_KEYS",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """A small result as texts."""

    columns: list[str]
    rows: list[list[str]]

    @property
    def objects(self) -> list[dict[str, str]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Questions:
    """Asked on the loop, answered on threads."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._loading = callers.loading

    async def table(self, request: Request, caller: Credentials) -> Table:
        """The table of the path, for who may read it. Raises AccessDenied, UnknownDatabase, UnknownTable."""
        ref = TableRef(request.path_params["database"], request.path_params["table"])

        def described(session: Session) -> Table:
            require_alive(session)
            require_on_table(session, Privilege.SELECT, ref)
            return self._loading.tables.table(ref)

        return await self._callers.in_session(request, caller.user, described)

    async def count(self, request: Request, caller: Credentials) -> int:
        """Rows of the table of the path. Raises AccessDenied, UnknownDatabase, UnknownTable."""
        table = await self.table(request, caller)
        names = ".".join("`" + name.replace("`", "``") + "`" for name in (table.ref.database, table.ref.table))
        rows = await self.show(request, caller, f"SELECT count(*) FROM {names}")
        return int(rows.rows[0][0])

    async def show(self, request: Request, caller: Credentials, text: str) -> Rows:
        """What one statement answers. Raises RoutineLoadError."""

        def shown(session: Session) -> Rows:
            steps = self._loading.service.steps(session, text)
            result = steps[0]() if len(steps) == 1 else None
            if not isinstance(result, ResultTable):
                raise ExecutionError(f"{text.partition(' ')[0]} answers no rows")
            rows = [["" if value is None else str(value) for value in row] for row in result.rows]
            return Rows([column.name for column in result.columns], rows)

        return await self._run(request, caller, shown)

    async def proc(self, request: Request, caller: Credentials, path: str) -> Rows:
        """SHOW PROC of a path. Raises RoutineLoadError."""
        quoted = path.replace("\\", "\\\\").replace("'", "\\'")
        return await self.show(request, caller, f"SHOW PROC '{quoted}'")

    async def _run(self, request: Request, caller: Credentials, work: Callable[[Session], Answer]) -> Answer:
        def in_session(session: Session) -> Answer:
            require_alive(session)
            return work(session)

        return await self._callers.run(self._callers.with_session, caller.user, request, in_session)


def require_alive(session: Session) -> None:
    """Raises AccessDenied for a user who was dropped meanwhile."""
    if not session.rights.alive:
        raise AccessDenied(f"Access denied for user '{session.user}': the user was dropped")


def starrocks_columns(table: Table) -> list[dict[str, Any]]:
    """StarRocks: ``properties`` of ``_schema``."""
    return [
        {"name": column.name, "type": column.type.name.value.upper(), "comment": column.comment}
        | ({} if column.type.name is not TypeName.DECIMAL else _digits(column.type))
        for column in table.columns
    ]


def doris_columns(table: Table) -> list[dict[str, Any]]:
    """Doris: ``properties`` of ``_schema``; a client reads ``aggregation_type`` and the texts of the digits."""
    merged = table.key_model in {KeyModel.UNIQUE, KeyModel.PRIMARY}
    return [_doris_column(column, number, merged) for number, column in enumerate(table.columns)]


def doris_keys(table: Table) -> str:
    """Doris: ``keysType``; a primary key is its unique key."""
    return _KEYS[KeyModel.UNIQUE if table.key_model is KeyModel.PRIMARY else table.key_model]


def _doris_column(column: Column, number: int, merged: bool) -> dict[str, Any]:
    kind = column.type.name
    value = Aggregation.REPLACE if merged and not column.is_key else column.aggregation
    fields: dict[str, Any] = {
        "name": column.name,
        "type": "VARIANT" if column.type.is_variant else _doris_type(column.type),
        "comment": column.comment,
        "aggregation_type": "" if value is None else str(value),
        "is_nullable": "Yes" if column.nullable else "No",
        "is_key": "Yes" if column.is_key else "No",
        "column_uid": str(number),
    }
    if kind is TypeName.DECIMAL:
        fields |= _digits(column.type)
    elif kind is TypeName.DATETIME:
        fields |= {"precision": "18", "scale": str(column.type.scale or 0)}
    return fields


def _doris_type(kind: ColumnType) -> str:
    if kind.name is not TypeName.DECIMAL:
        return _DORIS_TYPES.get(kind.name, kind.name.value.upper())
    digits = kind.precision or 0
    return (
        "DECIMAL32" if digits <= 9 else "DECIMAL64" if digits <= 18 else "DECIMAL128I" if digits <= 38 else "DECIMAL256"
    )


def _digits(kind: ColumnType) -> dict[str, str]:
    return {"precision": str(kind.precision or 0), "scale": str(kind.scale or 0)}


def version_numbers(release: str, compat: Compat) -> dict[str, object]:
    """Doris: ``/api/fe_version_info``."""
    major, minor, patch = release.removeprefix("doris-").split("-")[0].split(".")
    return {
        "dorisBuildVersionPrefix": str(compat),
        "dorisBuildVersionMajor": int(major),
        "dorisBuildVersionMinor": int(minor),
        "dorisBuildVersionPatch": int(patch),
        "dorisBuildVersionRcVersion": "",
        "dorisBuildVersion": release,
    }
