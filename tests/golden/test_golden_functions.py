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
from routine_load.transform.functions import FUNCTIONS
from routine_load.transform.refused import REFUSED
from tests.golden.function_cases import FOLDER, VENDORS, cases, files

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


def calls(vendor):
    """Of each function its cases in the vendor's mode."""
    found = {}
    for case in [case for path in files() for case in cases(path) if vendor in case.vendors]:
        for name in called(case.expression):
            found.setdefault(name, []).append(case)
    return found


def is_of_null(case):
    return "NULL" in case.expression.upper() or any(
        value is None and re.search(rf"\b{name}\b", case.expression)
        for name, value in zip("abc", case.values, strict=True)
    )


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_function_has_three_fixtures_and_one_of_null(vendor):
    """A function is shown by three cases at least in each vendor's mode, and by what it makes of NULL if it takes any."""
    found = calls(vendor)
    few = [f"{name}: {len(found.get(name, []))}" for name in sorted(KNOWN_FUNCTIONS) if len(found.get(name, [])) < 3]
    assert few == []
    taking = {name for name in KNOWN_FUNCTIONS if name not in FUNCTIONS or FUNCTIONS[name].arity[1] > 0}
    assert [name for name in sorted(taking) if not any(is_of_null(case) for case in found[name])] == []


def inventory():
    """(name, family, vendors, what becomes of it) of each line of functions.inventory."""
    lines = (FOLDER / "functions.inventory").read_text().splitlines()
    return [tuple(line.split("\t")) for line in lines if line and not line.startswith("#")]


def test_every_function_of_the_vendors_manuals_is_there_or_refused_with_a_reason():
    """The inventory of both manuals: implemented names are known, all others have a reason, and none is forgotten."""
    wrong = []
    for name, _, vendors, status in inventory():
        kept = name in KNOWN_FUNCTIONS if status == "implemented" else name in REFUSED and name not in KNOWN_FUNCTIONS
        if not kept or status not in {"implemented", "refused"} or not set(vendors.split(",")) <= set(VENDORS):
            wrong.append(name)
    assert wrong == []
    assert sorted(set(REFUSED) - {name for name, *_ in inventory()}) == []


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    "call",
    [
        "array_position(array_flatten([[1]]), a)",
        "array_contains_all(array_flatten([[1]]), [1, 2])",
        "array_flatten(array_flatten([[1]]))",
    ],
)
def test_values_whose_types_do_not_match_are_refused_with_the_expression_they_stand_in(vendor, call):
    """StarRocks, Doris: an expression is refused when the job is created; what DuckDB says of it is not repeated."""
    columns = tuple(Column(name=name, type=ColumnType(name=TypeName.STRING)) for name in "qr")
    items = (
        *SOURCES,
        ColumnItem(name="q", expression=read_expression("upper(a)")),
        ColumnItem(name="r", expression=read_expression(call)),
    )
    with pytest.raises(AnalysisError, match="puts values together whose types do not match") as refused:
        TransformCompiler().check(
            LoadSpec(compat=Compat(vendor), columns=items), Table(ref=TableRef("db", "t"), columns=columns)
        )
    assert refused.value.message.endswith("derived column is 'r'")
    assert call.partition("(")[0] in refused.value.message
    assert "'T" not in refused.value.message


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("uper(a)", "No matching function with name: uper; did you mean upper()?"),
        ("date_formt(a, '%Y')", "No matching function with name: date_formt; did you mean date_format()?"),
        ("rand()", "No matching function with name: rand: a row that is looked at again must give the same number"),
        ("concat(st_x(a), 'x')", "No matching function with name: st_x: geographic values do not exist here"),
        ("zzzzzzzz(a)", "No matching function with name: zzzzzzzz"),
        ("murmur_hash3_64(a)", "it is not the same in any library that is kept"),
    ],
)
def test_an_unknown_function_is_refused_with_the_nearest_name_or_the_reason(vendor, call, said):
    """StarRocks, Doris: a call that cannot be made is refused when the job is created."""
    columns = (Column(name="r", type=ColumnType(name=TypeName.STRING)),)
    items = (*SOURCES, ColumnItem(name="r", expression=read_expression(call)))
    with pytest.raises(AnalysisError, match=re.escape(said)):
        TransformCompiler().check(
            LoadSpec(compat=Compat(vendor), columns=items), Table(ref=TableRef("db", "t"), columns=columns)
        )


def test_the_functions_page_is_up_to_date():
    """docs/functions.md is what scripts/functions_doc.py writes."""
    script = Path(__file__).parents[2] / "scripts" / "functions_doc.py"
    namespace = runpy.run_path(str(script))
    assert namespace["PAGE"].read_text() == namespace["page"]()
