"""Load expressions: what COLUMNS, WHERE, PRECEDING FILTER and DELETE ON may say, as trees that keep vendor names.

``parse_expression`` promises a small tree. Every function call, whatever sqlglot knows of it, is
``exp.Anonymous(this=<name as the user wrote it>, expressions=[arguments in the user's order])``; so are the spellings
that are calls in disguise::

    current_date, current_timestamp   Anonymous("current_date", [])      (localtime, current_time … likewise)
    extract(year from a)              Anonymous("year", [a])
    a regexp b, a rlike b             Anonymous("regexp", [a, b])
    a->'$.x'                          Anonymous("json_query", [a, '$.x'])
    a[1], [1, 2]                      Anonymous("element_at", [a, 1]), Anonymous("array", [1, 2])
    timestampdiff(day, a, b)          Anonymous("timestampdiff", [Var(DAY), a, b])
    array_map(x -> x + a, b)          Anonymous("array_map", [Lambda(Add(Identifier(x), a), [Identifier(x)]), b])

Beside calls a tree holds only ``NODES``: Column(Identifier), Literal, Null, Boolean, Paren, the operators, Case(this?,
ifs=[If(this, true)], default?), Cast/TryCast(this, to=DataType), In(this, expressions), Between(this, low, high),
Like(this, expression), Is(this, Null | Boolean), Interval(this, unit=Var) as an argument or operand. Negations are
always ``Not(…)`` around the positive node. Literals hold their unescaped value. ``||`` is Or, as in both vendors.

Which function names exist is not known here; the caller hands them in.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection
from typing import Any, ClassVar, Final, cast

from sqlglot import exp
from sqlglot.dialects.starrocks import StarRocks
from sqlglot.errors import ParseError
from sqlglot.parsers.starrocks import StarRocksParser
from sqlglot.tokenizer_core import Token, TokenType

from routine_load.errors import AnalysisError, Position, StatementSyntaxError
from routine_load.sql.expression_tokens import NESTING_MAX, narrowed, position_in
from routine_load.sql.statements import Expression

TEXT_MAX: Final = 64 * 1024
DEPTH_MAX: Final = 100
_CHAIN_MAX: Final = 16

OPERATORS: Final[tuple[type[exp.Expr], ...]] = (
    *(exp.And, exp.Or, exp.Xor, exp.Not),
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ),
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg),
    *(exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot),
)
NODES: Final[frozenset[type[exp.Expr]]] = frozenset(
    {
        *OPERATORS,
        *(exp.Column, exp.Identifier, exp.Literal, exp.Null, exp.Boolean, exp.Paren, exp.Anonymous),
        *(exp.Case, exp.If, exp.Cast, exp.TryCast, exp.DataType, exp.DataTypeParam),
        *(exp.In, exp.Between, exp.Like, exp.Is, exp.Interval, exp.Var, exp.Lambda),
    }
)
_Node = tuple[exp.Expr, int]
"""A node and how deep it is; the whole tree is 1 deep."""
_LEAVES: Final[frozenset[type[exp.Expr]]] = frozenset({exp.Identifier, exp.Literal, exp.Null, exp.Boolean, exp.Var})
_CONNECTORS: Final[frozenset[type[exp.Expr]]] = frozenset({exp.And, exp.Or})
_AGGREGATES: Final = frozenset(
    {"avg", "count", "sum", "min", "max", "group_concat", "array_agg", "any_value", "stddev", "variance", "ndv"}
    | {"approx_count_distinct", "bitmap_union", "hll_union", "max_by", "min_by", "percentile_approx", "bool_or"}
)
_TABLE_FUNCTIONS: Final = frozenset({"unnest", "explode", "generate_series", "files", "json_each", "table"})
_UNIT_FIRST: Final = frozenset({"timestampdiff", "timestampadd"})
_REFUSED_NODES: Final[dict[type[exp.Expr], str]] = {
    exp.Subquery: "the predicate cannot contain subqueries",
    exp.Select: "the predicate cannot contain subqueries",
    exp.Star: "`*` is not allowed in a load expression",
    exp.Window: "window functions are not allowed in a load expression",
    exp.Parameter: "parameters are not allowed in a load expression",
    exp.Placeholder: "placeholders are not allowed in a load expression",
    exp.Dot: "names in a load expression are plain column names, without `.`",
    exp.HexString: "hexadecimal literals are not allowed in a load expression",
    exp.BitString: "bit literals are not allowed in a load expression",
    exp.Concat: "put concat() around adjacent string literals",
    exp.Tuple: "a list in parentheses is only allowed after IN",
}


def _json_arrow(parser: Any, this: exp.Expr | None, path: exp.Expr | None) -> exp.Expr:
    """``a->'$.x'``; anything but a text behind the arrow would be a lambda."""
    if not isinstance(path, exp.Literal) or not path.is_string:
        parser.raise_error("lambda expressions are not supported")
    return exp.Anonymous(this="json_query", expressions=[this, path])


def read_lambda(parser: Any, parameters: list[exp.Expr]) -> exp.Expr | None:
    """``x -> …`` as an argument; a text behind the arrow makes it a path into JSON instead."""
    if len(parameters) == 1 and parser._curr is not None and parser._curr.token_type is TokenType.STRING:  # noqa: SLF001 - one token ahead
        parser._retreat(parser._index - 2)  # noqa: SLF001 - back to the name in front of the arrow
        return cast("exp.Expr | None", parser._parse_disjunction())  # noqa: SLF001 - as any other argument
    body = parser._parse_disjunction()  # noqa: SLF001 - what a lambda's body is
    if body is None or not all(isinstance(name, exp.Identifier) for name in parameters):
        parser.raise_error("lambda expressions are not supported")
    names = {name.name.lower() for name in parameters}
    for column in list(body.find_all(exp.Column)):
        if not column.table and column.name.lower() in names:
            if column is body:
                body = column.this
            else:
                column.replace(column.this)
    return exp.Lambda(this=body, expressions=parameters)


class _LoadExpressions(StarRocks):
    """sqlglot's StarRocks operators and literals, with no function known to it."""

    INDEX_OFFSET = 0

    class Tokenizer(StarRocks.Tokenizer):
        COMMANDS: ClassVar[set[Any]] = set()  # `replace(…)` at the start is a call like any other
        COMMENTS: ClassVar[list[Any]] = ["--", "#", ("/*", "*/")]

    class Parser(StarRocksParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: StarRocksParser.FUNCTION_PARSERS[name] for name in ("CAST", "TRY_CAST", "EXTRACT")
        }
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}
        NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            "CASE": StarRocksParser.NO_PAREN_FUNCTION_PARSERS["CASE"]
        }
        LAMBDAS: ClassVar[dict[Any, Any]] = {TokenType.ARROW: read_lambda}
        COLUMN_OPERATORS: ClassVar[dict[Any, Any]] = {TokenType.DOT: None, TokenType.ARROW: _json_arrow}


_DIALECT: Final = _LoadExpressions()


def parse_expression(text: str) -> exp.Expr:
    """Tree of a load expression in the shape this module promises.

    Raises StatementSyntaxError where it is no expression, AnalysisError where it is one that a load may not contain;
    positions count from the start of the text.
    """
    return _checked_nodes(text)[0][0]


def _checked_nodes(text: str) -> list[_Node]:
    """The tree's nodes, the whole tree first."""
    if len(text) > TEXT_MAX:
        raise AnalysisError(f"the expression has {len(text)} characters, at most {TEXT_MAX} are allowed")
    tokens = narrowed(_DIALECT.tokenizer(), text)
    if not tokens:
        raise StatementSyntaxError("an expression is missing")
    try:
        parsed = _DIALECT.parser().parse_into(exp.Condition, tokens, text)
        if len(parsed) != 1 or parsed[0] is None:
            raise StatementSyntaxError("this is not one expression")
        nodes = _with_depth(_normalised(parsed[0]))
        _check(nodes, text)
    except ParseError as error:
        raise _syntax_error(error, text, tokens) from None  # sqlglot quotes the text, which may hold a secret
    except RecursionError as error:
        raise AnalysisError(f"the expression is nested more than {NESTING_MAX} levels deep") from error
    return nodes


def read_expression(text: str, position: Position | None = None) -> Expression:
    """The island as a statement value: exact text and columns; ``position`` is where it begins in the statement."""
    try:
        nodes = _checked_nodes(text)
    except (AnalysisError, StatementSyntaxError) as error:
        raise type(error)(error.message, position=shifted(error.position, position)) from error
    return Expression(text=text, columns=_column_names(nodes), position=position)


def column_names(tree: exp.Expr) -> tuple[str, ...]:
    """Columns the tree reads, in order of appearance, once each (names compare case-insensitively)."""
    return _column_names(_with_depth(tree))


def _column_names(nodes: list[_Node]) -> tuple[str, ...]:
    names = [node.this for node, _ in nodes if type(node) is exp.Column]
    if len(names) > 1:
        names.sort(key=lambda name: name.meta.get("start", 0))
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.name.lower(), name.name)
    return tuple(first.values())


def function_names(tree: exp.Expr) -> tuple[str, ...]:
    """Functions the tree calls, in lower case, once each."""
    return tuple(dict.fromkeys(call.name.lower() for call in tree.find_all(exp.Anonymous)))


def check_functions(expression: Expression | exp.Expr | str, known: Collection[str]) -> None:
    """Raises AnalysisError naming the first unknown function and the nearest known one. ``known`` is in lower case."""
    tree = expression if isinstance(expression, exp.Expr) else parse_expression(_text(expression))
    position = expression.position if isinstance(expression, Expression) else None
    for name in function_names(tree):
        if name not in known:
            nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
            hint = f"; did you mean {nearest[0]}()?" if nearest else ""
            raise AnalysisError(f"No matching function with name: {name}{hint}", position=position)


def _text(expression: Expression | str) -> str:
    return expression if isinstance(expression, str) else expression.text


def shifted(inner: Position | None, outer: Position | None) -> Position | None:
    """A position inside a text that itself begins at ``outer``."""
    if inner is None or outer is None:
        return outer
    if inner.line == 1:
        return Position(outer.line, outer.column + inner.column - 1)
    return Position(outer.line + inner.line - 1, inner.column)


def _syntax_error(error: ParseError, text: str, tokens: list[Token]) -> StatementSyntaxError:
    """What sqlglot stumbled over; never a literal's contents, which may be a secret in a misplaced property."""
    details = error.errors[0] if error.errors else {}
    description = str(details.get("description") or "")
    line, column = details.get("line"), details.get("col")
    token = next((t for t in tokens if t.line == line and t.col == column), tokens[-1])
    position = position_in(text, token.start)
    if "lambda" in description:
        return StatementSyntaxError("lambda expressions are not supported", position=position)
    near = "a literal" if token.token_type is TokenType.STRING else f"'{text[token.start : token.end + 1]}'"
    return StatementSyntaxError(f"near {near}: this is not a complete expression", position=position)


def _normalised(tree: exp.Expr) -> exp.Expr:
    """The tree in the promised shape, rewritten from the leaves up."""
    for node, _ in reversed(_with_depth(tree)):
        if type(node) in _CONNECTORS:
            rewritten = _balanced(node)
        elif type(node) in _REWRITES or node.args.get("negate"):
            rewritten = _one_normalised(node)
        else:
            continue
        if rewritten is node:
            continue
        if node is tree:
            tree = rewritten
        else:
            node.replace(rewritten)
    return tree


def _balanced(node: exp.Expr) -> exp.Expr:
    """A long chain of one connector as a flat tree, so that hundreds of alternatives stay within DEPTH_MAX."""
    kind = type(node)
    if type(node.parent) is kind:
        return node
    operands: list[exp.Expr] = []
    link: exp.Expr = node
    while type(link) is kind:
        operands.append(link.args["expression"])
        link = link.args["this"]
    operands = [link, *reversed(operands)]
    if len(operands) <= _CHAIN_MAX:
        return node
    while len(operands) > 1:
        pairs = zip(operands[::2], operands[1::2], strict=False)
        left_over = operands[-1:] if len(operands) % 2 else []
        operands = [kind(this=left, expression=right) for left, right in pairs] + left_over
    return operands[0]


def _one_normalised(node: exp.Expr) -> exp.Expr:
    """A call in disguise becomes a call, a negated node a Not around the positive one."""
    rewrite = _REWRITES.get(type(node))
    positive = rewrite(node) if rewrite else node
    if node.args.get("negate"):
        positive = positive if positive is not node else node.copy()
        positive.set("negate", None)
        return exp.Not(this=positive)
    return positive


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _anonymous(node: exp.Expr) -> exp.Expr:
    """Name as text even where it was quoted; a leading unit is no column."""
    node.set("this", node.name)
    arguments = node.expressions
    if node.name.lower() in _UNIT_FIRST and arguments and isinstance(arguments[0], exp.Column):
        arguments[0].replace(exp.Var(this=arguments[0].name.upper()))
    elif (
        node.name.lower() in {"time_slice", "date_slice"}
        and len(arguments) == 3
        and isinstance(arguments[2], exp.Column)
    ):
        arguments[2].replace(exp.Var(this=arguments[2].name.upper()))
    return node


_REWRITES: Final[dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]]] = {
    exp.Anonymous: _anonymous,
    exp.Extract: lambda node: _call(node.this.name.lower(), node.expression),
    exp.RegexpLike: lambda node: _call("regexp", node.this, node.expression),
    exp.Array: lambda node: _call("array", *node.expressions),
    exp.Bracket: lambda node: _call("element_at", node.this, *node.expressions),
}


def _check(nodes: list[_Node], text: str) -> None:
    for node, depth in nodes:
        if depth > DEPTH_MAX:
            raise AnalysisError(f"the expression is more than {DEPTH_MAX} operations deep")
        reason = _refusal(node)
        if reason is not None:
            starts = [n.meta["start"] for n in node.walk() if "start" in n.meta]
            raise AnalysisError(reason, position=position_in(text, min(starts)) if starts else None)


def _refusal(node: exp.Expr) -> str | None:
    kind = type(node)
    if kind not in NODES:
        unsupported = f"{kind.__name__.upper()} is not allowed in a load expression"
        return _REFUSED_NODES.get(kind, unsupported)
    rule = _RULES.get(kind)
    return rule(node) if rule is not None else None


def _column_refusal(node: exp.Expr) -> str | None:
    if node.args.get("table"):
        return f"names in a load expression are plain column names, `{node.sql('mysql')}` is not"
    return None if isinstance(node.this, exp.Identifier) else "`*` is not allowed in a load expression"


def _in_refusal(node: exp.Expr) -> str | None:
    if node.args.get("query") or node.args.get("unnest") or node.args.get("field"):
        return "IN needs a list of values in parentheses"
    return None if node.expressions else "the list after IN is empty"


def _is_refusal(node: exp.Expr) -> str | None:
    allowed = isinstance(node.expression, (exp.Null, exp.Boolean))
    return None if allowed else "IS is followed by [NOT] NULL, TRUE or FALSE"


def _lambda_refusal(node: exp.Expr) -> str | None:
    is_argument = isinstance(node.parent, exp.Anonymous)
    return None if is_argument else "a lambda expression is only allowed as the argument of a function"


def _call_refusal(node: exp.Expr) -> str | None:
    name = node.name.lower()
    if name in _AGGREGATES:
        return f"aggregate function {node.name}() is not allowed in a load expression"
    if name in _TABLE_FUNCTIONS:
        return f"table function {node.name}() is not allowed in a load expression"
    return None


_RULES: Final[dict[type[exp.Expr], Callable[[exp.Expr], str | None]]] = {
    exp.Column: _column_refusal,
    exp.In: _in_refusal,
    exp.Is: _is_refusal,
    exp.Anonymous: _call_refusal,
    exp.Lambda: _lambda_refusal,
}


def _with_depth(tree: exp.Expr) -> list[_Node]:
    """Nodes with their depth, a node before what is in it, without recursion."""
    found: list[_Node] = []
    waiting: list[_Node] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        found.append((node, depth))
        if type(node) in _LEAVES:
            continue
        for value in node.args.values():
            if isinstance(value, exp.Expr):
                waiting.append((value, depth + 1))
            elif isinstance(value, list):
                waiting += [(each, depth + 1) for each in value if isinstance(each, exp.Expr)]
    return found
