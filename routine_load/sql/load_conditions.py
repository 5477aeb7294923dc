"""WHERE of SHOW TRANSACTION and SHOW LOAD, and ORDER BY of SHOW LOAD, as values and functions over rows.

Owns which conditions are allowed (StarRocks, Doris: SHOW TRANSACTION, SHOW LOAD). Refuses to know where rows come from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlglot import exp

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.sql.expressions import parse_expression
from routine_load.sql.like import Matches, Wildcards, like
from routine_load.sql.statement_parts import Expression, SortKey

Row = Mapping[str, Any]

STATUSES: Final = frozenset({"PREPARE", "PREPARED", "PRECOMMITTED", "COMMITTED", "VISIBLE", "ABORTED"})
_TRANSACTION_FORMS: Final = {
    Compat.STARROCKS: "Where clause should looks like one of them: id = 123 or label = 'label'",
    Compat.DORIS: (
        "Where clause should looks like one of them: id = 123 or label =/like 'label' "
        "or status = 'prepare/precommitted/committed/visible/aborted'"
    ),
}


@dataclass(frozen=True, slots=True)
class Known:
    """Which columns a condition may name, by their lower-case names, and what to say of another one."""

    columns: Mapping[str, str]
    forms: str


_LOAD_FORMS: Final = (
    'Where clause of SHOW LOAD takes conditions on Label, State, Type and JobId joined by AND: LABEL = "label", '
    'LABEL LIKE "pattern%", STATE = "PENDING|ETL|LOADING|FINISHED|CANCELLED", JOBID = 123'
)
LOAD_CONDITIONS: Final = Known({"label": "Label", "state": "State", "type": "Type", "jobid": "JobId"}, _LOAD_FORMS)
STREAM_LOAD_CONDITIONS: Final = {
    Compat.STARROCKS: Known(
        {"label": "Label", "state": "State", "id": "Id", "txnid": "TxnId", "tablename": "TableName", "type": "Type"},
        "Where clause of SHOW STREAM LOAD takes conditions on Label, State, Id, TxnId, TableName and Type joined by "
        'AND: LABEL = "label", LABEL LIKE "pattern%", STATE = "LOADING|PREPARED|FINISHED|CANCELLED", TXNID = 123',
    ),
    Compat.DORIS: Known(
        {"label": "Label", "status": "Status", "table": "Table"},
        "Where clause of SHOW STREAM LOAD takes conditions on Label, Status and Table joined by AND: "
        'LABEL = "label", LABEL LIKE "pattern%", STATUS = "SUCCESS|FAIL"',
    ),
}
_EXACT: Final = frozenset({"Label", "Table", "TableName"})
_NUMBERS: Final = frozenset(
    {"JobId", "ScanRows", "FilteredRows", "UnselectedRows", "SinkRows", "TransactionId", "Id", "TxnId"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionCondition:
    """What SHOW TRANSACTION looks for: exactly one of them is set. ``like`` is a pattern of the label."""

    id: int | None = None
    label: str | None = None
    like: str | None = None
    status: str | None = None

    def matches(self, txn_id: int, label: str, status: str) -> bool:
        if self.id is not None:
            return txn_id == self.id
        if self.label is not None:
            return label == self.label
        if self.like is not None:
            return label_like(self.like)(label)
        return status == self.status


def transaction_condition(where: Expression | None, compat: Compat) -> TransactionCondition:
    """Raises AnalysisError for a condition that is not one of the allowed forms. Both vendors' are taken."""
    if where is None:
        raise AnalysisError(f"Missing transaction id. {_TRANSACTION_FORMS[compat]}")
    tree = _bare(parse_expression(where.text))
    column = tree.this.name.lower() if isinstance(getattr(tree, "this", None), exp.Column) else ""
    value = getattr(tree, "expression", None)
    if isinstance(value, exp.Literal) and isinstance(tree, exp.EQ | exp.Like):
        text = str(value.this)
        match column, type(tree) is exp.EQ, value.is_string:
            case "id", True, False if re.fullmatch(r"\d{1,19}", text):
                return TransactionCondition(id=int(text))
            case "label", True, True:
                return TransactionCondition(label=text)
            case "label", False, True:
                return TransactionCondition(like=text)
            case "status", True, True:
                return TransactionCondition(status=_status(text))
    raise AnalysisError(_TRANSACTION_FORMS[compat])


def _status(text: str) -> str:
    if text.upper() not in STATUSES:
        raise AnalysisError("status should be prepare/precommitted/committed/visible/aborted")
    return text.upper()


def label_like(pattern: str) -> Matches:
    """LIKE over labels: the whole label, ``%`` any text; ``_`` is itself, because labels are full of them."""
    return like(pattern, Wildcards(one="", escapes=False))


def load_filter(where: Expression, known: Known = LOAD_CONDITIONS) -> Callable[[Row], bool]:
    """The condition as a function of a row of SHOW LOAD, or SHOW STREAM LOAD. Raises AnalysisError."""
    tests: list[Callable[[Row], bool]] = []
    waiting = [parse_expression(where.text)]
    while waiting:
        node = _bare(waiting.pop())
        if isinstance(node, exp.And):
            waiting += [node.left, node.right]
        else:
            tests.append(_load_test(node, known))
    return lambda row: all(test(row) for test in tests)


def _load_test(node: exp.Expr, known: Known) -> Callable[[Row], bool]:
    left = getattr(node, "this", None)
    name = left.name.lower() if isinstance(left, exp.Column) else ""
    values = node.expressions if isinstance(node, exp.In) else [getattr(node, "expression", None)]
    if not values or not all(isinstance(value, exp.Literal) for value in values):
        raise AnalysisError(known.forms)
    texts = [str(value.this) for value in values if value is not None]
    if name == "label" and isinstance(node, exp.Like):
        matches = label_like(texts[0])
        return lambda row: matches(str(row["Label"]))
    column = known.columns.get(name)
    if column is None or not isinstance(node, exp.EQ | exp.NEQ | exp.In):
        raise AnalysisError(known.forms)
    is_exact = column in _EXACT
    wanted = set(texts) if is_exact else {text.upper() for text in texts}
    differs = isinstance(node, exp.NEQ)
    return lambda row: ((str(row[column]) if is_exact else str(row[column]).upper()) in wanted) is not differs


def sorted_loads(rows: Sequence[Row], keys: Sequence[SortKey], columns: Sequence[str]) -> list[Row]:
    """Rows by these columns of the answer, NULLs first. Raises AnalysisError for other columns."""
    ordered = list(rows)
    for key in reversed(keys):
        column = next((name for name in columns if name.lower() == key.column.lower()), None)
        if column is None:
            raise AnalysisError(f"Unknown column '{key.column}' in ORDER BY, there are {', '.join(columns)}")
        ordered.sort(key=_sort_value(column), reverse=key.descending)
    return ordered


def _sort_value(column: str) -> Callable[[Row], tuple[bool, Any]]:
    def key(row: Row) -> tuple[bool, Any]:
        value = row[column]
        if value is None:
            return (False, 0)
        return (True, int(value) if column in _NUMBERS else str(value))

    return key


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node
