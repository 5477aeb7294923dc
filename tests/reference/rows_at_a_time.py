"""The vendors' rules for one row at a time, slow and obvious: what the columnar load path is compared with.

Independent of the product's code on purpose: plain Python, one value after the other. It covers CSV and JSON by name,
plain columns, WHERE-less loads, strict mode, NOT NULL, and the key models.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from decimal import ROUND_HALF_UP, Context, Decimal

BITS = {"TINYINT": 8, "SMALLINT": 16, "INT": 32, "BIGINT": 64, "LARGEINT": 128}
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)"
WIDE = Context(prec=100)
BLANKS = " \t\n\r"


class Bad(Exception):
    """The row is an error row."""


def integer(text, bits, compat):
    """Digits with a sign, blanks around; a fraction goes. StarRocks: also what only a double can be."""
    bare = text.strip(BLANKS)
    doubles = rf"{NUMBER}([eE][+-]?\d+)?" if compat == "starrocks" else r"[+-]?\d+(\.\d*)?"
    if not re.fullmatch(doubles, bare, re.ASCII):
        return None
    number = int(Decimal(bare)) if "e" not in bare.lower() or math.isfinite(float(bare)) else None
    return number if number is not None and -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) else None


def decimal(text, precision, scale):
    """Rounded half up to the scale; NULL where the digits do not fit."""
    if not re.fullmatch(NUMBER, text.strip(BLANKS), re.ASCII):
        return None
    number = Decimal(text.strip(BLANKS)).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, WIDE)
    return number if abs(number) < Decimal(10) ** (precision - scale) else None


def day(text):
    """``2020-05-08``, ``2020-5-8``, ``20200508``."""
    match = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})|(\d{4})(\d{2})(\d{2})", text, re.ASCII)
    try:
        return dt.date(*(int(part) for part in match.groups() if part is not None)) if match else None
    except ValueError:
        return None


def boolean(text, compat):
    """``true`` and ``false``, or a number (Doris: only 1 and 0)."""
    bare = text.strip(BLANKS).lower()
    if bare in {"true", "false"}:
        return bare == "true"
    if not re.fullmatch(NUMBER, bare, re.ASCII):
        return None
    return Decimal(bare) != 0 if compat == "starrocks" or Decimal(bare) in {0, 1} else None


def fitted(text, size, compat, *, strict):
    """Too long: NULL, but Doris cuts at a whole character unless the load is strict."""
    data = text.encode()
    if len(data) <= size:
        return text
    return data[:size].decode("utf-8", "ignore") if compat == "doris" and not strict else None


def converted(value, kind, *, compat, strict):
    """A field's text, or a boolean of JSON, as its column's type; None where it does not convert."""
    name, _, rest = kind.partition("(")
    sizes = [int(part) for part in rest.rstrip(")").split(",") if part]
    if isinstance(value, bool):
        if compat == "starrocks" and name in BITS and name != "LARGEINT":
            return None
        value = "01"[value]
    if name in BITS:
        return integer(value, BITS[name], compat)
    if name == "DECIMAL":
        return decimal(value, *sizes)
    if name == "DATE":
        return day(value)
    if name == "BOOLEAN":
        return boolean(value, compat)
    return fitted(value, sizes[0], compat, strict=strict)


def csv_rows(messages, columns, separator):
    """(message, fields or None) of every row that is not blank; None: a wrong number of fields, or no UTF-8."""
    for at, message in enumerate(messages):
        for line in (message or b"").split(b"\n"):
            if not line:
                continue
            try:
                fields = line.decode().split(separator)
            except UnicodeDecodeError:
                yield at, None
                continue
            yield at, [None if f == "\\N" else f for f in fields] if len(fields) == len(columns) else None


def json_rows(messages, columns):
    """(message, texts or None) of messages that are one object each; the first of equal keys counts."""
    for at, message in enumerate(messages):
        if not message:
            continue
        try:
            pairs = json.loads(message, object_pairs_hook=list, parse_float=str, parse_int=str)
        except ValueError:
            yield at, None
            continue
        first = dict(reversed(pairs))
        yield at, [first.get(name) for name, _, _ in columns]


def json_documents(messages, columns, *, compat):
    """(message, texts or None) of every object of a message; a message that is not only objects is one error row.

    Doris takes one document a message: more of them are one error row.
    """
    for at, message in enumerate(messages):
        try:
            text, found, place = (message or b"").decode(), [], 0
            while place < len(text):
                document, place = json.JSONDecoder().raw_decode(text, place)
                found.append([document.get(name) for name, _, _ in columns])
                place += len(text[place:]) - len(text[place:].lstrip(BLANKS))
        except ValueError:
            yield at, None
            continue
        if compat == "doris" and len(found) > 1:
            yield at, None
            continue
        yield from ((at, fields) for fields in found)


MISSING = object()


def step(value, path):
    """What a path of keys and indexes leads to in a document whose objects are lists of pairs; MISSING nowhere."""
    for key in path:
        if isinstance(key, str) and isinstance(value, Pairs):
            value = dict(reversed(value.pairs)).get(key, MISSING)
        elif isinstance(key, int) and isinstance(value, list) and key < len(value):
            value = value[key]
        else:
            return MISSING
    return value


class Pairs:
    """An object of JSON with its keys in order, equal ones too."""

    def __init__(self, pairs):
        self.pairs = pairs

    def text(self):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{minified(v)}" for k, v in self.pairs) + "}"


class Number(str):
    """A number as it was written."""

    __slots__ = ()


def minified(value):
    """A value of JSON as text without blanks."""
    if isinstance(value, Pairs):
        return value.text()
    if isinstance(value, list):
        return "[" + ",".join(map(minified, value)) + "]"
    return value if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)


def field(value):
    """A value as a field: text, a boolean, or None."""
    if value is MISSING or value is None or isinstance(value, bool):
        return None if value is MISSING else value
    return str(value) if isinstance(value, str) else minified(value)


def parsed(message):
    """The documents of a message. Raises ValueError."""
    decoder = json.JSONDecoder(object_pairs_hook=Pairs, parse_float=Number, parse_int=Number)
    text, found = message.decode().strip(BLANKS), []
    while text:
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].strip(BLANKS)
    return found


def json_selected(messages, paths, *, root, strip, compat):
    """(message, fields or None): json_root first, then strip_outer_array, then the paths, each a tuple of steps."""
    for at, message in enumerate(messages):
        try:
            documents = parsed(message or b"")
        except ValueError:
            yield at, None
            continue
        if len(documents) > 1 and compat == "doris":
            yield at, None
            continue
        for document in documents:
            yield from ((at, fields) for fields in selected(document, paths, root=root, strip=strip, compat=compat))


def selected(document, paths, *, root, strip, compat):
    """The rows of one document; None is an error row."""
    outer = document if root and strip and isinstance(document, list) else [document]
    for part in outer:
        found = step(part, root)
        if strip and not isinstance(found, list):
            yield None
            continue
        for row in found if strip else [found]:
            values = [step(row, path) for path in paths] if isinstance(row, Pairs) else None
            nothing = values is not None and all(value is MISSING for value in values)
            yield None if values is None or (nothing and compat == "doris") else [field(value) for value in values]


def operation(value):
    """StarRocks, __op: absent is an upsert; 0 and 1, or their names."""
    known = {None: 0, "0": 0, "upsert": 0, "1": 1, "delete": 1}
    text = value.strip(" ").lower() if isinstance(value, str) else value
    if isinstance(text, bool) or text not in known:
        raise Bad
    return known[text]


def rows_of(messages, columns, *, json_, compat):
    """Rows of either format, separated by commas."""
    return json_documents(messages, columns, compat=compat) if json_ else csv_rows(messages, columns, ",")


def with_metadata(rows, keys):
    """Behind the fields: the message's key, and its offset, which is its place; a key that is not UTF-8 is an error."""
    for at, fields in rows:
        try:
            key = keys[at] if keys[at] is None else keys[at].decode()
        except UnicodeDecodeError:
            yield at, None
            continue
        yield at, None if fields is None else [*fields, key, str(at)]


def load(rows, columns, *, compat, strict):
    """(loaded rows, messages of error rows). ``columns``: (name, type, nullable)."""
    loaded, bad = [], []
    for at, fields in rows:
        try:
            if fields is None:
                raise Bad
            row = []
            for text, (_, kind, nullable) in zip(fields, columns, strict=True):
                value = None if text is None else converted(text, kind, compat=compat, strict=strict)
                if value is None and ((strict and text is not None) or not nullable):
                    raise Bad
                row.append(value)
            loaded.append(tuple(row))
        except Bad:
            bad.append(at)
    return loaded, bad


def replaced(table, rows):
    """UNIQUE and PRIMARY: (key, value, op, rank); the later row wins; with ranks the greater or equal one."""
    for key, value, op, rank in rows:
        old = table.get(key)
        if old is not None and rank is not None and old[1] is not None and rank < old[1] and not op:
            continue
        if op:
            table.pop(key, None)
        else:
            table[key] = (value, rank)


def aggregated(table, rows):
    """AGGREGATE: (key, sum, min, max, replace, replace if not null)."""

    def both(old, new, combine):
        return new if old is None else old if new is None else combine(old, new)

    for key, total, low, high, latest, known in rows:
        old = table.get(key)
        if old is None:
            table[key] = (total, low, high, latest, known)
            continue
        table[key] = (
            both(old[0], total, lambda a, b: a + b),
            both(old[1], low, min),
            both(old[2], high, max),
            latest,
            old[4] if known is None else known,
        )
