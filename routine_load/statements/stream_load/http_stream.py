"""Doris: ``_http_stream``, a load that its header ``sql`` describes: made into a Stream Load with headers.

The statement's items become derived columns, its condition one on the fields of the source; properties of
``http_stream`` are the headers of the same names. Of a body only as much is read before as tells its columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from routine_load.errors import RoutineLoadError
from routine_load.formats.framing import gathered
from routine_load.formats.jsonpaths import parse_jsonpaths
from routine_load.ids import Compat, TableRef
from routine_load.loads.values import LoadSpec
from routine_load.sql.expressions import column_names, parse_expression
from routine_load.sql.http_stream import StreamedInsert, parse_streamed_insert
from routine_load.sql.schema import Table
from routine_load.statements.stream_load import headers_doris
from routine_load.statements.stream_load.beginning import require_target
from routine_load.statements.stream_load.bodies import ReceivedBody, ReplayedBody, opened
from routine_load.statements.stream_load.plan import MIB, BodyFormat, LoadPlan
from routine_load.statements.stream_load.running import Loading
from routine_load.statements.stream_load.values import LoadRequest, NoBody
from routine_load.statements.stream_load.words import Code, Refused, by_front_end, invalid

PEEK_BYTES: Final = MIB
PROPERTIES: Final = frozenset(
    {
        *("format", "column_separator", "line_delimiter", "compress_type", "skip_lines", "enclose", "escape"),
        *("trim_double_quotes", "empty_field_as_null", "jsonpaths", "json_root", "strip_outer_array"),
        *("read_json_by_line", "num_as_string", "fuzzy_parse"),
    }
)
_NOT_OF_SQL: Final = PROPERTIES | {"columns", "where", "merge_type", "delete", "hidden_columns", "sql"}
_HIDDEN: Final = "__of_stream_{}"


def as_load(loading: Loading, request: LoadRequest) -> LoadRequest:
    """The same load, said by headers. Raises Refused, ClientGone."""
    try:
        insert = parse_streamed_insert(request.header("sql"))
    except RoutineLoadError as error:
        raise by_front_end(error) from error
    return _Making(loading, _addressed(request, insert), insert).made()


def _addressed(request: LoadRequest, insert: StreamedInsert) -> LoadRequest:
    if not insert.database:
        raise Refused(Code.ANALYSIS_ERROR, "No database selected.", error_number=2)
    kept = {name: value for name, value in request.headers.items() if name not in _NOT_OF_SQL}
    given = {name: value for name, value in insert.properties.items() if name in PROPERTIES}
    if insert.label:
        kept["label"] = insert.label
    return replace(request, database=insert.database, table=insert.table, headers=kept | given)


class _Making:
    def __init__(self, loading: Loading, request: LoadRequest, insert: StreamedInsert) -> None:
        self._loading = loading
        self._request = request
        self._insert = insert

    def made(self) -> LoadRequest:
        require_target(self._loading.context, self._request)
        front = headers_doris.head(self._request, self._loading.limits[Compat.DORIS])
        plan = headers_doris.plan(self._request, front)
        try:
            table = self._loading.context.sink.table(TableRef(self._request.database, self._request.table))
            fields = self._fields(plan)
            items = self._insert.items or tuple(f"`{name}`" for name in fields)
            targets = self._insert.columns or _own(table)
            if len(items) != len(targets):
                raise Refused(
                    Code.ANALYSIS_ERROR,
                    "insert into cols should be corresponding to the query output",
                    error_number=2,
                )
            used = self._used(items)
        except RoutineLoadError as error:
            raise by_front_end(error) from error
        known = {name.lower() for name in fields}
        for name in used:
            if fields and name.lower() not in known:
                raise Refused(Code.ANALYSIS_ERROR, f"Unknown column '{name}' in 'table list'", error_number=2)
        sources = _sources(fields or used, used)
        columns = [f"`{name}`" for name in sources]
        columns += [f"`{target}` = {item}" for target, item in zip(targets, items, strict=True)]
        headers = dict(self._request.headers) | {"columns": ", ".join(columns)}
        return replace(self._request, headers=headers, preceding_filter=self._insert.where)

    def _used(self, items: Sequence[str]) -> tuple[str, ...]:
        """The fields that the statement names, in order of appearance."""
        found: dict[str, str] = {}
        for text in (*items, *([self._insert.where] if self._insert.where else [])):
            for name in column_names(parse_expression(text)):
                found.setdefault(name.lower(), name)
        return tuple(found.values())

    def _fields(self, plan: LoadPlan) -> tuple[str, ...]:
        """The fields of the source; none where those that are named are enough."""
        if plan.head.format is BodyFormat.CSV:
            return self._csv_fields(plan)
        if plan.spec.jsonpaths:
            paths = (path for path in parse_jsonpaths(plan.spec.jsonpaths))
            return tuple(str(path[-1]) if path else f"c{at}" for at, path in enumerate(paths, 1))
        if self._insert.items:
            return ()
        if plan.head.format is BodyFormat.JSON:
            return self._json_fields(plan)
        raise invalid(f"SELECT * is not supported for {plan.head.format}: name the columns")

    def _csv_fields(self, plan: LoadPlan) -> tuple[str, ...]:
        skipped = 0 if plan.head.skip_rows else plan.spec.skip_rows
        rows = self._first(plan)
        if len(rows) <= skipped:
            return tuple(self._used(self._insert.items))
        row = rows[skipped].decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r")
        found = _cut(row, plan.spec)
        if plan.head.skip_rows:
            return tuple(name.strip() for name in found)
        return tuple(f"c{at}" for at in range(1, len(found) + 1))

    def _json_fields(self, plan: LoadPlan) -> tuple[str, ...]:
        for row in self._first(plan):
            try:
                document = json.loads(row)
            except ValueError:
                continue
            for step in (part for part in plan.spec.json_root.removeprefix("$").split(".") if part):
                document = document.get(step) if isinstance(document, dict) else None
            document = document[0] if isinstance(document, list) and document else document
            if isinstance(document, dict):
                return tuple(document)
        return ()

    def _first(self, plan: LoadPlan) -> list[bytes]:
        """The first rows of the body, which is then as it was."""
        head = gathered(self._request.body.read, PEEK_BYTES)
        peeked = replace(self._request, body=ReplayedBody(head, NoBody()), content_length=None)
        self._request = replace(self._request, body=ReplayedBody(head, self._request.body))
        limits = self._loading.limits[Compat.DORIS]
        try:
            whole = replace(plan, head=replace(plan.head, skip_rows=0), spec=replace(plan.spec, skip_rows=0))
            source = opened(whole, ReceivedBody(peeked, limits, self._loading.context.clock), limits)
            first = next(source.payloads, None)
        except RoutineLoadError:
            return []  # what is wrong with it is said where it is loaded
        return [row for row in first.values if row] if first is not None else []


def _sources(fields: Sequence[str], used: Sequence[str]) -> list[str]:
    """A field that the statement does not name fills no column, whatever its name is."""
    named = {name.lower() for name in used}
    return [name if name.lower() in named else _HIDDEN.format(at) for at, name in enumerate(fields)]


def _own(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.generated is None)


def _cut(row: str, spec: LoadSpec) -> list[str]:
    if not spec.enclose:
        found = row.split(spec.column_separator)
    else:
        quote, separator = re.escape(spec.enclose), re.escape(spec.column_separator)
        escaped = re.escape(spec.escape) + ".|" if spec.escape and spec.escape != spec.enclose else ""
        inside = f"(?:{escaped}{quote}{quote}|(?!{quote}).)*+"
        found = [
            part
            for part, _ in re.findall(f"(?s)((?:{quote}{inside}{quote})?(?:(?!{separator}).)*+)({separator}|$)", row)
        ]
        found = found[:-1] if len(found) > 1 and not row.endswith(spec.column_separator) else found
    if spec.enclose or spec.trim_double_quotes:
        mark = spec.enclose or '"'
        found = [part[1:-1] if len(part) > 1 and part[0] == part[-1] == mark else part for part in found]
    return found
