"""The ``jsonpaths`` and ``json_root`` properties: their text → steps → paths that DuckDB reads.

path = "$" { "." key | "[" index "]" | "[*]" }        key: quoted by " where it has dots or brackets
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from enum import Enum

from routine_load.errors import JsonPathsError

PATHS_MAX = 10_000
PATH_CHARS_MAX = 4_096


class Every(Enum):
    """The step ``[*]``."""

    ELEMENT = "*"


Step = str | int | Every
Path = tuple[Step, ...]

_STEP = re.compile(r'\.?"((?:[^"\\]|\\.)*)"|\.(?!\*$)([^.\[\]"]+)|\[(\d{1,9})\]|(\[\*\]|\.\*)')


def parse_jsonpaths(text: str) -> tuple[Path, ...]:
    """The paths of a ``jsonpaths`` property. Raises JsonPathsError."""
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError) as cause:
        raise JsonPathsError(
            f"Invalid json path: jsonpaths must be a JSON array of strings, got {text[:200]}"
        ) from cause
    if not isinstance(listed, list) or not all(isinstance(path, str) for path in listed):
        raise JsonPathsError(f"Invalid json path: jsonpaths must be a JSON array of strings, got {text[:200]}")
    if not 1 <= len(listed) <= PATHS_MAX:
        raise JsonPathsError(f"Invalid json path: jsonpaths has {len(listed)} paths, 1 to {PATHS_MAX} are allowed")
    return tuple(parse_path(path) for path in listed)


def parse_path(text: str) -> Path:
    """One path. ``$`` and ``$.`` are the whole document. Raises JsonPathsError."""
    stripped = text.strip()
    if len(stripped) > PATH_CHARS_MAX or not stripped.startswith("$"):
        raise JsonPathsError(f"Invalid json path: {text[:200]} (a path starts with $)")
    steps: list[Step] = []
    at = 1
    if stripped == "$.":
        return ()
    while at < len(stripped):
        match = _STEP.match(stripped, at)
        if match is None or (match[1] is not None and match[0].startswith('"')):
            raise JsonPathsError(f"Invalid json path: {text[:200]} (at character {at + 1})")
        if match[1] is not None:
            steps.append(re.sub(r"\\(.)", r"\1", match[1]))
        elif match[2] is not None:
            steps.append(match[2].strip())
        elif match[3] is not None:
            steps.append(int(match[3]))
        elif stripped.endswith(".*") and match.end() == len(stripped) and match[4] == ".*":
            pass  # a trailing .* means the value itself
        else:
            steps.append(Every.ELEMENT)
        at = match.end()
    return tuple(steps)


def pointer(path: Sequence[Step]) -> str:
    """The path as DuckDB's JSON pointer: unlike its ``$`` syntax, any key can be written in it."""
    if not path:
        return "$"
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(f"/{step}" for step in steps)


def located(path: Sequence[Step]) -> str:
    """The path in the syntax that says it exactly: a pointer's number is an index and a key, as it comes."""
    doubtful = any(isinstance(step, int) or (at > 0 and str(step).isdigit()) for at, step in enumerate(path))
    sayable = not any(isinstance(step, str) and set(step) & set('"\\*') for step in path)
    return dollar(path) if doubtful and sayable else pointer(path)


def is_single(path: Sequence[Step]) -> bool:
    """The path yields one value."""
    return Every.ELEMENT not in path


def dollar(path: Sequence[Step]) -> str:
    """The path in DuckDB's ``$`` syntax, which alone knows ``[*]``."""
    parts = ["$"]
    for step in path:
        if isinstance(step, Every):
            parts.append("[*]")
        elif isinstance(step, int):
            parts.append(f"[{step}]")
        else:
            parts.append('."' + step.replace('"', '\\"') + '"')
    return "".join(parts)
