"""The transform's half of a load compiler: check a spec, name the source columns, make transformers."""

from __future__ import annotations

import duckdb

from routine_load.errors import AnalysisError
from routine_load.loads.values import LoadSpec, SourceColumn, Transformer
from routine_load.sql.schema import Table
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


def _first_line(cause: duckdb.Error) -> str:
    return str(cause).partition("\n")[0]
