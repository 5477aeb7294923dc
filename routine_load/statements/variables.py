"""System variables and the small talk of clients: SET, SHOW VARIABLES, WARNINGS, COLLATION, transactions, @@x.

Values are the vendors' own (front end session variables); a client may set any variable, and reads back what it set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from routine_load.errors import AnalysisError, LimitExceeded, StatementSyntaxError, UnknownVariable
from routine_load.ids import Compat
from routine_load.jobs.timezones import standard_time_zone
from routine_load.sql.ddl import CATALOGS
from routine_load.sql.identity import server_version, version_comment
from routine_load.sql.literals import string_value
from routine_load.sql.results import Ok, Result, text_table
from routine_load.sql.session_functions import Value, mentions_session, resolve
from routine_load.sql.show_conditions import row_condition
from routine_load.statements.lists import fixed_list
from routine_load.statements.ports import DEFAULT_TIME_ZONE, Session
from routine_load.statements.variable_values import BY_VENDOR, selected, shown

_CHOICES: dict[str, tuple[str, ...]] = {
    "validate": ("on", "off"),
    "show_create_offsets": ("create", "current"),
    "early_commit": ("on", "off"),
}
"""Ours: whether CREATE and ALTER check what the originals check later; which offsets SHOW CREATE tells; whether jobs
that are created commit as soon as they have caught up, or in their vendor's rhythm.
"""
_SPELLINGS = {"true": "on", "1": "on", "false": "off", "0": "off"}
_OTHER_QUOTING = frozenset({"no_backslash_escapes", "ansi_quotes", "ansi"})
_SET_MAX = 256
_VALUE_CHARS_MAX = 4_096
_TIMEOUT_MAX_S = 259_200

_SHOW = re.compile(r"show\s+(.*)", re.IGNORECASE | re.DOTALL)
_VARIABLES = re.compile(r"(?:(?:session|global|local)\s+)?(verbose\s+)?variables\b(.*)", re.IGNORECASE | re.DOTALL)
_STATUS = re.compile(r"(?:(?:session|global|local)\s+)?status\b(.*)", re.IGNORECASE | re.DOTALL)
_TRANSACTION = re.compile(
    r"(?:begin|start\s+transaction\b.*|commit|rollback|savepoint\b.*|release\s+savepoint\b.*)\s*",
    re.IGNORECASE | re.DOTALL,
)
_OF_DUMPS = re.compile(
    r"(?:(?:un)?lock\s+tables?\b.*|alter\s+table\s+(?:[\w.]+|`[^`]+`)\s+(?:disable|enable)\s+keys)\s*",
    re.IGNORECASE | re.DOTALL,
)
"""What a dump puts around its rows; Doris takes LOCK TABLES likewise, and both take the other for a comment."""
_SET = re.compile(r"set\s+(.*)", re.IGNORECASE | re.DOTALL)
_QUOTED = r"'(?:[^'\\]|\\.|'')*+'|\"(?:[^\"\\]|\\.|\"\")*+\""
_NAMES = re.compile(
    rf"\s*(?:names|character\s+set|charset)\s+(?:{_QUOTED}|\w++)(?:\s+collate\s+(?:{_QUOTED}|\w++))?\s*(?:,|$)",
    re.IGNORECASE | re.DOTALL,
)
_ASSIGNMENT = re.compile(
    r"\s*(?:(?:session|global|local|persist)\s+|@@(?:session|global|local)\.|@@)?(@?)[`']?([a-z_][\w.]{0,63})[`']?\s*:?=\s*"
    rf"((?:{_QUOTED}|\((?:{_QUOTED}|[^()'\"]|\([^()]*+\))*+\)|[^,'\"(])++)(?:,|$)",
    re.IGNORECASE | re.DOTALL,
)
_OF_NO_EFFECT = re.compile(
    r"(?:(?:session|global|local)\s+)?transaction\b.*|(?:default\s+)?role\b.*|property\b.*", re.IGNORECASE | re.DOTALL
)
_UNSET = re.compile(r"unset\s+(?:(?:session|global|local)\s+)?variable\s+[`']?(\w{1,64})[`']?\s*", re.IGNORECASE)
_SWITCH = re.compile(r"switch\s+([`\w]{1,66})\s*", re.IGNORECASE)
_KEPT_BY_UNSET = frozenset({"max_allowed_packet", "validate"})
_CATALOG = re.compile(r"catalog\s+[`'\"]?(\w+)[`'\"]?", re.IGNORECASE)
_NULL = "NULL"
_CONCAT = re.compile(r"concat\s*\((.*)\)", re.IGNORECASE | re.DOTALL)
_PART = re.compile(rf"\s*+({_QUOTED}|@?@[\w.]++|[\w.+-]++)\s*+(?:,|$)", re.DOTALL)
_PARTS_MAX = 100
_SCOPE = re.compile(r"@@(?:(?:session|global|local)\.)?", re.IGNORECASE)


def answer(text: str, session: Session) -> Result | None:
    """The answer to a client's small talk; None where the text is something else."""
    if _TRANSACTION.fullmatch(text) or _OF_DUMPS.fullmatch(text):
        return Ok()
    if match := _SET.fullmatch(text):
        return _set(match[1], session)
    if match := _SHOW.fullmatch(text):
        return _show(match[1], session)
    if match := _UNSET.fullmatch(text):
        _unset(match[1].lower(), session)
        return Ok()
    if match := _SWITCH.fullmatch(text):
        return _set(f"catalog {match[1]}", session)
    return None


def choice(session: Session, name: str) -> str | None:
    """What the session, or else its vendor, chose of ``_CHOICES``; None: neither did."""
    return session.variables.get(name, BY_VENDOR[session.compat].get(name))


def whole_number(session: Session, name: str, default: int) -> int:
    """What the session set a variable to, where that is a number of one or more."""
    text = session.variables.get(name, "")
    return int(text) if re.fullmatch(r"[1-9]\d{0,8}", text, re.ASCII) else default


def with_session_values(text: str, session: Session) -> str:
    """A query whose ``@@x`` and session functions are literals."""
    if not mentions_session(text):
        return text

    def function(name: str) -> Value | type[LookupError]:
        values: dict[str, Callable[[], Value]] = {
            "database": lambda: session.database,
            "schema": lambda: session.database,
            "current_schema": lambda: session.database,
            "current_database": lambda: session.database,
            "user": lambda: f"'{session.user}'@'{session.client or '%'}'",
            "session_user": lambda: f"'{session.user}'@'{session.client or '%'}'",
            "system_user": lambda: f"'{session.user}'@'{session.client or '%'}'",
            "current_user": lambda: f"'{session.user}'@'%'",
            "current_role": lambda: ", ".join(session.rights.roles) or "NONE",
            "connection_id": lambda: session.connection_id,
            "version": lambda: server_version(session.compat),
            "current_version": lambda: version_comment(session.compat),
            "catalog": lambda: "default_catalog",
            "current_catalog": lambda: "default_catalog",
        }
        return values[name]() if name in values else LookupError

    return resolve(text, lambda name: _value(name, session), function)


def _value(name: str, session: Session) -> Value:
    if name.startswith("@"):
        return session.variables.get(name)
    everything = _all(session)
    if name not in everything:
        raise UnknownVariable(f"Unknown system variable '{name}'")
    value = everything[name]
    return None if value == _NULL else selected(name, value, session.compat)


def _all(session: Session) -> dict[str, str]:
    return {
        **BY_VENDOR[session.compat],
        "version": server_version(session.compat),
        "version_comment": version_comment(session.compat),
        "time_zone": session.timezone,
        "compat": session.compat.value,
        "routine_load_error": session.last_error,
        **session.variables,
    }


def _set(assignments: str, session: Session) -> Ok:
    if match := _CATALOG.fullmatch(assignments):
        if match[1].lower() not in CATALOGS:
            raise AnalysisError(f"Unknown catalog '{match[1]}'")
        return Ok()
    if _OF_NO_EFFECT.fullmatch(assignments):
        return Ok()
    at = count = 0
    while match := _NAMES.match(assignments, at) or _ASSIGNMENT.match(assignments, at):
        at, count = match.end(), count + 1
        if count > _SET_MAX:
            raise LimitExceeded(f"One SET may assign at most {_SET_MAX} variables")
        if match.re is _NAMES:  # every text is UTF-8 here
            continue
        variable, text = match[1] + match[2].lower(), match[3].strip()
        if text.upper() == "DEFAULT" or (match[1] and text.upper() == _NULL):
            _reset(variable, session)
        else:
            _assign(variable, _evaluated(text, session), session)
    if assignments[at:].strip():
        raise StatementSyntaxError("SET takes name = value, separated by commas")  # the rest may hold a password
    return Ok()


def _unset(variable: str, session: Session) -> None:
    """Doris: one variable, or all of them, as it was when the session began."""
    for name in [*session.variables, "time_zone"] if variable == "all" else [variable]:
        if variable != "all" or name not in _KEPT_BY_UNSET:
            _reset(name, session)


def _reset(variable: str, session: Session) -> None:
    """SET x = DEFAULT: the vendor's value again; SET @x = NULL: as if it had never been set."""
    if variable == "time_zone":
        session.timezone = DEFAULT_TIME_ZONE
    session.variables.pop(variable, None)


def _evaluated(text: str, session: Session) -> str:
    """What SET assigns: a literal, a word, another variable, or CONCAT of these, as drivers write it."""
    if match := _CONCAT.fullmatch(text):
        return "".join(_evaluated(part, session) for part in _parts(match[1]))
    return str(_value(_SCOPE.sub("", text).lower(), session)) if text.startswith("@") else _unquoted(text)


def _parts(text: str) -> list[str]:
    """What CONCAT puts together; each is bounded, so their number bounds what comes out."""
    parts: list[str] = []
    at = 0
    while match := _PART.match(text, at):
        parts.append(match[1])
        at = match.end()
        if len(parts) > _PARTS_MAX:
            raise LimitExceeded(f"CONCAT takes at most {_PARTS_MAX} values in SET")
    if text[at:].strip():
        raise StatementSyntaxError("CONCAT takes texts, numbers and variables in SET, separated by commas")
    return parts


def _assign(variable: str, value: str, session: Session) -> None:
    if variable == "compat":
        try:
            session.compat = Compat(value.lower())
        except ValueError as error:
            raise AnalysisError(f"compat is '{value}', allowed: starrocks, doris") from error
    elif variable == "time_zone":
        session.timezone = DEFAULT_TIME_ZONE if value.upper() == "SYSTEM" else standard_time_zone(value)
    else:
        if variable == "query_timeout":
            _check_timeout(value)
        if variable == "sql_mode":
            _check_sql_mode(value)
        if variable in _CHOICES:
            value = _chosen(variable, value)
        if len(value) > _VALUE_CHARS_MAX:
            raise LimitExceeded(f"The value of '{variable}' has more than {_VALUE_CHARS_MAX} characters")
        if len(session.variables) >= _SET_MAX and variable not in session.variables:
            raise LimitExceeded(f"A session may set at most {_SET_MAX} variables")
        session.variables[variable] = value


def _chosen(variable: str, value: str) -> str:
    """One of the words that this variable may be, in any case."""
    word = value.lower()
    word = _SPELLINGS.get(word, word) if "on" in _CHOICES[variable] else word
    if word not in _CHOICES[variable]:
        raise AnalysisError(f"{variable} is '{value[:64]}', allowed: {', '.join(_CHOICES[variable])}")
    return word


def _check_sql_mode(value: str) -> None:
    """A client that believed another way of quoting would send texts that mean something else here."""
    for mode in value.lower().replace(" ", "").split(","):
        if mode in _OTHER_QUOTING:
            raise AnalysisError(
                f"sql_mode {mode.upper()} is not possible: a backslash escapes, and double quotes hold a text"
            )


def _check_timeout(value: str) -> None:
    """StarRocks: 1 second to 3 days."""
    if not re.fullmatch(r"\d{1,6}", value, re.ASCII) or not 1 <= int(value) <= _TIMEOUT_MAX_S:
        raise AnalysisError(f"query_timeout is '{value[:64]}', allowed: seconds from 1 to {_TIMEOUT_MAX_S}")


def _show(text: str, session: Session) -> Result | None:
    if match := _VARIABLES.fullmatch(text):
        return _show_variables(match[2], session, verbose=bool(match[1]))
    if match := _STATUS.fullmatch(text):
        return _show_status(match[1], session)
    return fixed_list(text, session.compat)


def _show_variables(ending: str, session: Session, *, verbose: bool) -> Result:
    """StarRocks: two columns, four with VERBOSE; Doris: always four."""
    doris = session.compat is Compat.DORIS
    more = ("Default_Value", "Changed") if doris else ("Default_value", "Is_changed")
    columns = ("Variable_name", "Value", *(more if doris or verbose else ()))
    keep = row_condition(ending, columns)
    rows = (row[: len(columns)] for row in shown_variables(session))
    return text_table(columns, [row for row in rows if keep(row)])


def _show_status(ending: str, session: Session) -> Result:
    """How this connection is encrypted, which clients ask here (MySQL: ``Ssl_cipher``); the vendors tell nothing."""
    columns = ("Variable_name", "Value")
    keep = row_condition(ending, columns)
    rows = [("Ssl_cipher", session.tls_cipher), ("Ssl_version", session.tls_version)]
    return text_table(columns, [row for row in rows if keep(row)])


def shown_variables(session: Session) -> Iterator[tuple[str, str, str, str]]:
    """Name, value, default, and whether they differ, in the vendor's words."""
    defaults = BY_VENDOR[session.compat]
    for name, value in sorted(_all(session).items()):
        if not name.startswith("@"):
            default = shown(name, defaults.get(name, value), session.compat)
            now = shown(name, value, session.compat)
            differs = now != default
            yield name, now, default, str(int(differs)) if session.compat is Compat.DORIS else str(differs).lower()


def _unquoted(text: str) -> str:
    return string_value(text) if text[:1] in {"'", '"'} else text
