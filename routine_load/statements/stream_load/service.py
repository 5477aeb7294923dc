"""Stream Load of both vendors behind the HTTP door. Blocking; called from worker threads."""

from __future__ import annotations

from routine_load.statements.context import Context
from routine_load.statements.ports import Session
from routine_load.statements.stream_load.values import (
    Finished,
    LabelState,
    LoadOutcome,
    LoadRequest,
    StreamLoadRefused,
)


class StreamLoads:
    """Thread-safe. Every method follows the vendor of the request's session.

    ``load`` and the five calls of the transaction interface answer with a ``LoadOutcome``, also where they refuse; the
    others raise ``StreamLoadRefused``. Each of them may raise ClientGone, to which there is nobody to answer.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    def load(self, request: LoadRequest) -> LoadOutcome:
        """``_stream_load``: a direct load; Doris: prepared only with ``two_phase_commit``, or in a group commit.

        Where headers are refused the body was not read.
        """
        return _missing(request)

    # StarRocks: the transaction interface.

    def begin(self, request: LoadRequest) -> LoadOutcome:
        return _missing(request)

    def load_into(self, request: LoadRequest) -> LoadOutcome:
        return _missing(request)

    def prepare(self, request: LoadRequest) -> LoadOutcome:
        return _missing(request)

    def commit(self, request: LoadRequest) -> LoadOutcome:
        """Of what is PREPARED, COMMITTED, VISIBLE, ABORTED or unknown in the front end's words and ``FAILED``."""
        return _missing(request)

    def rollback(self, request: LoadRequest) -> LoadOutcome:
        return _missing(request)

    # Doris: the second phase.

    def finish(self, request: LoadRequest) -> Finished:
        """``_stream_load_2pc``: by the headers ``txn_operation`` and ``txn_id`` or ``label``. Raises no refusal."""
        return Finished("INTERNAL_ERROR", _missing(request).message)

    # Both.

    def state(self, session: Session, database: str, label: str) -> LabelState:
        """``get_load_state``. Raises StreamLoadRefused."""
        raise StreamLoadRefused("FAILED", f"{self._context.settings.compat}: {session.user} {database} {label}")

    def cancel(self, session: Session, database: str, table: str, label: str) -> None:
        """``_cancel``. Raises StreamLoadRefused."""
        raise StreamLoadRefused("FAILED", f"{self._context.settings.compat}: {session.user} {database} {table} {label}")


def _missing(request: LoadRequest) -> LoadOutcome:
    return LoadOutcome(status="Fail", message="not there yet", label=request.header("label"))
