"""Field types of the MySQL protocol as result types."""

import pytest
from pymysql.constants import FIELD_TYPE

from routine_load.sql.field_types import LOOKED_AT, FieldType, columns
from routine_load.sql.results import ResultColumn, ResultType


def described(code, length=0, scale=0):
    return ("c", code, None, length, length, scale, True)


def test_the_numbers_are_those_that_clients_know():
    """MySQL: each field type has the number that PyMySQL has for it."""
    assert {kind.name: int(kind) for kind in FieldType} == {
        kind.name: getattr(FIELD_TYPE, kind.name) for kind in FieldType
    }


@pytest.mark.parametrize(
    ("found", "column"),
    [
        (described(FIELD_TYPE.TINY, 4), ResultColumn("c", ResultType.TINYINT)),
        (described(FIELD_TYPE.TINY, 1), ResultColumn("c", ResultType.BOOLEAN)),
        (described(FIELD_TYPE.INT24, 9), ResultColumn("c", ResultType.INT)),
        (described(FIELD_TYPE.NEWDECIMAL, 67, 4), ResultColumn("c", ResultType.DECIMAL, 4)),
        (described(FIELD_TYPE.NEWDECIMAL, 40), ResultColumn("c", ResultType.LARGEINT)),
        (described(FIELD_TYPE.DOUBLE, 22, 31), ResultColumn("c", ResultType.DOUBLE)),
        (described(FIELD_TYPE.NEWDATE), ResultColumn("c", ResultType.DATE)),
        (described(FIELD_TYPE.VAR_STRING, 80), ResultColumn("c", ResultType.VARCHAR)),
    ],
)
def test_a_column_is_what_its_field_type_says(found, column):
    """Both vendors: a BOOLEAN is a TINYINT of length 1, a LARGEINT a DECIMAL of 40 digits."""
    assert columns([found], [(None,), ("1",)]) == [column]


def test_bytes_are_told_from_long_texts_by_what_came():
    """MySQL: a long text is declared as a blob; only the first rows of a result are looked at."""
    blob = described(FIELD_TYPE.BLOB, 65_535)
    assert columns([blob], [("text",)]) == [ResultColumn("c", ResultType.VARCHAR)]
    assert columns([blob], [(None,), (b"bytes",)]) == [ResultColumn("c", ResultType.BLOB)]
    assert columns([blob], [(None,)] * LOOKED_AT + [(b"bytes",)]) == [ResultColumn("c", ResultType.VARCHAR)]
