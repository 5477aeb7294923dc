"""One run of chaos for a job: start the service, produce numbered messages, kill, heal, wait, judge.

Owns what of a user's job matters here: its name, table, topic, brokers and partitions. Refuses jobs of which a clean
run could not be told from one that lost something.
"""

from __future__ import annotations

import json
import string
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from routine_load.errors import PropertyError
from routine_load.ids import Compat
from routine_load.sql.parser import is_owned, parse
from routine_load.sql.splitting import split
from routine_load.sql.statements import CreateRoutineLoad
from routine_load.testing.chaos.campaign import Campaign, Fault
from routine_load.testing.chaos.feed import Feed
from routine_load.testing.chaos.ledger import Ledger, Verdict, judge
from routine_load.testing.chaos.world import World
from routine_load.testing.embedded_kafka import EmbeddedKafka
from routine_load.testing.kafka_process import ApacheKafka
from routine_load.testing.remote_kafka import RemoteKafka

Kafka = EmbeddedKafka | RemoteKafka

BROKERS: Final = "${BROKERS}"
"""Stands in a job's text for the address of the broker that the run starts."""

DEFAULT_JOB: Final = """\
CREATE DATABASE chaos;
CREATE TABLE chaos.numbers (n BIGINT, p INT, payload VARCHAR(64))
  DUPLICATE KEY(n) DISTRIBUTED BY HASH(n) BUCKETS 1 PROPERTIES ("replication_num" = "1");
CREATE ROUTINE LOAD chaos.job ON numbers
  COLUMNS TERMINATED BY ",", COLUMNS (n, p, payload)
  PROPERTIES ("desired_concurrent_number" = "3", "max_batch_interval" = "5")
  FROM KAFKA ("kafka_broker_list" = "${BROKERS}", "kafka_topic" = "chaos",
              "property.kafka_default_offsets" = "OFFSET_BEGINNING");
"""
DEFAULT_MESSAGE: Final = "$n,$partition,xxxxxxxxxxxxxxxxxxxxxxxx"

_NEW_TOPIC_PARTITIONS: Final = 8
_RUNNING: Final = frozenset({"RUNNING", "UNSTABLE"})
_ACTIVE: Final = _RUNNING | {"NEED_SCHEDULE"}
_STUCK_S: Final = 60.0
_LOOK_S: Final = 0.3
_TELL_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The job that is put to the test."""

    statements: tuple[str, ...]
    job: str
    table: str
    topic: str
    brokers: str
    partitions: tuple[int, ...]
    """Those that the job names; empty: all of the topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """``message`` has ``$n`` where its number stands; ``number`` is the column that holds it."""

    seconds: float
    message: str = DEFAULT_MESSAGE
    number: str = "n"
    rate: float = 2000.0
    every_s: float = 2.0
    first: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    verdict: Verdict
    campaign: Campaign
    seconds: float
    state: str
    reason: str

    @property
    def runs(self) -> bool:
        """UNSTABLE is RUNNING with a lag that the vendor finds too large (StarRocks)."""
        return self.state in _RUNNING

    @property
    def is_clean(self) -> bool:
        return self.verdict.is_clean and self.runs


def read_subject(text: str, compat: Compat, brokers: str) -> Subject:
    """The one CREATE ROUTINE LOAD among the statements. Raises PropertyError, and what parsing raises."""
    statements = tuple(piece.text for piece in split(text.replace(BROKERS, brokers)))
    owned = [statement for each in statements if is_owned(each) for statement in parse(each, compat)]
    jobs = [statement for statement in owned if isinstance(statement, CreateRoutineLoad)]
    if len(jobs) != 1:
        raise PropertyError(f"the job's text has {len(jobs)} CREATE ROUTINE LOAD statements, allowed: one")
    (job,) = jobs
    if job.job.database is None or job.table is None:
        raise PropertyError("the job's text has to name database and table: CREATE ROUTINE LOAD db.job ON table")
    source = {each.key.lower(): each.value for each in job.source_properties}
    start = source.get("property.kafka_default_offsets", source.get("kafka_default_offsets", ""))
    if start.upper() != "OFFSET_BEGINNING":
        raise PropertyError(
            f"property.kafka_default_offsets = {start!r} is not allowed here; allowed: OFFSET_BEGINNING. "
            "A job that begins elsewhere may rightly pass over messages that count as lost"
        )
    return Subject(
        statements=statements,
        job=f"{job.job.database}.{job.job.name}",
        table=f"{job.job.database}.{job.table}",
        topic=source.get("kafka_topic", ""),
        brokers=source.get("kafka_broker_list", ""),
        partitions=tuple(int(each) for each in source.get("kafka_partitions", "").split(",") if each.strip()),
    )


def play(world: World, kafka: Kafka, subject: Subject, choices: Choices, tell: Callable[[str], None]) -> Outcome:
    """Everything from the start of the service to the judgement. Raises BrokerFailed and PropertyError."""
    template = string.Template(choices.message)
    if "n" not in template.get_identifiers():
        raise PropertyError(f"the message {choices.message[:200]!r} has no $n where its number stands")
    partitions = subject.partitions or _partitions(kafka, subject.topic)
    ledger = Ledger(choices.first)
    with ExitStack() as ending:
        ending.enter_context(world)
        world.start()
        world.run(*subject.statements)
        ((rows,),) = world.run(f"SELECT count(*) FROM {subject.table}")
        if rows:
            raise PropertyError(f"table {subject.table} has {rows} rows before the run, allowed: none")
        campaign = Campaign(_faults(world, kafka), choices.seed, choices.every_s)
        feed = ending.enter_context(
            Feed(
                kafka,
                subject.topic,
                lambda number, partition: template.safe_substitute(n=number, partition=partition),
                partitions,
                ledger,
            )
        )
        began = time.monotonic()
        teller = _Teller(tell, ledger, campaign)
        feed.start(choices.rate)
        campaign.run(choices.seconds, between=teller.between)
        feed.stop()
        if feed.failure is not None:
            raise feed.failure
        seconds = time.monotonic() - began
        return _judged(world, subject, choices, ledger, _Run(campaign, seconds))


@dataclass(frozen=True, slots=True)
class _Run:
    campaign: Campaign
    seconds: float


def _judged(world: World, subject: Subject, choices: Choices, ledger: Ledger, run: _Run) -> Outcome:
    job = settle(world, subject.job, subject.table, ledger)
    counted = json.loads(job["Statistic"])["loadedRows"]
    verdict = judge(world.run, subject.table, choices.number, ledger, int(counted))
    errors = int(json.loads(job["Statistic"])["errorRows"])
    if errors:
        verdict = replace(verdict, examples=(*verdict.examples, f"{errors} rows were rejected: {job['ErrorLogUrls']}"))
    return Outcome(
        verdict=verdict,
        campaign=run.campaign,
        seconds=run.seconds,
        state=job["State"],
        reason=job["ReasonOfStateChanged"],
    )


def settle(world: World, job: str, table: str, ledger: Ledger) -> dict[str, str]:
    """Wait until the job has seen as many messages as were produced, or nothing moves any more; the job then."""
    moved_at, before = time.monotonic(), (-1, -1)
    while True:
        ((rows,),) = world.run(f"SELECT count(*) FROM {table}")
        shown = world.show(job)
        seen = int(json.loads(shown["Statistic"])["totalRows"])
        if seen >= ledger.messages:
            return shown
        if (rows, seen) != before:
            moved_at, before = time.monotonic(), (rows, seen)
        if shown["State"] not in _ACTIVE or time.monotonic() - moved_at > _STUCK_S:
            return shown
        threading.Event().wait(_LOOK_S)


def _partitions(kafka: Kafka, topic: str) -> tuple[int, ...]:
    """Of a topic that is new or empty; a new one is created. Raises PropertyError."""
    if isinstance(kafka, RemoteKafka):
        ends = kafka.ends(topic)
        if any(ends.values()):
            raise PropertyError(f"topic {topic!r} has messages, allowed: one that is empty, or does not exist")
        if ends:
            return tuple(sorted(ends))
    kafka.create_topic(topic, _NEW_TOPIC_PARTITIONS)
    return tuple(range(_NEW_TOPIC_PARTITIONS))


def _faults(world: World, kafka: Kafka) -> list[Fault]:
    faults = world.faults()
    if isinstance(kafka, ApacheKafka):
        faults.append(broker_fault(kafka))
    return faults


def broker_fault(kafka: ApacheKafka, weight: float = 0.4) -> Fault:
    """A broker that we started is killed, and is back a moment later."""

    def strike(_dice: object) -> None:
        kafka.kill()
        kafka.restart()

    return Fault("broker", strike, weight)


class _Teller:
    """A line now and then."""

    def __init__(self, tell: Callable[[str], None], ledger: Ledger, campaign: Campaign) -> None:
        self._tell, self._ledger, self._campaign = tell, ledger, campaign
        self._next = time.monotonic() + _TELL_S

    def between(self) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _TELL_S
            self._tell(f"{self._ledger.messages} messages, {self._campaign.kills} kills")
