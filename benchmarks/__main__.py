"""``make bench``: loads from Apache Kafka into DuckDB, each beside a consumer that only counts. Same topic, same run.

    python -m benchmarks [--rows N] [--rounds N] [--only csv,csv-bad,…]

For each story: rows per second from CREATE ROUTINE LOAD to the last visible row and its ratio to the counting
consumer's; CPU seconds of the service per million rows, beside the counting consumer's and DuckDB's own load of a file
of the same bytes; its peak resident memory; what one per cent of bad rows costs, in CPU; and whether the targets are
met. Of several rounds the best of each number counts, as that was disturbed least. Before them, how many CREATE
statements a second are read and validated (``--only statements``) and how long SHOW takes (``--only show``).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import show_speed, statement_speed
from benchmarks.service import load
from benchmarks.stories import BAD_COST, CPU_FACTOR, PEAK_MIB, STORIES, Story
from routine_load.testing import ApacheKafka, RemoteKafka

PARTITIONS = 8
_HEADER = (
    f"{'story':<10} {'bytes/row':>9} {'rows/s':>9} {'counting':>9} {'ratio':>5} {'target':>6} "
    f"{'CPU s/M':>7} {'count':>5} {'duckdb':>6} {'factor':>6} {'target':>6} {'peak MiB':>8} {'bad cost':>8} "
    f"{'load avg':>8}  met"
)


@dataclass(slots=True)
class Seen:
    """The best of some rounds of one story: rows per second, CPU seconds per million rows, and the worst peak."""

    speed: float = 0.0
    floor: float = 0.0
    cpu: list[float] = field(default_factory=list)
    floor_cpu: list[float] = field(default_factory=list)
    duck_cpu: list[float] = field(default_factory=list)
    peak: float = 0.0

    @property
    def factor(self) -> float:
        return min(self.cpu) / (min(self.floor_cpu) + min(self.duck_cpu))


def produce(kafka: RemoteKafka, story: Story, rows: int, file: Path | None) -> float:
    """Fill the story's topic, and a file with the same bytes. Returns bytes per row."""
    kafka.create_topic(story.topic, PARTITIONS)
    size = 0
    for partition in range(PARTITIONS):
        values = [story.message(number) for number in range(partition, rows, PARTITIONS)]
        size += sum(map(len, values))
        kafka.produce(story.topic, values, partition=partition)
        if file is not None:
            with file.open("ab") as lines:
                lines.write(b"\n".join(values) + b"\n")
    return size / rows


def apart(*arguments: str) -> dict[str, float]:
    """What a module that runs as a process of its own says."""
    command = [sys.executable, "-m", *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(kafka: RemoteKafka, story: Story, rows: int, file: Path, seen: Seen) -> None:
    """One round. The first reader finds a cold broker, so the counting consumer goes before and behind."""
    million = rows / 1e6
    counting = ("benchmarks.counting", kafka.bootstrap, story.topic, str(PARTITIONS), str(rows))
    before, loaded, behind = apart(*counting), load(kafka, story, rows), apart(*counting)
    seen.speed = max(seen.speed, rows / loaded["seconds"])
    seen.cpu.append(loaded["cpu"] / million)
    seen.peak = max(seen.peak, loaded["peak_mib"])
    for counted in (before, behind):
        seen.floor = max(seen.floor, rows / counted["seconds"])
        seen.floor_cpu.append(counted["cpu"] / million)
    if story.duck:
        with tempfile.TemporaryDirectory() as home:
            arguments = (f"{home}/own.duckdb", story.duck_table, story.duck.replace("{file}", str(file)))
            own = apart("benchmarks.duckdb_load", *arguments)
        assert own["rows"] == rows, own
        seen.duck_cpu.append(own["cpu"] / million)


def line(story: Story, size: float, seen: Seen, twin: Seen | None) -> str:
    """A row of the table."""
    ratio = seen.speed / seen.floor
    missed = [] if seen.peak <= PEAK_MIB else ["memory"]
    if story.ratio is not None and ratio < story.ratio:
        missed.append("ratio")
    if story.duck and seen.factor > CPU_FACTOR:
        missed.append("CPU")
    cost = "" if twin is None else f"{min(seen.cpu) / min(twin.cpu) - 1:.0%}"
    if twin is not None and min(seen.cpu) > min(twin.cpu) * (1 + BAD_COST):
        missed.append("bad rows")
    duck, factor, most = (f"{min(seen.duck_cpu):.2f}", f"{seen.factor:.2f}", CPU_FACTOR) if story.duck else ("", "", "")
    return (
        f"{story.name:<10} {size:>9.1f} {seen.speed:>9,.0f} {seen.floor:>9,.0f} {ratio:>5.2f} {story.ratio or '':>6} "
        f"{min(seen.cpu):>7.2f} {min(seen.floor_cpu):>5.2f} {duck:>6} {factor:>6} {most:>6} {seen.peak:>8.0f} "
        f"{cost:>8} {os.getloadavg()[0]:>8.1f}  {'no: ' + ', '.join(missed) if missed else 'yes'}"
    )


def chosen(only: str) -> list[Story]:
    """The stories of these names, and the twins that theirs are compared with."""
    names = set(only.split(",")) if only else {story.name for story in STORIES}
    names |= {story.twin for story in STORIES if story.name in names}
    return [story for story in STORIES if story.name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="", help="names, with commas between")
    options = parser.parse_args()
    known = {"statements", "show", *(story.name for story in STORIES)}
    only = {name for name in options.only.split(",") if name}
    if only - known:
        parser.error(f"--only takes {', '.join(sorted(known))}")
    if not only or "statements" in only:
        statement_speed.main()
    if not only or "show" in only:
        show_speed.main()
    stories = chosen(options.only)
    if stories:
        _run(stories, options.rows // PARTITIONS * PARTITIONS, options.rounds)


def _run(stories: list[Story], rows: int, rounds: int) -> None:
    print(f"{rows:,} rows, {PARTITIONS} partitions, {os.cpu_count()} cores shared with Apache Kafka, rounds: {rounds}")
    print(_HEADER, flush=True)
    results = {story.name: Seen() for story in stories}
    with tempfile.TemporaryDirectory() as home, ApacheKafka() as kafka:
        files = {story.name: Path(home) / story.name for story in stories}
        sizes = {
            story.name: produce(kafka, story, rows, files[story.name] if story.duck else None) for story in stories
        }
        for turn in range(rounds):
            for story in stories:
                seen = results[story.name]
                measure(kafka, story, rows, files[story.name], seen)
                if turn == rounds - 1:
                    print(line(story, sizes[story.name], seen, results.get(story.twin)), flush=True)


if __name__ == "__main__":
    main()
