"""What went wrong in the field in products of this kind, each played here: the reports are named, rows are counted.

Bookkeeping, tasks, loads and the commit protocol are the real ones; Kafka and the cluster are small. What needs a
service and a broker is in ``tests/e2e/test_field_failures_served.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from routine_load.commit.labels import LabelState, Reply
from routine_load.commit.protocol import IntentState
from routine_load.observe import failpoints
from tests.sim.cuts_judge import judge
from tests.sim.cuts_life import Life
from tests.sim.cuts_ports import Target
from tests.sim.cuts_records import Records, Workload
from tests.sim.cuts_world import JOB, Killed, Mode, Process, World


class Incident:
    """One job on a cluster. ``at``: what happens at which failpoint, once; a life that ends there is followed by one."""

    def __init__(self, *fates: str, target: type[Target] = Target) -> None:
        self.world = World(records=Records(Workload(fates), refusing=True), mode=Mode.KILL, strikes=())
        self.target = target(self.world)
        self.at: dict[str, Callable[[], None]] = {}
        self.lives = 0

    def play(self) -> None:
        """Until everything is read; then every record has to be loaded, counted and booked once."""
        failpoints.observe(self._pass)
        try:
            process = self._live()
            while process.is_dead:
                process = self._live()
        finally:
            failpoints.disarm()
        finished = [i.record for i in self.world.kept.intents.values() if i.state is IntentState.FINISHED]
        visible = [(label, row["p"], row["o"]) for label, _, row in self.target.visible]
        judge(self.world, sorted(finished, key=lambda record: record.sequence), visible)

    def _live(self) -> Process:
        self.lives += 1
        process = Process(f"life {self.lives}")
        self.world.run(process, Life(self.world, process, self.target).live)
        if process.failure is not None:
            raise process.failure
        return process

    def _pass(self, name: str) -> None:
        self.world.point(name)
        if happens := self.at.pop(name, None):
            happens()

    def dies(self) -> None:
        """The coordinator, on the spot."""
        process = self.world._current
        assert process is not None
        process.is_dead = True
        raise Killed

    def times_out(self) -> None:
        """The cluster gives up what was not committed."""
        for _, label in list(self.target.txns):
            self.target.gives_up(label)

    def forgets(self) -> None:
        """The cluster drops its final labels."""
        for _, label in list(self.target.txns):
            self.target.forgets(label)

    @property
    def labels(self) -> list[tuple[str, IntentState]]:
        return [(intent.label, intent.state) for intent in self.world.kept.intents.values()]

    @property
    def progress(self) -> list[int]:
        assert self.world.job is not None
        return [*self.world.kept.standing[JOB].values(), *self.world.job.progress.values()]


ABANDONED_THEN_FINISHED = [("rl-1-1", IntentState.ABANDONED), ("rl-1-2", IntentState.FINISHED)]


def test_offsets_of_an_aborted_task_are_not_applied():
    """Doris #5093: a task was aborted in the middle, its offsets were kept, its rows skipped."""
    incident, seen = Incident("ggg"), []
    incident.at = {
        "commit.send.before": incident.times_out,
        "commit.abandon.after": lambda: seen.append(incident.progress),
    }
    incident.play()
    assert seen == [[0, 0]]
    assert incident.labels == ABANDONED_THEN_FINISHED


def test_who_takes_over_applies_of_an_aborted_task_what_the_leader_did():
    """StarRocks #1074, Doris #33678: the leader ignored the offsets of an aborted task, a follower applied them when
    it replayed the log, and after the fail-over its rows were gone.
    """
    incident, seen = Incident("ggg"), []
    incident.at = {
        "commit.send.before": incident.times_out,
        "commit.abandon.after": incident.dies,
    }
    incident.at["commit.abandon.before"] = lambda: incident.at.update(
        {"recovery.resolve.after": lambda: seen.append(incident.progress)}
    )
    incident.play()
    assert (incident.lives, seen) == (2, [[0, 0]])
    assert incident.labels == ABANDONED_THEN_FINISHED


def test_a_prepared_transaction_that_cannot_be_committed_is_read_again():
    """StarRocks #60243, flink-connector #440: prepared transactions were gone after a restart of the leader FE, and
    whoever had built on them could only lose or double rows.
    """
    incident = Incident("ggg")

    def restarts() -> None:
        incident.times_out()
        incident.dies()

    incident.at = {"commit.decide.after": restarts}
    incident.play()
    assert incident.labels == ABANDONED_THEN_FINISHED


class SaysFailed(Target):
    """It commits, and answers that it has not."""

    def _commit(self, part):
        super()._commit(part)
        return Reply.refused("commit transaction failed")


def test_a_commit_that_is_answered_by_failed_is_asked_for():
    """Flink-connector #195: the answer to a commit was an error though the label was committed."""
    incident = Incident("ggg", target=SaysFailed)
    incident.play()
    assert incident.labels == [("rl-1-1", IntentState.FINISHED)]


class KeepsWhatIsRolledBack(Target):
    """Roll-backs are refused, and the label stays prepared."""

    def _rollback(self, part):
        return Reply.refused("TXN_NOT_EXISTS")


def test_a_rollback_that_is_refused_for_ever_is_left_to_the_time_out():
    """StarRocks #62153: rollback answers TXN_NOT_EXISTS while the front end still lists the transaction."""
    incident = Incident("ggg", target=KeepsWhatIsRolledBack)
    incident.at = {"commit.prepare.after": incident.dies}
    incident.play()
    assert incident.labels == ABANDONED_THEN_FINISHED
    assert incident.target.txns["db", "rl-1-1"].state is LabelState.PREPARED


@pytest.mark.parametrize("point", ["commit.send.before", "commit.send.after"])
def test_a_label_that_was_forgotten_is_a_question_and_no_guess(point):
    """``removeExpiredTxns``, ``label_keep_max_num``: final labels are dropped, and UNKNOWN may be committed or not."""
    incident = Incident("ggg")

    def is_gone_for_long() -> None:
        if point == "commit.send.before":
            incident.times_out()
        incident.forgets()
        incident.dies()

    incident.at = {point: is_gone_for_long}
    incident.play()
    assert incident.world.doubts == 1


def test_a_partition_that_ends_with_offsets_without_records_does_not_spin():
    """StarRocks #4151: markers and compacted offsets at the end of a partition made the task begin again and again."""
    incident = Incident("-g--", "---")
    incident.play()
    assert sum("source.poll.before" in step for step in incident.world.told) == 1
    assert incident.world.kept.standing[JOB] == {0: 4, 1: 3}


def test_a_partition_that_is_added_later_starts_at_its_beginning():
    """StarRocks ``updateNewPartitionProgress``: without a default it started at the end, behind what was produced."""
    incident = Incident("gg")
    incident.play()
    incident.world.records = Records(Workload(("gg", "ggg")), refusing=True)
    incident.play()
    assert incident.world.kept.standing[JOB] == {0: 2, 1: 3}


def test_these_stories_fail_where_the_fault_is_built_in(monkeypatch):
    """An abandoned batch that moves progress is what Doris #5093 was."""
    incident = Incident("ggg")

    def keeps_its_offsets() -> None:
        incident.world.kept.standing[JOB] = {0: 3}
        assert incident.world.job is not None
        incident.world.job = replace(incident.world.job, progress={0: 3})

    incident.at = {"commit.send.before": incident.times_out, "commit.abandon.after": keeps_its_offsets}
    with pytest.raises(AssertionError, match="lost"):
        incident.play()
