"""How a process that belongs to the service alone is set up: garbage collection, the C allocator, whose its files are.

A library must not do this to its host; ``serve`` and ``dev`` do it to themselves.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os

import pyarrow as pa

_GENERATION_0 = 1_000_000
_M_ARENA_MAX = -8  # mallopt's number for it (glibc)
_ARENAS = 2
_OWNER_ONLY = 0o077  # tables, rejected rows and their spill files are DuckDB's to make, not ours


def tune() -> None:
    """Collect rarely, keep freed memory in few arenas, and make files that are their owner's alone.

    A task holds tens of thousands of message objects at a time. None of them is in a cycle, yet the default threshold
    of 700 allocations makes the collector walk them again and again (measured: half of the CPU of a CSV load). Threads
    that come and go would each leave an arena of their own behind, and Arrow's own pool keeps what it has freed
    (measured: 629 MiB with it, 517 without, at the same speed).
    """
    os.umask(_OWNER_ONLY)
    gc.set_threshold(_GENERATION_0, 10, 10)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    pa.set_memory_pool(pa.system_memory_pool())
