"""A table of ``information_schema`` that is told, not kept: its columns by vendor, and who makes its rows.

The engine shows such a table without knowing what it is about; rooms that know something make one. Owns the shape of
the value and what a query says of its rows beforehand. Refuses to know any row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from routine_load.ids import Compat
from routine_load.sql.access import Rights
from routine_load.sql.results import ResultColumn


class Viewer(Protocol):
    """For whom rows are made: a client's session, as far as its view of the catalog depends on it."""

    @property
    def user(self) -> str: ...

    @property
    def rights(self) -> Rights:
        """What the user may do: rows about tables are told to those who see the table (``sql.access``)."""
        ...

    @property
    def compat(self) -> Compat: ...

    @property
    def database(self) -> str | None: ...

    @property
    def timezone(self) -> str: ...


_NUMBER = re.compile(r"-?[0-9]{1,18}")
"""What a column of numbers may hold; the store takes no larger ones."""

Wanted = Mapping[str, frozenset[str]]
"""Columns in upper case → texts of the only values that the query lets pass. It narrows; the query still filters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemTable:
    """``rows`` is called once per query that names the table, with what the query is known to want."""

    name: str
    columns: Mapping[Compat, Sequence[ResultColumn]]
    rows: Callable[[Viewer, Wanted], Iterable[Sequence[Any]]]


def wanted_numbers(wanted: Wanted, column: str) -> set[int] | None:
    """The numbers that a column may have; None where it may have any."""
    texts = wanted.get(column)
    if texts is None or not all(_NUMBER.fullmatch(text.strip()) for text in texts):
        return None
    return {int(text) for text in texts}
