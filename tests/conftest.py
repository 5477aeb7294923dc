"""Brokers for every test: one of each kind per run, and topic names of one's own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator

import pytest

from routine_load.testing import ApacheKafka, BrokerFailed, EmbeddedKafka, RemoteKafka
from routine_load.testing.kafka_files import available
from tests.support.metadata_fixtures import (  # noqa: F401 - fixtures are found by their names here
    database_server,
    empty_url,
    mariadb_kept,
    metadata_url,
    postgresql_kept,
    sqlite_template,
)

Broker = EmbeddedKafka | RemoteKafka


@pytest.fixture(scope="session")
def embedded_kafka() -> Iterator[EmbeddedKafka]:
    """The broker inside this process; shared by all tests of the run."""
    with EmbeddedKafka() as kafka:
        yield kafka


@pytest.fixture(scope="session")
def apache_kafka() -> Iterator[RemoteKafka]:
    """Apache Kafka: the one that RL_TEST_KAFKA names, or one of our own. Mark tests that use it ``kafka``."""
    existing = os.environ.get("RL_TEST_KAFKA")
    if existing:
        with RemoteKafka(existing) as kafka:
            yield kafka
        return
    missing = available()
    if missing:
        pytest.skip(f"Apache Kafka cannot be started ({missing}) and RL_TEST_KAFKA=host:port is not set")
    try:
        kafka = ApacheKafka()
    except BrokerFailed as error:
        if "Maven could not resolve" in str(error):
            pytest.skip(f"{str(error).splitlines()[0]}, and RL_TEST_KAFKA=host:port is not set")
        raise
    with kafka:
        yield kafka


@pytest.fixture
def own_apache_kafka() -> Iterator[ApacheKafka]:
    """An Apache Kafka for one test only, which may kill it."""
    missing = available()
    if missing:
        pytest.skip(f"Apache Kafka cannot be started: {missing}")
    with ApacheKafka() as kafka:
        yield kafka


@pytest.fixture(params=["embedded_kafka", pytest.param("apache_kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each broker in turn: what holds on one has to hold on the other."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def topic_name() -> Callable[[], str]:
    """Names of topics that no other test uses."""
    return lambda: f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def topic(topic_name: Callable[[], str]) -> str:
    """One such name."""
    return topic_name()
