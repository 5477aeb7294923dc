"""Session functions and system variables inside a query: replaced by literals before the engine sees it.

``SELECT @@version_comment LIMIT 1``, ``SELECT DATABASE()``, the long list that Connector/J asks for: a query that
mentions one is rewritten, with the column named as the client wrote it. Refuses to know any variable's value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.starrocks import StarRocks
from sqlglot.errors import SqlglotError
from sqlglot.parsers.starrocks import StarRocksParser

from routine_load.errors import LimitExceeded

Value = str | int | bool | None
"""What a variable or session function is."""

_MENTIONS = re.compile(
    r"@[@`\w]|\b(?:database|schema|user|current_user|session_user|system_user|connection_id|version|current_version"
    r"|current_role|current_catalog|catalog)\s*\(|\bcurrent_user\b",
    re.IGNORECASE,
)
_LENGTH_MAX = 65_536
_VALUES_CHARS_MAX = 1_048_576
_OWNED = frozenset(
    {"DATABASE", "SCHEMA", "USER", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "CONNECTION_ID", "VERSION"}
    | {"CURRENT_VERSION", "CURRENT_ROLE", "CURRENT_CATALOG", "CATALOG", "CURRENT_SCHEMA", "CURRENT_DATABASE"}
)


class _SessionDialect(StarRocks):
    """StarRocks as sqlglot reads it, but session functions keep the name they were called by."""

    class Parser(StarRocksParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {k: v for k, v in StarRocksParser.FUNCTIONS.items() if k not in _OWNED}
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {
            k: v for k, v in StarRocksParser.NO_PAREN_FUNCTIONS.items() if k.name not in _OWNED
        }


_DIALECT = _SessionDialect()


def mentions_session(text: str) -> bool:
    """Cheap test: may this text ask for a variable or a session function?"""
    return len(text) <= _LENGTH_MAX and _MENTIONS.search(text) is not None


def resolve(text: str, variable: Callable[[str], Value], function: Callable[[str], Value | type[LookupError]]) -> str:
    """``text`` with every ``@@x``, ``@x`` and session function replaced by a literal.

    ``variable`` gets a lower-case name, that of a system variable without ``@@`` and scope, that of a user's own as
    ``@x``, and raises UnknownVariable; ``function`` gets a lower-case function name and returns LookupError for one it
    does not own. A text that has none of them, or cannot be parsed, is returned as it is: whoever runs it says what is
    wrong.
    """
    try:
        tree = sqlglot.parse_one(text, read=_DIALECT)
        return _resolved(tree, variable, function) if _asks(tree) else text
    except (SqlglotError, RecursionError):
        return text


def _resolved(
    tree: exp.Expr, variable: Callable[[str], Value], function: Callable[[str], Value | type[LookupError]]
) -> str:
    length = 0

    def literal(value: Value) -> exp.Expr:
        nonlocal length
        length += len(str(value))
        if length > _VALUES_CHARS_MAX:
            raise LimitExceeded(f"The variables of one query have more than {_VALUES_CHARS_MAX} characters together")
        return _literal(value)

    for projection in tree.selects if isinstance(tree, exp.Query) else ():
        if not isinstance(projection, exp.Alias) and _asks(projection):
            projection.replace(exp.alias_(projection.copy(), _as_written(projection), quoted=True))

    def replaced(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.SessionParameter):
            return literal(variable(node.name.lower()))
        if isinstance(node, exp.Parameter):
            return literal(variable(f"@{node.name.lower()}"))
        name = _function_name(node)
        if name is not None:
            value = function(name)
            if value is not LookupError:
                return literal(value)  # type: ignore[arg-type] # the marker was excluded above
        return node

    return tree.transform(replaced).sql(dialect=_DIALECT)


def _asks(node: exp.Expr) -> bool:
    variables = (exp.SessionParameter, exp.Parameter)
    return any(isinstance(n, variables) or _function_name(n) is not None for n in node.walk())


def _function_name(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Column) and not node.table and not node.this.quoted and node.name.lower() == "current_user":
        return "current_user"
    if isinstance(node, exp.Anonymous) and not node.expressions and str(node.this).upper() in _OWNED:
        return str(node.this).lower()
    return None


def _as_written(node: exp.Expr) -> str:
    return node.name if isinstance(node, exp.Column) else str(node.sql(dialect=_DIALECT))


def _literal(value: Value) -> exp.Expr:
    if value is None:
        return exp.null()
    if isinstance(value, bool):
        return exp.Literal.number(int(value))
    return exp.Literal.number(value) if isinstance(value, int) else exp.Literal.string(value)
