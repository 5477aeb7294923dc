"""Conditions and NULLs: the branches take the kind that all of them can be seen as."""

from __future__ import annotations

from routine_load.transform.operators import as_kind
from routine_load.transform.registry import Context, Family, common_kind
from routine_load.transform.typed import Kind, Typed, derived

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


def _results(args: list[Typed]) -> list[int]:
    """Which arguments of ifs() are results: every second, and a last one without a condition."""
    return [at for at in range(len(args)) if at % 2 == 1 or (at == len(args) - 1 and len(args) % 2 == 1)]


def _ifs(args: list[Typed], context: Context) -> Typed:
    """StarRocks: conditions and results in turn, and perhaps a result for when none holds."""
    results = _results(args)
    kind = common_kind([args[at] for at in results])
    values = [as_kind(arg, kind if at in results else Kind.BOOL, context) for at, arg in enumerate(args)]
    whens = "".join(f" WHEN {values[at - 1].sql} THEN {values[at].sql}" for at in range(1, len(values), 2))
    otherwise = f" ELSE {values[-1].sql}" if len(values) % 2 else ""
    return derived(f"(CASE{whens}{otherwise} END)", kind, *values)


LOGIC.add("ifs", "AAA*", Kind.TEXT, _ifs)
