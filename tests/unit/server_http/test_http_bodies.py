"""A body between the loop that receives it and the thread that reads it."""

from __future__ import annotations

import asyncio
import random

import pytest

from routine_load.server.http.bodies import BUFFER_BYTES, PIECE_BYTES, WANTED_BYTES, StreamedBody
from routine_load.statements.stream_load.values import ClientGone

PIECE = 256 * 1024


def received(pieces, *, ends=True, every_s=0.0):
    """What a server gives of a body in pieces, and how many bytes it gave."""
    given = [0]
    left = list(pieces)

    async def receive():
        if not left and not ends:
            return {"type": "http.disconnect"}
        await asyncio.sleep(every_s)
        piece = left.pop(0) if left else b""
        given[0] += len(piece)
        return {"type": "http.request", "body": piece, "more_body": bool(left) or not ends}

    return receive, given


def reading(pieces, read, **how):
    """What ``read`` gives in a thread: it is called with the body, and how many bytes were given so far."""

    async def run():
        receive, given = received(pieces, **how)
        return await asyncio.to_thread(read, StreamedBody(receive), given)

    return asyncio.run(run())


def everything(body, size):
    parts = []
    while part := body.read(size):
        parts.append(part)
    return parts


def test_pieces_of_some_size_are_given_as_they_came():
    """To join what is joined again to a chunk costs a copy of the body."""
    pieces = [bytes([at]) * PIECE for at in range(12)]
    found = reading(pieces, lambda body, _given: everything(body, 1 << 21))
    assert all(one is other for one, other in zip(found, pieces, strict=True))


def test_a_reader_is_woken_for_much_at_once():
    """It is not woken for each piece, however few bytes it takes of what came."""
    pieces = [b"x" * 16_000] * 60
    size, given = reading(pieces, lambda body, given: (len(body.read(1 << 21)), given[0]), every_s=0.001)
    assert size >= PIECE_BYTES
    assert WANTED_BYTES <= given <= BUFFER_BYTES


@pytest.mark.parametrize("most", [1, 7, 1000, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 1 << 21])
def test_no_part_is_small_but_the_last(most):
    """Formats are told by a body's first bytes, which come at once, however the client sent them."""
    random_ = random.Random(most)
    pieces = [random_.randbytes(random_.choice([1, 2, 500, PIECE_BYTES, PIECE])) for _ in range(30)]
    body = b"".join(pieces)[: most * 2000]
    cuts = [body[at : at + 3] for at in range(0, 30, 3)] + [body[at : at + PIECE] for at in range(30, len(body), PIECE)]
    parts = reading(cuts, lambda body, _given: everything(body, most))
    assert b"".join(parts) == body
    assert {len(part) for part in parts[:-1]} <= set(range(min(most, PIECE_BYTES), most + 1))


def test_all_that_came_is_read_before_the_client_is_gone():
    """What a client sent before it left is given first, small as it may be."""

    def read(body, _given):
        parts = [body.read(600), body.read(600)]
        with pytest.raises(ClientGone):
            body.read(600)
        return parts

    assert reading([b"a" * 500, b"b" * 500], read, ends=False) == [b"a" * 500 + b"b" * 100, b"b" * 400]
