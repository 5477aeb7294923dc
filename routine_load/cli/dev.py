"""``routine-load dev``: the service with a broker in the same process and a topic that fills while one looks."""

from __future__ import annotations

import datetime as dt
import itertools
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import typer

from routine_load.app.coordinator import Coordinator
from routine_load.cli.running import run
from routine_load.config import Settings
from routine_load.observe import events, logs
from routine_load.testing import BrokerFailed, EmbeddedKafka

TOPIC = "clicks"
PARTITIONS = 3
ROWS_PER_SECOND = 5
_VISITORS = ("ada", "grace", "edsger", "barbara", "tony")
_PAGES = ("/", "/pricing", "/docs", "/docs/start", "/download")

_SQL = """\
  CREATE DATABASE demo;
  CREATE TABLE demo.clicks (id BIGINT, visitor VARCHAR(64), page VARCHAR(64), ts DATETIME)
    DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1;
  CREATE ROUTINE LOAD demo.clicks_load ON clicks
    PROPERTIES ("format" = "json")
    FROM KAFKA ("kafka_broker_list" = "{brokers}", "kafka_topic" = "{topic}",
                "property.kafka_default_offsets" = "OFFSET_BEGINNING");
  SHOW ROUTINE LOAD FOR demo.clicks_load\\G
  SELECT page, count(*) FROM demo.clicks GROUP BY page;
"""


def play(settings_from: Callable[[Mapping[str, object]], Settings]) -> None:
    """Run service, broker and feed until SIGTERM or SIGINT. Without a data directory a temporary one is used."""
    with (
        tempfile.TemporaryDirectory(prefix="routine-load-dev-", ignore_cleanup_errors=True) as scratch,
        EmbeddedKafka() as kafka,
        _feed(kafka),
    ):
        settings = settings_from({"data_dir": scratch})
        run(settings, lambda coordinator: _greet(coordinator, settings, kafka.bootstrap))


def _greet(coordinator: Coordinator, settings: Settings, brokers: str) -> None:
    mysql_port, http_port = coordinator.ports
    lines = [
        f"kafka  {brokers}   topic {TOPIC!r}: {ROWS_PER_SECOND} JSON rows a second in {PARTITIONS} partitions",
        f"http   http://{settings.host}:{http_port}/" if http_port else "http   shut",
        f"mysql  mysql -h{settings.host} -P{mysql_port} -uroot" if mysql_port else "mysql  shut",
        f"data   {settings.data_dir}",
        "",
        "Paste this into the mysql client:",
        "",
        _SQL.format(brokers=brokers, topic=TOPIC),
        "Ctrl-C ends it.",
    ]
    typer.echo("\n".join(lines))


@contextmanager
def _feed(kafka: EmbeddedKafka) -> Iterator[None]:
    """Produce a few rows a second from a thread of its own."""
    kafka.create_topic(TOPIC, PARTITIONS)
    done = threading.Event()
    thread = threading.Thread(target=_produce, args=(kafka, done), name="dev-feed", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(10)


def _produce(kafka: EmbeddedKafka, done: threading.Event) -> None:
    for number in itertools.count(1):
        try:
            kafka.produce(TOPIC, [_click(number)], partition=number % PARTITIONS)
        except BrokerFailed as error:
            logs.logger("cli").error(events.DEV_FEED_STOPPED, reason=str(error))
            return
        if done.wait(1 / ROWS_PER_SECOND):
            return


def _click(number: int) -> dict[str, object]:
    return {
        "id": number,
        "visitor": _VISITORS[number % len(_VISITORS)],
        "page": _PAGES[number * 7 % 11 % len(_PAGES)],
        "ts": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%S"),
    }
