"""ADMIN SET and SHOW FRONTEND CONFIG: the front end's settings, in the vendors' columns and words."""

from __future__ import annotations

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.jobs.frontend_config import ITEMS, ConfigItem
from routine_load.sql.predicates import name_filter
from routine_load.sql.results import Ok, ResultTable, text_table
from routine_load.sql.statements import SetFrontendConfig, ShowFrontendConfig
from routine_load.statements.context import Context
from routine_load.statements.ports import Session

COLUMNS = {
    Compat.STARROCKS: ("Key", "AliasNames", "Value", "Type", "IsMutable", "Comment"),
    Compat.DORIS: ("Key", "Value", "Type", "IsMutable", "MasterOnly", "Comment"),
}
_RUN_MODE = ("run_mode", "[]", "shared_nothing", "String", "false", "Where data lies. StarRocks' clients ask for it.")


def set_config(statement: SetFrontendConfig, session: Session, context: Context) -> Ok:
    """ADMIN SET FRONTEND CONFIG ("name" = "value"): in force at once, for every job, and after every start."""
    if len(statement.properties) != 1:
        raise AnalysisError("config parameter size is not equal to 1")
    (item,) = statement.properties
    context.frontend_config.set(item.key.strip(), item.value, session.compat)
    return Ok()


def show_config(statement: ShowFrontendConfig, session: Session, context: Context) -> ResultTable:
    """[ADMIN] SHOW FRONTEND CONFIG [LIKE]: the vendor's settings, and those of the other that were set."""
    matches = name_filter(statement.like) if statement.like is not None else None
    rows = [_row(item, session.compat, context) for item in ITEMS.values() if _is_shown(item, session.compat, context)]
    if session.compat is Compat.STARROCKS:
        rows.append(_RUN_MODE)
    chosen = [row for row in sorted(rows) if matches is None or matches({"Name": row[0]})]
    return text_table(COLUMNS[session.compat], chosen)


def _is_shown(item: ConfigItem, compat: Compat, context: Context) -> bool:
    return compat in item.vendors or context.frontend_config.is_overridden(item.name)


def _row(item: ConfigItem, compat: Compat, context: Context) -> tuple[str, ...]:
    value = str(getattr(context.frontend_config(compat), item.name)).lower()
    mutable, comment = str(item.mutable).lower(), item.comment(compat)
    if compat is Compat.STARROCKS:
        return (item.name, "[]", value, item.type_name, mutable, comment)
    return (item.name, value, item.type_name, mutable, "true", comment)
