"""The plan as two SELECTs over ``src`` (text columns ``s0`` …): one for all rows, one that explains rejected rows.

Order of evaluation (Doris: order of evaluation; StarRocks: filtered, unselected, loaded): preceding filter, conversion
in strict mode, WHERE on table columns, NOT NULL and table partitions. The outcome of a row is one number, ``status``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import pyarrow as pa
from sqlglot import exp

from routine_load.errors import AnalysisError, ExpressionError
from routine_load.ids import Compat
from routine_load.loads.values import HAS, LoadSpec, SourceColumn
from routine_load.sql.automatic_partitions import columns_of
from routine_load.sql.expression_text import printed
from routine_load.sql.expressions import parse_expression
from routine_load.sql.schema import Aggregation, Column, Table, TypeName
from routine_load.transform.convert import Rules, convert, has_usual, kind_of, to_text
from routine_load.transform.expressions import Translator
from routine_load.transform.faults import Fault, Filled, braced, conversion_faults, explain, outcome
from routine_load.transform.functions_states import EMPTY
from routine_load.transform.hopeless import Refusal, refusals
from routine_load.transform.keys import ABSENT
from routine_load.transform.operators import as_kind
from routine_load.transform.partitions import in_partitions
from routine_load.transform.plain import PlainColumn, plain_columns
from routine_load.transform.plan import DELETE_SIGN, OP_COLUMN, Derived, Plan, Target, default_text, make_plan
from routine_load.transform.registry import Context
from routine_load.transform.typed import Kind, Stages, Typed, derived, quoted

_KINDS = {pa.string(): Kind.TEXT, pa.int64(): Kind.INT, pa.binary(): Kind.OTHER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """``names`` are the output columns, in order; a last column ``status`` follows where a row may not load.

    ``usual`` is ``main`` for chunks whose integers, dates and times are spelled as usual: planning the expressions for
    all other spellings costs more than converting the rows. A row that is not gets the status UNUSUAL. ``plain``: what
    does the same without SQL; nothing where that cannot be. ``refused``: the faults of those columns. The first
    ``early`` of the faults are seen before WHERE.
    """

    sources: tuple[SourceColumn, ...]
    main: str
    usual: str
    explain: str
    names: tuple[str, ...]
    faults: tuple[tuple[str, str], ...]
    early: int = 0
    plain: tuple[PlainColumn, ...] = ()
    refused: tuple[Refusal, ...] = ()


@lru_cache(maxsize=256)
def make_program(spec: LoadSpec, table: Table) -> Program:
    """Plan and translate. Raises AnalysisError."""
    plan = make_plan(spec, table)
    program = _Builder(plan).build()
    usual = _Builder(plan, usual_only=True).build()
    plain = plain_columns(plan)
    refused = refusals(spec, plain, program.names, program.faults, program.early)
    return replace(program, usual=usual.main, plain=plain, refused=refused)


@dataclass(slots=True)
class _Builder:
    plan: Plan
    usual_only: bool = False
    stages: Stages = field(default_factory=Stages)
    filled: list[Filled] = field(default_factory=list)

    @property
    def spec(self) -> LoadSpec:
        return self.plan.spec

    @property
    def context(self) -> Context:
        return Context(compat=self.spec.compat, zone=self.spec.timezone, stages=self.stages)

    @property
    def rules(self) -> Rules:
        return Rules(
            compat=self.spec.compat,
            zone=self.spec.timezone,
            strict=self.spec.strict_mode,
            usual_only=self.usual_only,
        )

    def build(self) -> Program:
        sources = {
            column.name.lower(): Typed(f"s{i}", _KINDS[column.type], atomic=True)
            for i, column in enumerate(self.plan.sources)
        }
        for target in self.plan.targets:
            self.filled.append(self._fill(target, sources))
        op, op_fault = self._operation(sources)
        early, late = conversion_faults(self.spec, self.filled), self._late_faults(op)
        if op_fault is not None:
            early.append(op_fault)
        before = self._filter(self.plan.preceding_filter, sources, "preceding filter")
        where = self._where()
        status = outcome(self._unusual(), (before, early), (where, late))
        outputs = [(f"c{i}", filled.after) for i, filled in enumerate(self.filled)]
        names = [filled.target.column.name for filled in self.filled]
        for filled in self.filled:
            if filled.brings is not None and not filled.target.column.is_key:
                outputs.append((f"c{len(outputs)}", filled.brings))
                names.append(HAS + filled.target.column.name)
        if op is not None:
            outputs.append((f"c{len(outputs)}", op))
            names.append(OP_COLUMN)
        if status is not None:
            outputs.append(("status", status))
        faults = [*early, *late]
        return Program(
            sources=self.plan.sources,
            main=self.stages.select(outputs),
            usual="",
            explain=explain(faults, self.stages),
            names=tuple(names),
            faults=tuple((fault.column, fault.reason) for fault in faults),
            early=len(early),
        )

    def _fill(self, target: Target, sources: dict[str, Typed]) -> Filled:
        if target.expression is None:
            assert target.source is not None
            before = sources[self.plan.sources[target.source].name.lower()]
            if target.masked:
                return self._masked(target, before)
            if target.absent is not None:
                before = self._present(target.absent, before, target.column.name)
        else:
            before = self.stages.bind(self._translate(target.expression, sources, target.column.name))
        if target.column.type.name.is_state:
            self._check_state(target.column, before.kind)
        return Filled(target, before, self._converted(target, before))

    def _check_state(self, column: Column, given: Kind) -> None:
        """Both vendors: a bitmap, an HLL or a quantile state comes from a function, never from a field as it is."""
        if given in {kind_of(column.type), Kind.NULL}:
            return
        name, kind = column.name, column.type.name
        if kind is TypeName.HLL:
            raise AnalysisError(
                f"HLL column must use hll_hash function, like {name}=hll_hash(xxx) or {name}=hll_empty()"
            )
        raise AnalysisError(f"{kind} column {name} require the function return type is {kind.upper()}")

    def _converted(self, target: Target, before: Typed) -> Typed:
        after = derived(convert(before.sql, before.kind, target.column.type, self.rules), before.kind, before)
        after = before if after.sql == before.sql else self.stages.bind(after)
        if self.spec.negative and target.column.aggregation is Aggregation.SUM:
            after = self.stages.bind(derived(f"TRY(-{after.sql})", after.kind, after))
        return after

    def _present(self, absent: Derived, given: Typed, column: str) -> Typed:
        """Doris: what a row does not bring is the default, computed."""
        default = self.stages.bind(self._translate(absent, {}, column))
        here, text = f"{given.sql} IS DISTINCT FROM {quoted(ABSENT)}", to_text(default.sql, default.kind)
        return self.stages.bind(
            derived(f"CASE WHEN {here} THEN {given.sql} ELSE {text} END", given.kind, given, default)
        )

    def _masked(self, target: Target, given: Typed) -> Filled:
        """Doris: flexible partial update: what a row does not bring is neither NULL nor the default."""
        brings = self.stages.bind(derived(f"({given.sql} IS DISTINCT FROM {quoted(ABSENT)})", Kind.BOOL, given))
        before = self.stages.bind(derived(f"nullif({given.sql}, {quoted(ABSENT)})", given.kind, given))
        return Filled(target, before, self._converted(target, before), brings)

    def _unusual(self) -> list[Typed]:
        """Conditions that a value may convert, but not by its usual spelling."""
        if not self.usual_only:
            return []
        return [
            derived(f"({f.before.sql} IS NOT NULL AND {f.after.sql} IS NULL)", Kind.BOOL, f.before, f.after)
            for f in self.filled
            if f.before.kind in {Kind.TEXT, Kind.JSON} and has_usual(f.target.column.type)
        ]

    def _translate(self, expression: Derived, scope: dict[str, Typed], column: str) -> Typed:
        try:
            return Translator(scope, self.context).translate(expression.tree)
        except AnalysisError as cause:
            if self.spec.compat is Compat.DORIS:
                raise
            said = printed(expression.text, self.spec.compat)
            text = f"Expr '{said}' analyze error: {cause.message}, derived column is '{column}'"
            raise ExpressionError(text) from cause

    def _filter(self, expression: Derived | None, scope: dict[str, Typed], what: str) -> Typed | None:
        """A condition over ``scope``, bound: true keeps the row."""
        if expression is None:
            return None
        for column in expression.tree.find_all(exp.Column):
            if column.name.lower() not in scope:
                raise AnalysisError(self._unknown(column.name, what))
        try:
            is_strict = what == "where statement" and self.spec.compat is Compat.STARROCKS
            condition = Translator(scope, self.context).condition(expression.tree, strictly=is_strict)
        except AnalysisError as cause:
            raise AnalysisError(f"{what} is not a valid statement return bool: {cause.message}") from cause
        return self.stages.bind(condition)

    def _unknown(self, name: str, what: str) -> str:
        if what == "where statement" and self.spec.compat is Compat.STARROCKS:
            return (
                f"unknown column in where statement. the column '{name}' in where clause must be in the target table."
            )
        return f"unknown column reference in {what}, reference={name}"

    def _where(self) -> Typed | None:
        if self.plan.where is None:
            return None
        return self._filter(self.plan.where, self._table_scope(), "where statement")

    def _table_scope(self) -> dict[str, Typed]:
        """Every table column's value: converted, or its default where the load does not fill it."""
        scope: dict[str, Typed] = {}
        for filled in self.filled:
            column = filled.target.column
            value = Typed(filled.after.sql, kind_of(column.type), filled.after.level, atomic=True)
            if filled.brings is not None:
                sql = f"CASE WHEN {filled.brings.sql} THEN {value.sql} ELSE {self._constant(column)} END"
                value = self.stages.bind(derived(sql, value.kind, filled.brings, value))
            scope[column.name.lower()] = value
        for column in self.plan.table.columns:
            if column.name.lower() not in scope and column.generated is None:
                value = derived(f"({self._constant(column)})", kind_of(column.type))
                scope[column.name.lower()] = self.stages.bind(value)
        for column in self.plan.table.columns:
            if column.generated is not None:
                scope[column.name.lower()] = self._generated(column, scope)
        return scope

    def _constant(self, column: Column) -> str:
        """SQL of the default of a column that a row does not bring."""
        if column.type.name.is_state:
            return EMPTY[kind_of(column.type)]
        text = default_text(column)
        return convert("NULL::VARCHAR" if text is None else quoted(text), Kind.TEXT, column.type, self.rules)

    def _generated(self, column: Column, scope: dict[str, Typed]) -> Typed:
        """What the table will show in a generated column, for conditions on it."""
        text = column.generated or ""
        value = self.stages.bind(Translator(scope, self.context).translate(parse_expression(text)))
        kept = derived(f"({convert(value.sql, value.kind, column.type, self.rules)})", kind_of(column.type), value)
        return self.stages.bind(kept)

    def _late_faults(self, op: Typed | None) -> list[Fault]:
        """NULL where it must not be; a row that no table partition takes."""
        faults = []
        for filled in self.filled:
            column = filled.target.column
            if filled.brings is not None and column.is_key:
                reason = f"key column {braced(column.name)} is missing in a flexible partial update"
                when = derived(f"(NOT {filled.brings.sql})", Kind.BOOL, filled.brings)
                faults.append(Fault(when=when, value=None, column=column.name, reason=reason))
            if column.nullable or column.auto_increment:
                continue
            sql, parts = f"{filled.after.sql} IS NULL", [filled.after]
            if filled.brings is not None:
                sql, parts = f"{filled.brings.sql} AND {sql}", [filled.brings, *parts]
            if op is not None and not column.is_key:
                # A delete needs only its key.
                sql, parts = f"{sql} AND {op.sql} = 0", [*parts, op]
            name = braced(column.name)
            reason = f"NULL value in non-nullable column '{name}'"
            if self.spec.compat is Compat.DORIS:
                reason = f"column({name}) values is null while columns is not nullable"
            when = derived(f"({sql})", Kind.BOOL, *parts)
            faults.append(Fault(when=when, value=None, column=column.name, reason=reason))
        scope = self._table_scope() if self.plan.table.partition_kind is not None else {}
        inside = in_partitions(self.plan.table, self.spec, scope, self.rules)
        if inside is not None:
            reason, value = "The row is out of partition ranges. Please add a new partition.", None
            if self.spec.compat is Compat.DORIS:
                reason, value = "no partition for this tuple. tuple={value}", self._tuple(scope)
            when = derived(f"(NOT coalesce({inside.sql}, false))", Kind.BOOL, inside)
            faults.append(Fault(when=when, value=value, column="", reason=reason))
        return faults

    def _tuple(self, scope: dict[str, Typed]) -> Typed:
        """The values that a partition is looked for by."""
        values = [scope[name.lower()] for name in columns_of(self.plan.table)]
        texts = ", ".join(f"coalesce({to_text(value.sql, value.kind)}, 'NULL')" for value in values)
        return derived(f"concat_ws(', ', {texts})", Kind.TEXT, *values)

    def _operation(self, sources: dict[str, Typed]) -> tuple[Typed | None, Fault | None]:
        """The row's operation as TINYINT (0 upsert, 1 delete), and when its text is neither."""
        if self.plan.all_deletes:
            return Typed("1::TINYINT", Kind.INT, atomic=True), None
        if self.plan.delete_on is not None:
            # Table columns first: DELETE ON speaks of the row as it will be; other names are source columns.
            scope = {**sources, **self._table_scope()}
            condition = self._filter(self.plan.delete_on, scope, "delete on clause")
            assert condition is not None
            return self.stages.bind(derived(f"{condition.sql}::TINYINT", Kind.INT, condition)), None
        if self.plan.op_expression is not None:
            given = self._constant_checked(self.plan.op_expression, sources)
        elif self.plan.op_source is not None:
            given = sources[OP_COLUMN if self.spec.compat is Compat.STARROCKS else DELETE_SIGN]
        else:
            return None, None
        text = self.stages.bind(derived(f"lower(trim({to_text(given.sql, given.kind)}))", Kind.TEXT, given))
        op = self.stages.bind(
            derived(
                f"(CASE WHEN {text.sql} IN ('1', 'delete') THEN 1 WHEN {text.sql} IN ('0', 'upsert') "
                f"OR {text.sql} IS NULL THEN 0 END)::TINYINT",
                Kind.INT,
                text,
            )
        )
        reason = f"Value '{{value}}' is out of range. The type of '{OP_COLUMN}' is TINYINT"
        return op, Fault(
            when=derived(f"({op.sql} IS NULL)", Kind.BOOL, op), value=text, column=OP_COLUMN, reason=reason
        )

    def _constant_checked(self, expression: Derived, sources: dict[str, Typed]) -> Typed:
        value = self._translate(expression, sources, OP_COLUMN)
        if value.literal is not None:
            if value.kind is Kind.TEXT and value.literal.lower() not in {"0", "1", "upsert", "delete"}:
                raise AnalysisError(f"load op type string not supported: {value.literal.lower()}")
            if value.kind is not Kind.TEXT and value.literal not in {"0", "1"}:
                raise AnalysisError("const load op type column should only be upsert(0)/delete(1)")
        return self.stages.bind(as_kind(value, Kind.INT, self.context) if value.kind is Kind.BOOL else value)
