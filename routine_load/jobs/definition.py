"""What the user asked for: a CREATE ROUTINE LOAD, checked and typed.

Owns the definition, name rules and the checks that need no table. Refuses to know what became of the job.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from routine_load.errors import AnalysisError, IncorrectName
from routine_load.ids import Compat, TableRef
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.properties import (
    JobFormat,
    JobProperties,
    PropertyContext,
    UpdateMode,
    alter_properties,
    create_properties,
)
from routine_load.jobs.source import KafkaSource
from routine_load.jobs.source_create import SourceContext, check_source_type, create_source
from routine_load.sql.statements import CreateRoutineLoad, LoadClauses, MergeType, Property

_STARROCKS_NAME = re.compile(r"[a-zA-Z]\w{0,63}|_[a-zA-Z0-9]\w{0,62}", re.ASCII)
_DORIS_NAME = r"^[a-zA-Z_][a-zA-Z0-9-_]{0,63}$"
COMMENT_MAX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDefinition:
    """A routine load as it is to run. ``table`` None is a multi-table job: rows name their table."""

    name: str
    database: str
    table: str | None
    properties: JobProperties
    source: KafkaSource
    compat: Compat
    user: str
    merge_type: MergeType = MergeType.APPEND
    clauses: LoadClauses = field(default_factory=LoadClauses)
    comment: str = ""

    @property
    def is_multi_table(self) -> bool:
        return self.table is None

    @property
    def table_ref(self) -> TableRef | None:
        return None if self.table is None else TableRef(self.database, self.table)


@dataclass(frozen=True, slots=True, kw_only=True)
class DefineContext:
    """What a statement leaves to its session: whose rules, which defaults, who asks; ``uuid`` names the Kafka group."""

    compat: Compat
    config: FrontendConfig
    database: str
    user: str
    timezone: str
    uuid: str
    send_batch_parallelism: int = 1
    early_commit: bool = True

    @property
    def for_properties(self) -> PropertyContext:
        return PropertyContext(
            compat=self.compat,
            config=self.config,
            timezone=self.timezone,
            send_batch_parallelism=self.send_batch_parallelism,
            early_commit=self.early_commit,
        )


def define(statement: CreateRoutineLoad, context: DefineContext) -> JobDefinition:
    """Check and type a CREATE. ``context.database`` is the resolved one. Raises AnalysisError in the vendor's words.

    The order of checks is the vendors': name, load clauses, job properties, data source, merge type.
    """
    name = statement.job.name
    check_name(name, context.compat)
    _check_multi_table(statement)
    check_source_type(statement.source)
    properties = create_properties(statement.properties, context.for_properties)
    _check_multi_table_update(statement.table, properties)
    source = create_source(
        statement.source_properties,
        SourceContext(
            compat=context.compat,
            timezone=properties.timezone,
            group_id=f"{name}_{context.uuid}",
            is_avro=properties.format is JobFormat.AVRO,
        ),
    )
    check_merge_type(statement.merge_type, statement.clauses)
    if len(statement.comment) > COMMENT_MAX:
        raise AnalysisError(f"the comment has {len(statement.comment)} characters, at most {COMMENT_MAX} are kept")
    return JobDefinition(
        name=name,
        database=context.database,
        table=statement.table,
        properties=properties,
        source=source,
        compat=context.compat,
        user=context.user,
        merge_type=statement.merge_type,
        clauses=statement.clauses,
        comment=statement.comment,
    )


def check_name(name: str, compat: Compat) -> None:
    """Job names: letters, digits and underscore, at most 64 (Doris: hyphens too)."""
    if compat is Compat.STARROCKS:
        if not _STARROCKS_NAME.fullmatch(name):
            raise IncorrectName(f"Incorrect ROUTINE LOAD NAME name '{name}'")
    elif not re.fullmatch(_DORIS_NAME, name):
        raise IncorrectName(
            f"Incorrect ROUTINE LOAD NAME name '{name}'. required format is '{_DORIS_NAME}' "
            "Maybe routine load job name is longer than 64 or contains illegal characters"
        )


def check_merge_type(merge_type: MergeType, clauses: LoadClauses) -> None:
    """Doris: merge type against DELETE ON."""
    if merge_type is MergeType.MERGE and clauses.delete_on is None:
        raise AnalysisError("Excepted DELETE ON clause when merge type is MERGE.")
    if merge_type is not MergeType.MERGE and clauses.delete_on is not None:
        raise AnalysisError("not support DELETE ON clause when merge type is not MERGE.")


def _check_multi_table(statement: CreateRoutineLoad) -> None:
    clauses = statement.clauses
    if statement.table is None and (clauses.columns or clauses.where or clauses.preceding_filter):
        raise AnalysisError("Multi-table load does not support setting columns info")


def _check_multi_table_update(table: str | None, properties: JobProperties) -> None:
    if table is None and properties.unique_key_update_mode is not UpdateMode.UPSERT:
        raise AnalysisError("Partial update is not supported in multi-table load.")


def alter_definition(
    current: JobDefinition, clauses: LoadClauses, properties: tuple[Property, ...], config: FrontendConfig
) -> JobDefinition:
    """Load clauses and job properties of ALTER applied; each clause given replaces the whole clause of its kind."""
    merged = merge_clauses(current.clauses, clauses)
    if current.is_multi_table and (merged.columns or merged.where or merged.preceding_filter):
        raise AnalysisError("Multi-table load does not support setting columns info")
    check_merge_type(current.merge_type, merged)
    context = PropertyContext(compat=current.compat, config=config, timezone=current.properties.timezone)
    altered = alter_properties(current.properties, properties, context)
    _check_multi_table_update(current.table, altered)
    return replace(current, clauses=merged, properties=altered)


def merge_clauses(current: LoadClauses, given: LoadClauses) -> LoadClauses:
    """Clauses not given stay."""
    named_partitions = given.partitions is not None
    return LoadClauses(
        column_separator=given.column_separator or current.column_separator,
        row_delimiter=given.row_delimiter or current.row_delimiter,
        columns=current.columns if given.columns is None else given.columns,
        where=given.where or current.where,
        preceding_filter=given.preceding_filter or current.preceding_filter,
        partitions=given.partitions if named_partitions else current.partitions,
        temporary_partitions=given.temporary_partitions if named_partitions else current.temporary_partitions,
        delete_on=given.delete_on or current.delete_on,
        order_by=given.order_by or current.order_by,
        metadata=current.metadata if given.metadata is None else given.metadata,
    )
