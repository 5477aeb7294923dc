"""The sink over a cluster, cut at every point and at every pair of points, with every trouble a request can have.

Six records, in two batches for two tables. Whatever happens on the way, in the end each is visible once, progress is at
its end and nothing is open; a person who is asked tells the truth.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from routine_load.commit.labels import LabelState
from routine_load.commit.values import Counts, OffsetRange
from routine_load.errors import CommitUnsettled, InDoubt, SinkError, StaleRange
from routine_load.ids import JobId, Label, PartitionId, TableRef, TaskId
from routine_load.loads.path import Commit
from routine_load.loads.two_phase import SpoolPlace, TwoPhaseSink
from routine_load.loads.values import TableBatch, WriteMode
from routine_load.observe import failpoints
from tests.support.fake_target import FakeTarget, Trouble
from tests.support.memory_intents import Kept, MemoryIntents

JOB, P0 = JobId(7), PartitionId(0)
RECORDS, AT_ONCE, TRIES_MAX = 6, 3, 40
POINTS = [
    f"commit.{step}.{side}"
    for step in ("intend", "prepare", "report", "decide", "send", "finish", "rollback", "abandon")
    for side in ("before", "after")
]


class Killed(BaseException):
    """The process ended here."""


class Still:
    """A clock that nobody looks at."""

    def monotonic(self) -> float:
        return 0.0


@dataclass
class World:
    """What outlives processes, and the process of the moment."""

    folder: object
    target: FakeTarget = field(default_factory=FakeTarget)
    kept: Kept = field(default_factory=Kept)
    points: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def boot(self) -> None:
        self.log = MemoryIntents(self.kept)
        self.sink = TwoPhaseSink(self.target, self.log, SpoolPlace(folder=self.folder, bytes_max=10**6), Still())

    def load_next(self) -> None:
        """One batch from where progress stands; every third record is u's."""
        start = self.sink.progress(JOB)[P0]
        end = min(start + AT_ONCE, RECORDS)
        transaction = self.sink.begin(Label("task"), JOB)
        for table, offsets in (("t", [o for o in range(start, end) if o % 3]), ("u", range(start - start % 3, end, 3))):
            rows = pa.table({"o": pa.array([o for o in offsets if o >= start], pa.int64())})
            transaction.write(TableBatch(TableRef("d", table), rows, WriteMode()))
        transaction.commit(
            Commit(task_id=TaskId("task"), ranges=[OffsetRange(P0, start, end)], counts=Counts(end - start))
        )

    def run(self) -> None:
        """Plan, load, plan: as the scheduler does, until everything is read."""
        for _ in range(TRIES_MAX):
            try:
                self.sink.settle(JOB)
                if self.sink.progress(JOB)[P0] == RECORDS:
                    return
                self.load_next()
            except InDoubt as doubt:
                self.doubts.append(doubt.message)
                self.tell_the_truth()
            except (CommitUnsettled, SinkError):
                for act in self.target.late:
                    act()
                self.target.late.clear()
        pytest.fail(f"not loaded after {TRIES_MAX} tries: {self.kept}")

    def tell_the_truth(self) -> None:
        """Of the labels that the target does not know."""
        (intent,) = self.log.open_intents(JOB)
        unknown = [p.label for p in intent.parts if ("d", p.label) not in self.target.txns]
        visible = {label for label, _, _ in self.target.visible} & set(unknown)
        assert visible in (set(), set(unknown)), f"half of {intent} is visible"
        self.sink.resolve(JOB, committed=bool(visible))

    def check(self) -> None:
        for act in self.target.late:
            act()
        offsets = sorted((row["o"], table) for _, table, row in self.target.visible)
        assert offsets == [(o, "t" if o % 3 else "u") for o in range(RECORDS)]
        assert self.sink.progress(JOB) == {P0: RECORDS}
        assert self.log.open_intents() == []
        ranges = [r for record in self.sink.commits_after(JOB, 0) for r in record.ranges]
        assert [r.start for r in ranges] == [0, *(r.end for r in ranges[:-1])]
        assert sum(record.counts.loaded for record in self.sink.commits_after(JOB, 0)) == RECORDS

    def play(self, *cuts: int, between: Callable[[World], None] = lambda _: None) -> None:
        """Run with a kill at the n-th passing of a failpoint in each life; the last life is not killed."""
        self.boot()
        self.log.place(JOB, {P0: 0})
        for cut in (*cuts, 0):
            passed = itertools.count(1)

            def pass_point(name: str, cut: int = cut, passed: itertools.count = passed) -> None:
                self.points.append(name)
                if next(passed) == cut:
                    raise Killed

            failpoints.observe(pass_point)
            try:
                self.run()
            except Killed:
                between(self)
                self.boot()
            finally:
                failpoints.disarm()
        self.check()


@pytest.fixture
def world(tmp_path):
    return lambda **parts: World(folder=tmp_path, **parts)


def passings(world) -> int:
    whole = world()
    whole.play()
    return len(whole.points)


def test_every_cut_and_every_pair_of_cuts(world):
    """And all points of the protocol are passed in them."""
    passed: set[str] = set()
    for first in range(1, passings(world) + 1):
        for second in range(passings(world) + 1):
            played = world()
            played.play(first, *([second] if second else []))
            assert not played.doubts
            passed |= set(played.points)
    assert passed == set(POINTS)


def in_turn(troubles: dict[int, Trouble]):
    """The n-th request meets its trouble."""
    counted = itertools.count(1)
    return lambda _operation, _label: troubles.get(next(counted), Trouble.NONE)


@pytest.mark.parametrize("trouble", [t for t in Trouble if t is not Trouble.NONE])
def test_every_request_meets_every_trouble(world, trouble):
    """Alone, and with each of the next ones in trouble of each kind."""
    for first in range(1, 15):
        for gap, other in itertools.product(range(1, 6), Trouble):
            played = world(target=FakeTarget(disturb=in_turn({first: trouble, first + gap: other})))
            played.play()
            assert not played.doubts


@pytest.mark.parametrize("trouble", [Trouble.UNHEARD, Trouble.LATE])
def test_every_cut_behind_every_trouble(world, trouble):
    """A reply that is lost, or comes late, before the process is killed."""
    for request, cut in itertools.product(range(1, 13), range(1, passings(world) + 1)):
        played = world(target=FakeTarget(disturb=in_turn({request: trouble})))
        played.play(cut)
        assert not played.doubts


def test_a_target_that_gives_up_what_was_prepared(world):
    """While nobody was there to commit it: the range is read again."""

    def time_out(world: World) -> None:
        for _, label in list(world.target.txns):
            world.target.gives_up(label)

    for cut in range(1, passings(world) + 1):
        played = world()
        if "send.after" in played.points[-1:]:  # one of two labels was committed by then
            continue
        played.play(cut, between=lambda w: time_out(w) if not w.points[-1].startswith("commit.send") else None)
        assert not played.doubts


def test_labels_that_were_forgotten_are_a_doubt_that_somebody_settles(world):
    """Only where their commit was decided: what was never decided needs nobody."""
    doubted = set()
    for cut in range(1, passings(world) + 1):
        played = world()
        played.play(cut, between=lambda w: [w.target.forgets(label) for _, label in list(w.target.txns)])
        if played.doubts:
            doubted.add(played.points[cut - 1])
            (doubt,) = played.doubts
            assert "was decided, and starrocks://fe:9030 does not know it any more (" in doubt
            assert '("in_doubt" = "committed") or ("in_doubt" = "not_committed")' in doubt
            assert "partitions 0 [" in doubt
    assert doubted == {"commit.send.after", "commit.send.before", "commit.finish.before"}


def test_metadata_that_went_back_does_not_load_again(world):
    """The target knows a label that was never given: the job stops, until somebody has set things right."""
    played = world()
    played.play()
    played.kept.standing[JOB] = {P0: 3}
    played.kept.labels[JOB] = 1
    played.boot()
    with pytest.raises(
        InDoubt, match=r"the metadata is older than the sink: .* knows label rl-7-2 as VISIBLE"
    ) as found:
        played.load_next()
    assert "ALTER the offsets" in found.value.message
    with pytest.raises(InDoubt, match="older than the sink"):
        played.sink.settle(JOB)
    assert played.sink.resolve(JOB, committed=False) == ["rl-7-2"]
    played.sink.place(JOB, {P0: RECORDS})
    played.sink.settle(JOB)
    assert played.kept.labels[JOB] > 1_000
    assert played.target.txns["d", "rl-7-2"].state is LabelState.VISIBLE


def test_an_old_process_that_wakes_up_commits_nothing(world):
    """It slept between intend and its first request, while another one loaded everything."""
    played = world()
    played.boot()
    played.log.place(JOB, {P0: 0})
    old = played.sink

    def wake_up_later(name: str) -> None:
        if name == "commit.intend.after":
            failpoints.disarm()
            played.boot()
            played.run()

    failpoints.observe(wake_up_later)
    try:
        played.sink = old
        with pytest.raises(SinkError):
            played.load_next()
    finally:
        failpoints.disarm()
    played.boot()
    played.run()
    played.check()


def test_a_batch_that_begins_elsewhere_is_stale(world):
    """Nothing is asked of the target."""
    played = world()
    played.boot()
    played.log.place(JOB, {P0: 0})
    transaction = played.sink.begin(Label("task"), JOB)
    transaction.write(TableBatch(TableRef("d", "t"), pa.table({"o": [1]}), WriteMode()))
    with pytest.raises(StaleRange):
        transaction.commit(Commit(task_id=TaskId("x"), ranges=[OffsetRange(P0, 1, 2)], counts=Counts(1)))
    assert played.target.asked == []
