"""A table as the text of SHOW CREATE TABLE, in each vendor's spelling; it can be run again as it stands."""

from __future__ import annotations

from routine_load.ids import Compat
from routine_load.sql.ddl_types import spell
from routine_load.sql.schema import Column, KeyModel, Table


def create_table_text(table: Table, compat: Compat) -> str:
    columns = ",\n".join(f"  {_column(c, table.key_model, compat)}" for c in table.columns)
    parts = [f"CREATE TABLE `{_name(table.ref.table)}` (\n{columns}\n) ENGINE={table.engine} "]
    if keys := table.key_columns:
        parts.append(f"{table.key_model}({_names(tuple(c.name for c in keys))})")
    if table.comment:
        parts.append(f"COMMENT {_string(table.comment)}")
    if table.partition_clause:
        parts.append(table.partition_clause)
    if table.distribution:
        parts.append(f"DISTRIBUTED BY {table.distribution}")
    if table.order_by:
        parts.append(f"ORDER BY({_names(table.order_by)})")
    if table.properties:
        lines = ",\n".join(f"{_string(key)} = {_string(value)}" for key, value in table.properties)
        parts.append(f"PROPERTIES (\n{lines}\n)")
    return "\n".join(parts) + ";"


def default_text(column: Column) -> str | None:
    """The default's value as DESC shows it: without quotes; None where there is none."""
    text = column.default
    if text is None or text == "NULL":
        return None
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    return text


def _column(column: Column, model: KeyModel, compat: Compat) -> str:
    words = [f"`{_name(column.name)}`", spell(column.type, compat, widths=compat is Compat.STARROCKS)]
    if column.aggregation is not None and model is KeyModel.AGGREGATE:
        words.append(str(column.aggregation))
    words.append("NULL" if column.nullable else "NOT NULL")
    if column.auto_increment:
        words.append("AUTO_INCREMENT" if column.auto_start == 1 else f"AUTO_INCREMENT({column.auto_start})")
    if (text := default_text(column)) is not None:
        plain = column.default in ("CURRENT_TIMESTAMP", "CURRENT_DATE", "uuid()")
        words += ["DEFAULT", text if plain else _string(text)]
    if column.on_update:
        words.append("ON UPDATE CURRENT_TIMESTAMP")
    if column.generated is not None:
        words.append(f"AS {column.generated}" if compat is Compat.STARROCKS else f"AS ({column.generated})")
    words += ["COMMENT", _string(column.comment)] if column.comment or compat is Compat.STARROCKS else []
    return " ".join(words)


def _name(name: str) -> str:
    return name.replace("`", "``")


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{_name(name)}`" for name in names)


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
