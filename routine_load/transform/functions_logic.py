"""Conditions and NULLs: the branches take the kind that all of them can be seen as."""

from __future__ import annotations

from routine_load.transform.registry import Family, common_kind
from routine_load.transform.typed import Kind, Typed

LOGIC = Family()


def _of_branches(args: list[Typed]) -> Kind:
    return common_kind(args[1:])


LOGIC.add(
    "if", "BAA", _of_branches, lambda args, _: f"CASE WHEN {args[0].sql} THEN {args[1].sql} ELSE {args[2].sql} END"
)
LOGIC.add("ifnull nvl", "AA", common_kind, lambda args, _: f"coalesce({args[0].sql}, {args[1].sql})")
LOGIC.add("coalesce", "AA*", common_kind, lambda args, _: f"coalesce({', '.join(arg.sql for arg in args)})")
LOGIC.add("nullif", "AA", common_kind, lambda args, _: f"nullif({args[0].sql}, {args[1].sql})")
LOGIC.add("isnull", "A", Kind.BOOL, "({0} IS NULL)")
LOGIC.add("isnotnull", "A", Kind.BOOL, "({0} IS NOT NULL)")
