"""Bytes of a body whose length was said need no parsing, and h11 copies each of them five times with uvicorn.

Owns the one thing that is asked of h11 beyond what it promises: to take so many bytes of a body for seen. Where it has
no such place any more, nothing is left out, and all of a body is parsed as ever; a test names the place.
"""

from __future__ import annotations

import h11


def counted_as_parsed(conn: h11.Connection, size: int) -> bool:
    """Whether so many bytes are behind h11 now, without it having seen them. Never the last ones: they end a body.

    The body's length has to be the one that its head said.
    """
    reader = getattr(conn, "_reader", None)
    missing = getattr(reader, "_remaining", None)
    if not isinstance(missing, int) or missing <= size:
        return False
    if conn.they_are_waiting_for_100_continue or conn.trailing_data != (b"", False):
        return False
    reader._remaining = missing - size  # type: ignore[union-attr] # noqa: SLF001 - the one place that is meant above
    return True
