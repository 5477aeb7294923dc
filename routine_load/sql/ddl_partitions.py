"""The PARTITION BY clause: its columns, and its ranges where they are written out."""

from __future__ import annotations

from dataclasses import dataclass

from routine_load.sql.ddl_tokens import Kind, Reader, literal
from routine_load.sql.schema import TablePartition


@dataclass(frozen=True, slots=True)
class Partitioning:
    """``clause`` is the source text. ``columns`` are plain names, or expressions as written."""

    clause: str
    columns: tuple[str, ...]
    partitions: tuple[TablePartition, ...] = ()


def read_partitioning(reader: Reader) -> Partitioning:
    start = reader.peek().start
    reader.accept("AUTO")
    reader.expect("PARTITION", "BY")
    if reader.accept("RANGE") or reader.accept("LIST") or reader.peek().text == "(":
        columns = _expressions(reader)
        partitions = _partitions(reader)
    else:
        columns = (_call(reader),)
        partitions = _partitions(reader)
    return Partitioning(reader.slice_from(start), columns, partitions)


def _expressions(reader: Reader) -> tuple[str, ...]:
    reader.expect_symbol("(")
    found: list[str] = []
    while True:
        found.append(_call(reader))
        if not reader.accept_symbol(","):
            break
    reader.expect_symbol(")")
    return tuple(found)


def _call(reader: Reader) -> str:
    """A column name, or ``function(…)`` as written."""
    start = reader.peek().start
    name = reader.name()
    if reader.peek().text != "(" or reader.peek().kind is not Kind.SYMBOL:
        return name
    reader.skip_parentheses()
    return reader.slice_from(start)


def _partitions(reader: Reader) -> tuple[TablePartition, ...]:
    if not reader.accept_symbol("("):
        return ()
    found: list[TablePartition] = []
    while not reader.accept_symbol(")"):
        lower = found[-1].upper if found else None
        if reader.looks_at("PARTITION"):
            found.append(_partition(reader, lower))
        else:
            _generated(reader)
        reader.accept_symbol(",")
    return tuple(found)


def _partition(reader: Reader, lower: str | None) -> TablePartition:
    reader.expect("PARTITION")
    reader.accept("IF", "NOT", "EXISTS")
    name = reader.name()
    if reader.accept("VALUES", "LESS", "THAN"):
        return TablePartition(name=name, lower=lower, upper=_bound(reader))
    if reader.accept("VALUES", "IN"):
        reader.skip_parentheses()
        return TablePartition(name=name)
    reader.expect("VALUES")
    reader.expect_symbol("[")
    low = _bound(reader)
    reader.expect_symbol(",")
    high = _bound(reader)
    if not reader.accept_symbol(")"):
        reader.expect_symbol("]")
    if reader.peek().text == "(":
        reader.skip_parentheses()
    return TablePartition(name=name, lower=low, upper=high)


def _generated(reader: Reader) -> None:
    """``START (…) END (…) EVERY (…)`` and ``FROM (…) TO (…) INTERVAL n unit``: kept as text only."""
    for pair in (("START", "END", "EVERY"), ("FROM", "TO", "INTERVAL")):
        if not reader.accept(pair[0]):
            continue
        reader.skip_parentheses()
        reader.expect(pair[1])
        reader.skip_parentheses()
        reader.expect(pair[2])
        if pair[2] == "EVERY":
            reader.skip_parentheses()
        else:
            reader.next()
            if reader.peek().kind is Kind.WORD:
                reader.next()
        return
    raise reader.unexpected("'PARTITION', 'START', 'FROM'")


def _bound(reader: Reader) -> str | None:
    """SQL literal text of a bound; None where it is unbounded. Of several columns' bounds, the first."""
    if reader.accept("MAXVALUE"):
        return None
    reader.expect_symbol("(")
    bounds: list[str | None] = []
    while True:
        token = reader.next()
        if token.is_word("MAXVALUE", "MINVALUE"):
            bounds.append(None)
        elif token.kind is Kind.STRING:
            bounds.append(literal(token.text))
        elif token.kind is Kind.NUMBER:
            bounds.append(token.text)
        elif token.text == "-" and reader.peek().kind is Kind.NUMBER:
            bounds.append("-" + reader.next().text)
        else:
            raise reader.unexpected("a literal, MAXVALUE")
        if not reader.accept_symbol(","):
            break
    reader.expect_symbol(")")
    return bounds[0]
