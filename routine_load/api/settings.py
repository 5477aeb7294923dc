"""Names and values become ``Settings``, or an error that says key, value, where it came from and what is allowed.

The embedded API and the command line share these rules; which source wins is the caller's business.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from routine_load.config import Settings
from routine_load.engines.cluster.address import SHAPE, is_cluster, read_target
from routine_load.errors import PropertyError
from routine_load.ids import Compat

OFF = "off"
"""How a port, or another setting that may be absent, is switched off in text."""

_TYPES: Mapping[str, Any] = get_type_hints(Settings)
_PORTS = frozenset({"mysql_port", "http_port", "be_http_port"})
_INT_BOUNDS = {"backends": (0, 64), "linger_ms": (0, 60_000), "tick_ms": (10, 60_000), "connections_max": (1, 100_000)}
_INT_BOUNDS |= {
    "http_connections_max": (1, 100_000),
    "http_loads_max": (1, 10_000),
    "metadata_connections_max": (1, 1000),
}
_INT_DEFAULT = (1, 2**40)
_FLOAT_MAX = 10_000_000.0
_MEMORY = re.compile(r"\d+(\.\d+)?\s*(KB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Given:
    """A value as somebody wrote it, and where."""

    value: object
    origin: str


def names() -> tuple[str, ...]:
    """Every setting, in the order of ``Settings``."""
    return tuple(field.name for field in fields(Settings))


def build(given: Mapping[str, Given]) -> Settings:
    """Check every value and make the settings. Raises PropertyError for the first that is not allowed."""
    values = {name: _value(name, each) for name, each in given.items()}
    for field in fields(Settings):
        if field.default is MISSING and field.default_factory is MISSING and field.name not in values:
            raise PropertyError(f"{field.name} is missing; it has no default")
    settings = Settings(**_of_one_vendor(values))
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing = "tls_key" if settings.tls_key is None else "tls_cert"
        raise PropertyError(f"{missing} is missing; tls_cert and tls_key are given together or not at all")
    return settings


def _of_one_vendor(values: dict[str, Any]) -> dict[str, Any]:
    """A cluster's vendor decides whose rules apply. Raises PropertyError where another's are asked for."""
    target = values.get("target", "duckdb")
    if is_cluster(target):
        vendor = read_target(target).vendor
        if values.setdefault("compat", vendor) is not vendor:
            raise PropertyError(
                f"compat is '{values['compat']}', but the target is a {vendor} cluster; leave compat out"
            )
    return values


def _value(name: str, given: Given) -> Any:
    if name not in _TYPES:
        close = difflib.get_close_matches(name, names(), 1)
        hint = f"did you mean {close[0]}?" if close else f"allowed: {', '.join(names())}"
        raise PropertyError(f"unknown setting {name!r} ({given.origin}); {hint}")
    rule, allowed = _rule(name)
    try:
        return rule(given.value)
    except (ValueError, TypeError) as error:
        raise PropertyError(
            f"{name} = {_shown(name, given.value)} ({given.origin}) is not allowed; allowed: {allowed}"
        ) from error


def _shown(name: str, value: object) -> str:
    """The value for an error text; a URL may hold a password and is not shown."""
    return "******" if name.endswith("_url") or name == "target" else repr(value)[:100]


def _rule(name: str) -> tuple[Callable[[Any], Any], str]:
    """How a setting is read, and what is allowed in words."""
    if name in _PORTS:
        return _optional(_integer(0, 65535)), "0 to 65535 (0: any free port), or off"
    if name == "target":
        return _target, f"duckdb, or {SHAPE}"
    if name.endswith("_memory"):
        return _memory, "an amount such as 256MB"
    kind, optional = _kind(_TYPES[name])
    rule, allowed = _rule_of_kind(name, kind)
    return (_optional(rule), f"{allowed}, or off") if optional else (rule, allowed)


def _rule_of_kind(name: str, kind: Any) -> tuple[Callable[[Any], Any], str]:
    if kind is int:
        low, high = _INT_BOUNDS.get(name, _INT_DEFAULT)
        return _integer(low, high), f"a whole number from {low} to {high}"
    if get_origin(kind) is dict:
        return _strings, "a table of names and values"
    if get_origin(kind) is tuple:
        return _texts, "texts separated by commas"
    return {
        bool: (_boolean, "true or false"),
        float: (_seconds, f"a number above 0 up to {_FLOAT_MAX:.0f}"),
        Compat: (_one_of({compat.value: compat for compat in Compat}), " or ".join(Compat)),
        Path: (_path, "a path"),
        str: (_text, "a text"),
    }[kind]


def _kind(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, UnionType):
        (kind,) = [each for each in get_args(annotation) if each is not type(None)]
        return kind, True
    return annotation, False


def _optional(rule: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None or value == OFF else rule(value)


def _integer(low: int, high: int) -> Callable[[Any], int]:
    def rule(value: Any) -> int:
        if isinstance(value, bool | float):
            raise TypeError
        number = int(value)
        if not low <= number <= high:
            raise ValueError
        return number

    return rule


def _seconds(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not 0 < number <= _FLOAT_MAX:
        raise ValueError
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() not in _BOOLEANS:
        raise ValueError
    return _BOOLEANS[str(value).lower()]


def _one_of(allowed: Mapping[str, Any]) -> Callable[[Any], Any]:
    def rule(value: Any) -> Any:
        if str(value).lower() not in allowed:
            raise ValueError
        return allowed[str(value).lower()]

    return rule


def _memory(value: Any) -> str:
    if not _MEMORY.fullmatch(str(value)):
        raise ValueError
    return str(value)


def _path(value: Any) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError
    return Path(value).expanduser()


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _target(value: Any) -> str:
    text = _text(value)
    if text.lower() == "duckdb":
        return "duckdb"
    if not is_cluster(text):
        raise ValueError
    read_target(text)
    return text


def _texts(value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise TypeError
    return tuple(part.strip() for part in parts if part.strip())


def _strings(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise TypeError
    return {str(key): str(each).lower() if isinstance(each, bool) else str(each) for key, each in value.items()}
