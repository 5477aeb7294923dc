"""What only the leader can answer: statements about jobs that run, and everything that changes one.

Any coordinator answers everything else itself. Owns which is which, and the port through which a follower has the
leader answer. Refuses to know how they talk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from routine_load.errors import LeaderUnknown
from routine_load.sql.results import Result
from routine_load.sql.statements import (
    AlterRoutineLoad,
    AlterSystem,
    CreateRoutineLoad,
    EngineStatement,
    PauseRoutineLoad,
    ResumeRoutineLoad,
    RollbackRoutineLoad,
    SetFrontendConfig,
    ShowBackends,
    ShowLoad,
    ShowProc,
    ShowRoutineLoad,
    ShowRoutineLoadTask,
    ShowTransaction,
    Statement,
    StopRoutineLoad,
)
from routine_load.statements.ports import Session

CHANGES: Final[set[type[Any]]] = {
    CreateRoutineLoad,
    AlterRoutineLoad,
    AlterSystem,
    PauseRoutineLoad,
    ResumeRoutineLoad,
    RollbackRoutineLoad,
    StopRoutineLoad,
    AlterSystem,
    SetFrontendConfig,
}
"""Only the leader does these."""

LOOKS: Final[set[type[Any]]] = {
    ShowRoutineLoad,
    ShowRoutineLoadTask,
    ShowBackends,
    ShowLoad,
    ShowTransaction,
    ShowProc,
}
"""The leader knows more; where there is none, what is recorded is told."""

_NAMES: Final = r"`?\b(?:routine_load_jobs|routine_load_rejects|loads|load_tracking_logs)\b"
_LIVE_TABLES: Final = re.compile(rf"\binformation_schema`?\s*\.\s*{_NAMES}", re.IGNORECASE)
_LIVE_TABLES_HERE: Final = re.compile(_NAMES, re.IGNORECASE)
_READS: Final = re.compile(r"[\s(]*(?:select|with|table|explain)\b", re.IGNORECASE)
"""What may be asked twice: an INSERT that reads those tables is done once, by whoever was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendFacts:
    """What SHOW FRONTENDS knows of one coordinator."""

    number: int
    host: str
    query_port: int
    http_port: int
    leads: bool
    alive: bool
    is_me: bool
    started_at: datetime
    seen_at: datetime


class Company(Protocol):
    """The coordinators that share this one's metadata, as statements need them. Blocking."""

    @property
    def leads(self) -> bool:
        """This one leads, and has recovered."""
        ...

    def ask(self, session: Session, text: str, *, patient: bool) -> Result | None:
        """Have the leader run one statement as the session's user; None where that is this coordinator by now.

        ``patient``: wait a while for a leader, and ask none a second time that may have done it; else it is asked of
        another one as soon as there is one. Raises LeaderUnknown where there is none, or it does not answer, and
        whatever the statement raised there.
        """
        ...

    def changed(self) -> None:
        """The leader made a change that this one may want to see at once. Raises nothing: it was made in any case."""
        ...

    def members(self) -> Sequence[FrontendFacts]: ...


def answer(statement: Statement, session: Session, text: str, company: Company | None) -> Result | None:
    """The leader's answer to a statement that is the leader's; None where this coordinator has to answer it.

    Who only wants to look is told what is recorded where there is no leader. Raises LeaderUnknown, and whatever the
    statement raised at the leader.
    """
    if company is None or company.leads or not _is_leaders(statement, session):
        return None
    return _asked(company, session, text, changes=type(statement) in CHANGES)


def answer_again(statement: Statement, session: Session, text: str, company: Company | None) -> Result | None:
    """Who leads now does what was refused here, where nothing was changed; None: that is this coordinator again.

    To be called while LeadershipLost is handled, which is raised on where nobody else can be asked.
    """
    if company is None or session.is_relayed or type(statement) not in CHANGES:
        raise  # noqa: PLE0704 - what is being handled
    return _asked(company, session, text, changes=True)


def _asked(company: Company, session: Session, text: str, *, changes: bool) -> Result | None:
    if session.is_relayed:
        raise LeaderUnknown("the coordinator that was asked does not lead any more; try again")
    try:
        found = company.ask(session, text, patient=changes)
    except LeaderUnknown:
        if changes:
            raise
        return None
    if changes and found is not None:
        company.changed()
    return found


def _is_leaders(statement: Statement, session: Session) -> bool:
    if isinstance(statement, EngineStatement):
        named = _LIVE_TABLES_HERE if session.database == "information_schema" else _LIVE_TABLES
        return _READS.match(statement.text) is not None and named.search(statement.text) is not None
    return type(statement) in CHANGES or type(statement) in LOOKS
