"""Searching in text: positions, regular expressions, likeness. Patterns are constants of RE2, as in both vendors."""

from __future__ import annotations

import re

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.transform.operators import as_kind
from routine_load.transform.registry import Builder, Context, Family, constant, whole_number
from routine_load.transform.typed import Kind, Typed, derived, quoted

MATCH = Family()
_MADE_BYTES = 4 * 1024 * 1024
_DISTANCE_BYTES = 4096
"""Longest text whose edit distance is computed: its time grows with the product of both lengths."""
_GRAM_BYTES = 32_768


def pattern(args: list[Typed], function: str) -> str:
    """The constant pattern as a literal. Raises AnalysisError for a pattern that is none."""
    if args[1].literal is None:
        raise AnalysisError(f"{function}: the pattern must be a constant text")
    return quoted(args[1].literal)


def _groups(text: str) -> int:
    """How many groups a pattern has."""
    bare = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "", text)
    return len(re.findall(r"\((?!\?(?!P?<))", bare))


def _extract(missing: str) -> Builder:
    def build(args: list[Typed], _: Context) -> str:
        shape, group = pattern(args, "regexp_extract"), args[2].literal
        if group is None or not group.isdigit() or int(group) > 9:
            raise AnalysisError("regexp_extract: the group must be a constant from 0 to 9")
        if int(group) > _groups(args[1].literal or ""):
            return f"CASE WHEN {args[0].sql} IS NOT NULL THEN {missing} END"
        made = f"regexp_extract({args[0].sql}, {shape}, {int(group)})"
        if missing == "''":
            return made
        return f"CASE WHEN regexp_matches({args[0].sql}, {shape}) THEN {made} END"

    return build


def _extract_all(args: list[Typed], context: Context) -> Typed:
    """StarRocks: an array of one group. Doris: text that looks like an array, always of the first group."""
    text, shape = args[0], pattern(args, "regexp_extract_all")
    count = _groups(args[1].literal or "")
    if context.compat is Compat.DORIS:
        if count == 0:
            return derived(f"(CASE WHEN {text.sql} IS NOT NULL THEN '' END)", Kind.TEXT, text)
        each = f"list_transform(regexp_extract_all({text.sql}, {shape}, 1), lambda __v: '''' || __v || '''')"
        found = f"nullif('[' || array_to_string({each}, ',') || ']', '[]')"
        return derived(f"(CASE WHEN {text.sql} IS NOT NULL THEN coalesce({found}, '') END)", Kind.TEXT, text)
    group = whole_number(args, 2, "regexp_extract_all", "the group") if len(args) > 2 else min(count, 1)
    if not 0 <= group <= min(count, 9):
        return derived(f"(CASE WHEN {text.sql} IS NOT NULL THEN []::VARCHAR[] END)", Kind.ARRAY, text)
    return derived(f"regexp_extract_all({text.sql}, {shape}, {group})", Kind.ARRAY, text)


def _replace(once: bool) -> Builder:
    def build(args: list[Typed], _: Context) -> str:
        text, by = args[0].sql, args[2].sql
        made = f"regexp_replace({text}, {pattern(args, 'regexp_replace')}, {by}{'' if once else chr(44) + quoted('g')})"
        return f"CASE WHEN (strlen({text}) + 1) * strlen({by}) <= {_MADE_BYTES} THEN {made} END"

    return build


def _matches(args: list[Typed], _: Context) -> str:
    return f"regexp_matches({args[0].sql}, {pattern(args, 'regexp')})"


def _count(args: list[Typed], _: Context) -> str:
    return f"len(regexp_extract_all({args[0].sql}, {pattern(args, 'regexp_count')}))"


def _position(args: list[Typed], _: Context) -> str:
    """Where the first match begins, in characters; 0 without one."""
    text, shape = args[0].sql, pattern(args, "regexp_instr")
    before = rf"regexp_extract({text}, {quoted('(?s)^(.*?)(?:' + (args[1].literal or '') + ')')}, 1)"
    return f"CASE WHEN regexp_matches({text}, {shape}) THEN length({before}) + 1 WHEN {text} IS NOT NULL THEN 0 END"


def _split(args: list[Typed], _: Context) -> Typed:
    """Between matches; with a limit the last part is the rest."""
    text, shape = args[0], pattern(args, "split_by_regexp")
    whole = f"string_split_regex({text.sql}, {shape})"
    if len(args) == 2:
        return derived(whole, Kind.ARRAY, text)
    limit = whole_number(args, 2, "split_by_regexp", "the limit")
    if limit <= 0:
        return derived(whole, Kind.ARRAY, text)
    head = f"{whole}[:{limit - 1}]"
    skipped = quoted(f"(?s)^(?:.*?(?:{args[1].literal})){{{limit - 1}}}")
    rest = f"regexp_replace({text.sql}, {skipped}, '')" if limit > 1 else text.sql
    cut = f"CASE WHEN len({whole}) < {limit} THEN {whole} ELSE list_append({head}, {rest}) END"
    return derived(f"(CASE WHEN {text.sql} IS NOT NULL THEN {cut} END)", Kind.ARRAY, text)


def _locate(args: list[Typed], _: Context) -> str:
    """locate(needle, text[, from])"""
    needle, text = args[0].sql, args[1].sql
    if len(args) == 2:
        return f"instr({text}, {needle})"
    start = args[2].sql
    found = f"instr(substring({text}, {start}), {needle})"
    return (
        f"CASE WHEN {start} < 1 OR {start} > length({text}) + 1 THEN 0 "
        f"WHEN {found} > 0 THEN {found} + {start} - 1 ELSE {found} END"
    )


def _strpos(args: list[Typed], _: Context) -> str:
    """strpos(text, needle[, instance]): the n-th place, from the end where n is negative."""
    text, needle = args[0].sql, args[1].sql
    if len(args) == 2:
        return f"instr({text}, {needle})"
    at = args[2].sql
    parts = f"string_split({text}, {needle})"
    nth = f"(CASE WHEN {at} < 0 THEN len({parts}) + {at} ELSE {at} END)"
    before = f"list_sum(list_transform({parts}[1:{nth}], lambda __v: length(__v)))"
    return (
        f"CASE WHEN {needle} = '' OR {at} = 0 THEN 0 WHEN {nth} BETWEEN 1 AND len({parts}) - 1 "
        f"THEN {before}::BIGINT + ({nth} - 1) * length({needle}) + 1 WHEN {nth} IS NOT NULL THEN 0 END"
    )


def _count_substrings(args: list[Typed], _: Context) -> str:
    text, part = args[0].sql, args[1].sql
    searched = f"substring({text}, {args[2].sql})" if len(args) > 2 else text
    count = f"((strlen({searched}) - strlen(replace({searched}, {part}, ''))) // nullif(strlen({part}), 0))"
    known = f"{text} IS NOT NULL AND {part} IS NOT NULL"
    start = f"{args[2].sql} < 1" if len(args) > 2 else "false"
    return f"CASE WHEN {start} THEN 0 WHEN {known} THEN coalesce({count}, 0) END"


def _find_in_set(args: list[Typed], _: Context) -> str:
    one, texts = args[0].sql, args[1].sql
    place = f"coalesce(list_position(string_split({texts}, ','), {one}), 0)"
    return f"CASE WHEN contains({one}, ',') THEN 0 WHEN {one} IS NOT NULL AND {texts} IS NOT NULL THEN {place} END"


def _field(args: list[Typed], context: Context) -> Typed:
    """The place of the first among the others, 0 without one or for NULL. Not all text: compared as numbers."""
    kind = Kind.TEXT if all(arg.kind in {Kind.TEXT, Kind.NULL} for arg in args) else Kind.DOUBLE
    seen = [context.stages.bind(as_kind(arg, kind, context)) for arg in args]
    cases = " ".join(f"WHEN {seen[0].sql} = {other.sql} THEN {place}" for place, other in enumerate(seen[1:], 1))
    return derived(f"(CASE {cases} ELSE 0 END)", Kind.INT, *seen)


def _distance(name: str, same_length: bool) -> Builder:
    def build(args: list[Typed], _: Context) -> str:
        one, other = args[0].sql, args[1].sql
        fits = f"greatest(strlen({one}), strlen({other})) <= {_DISTANCE_BYTES}"
        if same_length:
            fits = f"strlen({one}) = strlen({other})"
        return f"CASE WHEN {fits} THEN TRY({name}({one}, {other})) END"

    return build


def _texts(array: Typed) -> str:
    return array.sql if array.item is Kind.TEXT else f"TRY_CAST({array.sql} AS VARCHAR[])"


def _multi_match(args: list[Typed], _: Context) -> str:
    text, patterns = args[0].sql, _texts(args[1])
    found = f"list_bool_or(list_transform({patterns}, lambda __v: TRY(regexp_matches({text}, __v))))"
    return f"CASE WHEN {text} IS NOT NULL AND {patterns} IS NOT NULL THEN coalesce({found}, false)::BIGINT END"


def _multi_search(args: list[Typed], _: Context) -> Typed:
    places = f"list_transform({_texts(args[1])}, lambda __v: strpos({args[0].sql}, __v))"
    return derived(f"(CASE WHEN {args[0].sql} IS NOT NULL THEN {places} END)", Kind.ARRAY, *args, item=Kind.INT)


def _ngram(fold: bool) -> Builder:
    """The share of n-grams in common: 2·|both| / (|one| + |other|) in Doris, |both| / |needle's| in StarRocks."""

    def build(args: list[Typed], context: Context) -> str:
        size = whole_number(args, 2, "ngram_search", "the number of grams")
        constant(args, 1, "ngram_search", "the text looked for")
        if not 1 <= size <= 64:
            raise AnalysisError("ngram_search: the number of grams must be between 1 and 64")
        texts = [f"lower({arg.sql})" if fold else arg.sql for arg in args[:2]]
        grams = [
            f"list_transform(range(1, greatest(length({text}) - {size - 1}, 0) + 1), "
            f"lambda __p: substring({text}, __p, {size}))"
            for text in texts
        ]
        sets = [f"list_distinct({gram})" for gram in grams]
        both = f"len(list_intersect({sets[0]}, {sets[1]}))"
        whole = f"(len({sets[0]}) + len({sets[1]}))"
        share = f"2.0::DOUBLE * {both} / nullif({whole}, 0)"
        if context.compat is Compat.STARROCKS:
            share = f"{both}::DOUBLE / nullif(len({sets[1]}), 0)"
        short = f"length({texts[0]}) < {size} OR length({texts[1]}) < {size} OR strlen({texts[0]}) > {_GRAM_BYTES}"
        return f"CASE WHEN {short} THEN 0 WHEN {texts[0]} IS NOT NULL THEN {share} END"

    return build


MATCH.add("regexp rlike", "TT", Kind.BOOL, _matches)
MATCH.add("regexp_extract", "TTA", Kind.TEXT, _extract("''"))
MATCH.add("regexp_extract_or_null", "TTA", Kind.TEXT, _extract("NULL"))
MATCH.add("regexp_extract_all", "TTA?", Kind.ARRAY, _extract_all)
MATCH.add("regexp_replace", "TTT", Kind.TEXT, _replace(once=False))
MATCH.add("regexp_replace_one", "TTT", Kind.TEXT, _replace(once=True))
MATCH.add("regexp_count", "TT", Kind.INT, _count)
MATCH.add("regexp_instr regexp_position", "TT", Kind.INT, _position)
MATCH.add("regexp_split split_by_regexp", "TTA?", Kind.ARRAY, _split)
MATCH.add("instr", "TT", Kind.INT, "instr({0}, {1})")
MATCH.add("locate position", "TTI?", Kind.INT, _locate)
MATCH.add("strpos", "TTI?", Kind.INT, _strpos)
MATCH.add("starts_with", "TT", Kind.BOOL, "starts_with({0}, {1})")
MATCH.add("ends_with", "TT", Kind.BOOL, "ends_with({0}, {1})")
MATCH.add("count_substrings", "TTI?", Kind.INT, _count_substrings)
MATCH.add("find_in_set", "TT", Kind.INT, _find_in_set)
MATCH.add("field", "AAA*", Kind.INT, _field)
MATCH.add("strcmp", "TT", Kind.INT, "CASE WHEN {0} < {1} THEN -1 WHEN {0} > {1} THEN 1 WHEN {0} = {1} THEN 0 END")
MATCH.add("levenshtein", "TT", Kind.INT, _distance("levenshtein", same_length=False))
MATCH.add("damerau_levenshtein_distance", "TT", Kind.INT, _distance("damerau_levenshtein", same_length=False))
MATCH.add("hamming_distance", "TT", Kind.INT, _distance("hamming", same_length=True))
MATCH.add("multi_match_any", "TL", Kind.INT, _multi_match)
MATCH.add("multi_search_all_positions", "TL", Kind.ARRAY, _multi_search)
MATCH.add("ngram_search", "TTA", Kind.DOUBLE, _ngram(fold=False))
MATCH.add("ngram_search_case_insensitive", "TTA", Kind.DOUBLE, _ngram(fold=True))
