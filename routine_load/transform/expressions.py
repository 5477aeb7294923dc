"""A load expression's tree → DuckDB SQL that means what the vendor means.

Nothing of the user's text reaches DuckDB as it stands: columns become the names they are bound to, literals are written
anew, functions come from the registry. Kinds are followed through the tree, so that implicit casts happen where the
vendors make them: text that meets a number is read as a double, text that meets a moment as a moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from sqlglot import exp

from routine_load.errors import AnalysisError
from routine_load.sql.expressions import check_functions, function_names
from routine_load.transform.casts import cast, type_of
from routine_load.transform.functions import FUNCTIONS, KNOWN_FUNCTIONS, LAMBDAS
from routine_load.transform.functions_periods import slice_unit, sliced
from routine_load.transform.functions_time import TIME, shift
from routine_load.transform.lambdas import OPTIONAL, Lambda, Scope, higher_order
from routine_load.transform.operators import arithmetic, as_kind, comparison, duck_kind
from routine_load.transform.refused import REFUSED
from routine_load.transform.registry import Context, common_kind
from routine_load.transform.typed import Kind, Typed, derived, quoted, text_literal

_LARGEST = 2**127 - 1
_SLICES = {"time_slice": "FLOOR", "date_slice": "FLOOR", "date_floor": "FLOOR", "date_ceil": "CEIL"}


class Translator:
    """Translates trees over one scope of columns. ``columns`` maps lower-case names to what they are bound to."""

    def __init__(
        self, columns: Mapping[str, Typed], context: Context, parameters: Mapping[str, Typed] | None = None
    ) -> None:
        self._columns = columns
        self._context = context
        self._parameters = parameters or {}

    def translate(self, tree: exp.Expr) -> Typed:
        """SQL of the tree. Raises AnalysisError for an unknown column, function or a wrong use of one."""
        for name in function_names(tree):
            if name in REFUSED:
                raise AnalysisError(f"No matching function with name: {name}: {REFUSED[name]}")
        check_functions(tree, KNOWN_FUNCTIONS)
        return self._node(tree)

    def condition(self, tree: exp.Expr, *, strictly: bool = False) -> Typed:
        """SQL of the tree as a condition: NULL counts as false. Strictly: raises AnalysisError where it is a value."""
        given = self.translate(tree)
        if strictly and given.kind not in (Kind.BOOL, Kind.NULL):
            raise AnalysisError("it is a value, not a condition")
        value = self._as(given, Kind.BOOL)
        return derived(f"coalesce({value.sql}, false)", Kind.BOOL, value)

    def part(self, tree: exp.Expr) -> Typed:
        """SQL of a tree that is part of one whose functions were looked at."""
        return self._node(tree)

    def _node(self, node: exp.Expr) -> Typed:
        if isinstance(node, exp.Identifier):
            return self.parameter(node)
        rule = RULES.get(type(node))
        if rule is None:
            raise AnalysisError(f"{type(node).__name__.upper()} is not allowed in a load expression")
        return rule(self, node)

    def _as(self, value: Typed, kind: Kind) -> Typed:
        return as_kind(value, kind, self._context)

    def _bound(self, value: Typed) -> Typed:
        return self._context.stages.bind(value)

    def column(self, node: exp.Expr) -> Typed:
        found = self._columns.get(node.name.lower())
        if found is None:
            raise AnalysisError(f"Column '{node.name}' cannot be resolved")
        return self._noted(found)

    def parameter(self, node: exp.Expr) -> Typed:
        """A name inside a lambda expression that stands for an element."""
        return self._noted(self._parameters[node.name.lower()])

    def _noted(self, value: Typed) -> Typed:
        if isinstance(self._context.stages, Scope):
            self._context.stages.note(value.level)
        return value

    def literal(self, node: exp.Literal) -> Typed:
        text = str(node.this)
        if node.is_string:
            if "\x00" in text:
                raise AnalysisError("a text literal cannot hold the character NUL")
            return text_literal(text)
        number = Decimal(text)
        if not number.is_finite() or abs(number.adjusted()) > 400:
            raise AnalysisError(f"the number {text[:60]} is out of range")
        if number == number.to_integral_value() and "." not in text and "e" not in text.lower():
            if number > _LARGEST:
                raise AnalysisError(f"the number {text[:60]} is out of range")
            kind = Kind.INT if number < 2**63 else Kind.LARGEINT
            return Typed(f"{int(number)}::{kind.value}", kind, atomic=True, literal=text)
        digits = format(number, "f")
        if "e" not in text.lower() and len(digits) <= 36:
            return Typed(f"({digits})", Kind.DECIMAL, atomic=True, literal=text)
        return Typed(f"({float(number)!r}::DOUBLE)", Kind.DOUBLE, atomic=True, literal=text)

    def null(self, _: exp.Expr) -> Typed:
        return Typed("NULL", Kind.NULL, atomic=True)

    def boolean(self, node: exp.Boolean) -> Typed:
        return Typed("true" if node.this else "false", Kind.BOOL, atomic=True)

    def paren(self, node: exp.Paren) -> Typed:
        return self._node(node.this)

    def call(self, node: exp.Anonymous) -> Typed:
        name = node.name.lower()
        if name in {"timestampdiff", "timestampadd"}:
            return self._unit_first(name, node)
        if name in _SLICES:
            return self._sliced(name, node)
        if name in {"date_add", "date_sub", "adddate", "subdate"} and len(node.expressions) == 2:
            interval = node.expressions[1]
            if isinstance(interval, exp.Interval):
                return self._shifted(node.expressions[0], interval, back=name in {"date_sub", "subdate"})
        functions = [argument for argument in node.expressions if isinstance(argument, exp.Lambda)]
        if name in LAMBDAS or functions:
            return self._higher_order(name, functions, node)
        return self.apply(name, [self._node(argument) for argument in node.expressions])

    def _higher_order(self, name: str, functions: list[exp.Lambda], node: exp.Anonymous) -> Typed:
        """A call with a lambda expression, wherever among the arguments it stands."""
        if len(functions) > 1 or name not in LAMBDAS | OPTIONAL:
            raise AnalysisError(f"No matching function with signature: {name} takes no lambda expression here")
        values = [self._node(argument) for argument in node.expressions if not isinstance(argument, exp.Lambda)]
        return higher_order(name, self._lambda(functions[0]) if functions else None, values, self._context)

    def _lambda(self, node: exp.Lambda) -> Lambda:
        names = [name.name.lower() for name in node.expressions]

        def body(scope: Scope, values: Sequence[Typed]) -> Typed:
            inner = {**self._parameters, **dict(zip(names, values, strict=True))}
            return Translator(self._columns, replace(self._context, stages=scope), inner).part(node.this)

        return Lambda(len(names), body)

    def apply(self, name: str, given: list[Typed]) -> Typed:
        """A registered function on translated arguments."""
        function = FUNCTIONS[name]
        least, most = function.arity
        if not least <= len(given) <= most:
            allowed = str(least) if least == most else f"{least} to {most}"
            raise AnalysisError(
                f"No matching function with signature: {name} takes {allowed} arguments, not {len(given)}"
            )
        args = [self._argument(value, function.letter(index)) for index, value in enumerate(given)]
        result = function.result if isinstance(function.result, Kind) else function.result(args)
        if result is not Kind.BOOL and not isinstance(function.result, Kind):
            # Branches become one kind before the function sees them.
            args = [self._branch(a, result, args) if function.letter(i) == "A" else a for i, a in enumerate(args)]
        if function.repeats:
            args = [self._bound(arg) for arg in args]
        if callable(function.body):
            made = function.body(args, self._context)
            return made if isinstance(made, Typed) else derived(f"({made})", result, *args, item=_item(args))
        return derived(f"({function.body.format(*(arg.sql for arg in args))})", result, *args)

    def _branch(self, value: Typed, kind: Kind, branches: list[Typed]) -> Typed:
        """One of the values of which one is chosen: all become one kind, arrays have elements of one kind."""
        if kind is not Kind.ARRAY:
            return self._as(value, kind)
        if len({branch.item for branch in branches if branch.kind is Kind.ARRAY}) > 1:
            raise AnalysisError("the arrays have elements of different kinds")
        item = _item(branches)
        if value.kind is Kind.NULL:
            return Typed(f"CAST(NULL AS {duck_kind(item)}[])", kind, atomic=True, item=item)
        return value

    def _argument(self, value: Typed, letter: str) -> Typed:
        if letter in {"A", "F"}:
            return value
        if letter == "N":
            return value if value.kind.is_number else self._as(value, Kind.DOUBLE)
        return self._as(value, _LETTERS[letter])

    def _unit_first(self, name: str, node: exp.Anonymous) -> Typed:
        if len(node.expressions) != 3 or not isinstance(node.expressions[0], exp.Var):
            raise AnalysisError(f"{name} takes a unit and two arguments")
        unit = node.expressions[0].name
        first, second = (self._node(argument) for argument in node.expressions[1:])
        if name == "timestampdiff":
            difference = f"{unit.lower()}s_diff"
            if difference not in TIME.functions:
                raise AnalysisError(f"timestampdiff: the unit {unit} is not supported")
            return self.apply(difference, [second, first])
        return self._shift_by(second, first, unit, back=False)

    def _sliced(self, name: str, node: exp.Anonymous) -> Typed:
        """``time_slice(moment, INTERVAL n unit[, floor | ceil])`` and Doris' date_floor and date_ceil."""
        arguments, ends = list(node.expressions), {"FLOOR": False, "CEIL": True}
        interval = arguments[1] if len(arguments) > 1 else None
        boundary = arguments[2].name.upper() if len(arguments) == 3 else _SLICES[name]
        if not isinstance(interval, exp.Interval) or len(arguments) > 3 or boundary not in ends:
            raise AnalysisError(f"{name} takes a time, an INTERVAL and, if you like, FLOOR or CEIL")
        if interval.args.get("unit") is None or interval.this is None:
            raise AnalysisError("INTERVAL needs a number and a unit")
        unit = slice_unit(interval.args["unit"].name, name)
        if name == "date_slice" and unit in {"HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND"}:
            raise AnalysisError("can't use date_slice for date with time(hour/minute/second)")
        moment = self._bound(self._as(self._node(arguments[0]), Kind.DATETIME))
        count = self._bound(self._as(self._node(interval.this), Kind.INT))
        made = sliced(moment, count, unit, ends[boundary], self._context)
        return self._as(made, Kind.DATE) if name == "date_slice" else made

    def _shifted(self, moment: exp.Expr, interval: exp.Interval, *, back: bool) -> Typed:
        unit = interval.args.get("unit")
        if unit is None or interval.this is None:
            raise AnalysisError("INTERVAL needs a number and a unit")
        return self._shift_by(self._node(moment), self._node(interval.this), unit.name, back=back)

    def _shift_by(self, moment: Typed, count: Typed, unit: str, *, back: bool) -> Typed:
        args = [self._bound(self._as(moment, Kind.DATETIME)), self._bound(self._as(count, Kind.INT))]
        made = shift(unit, back=back)(args, self._context)
        assert isinstance(made, str)
        return derived(made, Kind.DATETIME, *args)

    def binary(self, node: exp.Binary) -> Typed:
        """Arithmetic, and moments shifted by intervals."""
        if isinstance(node, exp.Add | exp.Sub) and isinstance(node.expression, exp.Interval):
            return self._shifted(node.this, node.expression, back=isinstance(node, exp.Sub))
        if isinstance(node, exp.Add) and isinstance(node.this, exp.Interval):
            return self._shifted(node.expression, node.this, back=False)
        return arithmetic(type(node), self._node(node.this), self._node(node.expression), self._context)

    def compare(self, node: exp.Binary) -> Typed:
        return comparison(type(node), self._node(node.this), self._node(node.expression), self._context)

    def connect(self, node: exp.Binary) -> Typed:
        left, right = self._as(self._node(node.this), Kind.BOOL), self._as(self._node(node.expression), Kind.BOOL)
        if isinstance(node, exp.Xor):
            return derived(f"({left.sql} <> {right.sql})", Kind.BOOL, left, right)
        return derived(
            f"({left.sql} {'AND' if isinstance(node, exp.And) else 'OR'} {right.sql})", Kind.BOOL, left, right
        )

    def negate(self, node: exp.Not) -> Typed:
        value = self._as(self._node(node.this), Kind.BOOL)
        return derived(f"(NOT {value.sql})", Kind.BOOL, value)

    def minus(self, node: exp.Neg) -> Typed:
        value = self._node(node.this)
        if value.literal is not None and value.kind is Kind.DOUBLE:
            return Typed(f"(-{value.sql})", value.kind, atomic=True)
        zero = Typed("0::BIGINT", Kind.INT, atomic=True)
        made = arithmetic(exp.Sub, zero, value, self._context)
        literal = f"-{value.literal}" if value.literal is not None else None
        return Typed(made.sql, made.kind, made.level, atomic=value.literal is not None, literal=literal)

    def invert(self, node: exp.BitwiseNot) -> Typed:
        value = self._as(self._node(node.this), Kind.INT)
        return derived(f"(~{value.sql})", Kind.INT, value)

    def case(self, node: exp.Case) -> Typed:
        branches = [self._node(branch.args["true"]) for branch in node.args["ifs"]]
        default = node.args.get("default")
        last = self._node(default) if default is not None else self.null(node)
        kind = common_kind([*branches, last])
        subject = self._bound(self._node(node.this)) if node.this is not None else None
        parts: list[Typed] = []
        text = "CASE"
        for branch, value in zip(node.args["ifs"], branches, strict=True):
            test = self._node(branch.this)
            test = comparison(exp.EQ, subject, test, self._context) if subject else self._as(test, Kind.BOOL)
            result = self._as(value, kind)
            parts += [test, result]
            text += f" WHEN {test.sql} THEN {result.sql}"
        last = self._as(last, kind)
        return derived(f"({text} ELSE {last.sql} END)", kind, *parts, last)

    def cast(self, node: exp.Cast) -> Typed:
        return cast(self._bound(self._node(node.this)), type_of(node.args["to"]), self._context)

    def is_in(self, node: exp.In) -> Typed:
        subject = self._bound(self._node(node.this))
        tests = [comparison(exp.EQ, subject, self._node(item), self._context) for item in node.expressions]
        return derived("(" + " OR ".join(test.sql for test in tests) + ")", Kind.BOOL, *tests)

    def between(self, node: exp.Between) -> Typed:
        subject = self._bound(self._node(node.this))
        low = comparison(exp.GTE, subject, self._node(node.args["low"]), self._context)
        high = comparison(exp.LTE, subject, self._node(node.args["high"]), self._context)
        return derived(f"({low.sql} AND {high.sql})", Kind.BOOL, low, high)

    def like(self, node: exp.Like) -> Typed:
        subject, pattern = self._as(self._node(node.this), Kind.TEXT), self._as(self._node(node.expression), Kind.TEXT)
        # A pattern that ends in its escape character is no pattern: TRY makes it NULL.
        return derived(f"TRY({subject.sql} LIKE {pattern.sql} ESCAPE {quoted(chr(92))})", Kind.BOOL, subject, pattern)

    def is_(self, node: exp.Is) -> Typed:
        value = self._node(node.this)
        if isinstance(node.expression, exp.Null):
            return derived(f"({value.sql} IS NULL)", Kind.BOOL, value)
        test = self._as(value, Kind.BOOL)
        return derived(f"({test.sql} IS {'TRUE' if node.expression.this else 'FALSE'})", Kind.BOOL, test)


def _item(values: list[Typed]) -> Kind:
    """What the elements of the first array are."""
    return next((value.item for value in values if value.kind is Kind.ARRAY), Kind.TEXT)


_LETTERS = {
    "T": Kind.TEXT,
    "I": Kind.INT,
    "D": Kind.DOUBLE,
    "m": Kind.DATETIME,
    "d": Kind.DATE,
    "B": Kind.BOOL,
    "J": Kind.JSON,
    "G": Kind.LARGEINT,
    "L": Kind.ARRAY,
    "K": Kind.MAP,
    "b": Kind.BITMAP,
    "h": Kind.HLL,
    "q": Kind.QUANTILE,
    "Y": Kind.BYTES,
}
RULES: dict[type[exp.Expr], Callable[..., Typed]] = {
    exp.Column: Translator.column,
    exp.Literal: Translator.literal,
    exp.Null: Translator.null,
    exp.Boolean: Translator.boolean,
    exp.Paren: Translator.paren,
    exp.Anonymous: Translator.call,
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod), Translator.binary),
    **dict.fromkeys((exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor), Translator.binary),
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ), Translator.compare),
    **dict.fromkeys((exp.And, exp.Or, exp.Xor), Translator.connect),
    exp.Not: Translator.negate,
    exp.Neg: Translator.minus,
    exp.BitwiseNot: Translator.invert,
    exp.Case: Translator.case,
    exp.Cast: Translator.cast,
    exp.TryCast: Translator.cast,
    exp.In: Translator.is_in,
    exp.Between: Translator.between,
    exp.Like: Translator.like,
    exp.Is: Translator.is_,
}
