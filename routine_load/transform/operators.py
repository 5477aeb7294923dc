"""Operators on values of different kinds: which cast the vendors make, and what an impossible result is (NULL)."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from routine_load.errors import AnalysisError
from routine_load.transform.convert import nested_text, text_to_bool, text_to_double, text_to_integer, to_text
from routine_load.transform.moments import text_to_date, text_to_datetime
from routine_load.transform.registry import Context, common_kind
from routine_load.transform.typed import Kind, Typed, derived, quoted

_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Mod: "%"}
_BITS: dict[type[exp.Expr], str] = {
    exp.BitwiseAnd: "{0} & {1}",
    exp.BitwiseOr: "{0} | {1}",
    exp.BitwiseXor: "xor({0}, {1})",
}
_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
}


def as_kind(value: Typed, kind: Kind, context: Context) -> Typed:
    """The value seen as another kind, by the vendors' implicit cast; what cannot be is NULL."""
    if value.kind is kind:
        return value
    if value.kind is Kind.NULL:
        return Typed(f"CAST(NULL AS {duck_kind(kind)})", kind, atomic=True)
    _check_kinds(value.kind, kind)
    bound = context.stages.bind(value)
    if value.kind.is_nested and kind is Kind.TEXT:
        return derived(f"({nested_text(bound.sql, value.kind, context.compat)})", kind, bound)
    if kind is Kind.TEXT:
        return Typed(f"({to_text(bound.sql, value.kind)})", kind, bound.level, literal=value.literal)
    if value.kind is Kind.JSON:
        bound = context.stages.bind(derived(f"({to_text(bound.sql, Kind.JSON)})", Kind.TEXT, bound))
    from_ = _from_text(bound.sql, kind, context) if bound.kind is Kind.TEXT else _from_other(bound, kind, context)
    return derived(f"({from_})", kind, bound)


def _check_kinds(given: Kind, wanted: Kind) -> None:
    if wanted.is_state or given.is_state:
        raise AnalysisError(f"a value of kind {given.name} cannot be used as {wanted.name}")
    if Kind.BYTES in {given, wanted} and Kind.TEXT not in {given, wanted}:
        raise AnalysisError(f"a value of kind {given.name} cannot be used as {wanted.name}")
    if wanted.is_nested:
        raise AnalysisError(f"{'an array' if wanted is Kind.ARRAY else 'a map'} is needed here")
    as_text = wanted in {Kind.TEXT, Kind.JSON} if given.is_nested else wanted is Kind.TEXT
    if wanted is Kind.OTHER or ((given.is_nested or given is Kind.OTHER) and not as_text):
        raise AnalysisError(f"a value of kind {given.name} cannot be used as {wanted.name}")


def arithmetic(operator: type[exp.Expr], left: Typed, right: Typed, context: Context) -> Typed:
    """``+ - * / % DIV & | ^``. A text operand is a double; overflow and division by zero are NULL."""
    if operator in _BITS:
        left, right = as_kind(left, Kind.INT, context), as_kind(right, Kind.INT, context)
        return derived(f"({_BITS[operator].format(left.sql, right.sql)})", Kind.INT, left, right)
    kind = common_kind([_as_number(left), _as_number(right)])
    if operator is exp.IntDiv:
        kind = Kind.INT
    elif operator is exp.Div:
        kind = Kind.DOUBLE
    elif not kind.is_number:
        kind = Kind.INT if kind is Kind.BOOL else Kind.DOUBLE
    left, right = as_kind(left, kind, context), as_kind(right, kind, context)
    if operator is exp.IntDiv:
        return derived(f"TRY({left.sql} // nullif({right.sql}, 0))", kind, left, right)
    if operator is exp.Div:
        return derived(f"({left.sql} / nullif({right.sql}, 0))", kind, left, right)
    if kind is Kind.INT:
        # A narrow column's own type would overflow where the vendors' arithmetic does not.
        left, right = _as_bigint(left), _as_bigint(right)
    divisor = f"nullif({right.sql}, 0)" if operator is exp.Mod else right.sql
    return derived(f"TRY({left.sql} {_ARITHMETIC[operator]} {divisor})", kind, left, right)


def comparison(operator: type[exp.Expr], left: Typed, right: Typed, context: Context) -> Typed:
    """``= <> < <= > >= <=>`` after both sides became one kind."""
    kind = _compared_kind(left, right)
    left, right = as_kind(left, kind, context), as_kind(right, kind, context)
    return derived(f"({left.sql} {_COMPARISONS[operator]} {right.sql})", Kind.BOOL, left, right)


def _compared_kind(left: Typed, right: Typed) -> Kind:
    kinds = {left.kind, right.kind} - {Kind.NULL}
    if len(kinds) <= 1:
        return kinds.pop() if kinds else Kind.TEXT
    if any(kind.is_time for kind in kinds):
        return Kind.DATETIME
    if Kind.TEXT in kinds or Kind.JSON in kinds:
        other = (kinds - {Kind.TEXT, Kind.JSON}) or {Kind.TEXT}
        kind = other.pop()
        if kind is Kind.BOOL:
            return Kind.BOOL
        return Kind.DOUBLE if kind.is_number else Kind.TEXT
    return common_kind([left, right])


def _as_bigint(value: Typed) -> Typed:
    return value if value.literal is not None else replace(value, sql=f"{value.sql}::BIGINT")


def _as_number(value: Typed) -> Typed:
    return value if value.kind.is_number or value.kind is Kind.NULL else Typed(value.sql, Kind.DOUBLE)


def _from_text(text: str, kind: Kind, context: Context) -> str:  # noqa: PLR0911 - a table of kinds
    if kind in {Kind.INT, Kind.LARGEINT}:
        return text_to_integer(text, kind.value, context.compat)
    if kind is Kind.DOUBLE:
        return text_to_double(text)
    if kind is Kind.DECIMAL:
        return f"CASE WHEN NOT contains({text}, '_') THEN TRY_CAST({text} AS DECIMAL(38, 9)) END"
    if kind is Kind.BYTES:
        return f"encode({text})"
    if kind is Kind.BOOL:
        return text_to_bool(text, context.compat)
    if kind is Kind.DATE:
        return text_to_date(text, context.zone)
    if kind is Kind.DATETIME:
        return text_to_datetime(text, context.zone)
    return text  # JSON travels as text


def _from_other(value: Typed, kind: Kind, context: Context) -> str:  # noqa: PLR0911 - a table of kinds
    """A number, boolean or moment as another kind."""
    sql = value.sql
    if kind is Kind.JSON:
        return f"to_json({sql})::VARCHAR"
    if kind is Kind.BOOL:
        return f"TRY_CAST({sql} AS DOUBLE) <> 0" if value.kind.is_number else "NULL::BOOLEAN"
    if kind.is_time and value.kind.is_time:
        return f"CAST({sql} AS {kind.value})"
    if kind.is_time:
        digits = f"TRY_CAST({sql} AS BIGINT)::VARCHAR"
        return text_to_date(digits, context.zone) if kind is Kind.DATE else text_to_datetime(digits, context.zone)
    if value.kind.is_time:
        form = quoted("%Y%m%d" if value.kind is Kind.DATE else "%Y%m%d%H%M%S")
        return f"TRY_CAST(strftime({sql}, {form}) AS {duck_kind(kind)})"
    if kind in {Kind.INT, Kind.LARGEINT} and value.kind in {Kind.DOUBLE, Kind.DECIMAL}:
        return f"TRY_CAST(trunc({sql}) AS {kind.value})"
    if kind is Kind.DECIMAL:
        # Whole numbers get no fraction of their own, so that 1.1 * 3 is 3.3 and not 3.3000000000.
        whole = {Kind.INT: "DECIMAL(19, 0)", Kind.LARGEINT: "DECIMAL(38, 0)", Kind.BOOL: "DECIMAL(1, 0)"}
        return f"TRY_CAST({sql} AS {whole.get(value.kind, duck_kind(kind))})"
    return f"TRY_CAST({sql} AS {duck_kind(kind)})"


def duck_kind(kind: Kind) -> str:
    """The DuckDB type of a value of that kind."""
    if kind is Kind.DECIMAL:
        return "DECIMAL(38, 9)"
    return "VARCHAR" if kind in {Kind.JSON, Kind.OTHER, Kind.NULL} else kind.value
