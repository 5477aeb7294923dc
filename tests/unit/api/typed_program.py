"""A program of a user, checked strictly."""

from collections.abc import Mapping
from datetime import datetime
from typing import assert_type

import routine_load
from routine_load import Connection, Job, JobState, Lag, Reason, Rows, Statistic, Task, errors
from routine_load.testing import EmbeddedKafka


def main() -> None:
    with EmbeddedKafka() as kafka, routine_load.connect("data", compat="doris", mysql_port=0) as rl:
        assert_type(rl, Connection)
        assert_type(kafka.bootstrap, str)
        job = rl.create_routine_load("d.j", table="t", brokers=kafka.bootstrap, topic="t", offsets={0: 5})
        assert_type(job, Job)
        assert_type(job.wait(caught_up=True, timeout=3), Job)
        assert_type(rl.jobs(include_final=True), list[Job])
        assert_type(job.state, JobState)
        assert_type(job.reason, Reason | None)
        assert_type(job.progress, Mapping[int, int])
        assert_type(job.lag, Lag)
        assert_type(job.lag.total, int | None)
        assert_type(job.statistic, Statistic)
        assert_type(job.statistic.loaded_rows, int)
        assert_type(job.paused_at, datetime | None)
        assert_type(job.tasks(), tuple[Task, ...])
        assert_type(job.rejects(), Rows)
        assert_type(job.alter({"max_error_number": 1}, where="a > 1", strict_mode=True).resume().pause().stop(), Job)
        try:
            rl.execute("x")
        except errors.RoutineLoadError as error:
            assert_type(error.errno, int)
            assert_type(error.position, errors.Position | None)
        job.state = JobState.PAUSED  # a mistake
        job.statistic.loaded_rows = 1  # a mistake
        job.wait("RUNNING")  # a mistake
        rl.connect()  # a mistake
