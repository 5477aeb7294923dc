"""Text functions. ``length`` counts bytes, ``char_length`` characters, positions count from 1."""

from __future__ import annotations

from routine_load.errors import AnalysisError
from routine_load.transform.registry import Builder, Context, Family, joined
from routine_load.transform.typed import Kind, Typed, clamped

TEXT = Family()
_MAX_CHARS = 65_533
"""Results of pad and repeat stop here, at StarRocks' longest VARCHAR: DuckDB makes 2,048 of them at a time."""
_MADE_BYTES = 4 * 1024 * 1024
"""What replacing may make at the very most: NULL beyond. (StarRocks: NULL beyond its longest STRING, 1 MiB.)"""
_COUNT = clamped("{1}", 0, _MAX_CHARS)


def _concat(args: list[Typed], _: Context) -> str:
    return "(" + " || ".join(arg.sql for arg in args) + ")"


def _concat_ws(args: list[Typed], _: Context) -> str:
    # NULL arguments are skipped, a NULL separator makes NULL.
    rest = ", ".join(arg.sql for arg in args[1:])
    return f"CASE WHEN {args[0].sql} IS NOT NULL THEN concat_ws({args[0].sql}, {rest}) END"


def _substring(args: list[Typed], _: Context) -> str:
    text, start = args[0].sql, args[1].sql
    # Position 0 is nothing; a position before the beginning is nothing (DuckDB would begin earlier).
    ok = f"{start} <> 0 AND abs({start}) <= length({text})"
    if len(args) == 2:
        known = f"{start} IS NOT NULL AND {text} IS NOT NULL"
        return f"CASE WHEN {ok} THEN substring({text}, {start}) WHEN {known} THEN '' END"
    size = clamped(args[2].sql, 0, _MAX_CHARS)
    return (
        f"CASE WHEN {size} IS NULL OR {start} IS NULL OR {text} IS NULL THEN NULL "
        f"WHEN {ok} THEN substring({text}, {start}, {size}) ELSE '' END"
    )


def _split_part(args: list[Typed], context: Context) -> str:
    text, by, at = (arg.sql for arg in args)
    # NULL where there is no such part; split_part of DuckDB would give ''. An empty delimiter cuts characters.
    parts = f"string_split({text}, {by})"
    if context.compat.value == "doris":
        return f"CASE WHEN {by} <> '' AND {at} <> 0 THEN list_extract({parts}, {at}) END"
    return f"CASE WHEN {at} <> 0 THEN list_extract({parts}, {at}) END"


def _substring_index(args: list[Typed], _: Context) -> str:
    text, by, count = (arg.sql for arg in args)
    parts = f"string_split({text}, {by})"
    return (
        f"CASE WHEN {by} = '' OR {count} = 0 THEN '' "
        f"WHEN {count} >= len({parts}) OR {count} <= -len({parts}) THEN {text} "
        f"WHEN {count} > 0 THEN {joined(f'{parts}[:{count}]', by)} "
        f"WHEN {count} < 0 THEN {joined(f'{parts}[{count}:]', by)} END"
    )


def _pad(side: str) -> str:
    size = clamped("{1}", 0, _MAX_CHARS)
    return (
        f"CASE WHEN {{1}} < 0 OR {{1}} > {_MAX_CHARS} THEN NULL WHEN {{1}} <= length({{0}}) THEN left({{0}}, {size}) "
        f"WHEN {{2}} <> '' THEN {side}pad({{0}}, {size}::INTEGER, {{2}}) WHEN {{2}} = '' THEN {{0}} END"
    )


def _trims(kind: str) -> Builder:
    def build(args: list[Typed], _: Context) -> str:
        chars = args[1].sql if len(args) > 1 else "' '"
        return f"{kind}({args[0].sql}, {chars})"

    return build


def _locate(args: list[Typed], _: Context) -> str:
    # locate(needle, text[, from])
    needle, text = args[0].sql, args[1].sql
    if len(args) == 2:
        return f"instr({text}, {needle})"
    start = args[2].sql
    found = f"instr(substring({text}, {start}), {needle})"
    return (
        f"CASE WHEN {start} < 1 OR {start} > length({text}) + 1 THEN 0 "
        f"WHEN {found} > 0 THEN {found} + {start} - 1 ELSE {found} END"
    )


def _pattern(args: list[Typed], function: str) -> str:
    pattern = args[1].literal
    if pattern is None:
        raise AnalysisError(f"{function}: the pattern must be a constant text")
    return args[1].sql


def _regexp_extract(args: list[Typed], _: Context) -> str:
    pattern, group = _pattern(args, "regexp_extract"), args[2].literal
    if group is None or not group.isdigit() or int(group) > 9:
        raise AnalysisError("regexp_extract: the group must be a constant from 0 to 9")
    return f"regexp_extract({args[0].sql}, {pattern}, {int(group)})"


def _regexp_replace(args: list[Typed], _: Context) -> str:
    text, by = args[0].sql, args[2].sql
    made = f"regexp_replace({text}, {_pattern(args, 'regexp_replace')}, {by}, 'g')"
    return f"CASE WHEN (strlen({text}) + 1) * strlen({by}) <= {_MADE_BYTES} THEN {made} END"


def _regexp(args: list[Typed], _: Context) -> str:
    return f"regexp_matches({args[0].sql}, {_pattern(args, 'regexp')})"


def _sha2(args: list[Typed], _: Context) -> str:
    bits = args[1].literal
    if bits not in {"0", "256"}:
        raise AnalysisError("sha2: only 256 bits are supported here")
    return f"sha256({args[0].sql})"


TEXT.add("concat", "TT*", Kind.TEXT, _concat)
TEXT.add("concat_ws", "TTT*", Kind.TEXT, _concat_ws)
TEXT.add("upper ucase", "T", Kind.TEXT, "upper({0})")
TEXT.add("lower lcase", "T", Kind.TEXT, "lower({0})")
TEXT.add("trim", "TT?", Kind.TEXT, _trims("trim"))
TEXT.add("ltrim", "TT?", Kind.TEXT, _trims("ltrim"))
TEXT.add("rtrim", "TT?", Kind.TEXT, _trims("rtrim"))
TEXT.add("length octet_length", "T", Kind.INT, "strlen({0})")
TEXT.add("char_length character_length", "T", Kind.INT, "length({0})")
TEXT.add("substr substring mid", "TII?", Kind.TEXT, _substring)
TEXT.add("left strleft", "TI", Kind.TEXT, f"left({{0}}, {_COUNT})")
TEXT.add("right strright", "TI", Kind.TEXT, f"right({{0}}, {_COUNT})")
TEXT.add(
    "replace",
    "TTT",
    Kind.TEXT,
    f"CASE WHEN {{1}} = '' THEN {{0}} WHEN strlen({{0}}) // strlen({{1}}) * strlen({{2}}) <= {_MADE_BYTES} "
    "THEN replace({0}, {1}, {2}) END",
)
TEXT.add("reverse", "T", Kind.TEXT, "reverse({0})")
TEXT.add("repeat", "TI", Kind.TEXT,
         f"CASE WHEN strlen({{0}})::HUGEINT * {{1}} <= {_MAX_CHARS} THEN repeat({{0}}, {_COUNT}) END")  # fmt: skip
TEXT.add("space", "I", Kind.TEXT, f"CASE WHEN {{0}} <= {_MAX_CHARS} THEN repeat(' ', {{0}}) END")
TEXT.add("lpad", "TIT", Kind.TEXT, _pad("l"))
TEXT.add("rpad", "TIT", Kind.TEXT, _pad("r"))
TEXT.add("split_part", "TTI", Kind.TEXT, _split_part)
TEXT.add("substring_index", "TTI", Kind.TEXT, _substring_index)
TEXT.add("instr", "TT", Kind.INT, "instr({0}, {1})")
TEXT.add("locate", "TTI?", Kind.INT, _locate)
TEXT.add("starts_with", "TT", Kind.BOOL, "starts_with({0}, {1})")
TEXT.add("ends_with", "TT", Kind.BOOL, "ends_with({0}, {1})")
TEXT.add("null_or_empty", "T", Kind.BOOL, "({0} IS NULL OR {0} = '')")
TEXT.add("ascii", "T", Kind.INT, "CASE WHEN {0} = '' THEN 0 ELSE TRY_CAST('0x' || left(hex({0}), 2) AS BIGINT) END")
TEXT.add("strcmp", "TT", Kind.INT, "CASE WHEN {0} < {1} THEN -1 WHEN {0} > {1} THEN 1 WHEN {0} = {1} THEN 0 END")
TEXT.add("md5", "T", Kind.TEXT, "md5({0})")
TEXT.add("sha2", "TA", Kind.TEXT, _sha2)
TEXT.add("unhex", "T", Kind.TEXT, "coalesce(TRY(decode(unhex({0}))), CASE WHEN {0} IS NOT NULL THEN '' END)")
TEXT.add("to_base64 base64_encode", "T", Kind.TEXT, "to_base64(encode({0}))")
TEXT.add("from_base64 base64_decode", "T", Kind.TEXT, "TRY(decode(from_base64({0})))")
TEXT.add("url_encode", "T", Kind.TEXT, "url_encode({0})")
TEXT.add("url_decode", "T", Kind.TEXT, "TRY(url_decode({0}))")
TEXT.add("regexp_extract", "TTA", Kind.TEXT, _regexp_extract)
TEXT.add("regexp_replace", "TTT", Kind.TEXT, _regexp_replace)
TEXT.add("regexp rlike", "TT", Kind.BOOL, _regexp)
