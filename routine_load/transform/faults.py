"""How a row can be rejected: each way as a condition in SQL with the vendor's words, and the row's outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from routine_load.ids import Compat
from routine_load.loads.values import Format, LoadSpec
from routine_load.transform.convert import to_text, type_text
from routine_load.transform.plan import Target
from routine_load.transform.typed import Kind, Stages, Typed, derived

LOADED, UNSELECTED, REJECTED, UNUSUAL = 0, 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way a row can be rejected: when, the value to show, and what to say (``{value}``, ``{size}``)."""

    when: Typed
    value: Typed | None
    column: str
    reason: str


@dataclass(slots=True)
class Filled:
    """``brings``: whether the row has the column at all; None: every row has."""

    target: Target
    before: Typed
    after: Typed
    brings: Typed | None = None


def conversion_faults(spec: LoadSpec, filled_columns: Sequence[Filled]) -> list[Fault]:
    """Strict mode: a value that was not NULL and became NULL. Derived columns are exempt in Doris."""
    if not spec.strict_mode:
        return []
    faults = []
    for position, filled in enumerate(filled_columns):
        if filled.after is filled.before:
            continue
        if filled.target.expression is not None and spec.compat is Compat.DORIS:
            continue
        when = derived(
            f"({filled.before.sql} IS NOT NULL AND {filled.after.sql} IS NULL)",
            Kind.BOOL,
            filled.before,
            filled.after,
        )
        column = filled.target.column
        at = filled.target.source if filled.target.source is not None else position
        value = derived(to_text(filled.before.sql, filled.before.kind), Kind.TEXT, filled.before)
        faults.append(Fault(when=when, value=value, column=column.name, reason=_out_of_range(spec, filled, at)))
    return faults


def _out_of_range(spec: LoadSpec, filled: Filled, position: int) -> str:
    column = filled.target.column
    name, kind = braced(column.name), braced(type_text(column.type))
    if spec.compat is Compat.DORIS:
        return f"column({name}) value is incorrect while strict mode is true, src value is {{value}}"
    if spec.format is not Format.CSV:
        return f"Value '{{value}}' is out of range. The type of '{name}' is {kind}"
    return (
        f"The field (name = {name}, pos = {position}) is out of range. "
        f"Type: {kind}, Value length: {{size}}, Value: {{value}}"
    )


def explain(faults: list[Fault], stages: Stages) -> str:
    """SELECT of the first fault (its index) and its value, for rows known to have one."""
    if not faults:
        return ""
    which = " ".join(f"WHEN {fault.when.sql} THEN {i}" for i, fault in enumerate(faults))
    shown = " ".join(f"WHEN {fault.when.sql} THEN {fault.value.sql if fault.value else 'NULL'}" for fault in faults)
    parts = [fault.when for fault in faults] + [fault.value for fault in faults if fault.value]
    return stages.select(
        [
            ("fault", derived(f"CASE {which} END", Kind.INT, *parts)),
            ("value", derived(f"CASE {shown} END::VARCHAR", Kind.TEXT, *parts)),
        ]
    )


def outcome(
    unusual: list[Typed], first: tuple[Typed | None, list[Fault]], then: tuple[Typed | None, list[Fault]]
) -> Typed | None:
    """The row's outcome: ``first`` and ``then`` are each a filter and the faults of the rows that pass it."""
    cases: list[str] = []
    parts = list(unusual)
    if unusual:
        cases.append(f"WHEN {' OR '.join(test.sql for test in unusual)} THEN {UNUSUAL}")
    for keep, faults in (first, then):
        if keep is not None:
            cases.append(f"WHEN NOT {keep.sql} THEN {UNSELECTED}")
            parts.append(keep)
        if faults:
            cases.append(f"WHEN {' OR '.join(fault.when.sql for fault in faults)} THEN {REJECTED}")
            parts += [fault.when for fault in faults]
    if not cases:
        return None
    return derived(f"(CASE {' '.join(cases)} ELSE {LOADED} END)::TINYINT", Kind.INT, *parts)


def braced(text: str) -> str:
    """A name inside a format template."""
    return text.replace("{", "{{").replace("}", "}}")
