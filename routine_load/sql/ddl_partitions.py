"""The PARTITION BY clause: its columns, and its partitions where they are written out.

partitioning := [AUTO] PARTITION BY {RANGE | LIST} "(" expression, … ")" [partitions]
| PARTITION BY {expression, … | "(" expression, … ")"} [partitions]
partitions   := "(" [partition | START … END … EVERY … | FROM … TO … INTERVAL …] "," … ")"
partition    := PARTITION [IF NOT EXISTS] name VALUES {LESS THAN bound | "[" bound "," bound ")" | IN list}
"""

from __future__ import annotations

from dataclasses import dataclass

from routine_load.errors import AnalysisError
from routine_load.sql.ddl_tokens import Kind, Reader, literal
from routine_load.sql.partition_series import Series, Unit
from routine_load.sql.schema import MAXVALUE, MINVALUE, Bound, PartitionKind, TablePartition

PARTITIONS_MAX = 4_096
"""Both vendors: partitions that one statement may make."""


@dataclass(frozen=True, slots=True)
class Partitioning:
    """``clause`` is the source text. ``columns`` are plain names, or expressions as written."""

    clause: str
    columns: tuple[str, ...]
    kind: PartitionKind
    comes: bool = False
    partitions: tuple[TablePartition, ...] = ()


def read_partitioning(reader: Reader) -> Partitioning:
    start = reader.peek().start
    comes = reader.accept("AUTO")
    reader.expect("PARTITION", "BY")
    kind = next((kind for kind in PartitionKind if reader.accept(kind.value)), PartitionKind.EXPRESSION)
    columns = _expressions(reader)
    if kind is PartitionKind.EXPRESSION or any("(" in column for column in columns):
        comes = True
    partitions = read_partitions(reader) if reader.peek().text == "(" else ()
    return Partitioning(reader.slice_from(start), columns, kind, comes, partitions)


def _expressions(reader: Reader) -> tuple[str, ...]:
    """In parentheses or not (StarRocks: ``PARTITION BY date_trunc('day', d), city``)."""
    wrapped = reader.accept_symbol("(")
    found: list[str] = []
    while True:
        found.append(_call(reader))
        if not reader.accept_symbol(","):
            break
    if wrapped:
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


def read_partitions(reader: Reader) -> tuple[TablePartition, ...]:
    reader.expect_symbol("(")
    found: list[TablePartition] = []
    while not reader.accept_symbol(")"):
        if reader.looks_at("PARTITION"):
            reader.expect("PARTITION")
            reader.accept("IF", "NOT", "EXISTS")
            found.append(read_partition(reader, found[-1].upper if found else None))
        else:
            found += read_series(reader)
        if len(found) > PARTITIONS_MAX:
            raise AnalysisError(f"A statement makes at most {PARTITIONS_MAX} partitions, got {len(found)}")
        reader.accept_symbol(",")
    return tuple(found)


def read_partition(reader: Reader, lower: Bound | None) -> TablePartition:
    """``name VALUES …``; ``lower`` is where LESS THAN begins."""
    name = reader.name()
    reader.expect("VALUES")
    if reader.accept("LESS", "THAN"):
        made = TablePartition(name=name, lower=lower, upper=_bound(reader))
    elif reader.accept("IN"):
        made = TablePartition(name=name, values=_values(reader))
    else:
        reader.expect_symbol("[")
        low = _bound(reader)
        reader.expect_symbol(",")
        high = _bound(reader)
        if not reader.accept_symbol(")"):
            reader.expect_symbol("]")
        made = TablePartition(name=name, lower=low, upper=high)
    if reader.peek().text == "(":
        reader.skip_parentheses()
    return made


def read_series(reader: Reader) -> list[TablePartition]:
    """``START (…) END (…) EVERY (…)`` (StarRocks) and ``FROM (…) TO (…) INTERVAL n unit`` (Doris)."""
    for words, prefix in ((("START", "END", "EVERY"), "p"), (("FROM", "TO", "INTERVAL"), "p_")):
        if not reader.accept(words[0]):
            continue
        first = _plain(reader)
        reader.expect(words[1])
        last = _plain(reader)
        reader.expect(words[2])
        wrapped = reader.accept_symbol("(")
        reader.accept("INTERVAL")
        step = reader.integer() if reader.peek().kind is Kind.NUMBER else int(reader.string())
        unit = Unit.of(reader.name()) if reader.peek().kind is Kind.WORD and not reader.looks_at("PARTITION") else None
        if wrapped:
            reader.expect_symbol(")")
        return Series(first=first, last=last, step=step, unit=unit, prefix=prefix).partitions(PARTITIONS_MAX)
    raise reader.unexpected("'PARTITION', 'START', 'FROM'")


def _plain(reader: Reader) -> str:
    """``("text")``, ``(7)``."""
    reader.expect_symbol("(")
    token = reader.next()
    if token.kind not in (Kind.STRING, Kind.NUMBER):
        raise reader.unexpected("a literal")
    reader.expect_symbol(")")
    return token.text


def _values(reader: Reader) -> tuple[Bound, ...]:
    """``("a", "b")``, or one parenthesis for each value of several columns."""
    reader.expect_symbol("(")
    found: list[Bound] = []
    while True:
        if reader.peek().text == "(" and reader.peek().kind is Kind.SYMBOL:
            found.append(_bound(reader) or ())
        else:
            found.append((_literal(reader),))
        if not reader.accept_symbol(","):
            break
    reader.expect_symbol(")")
    return tuple(found)


def _bound(reader: Reader) -> Bound | None:
    """SQL literal texts of a bound, or its words; None where it is unbounded."""
    if reader.accept("MAXVALUE"):
        return None
    reader.expect_symbol("(")
    bounds: list[str | None] = [_literal(reader)]
    while reader.accept_symbol(","):
        bounds.append(_literal(reader))
    reader.expect_symbol(")")
    return None if set(bounds) <= {MINVALUE, MAXVALUE} else tuple(bounds)


def _literal(reader: Reader) -> str | None:
    token = reader.next()
    if token.is_word(MAXVALUE, MINVALUE, "NULL"):
        return None if token.is_word("NULL") else token.text.upper()
    if token.kind is Kind.STRING:
        return literal(token.text)
    if token.kind is Kind.NUMBER:
        return token.text
    if token.text == "-" and reader.peek().kind is Kind.NUMBER:
        return "-" + reader.next().text
    raise reader.unexpected("a literal, MAXVALUE")
