"""Which nodes and functions a query may use, and the few whose meaning sqlglot does not carry over."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

_NODE_NAMES = (
    # statements and clauses
    "Select Union Intersect Except Subquery With CTE Values Tuple From Join Where Group Having Order "
    "Ordered Limit Offset Table TableAlias Alias Aliases Star Column Identifier Distinct Qualify Window "
    "WindowSpec Unnest Lateral Rollup Cube GroupingSets Insert Delete Update Schema Hint Paren Dot "
    "IgnoreNulls "
    # values
    "Literal Null Boolean Var Interval DataType DataTypeParam HexString PropertyEQ Lambda Bracket Slice "
    "Kwarg "
    # operators
    "And Or Xor Not EQ NEQ LT LTE GT GTE NullSafeEQ NullSafeNEQ Add Sub Mul Div IntDiv Mod Neg BitwiseAnd "
    "BitwiseOr BitwiseXor BitwiseNot BitwiseLeftShift BitwiseRightShift DPipe In Between Like ILike Is "
    "Escape Exists Any All Case If Cast TryCast RegexpLike JSONExtract JSONExtractScalar JSONPath "
    "JSONPathRoot JSONPathKey JSONPathSubscript JSONPathWildcard JSONPathRecursive "
    # functions that sqlglot knows
    "Count Sum Avg Min Max AnyValue ApproxDistinct GroupConcat ArrayAgg Stddev StddevPop StddevSamp "
    "Variance VariancePop Corr CovarPop CovarSamp Median ArgMax ArgMin ArrayUniqueAgg CountIf LogicalOr "
    "LogicalAnd BitwiseAndAgg BitwiseOrAgg BitwiseXorAgg Quantile PercentileCont RowNumber Rank DenseRank "
    "PercentRank CumeDist Ntile Lag Lead FirstValue LastValue NthValue Coalesce Nullif Greatest Least Abs "
    "Ceil Floor Round Sqrt Pow Exp Ln Log Sign Trunc Rand Pi Sin Cos Tan Asin Acos Atan Atan2 Degrees "
    "Radians Cbrt Hex Unhex Ascii Chr Concat ConcatWs Substring SubstringIndex Left Right Length Lower "
    "Upper Trim Replace Reverse Repeat Pad Initcap StrPosition StartsWith EndsWith Split SplitPart "
    "RegexpExtract RegexpReplace Space MD5 SHA SHA2 ToBase64 FromBase64 Uuid CurrentTimestamp CurrentDate "
    "CurrentTime UtcTimestamp UtcDate UnixToTime UnixToStr StrToUnix TimeToUnix StrToTime StrToDate "
    "TimeToStr TsOrDsToDate DateAdd DateSub DateDiff TimestampDiff TimestampAdd TimestampSub "
    "TimestampTrunc DateTrunc TsOrDsAdd TsOrDsDiff TsOrDsToTimestamp TsOrDsToDateStr Extract Date "
    "Timestamp LastDay Year Quarter Month Week WeekOfYear Day DayOfMonth DayOfWeek DayOfYear Hour Minute "
    "Second Dayname Monthname AddMonths MonthsBetween MakeInterval CastToStrType Array Map VarMap Struct "
    "ToMap ArraySize ArrayContains ArrayToString ArrayConcat ArraySum ArrayFilter Transform ArrayDistinct "
    "ArrayMax ArrayMin ArrayReverse ArraySlice Flatten Explode MapKeys JSONObject JSONArray JSONKeyValue "
    "JSONFormat ParseJSON JSONBExtract IsNan "
)

ALLOWED_NODES: frozenset[type[exp.Expr]] = frozenset(getattr(exp, name) for name in _NODE_NAMES.split())

ALLOWED_FUNCTIONS: frozenset[str] = frozenset(
    {"isnull", "isnotnull", "ucase", "lcase", "strlen", "char_length", "character_length", "bit_length", "octet_length"}
    | {"array_length", "cardinality", "array_join", "array_position", "array_sort", "map_keys", "map_values"}
    | {"json_keys", "json_length", "json_type", "json_valid", "mod", "truncate", "bin", "grouping", "median"}
    | {"microsecond", "weekday", "to_days", "date_part", "date_format", "from_unixtime", "unix_timestamp", "now"}
    | {"get_json_string", "get_json_int", "get_json_double", "json_query", "parse_json", "ndv", "percentile_approx"}
    | {"strftime", "strptime", "epoch", "make_timestamp", "list_value", "json_extract", "json_extract_string"}
)

_RENAMED = {
    "get_json_string": "json_extract_string",
    "json_query": "json_extract",
    "array_length": "len",
    "cardinality": "len",
    "char_length": "length",
    "character_length": "length",
    "octet_length": "strlen",
    "ucase": "upper",
    "lcase": "lower",
    "ndv": "approx_count_distinct",
    "truncate": "trunc",
    "array_join": "array_to_string",
    "array_sort": "list_sort",
}


def meaning(node: exp.Expr, timezone: str) -> exp.Expr:  # noqa: PLR0911 - one return per meaning
    """The node with the vendors' meaning in DuckDB, where plain transpiling gives it another one."""
    match node:
        case exp.Length():
            return exp.Anonymous(this="strlen", expressions=[exp.cast(node.this.copy(), "text")])
        case exp.Cast() if type(node) is exp.Cast:
            return exp.TryCast(this=node.this, to=node.args["to"])
        case exp.Concat():
            parts = [exp.cast(part.copy(), "text") for part in node.expressions]
            return exp.Paren(this=_chained(parts))
        case exp.CurrentTimestamp():
            local = exp.AtTimeZone(this=exp.CurrentTimestamp(), zone=exp.Literal.string(timezone))
            return exp.Anonymous(this="date_trunc", expressions=[exp.Literal.string("second"), local])
        case exp.CurrentDate():
            local = exp.AtTimeZone(this=exp.CurrentTimestamp(), zone=exp.Literal.string(timezone))
            return exp.TryCast(this=local, to=exp.DataType.build("date"))
        case exp.Anonymous():
            return _renamed(node)
        case _:
            return node


def _chained(parts: Sequence[exp.Expr]) -> exp.Expr:
    whole: exp.Expr = parts[0]
    for part in parts[1:]:
        whole = exp.DPipe(this=whole, expression=part, safe=True)
    return whole


def _renamed(node: exp.Anonymous) -> exp.Expr:
    name = str(node.this).lower()
    if name == "isnull":
        return exp.Paren(this=exp.Is(this=node.expressions[0], expression=exp.Null()))
    if name == "isnotnull":
        return exp.Paren(this=exp.Not(this=exp.Is(this=node.expressions[0], expression=exp.Null())))
    if name in _RENAMED:
        return exp.Anonymous(this=_RENAMED[name], expressions=node.expressions)
    return node
