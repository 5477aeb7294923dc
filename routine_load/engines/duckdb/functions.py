"""Which nodes and functions a query may use.

A function that is neither here nor in ``meanings`` is refused: DuckDB's own functions are not reachable by name.
"""

from __future__ import annotations

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
    "Grouping Negative Cot TimeSlice ConvertTimezone ArrayAppend MapSize BitLength "
    "Count Sum Avg Min Max AnyValue ApproxDistinct GroupConcat ArrayAgg Stddev StddevPop StddevSamp "
    "Variance VariancePop Corr CovarPop CovarSamp Median ArgMax ArgMin ArrayUniqueAgg CountIf LogicalOr "
    "LogicalAnd BitwiseAndAgg BitwiseOrAgg BitwiseXorAgg Quantile PercentileCont RowNumber Rank DenseRank "
    "PercentRank CumeDist Ntile Lag Lead FirstValue LastValue NthValue Coalesce Nullif Greatest Least Abs "
    "Ceil Floor Round Sqrt Pow Exp Ln Log Sign Trunc Rand Pi Sin Cos Tan Asin Acos Atan Atan2 Degrees "
    "Radians Cbrt Hex Unhex Ascii Chr Concat ConcatWs Substring SubstringIndex Left Right Length Lower "
    "Upper Trim Replace Reverse Repeat Pad Initcap StrPosition StartsWith EndsWith Split SplitPart "
    "RegexpExtract RegexpReplace Space MD5 SHA SHA2 ToBase64 FromBase64 Uuid CurrentTimestamp CurrentDate "
    "CurrentTime Localtime Localtimestamp UtcTimestamp UtcDate UnixToTime UnixToStr StrToUnix TimeToUnix "
    "StrToTime StrToDate TimeToStr TsOrDsToDate DateAdd DateSub DateDiff TimestampDiff TimestampAdd TimestampSub "
    "TimestampTrunc DateTrunc TsOrDsAdd TsOrDsDiff TsOrDsToTimestamp TsOrDsToDateStr Extract Date "
    "Timestamp LastDay Year Quarter Month Week WeekOfYear Day DayOfMonth DayOfWeek DayOfYear Hour Minute "
    "Second Dayname Monthname AddMonths MonthsBetween MakeInterval CastToStrType Array Map VarMap Struct "
    "ToMap ArraySize ArrayContains ArrayToString ArrayConcat ArraySum ArrayFilter Transform ArrayDistinct "
    "ArrayMax ArrayMin ArrayReverse ArraySlice Flatten Explode MapKeys JSONObject JSONArray JSONKeyValue "
    "JSONFormat ParseJSON JSONBExtract IsNan "
)

ALLOWED_NODES: frozenset[type[exp.Expr]] = frozenset(getattr(exp, name) for name in _NODE_NAMES.split())

PASSED_FUNCTIONS: frozenset[str] = frozenset(
    {"array_position", "array_sort", "json_keys", "json_type", "json_valid", "json_array", "map_keys", "map_values"}
    | {"bin", "mod", "median", "bit_length", "json_exists", "row", "array_avg", "from_base64"}
)
"""Functions that sqlglot does not know and that are the same in DuckDB."""
