"""Writes docs/types.md: what a field or a JSON value becomes in a column of each type, from the golden cases.

python scripts/types_doc.py            writes the page
python scripts/types_doc.py --check    exit code 1 when the page is not up to date
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "types.md"
GOLDEN = ROOT / "tests" / "golden" / "load" / "values.types"
HEAD = """# What a value becomes

Every line is a case of the test suite (`tests/golden/load/values.types`).

**Error** means: the value does not convert. In strict mode its row is an error row; otherwise the value is NULL, and
the row is an error row only if the column is NOT NULL. NULL is no error in either mode.

- Integers, decimals, dates and booleans may stand between blanks. Text keeps its blanks (`trim_space` takes them away).
- Integers lose their fraction. Decimals round half up to their scale, then must fit.
- Text is measured in bytes. What is too long is an error; Doris cuts it at a whole character unless the load is strict.
- Dates and times go from year 1 to 9999. A time zone in the value is turned into the job's zone, here Asia/Shanghai.
  Two-digit years are 1970 to 2069. Doris rounds to the digits that the column keeps, StarRocks keeps microseconds.
- Floating-point numbers are finite: NaN and infinities are errors.
- The parts of ARRAY, MAP and STRUCT convert as columns of their types do, but a part that does not is NULL.
- `JSONB` is JSON; `VARIANT` is kept as JSON under its own name. `DECIMALV2`, `DECIMALV3`, `DECIMAL32` … are DECIMAL.
  `TEXT` is STRING.
- BITMAP, HLL, QUANTILE_STATE and PERCENTILE are filled by [functions](functions.md) in `COLUMNS`: `b = to_bitmap(a)`.
  A bitmap takes 8 bytes a member. An HLL counts exactly up to 16,383 different values, and then with an error of about
  0.8 %, in 128 KiB. A quantile state keeps 4,096 values, and thins out more than that. `SELECT` shows them as NULL.
- Not kept, and refused by `CREATE TABLE` with the type to use instead: DECIMAL of more than 38 digits, TIME, IPV4,
  IPV6, AGG_STATE, unsigned integers, ENUM.

In JSON, numbers go into text columns as they were written, `true` and `false` as `1` and `0`, objects and arrays
without their blanks. StarRocks takes no boolean for TINYINT … BIGINT, FLOAT and DOUBLE.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for line in GOLDEN.read_text().splitlines():
        if line.startswith("## "):
            parts.append(f"\n{line}\n\n| | value | StarRocks | Doris |\n|---|---|---|---|\n")
        elif line and not line.startswith("#"):
            parts.append(row(line))
    return "".join(parts)


def row(line: str) -> str:
    """One case as a line of its table."""
    head, _, expected = line.partition(" => ")
    format_, kind, given = (part.strip() for part in head.split(" | "))
    starrocks, _, doris = expected.partition(" ~ ")
    shown = "" if given == "(empty)" else code(given)
    return f"| {format_}, {kind} | {shown} | {result(starrocks)} | {result(doris or starrocks)} |\n"


def result(text: str) -> str:
    """A result: the value, or the error, or both where strict mode decides."""
    usual, _, strict = text.partition(" / ")
    if strict == "!":
        return f"{result(usual)}, strict: error"
    if strict:
        return f"{result(usual)}, strict: {result(strict)}"
    if usual == "!":
        return "error"
    return "NULL" if usual == "NULL" else code(usual)


def code(text: str) -> str:
    """Text between back-quotes; blanks at its ends and nothing at all are seen."""
    seen = text.replace("\\x20", "␠").replace("\\x09", "⇥").replace("|", "\\|")
    if seen != seen.strip() or not seen:
        seen = seen.replace(" ", "␠") or "(empty)"
    return f"`{seen}`"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.exists() and PAGE.read_text() == page() else 1)
    PAGE.write_text(page())
