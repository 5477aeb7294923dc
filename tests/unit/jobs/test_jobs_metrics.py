"""The figures of /metrics under the vendors' names."""

from __future__ import annotations

from dataclasses import replace

from jobs_builders import NOON, defined, job_of

from routine_load.ids import Compat, PartitionId
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.metrics import JobFacts, MetricFacts, families
from routine_load.jobs.states import JobState
from routine_load.jobs.statistics import Statistic
from routine_load.observe.metrics import Counters, Loaded

P0, P1 = PartitionId(0), PartitionId(1)


def told(compat: Compat, jobs=(), **settings) -> dict[str, dict[tuple, int]]:
    counters = Counters()
    counters.task_ended(
        ("db", "t"), Loaded(rows=10, loaded=7, errors=2, unselected=1, bytes=99, execute_ms=5, committed=1)
    )
    counters.task_ended(("db", "t"), Loaded(aborted=1))
    counters.task_ended(None, Loaded(rows=5, loaded=5, bytes=1, execute_ms=5, committed=1))
    counters.job_paused()
    counters.asked(12, failed=False)
    counters.asked(30, failed=True)
    facts = MetricFacts(totals=counters.totals(), jobs=jobs, config=FrontendConfig.of(compat, settings), now=NOON)
    return {family.name: dict(family.samples) for family in families(compat, facts)}


def running(name: str, end: int, **more) -> JobFacts:
    job = replace(job_of(defined(name=name), progress={0: 10, 1: 5}), **more)
    return JobFacts(job=job, ends={P0: end, P1: 4})


def test_starrocks_counters_and_states():
    """StarRocks: rows are total rows; RUNNING includes what is UNSTABLE; many tables count in the sums only."""
    old = int(NOON.timestamp() * 1000) - 4_000_000
    found = told(Compat.STARROCKS, [running("a", 11, timestamps_ms={P0: old}), running("b", 10, state=JobState.PAUSED)])
    states = found.pop("starrocks_fe_routine_load_jobs")
    assert {labels[0][1]: count for labels, count in states.items()} == {
        "NEED_SCHEDULE": 0, "RUNNING": 1, "PAUSED": 1, "STOPPED": 0, "CANCELLED": 0, "UNSTABLE": 1,
    }  # fmt: skip
    table = (("db_name", "db"), ("tbl_name", "t"), ("type", "routine_load"))
    assert found == {
        "starrocks_fe_routine_load_rows": {(): 15},
        "starrocks_fe_routine_load_receive_bytes": {(): 100},
        "starrocks_fe_routine_load_error_rows": {(): 2},
        "starrocks_fe_routine_load_paused": {(): 1},
        "starrocks_fe_table_load_bytes": {table: 99},
        "starrocks_fe_table_load_rows": {table: 7},
        "starrocks_fe_table_load_finished": {table: 1},
        "starrocks_fe_table_load_error_rows": {table: 2},
        "starrocks_fe_table_load_unselected_rows": {table: 1},
        "starrocks_fe_table_load_committed_tasks": {table: 1},
        "starrocks_fe_table_load_aborted_tasks": {table: 1},
    }


def test_starrocks_lags_are_told_where_they_are_wanted():
    """Only of RUNNING jobs, from the threshold on; two jobs of one name tell the larger lag."""
    jobs = [running("a", 12), running("a", 15), running("b", 11), running("c", 99, state=JobState.PAUSED)]
    settings = {"enable_routine_load_lag_metrics": "true", "min_routine_load_lag_for_metrics": "2"}
    found = told(Compat.STARROCKS, jobs, **settings)
    assert found["starrocks_fe_routine_load_max_lag_of_partition"] == {(("job_name", "a"),): 5}
    assert "starrocks_fe_routine_load_max_lag_time_of_partition" not in found
    timed = replace(jobs[0].job, timestamps_ms={P0: int(NOON.timestamp() * 1000) - 7_000})
    found = told(Compat.STARROCKS, [JobFacts(job=timed, ends={P0: 12})], enable_routine_load_lag_time_metrics="true")
    assert found["starrocks_fe_routine_load_max_lag_time_of_partition"] == {(("job_name", "a"),): 7}


def test_doris_counters_and_sums():
    """Doris: lag and progress are sums of offsets of jobs that live; negative lags are left out."""
    stopped = running("c", 99, state=JobState.STOPPED)
    found = told(Compat.DORIS, [running("a", 12, statistic=Statistic(aborted_tasks_in_window=3)), stopped])
    states = found.pop("doris_fe_job")
    assert states[(("job", "load"), ("type", "ROUTINE_LOAD"), ("state", "RUNNING"))] == 1
    assert len(states) == 5
    prefix = "doris_fe_routine_load_"
    assert {name.removeprefix(prefix): samples[()] for name, samples in found.items()} == {
        "rows": 15, "receive_bytes": 100, "error_rows": 2, "get_meta_latency": 42, "get_meta_count": 2,
        "get_meta_fail_count": 1, "task_execute_time": 10, "task_execute_count": 3, "lag": 2, "progress": 15,
        "abort_task_num": 3,
    }  # fmt: skip
