"""What the simulation found once, or cannot see: each in its smallest form."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

from routine_load.app.frontend_config import LiveFrontendConfig
from routine_load.clock import SystemClock
from routine_load.ids import Compat, JobId, PartitionId
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import new_job
from routine_load.scheduler.agenda import Agenda
from routine_load.scheduler.bookkeeping import Bookkeeper
from routine_load.scheduler.dispatch import Dispatcher
from routine_load.scheduler.roster import Roster
from routine_load.tasks.control import TaskControl

AT = datetime(2026, 11, 20, tzinfo=UTC)


def test_offsets_that_alter_said_before_the_checks_of_create_outlive_a_restart():
    """``validate = 'off'``, PAUSE, ALTER of one partition, kill: planning places the others and leaves that one."""
    definition = SimpleNamespace(compat=Compat.STARROCKS, name="j", database="d")
    one = {PartitionId(1): 40}
    created = replace(new_job(definition, AT, "sink-1"), id=JobId(1), is_unchecked=True)
    jobs = {JobId(1): replace(created, placing=one, progress=one)}

    def modify(job_id, change):
        jobs[job_id] = change(jobs[job_id])
        return jobs[job_id]

    def modify_all(job_ids, change):
        return [modify(job_id, change) for job_id in job_ids]

    bookkeeper = Bookkeeper(
        jobs=SimpleNamespace(all_live=lambda: list(jobs.values()), modify_all=modify_all),
        sink=SimpleNamespace(
            incarnation="sink-1", commits_after=lambda *_: [], place=lambda *_, **__: None, open_rejects=tuple
        ),
        reject_log=SimpleNamespace(settle=lambda _: None),
        clock=SystemClock(),
        frontend_config=FrontendConfig.of,
    )
    (job,) = bookkeeper.recover()
    placed = job.starting_at({PartitionId(0): 0, PartitionId(1): 0})
    assert placed.placing == {0: 0, 1: 40}


def test_of_two_who_set_the_same_the_value_in_force_is_the_one_that_is_kept():
    """Otherwise the next start brings the other one."""
    kept: dict[str, str] = {}
    other_put = threading.Event()
    others: list[threading.Thread] = []

    def put(name: str, value: str) -> None:
        kept[name] = value
        if value == "7":  # the other one comes between what is kept and what is in force
            others.append(threading.Thread(target=config.set, args=(name, "9", Compat.STARROCKS)))
            others[0].start()
            other_put.wait(0.2)
        else:
            other_put.set()

    config = LiveFrontendConfig({}, SimpleNamespace(all=dict, put=put))
    config.set("max_routine_load_task_concurrent_num", "7", Compat.STARROCKS)
    others[0].join()
    assert config(Compat.STARROCKS).max_routine_load_task_concurrent_num == int(kept.popitem()[1]) == 9


def test_a_slice_has_one_look_at_its_timeout_whatever_the_timeouts_of_its_tasks_are():
    """Doris' batches adapt to the lag, and their timeouts with them: looks do not pile up in a busy slice."""
    clock = SimpleNamespace(monotonic=lambda: now[0], now=lambda: AT)
    now, pending = [0.0], []

    def due(after_s, action):
        pending.append((now[0] + after_s, action))

    parts = SimpleNamespace(agenda=SimpleNamespace(due=due), clock=clock)
    dispatcher = Dispatcher(parts, SimpleNamespace(), SimpleNamespace())
    part = SimpleNamespace(timeout_s=None, gives_up_at=0.0, looked_at=None, control=TaskControl())
    for second in range(1_000):
        now[0] = float(second)
        dispatcher._time(SimpleNamespace(), part, 100 - 10 * (second % 10))
        for at, action in [look for look in pending if look[0] <= second]:
            pending.remove((at, action))
            action()
    live = [at for at, _ in pending if at == part.looked_at]
    assert len(live) == 1
    assert len(pending) <= 20


def test_one_thing_that_fails_does_not_keep_the_next_from_being_done():
    """What is due at the same moment has nothing to do with it."""
    done = []
    agenda = Agenda(SystemClock(), 1.0)
    agenda.due(-1, lambda: 1 / 0)
    agenda.due(-1, lambda: done.append("next"))
    agenda._tick()
    agenda._threads.shutdown()
    assert done == ["next"]


def test_what_began_for_a_job_that_was_forgotten_counts_no_more():
    """Also where the roster has forgotten how often it was changed; and asking leaves nothing behind."""
    roster = Roster(lambda _: None)
    roster.withdraw(JobId(1))
    still = roster.still(JobId(1))
    assert still()
    roster.withdraw(JobId(1))
    roster.forget(JobId(1))
    assert not still()
    roster.withdraw(JobId(1))
    assert not still()
    roster.forget(JobId(1))
    assert not roster._changes
