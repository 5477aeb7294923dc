"""Both ways in, in both vendors' mode: one coordinator a vendor for all tests of a module."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

import routine_load
from routine_load.ids import Compat

_NUMBERS = itertools.count(1)


@dataclass
class Place:
    """A database with a table of one's own, and a broker to fill it from."""

    rl: routine_load.Connection
    kafka: object
    compat: Compat
    number: int = field(default_factory=lambda: next(_NUMBERS))

    @property
    def database(self) -> str:
        return f"d{self.number}"

    @property
    def topic(self) -> str:
        return f"api-{self.number}"

    def job(self, *messages: str, name: str = "j", **more) -> routine_load.Job:
        """A job on these messages (CSV, partition 0), with the rest as ``create_routine_load`` takes it."""
        self.kafka.produce(self.topic, list(messages), partition=0)
        settings = {"table": "t", "column_separator": ",", "offsets": "OFFSET_BEGINNING"} | more
        return self.rl.create_routine_load(
            f"{self.database}.{name}", brokers=self.kafka.bootstrap, topic=self.topic, **settings
        )


@pytest.fixture(scope="module")
def coordinators() -> Iterator[dict[Compat, routine_load.Connection]]:
    """One of each vendor, with a MySQL port."""
    with (
        routine_load.connect(mysql_port=0) as starrocks,
        routine_load.connect(mysql_port=0, compat="doris") as doris,
    ):
        yield {Compat.STARROCKS: starrocks, Compat.DORIS: doris}


@pytest.fixture(params=["starrocks-embedded", "starrocks-remote", "doris-embedded", "doris-remote"])
def rl(request, coordinators) -> Iterator[routine_load.Connection]:
    """A connection by each way in, to each vendor."""
    vendor, way = request.param.split("-")
    inside = coordinators[Compat(vendor)]
    if way == "embedded":
        yield inside
        return
    with routine_load.connect(url=f"mysql://127.0.0.1:{inside.ports[0]}") as outside:
        yield outside


@pytest.fixture
def place(rl, embedded_kafka, request) -> Place:
    """A place of one's own on that connection."""
    made = Place(rl, embedded_kafka, Compat(request.node.callspec.params["rl"].split("-")[0]))
    embedded_kafka.create_topic(made.topic, 2)
    rl.execute(f"CREATE DATABASE {made.database}")
    rl.execute(f"CREATE TABLE {made.database}.t (id INT, v VARCHAR(20)) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)")
    return made
