"""Which jobs that ended are forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from jobs_builders import NOON, defined, job_of

from routine_load.ids import Compat, JobId
from routine_load.jobs.forgetting import Census, forgettable
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.reasons import stopped_by

SR, DORIS = Compat.STARROCKS, Compat.DORIS


def ended(number: int, hours_ago: float, database: str = "db"):
    job = replace(job_of(replace(defined(), database=database)), id=JobId(number))
    return job.stopped(stopped_by("root"), NOON - timedelta(hours=hours_ago))


def chosen(jobs, compat, *, living=0, **settings):
    config = FrontendConfig.of(compat, {name: str(value) for name, value in settings.items()})
    return forgettable(Census(ended=jobs, total=len(jobs) + living), compat, config, NOON)


@pytest.mark.parametrize("compat", Compat)
def test_a_job_is_forgotten_after_its_time(compat):
    """label_keep_max_second, counted from the end: three days, to the second."""
    jobs = [ended(1, 71.99), ended(2, 72), ended(3, 72.001), ended(4, 100)]
    assert chosen(jobs, compat) == [4, 3]


def test_starrocks_keeps_the_newest_of_each_database():
    """label_keep_max_num: the oldest by their end go first, whatever their ids."""
    jobs = [ended(1, 1), ended(2, 3), ended(3, 2), ended(4, 9, "other")]
    assert chosen(jobs, SR, label_keep_max_num=1) == [2, 3]
    assert sorted(chosen(jobs, SR, label_keep_max_num=0)) == [1, 2, 3, 4]
    assert chosen(jobs, SR, label_keep_max_num=3) == []


def test_doris_counts_all_jobs_and_forgets_only_those_that_ended():
    """label_num_threshold: living jobs count, but stay; -1 is no bound."""
    jobs = [ended(1, 1), ended(2, 3), ended(3, 2)]
    assert chosen(jobs, DORIS, living=2, label_num_threshold=4) == [2]
    assert chosen(jobs, DORIS, living=2, label_num_threshold=5) == []
    assert chosen(jobs, DORIS, living=9, label_num_threshold=0) == [2, 3, 1]
    assert chosen(jobs, DORIS, living=9, label_num_threshold=-1) == []
    assert chosen([*jobs, ended(4, 100)], DORIS, living=2, label_num_threshold=5) == [4]
