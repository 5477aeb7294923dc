"""What keys and headers weigh: how many messages are asked for at once where a job takes them."""

from __future__ import annotations

import pytest
from confluent_kafka import Message

from routine_load.sources.chunk import _CALL_ROWS, _CALL_ROWS_CARRIED, _CALL_ROWS_FIRST, Gathered
from routine_load.sql.statements import MetadataField

MIB = 1024 * 1024


def messages(count: int, key: bytes) -> list[Message]:
    return [Message("t", 0, number, key, b"v", None, None, (1, 1000), 0.0) for number in range(count)]


@pytest.mark.parametrize("carried", [MetadataField.KEY, MetadataField.HEADERS])
def test_keys_and_headers_are_asked_for_in_small_portions(carried):
    """How large they are is seen only once they are here, so a call takes fewer messages."""
    assert Gathered(50_000, 4 * MIB).room == _CALL_ROWS
    gathered = Gathered(50_000, 4 * MIB, (carried,))
    assert gathered.room == _CALL_ROWS_FIRST
    gathered.take(messages(1000, b"k"))
    assert gathered.room == _CALL_ROWS_CARRIED


@pytest.mark.parametrize("carried", [MetadataField.KEY, MetadataField.HEADERS])
def test_keys_and_headers_that_a_job_takes_count_against_the_bounds_of_its_chunks(carried):
    """What is received counts values alone, as in both vendors; what a chunk may weigh counts all it holds."""
    heavy = [
        Message("t", 0, n, b"k" * 100_000, b"v", [("name", b"h" * 60_000), ("name", b"h" * 39_992)], None, (1, 1), 0.0)
        for n in range(40)
    ]
    gathered = Gathered(50_000, MIB, (carried,))
    rest, _ = gathered.take(heavy)
    assert (len(gathered.values), gathered.bytes, gathered.weight) == (10, 10, 10 * 100_001)
    assert len(rest) == 30
    assert len(gathered.finished("t").metadata(carried)) == 10
    assert gathered.room <= 17
    rest, _ = gathered.take(rest)
    assert (len(rest), len(gathered.values)) == (30, 10)


def test_a_message_that_is_heavier_than_a_chunk_comes_alone():
    """Otherwise it would never come."""
    gathered = Gathered(50_000, MIB, (MetadataField.KEY,))
    rest, _ = gathered.take(messages(3, b"k" * 2 * MIB))
    assert (len(rest), gathered.weight, gathered.room) == (2, 2 * MIB + 1, 0)


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_what_is_not_carried_weighs_nothing(rows):
    """Keys that no job asked for are not kept."""
    gathered = Gathered(5, MIB)
    rest, _ = gathered.take(messages(rows, b"k" * MIB))
    assert (rest, gathered.bytes, gathered.weight) == ([], rows, rows)
