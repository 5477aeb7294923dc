"""Errors of a server as the errors of this program: the same class, number, SQLSTATE, position and message.

A front end says a failure in a frame of its vendor (``errors.RoutineLoadError.framed``); here the frame is taken off
again. Number and frame tell most classes. Where several share a number, our own service is asked: its session keeps
what failed last in ``@@routine_load_error`` (``RoutineLoadError.described``). Refuses to know sockets.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from routine_load import errors
from routine_load.errors import AnalysisError, ExecutionError, Position, RoutineLoadError, StatementSyntaxError

_COMMON = frozenset({1064, 1105})
"""Numbers that most failures have."""

LOST = frozenset({2006, 2013, 2014, 2055})
"""The client's own numbers for a connection that is gone."""

_STARROCKS = re.compile(
    r"Getting (?P<kind>syntax|analyzing) error(?: (?:at|from) line (?P<line>\d+), column (?P<column>\d+)[^.]*)?\. "
    r"Detail message: (?P<message>.*)\.",
    re.DOTALL,
)
_DORIS = re.compile(r"errCode = \d+, detailMessage = (?P<message>.*)", re.DOTALL)
_PLACE = re.compile(r"at line (\d+), column (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error packet: number, SQLSTATE (None where the server sent none) and text with its frame."""

    errno: int
    sqlstate: str | None
    text: str


def rebuilt(refusal: Refusal, kept: str = "") -> RoutineLoadError:
    """The error that the server had. ``kept`` is its ``@@routine_load_error``, where it was asked for."""
    message, kind, position = _unframed(refusal.text)
    known = _known(kept)
    if known.get("text") == refusal.text and known["class"] in _classes():
        message, kind = known["message"], _classes()[known["class"]]
        position = Position(*known["place"]) if known["place"] else None
    elif refusal.errno not in _COMMON:
        kind = _by_number().get(refusal.errno, ExecutionError)
    error = kind(message)
    error.position, error.errno = position, refusal.errno
    if refusal.sqlstate is not None:
        error.sqlstate = refusal.sqlstate
    return error


def _known(kept: str) -> dict[str, Any]:
    """What the session kept; empty where it kept nothing, or more than it may."""
    try:
        known = json.loads(kept) if kept else {}
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}


def _unframed(text: str) -> tuple[str, type[RoutineLoadError], Position | None]:
    if match := _STARROCKS.fullmatch(text):
        kind = StatementSyntaxError if match["kind"] == "syntax" else AnalysisError
        place = Position(int(match["line"]), int(match["column"])) if match["line"] else None
        return match["message"], kind, place
    match = _DORIS.fullmatch(text)
    message = match["message"] if match else text
    found = _PLACE.search(message)
    return message, ExecutionError, Position(int(found[1]), int(found[2])) if found else None


@cache
def _classes() -> dict[str, type[RoutineLoadError]]:
    return {
        name: each
        for name, each in vars(errors).items()
        if isinstance(each, type) and issubclass(each, RoutineLoadError)
    }


def is_shared(errno: int) -> bool:
    """Several kinds of failure have this number."""
    return errno in _COMMON or sum(errno in (kind.errno, kind.errno_doris) for kind in _classes().values()) > 1


@cache
def _by_number() -> dict[int, type[RoutineLoadError]]:
    found: dict[int, type[RoutineLoadError]] = {}
    for kind in _classes().values():
        for number in {kind.errno, kind.errno_doris} - {None, *_COMMON}:
            assert number is not None
            found.setdefault(number, kind)
    return found
