"""Reading parse trees: children by rule, tokens as values, islands by their exact source slice.

Owns what statements share: names, property lists, expressions, LIMIT. Refuses to know a statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lark import Tree

from routine_load.errors import AnalysisError, LimitExceeded, Position
from routine_load.ids import Compat
from routine_load.sql.expressions import read_expression
from routine_load.sql.literals import name_value, string_value
from routine_load.sql.statement_parts import Expression, JobName, Property, SortKey
from routine_load.sql.table_parser import Leaf

PROPERTIES_MAX: Final = 1024

Node = Tree[Leaf]


@dataclass(frozen=True, slots=True)
class Reading:
    """One statement's source text and the vendor whose messages apply."""

    text: str
    compat: Compat

    def job(self, tree: Node) -> JobName:
        """The job under this rule, ``[db.]name``. Raises AnalysisError for more parts."""
        node = need(tree, "job")
        parts = [name_text(part) for part in nodes(node)]
        if len(parts) > 2:
            written = ".".join(parts)
            problem = f"Incorrect ROUTINE LOAD NAME name '{written}': a job is named [db.]name"
            if self.compat is Compat.DORIS:
                problem = "labelParts in load should be [db.]label"
            raise AnalysisError(problem, position=place(node))
        return JobName(name=parts[-1], database=parts[0] if len(parts) == 2 else None)

    def properties(self, tree: Node | None) -> tuple[Property, ...]:
        """The property list under this rule; keys are trimmed, values are not."""
        found = [node for node in nodes(tree) if node.data == "property"]
        if len(found) > PROPERTIES_MAX:
            raise LimitExceeded(f"a list has at most {PROPERTIES_MAX} properties, this one {len(found)}")
        return tuple(
            Property(key=_text(key).strip(), value=_text(value), position=place(node))
            for node in found
            for key, value in [tokens(node)]
        )

    def show_where(self, tree: Node) -> Expression | None:
        where = child(tree, "show_where")
        return self.island(where) if where is not None else None

    def island(self, tree: Node) -> Expression:
        """The expression under this clause, by its exact source slice."""
        node = child(tree, "expression") or need(tree, "show_expression")
        return read_expression(self.slice(node), place(node))

    def slice(self, tree: Node) -> str:
        """The text from the tree's first token to its last."""
        first, last = _edge(tree, 0), _edge(tree, -1)
        assert first is not None
        assert last is not None
        return self.text[first.start_pos : last.end_pos]


def nodes(tree: Node | None) -> list[Node]:
    return [part for part in tree.children if isinstance(part, Tree)] if tree else []


def child(tree: Node | None, rule: str) -> Node | None:
    for part in tree.children if tree else ():
        if isinstance(part, Tree) and part.data == rule:
            return part
    return None


def has(tree: Node, rule: str) -> bool:
    return child(tree, rule) is not None


def need(tree: Node | None, rule: str) -> Node:
    node = child(tree, rule)
    assert node is not None, rule
    return node


def tokens(tree: Node) -> list[str]:
    return [str(part) for part in tree.children if not isinstance(part, Tree)]


def token(tree: Node) -> str:
    """The last token under this rule: what stands before it are keywords."""
    return next(str(part) for part in reversed(tree.children) if not isinstance(part, Tree))


def _text(source: str) -> str:
    """A literal's value, the name in back-quotes, or a bare word as it stands."""
    return string_value(source) if source[0] in "'\"" else name_value(source)


def name_text(tree: Node) -> str:
    return name_value(token(tree))


def name(tree: Node) -> str:
    return name_text(need(tree, "name"))


def dotted(tree: Node) -> str:
    """The names under this rule as one, as they stand between dots."""
    return ".".join(name_text(node) for node in nodes(tree) if node.data == "name")


def text_or_name(part: Node | Leaf) -> str:
    return name_text(part) if isinstance(part, Tree) else string_value(str(part))


def database(tree: Node) -> str | None:
    """The name after FROM or IN."""
    node = child(tree, "in_database")
    return dotted(node) if node else None


def like(tree: Node) -> str | None:
    node = child(tree, "like")
    return string_value(token(node)) if node is not None else None


def sort_keys(tree: Node) -> tuple[SortKey, ...]:
    return tuple(SortKey(column=name(key), descending=key.data == "descending") for key in nodes(child(tree, "sort")))


def limits(tree: Node) -> tuple[int | None, int]:
    """LIMIT and OFFSET, None and 0 where they are absent."""
    node = next((n for n in nodes(tree) if n.data in {"limit", "limit_offset", "offset_limit"}), None)
    if node is None:
        return None, 0
    first, second = [*(int(number) for number in tokens(node)), 0][:2]
    return (second, first) if node.data == "offset_limit" else (first, second)


def place(tree: Node) -> Position | None:
    """Where the tree's first token stands."""
    first = _edge(tree, 0)
    return Position(first.line or 1, first.column or 1) if first is not None else None


def start_of(tree: Node) -> int | None:
    """Index of the tree's first token in the text."""
    first = _edge(tree, 0)
    return first.start_pos if first is not None else None


def _edge(tree: Node, end: int) -> Leaf | None:
    """The first (0) or last (-1) token of a tree that keeps its edges."""
    part: Node | Leaf = tree
    while isinstance(part, Tree):
        if not part.children:
            return None
        part = part.children[end]
    return part
