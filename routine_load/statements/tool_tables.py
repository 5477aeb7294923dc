"""Tables of ``information_schema`` that tools read beside SHOW: collations, character sets, engines, variables.

The same rows as the SHOW of the same name (``lists``, ``variable_values``), under MySQL's column names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from routine_load.ids import Compat
from routine_load.sql.results import ResultColumn, ResultType
from routine_load.sql.system_tables import SystemTable, Viewer, Wanted
from routine_load.statements.lists import fixed_list
from routine_load.statements.ports import Session
from routine_load.statements.variables import shown_variables


def tool_tables() -> list[SystemTable]:
    return [
        _table("character_sets", "CHARACTER_SET_NAME DEFAULT_COLLATE_NAME DESCRIPTION MAXLEN", _charsets),
        _table("collations", "COLLATION_NAME CHARACTER_SET_NAME ID IS_DEFAULT IS_COMPILED SORTLEN", _collations),
        _table("engines", "ENGINE SUPPORT COMMENT TRANSACTIONS XA SAVEPOINTS", _engines),
        _table("global_variables", "VARIABLE_NAME VARIABLE_VALUE", _global_variables),
        _table("session_variables", "VARIABLE_NAME VARIABLE_VALUE", _session_variables),
    ]


def _table(name: str, columns: str, rows: Any) -> SystemTable:
    numbers = {"MAXLEN", "ID", "SORTLEN"}
    typed = [ResultColumn(c, ResultType.BIGINT if c in numbers else ResultType.VARCHAR) for c in columns.split()]
    return SystemTable(name=name, columns=dict.fromkeys(Compat, typed), rows=rows)


def _listed(name: str, viewer: Viewer) -> Iterable[Sequence[Any]]:
    found = fixed_list(name, viewer.compat)
    assert found is not None, name
    return found.rows


def _charsets(viewer: Viewer, _: Wanted) -> Iterator[Sequence[Any]]:
    for name, description, collation, length in _listed("charset", viewer):
        yield name, collation, description, int(length)


def _collations(viewer: Viewer, _: Wanted) -> Iterator[Sequence[Any]]:
    for name, charset, number, *flags, length in _listed("collation", viewer):
        yield name, charset, int(number), *flags, int(length)


def _engines(viewer: Viewer, _: Wanted) -> Iterable[Sequence[Any]]:
    return _listed("engines", viewer)


def _global_variables(viewer: Viewer, _: Wanted) -> Iterator[Sequence[Any]]:
    """What a new session has."""
    return ((name, value) for name, value, *_ in shown_variables(Session(user=viewer.user, compat=viewer.compat)))


def _session_variables(viewer: Viewer, _: Wanted) -> Iterator[Sequence[Any]]:
    assert isinstance(viewer, Session), viewer
    return ((name, value) for name, value, *_ in shown_variables(viewer))
