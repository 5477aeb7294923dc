"""Statement values: what the grammar makes of a text. Frozen, with source positions, without meaning.

Names stand as written; ``database`` is None where the statement did not name one. Property values are unescaped
strings. An ``Expression`` is an island: its exact source text and the columns it refers to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from routine_load.errors import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class JobName:
    name: str
    database: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    key: str
    value: str
    position: Position | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        """Secrets never appear in a repr."""
        secret = any(word in self.key.lower() for word in ("password", "secret", "jaas", "token", "credential"))
        return f"Property(key={self.key!r}, value={'******' if secret else self.value!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A scalar expression as written (``text``) and the column names it reads, in order of appearance, once each."""

    text: str
    columns: tuple[str, ...] = ()
    position: Position | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnItem:
    """A plain source column (``expression`` None) or a derived one. ``is_default``: ``c = DEFAULT``."""

    name: str
    expression: Expression | None = None
    is_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delimiter:
    """``original`` is the SQL-unescaped text as the user wrote it (shown in SHOW), ``value`` the bytes meant."""

    original: str
    value: str


class MergeType(StrEnum):
    APPEND = "APPEND"
    DELETE = "DELETE"
    MERGE = "MERGE"


class MetadataField(StrEnum):
    """What a Kafka message carries beside its value (StarRocks 4.1: INCLUDE METADATA)."""

    KEY = "KEY"
    PARTITION = "PARTITION"
    OFFSET = "OFFSET"
    TOPIC = "TOPIC"
    TIMESTAMP_MS = "TIMESTAMP_MS"
    HEADERS = "HEADERS"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataColumn:
    """One field of the message as a source column. Without AS the column has the field's name in lower case."""

    field: MetadataField
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadClauses:
    """The load properties of CREATE and ALTER; None or empty where a clause is absent.

    ``columns`` holds plain names first, then assignments (StarRocks: order of items inside COLUMNS).
    """

    column_separator: Delimiter | None = None
    row_delimiter: Delimiter | None = None
    columns: tuple[ColumnItem, ...] | None = None
    where: Expression | None = None
    preceding_filter: Expression | None = None
    partitions: tuple[str, ...] | None = None
    temporary_partitions: bool = False
    delete_on: Expression | None = None
    order_by: str | None = None
    metadata: tuple[MetadataColumn, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRoutineLoad:
    """``table`` is None for a multi-table job (Doris: no ON clause)."""

    job: JobName
    table: str | None
    merge_type: MergeType = MergeType.APPEND
    clauses: LoadClauses = LoadClauses()
    properties: tuple[Property, ...] = ()
    source: str
    source_properties: tuple[Property, ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterRoutineLoad:
    """``source`` is None where FROM is absent; ``table`` is set by ALTER … ON table (Doris)."""

    job: JobName
    clauses: LoadClauses = LoadClauses()
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
class SortKey:
    column: str
    descending: bool = False


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
class CreateFile:
    """CREATE FILE "name" [IN|FROM db] PROPERTIES ("url" = …, "catalog" = …, "md5" = …)."""

    name: str
    database: str | None = None
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DropFile:
    """DROP FILE "name" [IN|FROM db] PROPERTIES ("catalog" = …)."""

    name: str
    database: str | None = None
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowFile:
    """SHOW FILE [IN|FROM db]."""

    database: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowTransaction:
    """SHOW TRANSACTION [FROM db] [WHERE …]; which conditions are allowed is the vendor's rule."""

    database: str | None = None
    where: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowLoad:
    """SHOW [ALL] LOAD [FROM db] [WHERE …] [ORDER BY …] [LIMIT …]."""

    database: str | None = None
    where: Expression | None = None
    order_by: tuple[SortKey, ...] = ()
    limit: int | None = None
    offset: int = 0


class Scope(StrEnum):
    """What a privilege is about: SYSTEM (StarRocks: ON SYSTEM; Doris: ON *.*.* with ADMIN_PRIV), all data, …"""

    SYSTEM = "SYSTEM"
    ALL = "ALL"
    DATABASE = "DATABASE"
    TABLE = "TABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivilegeTarget:
    """ALL: every database (``*.*``, ALL TABLES IN ALL DATABASES); DATABASE: the database and all its tables."""

    scope: Scope
    database: str | None = None
    table: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """GRANT p [, p …] ON target TO user. Privilege names in upper case, Doris' without ``_PRIV``.

    ``role``: the grantee is a role. ``roles``: GRANT role [, role …] TO user, with no privileges and no target.
    """

    privileges: tuple[str, ...] = ()
    target: PrivilegeTarget | None = None
    roles: tuple[str, ...] = ()
    grantee: str
    role: bool = False
    with_grant_option: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke:
    """REVOKE … FROM user, shaped as ``Grant``."""

    privileges: tuple[str, ...] = ()
    target: PrivilegeTarget | None = None
    roles: tuple[str, ...] = ()
    grantee: str
    role: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowGrants:
    """SHOW [ALL] GRANTS [FOR user]; ``user`` None: oneself."""

    user: str | None = None
    all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFrontendConfig:
    """ADMIN SET [ALL] FRONTEND CONFIG ("name" = "value")."""

    properties: tuple[Property, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowComputeNodes:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser:
    """CREATE USER 'u'@'%' IDENTIFIED BY 'p'."""

    user: str
    password: str = field(default="", repr=False)
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropUser:
    user: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPassword:
    """SET PASSWORD [FOR 'u'] = PASSWORD('p') or = 'p'; ALTER USER 'u' IDENTIFIED BY 'p'. ``user`` None: oneself."""

    user: str | None
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowBackends:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowFrontends:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowProcesslist:
    """``full``: statements in whole."""

    full: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowProc:
    """SHOW PROC '/backends': a place in the front end's tree of facts."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowFrontendConfig:
    """[ADMIN] SHOW FRONTEND CONFIG [LIKE 'pattern']."""

    like: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """KILL [CONNECTION] n ends a connection, KILL QUERY n what it runs."""

    connection_id: int
    query_only: bool = False


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
    | EngineStatement
)
