"""DDL text of both vendors ↔ values: databases, tables, columns.

Owns what is well formed; what a table declaration must be to make sense is in ``ddl_rules``. Knows no storage.

    create_table := CREATE TABLE [IF NOT EXISTS] name ( "(" item, … ")" clause* [AS query] | LIKE name )
    item         := column | INDEX … | [PRIMARY|UNIQUE|…] KEY "(" … ")"
    column       := name type attribute*
    clause       := ENGINE [=] word | {DUPLICATE|AGGREGATE|UNIQUE|PRIMARY} KEY names | COMMENT [=] string
                  | [AUTO] PARTITION BY … | DISTRIBUTED BY … | ORDER BY names | ROLLUP (…) | PROPERTIES (…)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from routine_load.errors import AnalysisError, NoDatabaseSelected, UnsupportedFeature
from routine_load.ids import Compat, TableRef
from routine_load.sql.ddl_alter import AlterAction, partition_names, read_actions, read_properties
from routine_load.sql.ddl_columns import read_column
from routine_load.sql.ddl_partitions import read_partitioning
from routine_load.sql.ddl_rules import TableDraft, declare
from routine_load.sql.ddl_tokens import Kind, Reader, first_word
from routine_load.sql.ddl_views import CreateView, DropView, read_view
from routine_load.sql.schema import KeyModel, Table

CATALOGS = frozenset({"default_catalog", "internal"})


@dataclass(frozen=True, slots=True)
class DdlContext:
    """What unqualified names and defaults mean."""

    database: str | None
    compat: Compat


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateDatabase:
    name: str
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropDatabase:
    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTable:
    """``query`` is the SELECT of CREATE TABLE … AS; ``table`` has no columns then, unless they were listed."""

    table: Table
    if_not_exists: bool = False
    query: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTableLike:
    ref: TableRef
    like: TableRef
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropTable:
    ref: TableRef
    if_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TruncateTable:
    """``partitions`` None: all rows."""

    ref: TableRef
    partitions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterTable:
    ref: TableRef
    actions: tuple[AlterAction, ...]


_INSTEAD = {
    "MATERIALIZED": "make a VIEW, or a table that a job of its own loads",
    "WORKLOAD": "there is one workload group here, the default one",
    "CATALOG": "there is one catalog here, the default one",
}

DdlStatement = (
    CreateDatabase
    | DropDatabase
    | CreateTable
    | CreateTableLike
    | DropTable
    | TruncateTable
    | AlterTable
    | CreateView
    | DropView
)


def parse_ddl(text: str, context: DdlContext) -> DdlStatement | None:
    """The DDL statement that the text is, or None where it begins like something else.

    Raises StatementSyntaxError, AnalysisError, UnsupportedFeature or NoDatabaseSelected.
    """
    if first_word(text) not in ("CREATE", "DROP", "TRUNCATE", "ALTER"):
        return None
    reader = Reader(text)
    if (view := _view(reader, context)) is not None:
        return view
    if reader.looks_at("CREATE") or reader.looks_at("DROP"):
        return _create(reader, context) if reader.next().is_word("CREATE") else _drop(reader, context)
    if reader.accept("TRUNCATE"):
        reader.expect("TABLE")
        ref = read_ref(reader, context)
        named = reader.accept("PARTITION") or reader.accept("PARTITIONS")
        partitions = partition_names(reader) if named else None
        reader.accept("FORCE")
        reader.expect_end()
        return TruncateTable(ref=ref, partitions=partitions)
    if reader.accept("ALTER", "TABLE"):
        return _alter(reader, context)
    return None


def _view(reader: Reader, context: DdlContext) -> CreateView | DropView | None:
    if reader.accept("CREATE", "OR", "REPLACE", "VIEW"):
        return replace(read_view(reader, read_ref(reader, context)), replaces=True)
    if reader.accept("ALTER", "VIEW"):
        return replace(read_view(reader, read_ref(reader, context)), must_exist=True)
    if reader.accept("CREATE", "VIEW"):
        exists = reader.accept("IF", "NOT", "EXISTS")
        return replace(read_view(reader, read_ref(reader, context)), if_not_exists=exists)
    if reader.accept("DROP", "VIEW"):
        exists = reader.accept("IF", "EXISTS")
        ref = read_ref(reader, context)
        reader.expect_end()
        return DropView(ref=ref, if_exists=exists)
    return None


def parse_create_table(text: str, context: DdlContext) -> Table:
    """The table that a CREATE TABLE statement declares."""
    statement = parse_ddl(text, context)
    if not isinstance(statement, CreateTable):
        raise AnalysisError("Not a CREATE TABLE statement with columns")
    return statement.table


def read_ref(reader: Reader, context: DdlContext) -> TableRef:
    """``[[catalog.]database.]table``. Raises NoDatabaseSelected."""
    parts = [reader.name()]
    while len(parts) < 3 and reader.accept_symbol("."):
        parts.append(reader.name())
    if len(parts) == 3 and parts[0] not in CATALOGS:
        raise AnalysisError(f"Unknown catalog '{parts[0]}'")
    database = parts[-2] if len(parts) > 1 else context.database
    if not database:
        raise NoDatabaseSelected("No database selected")
    return TableRef(database, parts[-1])


def _database_name(reader: Reader) -> str:
    name = reader.name()
    if name in CATALOGS and reader.accept_symbol("."):
        name = reader.name()
    return name


def _create(reader: Reader, context: DdlContext) -> DdlStatement:
    if reader.accept("DATABASE") or reader.accept("SCHEMA"):
        exists = reader.accept("IF", "NOT", "EXISTS")
        name = _database_name(reader)
        while not reader.at_end():
            if reader.accept("PROPERTIES"):
                reader.skip_parentheses()
            elif any(
                reader.accept(*words) for words in (("DEFAULT",), ("CHARACTER", "SET"), ("CHARSET",), ("COLLATE",))
            ):
                reader.accept_symbol("=")
                if (
                    not reader.looks_at("CHARACTER")
                    and not reader.looks_at("CHARSET")
                    and not reader.looks_at("COLLATE")
                ):
                    reader.name()
            else:
                raise reader.unexpected("PROPERTIES', <EOF>, '")
        return CreateDatabase(name=name, if_not_exists=exists)
    if reader.looks_at("EXTERNAL") or reader.looks_at("TEMPORARY"):
        raise UnsupportedFeature(f"CREATE {reader.peek().text.upper()} TABLE is not kept here; create a plain table")
    if not reader.accept("TABLE"):
        what = reader.peek().text.upper() or "nothing"
        instead = _INSTEAD.get(what, "DATABASE, TABLE, VIEW and ROUTINE LOAD are")
        raise UnsupportedFeature(f"CREATE {what} is not supported; {instead}")
    exists = reader.accept("IF", "NOT", "EXISTS")
    ref = read_ref(reader, context)
    if reader.accept("LIKE"):
        like = read_ref(reader, context)
        reader.expect_end()
        return CreateTableLike(ref=ref, like=like, if_not_exists=exists)
    return _create_table(reader, context, ref, exists)


def _create_table(reader: Reader, context: DdlContext, ref: TableRef, exists: bool) -> CreateTable:
    draft = TableDraft(ref=ref)
    names_only = False
    if reader.accept_symbol("("):
        names_only = reader.peek(1).text in (",", ")")
        while True:
            if names_only:
                draft.names.append(reader.name())
            else:
                _table_item(reader, context, draft)
            if not reader.accept_symbol(","):
                break
        reader.expect_symbol(")")
    while not reader.at_end() and not reader.looks_at("AS") and not reader.looks_at("SELECT"):
        _table_clause(reader, draft)
    query = ""
    if not reader.at_end():
        reader.accept("AS")
        if names_only:
            raise UnsupportedFeature(
                "CREATE TABLE … AS with a column list is not kept here; name the columns by aliases"
            )
        query = reader.source[reader.peek().start :].rstrip().rstrip(";")
        if draft.columns:
            raise AnalysisError("CREATE TABLE … AS takes no column types; the query decides them")
    elif names_only or not draft.columns:
        raise reader.unexpected("a column list with types")
    return CreateTable(table=declare(draft, from_query=bool(query)), if_not_exists=exists, query=query)


def _table_item(reader: Reader, context: DdlContext, draft: TableDraft) -> None:
    if reader.looks_at("INDEX") and reader.peek(1).kind in (Kind.WORD, Kind.QUOTED):
        _skip_index(reader)
    elif (model := _key_clause(reader)) is not None:
        draft.set_key(model, reader.names())
    else:
        draft.columns.append(read_column(reader, context.compat))


def _skip_index(reader: Reader) -> None:
    """Secondary indexes change speed only; here a scan needs none."""
    reader.expect("INDEX")
    reader.accept("IF", "NOT", "EXISTS")
    reader.name()
    reader.skip_parentheses()
    if reader.accept("USING"):
        reader.name()
        if reader.peek().text == "(":
            reader.skip_parentheses()
    if reader.accept("PROPERTIES"):
        reader.skip_parentheses()
    if reader.accept("COMMENT"):
        reader.string()


def _key_clause(reader: Reader) -> KeyModel | None:
    for model in KeyModel:
        word = model.value.split()[0]
        if reader.looks_at(word, "KEY") and reader.peek(2).text == "(":
            reader.expect(word, "KEY")
            return model
    return None


def _table_clause(reader: Reader, draft: TableDraft) -> None:  # noqa: C901 - a flat table of clauses
    if (model := _key_clause(reader)) is not None:
        draft.set_key(model, reader.names())
        if reader.accept("CLUSTER", "BY"):
            draft.order_by = reader.names()
    elif reader.accept("ENGINE"):
        reader.accept_symbol("=")
        draft.engine = reader.name().upper()
        if draft.engine != "OLAP":
            raise UnsupportedFeature(f"ENGINE={draft.engine} is not kept here; only OLAP is")
    elif reader.accept("COMMENT"):
        reader.accept_symbol("=")
        draft.comment = reader.string()
    elif reader.looks_at("PARTITION", "BY") or reader.looks_at("AUTO", "PARTITION", "BY"):
        draft.partitioning = read_partitioning(reader)
    elif reader.looks_at("DISTRIBUTED", "BY"):
        _distribution(reader, draft)
    elif reader.accept("ORDER", "BY"):
        draft.order_by = reader.names()
    elif reader.accept("ROLLUP"):
        reader.skip_parentheses()
    elif reader.accept("PROPERTIES"):
        draft.properties = read_properties(reader)
    else:
        raise reader.unexpected("'ENGINE', 'KEY', 'COMMENT', 'PARTITION', 'DISTRIBUTED', 'ORDER', 'PROPERTIES'")


def _distribution(reader: Reader, draft: TableDraft) -> None:
    reader.expect("DISTRIBUTED", "BY")
    if reader.accept("RANDOM"):
        draft.distribution = "RANDOM"
    else:
        reader.expect("HASH")
        draft.hash_columns = reader.names()
        draft.distribution = f"HASH({', '.join(f'`{name}`' for name in draft.hash_columns)})"
    if reader.accept("BUCKETS"):
        draft.distribution += " BUCKETS " + ("AUTO" if reader.accept("AUTO") else str(reader.integer()))


def _drop(reader: Reader, context: DdlContext) -> DdlStatement:
    if reader.accept("DATABASE") or reader.accept("SCHEMA"):
        exists = reader.accept("IF", "EXISTS")
        name = _database_name(reader)
        reader.accept("FORCE")
        reader.expect_end()
        return DropDatabase(name=name, if_exists=exists)
    if not reader.accept("TABLE"):
        what = reader.peek().text.upper() or "nothing"
        raise UnsupportedFeature(f"DROP {what} is not supported; DATABASE, TABLE and VIEW are")
    exists = reader.accept("IF", "EXISTS")
    ref = read_ref(reader, context)
    reader.accept("FORCE")
    reader.expect_end()
    return DropTable(ref=ref, if_exists=exists)


def _alter(reader: Reader, context: DdlContext) -> AlterTable:
    ref = read_ref(reader, context)
    actions = read_actions(reader, context.compat)
    while reader.accept_symbol(","):
        actions += read_actions(reader, context.compat)
    reader.expect_end()
    return AlterTable(ref=ref, actions=tuple(actions))
