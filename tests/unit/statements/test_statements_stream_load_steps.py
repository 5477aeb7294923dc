"""Chunks of a body that are read, converted and written at the same time, as if it were one after another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from routine_load.errors import SinkError
from routine_load.formats.json_framing import BodyBroken
from routine_load.ids import Compat
from routine_load.loads.lines import BodyRows
from routine_load.statements.stream_load.steps import CHUNKS_AHEAD, add_all
from routine_load.statements.stream_load.words import Refused

WAIT_S = 60.0


@dataclass
class Recorded:
    """Stands for the transaction's stream and for the body: what was written, and how far reading was ahead of it."""

    fails_at: int = -1
    parse_error_at: int = -1
    waits_for: int = 0
    written: list[int] = field(default_factory=list)
    bytes: int = 0
    parse_error: str = ""
    read: int = 0
    most_ahead: int = 0
    told: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def chunks(self, count: int, *, broken_at: int = -1) -> Iterator[BodyRows]:
        for number in range(count):
            if number == broken_at:
                raise BodyBroken("no more", b"")
            with self.changed:
                self.read += 1
                self.most_ahead = max(self.most_ahead, self.read - len(self.written))
                self.changed.notify_all()
            yield BodyRows([b"%d" % number])

    def convert(self, payloads: BodyRows) -> int:
        return int(payloads.values[0] or b"")

    def take(self, number: int, *, received_bytes: int) -> None:
        if self.waits_for:
            with self.changed:
                assert self.changed.wait_for(
                    lambda: self.read >= min(number + 1 + CHUNKS_AHEAD, self.waits_for), WAIT_S
                )
        if number == self.fails_at:
            raise SinkError(f"chunk {number}")
        self.written.append(number)
        self.bytes += received_bytes
        if number == self.parse_error_at:
            self.parse_error = f"chunk {number}"

    def add(self, payloads: BodyRows, *, received_bytes: int) -> None:
        self.take(self.convert(payloads), received_bytes=received_bytes)

    def since(self) -> int:
        new, self.told = self.read - self.told, self.read
        return new

    def finish(self) -> None:
        self.read += 1  # what follows the last chunk


def added(seen: Recorded, chunks: Iterator[BodyRows], compat: Compat = Compat.STARROCKS) -> None:
    stream, body = cast("Any", seen), cast("Any", seen)
    add_all(stream, chunks, body, compat)


@pytest.mark.parametrize("count", [1, 2, 3, CHUNKS_AHEAD, 50])
def test_all_chunks_are_written_in_order_and_every_byte_is_counted_with_some(count: int) -> None:
    """Chunks are written in the order of the body, and what follows the last one is counted with it."""
    seen = Recorded()
    added(seen, seen.chunks(count))
    assert seen.written == list(range(count))
    assert seen.bytes == count + 1


def test_an_empty_body_writes_nothing() -> None:
    """A body without rows is read to its end, and that is all."""
    seen = Recorded()
    added(seen, seen.chunks(0))
    assert (seen.written, seen.read) == ([], 1)


def test_reading_goes_on_while_a_chunk_is_written_and_only_so_far() -> None:
    """So many chunks wait between reading and writing, and no more, however slow the writing is."""
    seen = Recorded(waits_for=40)
    added(seen, seen.chunks(40))
    assert seen.written == list(range(40))
    # One is being read, one waits for it to be there, the others are on their way.
    assert CHUNKS_AHEAD < seen.most_ahead <= CHUNKS_AHEAD + 2


@pytest.mark.parametrize("broken_at", [2, 5, 20])
def test_a_body_that_breaks_has_written_all_but_the_chunk_right_before(broken_at: int) -> None:
    """What was written of a broken body depends on where it broke, and not on how the threads fell."""
    seen = Recorded()
    with pytest.raises(BodyBroken):
        added(seen, seen.chunks(30, broken_at=broken_at))
    assert seen.written == list(range(broken_at - 1))


@pytest.mark.parametrize("fails_at", [0, 1, 7, 29])
def test_nothing_is_written_behind_a_chunk_that_failed(fails_at: int) -> None:
    """A chunk that cannot be written ends the load for its reason, and the chunks behind it are given up."""
    seen = Recorded(fails_at=fails_at)
    with pytest.raises(SinkError, match=f"chunk {fails_at}$"):
        added(seen, seen.chunks(30))
    assert seen.written == list(range(fails_at))


def test_what_failed_first_in_the_body_is_what_is_told() -> None:
    """A chunk that failed counts more than that the body broke behind it."""
    seen = Recorded(fails_at=3, waits_for=6)
    with pytest.raises(SinkError, match=r"chunk 3$"):
        added(seen, seen.chunks(30, broken_at=6))
    assert seen.written == [0, 1, 2]


def test_a_document_that_cannot_be_parsed_ends_the_load_of_one_vendor() -> None:
    """StarRocks: the scan ends at the chunk with the document; Doris: it is a bad row as any other."""
    seen = Recorded(parse_error_at=4)
    with pytest.raises(Refused, match="chunk 4"):
        added(seen, seen.chunks(30))
    assert seen.written == list(range(5))
    seen = Recorded(parse_error_at=4)
    added(seen, seen.chunks(30), Compat.DORIS)
    assert seen.written == list(range(30))
