"""Parts of URLs: protocol, host, domain, path, parameters."""

from __future__ import annotations

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.transform.registry import Builder, Context, Family, constant
from routine_load.transform.typed import Kind, Typed, quoted

URL = Family()
_URL = r"^([a-zA-Z][a-zA-Z0-9+.-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?$"
_HOST_OF_AUTHORITY = r"^(?:[^@]*@)?(\[[^\]]*\]|[^:]*)"
_ANY_HOST = r"^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://)?(?:[^@/?#\s]*@)?([^\s/:?#]+\.[^\s/:?#]+)"
_PARTS = ("PROTOCOL", "HOST", "PATH", "REF", "AUTHORITY", "FILE", "USERINFO", "QUERY")
_SECOND_LEVEL = "('com', 'net', 'org', 'co', 'gov', 'edu', 'ac')"
_AT_LEAST = 3


def _group(url: str, group: int) -> str:
    return f"regexp_extract({url}, {quoted(_URL)}, {group})"


def _parse_url(args: list[Typed], context: Context) -> str:
    """NULL for what is no URL, and for a part that it does not have. StarRocks: names of parts are in capitals."""
    name = constant(args, 1, "parse_url", "the part of the URL")
    part = name if context.compat is Compat.STARROCKS else name.upper()
    parts = _PARTS if context.compat is Compat.STARROCKS else (*_PARTS, "PORT")
    if part not in parts:
        raise AnalysisError(f"parse_url: Invalid URL part: {name}, use one of {', '.join(parts)}")
    return f"CASE WHEN regexp_matches({args[0].sql}, {quoted(_URL)}) THEN {_part(args[0].sql, part)} END"


def _part(url: str, part: str) -> str:
    authority = _group(url, 2)
    query = f"nullif({_group(url, 4)}, '')"
    return {
        "PROTOCOL": _group(url, 1),
        "AUTHORITY": f"nullif({authority}, '')",
        "HOST": f"nullif(regexp_extract({authority}, {quoted(_HOST_OF_AUTHORITY)}, 1), '')",
        "PORT": f"nullif(regexp_extract({authority}, ':([0-9]+)$', 1), '')",
        "USERINFO": f"nullif(regexp_extract({authority}, '^([^@]*)@', 1), '')",
        "PATH": _group(url, 3),
        "QUERY": query,
        "REF": f"nullif({_group(url, 5)}, '')",
        "FILE": f"({_group(url, 3)} || coalesce('?' || {query}, ''))",
    }[part]


def _parameter(missing: str, decode: bool) -> Builder:
    """The first parameter of that name in the query part."""

    def build(args: list[Typed], _: Context) -> str:
        url, name = args[0].sql, args[1].sql
        query = rf"regexp_extract({url}, '\?([^#]*)', 1)"
        pairs = f"string_split({query}, '&')"
        found = f"list_filter({pairs}, lambda __v: split_part(__v, '=', 1) = {name} AND contains(__v, '='))[1]"
        value = f"substring({found}, length({name}) + 2)"
        value = f"TRY(url_decode({value}))" if decode else value
        return f"CASE WHEN {url} IS NOT NULL AND {name} IS NOT NULL THEN coalesce({value}, {missing}) END"

    return build


def _host(url: str) -> str:
    return f"regexp_extract({url}, {quoted(_ANY_HOST)}, 1)"


def _significant(args: list[Typed], tail: bool) -> str:
    """Doris: the label before the registered suffix (com, com.cn …); with ``tail`` from there to the end."""
    labels = f"string_split({_host(args[0].sql)}, '.')"
    second = f"len({labels}) >= {_AT_LEAST} AND {labels}[-2] IN {_SECOND_LEVEL}"
    back = f"(CASE WHEN {second} THEN -3 ELSE -2 END)"
    made = f"array_to_string({labels}[{back}:], '.')" if tail else f"{labels}[{back}]"
    return f"CASE WHEN {_host(args[0].sql)} = '' THEN '' ELSE {made} END"


URL.add("parse_url", "TF", Kind.TEXT, _parse_url)
URL.add("url_extract_parameter", "TT", Kind.TEXT, _parameter("NULL", decode=True))
URL.add("extract_url_parameter", "TT", Kind.TEXT, _parameter("''", decode=False))
URL.add("url_extract_host", "T", Kind.TEXT, lambda args, _: _part(args[0].sql, "HOST"))
URL.add("protocol", "T", Kind.TEXT, lambda args, _: f"regexp_extract({args[0].sql}, '^([a-zA-Z][a-zA-Z0-9+.-]*):', 1)")
URL.add("domain", "T", Kind.TEXT, lambda args, _: _host(args[0].sql))
URL.add("domain_without_www", "T", Kind.TEXT, lambda args, _: rf"regexp_replace({_host(args[0].sql)}, '^www\.', '')")
URL.add("top_level_domain", "T", Kind.TEXT, lambda args, _: rf"regexp_extract({_host(args[0].sql)}, '\.([^.]+)$', 1)")
URL.add("first_significant_subdomain", "T", Kind.TEXT, lambda args, _: _significant(args, tail=False))
URL.add("cut_to_first_significant_subdomain", "T", Kind.TEXT, lambda args, _: _significant(args, tail=True))
