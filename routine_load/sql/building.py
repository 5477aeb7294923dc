"""Parse tree to statement value: one function per rule of the grammar.

Owns the shape rules that the grammar cannot say: clauses that occur twice, names with too many parts, the order of
items inside COLUMNS, bounds. Refuses to know which properties, tables or functions exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from lark import Token, Tree

from routine_load.errors import AnalysisError, LimitExceeded, Position
from routine_load.ids import Compat
from routine_load.sql import statements as s
from routine_load.sql.delimiters import read_delimiter
from routine_load.sql.expressions import read_expression
from routine_load.sql.literals import name_value, string_value
from routine_load.sql.predicates import job_name_condition

COLUMNS_MAX: Final = 4096
PROPERTIES_MAX: Final = 1024
PARTITIONS_MAX: Final = 4096

Node = Tree[Token]

_CLAUSE_NAMES: Final = {
    "column_separator": "column separator",
    "row_delimiter": "row delimiter",
    "columns": "columns info",
    "where": "where predicate",
    "partitions": "partition names",
    "temporary_partitions": "partition names",
    "preceding_filter": "preceding filter",
    "delete_on": "delete on predicate",
    "order_by": "order by column",
}


def build(tree: Node, text: str, compat: Compat) -> s.Statement:
    """The statement a tree means. ``text`` is what was parsed; positions count from its start. Raises AnalysisError."""
    return _STATEMENTS[tree.data](_Building(text, compat), tree)


@dataclass(frozen=True, slots=True)
class _Building:
    """One statement's source text and the vendor whose messages apply."""

    text: str
    compat: Compat

    # ---- statements ----

    def create(self, tree: Node) -> s.Statement:
        on = _child(tree, "on")
        merge = next((c.data for c in _nodes(tree) if c.data in {"append", "delete", "merge"}), "append")
        source = _child(tree, "source")
        comment = _child(tree, "comment")
        assert source is not None
        return s.CreateRoutineLoad(
            job=self.job(_need(tree, "job")),
            table=_dotted(on) if on else None,
            merge_type=s.MergeType(merge.upper()),
            clauses=self.load_clauses(_child(tree, "load_clauses")),
            properties=self.properties(_child(tree, "properties")),
            source=_name(source),
            source_properties=self.properties(source),
            comment=string_value(_token(comment)) if comment else "",
        )

    def alter(self, tree: Node) -> s.Statement:
        on, source, properties = _child(tree, "on"), _child(tree, "source"), _child(tree, "properties")
        clauses = _child(tree, "load_clauses")
        given = [part for part in (clauses, properties, source) if part is not None]
        if on is not None and given:
            raise AnalysisError(
                "ALTER ROUTINE LOAD target table change does not support other properties", position=_place(on)
            )
        if on is None and not given:
            raise AnalysisError("No properties are specified")
        if source is not None and _child(source, "property") is None:
            raise AnalysisError("FROM in ALTER ROUTINE LOAD needs a property list", position=_place(source))
        return s.AlterRoutineLoad(
            job=self.job(_need(tree, "job")),
            clauses=self.load_clauses(clauses),
            properties=self.properties(properties),
            source=_name(source) if source else None,
            source_properties=self.properties(source),
            table=_dotted(on) if on else None,
        )

    def pause(self, tree: Node) -> s.Statement:
        job = _child(tree, "job")
        return s.PauseRoutineLoad(job=self.job(job) if job else None)

    def resume(self, tree: Node) -> s.Statement:
        job = _child(tree, "job")
        return s.ResumeRoutineLoad(job=self.job(job) if job else None)

    def stop(self, tree: Node) -> s.Statement:
        return s.StopRoutineLoad(job=self.job(_need(tree, "job")))

    def show(self, tree: Node) -> s.Statement:
        for_job, database = (_child(tree, rule) for rule in ("for_job", "in_database"))
        sort = _child(tree, "sort")
        limit, offset = _limits(tree)
        return s.ShowRoutineLoad(
            all=_child(tree, "all") is not None,
            job=self.job(_need(for_job, "job")) if for_job else None,
            database=_dotted(database) if database else None,
            like=_like(tree),
            where=self.show_where(tree),
            order_by=tuple(s.SortKey(column=_name(key), descending=key.data == "descending") for key in _nodes(sort)),
            limit=limit,
            offset=offset,
        )

    def show_task(self, tree: Node) -> s.Statement:
        database, like = _child(tree, "in_database"), _child(tree, "like")
        where = self.show_where(tree)
        if like is not None:
            where = s.Expression(text=self.slice(like), position=_place(like))
            return s.ShowRoutineLoadTask(database=_dotted(database) if database else None, where=where)
        return s.ShowRoutineLoadTask(
            database=_dotted(database) if database else None,
            job_name=job_name_condition(where) if where else None,
            where=where,
        )

    def show_create(self, tree: Node) -> s.Statement:
        return s.ShowCreateRoutineLoad(job=self.job(_need(tree, "job")), all=_child(tree, "all") is not None)

    def create_user(self, tree: Node) -> s.Statement:
        return s.CreateUser(
            user=_user(tree),
            password=_password(_child(tree, "identified")),
            if_not_exists=_child(tree, "if_not_exists") is not None,
        )

    def drop_user(self, tree: Node) -> s.Statement:
        return s.DropUser(user=_user(tree), if_exists=_child(tree, "if_exists") is not None)

    def alter_user(self, tree: Node) -> s.Statement:
        return s.SetPassword(user=_user(tree), password=_password(_child(tree, "identified")))

    def set_password(self, tree: Node) -> s.Statement:
        user = _user(tree) if _child(tree, "user") else None
        return s.SetPassword(user=user, password=_password(_child(tree, "password")))

    # ---- parts ----

    def job(self, tree: Node) -> s.JobName:
        parts = [_name_text(n) for n in _nodes(tree)]
        if len(parts) > 2:
            written = ".".join(parts)
            problem = f"Incorrect ROUTINE LOAD NAME name '{written}': a job is named [db.]name"
            if self.compat is Compat.DORIS:
                problem = "labelParts in load should be [db.]label"
            raise AnalysisError(problem, position=_place(tree))
        return s.JobName(name=parts[-1], database=parts[0] if len(parts) == 2 else None)

    def properties(self, tree: Node | None) -> tuple[s.Property, ...]:
        found = [node for node in _nodes(tree) if node.data == "property"]
        if len(found) > PROPERTIES_MAX:
            raise LimitExceeded(f"a list has at most {PROPERTIES_MAX} properties, this one {len(found)}")
        return tuple(
            s.Property(key=_text(key).strip(), value=_text(value), position=_place(node))
            for node in found
            for key, value in [_tokens(node)]
        )

    def load_clauses(self, tree: Node | None) -> s.LoadClauses:
        clauses = s.LoadClauses()
        seen: set[str] = set()
        for node in _nodes(tree):
            kind = _CLAUSE_NAMES[node.data]
            if kind in seen:
                raise AnalysisError(f"repeat setting of {kind}", position=_place(node))
            seen.add(kind)
            clauses = _CLAUSES[node.data](self, clauses, node)
        return clauses

    def column_separator(self, clauses: s.LoadClauses, tree: Node) -> s.LoadClauses:
        return replace(clauses, column_separator=read_delimiter(_token(tree), _place(tree)))

    def row_delimiter(self, clauses: s.LoadClauses, tree: Node) -> s.LoadClauses:
        return replace(clauses, row_delimiter=read_delimiter(_token(tree), _place(tree)))

    def columns(self, clauses: s.LoadClauses, tree: Node) -> s.LoadClauses:
        """Plain names first, then assignments (StarRocks: order of items inside COLUMNS)."""
        if len(tree.children) > COLUMNS_MAX:
            raise LimitExceeded(f"COLUMNS has at most {COLUMNS_MAX} items, this one {len(tree.children)}")
        items = [self.column(node) for node in _nodes(tree)]
        plain = [item for item in items if item.expression is None and not item.is_default]
        assigned = [item for item in items if item.expression is not None or item.is_default]
        return replace(clauses, columns=(*plain, *assigned))

    def column(self, tree: Node) -> s.ColumnItem:
        if tree.data == "source_column":
            return s.ColumnItem(name=_dotted(tree))
        if tree.data == "default_column":
            return s.ColumnItem(name=_name(tree), is_default=True)
        return s.ColumnItem(name=_name(tree), expression=self.island(tree))

    def where(self, clauses: s.LoadClauses, tree: Node) -> s.LoadClauses:
        return replace(clauses, where=self.island(tree))

    def preceding_filter(self, clauses: s.LoadClauses, tree: Node) -> s.LoadClauses:
        return replace(clauses, preceding_filter=self.island(tree))

    def delete_on(self, clauses: s.LoadClauses, tree: Node) -> s.LoadClauses:
        return replace(clauses, delete_on=self.island(tree))

    def order_by(self, clauses: s.LoadClauses, tree: Node) -> s.LoadClauses:
        return replace(clauses, order_by=_name(tree))

    def partitions(self, clauses: s.LoadClauses, tree: Node) -> s.LoadClauses:
        names = tuple(
            _name_text(part) if isinstance(part, Tree) else string_value(str(part))
            for part in tree.children
            if isinstance(part, Tree) or part.type != "_PARTITION"
        )
        if not names:
            raise AnalysisError("No partition specifed in partition lists", position=_place(tree))
        if any(not name.strip() for name in names):
            raise AnalysisError("there are empty partition name", position=_place(tree))
        if len(names) > PARTITIONS_MAX:
            raise LimitExceeded(f"PARTITION has at most {PARTITIONS_MAX} names, this one {len(names)}")
        return replace(clauses, partitions=names, temporary_partitions=tree.data == "temporary_partitions")

    def show_where(self, tree: Node) -> s.Expression | None:
        where = _child(tree, "show_where")
        return self.island(where) if where is not None else None

    def island(self, tree: Node) -> s.Expression:
        """The expression under this clause, by its exact source slice."""
        node = _child(tree, "expression") or _need(tree, "show_expression")
        return read_expression(self.slice(node), _place(node))

    def slice(self, tree: Node) -> str:
        return self.text[tree.meta.start_pos : tree.meta.end_pos]


_HASHED: Final = re.compile(r"\*[0-9A-F]{40}", re.IGNORECASE)
_STATEMENTS: Final[dict[str, Callable[[_Building, Node], s.Statement]]] = {
    "create": _Building.create,
    "alter": _Building.alter,
    "pause": _Building.pause,
    "resume": _Building.resume,
    "stop": _Building.stop,
    "show": _Building.show,
    "show_task": _Building.show_task,
    "show_create": _Building.show_create,
    "create_user": _Building.create_user,
    "drop_user": _Building.drop_user,
    "alter_user": _Building.alter_user,
    "set_password": _Building.set_password,
    "show_backends": lambda _self, _tree: s.ShowBackends(),
    "show_frontends": lambda _self, _tree: s.ShowFrontends(),
    "show_processlist": lambda _self, _tree: s.ShowProcesslist(),
    "show_proc": lambda _self, tree: s.ShowProc(path=string_value(_token(tree))),
    "show_config": lambda _self, tree: s.ShowFrontendConfig(like=_like(tree)),
    "kill": lambda _self, tree: s.Kill(connection_id=int(_token(tree)), query_only=_child(tree, "query") is not None),
}
_CLAUSES: Final[dict[str, Callable[[_Building, s.LoadClauses, Node], s.LoadClauses]]] = {
    "column_separator": _Building.column_separator,
    "row_delimiter": _Building.row_delimiter,
    "columns": _Building.columns,
    "where": _Building.where,
    "preceding_filter": _Building.preceding_filter,
    "delete_on": _Building.delete_on,
    "order_by": _Building.order_by,
    "partitions": _Building.partitions,
    "temporary_partitions": _Building.partitions,
}


# ---- reading trees ----


def _nodes(tree: Node | None) -> Iterator[Node]:
    return (child for child in (tree.children if tree else ()) if isinstance(child, Tree))


def _child(tree: Node | None, rule: str) -> Node | None:
    return next((node for node in _nodes(tree) if node.data == rule), None)


def _need(tree: Node | None, rule: str) -> Node:
    node = _child(tree, rule)
    assert node is not None, rule
    return node


def _tokens(tree: Node) -> list[str]:
    return [str(child) for child in tree.children if isinstance(child, Token)]


def _token(tree: Node) -> str:
    return _tokens(tree)[0]


def _text(source: str) -> str:
    """A literal's value, or a bare word as it stands."""
    return string_value(source) if source[0] in "'\"" else source


def _name_text(tree: Node) -> str:
    return name_value(_token(tree))


def _name(tree: Node) -> str:
    return _name_text(_need(tree, "name"))


def _dotted(tree: Node) -> str:
    return ".".join(_name_text(node) for node in _nodes(tree) if node.data == "name")


def _user(tree: Node) -> str:
    """The user without the host: accounts are told apart by name alone."""
    part = _need(tree, "user").children[0]
    return _name_text(part) if isinstance(part, Tree) else string_value(str(part))


def _password(tree: Node | None) -> str:
    tokens = _tokens(tree) if tree else []
    password = string_value(tokens[0]) if tokens else ""
    if _HASHED.fullmatch(password):
        raise AnalysisError(
            "A hashed password cannot be kept here; give it in clear: PASSWORD('…') or IDENTIFIED BY '…'"
        )
    return password


def _like(tree: Node) -> str | None:
    like = _child(tree, "like")
    return string_value(_token(like)) if like is not None else None


def _limits(tree: Node) -> tuple[int | None, int]:
    node = next((n for n in _nodes(tree) if n.data in {"limit", "limit_offset", "offset_limit"}), None)
    if node is None:
        return None, 0
    first, second = [*(int(token) for token in _tokens(node)), 0][:2]
    return (second, first) if node.data == "offset_limit" else (first, second)


def _place(tree: Node) -> Position:
    return Position(tree.meta.line, tree.meta.column)
