"""What messages carry, as columns: the cases that no producer of ours can make."""

from __future__ import annotations

from array import array

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, Message

from routine_load.sources import parts
from routine_load.sources.parts import COPIED, Part, numbers
from routine_load.sql.statements import MetadataField


class Stamped:
    def __init__(self, kind, stamp):
        self.stamp = kind, stamp

    def timestamp(self):
        return self.stamp


class Headed:
    """Its headers as given; a name that is not UTF-8 makes the client raise SystemError."""

    def __init__(self, headers):
        self._headers = headers

    def headers(self):
        if self._headers == "broken":
            raise SystemError("returned a result with an exception set")
        return self._headers


@pytest.fixture
def any_message(monkeypatch):
    class AnyMessage(Message):
        timestamp = staticmethod(lambda message: message.timestamp())
        headers = staticmethod(lambda message: message.headers())

    monkeypatch.setattr(parts, "Message", AnyMessage)


@pytest.mark.usefixtures("any_message")
def test_a_message_without_a_time_has_none():
    """An old format has no timestamp; a producer may send -1."""
    messages = [Stamped(TIMESTAMP_CREATE_TIME, 17), Stamped(TIMESTAMP_NOT_AVAILABLE, 5), Stamped(1, -1), Stamped(2, 0)]
    assert COPIED[MetadataField.TIMESTAMP_MS](messages).to_pylist() == [17, None, None, 0]


@pytest.mark.usefixtures("any_message")
def test_headers_that_the_client_cannot_read_are_null():
    """One broken message must not stop the others: its rows become error rows."""
    messages = [Headed([("a", b"1")]), Headed("broken"), Headed(None)]
    assert COPIED[MetadataField.HEADERS](messages).to_pylist() == [[("a", b"1")], None, []]
    assert COPIED[MetadataField.HEADERS]([messages[2], messages[0]]).to_pylist() == [[], [("a", b"1")]]


@pytest.mark.usefixtures("any_message")
def test_pieces_become_one_column():
    """A chunk is filled by several calls; what is asked for twice is put together once."""
    part = Part(COPIED[MetadataField.HEADERS])
    part.add([Headed(None), Headed([("a", b"1")])])
    part.add([])
    part.add([Headed([("b", None), ("b", b"")])])
    assert part.whole().to_pylist() == [[], [("a", b"1")], [("b", None), ("b", b"")]]
    assert part.whole() is part.whole()


@pytest.mark.parametrize("found", [array("i", [1, -1]), array("q", [1, -1]), [1, -1]])
def test_numbers_are_wide_whatever_they_come_in(found):
    """Arithmetic on a partition must not overflow an INT."""
    assert str(numbers(found).type) == "int64"
    assert numbers(found).to_pylist() == [1, -1]
