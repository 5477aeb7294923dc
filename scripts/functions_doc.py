"""Writes docs/functions.md: what load expressions may call, from the registry and its golden lines; and what not.

python scripts/functions_doc.py            writes the page
python scripts/functions_doc.py --check    exit code 1 when the page is not up to date
"""

import re
import sys
from pathlib import Path

from routine_load.transform.functions import FAMILIES, LAMBDAS, SPECIAL
from routine_load.transform.refused import REFUSED

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "functions.md"
GOLDEN = ROOT / "tests" / "golden" / "load"
REFUSALS = """
## Refused

Scalar functions of the vendors' manuals that a load expression cannot call; aggregates, window and table functions are
refused as well.

| function | why |
|---|---|
"""
_CALL = re.compile(r"(\{[a-z0-9_ ]+\}|[a-z0-9_]+)(\(.*)")
HEAD = """# Functions in load expressions

What `COLUMNS (c = …)`, `WHERE`, `PRECEDING FILTER` and `DELETE ON` may call. Each function means what it means in
StarRocks and Doris, NULL and nonsense included; any other name is refused when the job is created. Operators, `CASE`,
`CAST`, `IN`, `BETWEEN`, `LIKE`, `REGEXP` and `INTERVAL` arithmetic work as well.
The examples are lines of the test suite: the columns `a`, `b`, `c` hold the text given behind the bar.
"""


def page() -> str:
    """The whole page."""
    examples = _examples()
    parts = [HEAD]
    families = [
        *((title, sorted(family.functions)) for title, family in FAMILIES),
        ("With a unit", sorted(SPECIAL)),
        ("With a lambda expression", sorted(LAMBDAS)),
    ]
    for title, names in families:
        parts.append(f"\n## {title}\n\n| function | example |\n|---|---|\n")
        parts.extend(f"| `{name}` | `{examples.get(name, '').replace('|', chr(92) + '|')}` |\n" for name in names)
    parts.append(REFUSALS)
    for reason in dict.fromkeys(REFUSED.values()):
        names = ", ".join(f"`{name}`" for name in sorted(REFUSED) if REFUSED[name] == reason)
        parts.append(f"| {names} | {reason} |\n")
    return "".join(parts).replace("| `` |", "| |")


def _examples() -> dict[str, str]:
    """The first line of each function that is no error; how a line reads: tests/golden/function_cases.py."""
    found: dict[str, str] = {}
    for path in sorted(GOLDEN.glob("*.functions")):
        for line in path.read_text().splitlines():
            text = re.sub(r"^((doris|starrocks|spaced|at load): )+", "", line)
            names, rest = _CALL.match(text).groups() if _CALL.match(text) else ("", "")
            for name in names.strip("{}").split():
                if "=> error" not in text:
                    found.setdefault(name, name + rest)
    return found


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.exists() and PAGE.read_text() == page() else 1)
    PAGE.write_text(page())
