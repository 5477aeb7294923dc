"""Doris as a target: Stream Load with ``two_phase_commit`` (Doris: Stream Load 2PC).

One request begins, loads and prepares; commit and abort name the transaction by its number, because a label that is
committed cannot be told from one that is aborted there. A number that was lost is found by SHOW TRANSACTION.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from routine_load.commit.labels import Part, Prepared, Reply
from routine_load.engines.cluster.http import Answer, Request
from routine_load.engines.cluster.target import COMMIT_S, ClusterTarget, Load, brief
from routine_load.errors import ClusterRefused, TargetUnavailable
from routine_load.ids import NO_TXN, Label, TxnId
from routine_load.loads.ports import PartBody
from routine_load.observe.failpoints import failpoint
from routine_load.sql.literals import quote_name, quote_string

_COMMITTED: Final = re.compile(r"transaction \[\d+\] is already \b(?:COMMITTED|committed|VISIBLE|visible)\b")
_ABORTED: Final = re.compile(r"transaction \[\d+\] is already aborted", re.IGNORECASE)
_NOT_THERE: Final = re.compile(r"transaction \[\d+\] not found|(?<!running )transaction not found, label=")
_UNKNOWN_DATABASE: Final = re.compile(r"unknown database", re.IGNORECASE)
_NO_SUCH_LABEL: Final = re.compile(r"does not exist", re.IGNORECASE)


class DorisTarget(ClusterTarget):
    def _prepare(self, part: Part, body: PartBody, load: Load) -> Prepared:
        address, ref = self._parts.address, part.table
        headers = load.headers | {
            "label": str(part.label),
            "two_phase_commit": "true",
            "timeout": str(address.load_timeout_s),
        }
        with self._spooled(load.chunks) as (read, length):
            failpoint("commit.load.before")
            answer = self._parts.wire.send(
                Request(
                    method="PUT",
                    path=f"/api/{quote(ref.database, safe='')}/{quote(ref.table, safe='')}/_stream_load",
                    headers=headers,
                    body=read,
                    length=length,
                    to_node=True,
                    timeout_s=address.load_timeout_s,
                )
            )
            failpoint("commit.load.after")
        if not answer.from_node or answer.text("status") != "Success":
            return Prepared(
                reply=Reply.refused(brief(answer)),
                filtered=0,
                error_url=answer.text("errorurl"),
                first_error=self._first_error(answer),
            )
        if answer.text("twophasecommit").lower() != "true":
            return Prepared(reply=Reply.unknown(f"{self.name} loaded in one phase although two were asked for"))
        return self._counted(answer, body)

    def _commit(self, part: Part) -> Reply:
        number = self._number_of(part)
        if number is None:
            return Reply.refused(f"transaction not found, label={part.label}")
        answer = self._second_phase(part, "commit", number)
        said = answer.text("msg", "message")
        if answer.text("status").lower() == "success" or _COMMITTED.search(said):
            return Reply.done(said)
        if _ABORTED.search(said) or _NOT_THERE.search(said):
            return Reply.refused(brief(answer))
        return Reply.unknown(brief(answer))

    def _rollback(self, part: Part) -> Reply:
        number = self._number_of(part)
        if number is None:
            return Reply.done(f"transaction not found, label={part.label}")
        answer = self._second_phase(part, "abort", number)
        said = answer.text("msg", "message")
        if answer.text("status").lower() == "success" or _ABORTED.search(said) or _NOT_THERE.search(said):
            return Reply.done(said)
        return Reply.refused(brief(answer)) if _COMMITTED.search(said) else Reply.unknown(brief(answer))

    def _state_said(self, answer: Answer) -> str:
        if answer.fields.get("code") == 0:
            return answer.text("data")
        return "UNKNOWN" if _UNKNOWN_DATABASE.search(answer.text("data", "msg")) else ""

    def _second_phase(self, part: Part, operation: str, number: TxnId) -> Answer:
        return self._parts.wire.send(
            Request(
                method="PUT",
                path=f"/api/{quote(part.table.database, safe='')}/_stream_load_2pc",
                headers={"txn_operation": operation, "txn_id": str(number)},
                timeout_s=COMMIT_S,
            )
        )

    def _number_of(self, part: Part) -> TxnId | None:
        """The transaction's number; None where the cluster knows no such label. Raises TargetUnavailable."""
        return part.txn_id if part.txn_id != NO_TXN else self._found(part.table.database, part.label)

    def _found(self, database: str, label: Label) -> TxnId | None:
        text = f"SHOW TRANSACTION FROM {quote_name(database)} WHERE label = {quote_string(label)}"
        try:
            rows = self._parts.tables.ask(text)
        except ClusterRefused as error:
            if _NO_SUCH_LABEL.search(error.message):
                return None
            raise TargetUnavailable(
                f"{self.name} does not tell the number of label {label}: {error.message}"
            ) from error
        numbers = [int(row["TransactionId"]) for row in rows if str(row.get("Label")) == label]
        return TxnId(max(numbers)) if numbers else None
