"""The answer of a query in Python's hands: tuples, an Arrow table or a data frame."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from routine_load.errors import RoutineLoadError, UnsupportedFeature
from routine_load.sql.results import ResultColumn, ResultTable, ResultType

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Row = tuple[Any, ...]


class Rows:
    """Rows of one query. They are read once, from the front; ``fetchall`` gives those that are left."""

    def __init__(self, table: ResultTable) -> None:
        self._columns = tuple(table.columns)
        self._rows = iter(table.rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self._columns)

    @property
    def types(self) -> tuple[ResultType, ...]:
        """Types of the columns, in order."""
        return tuple(column.type for column in self._columns)

    def __iter__(self) -> Iterator[Row]:
        return (tuple(row) for row in self._rows)

    def fetchone(self) -> Row | None:
        """The next row, or None after the last."""
        return next(iter(self), None)

    def fetchall(self) -> list[Row]:
        """All rows that are left."""
        return list(self)

    def dicts(self) -> list[dict[str, Any]]:
        """All rows that are left, by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self]

    def arrow(self) -> pa.Table:
        """All rows that are left as a ``pyarrow.Table``."""
        import pyarrow as pa  # noqa: PLC0415 - only who asks pays

        rows = self.fetchall()
        values: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(self._columns)
        arrays = [_array(column, each) for column, each in zip(self._columns, values, strict=True)]
        return pa.Table.from_arrays(arrays, names=list(self.columns))

    def df(self) -> pd.DataFrame:
        """All rows that are left as a ``pandas.DataFrame``. Raises UnsupportedFeature where pandas is not installed."""
        try:
            import pandas  # noqa: F401, ICN001, PLC0415 - optional, asked for here only
        except ImportError as error:
            raise UnsupportedFeature("df() needs pandas, which is not installed; pip install pandas") from error
        return self.arrow().to_pandas()


def _array(column: ResultColumn, values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415 - only who asks pays

    wanted = _arrow_type(column)
    try:
        return pa.array([_plain(column.type, value) for value in values], wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise RoutineLoadError(f"column {column.name!r} ({column.type}) does not fit {wanted}: {error}") from error


def _arrow_type(column: ResultColumn) -> pa.DataType:
    import pyarrow as pa  # noqa: PLC0415 - only who asks pays

    types = {
        ResultType.BOOLEAN: pa.bool_(),
        ResultType.TINYINT: pa.int8(),
        ResultType.SMALLINT: pa.int16(),
        ResultType.INT: pa.int32(),
        ResultType.BIGINT: pa.int64(),
        ResultType.LARGEINT: pa.decimal256(39, 0),
        ResultType.FLOAT: pa.float32(),
        ResultType.DOUBLE: pa.float64(),
        ResultType.DECIMAL: pa.decimal256(76, column.scale),
        ResultType.DATE: pa.date32(),
        ResultType.DATETIME: pa.timestamp("us"),
        ResultType.TIME: pa.duration("us"),
        ResultType.BLOB: pa.binary(),
        ResultType.NULL: pa.null(),
    }
    return types.get(column.type, pa.string())


def _plain(kind: ResultType, value: Any) -> Any:
    """Small differences between the doors, evened out: what Arrow's builders want for a type."""
    if value is None or kind not in _PLAIN:
        return value
    return _PLAIN[kind](value)


def _interval(value: Any) -> dt.timedelta:
    if isinstance(value, dt.time):
        clock = {"hours": value.hour, "minutes": value.minute, "seconds": value.second}
        return dt.timedelta(**clock, microseconds=value.microsecond)
    assert isinstance(value, dt.timedelta)
    return value


_PLAIN: dict[ResultType, Callable[[Any], Any]] = {
    ResultType.BOOLEAN: bool,
    ResultType.LARGEINT: decimal.Decimal,
    ResultType.DECIMAL: decimal.Decimal,
    ResultType.TIME: _interval,
    ResultType.BLOB: lambda value: value.encode() if isinstance(value, str) else value,
    ResultType.VARCHAR: str,
    ResultType.JSON: str,
}
