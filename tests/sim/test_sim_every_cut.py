"""Every point at which a batch can be cut, alone and with every second one behind it: every record once, counted once.

Each strike kills, or leaves a zombie that wakes up later; at a request the reply is lost, or the request comes late. A
schedule that fails tells the command that plays it again (``make sim PLAY=…``). Broken twins must be found.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from routine_load.commit import protocol
from routine_load.commit.driver import Driver
from routine_load.commit.labels import LabelState
from routine_load.commit.protocol import Effect, Event, IntentState, Step
from routine_load.commit.values import OffsetRange
from routine_load.errors import RoutineLoadError
from routine_load.jobs.job import Job
from routine_load.loads import path
from routine_load.observe.failpoints import CUTS
from routine_load.tasks.run import TaskRunner
from tests.sim.__main__ import main
from tests.sim.cuts_ports import FileSink
from tests.sim.cuts_records import WORKLOADS
from tests.sim.cuts_schedule import CLUSTER, FILE, Schedule, TooFewPassings, pairs, play, singles
from tests.sim.cuts_world import Mode, Violation
from tests.support.memory_intents import MemoryIntents

S, E, F = IntentState, Event, Effect
LEAST = {CLUSTER: 30_000, FILE: 8_000}
ELSEWHERE = {"lease.renew", "backend.commit", "job.pause", "job.resume", "job.alter", "job.version"}
"""No batch passes them; statements are said in the plays of seeds."""


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("sink", LEAST)
def test_every_cut_and_every_pair_of_cuts_loses_and_doubles_nothing(sink):
    """Of a topic of one and of three partitions, with poison in it, and with nothing to load."""
    alone = both = 0
    for workload, mode in itertools.product(WORKLOADS, (Mode.KILL, Mode.ZOMBIE)):
        for first, played in singles(sink, workload, mode):
            alone += 1
            assert not played.doubts
            for second in pairs(first, played):
                both += 1
                assert not play(second).doubts
    print(f"{sink}: {alone} cuts, {both} pairs: nothing lost, doubled, torn, out of order, miscounted or unseen")
    assert alone + both >= LEAST[sink]


def test_every_cut_of_a_batch_is_among_them():
    """Those of recovery and of what is given up, too."""
    told = [
        step
        for sink in LEAST
        for workload in WORKLOADS
        for _, p in singles(sink, workload, Mode.KILL)
        for step in p.told
    ]
    passed = {step.partition(": ")[2].partition("   ")[0] for step in told}
    assert {f"{cut}.{side}" for cut in set(CUTS) - ELSEWHERE for side in ("before", "after")} - passed == set()
    lost = {step.removesuffix(".reply_lost") for step in passed if step.endswith(".reply_lost")}
    requests = {f"target.{request}" for request in ("state", "begin", "load", "prepare", "commit", "rollback")}
    writes = {f"intents.{write}" for write in ("intend", "decide", "move", "finish", "place")}
    assert lost == requests | writes | {"jobs.modify", "sink.commit", "sink.place"}


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_target_that_gives_up_or_forgets_meanwhile_costs_a_second_reading_or_a_question(workload):
    """What it has given up is read again; what it has forgotten is a doubt only where its commit was decided."""
    assert not any(played.doubts for _, played in singles(CLUSTER, workload, Mode.TIMEOUT))
    doubted = [played.told for _, played in singles(CLUSTER, workload, Mode.FORGET) if played.doubts]
    for told in doubted:
        assert any("commit.decide" in step for step in told)
    assert bool(doubted) == (workload != "nothing")


def test_a_schedule_is_played_again_by_its_name():
    """And tells the same story."""
    name = "cluster/poison/zombie/12/7"
    assert str(Schedule.read(name)) == name
    first, second = play(Schedule.read(name)), play(Schedule.read(name))
    assert first.told == second.told
    assert sum("<-- zombie" in step for step in first.told) == 2


def test_make_sim_tells_a_story_again_and_how_it_failed(capsys, monkeypatch):
    """``make sim PLAY=…``: every step, the strike, and for one that fails the promise and the command."""
    assert main(["cluster/one/kill/30"]) == 0
    assert sum("<-- kill" in line for line in capsys.readouterr().out.splitlines()) == 1
    what_is_given_up_moves_progress(monkeypatch)
    assert main(["cluster/one/kill/32"]) == 1
    told = capsys.readouterr().out
    assert told.startswith("Violation: lost: ")
    assert "make sim PLAY=cluster/one/kill/32" in told


# -- broken twins -------------------------------------------------------------------------------------------------------


def in_the_table(patch: pytest.MonkeyPatch, pair: tuple[IntentState, Event], then: Step) -> None:
    patch.setitem(protocol.TABLE, pair, then)


def what_is_given_up_moves_progress(patch):
    in_the_table(patch, (S.ABANDONING, E.ROLLBACK_DONE), Step(S.FINISHED, F.END))


def a_commit_nobody_heard_of_is_refused(patch):
    in_the_table(patch, (S.DECIDED, E.COMMIT_NOT_DONE), Step(S.ABANDONED, F.END))


def a_commit_that_was_sent_is_done(patch):
    in_the_table(patch, (S.DECIDED, E.SEEN_PREPARED), Step(S.FINISHED, F.END))


def what_was_aborted_moves_progress(patch):
    in_the_table(patch, (S.DECIDED, E.SEEN_ABORTED), Step(S.FINISHED, F.END))


def what_is_forgotten_was_aborted(patch):
    in_the_table(patch, (S.DECIDED, E.SEEN_UNKNOWN), Step(S.ABANDONED, F.END))


def what_is_forgotten_was_committed(patch):
    """The answer to the commit was lost on its way there."""
    in_the_table(patch, (S.DECIDED, E.SEEN_UNKNOWN), Step(S.FINISHED, F.END))
    patch.setattr(Driver, "states", lambda self, intent: [LabelState.UNKNOWN for _ in intent.parts])


def nothing_is_decided_before_the_commit(patch):
    in_the_table(patch, (S.INTENDED, E.PREPARED), Step(S.INTENDED, F.COMMIT))
    in_the_table(patch, (S.INTENDED, E.COMMIT_DONE), Step(S.FINISHED, F.END))


def a_zombie_writes_what_it_knew(patch):
    """Neither its epoch nor the state that it read counts."""
    patch.setattr(MemoryIntents, "_fence", lambda self: self.kept)
    patch.setattr(MemoryIntents, "_same", lambda self, intent: self.kept.intents.get(intent.label))


def partitions_have_more_than_one_open_intent(patch):
    """Recovery passes over what is open, and a batch begins wherever it is told to."""

    def labelled(self, record):
        self.kept.labels[record.job_id] += 1
        number = self.kept.labels[record.job_id]
        return replace(record, label=f"rl-{record.job_id}-{number}", sequence=0)

    patch.setattr(MemoryIntents, "_labelled", labelled)
    patch.setattr("routine_load.loads.two_phase.TwoPhaseSink.settle", lambda self, job_id: None)


def the_file_takes_any_batch(patch):
    """Wherever it starts."""
    patch.setattr(FileSink, "is_next", lambda self, ranges: True)


def a_record_is_skipped(patch):
    """A batch says that it ends one record behind its last."""
    real = path.Commit

    def further(**parts):
        longer = [OffsetRange(r.partition, r.start, r.end + 1) for r in parts["ranges"]]
        return real(**parts | {"ranges": longer})

    patch.setattr(path, "Commit", further)


def batches_are_booked_again(patch):
    """By whoever recovers."""
    real = Job.after_commit

    def after_commit(self, record, *, is_error=False):
        booked = real(self, record, is_error=is_error)
        if booked is not self:
            return booked
        return replace(self, statistic=self.statistic.committed(record.counts, 1, is_error=is_error))

    patch.setattr(Job, "after_commit", after_commit)
    patch.setattr(MemoryIntents, "records_after", lambda self, job_id, sequence: self._records())


def rejected_rows_of_a_deposed_leader_go(patch):
    """Though the batch that it had decided is finished by the next one."""
    patch.setattr(path, "LeadershipLost", KeyError)


def a_task_that_fails_is_never_tried_again(patch):
    """Whatever the reason."""

    def run(self, task, control):
        raise RoutineLoadError("no")

    patch.setattr(TaskRunner, "run", run)


TWINS: dict[Callable[[pytest.MonkeyPatch], None], str] = {
    what_is_given_up_moves_progress: "lost",
    a_commit_nobody_heard_of_is_refused: "duplicate",
    a_commit_that_was_sent_is_done: "lost",
    what_was_aborted_moves_progress: "lost",
    what_is_forgotten_was_aborted: "duplicate",
    what_is_forgotten_was_committed: "lost",
    nothing_is_decided_before_the_commit: "phantom",
    a_zombie_writes_what_it_knew: "duplicate",
    partitions_have_more_than_one_open_intent: "unseen",
    the_file_takes_any_batch: "unseen: the job is paused",
    a_record_is_skipped: "phantom",
    batches_are_booked_again: "miscounted",
    rejected_rows_of_a_deposed_leader_go: "unseen",
    a_task_that_fails_is_never_tried_again: "unseen",
}


@pytest.mark.parametrize("twin", TWINS)
def test_a_broken_twin_is_found(monkeypatch, twin):
    """By the promise that it breaks, within a few thousand schedules."""
    twin(monkeypatch)
    for number, schedule in enumerate(itertools.islice(of_all_kinds(), 6_000), 1):
        with found() as told:
            play(schedule)
        if told:
            assert told[0].startswith(TWINS[twin])
            print(f"{twin.__name__}: {schedule}, the {number}th: {told[0]}")
            return
    pytest.fail(f"{twin.__name__} was not found")


def of_all_kinds() -> Iterator[Schedule]:
    """All singles, then pairs, without what is known of the whole."""
    for sink, workload, mode in itertools.product(LEAST, WORKLOADS, Mode):
        yield from (Schedule(sink, workload, mode, (first,)) for first in range(1, 60))
    for workload, first, second in itertools.product(WORKLOADS, range(1, 60, 3), range(1, 60, 2)):
        yield Schedule(CLUSTER, workload, Mode.ZOMBIE, (first, second))


@contextmanager
def found() -> Iterator[list[str]]:
    """A schedule may have fewer passings than strikes; what it comes to is judged all the same."""
    told: list[str] = []
    try:
        yield told
    except TooFewPassings:
        pass
    except Violation as violation:
        told.append(str(violation))
