"""Partitions that a statement names: ``FROM t PARTITION (p)``, ``DELETE FROM t PARTITION p``, INSERT INTO.

Knows how the words stand in a statement and what becomes of them in its tree: a partition is a condition on rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import Token, TokenType, exp

from routine_load.engines.duckdb.admission import changed_table
from routine_load.engines.duckdb.kinds import KIND
from routine_load.engines.duckdb.partitions import named, rows_of
from routine_load.engines.duckdb.temporary import beside
from routine_load.errors import AnalysisError, UnsupportedFeature
from routine_load.sql.schema import Table
from routine_load.transform.typed import Kind

Partitioned = Callable[[Table], Table]
"""The table with the partitions that time and its rows have brought."""

_TEMPORARY = "SUBPARTITION"
_NAMES = {TokenType.VAR, TokenType.IDENTIFIER, TokenType.STRING}
_QUOTED = {TokenType.IDENTIFIER, TokenType.STRING}
_BEFORE_TABLES = {"FROM", "JOIN", "INTO", "OVERWRITE", "TABLE", "UPDATE", ","}


@dataclass(frozen=True, slots=True)
class Partitions:
    """Names of partitions behind the name of a table."""

    names: tuple[str, ...]
    temporary: bool


def spell_partitions(words: list[Token]) -> None:
    """Both vendors: [TEMPORARY] PARTITION[S] p or (p, …), in the one spelling that the parser knows."""
    for at in range(len(words) - 2, 0, -1):
        word, following = words[at].text.upper(), words[at + 1].token_type
        if word not in {"PARTITION", "PARTITIONS", "TABLET"}:
            continue
        if words[at].token_type in _QUOTED or not _follows_table(words, at):
            continue
        if word == "TABLET":
            if (
                following is TokenType.L_PAREN
                and words[at + 2 : at + 3]
                and words[at + 2].token_type is TokenType.NUMBER
            ):
                raise UnsupportedFeature("TABLET (…) is not supported: rows are in no tablets here")
        elif following is TokenType.L_PAREN or following in _NAMES:
            if following in _NAMES:
                words.insert(at + 2, Token(TokenType.R_PAREN, ")"))
                words.insert(at + 1, Token(TokenType.L_PAREN, "("))
            words[at] = Token(TokenType.PARTITION, "PARTITION", words[at].line, words[at].col)
            if words[at - 1].token_type is TokenType.TEMPORARY:
                words[at].text = _TEMPORARY
                del words[at - 1]


def taken(table: exp.Table) -> Partitions | None:
    """The partitions that a table names, taken out of the tree."""
    given = table.args.get("partition")
    if given is None:
        return None
    given.pop()
    return Partitions(tuple(name.name for name in given.expressions), temporary=bool(given.args.get("subpartition")))


def inserted_into(tree: exp.Expr) -> Partitions | None:
    """INSERT INTO t PARTITION (p, q)."""
    target = changed_table(tree) if isinstance(tree, exp.Insert) else None
    return None if target is None else taken(target)


def narrow(tree: exp.Expr, node: exp.Table, given: Partitions, table: Table) -> None:
    """Only the rows in these partitions, in place of the table ``node``. Raises AnalysisError."""
    if given.temporary:
        table = beside(table)
        node.set("this", exp.to_identifier(table.ref.table, quoted=True))
    elif table.partition_kind is None:
        if {name.lower() for name in given.names} != {table.ref.table.lower()}:
            raise AnalysisError(f"Error in list of partitions to {given.names[0]}")
        return
    inside = rows_of(table, named(table, given.names, temporary=given.temporary))
    condition = exp.Var(this=f"coalesce({inside}, false)")
    condition.meta[KIND] = Kind.BOOL.value
    if isinstance(tree, exp.Delete) and node is tree.this and not given.temporary:
        where = tree.args.get("where")
        asked = condition if where is None else exp.And(this=exp.Paren(this=where.this), expression=condition)
        tree.set("where", exp.Where(this=asked))
    elif isinstance(node.parent, exp.From | exp.Join):
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(node.name, quoted=True))
        stored = node.copy()
        stored.set("alias", None)
        rows = exp.Select(expressions=[exp.Star()], from_=exp.From(this=stored), where=exp.Where(this=condition))
        node.replace(exp.Subquery(this=rows, alias=alias.copy()))
    else:
        raise UnsupportedFeature("PARTITION can stand behind a table of FROM, of INSERT INTO and of DELETE FROM")


def _follows_table(words: list[Token], at: int) -> bool:
    """Whether the name of a table ends there; elsewhere these words are names, or a window's PARTITION BY."""
    at -= 2 if words[at - 1].token_type is TokenType.TEMPORARY else 1
    while at >= 2 and words[at - 1].token_type is TokenType.DOT:
        at -= 2
    return at >= 1 and words[at - 1].text.upper() in _BEFORE_TABLES
