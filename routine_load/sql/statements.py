"""Statement values: what the grammar makes of a text. Frozen, with source positions, without meaning.

Names stand as written; ``database`` is None where the statement did not name one. Property values are unescaped
strings. An ``Expression`` is an island: its exact source text and the columns it refers to.
"""

from __future__ import annotations

from dataclasses import dataclass

from routine_load.sql.accounts import (
    CreateUser,
    DropUser,
    Grant,
    PrivilegeTarget,
    Revoke,
    Scope,
    SetPassword,
    ShowGrants,
)
from routine_load.sql.administration import (
    AlterSystem,
    CreateFile,
    DropFile,
    Kill,
    NodeChange,
    SetFrontendConfig,
    ShowBackends,
    ShowComputeNodes,
    ShowFile,
    ShowFrontendConfig,
    ShowFrontends,
    ShowLoad,
    ShowProc,
    ShowProcesslist,
    ShowStreamLoad,
    ShowTransaction,
)
from routine_load.sql.statement_parts import (
    NO_CLAUSES,
    ColumnItem,
    Delimiter,
    Expression,
    JobName,
    LoadClauses,
    MergeType,
    MetadataColumn,
    MetadataField,
    Property,
    SortKey,
)

__all__ = [
    "AlterRoutineLoad",
    "AlterSystem",
    "ColumnItem",
    "CreateFile",
    "CreateRoutineLoad",
    "CreateUser",
    "Delimiter",
    "DropFile",
    "DropUser",
    "EngineStatement",
    "Expression",
    "Grant",
    "JobName",
    "Kill",
    "LoadClauses",
    "MergeType",
    "MetadataColumn",
    "MetadataField",
    "NodeChange",
    "PauseRoutineLoad",
    "PrivilegeTarget",
    "Property",
    "ResumeRoutineLoad",
    "Revoke",
    "RollbackRoutineLoad",
    "Scope",
    "SetFrontendConfig",
    "SetPassword",
    "ShowBackends",
    "ShowComputeNodes",
    "ShowCreateRoutineLoad",
    "ShowFile",
    "ShowFrontendConfig",
    "ShowFrontends",
    "ShowGrants",
    "ShowLoad",
    "ShowProc",
    "ShowProcesslist",
    "ShowRoutineLoad",
    "ShowRoutineLoadTask",
    "ShowRoutineLoadVersions",
    "ShowStreamLoad",
    "ShowTransaction",
    "SortKey",
    "Statement",
    "StopRoutineLoad",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRoutineLoad:
    """``table`` is None for a multi-table job (Doris: no ON clause)."""

    job: JobName
    table: str | None
    merge_type: MergeType = MergeType.APPEND
    clauses: LoadClauses = NO_CLAUSES
    properties: tuple[Property, ...] = ()
    source: str
    source_properties: tuple[Property, ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterRoutineLoad:
    """``source`` is None where FROM is absent; ``table`` is set by ALTER … ON table (Doris)."""

    job: JobName
    clauses: LoadClauses = NO_CLAUSES
    properties: tuple[Property, ...] = ()
    source: str | None = None
    source_properties: tuple[Property, ...] = ()
    table: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRoutineLoad:
    """``job`` None means PAUSE ALL (Doris)."""

    job: JobName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRoutineLoad:
    """``job`` None means RESUME ALL (Doris). ``properties``: RESUME … FOR j [PROPERTIES] ("in_doubt" = "committed")."""

    job: JobName | None
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRoutineLoad:
    job: JobName


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRoutineLoad:
    """``where`` is an island; ``database`` is that of FROM/IN; ``like`` is Doris' LIKE pattern."""

    all: bool = False
    job: JobName | None = None
    database: str | None = None
    like: str | None = None
    where: Expression | None = None
    order_by: tuple[SortKey, ...] = ()
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRoutineLoadTask:
    """``job_name`` is the literal of WHERE JobName = "…"; None where there is no or another condition (``where``)."""

    database: str | None = None
    job_name: str | None = None
    where: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowCreateRoutineLoad:
    job: JobName
    all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRoutineLoadVersions:
    """SHOW ROUTINE LOAD VERSIONS FOR j: what ALTER changed, and what it can go back to."""

    job: JobName


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRoutineLoad:
    """ALTER ROUTINE LOAD FOR j ROLLBACK TO VERSION n."""

    job: JobName
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatement:
    """SQL that this grammar does not own: DDL, queries, SET, SHOW TABLES … for the statements behind it."""

    text: str


Statement = (
    CreateRoutineLoad
    | AlterRoutineLoad
    | PauseRoutineLoad
    | ResumeRoutineLoad
    | StopRoutineLoad
    | ShowRoutineLoad
    | ShowRoutineLoadTask
    | ShowCreateRoutineLoad
    | ShowRoutineLoadVersions
    | RollbackRoutineLoad
    | CreateFile
    | DropFile
    | ShowFile
    | ShowTransaction
    | ShowLoad
    | ShowStreamLoad
    | Grant
    | Revoke
    | ShowGrants
    | SetFrontendConfig
    | ShowComputeNodes
    | CreateUser
    | DropUser
    | SetPassword
    | ShowBackends
    | ShowFrontends
    | ShowProcesslist
    | ShowProc
    | ShowFrontendConfig
    | Kill
    | AlterSystem
    | EngineStatement
)
