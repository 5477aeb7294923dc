from __future__ import annotations

from datetime import timedelta

import pytest
from jobs_builders import NOON, job_of

from routine_load.ids import Compat
from routine_load.jobs.auto_resume import AutoResumeFacts, AutoResumeMemory, decide, may_ever
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.reasons import paused_by
from routine_load.jobs.states import Reason

SR, DORIS = Compat.STARROCKS, Compat.DORIS


def asked(compat, code, memory, seconds=0, dead=0):
    facts = AutoResumeFacts(now=NOON + timedelta(seconds=seconds), dead_backends=dead, config=FrontendConfig.of(compat))
    return decide(compat, Reason(code, ""), memory, facts)


@pytest.mark.parametrize("code", [2, 4, 100, 102, 103, 104, 5611])
def test_starrocks_resumes_for_few_replicas_only(code):
    """StarRocks: no other pause is ever resumed automatically."""
    assert not asked(SR, code, AutoResumeMemory()).resume


def test_starrocks_tries_three_times_within_five_minutes_then_locks():
    """StarRocks: after three resumes within the period the job is locked until a manual RESUME."""
    memory = AutoResumeMemory()
    for count in (1, 2, 3):
        decision = asked(SR, 3, memory, seconds=count)
        assert (decision.resume, decision.memory.count) == (True, count)
        memory = decision.memory
    locked = asked(SR, 3, memory, seconds=100)
    assert (locked.resume, locked.memory.is_locked) == (False, True)
    assert not asked(SR, 3, locked.memory, seconds=10_000).resume
    later = asked(SR, 3, memory, seconds=302)
    assert (later.resume, later.memory.count) == (True, 1)


@pytest.mark.parametrize(("code", "resume"), [(2, True), (3, True), (4, True), (103, True), (104, True)])
def test_doris_resumes_for_what_may_get_better(code, resume):
    """Doris: internal errors, replicas, partitions, task creation and aborts."""
    assert asked(DORIS, code, AutoResumeMemory()).resume is resume


@pytest.mark.parametrize("code", [100, 102, 105])
def test_doris_never_resumes_for_people_rows_and_the_hopeless(code):
    """Doris: a manual pause, too many bad rows, what cannot resume."""
    assert not asked(DORIS, code, AutoResumeMemory()).resume


def test_doris_waits_twice_as_long_each_time():
    """Doris: 20, 40, 80, 160, 300, 300 seconds; a new count after the period."""
    waits = []
    memory = AutoResumeMemory(since=NOON, count=1)
    for count in range(1, 7):
        memory = AutoResumeMemory(since=NOON, count=count)
        waits.append(next(s for s in range(1, 400) if asked(DORIS, 4, memory, seconds=s).resume) - 1)
    assert waits == [20, 40, 80, 160, 300, 300]
    assert asked(DORIS, 4, memory, seconds=21).resume is False
    assert asked(DORIS, 4, memory, seconds=600).memory.count == 1


def test_nobody_waits_for_another_coordinators_clock():
    """Doris: the last resume was hours ahead of this clock; the wait begins anew, by this one, and ends."""
    ahead = AutoResumeMemory(since=NOON + timedelta(hours=5), count=2)
    first = asked(DORIS, 3, ahead)
    assert not first.resume
    assert first.memory == AutoResumeMemory(since=NOON, count=2)
    assert not asked(DORIS, 3, first.memory, seconds=40).resume
    assert asked(DORIS, 3, first.memory, seconds=41).resume
    again = asked(SR, 3, AutoResumeMemory(since=NOON + timedelta(hours=5), count=2))
    assert (again.resume, again.memory) == (True, AutoResumeMemory(since=NOON, count=3))


@pytest.mark.parametrize("compat", list(Compat))
def test_dead_backends_and_forgotten_reasons_prevent_it(compat):
    """More dead backends than tolerated, or no reason: no automatic resume."""
    assert not asked(compat, 3, AutoResumeMemory(), dead=1).resume
    facts = AutoResumeFacts(now=NOON, dead_backends=0, config=FrontendConfig.of(compat))
    assert not decide(compat, None, AutoResumeMemory(), facts).resume


def test_a_manual_resume_forgets():
    """Manual RESUME resets what is remembered and clears OtherMsg; an automatic one keeps the old pause message."""
    paused = job_of().noted("x", NOON).paused(paused_by("root"), NOON)
    memory = AutoResumeMemory(since=NOON, count=2)
    automatic = paused.auto_resumed(memory, NOON)
    assert (automatic.auto_resume, "pauses routine load" in automatic.other_msg.text) == (memory, True)
    manual = automatic.resumed(NOON)
    assert (manual.auto_resume, manual.other_msg) == (AutoResumeMemory(), None)


@pytest.mark.parametrize("compat", Compat)
@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 7, 100, 101, 102, 103, 104, 105, 5611])
def test_whether_it_may_ever_resume_says_what_the_first_round_does(compat, code):
    """A job for which the answer is no is not looked at again, round after round."""
    assert may_ever(compat, Reason(code, "")) is asked(compat, code, AutoResumeMemory()).resume
    assert not may_ever(compat, None)


@pytest.mark.parametrize("compat", Compat)
def test_minus_one_backend_down_is_never_tolerated(compat):
    """max_tolerable_backend_down_num = -1 switches automatic resume off."""
    config = FrontendConfig.of(compat, {"max_tolerable_backend_down_num": "-1"})
    facts = AutoResumeFacts(now=NOON, dead_backends=0, config=config)
    assert not decide(compat, Reason(3, ""), AutoResumeMemory(), facts).resume


@pytest.mark.parametrize(("compat", "code"), [(SR, 3), (DORIS, 4)])
def test_the_period_follows_its_setting(compat, code):
    """period_of_auto_resume_min: past it, the count begins anew."""
    config = FrontendConfig.of(compat, {"period_of_auto_resume_min": "1"})
    facts = AutoResumeFacts(now=NOON + timedelta(seconds=61), dead_backends=0, config=config)
    decision = decide(compat, Reason(code, ""), AutoResumeMemory(since=NOON, count=3), facts)
    assert (decision.resume, decision.memory.count) == (True, 1)
