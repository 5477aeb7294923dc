"""INSERT … WITH LABEL: its rows and the label are in the file together (StarRocks, Doris: INSERT).

Owns where the label stands in the statement, and what its transaction is told. Who has which label is not known here:
whoever begins transactions is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import duckdb
from sqlglot.tokenizer_core import Token, TokenType

from routine_load.clock import Clock
from routine_load.commit.values import Counts
from routine_load.engines.duckdb.prepared import ClientHouse
from routine_load.engines.duckdb.session import Session
from routine_load.ids import Label, TableRef
from routine_load.loads.open_transaction import OpenTransaction
from routine_load.loads.transaction_values import BeginLoad, Transaction, TxnSource
from routine_load.sql.results import Ok

LABEL: Final = "label"
"""Where the tree of an INSERT keeps its label."""

_TIMEOUT_S: Final = 14_400

BeginInsert = Callable[[BeginLoad], OpenTransaction]
Write = Callable[[duckdb.DuckDBPyConnection, int], None]


def take_label(words: list[Token]) -> str:
    """Take WITH LABEL l out of an INSERT, in front of its columns or its query; empty where there is none."""
    if not words or words[0].token_type is not TokenType.INSERT:
        return ""
    for at in range(1, len(words) - 2):
        if words[at].token_type is TokenType.WITH and words[at + 1].text.upper() == "LABEL":
            label = words[at + 2].text
            del words[at : at + 3]
            return label
        if words[at].token_type in {TokenType.VALUES, TokenType.SELECT}:
            break
    return ""


class LabelledInserts:
    """Runs an INSERT as a transaction of a client."""

    def __init__(self, house: ClientHouse, clock: Clock, begin: BeginInsert) -> None:
        self._house = house
        self._clock = clock
        self._begin = begin

    def run(self, label: str, table: TableRef, session: Session, insert: Callable[[Write], int]) -> Ok:
        """``insert`` writes the rows, calls what it is handed and commits. Raises LabelUsed, LimitExceeded."""
        opened = self._begin(
            BeginLoad(
                database=table.database,
                label=Label(label),
                compat=session.compat,
                tables=(table.table,),
                source=TxnSource.INSERT,
                user=session.user,
                timeout_s=_TIMEOUT_S,
            )
        )
        told: list[Transaction] = []

        def write(cursor: duckdb.DuckDBPyConnection, rows: int) -> None:
            visible = opened.transaction.told(Counts(loaded=rows), "", "").visible(self._clock.now())
            self._house.journal.insert(cursor, visible)
            told.append(visible)

        with opened.done_elsewhere() as done:
            rows = insert(write)
            done(told[0])
        info = f"{{'label':'{label}', 'status':'VISIBLE', 'txnId':'{opened.id}'}}"
        return Ok(affected_rows=rows, message=info)
