"""What is measured: messages, the table they go to, the job that loads them, and what is to be reached.

A message is made from its number alone, so that every run measures the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SEEDED_ROWS = 1_000_000
"""So many rows are in the table before an upsert is measured; a fifth of the messages bring keys that are new."""

PEAK_MIB = 600
CPU_FACTOR = 1.4
BAD_EVERY = 100
BAD_COST = 0.10

_NAMES = ("Emily", "Benjamin", "Olivia", "Alexander", "Ava", "William", "Sophia", "James", "Emma", "Liam")
_COLUMNS = (
    ("id", "BIGINT"),
    ("day", "DATE"),
    ("name", "VARCHAR(26)"),
    ("country", "VARCHAR(26)"),
    ("code", "VARCHAR(8)"),
    ("price", "DOUBLE"),
)
_FIELDS = ", ".join(f"{name} {kind}{' NOT NULL' if name == 'id' else ''}" for name, kind in _COLUMNS)
_APPEND = f"({_FIELDS}) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)"
_UPSERT = f"({_FIELDS}) PRIMARY KEY(id) DISTRIBUTED BY HASH(id)"
_DERIVED = f"({_FIELDS}, month VARCHAR(7), total DOUBLE) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)"
_PATHS = '["$.id", "$.day", "$.customer.name", "$.customer.country", "$.items[0].code", "$.items[0].price"]'
_PATH_COLUMNS = (
    "COLUMNS (id, day, name, country, code, price, month = date_format(day, '%Y-%m'), total = price * 1.19 + 2)"
)
COLUMNS_SQL = f"({', '.join(f'{name} {kind}' for name, kind in _COLUMNS)})"
STREAMED_TABLE = _APPEND
STREAMED_ROWS = (
    "SELECT range AS id, DATE '2026-11-01' + (range % 28)::INT AS day, 'Emily ' || range % 1000 AS name, "
    "'Country' || range % 90 AS country, 'c' || range % 99 AS code, range % 997 + 0.25::DOUBLE AS price "
    "FROM range({rows})"
)
"""The rows of ``csv`` as DuckDB makes them, fast enough for files of gigabytes."""
_DUCK_COLUMNS = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in _COLUMNS) + "}"


def _parts(number: int) -> tuple[str, str, str, str, float]:
    day, name = f"2026-11-{number % 28 + 1:02d}", f"{_NAMES[number % 10]} {number % 1000}"
    return day, name, f"Country{number % 90}", f"c{number % 99}", number % 997 + 0.25


def csv(number: int) -> bytes:
    day, name, country, code, price = _parts(number)
    return f"{number},{day},{name},{country},{code},{price}".encode()


def json(number: int) -> bytes:
    day, name, country, code, price = _parts(number)
    return (
        f'{{"id": {number}, "day": "{day}", "name": "{name}", "country": "{country}", "code": "{code}", '
        f'"price": {price}}}'
    ).encode()


def nested(number: int) -> bytes:
    day, name, country, code, price = _parts(number)
    return (
        f'{{"id": {number}, "day": "{day}", "customer": {{"name": "{name}", "country": "{country}"}}, '
        f'"items": [{{"code": "{code}", "price": {price}}}]}}'
    ).encode()


def upsert(number: int) -> bytes:
    return csv(number * 7919 % (SEEDED_ROWS * 5 // 4))


def bad_csv(number: int) -> bytes:
    """Too few fields, a key that is no number, bytes that are no text: in turn."""
    if number % BAD_EVERY:
        return csv(number)
    return (b"%d,2026-11-01,only" % number, b"x" + csv(number), csv(number) + b"\xff")[number // BAD_EVERY % 3]


def bad_json(number: int) -> bytes:
    """No JSON at all, a key that is no number, no key: in turn."""
    if number % BAD_EVERY:
        return json(number)
    good = json(number)
    no_number = good.replace(b'"id": ', b'"id": "x', 1).replace(b", ", b'", ', 1)
    return (good[:-2], no_number, good.replace(b"id", b"no", 1))[number // BAD_EVERY % 3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """``ratio``: rows per second to the counting consumer's, to be reached.

    ``duck``: how DuckDB itself reads a file of the same bytes, where CPU is compared with that.
    ``twin``: the story that has the same messages without the bad ones.
    """

    name: str
    message: Callable[[int], bytes]
    table: str = _APPEND
    form: str = "csv"
    clauses: str = ""
    properties: str = ""
    ratio: float | None = None
    duck: str = ""
    twin: str = ""
    seeded: bool = False

    @property
    def topic(self) -> str:
        return f"bench-{self.message.__name__}"

    @property
    def duck_table(self) -> str:
        return COLUMNS_SQL

    def wrong(self, rows: int) -> int:
        """How many of the messages make no row."""
        return -(-rows // BAD_EVERY) if self.twin else 0

    def distinct(self, rows: int) -> int:
        """How many keys are in the table in the end."""
        if self.seeded:
            # The factor has no divisor in common with the number of keys: they come round one after another.
            keys = {number * 7919 % (SEEDED_ROWS * 5 // 4) for number in range(min(rows, SEEDED_ROWS * 5 // 4))}
            return SEEDED_ROWS + sum(key >= SEEDED_ROWS for key in keys)
        return rows - self.wrong(rows)


_DUCK_CSV = (
    "read_csv('{file}', header = false, auto_detect = false, quote = '', escape = '', nullstr = '\\N', delim = ',', "
    f"columns = {_DUCK_COLUMNS})"
)
_DUCK_JSON = f"read_json('{{file}}', format = 'newline_delimited', columns = {_DUCK_COLUMNS})"
_MANY_ERRORS = ', "max_error_number" = "100000000"'

STORIES = (
    Story(name="csv", message=csv, ratio=0.6, duck=_DUCK_CSV),
    Story(name="csv-bad", message=bad_csv, properties=_MANY_ERRORS, twin="csv"),
    Story(name="json", message=json, form="json", ratio=0.45, duck=_DUCK_JSON),
    Story(name="json-bad", message=bad_json, form="json", properties=_MANY_ERRORS, twin="json"),
    Story(
        name="jsonpaths",
        message=nested,
        form="json",
        table=_DERIVED,
        clauses=_PATH_COLUMNS,
        properties=f", \"jsonpaths\" = '{_PATHS}'",
        ratio=0.35,
    ),
    Story(name="upsert", message=upsert, table=_UPSERT, ratio=0.35, seeded=True),
)
