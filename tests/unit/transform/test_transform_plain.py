"""Plain casts: what they convert, SQL converts to the same; what they leave, SQL gets."""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pyarrow as pa
import pytest

from routine_load.ids import Compat, TableRef
from routine_load.loads.values import Decoded, LoadSpec
from routine_load.sql.schema import Column, ColumnType, KeyModel, Table, TypeName
from routine_load.transform.plain import PlainColumn
from routine_load.transform.program import Program, make_program
from routine_load.transform.run import SqlTransformer

TYPES = (
    *(
        ColumnType(name=name)
        for name in (TypeName.TINYINT, TypeName.SMALLINT, TypeName.INT, TypeName.BIGINT, TypeName.BOOLEAN)
    ),
    *(ColumnType(name=name) for name in (TypeName.FLOAT, TypeName.DOUBLE, TypeName.DATE, TypeName.STRING)),
    *(ColumnType(name=TypeName.DATETIME, scale=scale) for scale in (None, 3, 6)),
    *(ColumnType(name=TypeName.DECIMAL, precision=p, scale=s) for p, s in ((9, 2), (4, 4), (38, 0), (38, 10))),
    ColumnType(name=TypeName.VARCHAR, length=5),
)
USUAL = {
    TypeName.DATE: ("2026-11-20", "1999-02-28", "2024-02-29"),
    TypeName.DATETIME: ("2026-11-20 10:11:12", "2026-11-20 23:59:59.999999", "2026-11-20"),
    TypeName.BOOLEAN: ("true", "FALSE", "1", "0", "TrUe"),
}
NUMBERS = ("0", "1", "-7", "127", "128", "-129", "32768", "2147483648", "9223372036854775807", "1.5", "-0.25", "0.1")
TRAPS = (
    *(
        "",
        " ",
        " 1",
        "1 ",
        "+1",
        "-0",
        "007",
        "0x1F",
        "0X1f",
        "-0x1",
        "1_0",
        "1e3",
        "1E400",
        "-1e-400",
        ".5",
        "1.",
        ".",
    ),
    *("nan", "inf", "-Infinity", "NaN", "9223372036854775808", "3.4e38", "3.5e38", "1.7976931348623159e308", "0.0001"),
    *("99999.99999", "1,5", "１", "é", "abcdef", "日本", "0000-01-01", "0999-12-31", "10000-01-01", "2023-02-29"),
    *("2026-13-01", "2026-11-2", "20261120", "2026-11-20T10:11:12", "2026-11-20 24:00:00", "2026-11-20 10:11:60"),
    *("2026-11-20 10:11", "2026-11-20 10", "2026-11-20T10:11+01", "2026-11-20 1:11:12Z", "2026-11-20 10:11:12.5"),
    *(
        "2026/11/20",
        "-2026-11-2",
        "+026-11-20",
        "2026-11-20 101112.0",
        "2026-11-20 10:1112",
        "\t5",
        "5\n",
        "\x00",
        "5\x00",
    ),
    *("1" * 38, "1" * 39, "-" + "9" * 38, "0." + "1" * 37, "1e37", "12345678901234567890.5", "00000000001", "0.1e1"),
)
MUTATIONS = 20_000 if os.environ.get("RL_SOAK") else 150


def program_of(of: ColumnType, compat: Compat, *, strict: bool = False) -> tuple[LoadSpec, Program]:
    column = Column(name="c", type=of, nullable=not strict)
    table = Table(ref=TableRef("d", "t"), columns=(column,), key_model=KeyModel.DUPLICATE)
    spec = LoadSpec(compat=compat, strict_mode=strict)
    return spec, make_program(spec, table)


def texts(of: ColumnType) -> list[str]:
    """Usual ones, traps, and what comes of both by accidents."""
    dice = random.Random(f"plain {of}")
    seeds = [*USUAL.get(of.name, NUMBERS), *TRAPS]
    found = list(seeds)
    for _ in range(MUTATIONS):
        text = dice.choice(seeds)
        at = dice.randrange(len(text) + 1)
        found.append(text[:at] + dice.choice("0123456789-:. xXTZe+") + text[at + dice.randrange(2) :])
    return found


def outcome(transformer: SqlTransformer, values: list[str | None]):
    """The rows that are loaded, by their place; what is rejected; the type."""
    done = transformer.transform(Decoded(pa.table({"c": pa.array(values, pa.string())}), None))
    kept = list(range(len(values))) if done.kept is None else done.kept.to_pylist()
    rows = [repr(value) for value in done.rows["c"].to_pylist()]
    return dict(zip(kept, rows, strict=True)), [(r.payload, r.reason) for r in done.rejected], done.rows.schema.types


@pytest.mark.parametrize("compat", list(Compat))
@pytest.mark.parametrize("of", TYPES, ids=lambda of: f"{of.name}-{of.length or of.precision}-{of.scale}")
def test_what_a_cast_takes_sql_takes(of: ColumnType, compat: Compat) -> None:
    """A text that is alone, so that no other one hides it, is converted to what SQL makes of it, or is left to SQL."""
    spec, program = program_of(of, compat)
    by_sql = SqlTransformer(spec, replace(program, plain=()))
    by_sql._usual = lambda _src: None
    some = texts(of)
    wanted = outcome(by_sql, some)[0]
    by_sql.close()
    [column] = program.plain
    taken = 0
    for place, text in enumerate(some):
        values, odd = column.converted(pa.array([text], pa.string()))
        if odd is None:
            taken += 1
            assert repr(values[0].as_py()) == wanted[place], text
    assert taken > 0


@pytest.mark.parametrize("compat", list(Compat))
@pytest.mark.parametrize("of", TYPES[::3], ids=lambda of: f"{of.name}-{of.length or of.precision}-{of.scale}")
def test_chunks_with_odd_values_come_out_as_by_sql(of: ColumnType, compat: Compat) -> None:
    """No odd texts, few or many, and NULLs: the same values, rejected rows and reasons, strict or not."""
    dice, some = random.Random(f"chunks {of} {compat}"), texts(of)
    usual = USUAL.get(of.name, NUMBERS[:2])
    for strict in (False, True):
        spec, program = program_of(of, compat, strict=strict)
        plain, by_sql = SqlTransformer(spec, program), SqlTransformer(spec, replace(program, plain=()))
        by_sql._usual = lambda _src: None
        for odd in (0.0, 0.05, 0.05, 0.5):
            values = [dice.choice([*some, None]) if dice.random() < odd else dice.choice(usual) for _ in range(100)]
            plain._unusual_chunks = 0
            assert outcome(plain, values) == outcome(by_sql, values), values
        plain.close()
        by_sql.close()


def test_few_odd_values_leave_the_others_to_casts(monkeypatch) -> None:
    """One odd value among many goes to SQL alone."""
    transformer = SqlTransformer(*program_of(ColumnType(name=TypeName.INT), Compat.STARROCKS))
    asked: list[int] = []
    query = transformer._query
    monkeypatch.setattr(transformer, "_query", lambda sql, src: asked.append(src.num_rows) or query(sql, src))
    rows, rejected, _ = outcome(transformer, ["1", "2"] * 50 + [" 7"])
    assert (rows[100], len(rows), rejected, asked) == ("7", 101, [], [1])
    outcome(transformer, ["1", "2"])
    assert asked == [1]
    transformer.close()


@pytest.mark.parametrize(
    ("of", "odd", "usual"),
    [
        (TypeName.BIGINT, "x7", ["1", "-2"]),
        (TypeName.INT, "0x1F", ["1", "-2"]),
        (TypeName.TINYINT, "300", ["1", "-2"]),
        (TypeName.DECIMAL, "1e3", ["1.5", "-2"]),
        (TypeName.DATE, "2023-02-29", ["2026-11-20", "1999-02-28"]),
    ],
)
def test_an_odd_value_spoils_no_other_row(of: TypeName, odd: str, usual: list[str]) -> None:
    """What Arrow refuses, or would misread, is odd; NULLs that stand for it do not make the whole chunk odd."""
    is_decimal = of is TypeName.DECIMAL
    exact = ColumnType(name=of, precision=9 if is_decimal else None, scale=2 if is_decimal else None)
    [column] = program_of(exact, Compat.STARROCKS)[1].plain
    values, places = column.converted(pa.array([*usual, odd, None], pa.string()))
    assert places.tolist() == [2]
    assert values.null_count == 2


def test_few_texts_that_are_no_digits_are_told_by_the_pattern() -> None:
    """Among many digits a negative number is whole, and other texts are odd, as where there are few digits."""
    [column] = program_of(ColumnType(name=TypeName.BIGINT), Compat.STARROCKS)[1].plain
    some = ["-5", "x", "", "1 ", None, "１", "+1", "-", "--1", "1" * 18, "-" + "9" * 18, "1\n"]
    among_many, alone = (column.converted(pa.array([*digits, *some], pa.string())) for digits in (["7"] * 500, ["7"]))
    assert among_many[0].slice(500).to_pylist() == alone[0].slice(1).to_pylist()
    odd = [at for at, t in enumerate(some) if t is not None and t not in {"-5", "1" * 18, "-" + "9" * 18}]
    assert (among_many[1] - 500).tolist() == (alone[1] - 1).tolist() == odd


@pytest.mark.parametrize("of", TYPES, ids=lambda of: f"{of.name}-{of.length or of.precision}-{of.scale}")
def test_what_is_expected_to_be_odd_changes_no_value(of: ColumnType) -> None:
    """A text among usual ones, and NULLs, is taken or left as where nobody expects an odd one; the others are taken."""
    [column] = program_of(of, Compat.STARROCKS)[1].plain
    usual = USUAL.get(of.name, NUMBERS[:2])[:1]
    for missing in ([], [None, None]):
        for text in texts(of)[::3]:
            several = pa.array(["", *usual * 20, *missing, text, *usual], pa.string())[1:]
            (values, odd), (same, places) = (
                column.converted(several, expects_odd=expects) for expects in (False, True)
            )
            assert values.type == column.arrow
            assert same.equals(values), text
            for found in (odd, places):
                assert found is None or found.tolist() == [20 + len(missing)], text
            assert (odd is None) is (places is None)


@pytest.mark.parametrize(
    ("of", "usual", "odd"),
    [
        (TypeName.BIGINT, "-12", ["x12", "", "1 "]),
        (TypeName.DOUBLE, "-1.5", ["1.5x", "", "nan"]),
        (TypeName.DATE, "2026-11-20", ["2026-11-2", "", "2026-x1-20"]),
        (TypeName.DATETIME, "2026-11-20 10:11:12", ["2026-11-20 10:11:1x", "", "2026-11-20"]),
    ],
)
def test_few_texts_of_strange_letters_leave_the_others_to_one_cast(
    of: TypeName, usual: str, odd: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No pattern is looked for: that costs ten times as much."""
    [column] = program_of(ColumnType(name=of), Compat.STARROCKS)[1].plain
    monkeypatch.setattr(PlainColumn, "_cast_plain", None)
    for text in odd:
        values, places = column.converted(pa.array([usual] * 50 + [text, None], pa.string()))
        assert (places.tolist(), values.null_count) == ([50], 2)
