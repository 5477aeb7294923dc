"""Writes docs/functions.md: what load expressions may call, straight from the registry and its golden lines.

python scripts/functions_doc.py            writes the page
python scripts/functions_doc.py --check    exit code 1 when the page is not up to date
"""

import sys
from pathlib import Path

from routine_load.transform.functions import FAMILIES, SPECIAL

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "functions.md"
GOLDEN = ROOT / "tests" / "golden" / "load" / "scalar.functions"
HEAD = """# Functions in load expressions

What `COLUMNS (c = …)`, `WHERE`, `PRECEDING FILTER` and `DELETE ON` may call. Each function means what it means in
StarRocks and Doris, NULL and nonsense included; any other name is refused when the job is created. Operators, `CASE`,
`CAST`, `IN`, `BETWEEN`, `LIKE`, `REGEXP` and `INTERVAL` arithmetic work as well.
The examples are lines of the test suite: the columns `a`, `b`, `c` hold the text given behind the bar.
"""


def page() -> str:
    """The whole page."""
    examples: dict[str, str] = {}
    for line in GOLDEN.read_text().splitlines():
        call, _, _ = line.partition(" | ")
        name = call.partition("(")[0].strip().lower()
        if "(" in call and "error" not in line and name not in examples:
            examples[name] = line
    parts = [HEAD]
    families = [*((title, sorted(family.functions)) for title, family in FAMILIES), ("With a unit", sorted(SPECIAL))]
    for title, names in families:
        parts.append(f"\n## {title}\n\n| function | example |\n|---|---|\n")
        parts.extend(f"| `{name}` | `{examples.get(name, '').replace('|', chr(92) + '|')}` |\n" for name in names)
    return "".join(parts).replace("| `` |", "| |")


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.exists() and PAGE.read_text() == page() else 1)
    PAGE.write_text(page())
