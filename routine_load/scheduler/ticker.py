"""The ticker: APScheduler calls ``tick`` at a fixed rate on the running loop. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler


class Ticker:
    """Starts on the running asyncio loop. A tick that is late is not made up for."""

    def __init__(self, period_s: float, tick: Callable[[], None]) -> None:
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._scheduler.add_job(
            tick, "interval", seconds=period_s, coalesce=True, max_instances=1, misfire_grace_time=None
        )

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)
