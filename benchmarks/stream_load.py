"""Stream Load through the door, beside DuckDB's own COPY from a file of the same bytes; and many small loads at once.

    python -m benchmarks.stream_load [--mib N] [--rounds N] [--only large|small]

Large: seconds and CPU seconds of a sized body that the system sends from a file (so that the client costs little), for
both vendors, against COPY in a process of its own; peak resident memory. Small: loads a second over as many connections
as loads are to be served a second, each sending its next load as soon as the one before is answered; Doris' group
commit and StarRocks' merge commit. Of several rounds the best of each number counts, as that was disturbed least.

What is equal on both sides of ``ratio``: the bytes, which the system has in memory; the columns' types; a table without
keys in a file of its own; two threads of DuckDB; one transaction, its rows in the file and its commit in the log on the
disk; no checkpoint behind it. What is not: COPY may take most of the machine's memory, the service what it is set to;
the service's seconds hold HTTP, the client that sends, and the plan of a first load, all on the same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

import routine_load
from benchmarks.service import cpu_seconds, peak_mib
from benchmarks.stories import COLUMNS_SQL, PEAK_MIB, STREAMED_ROWS, STREAMED_TABLE

RATIO = 0.7
"""DuckDB's seconds to ours, to be reached."""
CONNECTIONS = 200
LOADS_A_SECOND = 200
SMALL_S = 10.0
SMALL_ROWS = 10
ROW_BYTES = 49
"""Of the rows that are made, on average."""
VENDORS = ("starrocks", "doris")
_MIB = 1024 * 1024
_SERVE = (sys.executable, "-m", "routine_load", "serve", "--mysql-port", "0", "--http-port", "0")
_BATCHING = {
    "doris": "group_commit: sync_mode\r\n",
    "starrocks": "enable_merge_commit: true\r\nmerge_commit_interval_ms: 20\r\nmerge_commit_parallel: 1\r\n",
}
_HEAD = (
    "PUT /api/b/t/_stream_load HTTP/1.1\r\nHost: x\r\nAuthorization: Basic cm9vdDo=\r\ncolumn_separator: ,\r\n"
    "Content-Length: {size}\r\n{more}\r\n"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one load: what was waited, what the loading process used, and the most it had resident."""

    seconds: float
    cpu: float
    peak_mib: float = 0.0


@dataclass(frozen=True, slots=True)
class Service:
    """A service that runs, with an empty table ``b.t``."""

    pid: int
    mysql_port: int
    port: int

    def rows(self) -> int:
        with routine_load.connect(url=f"mysql://root@127.0.0.1:{self.mysql_port}") as rl:
            [(count,)] = rl.query("SELECT count(*) FROM b.t").fetchall()
        return int(count)


@contextlib.contextmanager
def service(vendor: str) -> Iterator[Service]:
    with tempfile.TemporaryDirectory() as home, (Path(home) / "log").open("w") as log:
        command = [*_SERVE, "--compat", vendor, "--data-dir", f"{home}/data"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process:
            assert process.stdout is not None
            try:
                ready = json.loads(process.stdout.readline())
                with routine_load.connect(url=f"mysql://root@127.0.0.1:{ready['mysql_port']}") as rl:
                    rl.execute("CREATE DATABASE b")
                    rl.execute(f"CREATE TABLE b.t {STREAMED_TABLE}")
                yield Service(process.pid, ready["mysql_port"], ready["be_http_port"])
            finally:
                process.terminate()
                process.wait(60)


def write_csv(file: Path, size: int) -> int:
    """A file of about so many bytes; its rows."""
    rows = size // ROW_BYTES
    duckdb.sql(f"COPY ({STREAMED_ROWS.format(rows=rows)}) TO '{file}' (FORMAT csv, HEADER false)")
    return rows


def copied(file: Path) -> Cost:
    """DuckDB's own COPY, into a table of a file."""
    with tempfile.TemporaryDirectory() as home:
        copy = f"COPY t FROM '{file}' (FORMAT csv, HEADER false, DELIMITER ',', QUOTE '', ESCAPE '', NULLSTR '\\N')"
        command = [sys.executable, "-m", "benchmarks.duckdb_load", f"{home}/own.duckdb", COLUMNS_SQL, "", copy]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return Cost(found["seconds"], found["cpu"])


def streamed(at: Service, file: Path, rows: int) -> Cost:
    """One direct load of the whole file."""
    before = at.rows()
    cpu, started = cpu_seconds(at.pid), time.monotonic()
    with socket.create_connection(("127.0.0.1", at.port)) as connection, file.open("rb") as body:
        connection.sendall(_HEAD.format(size=file.stat().st_size, more="Connection: close\r\n").encode())
        connection.sendfile(body)
        answer = b""
        while more := connection.recv(65536):
            answer += more
    seconds, cpu = time.monotonic() - started, cpu_seconds(at.pid) - cpu
    outcome = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert outcome["Status"] == "Success", outcome
    assert (outcome["NumberLoadedRows"], at.rows() - before) == (rows, rows), outcome
    return Cost(seconds, cpu, peak_mib(at.pid))


async def _client(port: int, request: bytes, until: float, took: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        started = time.monotonic()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
        outcome = json.loads(await reader.readexactly(int(length.split(b":")[1])))
        assert outcome["Status"] == "Success", outcome
        took.append(time.monotonic() - started)
    writer.close()


def small(vendor: str) -> tuple[float, float, float, float]:
    """Loads a second, their median and slowest seconds, and CPU milliseconds of the service for each."""
    body = "".join(f"{n},2026-11-20,Emily {n},Country{n},c{n},{n}.25\n" for n in range(SMALL_ROWS)).encode()
    request = _HEAD.format(size=len(body), more=_BATCHING[vendor]).encode() + body
    took: list[float] = []

    async def all_clients(port: int) -> None:
        until = time.monotonic() + SMALL_S
        await asyncio.gather(*(_client(port, request, until, took) for _ in range(CONNECTIONS)))

    with service(vendor) as at:
        cpu, started = cpu_seconds(at.pid), time.monotonic()
        asyncio.run(all_clients(at.port))
        seconds, cpu = time.monotonic() - started, cpu_seconds(at.pid) - cpu
        assert at.rows() == len(took) * SMALL_ROWS
    return len(took) / seconds, statistics.median(took), max(took), cpu / len(took) * 1000


def large(mib: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        file = Path(home) / "rows.csv"
        rows = write_csv(file, mib * _MIB)
        print(f"{file.stat().st_size / _MIB:,.0f} MiB of CSV, {rows:,} rows; rounds: {rounds}")
        print(
            f"{'load':<12} {'seconds':>7} {'CPU s':>6} {'ratio':>5} {'target':>6} {'peak MiB':>8} {'load avg':>8}  met"
        )
        seen: dict[str, list[Cost]] = {name: [] for name in ("COPY", *VENDORS)}
        for _ in range(rounds):
            seen["COPY"].append(copied(file))
            for vendor in VENDORS:
                with service(vendor) as at:
                    seen[vendor].append(streamed(at, file, rows))
            seen["COPY"].append(copied(file))
    own = min(cost.seconds for cost in seen["COPY"])
    for name, costs in seen.items():
        seconds, cpu = min(cost.seconds for cost in costs), min(cost.cpu for cost in costs)
        peak = max(cost.peak_mib for cost in costs)
        line = f"{name:<12} {seconds:>7.1f} {cpu:>6.1f}"
        if name != "COPY":
            met = "yes" if own / seconds >= RATIO and peak <= PEAK_MIB else "no"
            line += f" {own / seconds:>5.2f} {RATIO:>6} {peak:>8.0f} {os.getloadavg()[0]:>8.1f}  {met}"
        print(line, flush=True)


def many_small() -> None:
    print(f"{CONNECTIONS} connections, {SMALL_ROWS} rows a load, for {SMALL_S:.0f} s")
    print(
        f"{'batches of':<12} {'loads/s':>7} {'target':>6} {'median':>7} {'slowest':>7} {'CPU ms':>6} "
        f"{'load avg':>8}  met"
    )
    for vendor in VENDORS:
        speed, median, slowest, cpu = small(vendor)
        print(
            f"{vendor:<12} {speed:>7.0f} {LOADS_A_SECOND:>6} {median:>6.2f}s {slowest:>6.2f}s {cpu:>6.2f} "
            f"{os.getloadavg()[0]:>8.1f}  {'yes' if speed >= LOADS_A_SECOND else 'no'}",
            flush=True,
        )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", choices=("large", "small"))
    options = parser.parse_args(arguments)
    if options.only != "small":
        large(options.mib, options.rounds)
    if options.only != "large":
        many_small()


if __name__ == "__main__":
    main()
