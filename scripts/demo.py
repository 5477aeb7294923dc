"""make demo: the manuals' stories, told by a service and a broker that start here and are gone afterwards.

Exit code 0 when every table holds what its example says, 1 when one differs.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from examples.runner import Differs, Example, Player, examples, service
from routine_load.api import Connection
from routine_load.cli import tables
from routine_load.errors import RoutineLoadError
from routine_load.testing import ApacheKafka, BrokerFailed, EmbeddedKafka

STORIES = 4
VENDORS = {"starrocks": "StarRocks", "doris": "Apache Doris"}


def broker(kind: str) -> AbstractContextManager[Any]:
    return ApacheKafka() if kind == "kafka" else EmbeddedKafka()


def tell(player: Player, connection: Connection) -> None:
    """Print what a person at a client would type, and what comes back."""

    def after_step(example: Example, step: dict[str, Any]) -> None:
        if "run" in step:
            for statement in player.statements(example, step["run"]):
                say(f"\nmysql> {statement.strip()};")
        elif "produce" in step:
            lines = (example.folder / step["produce"]).read_text().splitlines()
            say(f"\n{len(lines)} messages to topic {example.topic}, such as\n  {lines[0]}")
        elif "wait_rows" in step:
            show(connection, f"SHOW ROUTINE LOAD FOR {example.job}\\G")
            database, job = example.job.split(".")
            show(connection, f'SHOW ROUTINE LOAD TASK FROM {database} WHERE JobName = "{job}"')
        elif "query" in step:
            show(connection, step["query"])
            say(f"That is what {example.name}/{step['expect']} says.")

    player.after_step = after_step


def show(connection: Connection, statement: str) -> None:
    say(f"\nmysql> {statement}")
    style = tables.vertical if statement.endswith("\\G") else tables.aligned
    tables.show(connection.results(statement.removesuffix("\\G")), style)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description="Load the manuals' stories and check the rows.")
    parser.add_argument("--broker", choices=["embedded", "kafka"], default="embedded")
    kind = parser.parse_args().broker
    began = time.monotonic()
    told = 0
    with broker(kind) as kafka:
        say(f"broker   {kafka.bootstrap} ({'Apache Kafka' if kind == 'kafka' else 'embedded'})")
        for compat, stories in itertools.groupby(examples()[:STORIES], lambda example: example.compat):
            with service(compat) as running, running.connect() as connection:
                say(f"service  mysql -h127.0.0.1 -P{running.mysql_port} -uroot   speaking {VENDORS[compat]}")
                for example in stories:
                    say(f"\n{'=' * 100}\n{example.title}\n{'=' * 100}")
                    player = Player(connection, kafka)
                    tell(player, connection)
                    player.play(example)
                    told += 1
    say(f"\n{told} stories told, every row as it should be, in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Differs, RoutineLoadError, BrokerFailed) as problem:
        notes = "\n".join(getattr(problem, "__notes__", []))
        sys.stderr.write(f"\nThe demo went wrong: {problem}\n{notes}\n")
        sys.exit(1)
