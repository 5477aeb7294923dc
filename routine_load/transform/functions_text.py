"""Text functions. ``length`` counts bytes, ``char_length`` characters, positions count from 1."""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase, digits

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.transform.registry import Builder, Context, Family, constant, joined
from routine_load.transform.typed import Kind, Typed, clamped, quoted

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


def _trims(kind: str, *, whole: bool = False) -> Builder:
    """StarRocks (and Doris' ``_in``): any of the characters. Doris (``whole``): the whole text, again and again."""

    def build(args: list[Typed], context: Context) -> str:
        if len(args) == 1 or not whole or context.compat is Compat.STARROCKS:
            return f"{kind}({args[0].sql}, {args[1].sql if len(args) > 1 else quoted(' ')})"
        text, part = args[0].sql, f"'(?:' || regexp_escape({args[1].sql}) || ')+'"
        left = f"regexp_replace({text}, '^' || {part}, '')" if kind != "rtrim" else text
        made = f"regexp_replace({left}, {part} || '$', '')" if kind != "ltrim" else left
        return f"CASE WHEN {args[1].sql} = '' THEN {text} WHEN {args[1].sql} IS NOT NULL THEN {made} END"

    return build


def _append_if_absent(args: list[Typed], _: Context) -> str:
    """One character at the end, where the text is not empty and does not end with it already."""
    text, char = args[0].sql, args[1].sql
    return (
        f"CASE WHEN length({char}) <> 1 THEN NULL WHEN {text} = '' OR ends_with({text}, {char}) THEN {text} "
        f"ELSE {text} || {char} END"
    )


def _char(args: list[Typed], _: Context) -> str:
    """The bytes of the numbers, as UTF-8; what is none is NULL. A NULL among them is no byte."""
    codes = " || ".join(
        f"(CASE WHEN {arg.sql} BETWEEN 0 AND 4294967295 THEN "
        f"(CASE WHEN length(printf('%X', {arg.sql})) % 2 = 1 THEN '0' ELSE '' END) || printf('%X', {arg.sql}) "
        "ELSE '' END)"
        for arg in args
    )
    return f"TRY(decode(unhex({codes})))"


def _elt(args: list[Typed], _: Context) -> str:
    cases = " ".join(f"WHEN {place} THEN {arg.sql}" for place, arg in enumerate(args[1:], 1))
    return f"CASE {args[0].sql} {cases} END"


def _make_set(args: list[Typed], _: Context) -> str:
    """The texts whose bit is set, with commas in between; NULL texts are left out."""
    bits = args[0].sql
    chosen = ", ".join(f"CASE WHEN ({bits} >> {at}) & 1 = 1 THEN {arg.sql} END" for at, arg in enumerate(args[1:65]))
    return f"CASE WHEN {bits} IS NOT NULL THEN concat_ws(',', {chosen}) END"


def _export_set(args: list[Typed], _: Context) -> str:
    """MySQL: each bit, from the lowest on, as the text for on or off."""
    bits, on, off = (arg.sql for arg in args[:3])
    by = args[3].sql if len(args) > 3 else "','"
    count = f"(CASE WHEN {args[4].sql} BETWEEN 0 AND 63 THEN {args[4].sql} ELSE 64 END)" if len(args) > 4 else "64"
    sign = f"CASE WHEN ({bits} >> __p::BIGINT) & 1 = 1 THEN {on} ELSE {off} END"
    each = f"list_transform(range(0, {count}), lambda __p: {sign})"
    known = " AND ".join(f"{arg.sql} IS NOT NULL" for arg in args)
    return f"CASE WHEN {known} AND strlen({on}) + strlen({off}) + strlen({by}) < 10000 THEN {joined(each, by)} END"


def _initcap(args: list[Typed], _: Context) -> str:
    words = rf"regexp_extract_all(lower({args[0].sql}), '[\p{{L}}\p{{N}}]+|[^\p{{L}}\p{{N}}]+')"
    return f"array_to_string(list_transform({words}, lambda __v: upper(left(__v, 1)) || substring(__v, 2)), '')"


def _mask(args: list[Typed], _: Context) -> str:
    """Doris: capitals, small letters and digits become the first characters of the other arguments (X, x, n)."""
    signs = [f"left({arg.sql}, 1)" for arg in args[1:]]
    upper, lower, digit = [*signs, *("'X'", "'x'", "'n'")[len(signs) :]]
    known = " AND ".join(f"{arg.sql} <> ''" for arg in args[1:]) or "true"
    to = f"repeat({upper}, 26) || repeat({lower}, 26) || repeat({digit}, 10)"
    return f"CASE WHEN {known} THEN translate({args[0].sql}, '{ascii_uppercase}{ascii_lowercase}{digits}', {to}) END"


def _mask_some(first: bool) -> Builder:
    """The first (last) n bytes; a character counts with all its bytes."""

    def build(args: list[Typed], context: Context) -> str:
        text = args[0].sql
        whole = _mask(args[:1], context)
        if len(args) == 1:
            return whole
        count = clamped(args[1].sql, 0, _MAX_CHARS)
        sides = (f"left({text}, {count})", f"substring({text}, {count} + 1)")
        if not first:
            sides = (f"left({text}, greatest(length({text}) - {count}, 0))", f"right({text}, {count})")
        masked = sides[0 if first else 1]
        made = _mask([Typed(masked, Kind.TEXT)], context)
        both = f"{made} || {sides[1]}" if first else f"{sides[0]} || {made}"
        return f"CASE WHEN {args[1].sql} >= 0 THEN {both} END"

    return build


def _overlay(args: list[Typed], _: Context) -> str:
    """Characters from a place on replaced; a length below 0 or too large is the rest."""
    text, by = args[0].sql, args[3].sql
    at, size = (clamped(arg.sql, -1, _MADE_BYTES) for arg in args[1:3])
    rest = f"(CASE WHEN {size} < 0 OR {size} > length({text}) THEN '' ELSE substring({text}, {at} + {size}) END)"
    known = f"{size} IS NOT NULL AND {by} IS NOT NULL"
    return (
        f"CASE WHEN NOT ({known}) THEN NULL WHEN {at} < 1 OR {at} > length({text}) THEN {text} "
        f"ELSE left({text}, {at} - 1) || {by} || {rest} END"
    )


def _sub_replace(args: list[Typed], _: Context) -> str:
    """Doris: from a place that counts from 0; NULL for a place or length below 0 or beyond the text."""
    text, by, at = args[0].sql, args[1].sql, args[2].sql
    size = args[3].sql if len(args) > 3 else f"length({by})"
    return (
        f"CASE WHEN {at} BETWEEN 0 AND length({text}) - 1 AND {size} >= 0 "
        f"THEN left({text}, {at}) || {by} || substring({text}, {at} + {clamped(size, 0, _MAX_CHARS)} + 1) END"
    )


def _replace_empty(args: list[Typed], _: Context) -> str:
    text, old, by = (arg.sql for arg in args)
    between = f"{by} || regexp_replace({text}, '(?s)(.)', '\\1' || replace({by}, '\\', '\\\\'), 'g')"
    fits = f"(strlen({text}) + 1) * (strlen({by}) + 1) <= {_MADE_BYTES}"
    return f"CASE WHEN NOT {fits} THEN NULL WHEN {old} = '' THEN {between} ELSE replace({text}, {old}, {by}) END"


def _soundex(args: list[Typed], _: Context) -> str:
    """The letter and three digits of how an English word sounds; h and w do not part equal sounds."""
    letters = f"regexp_replace(upper({args[0].sql}), '[^A-Z]', '', 'g')"
    spoken = f"left({letters}, 1) || regexp_replace(substring({letters}, 2), '[HW]', '', 'g')"
    codes = f"translate({spoken}, '{ascii_uppercase}', '01230120022455012623010202')"
    once = codes
    for digit in "123456":
        once = f"regexp_replace({once}, '{digit}+', '{digit}', 'g')"
    tail = f"replace(substring({once}, 2), '0', '')"
    return f"CASE WHEN {letters} = '' THEN '' ELSE rpad(left({letters}, 1) || left({tail}, 3), 4, '0') END"


def _unicode_normalize(args: list[Typed], _: Context) -> str:
    mode = constant(args, 1, "unicode_normalize", "the form")
    if mode.strip().lower() != "nfc":
        raise AnalysisError("unicode_normalize: only the form NFC is supported here")
    return f"nfc_normalize({args[0].sql})"


def _quote(args: list[Typed], _: Context) -> str:
    """MySQL: as a literal; NULL is the word."""
    text = f"replace(replace({args[0].sql}, chr(92), chr(92) || chr(92)), chr(39), chr(92) || chr(39))"
    return f"coalesce(chr(39) || {text} || chr(39), 'NULL')"


def _int_to_uuid(args: list[Typed], _: Context) -> str:
    """Doris: the bytes of a LARGEINT, the lowest first."""
    word = 2**64
    value, wrapped = args[0].sql, f"{args[0].sql} - '{-(2**127)}'::HUGEINT"
    high = f"(CASE WHEN {value} < 0 THEN ({wrapped}) // {word} + {2**63} ELSE {value} // {word} END)::UBIGINT"
    low = f"(CASE WHEN {value} < 0 THEN ({wrapped}) % {word} ELSE {value} % {word} END)::UBIGINT"
    hexadecimal = f"lpad(printf('%x', {high}), 16, '0') || lpad(printf('%x', {low}), 16, '0')"
    swapped = f"array_to_string(list_reverse(regexp_extract_all({hexadecimal}, '..')), '')"
    return rf"regexp_replace({swapped}, '^(.{{8}})(.{{4}})(.{{4}})(.{{4}})(.{{12}})$', '\1-\2-\3-\4-\5')"


TEXT.add("concat", "TT*", Kind.TEXT, _concat)
TEXT.add("concat_ws", "TTT*", Kind.TEXT, _concat_ws)
TEXT.add("upper ucase", "T", Kind.TEXT, "upper({0})")
TEXT.add("lower lcase", "T", Kind.TEXT, "lower({0})")
TEXT.add("trim", "TT?", Kind.TEXT, _trims("trim", whole=True))
TEXT.add("trim_in", "TT?", Kind.TEXT, _trims("trim"))
TEXT.add("ltrim", "TT?", Kind.TEXT, _trims("ltrim", whole=True))
TEXT.add("ltrim_in", "TT?", Kind.TEXT, _trims("ltrim"))
TEXT.add("rtrim", "TT?", Kind.TEXT, _trims("rtrim", whole=True))
TEXT.add("rtrim_in", "TT?", Kind.TEXT, _trims("rtrim"))
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
TEXT.add("repeat", "TI", Kind.TEXT,
         f"CASE WHEN strlen({{0}})::HUGEINT * {{1}} <= {_MAX_CHARS} THEN repeat({{0}}, {_COUNT}) END")  # fmt: skip
TEXT.add("space", "I", Kind.TEXT, f"CASE WHEN {{0}} <= {_MAX_CHARS} THEN repeat(' ', {{0}}) END")
TEXT.add("lpad", "TIT", Kind.TEXT, _pad("l"))
TEXT.add("rpad", "TIT", Kind.TEXT, _pad("r"))
TEXT.add("split_part", "TTI", Kind.TEXT, _split_part)
TEXT.add("substring_index", "TTI", Kind.TEXT, _substring_index)
TEXT.add("null_or_empty", "T", Kind.BOOL, "({0} IS NULL OR {0} = '')")
TEXT.add("ascii", "T", Kind.INT, "CASE WHEN {0} = '' THEN 0 ELSE TRY_CAST('0x' || left(hex({0}), 2) AS BIGINT) END")
TEXT.add("unhex", "T", Kind.TEXT, "coalesce(TRY(decode(unhex({0}))), CASE WHEN {0} IS NOT NULL THEN '' END)")
TEXT.add("to_base64 base64_encode", "T", Kind.TEXT, "to_base64(encode({0}))")
TEXT.add("from_base64 base64_decode", "T", Kind.TEXT, "TRY(decode(from_base64({0})))")
TEXT.add("url_encode", "T", Kind.TEXT, "url_encode({0})")
TEXT.add("url_decode", "T", Kind.TEXT, "TRY(url_decode({0}))")
TEXT.add("append_trailing_char_if_absent", "TT", Kind.TEXT, _append_if_absent)
TEXT.add("char", "II*", Kind.TEXT, _char)
TEXT.add("elt", "ITT*", Kind.TEXT, _elt)
TEXT.add("make_set", "ITT*", Kind.TEXT, _make_set)
TEXT.add("export_set", "ITTT?I?", Kind.TEXT, _export_set)
TEXT.add("initcap", "T", Kind.TEXT, _initcap)
TEXT.add("mask", "TT?T?T?", Kind.TEXT, _mask)
TEXT.add("mask_first_n", "TI?", Kind.TEXT, _mask_some(first=True))
TEXT.add("mask_last_n", "TI?", Kind.TEXT, _mask_some(first=False))
TEXT.add("digital_masking", "T", Kind.TEXT, "(left({0}, 3) || '****' || right({0}, 4))")
TEXT.add("overlay insert", "TIIT", Kind.TEXT, _overlay)
TEXT.add("sub_replace", "TTII?", Kind.TEXT, _sub_replace)
TEXT.add("replace_empty", "TTT", Kind.TEXT, _replace_empty)
TEXT.add("soundex", "T", Kind.TEXT, _soundex)
TEXT.add("translate", "TTT", Kind.TEXT, "translate({0}, {1}, {2})")
TEXT.add("unicode_normalize", "TF", Kind.TEXT, _unicode_normalize)
TEXT.add("quote", "T", Kind.TEXT, _quote)
TEXT.add("is_uuid", "T", Kind.BOOL,
         "regexp_full_match({0}, '(?i)[0-9a-f]{{32}}|[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}')")  # fmt: skip
TEXT.add("int_to_uuid", "G", Kind.TEXT, _int_to_uuid)
TEXT.add("is_valid_utf8", "T", Kind.BOOL, "({0} = {0})")
TEXT.add("upper_utf8", "T", Kind.TEXT, "upper({0})")
TEXT.add("lower_utf8", "T", Kind.TEXT, "lower({0})")
TEXT.add("hex_decode_string", "T", Kind.TEXT, "TRY(decode(unhex({0})))")
TEXT.add("base64_decode_string", "T", Kind.TEXT, "TRY(decode(from_base64({0})))")
TEXT.add("not_null_or_empty", "T", Kind.BOOL, "({0} IS NOT NULL AND {0} <> '')")
TEXT.add("uuid", "", Kind.TEXT, "uuid()::VARCHAR")
TEXT.add("uuidv7", "", Kind.TEXT, "uuidv7()::VARCHAR")
TEXT.add("uuid_numeric", "", Kind.LARGEINT, "(md5_number(uuid()::VARCHAR) // 2::UHUGEINT)::HUGEINT")
