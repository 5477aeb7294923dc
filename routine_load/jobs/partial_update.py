"""Doris: what a partial update asks of the statement and of the table, in the vendor's words (Doris: partial update).

``CREATE`` looks at it before the name and any other property. Refuses to know how rows are merged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from routine_load.errors import AnalysisError
from routine_load.jobs.definition import JobDefinition
from routine_load.jobs.properties import JobFormat, UpdateMode
from routine_load.jobs.property_rules import last_values
from routine_load.sql.schema import KeyModel, Table
from routine_load.sql.statements import CreateRoutineLoad, MergeType

_UPSERTING = frozenset({KeyModel.UNIQUE, KeyModel.PRIMARY})
_MERGE_ON_WRITE = "enable_unique_key_merge_on_write"
_SKIP_BITMAP = "enable_unique_key_skip_bitmap_column"
_LIGHT_SCHEMA_CHANGE = "light_schema_change"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flexible:
    """What decides whether each row may bring columns of its own."""

    format: str
    fuzzy_parse: bool
    jsonpaths: str
    has_columns: bool

    def check(self, *, altering: bool) -> None:
        if self.format.lower() != JobFormat.JSON:
            found = "but current job uses" if altering else "but found"
            raise AnalysisError(f"Flexible partial update only supports JSON format, {found}: {self.format}")
        if self.fuzzy_parse:
            raise AnalysisError("Flexible partial update does not support fuzzy_parse")
        if self.jsonpaths:
            raise AnalysisError("Flexible partial update does not support jsonpaths")
        if self.has_columns:
            raise AnalysisError("Flexible partial update does not support COLUMNS specification")


def check_first(statement: CreateRoutineLoad, table: Table | None) -> None:
    """What Doris looks at as soon as it knows the table: merge type, then partial update, as their texts stand."""
    if table is not None:
        check_merge_type(statement.merge_type, table)
    given = last_values(statement.properties)
    mode = _asked(given)
    check_table_for(mode, table)
    if mode is UpdateMode.FLEXIBLE:
        _Flexible(
            format=given.get("format", JobFormat.CSV),
            fuzzy_parse=_is_true(given, "fuzzy_parse"),
            jsonpaths=given.get("jsonpaths", ""),
            has_columns=bool(statement.clauses.columns),
        ).check(altering=False)


def check_definition(definition: JobDefinition, table: Table, *, altering: bool = False) -> None:
    """The same of a definition that was read. Raises AnalysisError."""
    properties = definition.properties
    mode = properties.unique_key_update_mode
    check_table_for(mode, table)
    if mode is UpdateMode.FLEXIBLE:
        _Flexible(
            format=properties.format,
            fuzzy_parse=properties.fuzzy_parse,
            jsonpaths=properties.jsonpaths,
            has_columns=bool(definition.clauses.columns),
        ).check(altering=altering)


def check_merge_type(merge_type: MergeType, table: Table) -> None:
    if merge_type is not MergeType.APPEND and table.key_model not in _UPSERTING:
        raise AnalysisError("load by MERGE or DELETE is only supported in unique tables.")


def check_table_for(mode: UpdateMode, table: Table | None) -> None:
    """Whether rows of this table can be updated in part; None: many tables."""
    if mode is UpdateMode.UPSERT:
        return
    if table is None:
        raise AnalysisError("Partial update is not supported in multi-table load.")
    flexible = mode is UpdateMode.FLEXIBLE
    if not _says(table, _MERGE_ON_WRITE, default=True) or table.key_model not in _UPSERTING:
        raise AnalysisError(
            "Flexible partial update is only supported in unique table MoW"
            if flexible
            else "load by PARTIAL_COLUMNS is only supported in unique table MoW"
        )
    if flexible and not _says(table, _SKIP_BITMAP, default=False):
        raise AnalysisError(
            "Flexible partial update can only support table with skip bitmap hidden column. "
            f"But table {table.ref.table} doesn't have it, create it with {_SKIP_BITMAP} = true"
        )
    if flexible and not _says(table, _LIGHT_SCHEMA_CHANGE, default=True):
        raise AnalysisError("Flexible partial update can only support table with light_schema_change = true")
    if flexible and any(column.type.is_variant for column in table.columns):
        raise AnalysisError("Flexible partial update can only support table without variant columns")


def _asked(given: Mapping[str, str]) -> UpdateMode:
    """``unique_key_update_mode`` wins over ``partial_columns``; what it cannot be is refused with the properties."""
    word = given.get("unique_key_update_mode", "").upper()
    if word:
        return UpdateMode(word) if word in set(UpdateMode) else UpdateMode.UPSERT
    is_fixed = _is_true(given, "partial_columns") or _is_true(given, "partial_update")
    return UpdateMode.FIXED if is_fixed else UpdateMode.UPSERT


def _is_true(given: Mapping[str, str], key: str) -> bool:
    return given.get(key, "").lower() == "true"


def _says(table: Table, key: str, *, default: bool) -> bool:
    text = dict(table.properties).get(key)
    return default if text is None else text.lower() == "true"
