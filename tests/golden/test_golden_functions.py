"""Every function of load expressions: its fixtures hold at load in each vendor's mode, and the vendors' lists are met."""

import re
import runpy
from pathlib import Path

import pyarrow as pa
import pytest

from routine_load.errors import AnalysisError
from routine_load.ids import Compat, TableRef
from routine_load.loads.values import Decoded, LoadSpec
from routine_load.sql.expressions import read_expression
from routine_load.sql.schema import Column, ColumnType, Table, TypeName
from routine_load.sql.statements import ColumnItem
from routine_load.transform import KNOWN_FUNCTIONS, TransformCompiler
from tests.golden.function_cases import VENDORS, cases, files

AT_ONCE = 40
"""Expressions of one program: few programs make a fast test, and every expression meets the others' values."""
SOURCES = tuple(ColumnItem(name=name) for name in "abc")


def transformed(compat, some):
    """What the load path makes of the cases, each in a column of its own over the rows of all. Raises AnalysisError."""
    names = ["result"] if len(some) == 1 else [f"r{i}" for i in range(len(some))]
    columns = tuple(Column(name=name, type=ColumnType(name=TypeName.STRING)) for name in names)
    items = tuple(
        ColumnItem(name=n, expression=read_expression(c.expression)) for n, c in zip(names, some, strict=True)
    )
    spec = LoadSpec(compat=compat, columns=SOURCES + items)
    transformer = TransformCompiler().transformer(spec, Table(ref=TableRef("db", "t"), columns=columns))
    values = zip(*(case.values for case in some), strict=True)
    source = pa.table({n: pa.array(list(v), pa.string()) for n, v in zip("abc", values, strict=True)})
    result = transformer.transform(Decoded(source, None))
    transformer.close()
    assert not result.rejected, [r.reason for r in result.rejected]
    return [result.rows[name][i].as_py() for i, name in enumerate(names)]


def answers(compat, some):
    """Texts of the cases' values; what goes wrong together is tried one by one."""
    try:
        return ["NULL" if value is None else value for value in transformed(compat, some)]
    except (AnalysisError, AssertionError) as error:
        if len(some) == 1:
            return [f"error {error.message if isinstance(error, AnalysisError) else error}"]
        half = len(some) // 2
        return answers(compat, some[:half]) + answers(compat, some[half:])


def agrees(case, actual):
    if not case.is_error:
        return actual.replace("\n", "\\n") == case.expected
    return actual.startswith("error ") and case.expected.removeprefix("error ") in actual


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_the_fixtures_hold_at_load(path, vendor):
    """Each line of tests/golden/load/*.functions: the expression over text columns has that value, in that mode."""
    some = [case for case in cases(path) if vendor in case.vendors]
    bad = [case for case in some if case.is_error]
    good = [case for case in some if not case.is_error]
    wrong = []
    for batch in [good[i : i + AT_ONCE] for i in range(0, len(good), AT_ONCE)] + [[case] for case in bad]:
        for case, actual in zip(batch, answers(Compat(vendor), batch), strict=True):
            if not agrees(case, actual):
                wrong.append(f"{case.where}: {case.expression} of {case.values} is {actual!r}, not {case.expected!r}")
    assert wrong == []


def called(expression):
    return set(re.findall(r"([a-z_0-9]+)\(", expression.lower()))


def test_every_function_has_fixtures():
    """No known function is without a golden line."""
    names = {name for path in files() for case in cases(path) for name in called(case.expression)}
    assert sorted(KNOWN_FUNCTIONS - names) == []


def test_the_functions_page_is_up_to_date():
    """docs/functions.md is what scripts/functions_doc.py writes."""
    script = Path(__file__).parents[2] / "scripts" / "functions_doc.py"
    namespace = runpy.run_path(str(script))
    assert namespace["PAGE"].read_text() == namespace["page"]()
