"""Stream Load of both vendors behind the HTTP door. Blocking; called from worker threads."""

from __future__ import annotations

from routine_load.errors import RoutineLoadError, TransactionBusy, TransactionEnded, TransactionNotFound
from routine_load.ids import Compat, TableRef
from routine_load.loads.transaction_values import Transaction, TxnState
from routine_load.sql.access import require_on_database, require_on_table
from routine_load.sql.privileges import Privilege
from routine_load.statements.context import Context
from routine_load.statements.ports import Session
from routine_load.statements.stream_load import direct, http_stream
from routine_load.statements.stream_load.batching import Batches
from routine_load.statements.stream_load.interface import TransactionInterface
from routine_load.statements.stream_load.plan import MIB, Batching, StreamLoadLimits
from routine_load.statements.stream_load.running import Loading, refused
from routine_load.statements.stream_load.second_phase import ABORTED_BY_USER, abort_refused, finish
from routine_load.statements.stream_load.values import (
    Finished,
    LabelState,
    LoadOutcome,
    LoadRequest,
    OpenLoad,
    StreamLoadRefused,
)
from routine_load.statements.stream_load.words import Refused

STARROCKS_BODY_MIB = 102_400
DORIS_BODY_MIB = 10_240
CHUNK_BYTES = 2 * MIB
"""A handful is under way at a time (``steps``); measured, chunks of 4 MiB cost 3 % less and take 55 MiB more."""


class StreamLoads:
    """Thread-safe. Every method follows the vendor of the request's session.

    ``load`` and the five calls of the transaction interface answer with a ``LoadOutcome``, also where they refuse; the
    others raise ``StreamLoadRefused``. Each of them may raise ClientGone, to which there is nobody to answer.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        settings = context.settings
        self._loading = Loading(
            context=context,
            limits={
                compat: StreamLoadLimits(
                    spool_dir=settings.data_dir,
                    body_bytes_max=most * MIB,
                    chunk_bytes=min(settings.chunk_bytes, CHUNK_BYTES),
                    chunk_rows=settings.chunk_rows,
                )
                for compat, most in ((Compat.STARROCKS, STARROCKS_BODY_MIB), (Compat.DORIS, DORIS_BODY_MIB))
            },
        )
        self._batches = Batches(self._loading)
        self._interface = TransactionInterface(self._loading)

    def load(self, request: LoadRequest) -> LoadOutcome:
        """``_stream_load``: a direct load; Doris: prepared only with ``two_phase_commit``, or in a group commit.

        Where headers are refused the body was not read.
        """
        try:
            front = self._loading.head(request)
        except Refused as error:
            return refused(request, error)
        if front.batching is not Batching.OFF:
            return self._batches.load(request, front)
        return direct.load(self._loading, request, front)

    def load_by_sql(self, request: LoadRequest) -> LoadOutcome:
        """Doris: ``_http_stream``: the header ``sql`` names the table, and says what becomes of the rows."""
        try:
            return self.load(http_stream.as_load(self._loading, request))
        except Refused as error:
            return refused(request, error)

    # StarRocks: the transaction interface.

    def begin(self, request: LoadRequest) -> LoadOutcome:
        """``transaction_type: multi`` begins one without a table; only the front end may let that pass."""
        return self._interface.begin(request)

    def load_into(self, request: LoadRequest) -> LoadOutcome:
        return self._interface.load(request)

    def prepare(self, request: LoadRequest) -> LoadOutcome:
        return self._interface.prepare(request)

    def commit(self, request: LoadRequest) -> LoadOutcome:
        """Of what is PREPARED, VISIBLE, ABORTED or unknown in the front end's words and ``FAILED``."""
        return self._interface.commit(request)

    def rollback(self, request: LoadRequest) -> LoadOutcome:
        return self._interface.rollback(request)

    def opened(self, session: Session) -> list[OpenLoad]:
        """The transactions of the interface that are open."""
        return self._interface.opened(session)

    # Doris: the second phase.

    def finish(self, request: LoadRequest) -> Finished:
        """``_stream_load_2pc``: by the headers ``txn_operation`` and ``txn_id`` or ``label``. Raises no refusal."""
        return finish(self._context, request)

    # Both.

    def state(self, session: Session, database: str, label: str) -> LabelState:
        """``get_load_state``. Raises StreamLoadRefused."""
        if not self._context.engine.has_database(database):
            raise StreamLoadRefused("FAILED", f"unknown database, database={database}")
        self._require_database(session, database)
        found = self._context.transactions.find(database, label)
        if found is None:
            return LabelState("UNKNOWN")
        return LabelState(found.state.shown(session.compat), found.reason)

    def cancel(self, session: Session, database: str, table: str, label: str) -> None:
        """``_cancel``. StarRocks: what is not prepared yet; Doris: that, too. Raises StreamLoadRefused."""
        if not self._context.engine.has_database(database):
            raise StreamLoadRefused("FAILED", f"unknown database, database={database}")
        try:
            if session.compat is Compat.DORIS:
                require_on_database(session, Privilege.INSERT, database)
            else:
                require_on_table(session, Privilege.INSERT, TableRef(database, table))
        except RoutineLoadError as error:
            raise StreamLoadRefused("FAILED", error.message) from error
        found = self._context.transactions.find(database, label)
        if session.compat is Compat.DORIS:
            self._cancel_doris(found, label)
        else:
            self._cancel_starrocks(found, label)

    def _cancel_doris(self, found: Transaction | None, label: str) -> None:
        fixed = "errCode = 2, detailMessage = "
        if found is None:
            raise StreamLoadRefused("FAILED", f"{fixed}txn with label {label} does not exist")
        if found.state.is_final:
            raise StreamLoadRefused("FAILED", fixed + abort_refused(found).text)
        self._abort(found, f"{fixed}transaction [{found.id}] is being finished")

    def _cancel_starrocks(self, found: Transaction | None, label: str) -> None:
        if found is None or found.state is not TxnState.PREPARE:
            raise StreamLoadRefused("FAILED", f"stream load {label} not found")
        self._abort(found, f"stream load {label} not found")

    def _abort(self, found: Transaction, refusal: str) -> None:
        try:
            self._context.transactions.abort(found.id, ABORTED_BY_USER)
        except (TransactionBusy, TransactionEnded, TransactionNotFound) as error:
            raise StreamLoadRefused("FAILED", refusal) from error

    def _require_database(self, session: Session, database: str) -> None:
        if not session.rights.sees(database):
            raise StreamLoadRefused("FAILED", f"Access denied for user '{session.user}' to database '{database}'")
