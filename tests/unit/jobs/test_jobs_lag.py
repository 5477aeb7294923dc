"""How far behind a job is, in messages and in seconds, and when that is too much."""

from __future__ import annotations

from datetime import timedelta

from jobs_builders import NOON

from routine_load.ids import PartitionId
from routine_load.jobs.lag import lag_messages, lag_seconds, unstable

P = [PartitionId(n) for n in range(4)]
NOON_MS = int(NOON.timestamp() * 1000)


def test_messages_wait_between_the_next_offset_and_the_end():
    """A partition whose end nobody has seen is left out; an end that was seen earlier is no negative lag."""
    assert lag_messages({P[0]: 4, P[1]: 9, P[2]: 1}, {P[0]: 10, P[1]: 8}) == {P[0]: 6, P[1]: 0}


def test_seconds_are_the_age_of_the_last_loaded_message_where_more_waits():
    """One that was read to its end does not lag, however old its last message is; one never read is not known."""
    later = NOON + timedelta(seconds=90, milliseconds=999)
    progress, ends = dict.fromkeys(P, 5), {P[0]: 6, P[1]: 5, P[2]: 7, P[3]: 9}
    told = lag_seconds(progress, ends, {P[0]: NOON_MS, P[1]: NOON_MS, P[3]: NOON_MS + 200_000}, later)
    assert told == {P[0]: 90, P[1]: 0, P[3]: 0}


def test_a_job_is_unstable_beyond_the_threshold_only():
    """StarRocks: 105, with the partition that lags most."""
    assert unstable({}, 0) is None
    assert unstable({P[0]: 3600}, 3600) is None
    reason = unstable({P[0]: 3601, P[2]: 4000, P[1]: 4000}, 3600)
    assert reason.code == 105
    assert reason.text == (
        "The lag [4000] of partition [1] exceeds Config.routine_load_unstable_threshold_second [3600]"
    )
