"""Fixtures for tests of routine load jobs; pytest finds them by the entry point ``routine_load``.

    def test_clicks_arrive(routine_load_connection, embedded_kafka):
        embedded_kafka.produce("clicks", ["1,/"])
        …

Each test has a broker and a service of its own, in this process and in a temporary directory: nothing to install,
nothing left over, no port but the broker's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

import routine_load

if TYPE_CHECKING:
    from routine_load.testing import EmbeddedKafka


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("routine_load_compat", "whose rules routine_load_connection follows: starrocks or doris", default="")


@pytest.fixture
def embedded_kafka() -> Iterator[EmbeddedKafka]:
    """A Kafka broker inside this process, without topics; what it is not is said in ``EmbeddedKafka``."""
    from routine_load.testing import EmbeddedKafka  # noqa: PLC0415 - only tests that use it pay

    with EmbeddedKafka() as kafka:
        yield kafka


@pytest.fixture
def routine_load_connection(
    request: pytest.FixtureRequest,
    embedded_kafka: EmbeddedKafka,  # noqa: ARG001 - so that jobs end before the broker they read from
) -> Iterator[routine_load.Connection]:
    """A service inside this process, without databases. ``routine_load_compat`` in pytest's settings is its vendor."""
    with routine_load.connect(compat=request.config.getini("routine_load_compat") or None) as connection:
        yield connection
