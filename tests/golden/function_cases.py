r"""Lines of tests/golden/load/*.functions: what an expression over the text columns a, b, c gives, in which vendor's mode.

    expression | a=…; b=…; c=… => value     for both vendors, at load and in SELECT
    doris: expression => value              for that vendor only (also ``starrocks:``)
    {upper ucase}(a) | a=x => X             one case for each name in braces
    spaced: expression => [1,2]             for both; Doris prints a blank behind each comma
    at load: expression => value            not asked as a query

A value is what the vendor prints; NULL is NULL; ``error text`` an error whose message contains the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "load"
VENDORS = ("starrocks", "doris")
_NAMES = re.compile(r"\{([a-z0-9_ ]+)\}\(")


@dataclass(frozen=True, slots=True)
class FunctionCase:
    """One expression and what it gives. ``where`` is file and line."""

    where: str
    expression: str
    values: tuple[str | None, str | None, str | None]
    expected: str
    vendors: tuple[str, ...]
    queried: bool

    @property
    def is_error(self) -> bool:
        return self.expected.startswith("error ")


def unescaped(text: str) -> bytes:
    r"""``\n \r \t \x41 \\`` of a case file; every other character stands for itself."""
    return re.sub(
        rb"\\(n|r|t|\\|x[0-9a-f]{2})",
        lambda m: {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\"}.get(m[1]) or bytes([int(m[1][1:], 16)]),
        text.encode(),
    )


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.functions"))


def cases(path: Path) -> list[FunctionCase]:
    """The cases of one file."""
    found: list[FunctionCase] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            found += (_case(f"{path.stem}:{number}", one) for spelt in _spelt(line) for one in _expanded(spelt))
    return found


def _spelt(line: str) -> list[str]:
    """A line about an array or a map as each vendor prints it."""
    if not line.startswith("spaced: "):
        return [line]
    rest = line.removeprefix("spaced: ")
    head, _, expected = rest.rpartition(" => ")
    blank = json.dumps(json.loads(expected), separators=(", ", ":"), ensure_ascii=False)
    return [f"starrocks: {rest}", f"doris: {head} => {blank}"]


def _expanded(line: str) -> Iterator[str]:
    match = _NAMES.search(line)
    if match is None:
        yield line
        return
    for name in match[1].split():
        yield from _expanded(line[: match.start()] + name + line[match.end() - 1 :])


def _case(where: str, line: str) -> FunctionCase:
    vendors, queried = VENDORS, True
    while (match := re.match(r"(doris|starrocks|at load): ", line)) is not None:
        line = line[match.end() :]
        if match[1] == "at load":
            queried = False
        else:
            vendors = (match[1],)
    head, arrow, expected = line.partition(" => ")
    assert arrow, f"{where}: a case needs ' => '"
    expression, _, given = head.partition(" | ")
    values: dict[str, str | None] = dict.fromkeys("abc")
    for pair in filter(None, given.split("; ")):
        name, _, value = pair.partition("=")
        assert name.strip() in values, f"{where}: {pair}"
        values[name.strip()] = None if value == "NULL" else unescaped(value).decode()
    return FunctionCase(where, expression, tuple(values.values()), expected.strip(), vendors, queried)
