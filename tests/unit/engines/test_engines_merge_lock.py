"""The merging writer lets one through at a time, in the order of their coming, and gives up only on one that is stuck."""

from __future__ import annotations

import threading

import pytest

from routine_load.engines.duckdb.merging import MergeLock
from routine_load.errors import SinkError


def test_one_that_is_stuck_is_not_waited_for_for_ever():
    """The one that gave up leaves its place in the queue."""
    lock = MergeLock(wait_s=0.01)
    lock.acquire()
    with pytest.raises(SinkError, match=r"busy for 0\.01 s"):
        lock.acquire()
    lock.release()
    with lock.held():
        pass


class Moved(threading.Condition):
    """A condition whose time is moved by hand."""

    now = 0.0

    def wait_for(self, predicate, timeout=None):
        end = self.now + timeout
        while not (true := predicate()) and self.now < end:
            self.wait()
        return true

    def move(self, seconds):
        with self:
            self.now += seconds
            self.notify_all()


def test_many_that_wait_longer_than_the_limit_together_all_get_through_in_order():
    """Twenty merges of 50 ms each with a limit of 400 ms: a second in all, and nobody gives up."""
    lock, order, coming = MergeLock(wait_s=0.4), [], threading.Barrier(2)
    lock._changed = Moved()
    lock.acquire()

    def merge(number: int) -> None:
        coming.wait()
        with lock.held():
            order.append(number)
            lock._changed.move(0.05)

    threads = [threading.Thread(target=merge, args=(number,)) for number in range(20)]
    for place, thread in enumerate(threads, 1):
        thread.start()
        coming.wait()
        while len(lock._queue) <= place:
            threading.Event().wait(0.001)
    lock.release()
    for thread in threads:
        thread.join()
    assert order == list(range(20))
