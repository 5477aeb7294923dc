"""How a vendor function is written down: its parameters' kinds, its result's kind, and DuckDB SQL that means the same.

A signature is one letter per parameter: ``T`` text, ``I`` integer, ``G`` LARGEINT, ``D`` double, ``N`` any number (text
becomes double), ``m`` a moment (DATETIME), ``d`` a day, ``B`` boolean, ``J`` JSON text, ``L`` array, ``K`` map, ``b``
bitmap, ``h`` HLL, ``q`` quantile state, ``Y`` bytes, ``A`` anything as it is,
``F`` a constant text that the builder translates. ``?`` after a letter: it may be absent; ``*`` after the last: any
number more. The body is a template (``{0}``) or a builder for what depends on constants, kinds or the time zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.transform.typed import Kind, Stages, Typed

ARGUMENTS_MAX = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a function's meaning depends on beside its arguments."""

    compat: Compat
    zone: str
    stages: Stages


Builder = Callable[[list[Typed], Context], "str | Typed"]
"""Makes SQL of arguments; a Typed where it bound names of its own."""
ResultKind = Kind | Callable[[list[Typed]], Kind]


@dataclass(frozen=True, slots=True)
class Function:
    """One vendor function. ``repeats``: the template uses an argument more than once, so arguments are bound first."""

    name: str
    signature: str
    result: ResultKind
    body: str | Builder
    repeats: bool

    @property
    def arity(self) -> tuple[int, int]:
        """Fewest and most arguments."""
        least = len(re.findall(r"[A-Za-z](?![?*])", self.signature))
        most = ARGUMENTS_MAX if "*" in self.signature else len(re.findall(r"[A-Za-z]", self.signature))
        return least, most

    def letter(self, index: int) -> str:
        letters = re.findall(r"[A-Za-z]", self.signature)
        return str(letters[min(index, len(letters) - 1)])


class Family:
    """Functions of one subject. ``add`` takes all names of one meaning at once."""

    def __init__(self) -> None:
        self.functions: dict[str, Function] = {}

    def add(self, names: str, signature: str, result: ResultKind, body: str | Builder) -> None:
        repeats = callable(body) or any(body.count("{" + str(i) + "}") > 1 for i in range(8))
        for name in names.split():
            assert name not in self.functions, name
            self.functions[name] = Function(name, signature, result, body, repeats)


def constant(args: list[Typed], index: int, function: str, what: str) -> str:
    """The text of a constant argument. Raises AnalysisError where it is none."""
    text = args[index].literal
    if text is None:
        raise AnalysisError(f"{function}: {what} must be a constant")
    return text


def whole_number(args: list[Typed], index: int, function: str, what: str) -> int:
    """A constant argument that is a whole number. Raises AnalysisError where it is none."""
    text = constant(args, index, function, what)
    if not text.lstrip("-").isdigit():
        raise AnalysisError(f"{function}: {what} must be a whole number, not {text}")
    return int(text)


def joined(parts: str, by: str) -> str:
    """SQL of a list's elements with ``by`` between them, NULLs left out; DuckDB's own needs a constant separator."""
    known = f"list_filter({parts}, lambda __v: __v IS NOT NULL)"
    return (
        f"CASE WHEN len({known}) = 0 AND {by} IS NOT NULL THEN '' "
        f"WHEN len({known}) > 0 THEN list_reduce({known}, lambda __v, __w: __v || {by} || __w) END"
    )


def common_kind(values: list[Typed]) -> Kind:
    """The kind that all values can be seen as: theirs if one, a number if all are numbers, else text."""
    kinds = {value.kind for value in values} - {Kind.NULL}
    if not kinds:
        return Kind.TEXT
    if len(kinds) == 1:
        return kinds.pop()
    if kinds <= {Kind.INT, Kind.LARGEINT, Kind.BOOL}:
        return Kind.LARGEINT if Kind.LARGEINT in kinds else Kind.INT
    if all(kind.is_number or kind is Kind.BOOL for kind in kinds):
        return Kind.DECIMAL if Kind.DECIMAL in kinds and Kind.DOUBLE not in kinds else Kind.DOUBLE
    if all(kind.is_time for kind in kinds):
        return Kind.DATETIME
    return Kind.TEXT
