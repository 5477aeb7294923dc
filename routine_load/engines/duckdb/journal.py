"""What the file keeps of clients' transactions: a row each, and the numbers that were given out.

Statements only; the caller brings the cursor and owns its transaction. A row's ``stages`` tell how its staged tables
meet the tables they were staged for; empty where the rows are not staged, or not any more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final

import duckdb

from routine_load.commit.values import Counts
from routine_load.engines.duckdb.definitions import dump_table, load_table
from routine_load.engines.duckdb.merge_plan import MergePlan
from routine_load.engines.duckdb.merging import Stage
from routine_load.engines.duckdb.names import OWN_SCHEMA, Names, quote
from routine_load.errors import SinkError
from routine_load.ids import Compat, Label, TxnId
from routine_load.loads.transaction_values import Transaction, TxnSource, TxnState
from routine_load.loads.values import WriteMode

_TIMES: Final = ("began_at", "prepared_at", "committed_at", "finished_at")
_FIELDS: Final = tuple(each.name for each in fields(Transaction))
_COUNTS: Final = tuple(each.name for each in fields(Counts))
_NUMBERS: Final = "next_txn_id"


@dataclass(frozen=True, slots=True)
class Kept:
    """A row: the transaction, and its stages."""

    transaction: Transaction
    stages: tuple[Stage, ...] = ()


def stage_prefix(txn_id: TxnId) -> str:
    """How the names of the staged tables of a transaction begin."""
    return f"stage_{int(txn_id)}_"


class Journal:
    """Statements over ``transactions`` and the numbers."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._transactions = names.own("transactions")
        self._meta = names.own("meta")

    def reserve(self, cursor: duckdb.DuckDBPyConnection, count: int, least: int) -> int:
        found = cursor.execute(f"SELECT value FROM {self._meta} WHERE key = ?", [_NUMBERS]).fetchone()
        first = max(least, int(found[0]) if found else 0)
        cursor.execute(
            f"INSERT INTO {self._meta} VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            [_NUMBERS, str(first + count)],
        )
        return first

    def insert(self, cursor: duckdb.DuckDBPyConnection, transaction: Transaction) -> None:
        cursor.execute(
            f"INSERT INTO {self._transactions} VALUES (?, ?, ?, '')",
            [int(transaction.id), transaction.state.value, _dump(transaction)],
        )

    def move(self, cursor: duckdb.DuckDBPyConnection, kept: Kept, *, source: TxnState) -> None:
        """From one state to another. Raises SinkError where the row is not in that state."""
        transaction = kept.transaction
        row = cursor.execute(
            f"UPDATE {self._transactions} SET state = ?, facts = ?, stages = ? WHERE id = ? AND state = ?",
            [transaction.state.value, _dump(transaction), _dump_stages(kept), int(transaction.id), source.value],
        ).fetchone()
        if row is None or row[0] != 1:
            raise SinkError(f"Transaction {transaction.id} is not {source.value}")

    def get(self, cursor: duckdb.DuckDBPyConnection, txn_id: TxnId) -> Kept | None:
        row = cursor.execute(f"SELECT facts, stages FROM {self._transactions} WHERE id = ?", [int(txn_id)]).fetchone()
        return None if row is None else self._kept(_load(row[0]), row[1])

    def _kept(self, transaction: Transaction, text: str) -> Kept:
        """The staged tables are numbered in their order; the file may have another name than it had."""
        raw: list[dict[str, Any]] = json.loads(text) if text else []
        name = stage_prefix(transaction.id)
        stages = (Stage(self._names.own(f"{name}{n}"), _plan(each), each["rows"]) for n, each in enumerate(raw))
        return Kept(transaction, tuple(stages))

    def all(self, cursor: duckdb.DuckDBPyConnection) -> list[Transaction]:
        rows = cursor.execute(f"SELECT facts FROM {self._transactions} ORDER BY id").fetchall()
        return [_load(facts) for (facts,) in rows]

    def forget(self, cursor: duckdb.DuckDBPyConnection, ids: Sequence[TxnId]) -> None:
        """Only what ended."""
        cursor.execute(
            f"DELETE FROM {self._transactions} WHERE id IN (SELECT unnest(?::BIGINT[])) AND state IN (?, ?)",
            [[int(txn_id) for txn_id in ids], TxnState.VISIBLE.value, TxnState.ABORTED.value],
        )

    def drop_stages(self, cursor: duckdb.DuckDBPyConnection, txn_id: TxnId) -> None:
        rows = cursor.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name = ?"
            " AND starts_with(table_name, ?)",
            [self._names.file, OWN_SCHEMA, stage_prefix(txn_id)],
        ).fetchall()
        for (name,) in rows:
            cursor.execute(f"DROP TABLE {self._names.schema(OWN_SCHEMA)}.{quote(name)}")


def _dump(transaction: Transaction) -> str:
    raw: dict[str, Any] = {name: getattr(transaction, name) for name in _FIELDS}
    raw["counts"] = {name: getattr(transaction.counts, name) for name in _COUNTS}
    for name in _TIMES:
        raw[name] = raw[name].isoformat() if raw[name] is not None else None
    return json.dumps(raw, ensure_ascii=False, separators=(",", ":"))


def _load(text: str) -> Transaction:
    raw: dict[str, Any] = json.loads(text)
    raw |= {name: datetime.fromisoformat(raw[name]) for name in _TIMES if raw[name] is not None}
    return Transaction(
        **raw
        | {
            "id": TxnId(raw["id"]),
            "label": Label(raw["label"]),
            "compat": Compat(raw["compat"]),
            "source": TxnSource(raw["source"]),
            "state": TxnState(raw["state"]),
            "tables": tuple(raw["tables"]),
            "counts": Counts(**raw["counts"]),
        }
    )


def _dump_stages(kept: Kept) -> str:
    if not kept.stages:
        return ""
    stages = [
        {
            "rows": stage.rows,
            "table": dump_table(stage.plan.table),
            "columns": stage.plan.columns,
            "has_op": stage.plan.has_op,
            "has_sequence": stage.plan.has_sequence,
            "mode": asdict(stage.plan.mode),
        }
        for stage in kept.stages
    ]
    return json.dumps(stages, ensure_ascii=False, separators=(",", ":"))


def _plan(raw: dict[str, Any]) -> MergePlan:
    mode: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in raw["mode"].items()
    }
    return MergePlan(
        table=load_table(raw["table"]),
        columns=tuple(raw["columns"]),
        has_op=raw["has_op"],
        mode=WriteMode(**mode),
        has_sequence=raw["has_sequence"],
    )
