"""Number functions. A text argument is read as a double; a result that does not exist is NULL."""

from __future__ import annotations

from routine_load.transform.registry import Builder, Context, Family, common_kind
from routine_load.transform.typed import Kind, Typed, clamped

NUMBER = Family()


def _same(args: list[Typed]) -> Kind:
    return args[0].kind if args[0].kind.is_number else Kind.DOUBLE


def _round(name: str) -> Builder:
    def build(args: list[Typed], _: Context) -> str:
        digits = f"{clamped(args[1].sql, -30, 30)}::INTEGER" if len(args) > 1 else "0"
        if name == "trunc":
            scale = f"pow(10.0::DOUBLE, {digits})"
            return f"trunc({args[0].sql}::DOUBLE * {scale}) / {scale}"
        return f"round({args[0].sql}::DOUBLE, {digits})"

    return build


def _finite(sql: str) -> str:
    return f"TRY(CASE WHEN isfinite({sql}) THEN {sql} END)"


def _extreme(name: str) -> Builder:
    def build(args: list[Typed], _: Context) -> str:
        # One NULL makes NULL; DuckDB would skip it.
        known = " AND ".join(f"{arg.sql} IS NOT NULL" for arg in args)
        return f"CASE WHEN {known} THEN {name}({', '.join(arg.sql for arg in args)}) END"

    return build


NUMBER.add("abs", "N", _same, "TRY(abs({0}))")
NUMBER.add("round dround", "NI?", Kind.DOUBLE, _round("round"))
NUMBER.add("truncate", "NI", Kind.DOUBLE, _round("trunc"))
NUMBER.add("floor dfloor", "D", Kind.INT, "TRY_CAST(floor({0}) AS BIGINT)")
NUMBER.add("ceil ceiling dceil", "D", Kind.INT, "TRY_CAST(ceil({0}) AS BIGINT)")
NUMBER.add("mod fmod", "NN", common_kind, "({0} % nullif({1}, 0))")
NUMBER.add("pow power dpow fpow", "DD", Kind.DOUBLE, _finite("pow({0}, {1})"))
NUMBER.add("sqrt dsqrt", "D", Kind.DOUBLE, "CASE WHEN {0} >= 0 THEN sqrt({0}) END")
NUMBER.add("exp dexp", "D", Kind.DOUBLE, _finite("exp({0})"))
NUMBER.add("ln dlog1", "D", Kind.DOUBLE, "CASE WHEN {0} > 0 THEN ln({0}) END")
NUMBER.add("log10 dlog10", "D", Kind.DOUBLE, "CASE WHEN {0} > 0 THEN log10({0}) END")
NUMBER.add("log2", "D", Kind.DOUBLE, "CASE WHEN {0} > 0 THEN log2({0}) END")
NUMBER.add("sign", "D", Kind.INT, "sign({0})::BIGINT")
NUMBER.add("bin", "I", Kind.TEXT, "bin({0})")
NUMBER.add(
    "hex",
    "A",
    Kind.TEXT,
    lambda args, _: (
        f"hex({args[0].sql})"
        if args[0].kind is Kind.INT
        else f"CASE WHEN strlen(CAST({args[0].sql} AS VARCHAR)) <= 1048576 THEN hex(CAST({args[0].sql} AS VARCHAR)) END"
    ),
)
NUMBER.add("greatest", "AA*", common_kind, _extreme("greatest"))
NUMBER.add("least", "AA*", common_kind, _extreme("least"))
NUMBER.add("bitand", "II", Kind.INT, "({0} & {1})")
NUMBER.add("bitor", "II", Kind.INT, "({0} | {1})")
NUMBER.add("bitxor", "II", Kind.INT, "xor({0}, {1})")
NUMBER.add("bitnot", "I", Kind.INT, "(~{0})")
