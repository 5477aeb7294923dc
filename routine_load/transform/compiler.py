"""The transform's half of a load compiler: check a spec, name the source columns, make transformers."""

from __future__ import annotations

from dataclasses import replace

import duckdb

from routine_load.errors import AnalysisError, RoutineLoadError
from routine_load.loads.values import LoadSpec, SourceColumn, Transformer
from routine_load.sql.expression_text import printed
from routine_load.sql.schema import Table
from routine_load.sql.statements import ColumnItem, MergeType
from routine_load.transform.moments import check_zone
from routine_load.transform.program import make_program
from routine_load.transform.run import SqlTransformer, blank_rows


class TransformCompiler:
    """Stateless; programs are cached by (spec, table)."""

    def check(self, spec: LoadSpec, table: Table) -> None:
        """Raise AnalysisError for a mapping or an expression that cannot work, in the vendor's words.

        The last word has a dry run on one row of NULLs: what DuckDB itself refuses is refused here, not in the task.
        """
        check_zone(spec.timezone)
        program = make_program(spec, table)
        transformer = SqlTransformer(spec, program)
        try:
            transformer.dry_run(blank_rows(program.sources, 1))
        except duckdb.BinderException as cause:
            raise AnalysisError(_misfit(spec, table)) from cause
        except duckdb.Error as cause:
            raise AnalysisError(f"The load's expressions cannot be evaluated: {_first_line(cause)}") from cause
        finally:
            transformer.close()

    def source_columns(self, spec: LoadSpec, table: Table) -> tuple[SourceColumn, ...]:
        """The columns that the decoder must produce, in order."""
        return make_program(spec, table).sources

    def transformer(self, spec: LoadSpec, table: Table) -> Transformer:
        """One per task; the caller closes it."""
        return SqlTransformer(spec, make_program(spec, table))


def _misfit(spec: LoadSpec, table: Table) -> str:
    """What to say of expressions whose values do not go together; each is tried alone to name the one it is."""
    fields = tuple(item for item in spec.columns or () if item.expression is None)
    for item in spec.columns or ():
        if item.expression is not None and not _goes_alone(spec, table, (*fields, item)):
            said = printed(item.expression.text, spec.compat)
            return f"Expr '{said}' puts values together whose types do not match, derived column is '{item.name}'"
    return "The load's expressions put values together whose types do not match"


def _goes_alone(spec: LoadSpec, table: Table, items: tuple[ColumnItem, ...]) -> bool:
    """False where DuckDB cannot bind it; what cannot stand alone for another reason is not what is looked for."""
    alone = replace(spec, columns=items, where=None, preceding_filter=None, delete_on=None, merge_type=MergeType.APPEND)
    try:
        program = make_program(alone, table)
    except RoutineLoadError:
        return True
    transformer = SqlTransformer(alone, program)
    try:
        transformer.dry_run(blank_rows(program.sources, 1))
    except duckdb.BinderException:
        return False
    except duckdb.Error:
        return True
    finally:
        transformer.close()
    return True


def _first_line(cause: duckdb.Error) -> str:
    return str(cause).partition("\n")[0]
