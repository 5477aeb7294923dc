"""A load expression as the front ends print it in SHOW (StarRocks, Doris: columnToColumnExpr, whereExpr).

Columns in back-quotes, functions in lower case, text in single quotes, one blank around operators, words of the
language in capitals. StarRocks puts parentheses around operands that are operations themselves, Doris around every
operation. Casts that the originals add while they analyse are not known here. What is printed means the same when it is
read again. Refuses to know which columns and functions exist.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from sqlglot import exp

from routine_load.ids import Compat
from routine_load.sql.expressions import parse_expression
from routine_load.sql.literals import quote_name

_CACHED_MAX: Final = 8192
_CACHED_TEXT_MAX: Final = 2048

BINARY: Final[dict[type[exp.Expr], str]] = {
    exp.Or: "OR",
    exp.Xor: "XOR",
    exp.And: "AND",
    exp.EQ: "=",
    exp.NEQ: "!=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "<=>",
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.IntDiv: "DIV",
    exp.Mod: "%",
    exp.BitwiseAnd: "&",
    exp.BitwiseOr: "|",
    exp.BitwiseXor: "^",
    exp.Like: "LIKE",
}
"""Operators between two operands, as they are printed."""
_CLOSED: Final = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Null, exp.Boolean, exp.Var),
    *(exp.Anonymous, exp.Cast, exp.TryCast, exp.Case),
)
"""What needs no parentheses as an operand."""
_TYPES: Final = {"TEXT": "VARCHAR(65533)", "STRING": "VARCHAR(65533)", "INT128": "LARGEINT"}


def printed(text: str, compat: Compat) -> str:
    """The expression of this text as the vendor prints it. Raises where the text is no load expression."""
    return _cached(text, compat) if len(text) <= _CACHED_TEXT_MAX else _print(text, compat)


@lru_cache(maxsize=_CACHED_MAX)
def _cached(text: str, compat: Compat) -> str:
    """A list of a thousand jobs is asked for again and again, and their expressions do not change."""
    return _print(text, compat)


def _print(text: str, compat: Compat) -> str:
    return printed_tree(parse_expression(text), compat)


def printed_tree(tree: exp.Expr, compat: Compat) -> str:
    """The same of a tree that ``parse_expression`` made, or of a part of one."""
    return _Printer(encloses=compat is Compat.DORIS).said(tree)


class _Printer:
    """``encloses``: every operation stands in parentheses, not only those inside others."""

    def __init__(self, *, encloses: bool) -> None:
        self._encloses = encloses

    def said(self, node: exp.Expr) -> str:
        """The text of a tree; an operation at its top is enclosed by Doris only."""
        while isinstance(node, exp.Paren):
            node = node.this
        text = self._plain(node)
        return f"({text})" if self._encloses and not isinstance(node, (*_CLOSED, exp.Neg, exp.Interval)) else text

    def _operand(self, node: exp.Expr) -> str:
        while isinstance(node, exp.Paren):
            node = node.this
        text = self.said(node)
        closed = self._encloses or isinstance(node, (*_CLOSED, exp.Interval))
        return text if closed and not isinstance(node, exp.Neg) else f"({text})"

    def _plain(self, node: exp.Expr) -> str:
        if symbol := BINARY.get(type(node)):
            return f"{self._operand(node.this)} {symbol} {self._operand(node.expression)}"
        return _SHAPES[type(node)](self, node)

    def _list(self, nodes: list[exp.Expr]) -> str:
        return ", ".join(self.said(node) for node in nodes)

    def column(self, node: exp.Expr) -> str:
        return quote_name(node.name)

    def literal(self, node: exp.Expr) -> str:
        text = str(node.this)
        if not node.is_string:
            return text
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def word(self, node: exp.Expr) -> str:
        return str(node.sql()).upper()

    def call(self, node: exp.Expr) -> str:
        return f"{node.name.lower()}({self._list(node.expressions)})"

    def function(self, node: exp.Expr) -> str:
        """``x -> x + 1``, ``(x, y) -> x + y``."""
        names = ", ".join(name.name for name in node.expressions)
        return f"{names if len(node.expressions) == 1 else f'({names})'} -> {self.said(node.this)}"

    def name(self, node: exp.Expr) -> str:
        return node.name

    def cast(self, node: exp.Expr) -> str:
        return f"CAST({self.said(node.this)} AS {type_text(node.args['to'])})"

    def try_cast(self, node: exp.Expr) -> str:
        return f"TRY_{self.cast(node)}"

    def case(self, node: exp.Expr) -> str:
        parts = ["CASE", *([self.said(node.this)] if node.this is not None else [])]
        for branch in node.args["ifs"]:
            parts += ["WHEN", self.said(branch.this), "THEN", self.said(branch.args["true"])]
        if node.args.get("default") is not None:
            parts += ["ELSE", self.said(node.args["default"])]
        return " ".join([*parts, "END"])

    def interval(self, node: exp.Expr) -> str:
        amount = node.this
        is_number = isinstance(amount, exp.Literal) and str(amount.this).isdecimal()
        return f"INTERVAL {amount.this if is_number else self._operand(amount)} {node.args['unit'].name.upper()}"

    def in_list(self, node: exp.Expr, word: str = "") -> str:
        return f"{self._operand(node.this)} {word}IN ({self._list(node.expressions)})"

    def between(self, node: exp.Expr, word: str = "") -> str:
        low, high = self._operand(node.args["low"]), self._operand(node.args["high"])
        return f"{self._operand(node.this)} {word}BETWEEN {low} AND {high}"

    def is_word(self, node: exp.Expr, word: str = "") -> str:
        return f"{self._operand(node.this)} IS {word}{self.word(node.expression)}"

    def negation(self, node: exp.Expr) -> str:
        inner = node.this
        match inner:
            case exp.In():
                return self.in_list(inner, "NOT ")
            case exp.Between():
                return self.between(inner, "NOT ")
            case exp.Is():
                return self.is_word(inner, "NOT ")
        text = self.said(inner)
        return f"NOT {text}" if text.startswith("(") and self._encloses else f"NOT ({text})"

    def negative(self, node: exp.Expr) -> str:
        return f"-{self._operand(node.this)}"

    def complement(self, node: exp.Expr) -> str:
        return f"~{self._operand(node.this)}"


_SHAPES: Final[dict[type[exp.Expr], Callable[[_Printer, exp.Expr], str]]] = {
    exp.Column: _Printer.column,
    exp.Identifier: _Printer.name,
    exp.Lambda: _Printer.function,
    exp.Literal: _Printer.literal,
    exp.Null: _Printer.word,
    exp.Boolean: _Printer.word,
    exp.Var: _Printer.word,
    exp.Anonymous: _Printer.call,
    exp.Cast: _Printer.cast,
    exp.TryCast: _Printer.try_cast,
    exp.Case: _Printer.case,
    exp.Interval: _Printer.interval,
    exp.In: _Printer.in_list,
    exp.Between: _Printer.between,
    exp.Is: _Printer.is_word,
    exp.Not: _Printer.negation,
    exp.Neg: _Printer.negative,
    exp.BitwiseNot: _Printer.complement,
}


def type_text(node: exp.Expr) -> str:
    """A type as it stands in a cast: ``DECIMAL(12,2)``, and what STRING means."""
    text = str(node.sql("starrocks")).replace(", ", ",")
    return _TYPES.get(text, text)
