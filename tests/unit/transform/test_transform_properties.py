"""Properties of transformers: every row is accounted for, both programs agree, nothing raises, nothing escapes."""

import datetime as dt
import random
import threading

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routine_load.errors import AnalysisError, LimitExceeded
from routine_load.ids import Compat, TableRef
from routine_load.loads.values import Decoded, Format, LoadSpec
from routine_load.sql.expressions import read_expression
from routine_load.sql.schema import Column, ColumnType, Table, TypeName
from routine_load.sql.statements import ColumnItem
from routine_load.transform import KNOWN_FUNCTIONS, TransformCompiler
from routine_load.transform import run as running
from routine_load.transform.functions import FUNCTIONS
from routine_load.transform.typed import Kind

ALL_TYPES = (
    ColumnType(name=TypeName.BOOLEAN),
    ColumnType(name=TypeName.TINYINT),
    ColumnType(name=TypeName.SMALLINT),
    ColumnType(name=TypeName.INT),
    ColumnType(name=TypeName.BIGINT),
    ColumnType(name=TypeName.LARGEINT),
    ColumnType(name=TypeName.FLOAT),
    ColumnType(name=TypeName.DOUBLE),
    ColumnType(name=TypeName.DECIMAL, precision=9, scale=2),
    ColumnType(name=TypeName.DECIMAL, precision=38, scale=0),
    ColumnType(name=TypeName.DATE),
    ColumnType(name=TypeName.DATETIME),
    ColumnType(name=TypeName.CHAR, length=3),
    ColumnType(name=TypeName.VARCHAR, length=5),
    ColumnType(name=TypeName.STRING),
    ColumnType(name=TypeName.VARBINARY),
    ColumnType(name=TypeName.JSON),
    ColumnType(name=TypeName.ARRAY, arguments=(ColumnType(name=TypeName.INT),)),
    ColumnType(name=TypeName.MAP, arguments=(ColumnType(name=TypeName.STRING), ColumnType(name=TypeName.INT))),
    ColumnType(name=TypeName.STRUCT, arguments=(ColumnType(name=TypeName.DATE),), fields=('q"x',)),
)
TEXTS = (
    [
        "",
        " ",
        "0",
        "1",
        "-1",
        "127",
        "128",
        "1.5",
        "1e3",
        "1_0",
        "nan",
        "inf",
        "true",
        "x",
        "é",
        "日本語日本語",
        "\x00",
        "'",
        "\\",
    ]
    + [
        "2020-01-01",
        "2020-1-1",
        "20200101",
        "2020-01-01 10:00:00",
        "9999-12-31 23:59:59.999999",
        "0000-00-00",
        "infinity",
    ]
    + [
        "2020-01-01T00:00:00Z",
        "294247-01-10 04:00:54",
        "[1,2]",
        '["x"]',
        '{"a":1}',
        '{"q\\"x":"2020-01-01"}',
        "null",
        "{",
        "[null]",
    ]
    + [
        "170141183460469231731687303715884105727",
        "-170141183460469231731687303715884105729",
        "9" * 60,
        "1e400",
        "0x10",
        "+5",
    ]
)
texts = st.one_of(st.none(), st.sampled_from(TEXTS), st.text(max_size=8))


def table_of(*types, nullable=True):
    columns = tuple(Column(name=f"c{i}", type=of, nullable=nullable) for i, of in enumerate(types))
    return Table(ref=TableRef("db", "t"), columns=columns)


def decoded(*columns):
    return Decoded(pa.table({f"c{i}": pa.array(values, pa.string()) for i, values in enumerate(columns)}), None)


def text_table():
    return table_of(ColumnType(name=TypeName.STRING))


def transformer_for(text, compat=Compat.STARROCKS, table=None, **options):
    items = (*(ColumnItem(name=n) for n in "abc"), ColumnItem(name="c0", expression=read_expression(text)))
    return TransformCompiler().transformer(LoadSpec(compat=compat, columns=items, **options), table or text_table())


def value_of(text, **options):
    transformer = transformer_for(text, **options)
    source = pa.table({name: pa.array([None], pa.string()) for name in "abc"})
    try:
        return transformer.transform(Decoded(source, None)).rows["c0"][0].as_py()
    finally:
        transformer.close()


@pytest.fixture(scope="module", params=[(Compat.STARROCKS, False), (Compat.STARROCKS, True), (Compat.DORIS, True)])
def transformer(request):
    compat, strict = request.param
    spec = LoadSpec(compat=compat, strict_mode=strict, where=read_expression("c3 is null or c3 <> 1"))
    made = TransformCompiler().transformer(spec, table_of(*ALL_TYPES))
    yield made
    made.close()


@settings(max_examples=12, deadline=None)
@given(rows=st.lists(st.tuples(*[texts] * len(ALL_TYPES)), max_size=6))
def test_every_row_is_loaded_rejected_or_unselected(transformer, rows):
    """Whatever text meets whatever type, the three counts add up, and the types of the rows are always the same."""
    source = decoded(*([row[i] for row in rows] for i in range(len(ALL_TYPES))))
    result = transformer.transform(source)
    assert result.rows.num_rows + len(result.rejected) + result.unselected == len(rows)
    assert result.rows.schema == transformer.transform(source.__class__(source.columns.slice(0, 0), None)).rows.schema
    assert result.rows.column_names == [f"c{i}" for i in range(len(ALL_TYPES))]
    assert [r.payload for r in result.rejected] == sorted(r.payload for r in result.rejected)


@settings(max_examples=12, deadline=None)
@given(rows=st.lists(st.tuples(*[texts] * len(ALL_TYPES)), min_size=1, max_size=6))
def test_the_usual_program_agrees_with_the_full_one(transformer, rows):
    """A chunk gives the same rows whether or not the cheap program is tried first."""
    source = decoded(*([row[i] for row in rows] for i in range(len(ALL_TYPES))))
    transformer._unusual_chunks = 0
    first = transformer.transform(source)
    transformer._unusual_chunks = 1
    assert transformer.transform(source) == first or str(transformer.transform(source)) == str(first)


def test_rejected_rows_name_their_payload():
    """A rejected row carries the payload that its decoder named, the column, and the row's text."""
    table = table_of(ColumnType(name=TypeName.INT), ColumnType(name=TypeName.STRING), nullable=False)
    transformer = TransformCompiler().transformer(LoadSpec(compat=Compat.STARROCKS, column_separator=";"), table)
    source = Decoded(
        pa.table({"c0": pa.array(["1", "x", "2", "y"]), "c1": pa.array(["a", "b", "c", None], pa.string())}),
        pa.array([3, 5, 5, 8], pa.int64()),
    )
    result = transformer.transform(source)
    assert [(r.payload, r.raw, r.column) for r in result.rejected] == [(5, b"x;b", "c0"), (8, b"y;\\N", "c0")]
    transformer.close()


def test_a_json_row_that_is_rejected_has_no_text_of_its_own():
    """For JSON the raw text is the payload: the load path takes it from there."""
    table = table_of(ColumnType(name=TypeName.INT), nullable=False)
    transformer = TransformCompiler().transformer(LoadSpec(compat=Compat.STARROCKS, format=Format.JSON), table)
    assert [r.raw for r in transformer.transform(decoded(["x"])).rejected] == [b""]
    transformer.close()


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "+08:00", "CST", "UTC", "-03:30", "America/New_York"])
def test_times_are_of_the_jobs_time_zone(zone):
    """from_unixtime, unix_timestamp and moments with an offset follow the job's zone, never DuckDB's."""
    hours = {"UTC": 0, "-03:30": -3.5, "America/New_York": -5}.get(zone, 8)
    wanted = dt.datetime(2020, 1, 1) + dt.timedelta(hours=hours)
    assert value_of("from_unixtime(1577836800)", timezone=zone) == str(wanted)
    assert value_of(f"unix_timestamp('{wanted}')", timezone=zone) == "1577836800"
    assert value_of("cast('2020-01-01T00:00:00Z' as datetime)", timezone=zone) == str(wanted)


@pytest.mark.parametrize("zone", ["", "+25:00", "Mars/Phobos", "../etc/passwd", "+08:99", "'"])
def test_a_wrong_time_zone_is_refused(zone):
    """A time zone must be a region or an offset."""
    with pytest.raises(AnalysisError, match="Unknown or incorrect time zone"):
        TransformCompiler().check(LoadSpec(compat=Compat.STARROCKS, timezone=zone), text_table())


@pytest.mark.parametrize(
    "text",
    ["'; drop table x; --'", "'a''b'", '"x\\"y"', "'\\\\'", "'${x} {0} {}'", "'%s'", "concat('{0}', '}', \"'\")"],
)
def test_literals_are_written_anew(text):
    """No literal can end itself early or be taken for a template."""
    assert isinstance(value_of(text), str)


@pytest.mark.parametrize(
    "name", ["read_csv", "getenv", "query", "glob", "current_setting", "pg_sleep", "load_extension", "range"]
)
def test_duckdbs_own_functions_cannot_be_reached(name):
    """A function of DuckDB that no vendor has is unknown, whatever it is called with."""
    with pytest.raises(AnalysisError, match=f"No matching function with name: {name}"):
        transformer_for(f"{name}('/etc/passwd')")


def test_the_connection_is_locked():
    """Even SQL of our own cannot read files or change settings."""
    transformer = transformer_for("a")
    for sql in (
        "SELECT * FROM read_text('/etc/hostname')",
        "SET memory_limit = '10GB'",
        "INSTALL httpfs",
        "ATTACH 'x.db'",
    ):
        with pytest.raises(Exception, match=r"disabled|locked|[Cc]annot|Permission"):
            transformer._connection.execute(sql)
    transformer.close()


def test_an_endless_expression_is_interrupted(monkeypatch):
    """A chunk that needs longer than the limit fails the task instead of hanging it."""
    monkeypatch.setattr(running, "TIMEOUT_SECONDS", 0.2)
    # Each hash reads 64 KB: about a minute for the chunk, were it not stopped.
    text = "md5(concat(lpad(a, 65533, 'x'), {}))"
    transformer = transformer_for(f"concat({', '.join(text.format(i) for i in range(20))})")
    source = pa.table({name: pa.array(["x" * 10] * 20_000, pa.string()) for name in "abc"})
    with pytest.raises(LimitExceeded, match=r"more than|need more"):
        transformer.transform(Decoded(source, None))
    interrupt = transformer._connection.interrupt
    transformer.close()
    ours = [t for t in threading.enumerate() if isinstance(t, threading.Timer) and t.function == interrupt]
    for timer in ours:
        timer.join(60)
    assert not any(timer.is_alive() for timer in ours)


def test_one_row_that_breaks_an_expression_is_found(monkeypatch):
    """If DuckDB raises for a row against all care, that row is rejected and the others load."""
    table = table_of(ColumnType(name=TypeName.STRING))
    transformer = TransformCompiler().transformer(LoadSpec(compat=Compat.STARROCKS), table)
    program = transformer._program
    broken = "SELECT CASE WHEN s0 = 'bad' THEN error('no') ELSE s0 END::VARCHAR AS c0 FROM src"
    monkeypatch.setattr(
        transformer,
        "_program",
        program.__class__(
            sources=program.sources, main=broken, usual=broken, explain="", names=program.names, faults=()
        ),
    )
    result = transformer.transform(decoded(["a", "b", "bad", "c", "bad"]))
    assert result.rows["c0"].to_pylist() == ["a", "b", "c"]
    assert [r.payload for r in result.rejected] == [2, 4]
    transformer.close()


def test_deeply_nested_calls_stay_small():
    """Each call is computed once: thirty nested substrings are a short statement, not a doubling one."""
    text = "a"
    for _ in range(30):
        text = f"substring({text}, 1, 5)"
    transformer = transformer_for(text)
    assert len(transformer._program.main) < 30_000
    transformer.close()


NEEDS_CONSTANTS = {name for name in FUNCTIONS if name.startswith(("regexp", "ngram", "json", "split_by_regexp"))} | {
    *(
        "sha2",
        "rlike",
        "date_trunc",
        "named_struct",
        "array_flatten",
        "percentile_approx_raw",
        "size",
        "murmur_hash3_64_v2",
    ),
}
ARGUMENTS = {
    "F": ["'%Y'", "'$.x'", "'month'", "''", "a"],
    "A": ["a", "1", "1.5", "NULL", "'x'", "'day'", "'$.x'", "now()", "parse_json(b)", "true", "[1]", "[[a]]"],
    "T": ["a", "1.5", "NULL", "now()", "''"],
    "I": ["a", "2", "-1", "0", "NULL", "9223372036854775807", "-9223372036854775807"],
    "D": ["a", "0", "-1.5", "1e300", "NULL"],
    "N": ["a", "0", "-1.5", "1e300", "NULL", "170141183460469231731687303715884105727"],
    "m": ["a", "now()", "20200101", "NULL", "curdate()"],
    "d": ["a", "now()", "NULL"],
    "B": ["a", "1 = 1", "NULL", "0"],
    "J": ["a", "parse_json(b)", "NULL"],
    "b": ["to_bitmap(a)", "bitmap_from_string(b)", "bitmap_empty()", "NULL"],
    "h": ["hll_hash(a)", "hll_empty()", "NULL"],
    "q": ["to_quantile_state(a)", "percentile_hash(b)", "percentile_empty()", "NULL"],
    "L": ["split(a, ',')", "array(a, b)", "[1, NULL, 2]", "[]", "[[1], [a]]", "NULL"],
    "K": ["str_to_map(a)", "map(a, b)", "map()", "NULL"],
    "G": ["a", "-1", "NULL", "170141183460469231731687303715884105727"],
    "Y": ["to_binary(a)", "to_binary(b, 'utf8')", "NULL"],
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_functions_never_raise(name):
    """Any function on odd arguments is refused when the plan is made, or gives a value or NULL: no row is rejected."""
    chance = random.Random(name)
    function = FUNCTIONS[name]
    least, most = function.arity
    source = pa.table(
        {
            "a": pa.array(
                ["", "x", None, "2020-02-29", "-1", "1e9", '{"x":[1]}', "é" * 9, "999999999999999999999", "\x00", "a,b"]
            ),
            "b": pa.array(["1", None, "{", "[1]", "", "x", "0", "-0", "1.5", "2020-01-01", "{}"]),
            "c": pa.array([None] * 11, pa.string()),
        }
    )
    ran = 0
    for _ in range(20):
        if ran == 1:
            break
        count = chance.randint(least, min(most, 4))
        text = ", ".join(chance.choice(ARGUMENTS[function.letter(i)]) for i in range(count))
        try:
            call = f"{name}({text})"
            is_state = isinstance(function.result, Kind) and function.result.is_state
            transformer = transformer_for(f"isnull({call})" if is_state else call)
        except AnalysisError:
            continue
        result = transformer.transform(Decoded(source, None))
        assert result.rejected == (), (f"{name}({text})", result.rejected)
        assert result.rows.num_rows == 11
        transformer.close()
        ran += 1
    # What takes certain constants only is tried by its fixtures, each over the values of the others.
    assert ran or "F" in function.signature or name in NEEDS_CONSTANTS


def test_known_functions_are_lower_case():
    """The set handed to the parser is in lower case, as lookups are."""
    assert all(name == name.lower() for name in KNOWN_FUNCTIONS)
    assert {"from_unixtime", "str_to_date", "date_format", "if", "ifnull", "concat", "split_part"} <= KNOWN_FUNCTIONS
