"""ALTER SYSTEM … BACKEND, and what SHOW tells of backends (StarRocks, Doris: cluster management)."""

from __future__ import annotations

import re

from routine_load.backends.facts import BackendRecord, BackendState
from routine_load.backends.remote import RemoteBackends
from routine_load.errors import AnalysisError, ExecutionError
from routine_load.sql.results import Ok
from routine_load.sql.statements import AlterSystem, NodeChange
from routine_load.statements.context import Context
from routine_load.statements.ports import Session

_ADDRESS = re.compile(r"\s*(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})\s*")

_STATES = {
    NodeChange.ADD: BackendState.ADDED,
    NodeChange.DROP: BackendState.DROPPED,
    NodeChange.DECOMMISSION: BackendState.DECOMMISSIONED,
    NodeChange.CANCEL_DECOMMISSION: BackendState.ADDED,
}


def alter_system(statement: AlterSystem, session: Session, context: Context) -> Ok:  # noqa: ARG001 - a handler
    """All of the backends or none: each is looked at before the first is changed."""
    remote = context.elsewhere
    if remote is None:
        raise ExecutionError(
            "This service has no backends in other processes: start it with --backend-secret-file, and those with "
            "routine-load be"
        )
    wanted = [_address(text) for text in statement.addresses]
    for host, port in wanted:
        _check(statement.change, remote, (host, port), context)
    for host, port in wanted:
        remote.set_state(host, port, _STATES[statement.change])
    return Ok()


def _check(change: NodeChange, remote: RemoteBackends, address: tuple[str, int], context: Context) -> None:
    host, port = address
    known = remote.record_of(host, port)
    told = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if change is NodeChange.ADD:
        if known is not None:
            raise ExecutionError(f"Same backend already exists[{told}]")
        return
    if known is None:
        of_service = address == context.backend_http_address()
        hint = ": it is a part of this service, which --backends decides" if of_service else ""
        raise ExecutionError(f"backend does not exists[{told}]{hint}")
    _check_state(change, known)


def _check_state(change: NodeChange, known: BackendRecord) -> None:
    is_leaving = known.state is BackendState.DECOMMISSIONED
    if change is NodeChange.DECOMMISSION and is_leaving:
        raise ExecutionError(f"backend is already decommissioned[{known.address}]")
    if change is NodeChange.CANCEL_DECOMMISSION and not is_leaving:
        raise ExecutionError(f"Backend is not decommissioned[{known.address}]")


def _address(text: str) -> tuple[str, int]:
    """Raises AnalysisError."""
    found = _ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[3]) <= 65535:
        raise AnalysisError(f"Invalid host port: '{text[:253]}', allowed: 'host:port', as routine-load be --advertise")
    return found[1] or found[2], int(found[3])
