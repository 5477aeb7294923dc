"""How often the scheduler looks, by the front end's settings."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from routine_load.config import Settings
from routine_load.ids import Compat
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.scheduler.parts import Parts


@pytest.mark.parametrize(("given", "seconds"), [("10000", 10), ("2500", 2.5), ("1", 1), ("60000", 60)])
def test_the_scheduler_interval_is_the_longest_time_between_two_looks(given, seconds):
    """StarRocks: routine_load_scheduler_interval_millisecond; never less than a second."""
    config = FrontendConfig.of(Compat.STARROCKS, {"routine_load_scheduler_interval_millisecond": given})
    planner = SimpleNamespace(frontend_config=lambda _: config)
    unused = dict.fromkeys(("agenda", "bookkeeper", "watch", "backends", "runner", "clock"))
    parts = Parts(planner=planner, settings=Settings(data_dir=Path("unused")), **unused)
    assert parts.interval_s == seconds
