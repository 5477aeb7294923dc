"""docs/clients.md: written from what the clients did, and read back to be compared with what they do now."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from types import MappingProxyType

YES = "yes"
NO = "**no**"
_IN_A_MODE = "with `--compat`"
COMMAND = "WRITE_CLIENTS=1 .venv/bin/python -m pytest tests/wire/test_real_clients.py"
_HEAD = f"""# Clients

What real clients do with a running service. The tests do all of it but what is said at the end, in StarRocks mode and in
Doris mode, and compare the outcome with this page; `{COMMAND}`
writes it anew. A number stands for the reason below the tables. The
[list of differences](differences.md) says where answers are not those of the originals on purpose.
"""
_BY_HAND = """
## Kafka Connect

The vendors' sink connectors for Kafka Connect are not published on Maven Central, so no test runs them. They were built
from their sources and tried by hand on 20 November 2026: Kafka Connect 4.1.1, distributed, on Apache Kafka, Java 17.
Nothing of the service had to be changed for them. 200,000 messages of JSON in four partitions were produced while
SIGKILL ended Connect and the service at random:

| connector | source | table | killed | rows |
|---|---|---|---|---|
| starrocks-connector-for-kafka 1.0.5 (tells 1.0.3) | 8be855e | duplicate key | Connect twice, the service once | 204,500, all messages among them |
| the same | 8be855e | primary key | Connect twice, the service once | 200,000, each once |
| doris-kafka-connector, `exactly_once`, `max.retries` 0 | 6e614d8 | duplicate key | Connect three times, the service once | 200,000, each once |
| the same, `max.retries` 10, its default | 6e614d8 | duplicate key | Connect twice, the service once | 195,414: it drops what it has buffered when a load fails |

Without kills every row was loaded: String and JSON converters with and without schemas, CSV, upserts and deletes, changes
of Debezium (StarRocks' `AddOpFieldForDebeziumRecord`; Doris' `debezium_ingestion`, which added the columns that came
later), `enable.combine.flush` and `group_commit`. The manuals' `SinkConnector` and `starrocks.user` are called
`StarRocksSinkConnector` and `starrocks.username`. Three things are the connectors' own:

- StarRocks' manual leaves out `sink.properties.strip_outer_array`; without `true` the connector's arrays are refused
  here as there (issue 14 of the connector), and the message says so.
- The StarRocks connector promises every message at least once: after a kill some come twice, as in the first line.
- The Doris connector gives up its buffer when a load fails and then only repeats the messages at hand, whatever
  `delivery.guarantee` says. With `max.retries` 0 its task fails instead, and one that is restarted reads again from the
  last offset that was committed.
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of one client: its version, and YES, NO or a reason for every line it was asked for."""

    version: str
    cells: Mapping[str, str]


Known = Mapping[str, Told]
Lines = Sequence[tuple[str, str]]
"""Group and line of every feat, in order."""


def page(known: Known, lines: Lines) -> str:
    """The whole page."""
    reasons: dict[str, int] = {}
    parts = [_HEAD, "\n| client | version |\n|---|---|\n"]
    parts += [f"| {name} | {told.version} |\n" for name, told in known.items()]
    for group, members in groupby(lines, key=lambda line: line[0]):
        wanted = [line for _, line in members]
        asked = [name for name, told in known.items() if any(line in told.cells for line in wanted)]
        parts.append(f"\n## {group}\n\n| | {' | '.join(asked)} |\n|---|{'---|' * len(asked)}\n")
        for line in wanted:
            cells = [_cell(known[name].cells.get(line, ""), reasons) for name in asked]
            parts.append(f"| {line} | {' | '.join(cells)} |\n")
    parts.append("\n## Why not\n\n")
    parts += [f"{number}. {reason}\n" for reason, number in reasons.items()]
    parts.append(_BY_HAND)
    return "".join(parts)


def together(outcomes: Mapping[str, str]) -> str:
    """One outcome out of each mode's: NO before reasons, reasons of one mode only under its name, YES if all agree."""
    found = set(outcomes.values())
    if NO in found or len(found) == 1:
        return NO if NO in found else found.pop()
    return "; ".join(f"{_IN_A_MODE} {mode}: {said}" for mode, said in sorted(outcomes.items()) if said != YES)


def _cell(outcome: str, reasons: dict[str, int]) -> str:
    if outcome in (YES, NO, ""):
        return outcome
    front = "partly" if outcome.startswith(_IN_A_MODE) else "–"
    return f"{front} ({reasons.setdefault(outcome, len(reasons) + 1)})"


def read(text: str) -> dict[str, Told]:
    """What a page says."""
    reasons = dict(re.findall(r"^(\d+)\. (.*)$", text, re.MULTILINE))
    first, *groups = text.partition("\n## Why not")[0].split("\n## ")
    known = {name: Told(version, {}) for name, version in re.findall(r"^\| (.+?) \| (.+?) \|$", first, re.MULTILINE)}
    known.pop("client", None)
    cells: dict[str, dict[str, str]] = {name: {} for name in known}
    for group in groups:
        head, _, *rows = [row for row in group.splitlines() if row.startswith("|")]
        names = [name.strip() for name in head.strip("|").split("|")][1:]
        for row in rows:
            line, *found = [cell.strip() for cell in row.strip("|").split("|")]
            for name, cell in zip(names, found, strict=True):
                number = re.fullmatch(r"(?:–|partly) \((\d+)\)", cell)
                cells[name][line] = reasons[number[1]] if number else cell
    return {name: replace(told, cells=MappingProxyType(cells[name])) for name, told in known.items()}


def merged(committed: Known, now: Known, *, names: Sequence[str], pinned: Sequence[str]) -> dict[str, Told]:
    """The page as it would be: what ran in this run is told anew, the others as before.

    The version of a client that nobody pins is whatever the machine has; it is told as it was when the page was written.
    """
    found = {}
    for name in names:
        told = now.get(name) or committed.get(name)
        if told is not None:
            keeps = name in committed and name not in pinned
            found[name] = replace(told, version=committed[name].version) if keeps else told
    return found
