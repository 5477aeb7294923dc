"""CAST(x AS type) in a load expression: the same converter that fills columns of that type."""

from __future__ import annotations

from sqlglot import exp

from routine_load.errors import AnalysisError
from routine_load.sql.schema import ColumnType, TypeName
from routine_load.transform.convert import Rules, convert, kind_of
from routine_load.transform.registry import Context
from routine_load.transform.typed import Kind, Typed, derived

_NAMES = {
    "BOOLEAN": TypeName.BOOLEAN,
    "TINYINT": TypeName.TINYINT,
    "SMALLINT": TypeName.SMALLINT,
    "INT": TypeName.INT,
    "BIGINT": TypeName.BIGINT,
    "INT128": TypeName.LARGEINT,
    "FLOAT": TypeName.FLOAT,
    "DOUBLE": TypeName.DOUBLE,
    "DECIMAL": TypeName.DECIMAL,
    "DATE": TypeName.DATE,
    "DATETIME": TypeName.DATETIME,
    "TIMESTAMP": TypeName.DATETIME,
    "CHAR": TypeName.CHAR,
    "VARCHAR": TypeName.VARCHAR,
    "TEXT": TypeName.STRING,
    "JSON": TypeName.JSON,
}


def type_of(node: exp.DataType) -> ColumnType:
    """The type that a CAST names. Raises AnalysisError for one that expressions cannot cast to."""
    label = node.this.value if isinstance(node.this, exp.DType) else str(node.this)
    if label == "ARRAY" and len(node.expressions) == 1:
        return ColumnType(name=TypeName.ARRAY, arguments=(type_of(node.expressions[0]),))
    name = _NAMES.get(label)
    if name is None:
        raise AnalysisError(f"CAST to {label} is not supported in a load expression")
    sizes = [int(param.this.this) for param in node.expressions if str(param.this.this).isdigit()]
    if name is TypeName.DECIMAL:
        precision, scale = (sizes + [10, 0][len(sizes) :])[:2] if sizes else (38, 9)
        if not 1 <= precision <= 38 or not 0 <= scale <= precision:
            raise AnalysisError(f"DECIMAL({precision}, {scale}) is out of range, the largest precision is 38")
        return ColumnType(name=name, precision=precision, scale=scale)
    if name in {TypeName.CHAR, TypeName.VARCHAR}:
        return ColumnType(name=name, length=sizes[0] if sizes else None)
    return ColumnType(name=name, scale=6 if name is TypeName.DATETIME else None)


def cast(value: Typed, to: ColumnType, context: Context) -> Typed:
    """The value as that type; NULL where it does not fit."""
    if to.name is TypeName.ARRAY:
        return _as_array(value, to, context)
    nested = value.kind.is_nested and to.name not in {TypeName.STRING, TypeName.VARCHAR, TypeName.CHAR, TypeName.JSON}
    if nested or value.kind is Kind.OTHER:
        raise AnalysisError(f"a value of kind {value.kind.name} cannot be cast in a load expression")
    rules = Rules(compat=context.compat, zone=context.zone)
    return derived(f"({convert(value.sql, value.kind, to, rules)})", kind_of(to), value)


def _as_array(value: Typed, to: ColumnType, context: Context) -> Typed:
    """An array of another, or of its text, as a column of that type would read it."""
    if value.kind not in {Kind.TEXT, Kind.JSON, Kind.ARRAY, Kind.NULL}:
        raise AnalysisError(f"a value of kind {value.kind.name} cannot be cast to an array")
    (of,) = to.arguments
    item = Kind.ARRAY if of.name is TypeName.ARRAY else kind_of(of)
    made = convert(value.sql, value.kind, to, Rules(compat=context.compat, zone=context.zone))
    return derived(f"({made})", Kind.ARRAY, value, item=item)
