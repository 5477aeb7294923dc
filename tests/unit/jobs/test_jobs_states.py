from __future__ import annotations

import pytest
from jobs_builders import NOON, job_of

from routine_load.errors import JobStateError
from routine_load.ids import Compat
from routine_load.jobs.reasons import paused_by, stopped_by
from routine_load.jobs.states import ALLOWED, TARGETS, Event, JobState, Reason, transition

LATER = NOON.replace(hour=13)


@pytest.mark.parametrize("state", list(JobState))
@pytest.mark.parametrize("event", list(Event))
def test_every_pair_of_state_and_event_is_decided(state, event):
    """The table is total: a pair leads to the event's state or is refused, naming both states."""
    if event in ALLOWED[state]:
        assert transition(state, event) is TARGETS[event]
    else:
        with pytest.raises(JobStateError) as refused:
            transition(state, event)
        assert refused.value.message == f"Could not transform {state.value} to {TARGETS[event].value}"


def test_only_final_states_and_paused_refuse():
    """Nothing leaves a final state; a paused job is not paused again, and only RESUME wakes it."""
    refused = {(s, e) for s in JobState for e in Event if e not in ALLOWED[s]}
    assert refused == {(s, e) for s in (JobState.STOPPED, JobState.CANCELLED) for e in Event} | {
        (JobState.PAUSED, Event.PAUSE),
        (JobState.PAUSED, Event.SCHEDULE),
        (JobState.PAUSED, Event.RESCHEDULE),
    }


def test_resume_of_a_running_job_reschedules_it():
    """RESUME is legal in RUNNING and NEED_SCHEDULE."""
    assert transition(JobState.RUNNING, Event.RESUME) is JobState.NEED_SCHEDULE
    assert transition(JobState.NEED_SCHEDULE, Event.RESUME) is JobState.NEED_SCHEDULE


def test_times_follow_the_states():
    """PauseTime is set on PAUSED and cleared by RESUME; EndTime is set at the end; the reason stays with PAUSED."""
    paused = job_of().paused(paused_by("root"), LATER)
    assert (paused.paused_at, paused.ended_at, paused.reason) == (LATER, None, paused_by("root"))
    resumed = paused.resumed(LATER)
    assert (resumed.paused_at, resumed.reason, resumed.state) == (None, None, JobState.NEED_SCHEDULE)
    stopped = paused.stopped(stopped_by("root"), LATER)
    assert (stopped.paused_at, stopped.ended_at, stopped.state) == (LATER, LATER, JobState.STOPPED)
    cancelled = job_of().cancelled(Reason(6, "table not exist"), LATER)
    assert (cancelled.ended_at, cancelled.state) == (LATER, JobState.CANCELLED)
    assert job_of(state=JobState.NEED_SCHEDULE).scheduled(LATER).state is JobState.RUNNING
    assert job_of().rescheduled(LATER).state is JobState.NEED_SCHEDULE


def test_reasons_print_as_the_vendors_print_them():
    """StarRocks: errCode; Doris: code=errCode; two blanks in the text of STOP."""
    reason = paused_by("root")
    text = "User root pauses routine load job"
    assert reason.printed(Compat.STARROCKS) == f"ErrorReason{{errCode = 100, msg='{text}'}}"
    assert reason.printed(Compat.DORIS) == f"ErrorReason{{code=errCode = 100, msg='{text}'}}"
    assert stopped_by("root") == Reason(101, "User  root stop routine load job")
