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
