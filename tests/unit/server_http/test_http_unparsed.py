"""Bytes of a body that h11 takes for seen: the one place of h11 that is used beyond what it promises."""

from __future__ import annotations

from functools import partial

import h11
import pytest

from routine_load.server.http.unparsed import counted_as_parsed

NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"


def events(conn, data):
    conn.receive_data(data)
    found = []
    while (event := conn.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
        found.append(event)
    return found


def within_body(*headers, body=b"ab"):
    """A connection whose client has sent this of a body."""
    conn = h11.Connection(h11.SERVER)
    head = b"\r\n".join([b"PUT / HTTP/1.1", b"Host: x", *(headers or (b"Content-Length: 10",)), b"", b""])
    events(conn, head + body)
    return conn


def answered(conn):
    conn.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
    conn.send(h11.EndOfMessage())
    conn.start_next_cycle()


def test_h11_has_the_place():
    """``h11.Connection._reader._remaining``: what is missing of a body of known length. Without it all is parsed."""
    assert within_body()._reader._remaining == 8


def test_a_body_ends_where_it_does():
    """What is counted is missing no more, and what follows the body is the next request."""
    conn = within_body()
    assert counted_as_parsed(conn, 3)
    assert counted_as_parsed(conn, 4)
    data, end = events(conn, b"x" + NEXT)
    assert (bytes(data.data), type(end)) == (b"x", h11.EndOfMessage)
    answered(conn)
    request, end = conn.next_event(), conn.next_event()
    assert (request.target, type(end)) == (b"/next", h11.EndOfMessage)


def test_a_body_that_is_cut_off_is_missed():
    """The end of the connection within a body is no end of the body."""
    conn = within_body()
    assert counted_as_parsed(conn, 3)
    with pytest.raises(h11.RemoteProtocolError, match="received 5 bytes, expected 10"):
        events(conn, b"")


def chunks():
    return within_body(b"Transfer-Encoding: chunked", body=b"a\r\nab")


def both_lengths():
    return within_body(b"Content-Length: 10", b"Transfer-Encoding: chunked", body=b"a\r\nab")


def asked_to_continue():
    return within_body(b"Content-Length: 10", b"Expect: 100-continue", body=b"")


def no_body():
    return within_body(b"Connection: close", body=b"")


def next_behind():
    conn = within_body(body=b"0123456789")
    conn.receive_data(NEXT)
    return conn


def unread():
    conn = within_body()
    conn.receive_data(b"c")
    return conn


def otherwise():
    """An h11 that keeps its count elsewhere."""
    conn = within_body()
    read = conn._reader
    conn._reader = partial(read)
    return conn


@pytest.mark.parametrize("make", [chunks, both_lengths, asked_to_continue, no_body, next_behind, unread, otherwise])
def test_all_else_is_parsed(make):
    """No byte is left out but within a body of known length, between its first bytes and its last."""
    assert not counted_as_parsed(make(), 1)


@pytest.mark.parametrize(("size", "counts"), [(7, True), (8, False), (9, False)])
def test_the_last_bytes_are_parsed(size, counts):
    """They end the body."""
    assert counted_as_parsed(within_body(), size) is counts
