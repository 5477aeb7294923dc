"""The load plan: which source columns there are, what fills each table column, what is dropped, in the vendors' rules.

A plan is names and trees only. Whether the expressions make sense is found when ``program`` translates them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from routine_load.errors import AnalysisError, UnknownReference
from routine_load.ids import Compat
from routine_load.loads.values import SEQUENCE, Format, LoadSpec, Reading, SourceColumn
from routine_load.sql.expression_text import printed
from routine_load.sql.expressions import parse_expression
from routine_load.sql.schema import Column, Table, TypeName
from routine_load.sql.statements import Expression, MergeType, MetadataColumn, MetadataField
from routine_load.transform.keys import ABSENT, can_delete, check_partial, check_sequence, hidden_sequence

OP_COLUMN = "__op"
DELETE_SIGN = "__doris_delete_sign__"
DOUBLE_DIGITS = 15
"""Numbers of so many digits are the same after they were a double."""

_READINGS = {
    TypeName.BOOLEAN: Reading.BOOLEAN,
    TypeName.DECIMAL: Reading.DECIMAL,
    TypeName.LARGEINT: Reading.DECIMAL,
    TypeName.JSON: Reading.JSON,
    TypeName.ARRAY: Reading.OTHER,
    TypeName.MAP: Reading.OTHER,
    TypeName.STRUCT: Reading.OTHER,
    TypeName.CHAR: Reading.TEXT,
    TypeName.VARCHAR: Reading.TEXT,
    TypeName.STRING: Reading.TEXT,
    TypeName.VARBINARY: Reading.TEXT,
}
_AVRO_READINGS = {
    TypeName.VARBINARY: Reading.BYTES,
    TypeName.DATE: Reading.OTHER,
    TypeName.DATETIME: Reading.OTHER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """An expression with its text, for error messages."""

    text: str
    tree: exp.Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A table column that the load fills: from source column ``source`` (its index), or from an expression.

    ``masked``: a row that lacks it (``ABSENT``) leaves it as it is. ``absent``: it gets this value instead.
    """

    column: Column
    source: int | None = None
    expression: Derived | None = None
    masked: bool = False
    absent: Derived | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``op_source``/``op_expression``: where the row's operation comes from; ``all_deletes``: MERGE type DELETE."""

    spec: LoadSpec
    table: Table
    sources: tuple[SourceColumn, ...]
    targets: tuple[Target, ...]
    op_source: int | None = None
    op_expression: Derived | None = None
    delete_on: Derived | None = None
    all_deletes: bool = False
    where: Derived | None = None
    preceding_filter: Derived | None = None


def make_plan(spec: LoadSpec, table: Table) -> Plan:
    """Check the mapping and lay it out. Raises AnalysisError in the vendor's words."""
    deletes = can_delete(spec, table)
    sequence = hidden_sequence(spec, table)
    assigned = _assignments(spec, table, _hidden(spec, deletes=deletes, sequence=sequence))
    carried = {column.name.lower(): column for column in spec.metadata}
    names = _fields(spec, table, assigned, deletes=deletes)
    fields = len(names)
    used = _used_columns(spec, table, assigned, {name.lower() for name in names} | set(carried))
    kept = [column for key, column in carried.items() if key in used or table.column(key) is not None]
    names += [column.name for column in kept]
    index = {name.lower(): at for at, name in enumerate(names)}
    sources = (
        *(_source_column(spec, table, name, used) for name in names[:fields]),
        *(_metadata_column(table, column, used) for column in kept),
    )
    targets = _targets(spec, table, assigned, sources)
    if sequence is not None:
        targets += _sequence_target(spec, sequence, assigned, index)
    filled = {target.column.name.lower() for target in targets}
    check_sequence(spec, table, filled)
    check_partial(spec, table, filled)
    op = OP_COLUMN if spec.compat is Compat.STARROCKS else DELETE_SIGN
    return Plan(
        spec=spec,
        table=table,
        sources=sources,
        targets=tuple(targets),
        op_source=index.get(op) if deletes and op not in assigned else None,
        op_expression=assigned.get(op) if deletes else None,
        delete_on=_tree(spec.delete_on),
        all_deletes=spec.merge_type is MergeType.DELETE,
        where=_tree(spec.where),
        preceding_filter=_tree(spec.preceding_filter),
    )


def _hidden(spec: LoadSpec, *, deletes: bool, sequence: Column | None) -> dict[str, bool]:
    """Names that COLUMNS may assign though no column of the table has them, and whether it matters."""
    hidden = {OP_COLUMN if spec.compat is Compat.STARROCKS else DELETE_SIGN: deletes}
    return hidden if sequence is None else hidden | {SEQUENCE: True}


def _fields(spec: LoadSpec, table: Table, assigned: dict[str, Derived], *, deletes: bool) -> list[str]:
    """The fields of a message, in order: those of COLUMNS, or the table's (both vendors)."""
    carried = {column.name.lower() for column in spec.metadata}
    plain = [item.name for item in spec.columns or () if item.expression is None and not item.is_default]
    own = [c.name for c in table.columns if not c.auto_increment and c.generated is None]
    names = plain or [name for name in own if name.lower() not in carried]
    if plain and spec.fill_missing_columns and spec.format is Format.JSON and not spec.jsonpaths:
        listed = {name.lower() for name in plain} | carried
        names = [*plain, *(name for name in own if name.lower() not in listed)]
    names += [name for name in spec.hidden_columns if not _named(names, assigned, name.lower())]
    _unique(names, "Duplicate column: {}")
    _check_metadata(spec, names)
    if not deletes or spec.format is not Format.JSON:
        return names
    if spec.compat is Compat.STARROCKS and not _named(names, assigned, OP_COLUMN):
        return [*names, OP_COLUMN]  # StarRocks reads the key __op by itself
    if not spec.flexible:
        return names
    return [*names, DELETE_SIGN.upper(), *([SEQUENCE.upper()] if table.sequence_type is not None else [])]


def _targets(
    spec: LoadSpec, table: Table, assigned: dict[str, Derived], sources: Sequence[SourceColumn]
) -> list[Target]:
    """What fills each table column. Raises AnalysisError for one that nothing fills and that may not be NULL."""
    index = {source.name.lower(): at for at, source in enumerate(sources)}
    defaulted = {item.name.lower() for item in spec.columns or () if item.is_default}
    targets = []
    for column in table.columns:
        key = column.name.lower()
        if key in assigned:
            targets.append(Target(column=column, expression=assigned[key]))
        elif key in index and key not in defaulted:
            absent = _computed_default(spec, column) if sources[index[key]].missing == ABSENT else None
            targets.append(Target(column=column, source=index[key], masked=spec.flexible, absent=absent))
        elif not spec.partial_update and needs_value(column):
            raise AnalysisError(f"Column has no default value. column: {column.name}")
    return targets


def needs_value(column: Column) -> bool:
    """A new row has to bring it."""
    computed = column.auto_increment or column.generated is not None or column.type.name.is_state
    return not computed and column.default is None and not column.nullable


def _sequence_target(
    spec: LoadSpec, column: Column, assigned: dict[str, Derived], index: dict[str, int]
) -> list[Target]:
    """Doris: ORDER BY maps a source column to the hidden sequence column; COLUMNS may fill it, too."""
    for name in (SEQUENCE, (spec.sequence_column or "").lower()):
        if name in assigned:
            return [Target(column=column, expression=assigned[name])]
        if name in index:
            return [Target(column=column, source=index[name], masked=spec.flexible)]
    return []


def _named(names: list[str], assigned: dict[str, Derived], wanted: str) -> bool:
    return wanted in assigned or any(name.lower() == wanted for name in names)


def _tree(expression: Expression | None) -> Derived | None:
    return None if expression is None else Derived(text=expression.text, tree=parse_expression(expression.text))


def _assignments(spec: LoadSpec, table: Table, hidden: dict[str, bool]) -> dict[str, Derived]:
    """Lower-case table column → expression."""
    assigned: dict[str, Derived] = {}
    for item in spec.columns or ():
        named = table.column(item.name)
        if named is not None and named.generated is not None:
            raise AnalysisError(f"generated column: {named.name} can not be specified")
        if item.expression is None and not item.is_default:
            continue
        key = item.name.lower()
        if key in assigned:
            raise AnalysisError(f"Duplicate column mapping: {item.name}")
        if key in hidden:
            if not hidden[key]:
                continue
        elif named is None:
            raise AnalysisError(f"Mapping column is not in table. column: {item.name}")
        if item.expression is not None:
            assigned[key] = Derived(text=item.expression.text, tree=parse_expression(item.expression.text))
    return assigned


def _unique(names: list[str], text: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise AnalysisError(text.format(name))
        seen.add(name.lower())


def _check_metadata(spec: LoadSpec, fields: list[str]) -> None:
    """A metadata column stands beside the fields of a message, under a name of its own."""
    _unique([column.name for column in spec.metadata], "INCLUDE METADATA names the column {} twice")
    known = {name.lower() for name in fields}
    for column in spec.metadata:
        if column.name.lower() in {OP_COLUMN, DELETE_SIGN}:
            raise AnalysisError(
                f"INCLUDE METADATA cannot name a column {column.name}; COLUMNS can compute it: {column.name} = …"
            )
        if column.name.lower() in known:
            raise AnalysisError(
                f"INCLUDE METADATA names the column {column.name}, which is a field of the message in COLUMNS too: "
                f"give one of them another name, {column.field} AS <name>"
            )
    if not fields:
        raise AnalysisError(
            "INCLUDE METADATA fills every column of the table: name the fields of the message in COLUMNS, "
            "also those that no column takes"
        )


def _metadata_column(table: Table, column: MetadataColumn, used: set[str]) -> SourceColumn:
    """A key is text, but goes into a binary column byte for byte."""
    filled = table.column(column.name)
    is_bytes = column.field is MetadataField.KEY and column.name.lower() not in used
    if is_bytes and filled is not None and filled.type.name is TypeName.VARBINARY:
        return SourceColumn(column.name, Reading.BYTES, metadata=column.field)
    return SourceColumn(column.name, metadata=column.field)


def _used_columns(spec: LoadSpec, table: Table, assigned: dict[str, Derived], index: set[str]) -> set[str]:
    """Source columns that expressions read. Raises AnalysisError for a name that is none."""
    used: set[str] = set()
    for target, derived in assigned.items():
        for column in derived.tree.find_all(exp.Column):
            if column.name.lower() not in index:
                found = table.column(column.name)
                if found is not None and found.generated is not None:
                    raise AnalysisError(f"Mapping column can not ref generated column: {found.name}")
                raise UnknownReference(_unknown_reference(spec, column.name, derived.text, target))
            used.add(column.name.lower())
    for expression in (spec.preceding_filter, spec.delete_on):
        if expression is not None:
            used |= {column.name.lower() for column in parse_expression(expression.text).find_all(exp.Column)}
    return used


def _unknown_reference(spec: LoadSpec, name: str, text: str, target: str) -> str:
    if spec.compat is Compat.DORIS:
        return f"unknown reference column, column={target}, reference={name}"
    said = printed(text, spec.compat)
    return f"Referenced column '{name}' in expr '{said}' can't be found in column list, derived column is '{target}'"


def _source_column(spec: LoadSpec, table: Table, name: str, used: set[str]) -> SourceColumn:
    column = table.column(name)
    if name.lower() in {OP_COLUMN, DELETE_SIGN}:
        return SourceColumn(name, Reading.NUMBER)
    if column is None:
        is_masked = spec.flexible and name.lower() == SEQUENCE
        return SourceColumn(name, Reading.TEXT, ABSENT if is_masked else None)
    missing = None
    if spec.compat is Compat.DORIS and spec.format is Format.JSON and not spec.jsonpaths:
        computed = name.lower() not in used and _computed_default(spec, column) is not None
        missing = ABSENT if spec.flexible or computed else default_text(column)
    reading = Reading.TEXT if name.lower() in used else _reading(spec, column)
    if reading is Reading.DECIMAL and (column.type.precision or 0) > DOUBLE_DIGITS:
        reading = Reading.EXACT
    # JSON text column: values keep their quotes unless an expression reads them as text.
    return SourceColumn(name if spec.columns else column.name, reading, missing)


def _computed_default(spec: LoadSpec, column: Column) -> Derived | None:
    """Doris: what a key that is not there becomes in a column whose default is no constant."""
    if spec.flexible or column.default not in _COMPUTED:
        return None
    text = _COMPUTED[column.default]
    return Derived(text=text, tree=parse_expression(text))


_COMPUTED: Final = {"CURRENT_TIMESTAMP": "now()", "CURRENT_DATE": "curdate()", "uuid()": "uuid()"}


def _reading(spec: LoadSpec, column: Column) -> Reading:
    """Avro knows bytes, and dates from numbers; they go into their columns as what they are."""
    usual = _READINGS.get(column.type.name, Reading.NUMBER)
    return _AVRO_READINGS.get(column.type.name, usual) if spec.format is Format.AVRO else usual


def default_text(column: Column) -> str | None:
    """The constant default as text; None when there is none or it is computed (CURRENT_TIMESTAMP)."""
    default = column.default
    if default is None or default.strip().upper() == "NULL" or "(" in default or "CURRENT" in default.upper():
        return None
    text = default.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1].replace(text[0] * 2, text[0])
    return text
