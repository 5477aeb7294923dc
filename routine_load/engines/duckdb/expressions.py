"""Expressions of queries in the vendors' meaning: the one that load expressions have, from the same registry.

The largest parts of a query that are plain expressions over values of known kind (columns of tables and subqueries,
literals, aggregates, …) are written by the load expressions' translator. What it does not know, or what it is not known
of which kind it is, stays as it is and is left to ``meanings``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from routine_load.engines.duckdb.kinds import ITEM, KIND, Kinds
from routine_load.engines.duckdb.state_queries import aggregate
from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.transform import KNOWN_FUNCTIONS
from routine_load.transform.convert import nested_text
from routine_load.transform.expressions import RULES, Translator
from routine_load.transform.functions import FUNCTIONS, LAMBDAS
from routine_load.transform.lambdas import Lambda, Scope
from routine_load.transform.operators import as_kind
from routine_load.transform.registry import Context
from routine_load.transform.typed import Kind, Stages, Typed, derived

_INLINE_MAX = 200
_LEVELS_MAX = 9
"""Each level is a lambda inside a lambda, which DuckDB binds in time that doubles."""
_UNIT_FIRST = {"timestampdiff", "timestampadd"}
_LEAVES = (exp.Identifier, exp.Column, exp.Literal, exp.Null, exp.Boolean)
_CONNECTORS = (exp.And, exp.Or, exp.Not, exp.Paren)
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.In, exp.Between)
_OF_ANY_TYPE = {"if", "ifnull", "nvl", "coalesce", "nullif", "greatest", "least"}
_OF_NUMBERS = {"abs", "round", "truncate", "floor", "ceil", "ceiling", "mod", "fmod"}
_MOMENTS = (Kind.DATE, Kind.DATETIME)
_STATES = {"b": Kind.BITMAP, "h": Kind.HLL, "q": Kind.QUANTILE}
_READABLE = set("TIDmdBJ")
_READERS = {"unix_timestamp", "to_date", "date", "hex", "isnull", "isnotnull"}
_NULL = Typed("NULL", Kind.NULL, atomic=True)
NATIVE_ARITIES: dict[str, set[int]] = {"now": {1}, "current_timestamp": {1}, "lpad": {2}, "rpad": {2}}
"""Calls that a query may make beyond those of load expressions: now(6), lpad(a, 3)."""

SHARED_FUNCTIONS = KNOWN_FUNCTIONS - {"curtime", "current_time"}
"""Functions of queries whose meaning is that of load expressions; a query answers the time of day with a TIME."""


class _UnknownKind(AnalysisError):
    """The translator met a value of which it is not known what it is."""


class Lets(Stages):
    """Names for what is used more than once, where there is no SELECT of one's own: parameters of lambdas."""

    def __init__(self) -> None:
        super().__init__()
        self._levels: list[list[str]] = []

    def bind(self, value: Typed) -> Typed:
        if value.atomic:
            return value
        if len(value.sql) <= _INLINE_MAX:
            return replace(value, sql=f"({value.sql})", atomic=True)
        return self.named(value)

    def named(self, value: Typed) -> Typed:
        """A field of its level's structure; a level sees those before it."""
        if value.level >= _LEVELS_MAX:
            raise AnalysisError("The functions are nested too deeply; compute the inner ones in a subquery")
        while len(self._levels) <= value.level:
            self._levels.append([])
        fields = self._levels[value.level]
        name = f"f{len(fields)}"
        fields.append(f"'{name}': {value.sql}")
        sql = f"struct_extract(__rl_{value.level}, '{name}')"
        return replace(value, sql=sql, level=value.level + 1, atomic=True)

    def around(self, sql: str) -> str:
        """SQL with the names it uses."""
        for level, fields in reversed(list(enumerate(self._levels))):
            sql = f"list_transform([{{{', '.join(fields)}}}], lambda __rl_{level}: {sql})[1]"
        return sql


class QueryExpressions:
    """Rewrites one statement's tree in place. ``finish`` gives a part that is no matter of this module its meaning."""

    def __init__(self, kinds: Kinds, compat: Compat, timezone: str, finish: Callable[[exp.Expr], exp.Expr]) -> None:
        self._kinds = kinds
        self.finish = finish
        self._compat = compat
        self._timezone = timezone

    def rewrite(self, node: exp.Expr) -> None:
        """Replace the largest parts below ``node`` that are expressions of known kinds."""
        for child in list(node.iter_expressions()):
            if isinstance(child, exp.EQ) and isinstance(node, exp.Update) and child.arg_key == "expressions":
                self.rewrite(child)  # SET column = value
                continue
            made = self._made(child)
            if made is not None:
                child.replace(made)
            else:
                self.rewrite(child)

    def _made(self, node: exp.Expr) -> exp.Expr | None:
        if not self._wanted(node):
            return None
        lets = Lets()
        context = Context(compat=self._compat, zone=self._timezone, stages=lets)
        try:
            value = _Translator(self, self._kinds, context, lets).translate_part(node)
        except _UnknownKind:
            return None
        sql = lets.around(value.sql)
        made = exp.Var(this=f"CAST({sql} AS JSON)" if value.kind is Kind.JSON else f"({sql})")
        made.meta[KIND] = value.kind.value
        if value.kind is Kind.ARRAY:
            made.meta[ITEM] = value.item.value
        return made

    def _wanted(self, node: exp.Expr) -> bool:  # noqa: PLR0911 - a list of rules
        """Whether the vendors' meaning may differ from DuckDB's."""
        if isinstance(node, _LEAVES + _CONNECTORS) or (type(node) not in RULES and not _is_call(node)):
            return False
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
            return False
        if isinstance(node, _COMPARISONS):
            return not self._alike([child for child in node.iter_expressions() if isinstance(child, exp.Expr)])
        if isinstance(node, exp.Like):
            pattern = node.expression
            known = isinstance(pattern, exp.Literal) and "\\" not in pattern.name
            return not (known and self._kinds.of(node.this) is Kind.TEXT)
        name = _name(node)
        if name in _OF_ANY_TYPE:
            first = 1 if name == "if" else 0
            return not self._alike(_arguments(node)[first:]) or (name == "if" and not self._is_bool(node))
        if name in _OF_NUMBERS:
            kinds = [self._kinds.of(argument) for argument in _arguments(node)]
            return any(kind in {Kind.TEXT, Kind.JSON, *_MOMENTS} for kind in kinds)
        return True

    def _is_bool(self, node: exp.Expr) -> bool:
        return self._kinds.of(_arguments(node)[0]) is Kind.BOOL if _arguments(node) else True

    def _alike(self, nodes: list[exp.Expr]) -> bool:
        """Values that DuckDB compares and mixes as the vendors do: of one kind, or all numbers."""
        kinds = {self._kinds.of(node) for node in nodes} - {Kind.NULL}
        return len(kinds) <= 1 or all(kind is not None and kind.is_number for kind in kinds)


class _Translator(Translator):
    """The load expressions' translator over parts of a query."""

    def __init__(
        self,
        owner: QueryExpressions,
        kinds: Kinds,
        context: Context,
        lets: Lets,
        parameters: Mapping[str, Typed] | None = None,
    ) -> None:
        super().__init__({}, context, parameters)
        self._owner = owner
        self._kinds = kinds
        self._lets = lets
        self._whole: exp.Expr | None = None

    def translate_part(self, node: exp.Expr) -> Typed:
        self._whole = node
        return self._node(node)

    def _node(self, node: exp.Expr) -> Typed:
        made = node.meta.get(KIND)
        if made is not None:
            return self._leaf(node)
        if node.args.get("negate"):
            value = self._rule(node)
            return derived(f"(NOT {value.sql})", Kind.BOOL, value)
        value = self._rule(node)
        if value.kind is Kind.OTHER and node is not self._whole:
            raise _UnknownKind(node.key)  # an element of a column's array: DuckDB knows what it is
        return value

    def _rule(self, node: exp.Expr) -> Typed:
        if isinstance(node, exp.Column | exp.Identifier):
            return self.column(node) if isinstance(node, exp.Column) else self.parameter(node)
        if isinstance(node, exp.Cast | exp.TryCast):
            return self._cast_of(node)
        if isinstance(node, exp.In) and not node.expressions:
            return self._leaf(node)
        call = _as_call(node)
        if call is not None:
            return self._call_of(call)
        if type(node) in RULES and not isinstance(node, exp.Anonymous):
            return super()._node(node)
        return self._leaf(node)

    def column(self, node: exp.Expr) -> Typed:
        kind = self._known(node)
        sql = _sql(node)
        return Typed(
            f"CAST({sql} AS VARCHAR)" if kind is Kind.JSON else sql, kind, atomic=True, item=self._kinds.item(node)
        )

    def parameter(self, node: exp.Expr) -> Typed:
        if node.name.lower() not in self._parameters:
            raise _UnknownKind(node.name)  # its lambda could not be written
        return super().parameter(node)

    def _lambda(self, node: exp.Lambda) -> Lambda:
        names = [name.name.lower() for name in node.expressions]

        def body(scope: Scope, values: Sequence[Typed]) -> Typed:
            inner = {**self._parameters, **dict(zip(names, values, strict=True))}
            context = replace(self._context, stages=scope)
            return _Translator(self._owner, self._kinds, context, self._lets, inner).part(node.this)

        return Lambda(len(names), body)

    def _call_of(self, call: exp.Anonymous) -> Typed:
        name = call.name.lower()
        function = FUNCTIONS.get(name)
        if name in LAMBDAS or any(isinstance(argument, exp.Lambda) for argument in call.expressions):
            return self.call(call)  # arguments of unknown kind leave it to nobody: ``meanings`` has no lambdas
        if function is None or any(isinstance(argument, exp.Interval) for argument in call.expressions):
            return self.call(call)
        if name in NATIVE_ARITIES and len(call.expressions) in NATIVE_ARITIES[name]:
            raise _UnknownKind(name)
        if len(call.expressions) > function.arity[1]:
            return self.apply(name, [_NULL] * len(call.expressions))  # says what it takes
        given = [self._given(node, name, function.letter(i)) for i, node in enumerate(call.expressions)]
        return self.apply(name, given)

    def _given(self, node: exp.Expr, name: str, letter: str) -> Typed:
        """An argument; of unknown kind it is read as its text, where the function says what it is to be."""
        try:
            return self._node(node)
        except _UnknownKind:
            if self._parameters and any(i.name.lower() in self._parameters for i in _free(node)):
                raise
            if letter in _STATES:
                self._owner.rewrite(node)
                return self._noted(self._lets.named(Typed(_sql(node), _STATES[letter])))
            if letter not in _READABLE and name not in _READERS:
                raise
        self._owner.rewrite(node)
        return self._noted(self._lets.named(self._text_of(node)))

    def _text_of(self, node: exp.Expr) -> Typed:
        """A value of which the translator knows no more than how it is printed."""
        kind, sql = self._kinds.of(node), _sql(self._owner.finish(node.copy()))
        if kind in {Kind.MAP, Kind.STRUCT}:
            return Typed(f"({nested_text(sql, kind, self._context.compat)})", Kind.TEXT)
        return Typed(f"CAST({sql} AS VARCHAR)", Kind.TEXT)

    def _cast_of(self, node: exp.Cast) -> Typed:
        if self._kinds.of(node.this) in {Kind.MAP, Kind.STRUCT} and self._kinds.of(node) is Kind.TEXT:
            return self._text_of(node.this)
        try:
            value = self.cast(node)
        except _UnknownKind:
            raise
        except AnalysisError as cause:
            raise _UnknownKind(str(cause)) from cause
        if value.kind is Kind.TEXT:
            return as_kind(self._lets.bind(self._node(node.this)), Kind.TEXT, self._context)
        return value

    def _leaf(self, node: exp.Expr) -> Typed:
        """A value that is computed elsewhere: an aggregate, a window, a subquery, a function of DuckDB."""
        if isinstance(node, exp.Anonymous) and aggregate(node) is None:
            raise _UnknownKind(node.key)  # left to ``meanings``
        kind = self._known(node)
        self._owner.rewrite(node)
        sql = _sql(aggregate(node) or node)
        return self._noted(
            self._lets.named(Typed(f"CAST({sql} AS VARCHAR)" if kind is Kind.JSON else sql, kind, item=Kind.OTHER))
        )

    def _known(self, node: exp.Expr) -> Kind:
        kind = self._kinds.of(node)
        if kind is None or kind in {Kind.OTHER, Kind.MAP, Kind.STRUCT}:
            raise _UnknownKind(node.key)
        return kind


def _free(node: exp.Expr) -> list[exp.Identifier]:
    """Identifiers that may be parameters of a lambda: they are in no column's name."""
    return [i for i in node.find_all(exp.Identifier) if not isinstance(i.parent, exp.Column)]


def _is_call(node: exp.Expr) -> bool:
    return _as_call(node) is not None


def _name(node: exp.Expr) -> str:
    call = _as_call(node)
    return call.name.lower() if call is not None else ""


def _arguments(node: exp.Expr) -> list[exp.Expr]:
    call = _as_call(node)
    return list(call.expressions) if call is not None else []


def _as_call(node: exp.Expr) -> exp.Anonymous | None:  # noqa: PLR0911, C901 - a table of spellings
    """A shared function's call in the shape that load expressions have; None for everything else.

    Arguments are not copied out of the tree: where they stand decides what their names mean.
    """
    match node:
        case exp.Anonymous() if node.name.lower() in _UNIT_FIRST and len(node.expressions) == 3:
            return _call(node.name, exp.Var(this=node.expressions[0].name.upper()), *node.expressions[1:])
        case exp.Anonymous() if node.name.lower() in SHARED_FUNCTIONS:
            return node
        case exp.If() if node.arg_key != "ifs" and node.args.get("false") is not None:
            return _call("if", node.this, node.args["true"], node.args["false"])
        case exp.Array():
            return _call("array", *node.expressions)
        case exp.StrPosition() if not node.args.get("occurrence"):
            return _call("locate", node.args.get("substr"), node.this, node.args.get("position"))
        case exp.Substring():
            return _call("substring", node.this, node.args.get("start"), node.args.get("length"))
        case exp.Trim():
            side = str(node.args.get("position") or "").lower()
            return _call({"leading": "ltrim", "trailing": "rtrim"}.get(side, "trim"), node.this, node.expression)
        case exp.Ceil() | exp.Floor() if not node.args.get("decimals"):
            return _call(node.key, node.this)
        case exp.Extract() if node.this.name.lower() in FUNCTIONS:
            return _call(node.this.name.lower(), node.expression)
        case exp.RegexpLike():
            return _call("regexp", node.this, node.expression)
        case exp.CurrentDate() if not node.this:
            return _call("current_date")
        case exp.CurrentTimestamp() | exp.Localtime() | exp.Localtimestamp() if not node.this:
            return _call("now")
    return None


def _call(name: str, *arguments: exp.Expr | None) -> exp.Anonymous:
    call = exp.Anonymous(this=name)
    # Set without taking the arguments away from their parent.
    call.args["expressions"] = [argument for argument in arguments if argument is not None]
    return call


def _sql(node: exp.Expr) -> str:
    return node.sql(dialect="duckdb", identify=True, comments=False)
