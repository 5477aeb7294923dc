"""Parse tree to statement value: which function reads which rule of the grammar.

Refuses to know which properties, tables or functions exist; each statement's own rules stand beside its reader.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from routine_load.ids import Compat
from routine_load.sql import building_accounts as accounts
from routine_load.sql import building_administration as administration
from routine_load.sql import building_jobs as jobs
from routine_load.sql.statements import Statement
from routine_load.sql.trees import Node, Reading

_STATEMENTS: Final[dict[str, Callable[[Reading, Node], Statement]]] = {
    "create": jobs.create,
    "alter": jobs.alter,
    "rollback": jobs.rollback,
    "pause": jobs.pause,
    "resume": jobs.resume,
    "stop": jobs.stop,
    "show": jobs.show,
    "show_task": jobs.show_task,
    "show_create": jobs.show_create,
    "show_versions": jobs.show_versions,
    "create_user": accounts.create_user,
    "drop_user": accounts.drop_user,
    "alter_user": accounts.alter_user,
    "set_password": accounts.set_password,
    "grant": accounts.grant,
    "revoke": accounts.revoke,
    "show_grants": accounts.show_grants,
    **administration.STATEMENTS,
}


def build(tree: Node, text: str, compat: Compat) -> Statement:
    """The statement a tree means. ``text`` is what was parsed; positions count from its start. Raises AnalysisError."""
    return _STATEMENTS[tree.data](Reading(text, compat), tree)
