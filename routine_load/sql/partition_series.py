"""Partitions that follow one another: those that a statement counts out, and those that come with time.

StarRocks: START … END … EVERY; Doris: FROM … TO … INTERVAL; both: dynamic_partition. Pure: the time is handed in.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from enum import StrEnum

from routine_load.errors import AnalysisError
from routine_load.sql.ddl_tokens import literal
from routine_load.sql.schema import Table, TablePartition, TypeName

_PREFIX = "dynamic_partition."
_WEEK_DAYS = 7
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y%m%d")


class Unit(StrEnum):
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"

    @classmethod
    def of(cls, text: str) -> Unit:
        word = text.upper().removesuffix("S")
        if word not in cls.__members__:
            raise AnalysisError(f"Unsupported partition interval unit {text}: {', '.join(cls)} are known")
        return cls(word)

    def after(self, moment: dt.datetime, count: int) -> dt.datetime:
        """So many units later. Raises AnalysisError beyond the calendar."""
        try:
            match self:
                case Unit.HOUR:
                    return moment + dt.timedelta(hours=count)
                case Unit.DAY:
                    return moment + dt.timedelta(days=count)
                case Unit.WEEK:
                    return moment + dt.timedelta(days=_WEEK_DAYS * count)
                case _:
                    months = moment.year * 12 + moment.month - 1 + count * (12 if self is Unit.YEAR else 1)
                    return _on_day(moment, months // 12, months % 12 + 1)
        except (OverflowError, ValueError) as cause:
            raise AnalysisError(f"Partition bounds leave the calendar: {moment} and {count} {self}") from cause

    def floor(self, moment: dt.datetime) -> dt.datetime:
        """The beginning of the unit that the moment lies in; weeks begin on Monday."""
        if self is Unit.HOUR:
            return moment.replace(minute=0, second=0, microsecond=0)
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        if self is Unit.WEEK:
            return day - dt.timedelta(days=day.weekday())
        if self is Unit.MONTH:
            return day.replace(day=1)
        return day.replace(month=1, day=1) if self is Unit.YEAR else day

    def label(self, moment: dt.datetime) -> str:
        if self is Unit.WEEK:
            year, week, _ = moment.isocalendar()
            return f"{year}_{week:02}"
        return moment.strftime({Unit.HOUR: "%Y%m%d%H", Unit.MONTH: "%Y%m", Unit.YEAR: "%Y"}.get(self, "%Y%m%d"))


def _on_day(moment: dt.datetime, year: int, month: int) -> dt.datetime:
    """The same day of another month, or the last one where there is none."""
    for day in range(moment.day, 0, -1):
        try:
            return moment.replace(year=year, month=month, day=day)
        except ValueError:
            if day <= 28:
                raise
    raise ValueError(year)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """From ``first`` up to ``last``, in steps; without a ``unit`` they are whole numbers."""

    first: str
    last: str
    step: int
    unit: Unit | None
    prefix: str

    def partitions(self, most: int) -> list[TablePartition]:
        """Raises AnalysisError for a series that never ends or has too many."""
        if self.step <= 0:
            raise AnalysisError(f"The interval of partitions must be greater than 0, got {self.step}")
        made: list[TablePartition] = []
        for name, lower, upper in self._moments() if self.unit is not None else self._numbers():
            made.append(TablePartition(name=self.prefix + name, lower=(lower,), upper=(upper,)))
            if len(made) > most:
                raise AnalysisError(f"A statement makes at most {most} partitions")
        if not made:
            raise AnalysisError(f"Partition bounds must grow: {self.first} is not less than {self.last}")
        return made

    def _numbers(self) -> list[tuple[str, str, str]]:
        try:
            marks = range(int(self.first), int(self.last), self.step)
        except ValueError as cause:
            raise AnalysisError(f"Partition bounds {self.first} and {self.last} are no whole numbers") from cause
        ends = [*marks[1:], int(self.last)]
        pairs = zip(marks[:10_000], ends[:10_000], strict=True)
        return [(str(low).replace("-", "_"), literal(str(low)), literal(str(high))) for low, high in pairs]

    def _moments(self) -> list[tuple[str, str, str]]:
        assert self.unit is not None
        at, end = read_moment(self.first), read_moment(self.last)
        found: list[tuple[str, str, str]] = []
        while at < end and len(found) < 10_000:
            later = min(self.unit.after(at, self.step), end)
            found.append((self.unit.label(at), _written(at, self.unit), _written(later, self.unit)))
            at = later
        return found


def read_moment(text: str) -> dt.datetime:
    for form in _FORMATS:
        try:
            return dt.datetime.strptime(text, form)  # noqa: DTZ007 - a bound is a time of day without a zone
        except ValueError:
            continue
    raise AnalysisError(f"Partition bound '{text}' is no date")


def _written(moment: dt.datetime, unit: Unit) -> str:
    return literal(moment.strftime(_FORMATS[0] if unit is Unit.HOUR else _FORMATS[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dynamic:
    """``dynamic_partition.*`` of a table: its window of ``start`` units before now to ``end`` units after."""

    unit: Unit
    start: int | None
    end: int
    prefix: str
    zone: str
    history: int

    def covering(self, now: dt.datetime, *, first: dt.datetime | None) -> list[TablePartition]:
        """Partitions from ``first`` (None: as many before now as were asked for) to the window's end."""
        here = self.unit.floor(now)
        at = first if first is not None else self.unit.after(here, -self.history)
        end = self.unit.after(here, self.end + 1)
        made: list[TablePartition] = []
        while at < end and len(made) <= abs(self.end) + self.history + 10_000:
            later = self.unit.after(at, 1)
            bounds = ((_written(at, self.unit),), (_written(later, self.unit),))
            made.append(TablePartition(name=self.prefix + self.unit.label(at), lower=bounds[0], upper=bounds[1]))
            at = later
        return made

    def is_past(self, partition: TablePartition, now: dt.datetime) -> bool:
        """It lies before the window: the originals drop it, and its rows."""
        if self.start is None or partition.upper is None or partition.upper[0] is None:
            return False
        begin = self.unit.after(self.unit.floor(now), self.start)
        return read_moment(partition.upper[0].strip("'")) <= begin


def dynamic_of(table: Table) -> Dynamic | None:
    """What the properties say; None where nothing comes with time. Raises AnalysisError for what they cannot be."""
    given = {k.removeprefix(_PREFIX): v for k, v in table.properties if k.startswith(_PREFIX)}
    if not given or given.get("enable", "true").lower() != "true":
        return None
    for key in ("time_unit", "end"):
        if key not in given:
            raise AnalysisError(f"Must assign dynamic_partition.{key} properties")
    column = table.column(table.partition_columns[0]) if len(table.partition_columns) == 1 else None
    if column is None or column.type.name not in (TypeName.DATE, TypeName.DATETIME):
        raise AnalysisError("Dynamic partition only support single-column range partition on a DATE or DATETIME column")
    unit = Unit.of(given["time_unit"])
    start = _whole(given, "start")
    if start is not None and start >= 0:
        raise AnalysisError(f"Dynamic partition start must less than 0, got {start}")
    end = _whole(given, "end") or 0
    if end <= 0:
        raise AnalysisError(f"Dynamic partition end must greater than 0, got {end}")
    history = _whole(given, "history_partition_num")
    if given.get("create_history_partition", "false").lower() != "true":
        history = 0
    elif history is None or history < 0:
        history = -start if start is not None else 0
    return Dynamic(
        unit=unit,
        start=start,
        end=end,
        prefix=given.get("prefix", "p"),
        zone=given.get("time_zone", ""),
        history=history,
    )


def _whole(given: dict[str, str], key: str) -> int | None:
    text = given.get(key)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError as cause:
        raise AnalysisError(f"Invalid dynamic_partition.{key}: {text}") from cause


def rolled(table: Table, dynamic: Dynamic, now: dt.datetime) -> Table:
    """The table with the partitions that it has by now: new ones came, those before the window take no rows."""
    known = [p for p in table.partitions if not dynamic.is_past(p, now)]
    last = table.partitions[-1].upper if table.partitions else None
    first = read_moment(last[0].strip("'")) if last is not None and last[0] is not None else None
    names = {p.name.lower() for p in table.partitions}
    new = [p for p in dynamic.covering(now, first=first) if p.name.lower() not in names and not dynamic.is_past(p, now)]
    return replace(table, partitions=(*known, *new))
