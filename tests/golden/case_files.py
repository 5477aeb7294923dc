"""Files of cases that are apart by an empty line, each for one vendor: what ``load_served`` and ``stream_load`` share.

The first word of a file's name says for which vendor it is (``doris_json.case``). ``# `` begins a case and is its title;
``##`` is a comment; a line that begins with two blanks continues the one before. What the lines mean is their players'.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from routine_load.ids import Compat


@dataclass(frozen=True, slots=True)
class Case:
    """One case: where it stands, its title, its lines."""

    place: str
    title: str
    compat: Compat
    lines: tuple[str, ...]


def read_cases(folder: Path) -> list[Case]:
    """All cases of both vendors."""
    return [case for path in sorted(folder.glob("*.case")) for case in _cases_of(path)]


def _cases_of(path: Path) -> Iterator[Case]:
    compat = Compat(path.stem.partition("_")[0])
    began, lines = 0, list[str]()
    for number, line in enumerate([*path.read_text().splitlines(), ""], 1):
        if line.startswith("##"):
            continue
        if not line:
            if lines:
                yield Case(f"{path.stem}:{began}", lines[0].removeprefix("# "), compat, tuple(lines[1:]))
            lines = []
        elif line.startswith("  ") and lines:
            lines[-1] += "\n" + line.strip()
        else:
            began = number if not lines else began
            lines.append(line)
