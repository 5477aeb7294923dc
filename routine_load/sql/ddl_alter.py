"""What ALTER TABLE does, one action after the other, and the text of an action. Knows no storage.

action := ADD COLUMN column [FIRST | AFTER name] | ADD COLUMN "(" column, … ")"
        | DROP COLUMN name
        | MODIFY COLUMN column [FIRST | AFTER name] | MODIFY COLUMN name COMMENT string
        | ORDER BY names | [MODIFY] COMMENT [=] string
        | RENAME COLUMN name [TO] name | RENAME [TO] name | RENAME PARTITION name [TO] name
        | ADD [TEMPORARY] PARTITION [IF NOT EXISTS] partition [DISTRIBUTED BY …] | ADD [TEMPORARY] PARTITIONS series
        | DROP [TEMPORARY] PARTITION[S] [IF EXISTS] {name | names} [FORCE]
        | REPLACE PARTITION {name | names} WITH TEMPORARY PARTITION {name | names} [PROPERTIES (…)]
        | SET "(" "key" = "value", … ")"

"""

from __future__ import annotations

from dataclasses import dataclass

from routine_load.errors import AnalysisError, UnsupportedFeature
from routine_load.ids import Compat
from routine_load.sql.ddl_columns import ColumnDraft, read_column
from routine_load.sql.ddl_partitions import read_partition, read_series
from routine_load.sql.ddl_tokens import Reader
from routine_load.sql.schema import Column, TablePartition


@dataclass(frozen=True, slots=True, kw_only=True)
class AddColumn:
    """``after`` is a column name, empty for FIRST, None for the end."""

    column: Column
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DropColumn:
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyColumn:
    """``after`` is a column name, empty for FIRST, None: it stays in its place."""

    column: Column
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentOn:
    """``column`` None: on the table."""

    column: str | None
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderColumns:
    """All columns of the table, as they are to stand."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameColumn:
    name: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameTable:
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPartitions:
    """``follows``: the one partition begins where the last one ends (VALUES LESS THAN)."""

    partitions: tuple[TablePartition, ...]
    if_not_exists: bool = False
    follows: bool = False
    temporary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropPartitions:
    """Partitions, and the rows that are in them."""

    names: tuple[str, ...]
    if_exists: bool = False
    temporary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacePartitions:
    """Temporary partitions ``by`` become partitions in place of others.

    ``strict_range``: both together hold the same rows. ``takes_names``: the temporary names stay; otherwise, where they
    are as many, the others' do.
    """

    names: tuple[str, ...]
    by: tuple[str, ...]
    strict_range: bool = True
    takes_names: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RenamePartition:
    name: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetProperties:
    properties: tuple[tuple[str, str], ...]


_REPLACING = {"strict_range": "true", "use_temp_partition_name": "false"}
"""What the PROPERTIES of REPLACE PARTITION may say, and what holds otherwise."""

AlterAction = (
    SetProperties
    | AddColumn
    | DropColumn
    | ModifyColumn
    | CommentOn
    | OrderColumns
    | RenameColumn
    | RenameTable
    | AddPartitions
    | DropPartitions
    | ReplacePartitions
    | RenamePartition
)


def read_actions(reader: Reader, compat: Compat) -> list[AlterAction]:
    """One action as it is written; ``ADD COLUMN (a INT, b INT)`` is two."""
    if not (reader.looks_at("ADD", "COLUMN") and reader.peek(2).text == "("):
        return [read_action(reader, compat)]
    reader.expect("ADD", "COLUMN")
    reader.expect_symbol("(")
    found: list[AlterAction] = [AddColumn(column=_altered(read_column(reader, compat)))]
    while reader.accept_symbol(","):
        found.append(AddColumn(column=_altered(read_column(reader, compat))))
    reader.expect_symbol(")")
    _end(reader)
    return found


def read_action(reader: Reader, compat: Compat) -> AlterAction:
    action = _alter_column(reader, compat) or _alter_comment(reader) or _alter_partition(reader)
    if action is None and reader.accept("RENAME"):
        if reader.accept("PARTITION"):
            name = reader.name()
            reader.accept("TO")
            action = RenamePartition(name=name, to=reader.name())
        elif reader.accept("COLUMN"):
            name = reader.name()
            reader.accept("TO")
            action = RenameColumn(name=name, to=reader.name())
        else:
            reader.accept("TO")
            action = RenameTable(to=reader.name())
    if action is None and reader.accept("SET"):
        return SetProperties(properties=read_properties(reader))
    if action is None:
        raise UnsupportedFeature(
            "This ALTER TABLE is not supported; ADD COLUMN, DROP COLUMN, MODIFY COLUMN, ORDER BY, COMMENT, RENAME, "
            "RENAME COLUMN, ADD PARTITION, DROP PARTITION, REPLACE PARTITION and RENAME PARTITION are"
        )
    _end(reader)
    return action


def _end(reader: Reader) -> None:
    """A rollup that is meant, and properties of the alteration: nothing depends on them here."""
    if reader.accept("TO") or reader.accept("FROM") or reader.accept("IN"):
        reader.name()
    if reader.accept("PROPERTIES"):
        read_properties(reader)


def _alter_comment(reader: Reader) -> CommentOn | OrderColumns | None:
    if reader.accept("COMMENT") or reader.accept("MODIFY", "COMMENT"):
        reader.accept_symbol("=")
        return CommentOn(column=None, comment=reader.string())
    return OrderColumns(names=reader.names()) if reader.accept("ORDER", "BY") else None


def _alter_column(reader: Reader, compat: Compat) -> AlterAction | None:
    if reader.accept("ADD", "COLUMN"):
        return AddColumn(column=_altered(read_column(reader, compat)), after=_after(reader))
    if reader.accept("DROP", "COLUMN"):
        return DropColumn(name=reader.name())
    if reader.accept("MODIFY", "COLUMN"):
        if reader.peek(1).is_word("COMMENT"):
            name = reader.name()
            reader.expect("COMMENT")
            return CommentOn(column=name, comment=reader.string())
        return ModifyColumn(column=_altered(read_column(reader, compat)), after=_after(reader))
    return None


def _after(reader: Reader) -> str | None:
    return reader.name() if reader.accept("AFTER") else ("" if reader.accept("FIRST") else None)


def _alter_partition(reader: Reader) -> AddPartitions | DropPartitions | ReplacePartitions | None:
    if reader.accept("REPLACE", "PARTITION") or reader.accept("REPLACE", "PARTITIONS"):
        return _replace_partition(reader)
    verb = next((verb for verb in ("ADD", "DROP") if reader.looks_at(verb, "TEMPORARY")), "")
    temporary = bool(verb) and reader.accept(verb, "TEMPORARY")

    def says(verb: str, what: str) -> bool:
        return reader.accept(what) if temporary else reader.accept(verb, what)

    if verb != "DROP" and says("ADD", "PARTITIONS"):
        return AddPartitions(partitions=tuple(read_series(reader)), temporary=temporary)
    if verb != "DROP" and says("ADD", "PARTITION"):
        exists = reader.accept("IF", "NOT", "EXISTS")
        follows = reader.peek(1).is_word("VALUES") and reader.peek(2).is_word("LESS")
        made = read_partition(reader, None)
        if reader.accept("DISTRIBUTED", "BY"):
            reader.accept("RANDOM")
            if reader.accept("HASH"):
                reader.names()
            if reader.accept("BUCKETS"):
                reader.next()
        return AddPartitions(partitions=(made,), if_not_exists=exists, follows=follows, temporary=temporary)
    if verb != "ADD" and (says("DROP", "PARTITION") or says("DROP", "PARTITIONS")):
        exists = reader.accept("IF", "EXISTS")
        names = partition_names(reader)
        reader.accept("FORCE")
        return DropPartitions(names=names, if_exists=exists, temporary=temporary)
    return None


def _replace_partition(reader: Reader) -> ReplacePartitions:
    names = partition_names(reader)
    reader.expect("WITH", "TEMPORARY")
    if not reader.accept("PARTITIONS"):
        reader.expect("PARTITION")
    by = partition_names(reader)
    given = dict(read_properties(reader)) if reader.accept("PROPERTIES") else {}
    found = {key: _switch(key, given.pop(key, default)) for key, default in _REPLACING.items()}
    if given:
        raise AnalysisError(f"Unknown properties: {', '.join(given)}; REPLACE PARTITION has {', '.join(_REPLACING)}")
    return ReplacePartitions(
        names=names, by=by, strict_range=found["strict_range"], takes_names=found["use_temp_partition_name"]
    )


def _switch(key: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise AnalysisError(f"{key} must be a boolean: true or false, not {text}")
    return text.lower() == "true"


def partition_names(reader: Reader) -> tuple[str, ...]:
    return reader.names() if reader.peek().text == "(" else (reader.name(),)


def _altered(draft: ColumnDraft) -> Column:
    return draft.column(is_key=draft.is_key)


def read_properties(reader: Reader) -> tuple[tuple[str, str], ...]:
    """``("key" = "value", …)`` in the order written; the later of two equal keys counts."""
    reader.expect_symbol("(")
    found: dict[str, str] = {}
    while not reader.accept_symbol(")"):
        key = reader.string()
        reader.expect_symbol("=")
        found[key] = reader.string()
        if not reader.accept_symbol(","):
            reader.expect_symbol(")")
            break
    return tuple(found.items())
