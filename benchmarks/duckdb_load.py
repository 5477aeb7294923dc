"""DuckDB's own load of a file, in a process of its own: database, columns, reader; or COPY itself.

Prints one JSON line."""

from __future__ import annotations

import json
import resource
import sys
import time

import duckdb

THREADS = 2
"""As many as the service's engine has by default, on any machine."""


def main() -> None:
    database, columns, reader, *copy = sys.argv[1:5]
    connection = duckdb.connect(database, config={"threads": THREADS})
    connection.execute(f"CREATE TABLE t {columns}")
    before, started = _cpu(), time.monotonic()
    connection.execute(copy[0] if copy else f"INSERT INTO t SELECT * FROM {reader}")
    seconds, cpu = time.monotonic() - started, _cpu() - before
    [(rows,)] = connection.execute("SELECT count(*) FROM t").fetchall()
    connection.close()
    print(json.dumps({"rows": rows, "seconds": seconds, "cpu": cpu}))


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
