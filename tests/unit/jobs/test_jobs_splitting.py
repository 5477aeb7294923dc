from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routine_load.errors import ConfigRefused, ExecutionError, UnknownConfig
from routine_load.ids import Compat
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.splitting import admit, admit_job, concurrency, deal

SR, DORIS = Compat.STARROCKS, Compat.DORIS


@pytest.mark.parametrize(
    ("compat", "partitions", "desired", "configured", "backends", "tasks"),
    [
        (SR, 5, 4, 5, 3, 3),
        (SR, 5, 0, 5, 10, 5),
        (SR, 0, 2, 5, 3, 2),
        (SR, 8, 9, 5, 9, 5),
        (SR, 5, 4, 5, 0, 0),
        (DORIS, 2, 0, 6, 1, 2),
        (DORIS, 7, 0, 6, 1, 6),
        (DORIS, 7, 3, 6, 0, 3),
        (DORIS, 0, 3, 6, 1, 0),
    ],
)
def test_the_number_of_tasks(compat, partitions, desired, configured, backends, tasks):
    """The vendors' formulas: backends count for StarRocks, not for Doris."""
    config = FrontendConfig(max_routine_load_task_concurrent_num=configured)
    assert concurrency(compat, partitions, desired, config, backends) == tasks


def test_partitions_are_dealt_by_position():
    """Doris' example: 1, 4, 6 in two tasks give {1, 6} and {4}; StarRocks': five in three give {0,3}, {1,4}, {2}."""
    assert deal([1, 4, 6], 2) == ((1, 6), (4,))
    assert deal([0, 1, 2, 3, 4], 3) == ((0, 3), (1, 4), (2,))


@given(st.lists(st.integers(0, 1000), unique=True, max_size=50), st.integers(1, 20))
def test_each_partition_is_dealt_once(partitions, tasks):
    """No partition is lost or doubled, no task is empty, sizes differ by one at most."""
    dealt = deal(partitions, tasks)
    assert sorted(p for task in dealt for p in task) == sorted(partitions)
    sizes = [len(task) for task in dealt]
    assert not sizes or (min(sizes) > 0 and max(sizes) - min(sizes) <= 1)


def test_admission_by_slots_and_by_jobs():
    """StarRocks counts task slots, Doris counts jobs (one more than the limit fits)."""
    config = FrontendConfig.of(SR)
    admit(43, 5, 3, config)
    with pytest.raises(ExecutionError) as refused:
        admit(44, 5, 3, config)
    assert refused.value.message == (
        "Current routine load tasks is 44. The new job need 5 tasks. But we only support 3*16 tasks."
        "Please modify FE config max_routine_load_task_num_per_be if you want more job"
    )
    admit_job(100, FrontendConfig.of(DORIS))
    with pytest.raises(
        ExecutionError, match=r"^There are more than 100 routine load jobs are running. exceed limit\.$"
    ):
        admit_job(101, FrontendConfig.of(DORIS))


def test_front_end_settings_by_vendor():
    """Defaults differ by vendor; overrides are typed and named."""
    assert FrontendConfig.of(SR).max_routine_load_task_num_per_be == 16
    assert FrontendConfig.of(DORIS).max_routine_load_task_concurrent_num == 256
    changed = FrontendConfig.of(SR, {"empty_load_as_error": "FALSE", "period_of_auto_resume_min": "7"})
    assert (changed.empty_load_as_error, changed.period_of_auto_resume_min) == (False, 7)
    for name, value in (
        ("nope", "1"),
        ("label_keep_max_num", "x"),
        ("label_keep_max_num", "-1"),
        ("empty_load_as_error", "1"),
    ):
        with pytest.raises((UnknownConfig, ConfigRefused), match=name):
            FrontendConfig.of(SR, {name: value})
