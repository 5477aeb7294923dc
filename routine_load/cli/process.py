"""How a process that belongs to the service alone is set up: garbage collection and the C allocator.

A library must not do this to its host; ``serve`` and ``dev`` do it to themselves.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc

import pyarrow as pa

_GENERATION_0 = 1_000_000
_M_ARENA_MAX = -8  # mallopt's number for it (glibc)
_ARENAS = 2


def tune() -> None:
    """Collect rarely, and keep freed memory in few arenas.

    A task holds tens of thousands of message objects at a time. None of them is in a cycle, yet the default threshold
    of 700 allocations makes the collector walk them again and again (measured: half of the CPU of a CSV load). Threads
    that come and go would each leave an arena of their own behind, and Arrow's own pool keeps what it has freed
    (measured: 629 MiB with it, 517 without, at the same speed).
    """
    gc.set_threshold(_GENERATION_0, 10, 10)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    pa.set_memory_pool(pa.system_memory_pool())
