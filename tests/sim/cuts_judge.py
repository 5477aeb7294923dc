"""The judge of the schedules of cuts: what is visible, counted and booked, against what was produced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from routine_load.commit.protocol import IntentState
from routine_load.commit.values import CommitRecord
from tests.sim.cuts_records import BAD, GOOD, REFUSED, UNSELECTED
from tests.sim.cuts_world import Violation, World

Row = tuple[str, int, int]
"""Label, partition, offset."""


def judge(world: World, records: Sequence[CommitRecord], visible: Sequence[Row]) -> None:
    """Raises Violation, which begins with one of: lost, duplicate, phantom, torn, out of order, miscounted, unseen."""
    _check_rows(world, visible)
    _check_batches(world, records, visible)
    _check_order(visible)
    _check_booking(world, records)


def _check_rows(world: World, visible: Sequence[Row]) -> None:
    found = [(p, o) for _, p, o in visible]
    wanted = {
        (int(p), o)
        for p, end in world.records.ends().items()
        for o, fate in world.records.fates(p, 0, end)
        if fate == GOOD
    }
    _require(len(found) == len(set(found)), "duplicate", f"{found}")
    _require(set(found) <= wanted, "phantom", f"{set(found) - wanted}")
    _require(wanted <= set(found), "lost", f"{wanted - set(found)}")


def _check_batches(world: World, records: Sequence[CommitRecord], visible: Sequence[Row]) -> None:
    """Finished batches tile the partitions; each is visible as a whole, and counts its own records."""
    at = dict.fromkeys(world.records.ends(), 0)
    rows: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for label, p, o in visible:
        rows[label].append((p, o))
    for record in records:
        fates = dict.fromkeys((GOOD, BAD, UNSELECTED, REFUSED), 0)
        wanted, bad = [], []
        for moved in record.ranges:
            _require(moved.start == at[moved.partition], "torn", f"{record.label}: {moved} at {at[moved.partition]}")
            at[moved.partition] = moved.end
            _require(moved.end <= world.records.ends()[moved.partition], "phantom", f"{record.label}: {moved}")
            for offset, fate in world.records.fates(moved.partition, moved.start, moved.end):
                fates[fate] += 1
                if fate == GOOD:
                    wanted.append((int(moved.partition), offset))
                elif fate == BAD:
                    bad.append((int(moved.partition), offset))
        found = rows.pop(record.label, [])
        _require(found == wanted, "torn", f"{record.label} shows {found} of {wanted}")
        counts = (record.counts.loaded, record.counts.filtered, record.counts.unselected)
        told = (fates[GOOD], fates[BAD] + fates[REFUSED], fates[UNSELECTED])
        _require(counts == told, "miscounted", f"{record.label}: {counts}, its records are {told}")
        _require(
            _readable(world, record.rejects) == bad,
            "unseen",
            f"{record.label}: rejected were {bad}, to be read are others",
        )
    _require(not rows, "phantom", f"visible without a finished batch: {rows}")
    _require(at == world.records.ends(), "unseen", f"{at}")


def _readable(world: World, rejects: str) -> list[tuple[int, int]]:
    """Where the rejected rows of a finished batch stand. One that was finished by another service than the one that
    has its file may wait there for its name until that one starts again.
    """
    *left, last = world.folders
    files = last.published | {
        name: rows for folder in left for name, rows in (folder.pending | folder.published).items()
    }
    return files.get(rejects, [])


def _check_order(visible: Sequence[Row]) -> None:
    last: dict[int, int] = {}
    for label, p, o in visible:
        _require(last.get(p, -1) < o, "out of order", f"{label}: {p}:{o} became visible behind {last.get(p)}")
        last[p] = o


def _check_booking(world: World, records: Sequence[CommitRecord]) -> None:
    """What SHOW tells is what was loaded, and nothing is under way."""
    job = world.job
    assert job is not None
    _require(dict(job.progress) == world.records.ends(), "unseen", f"SHOW tells {dict(job.progress)}")
    statistic = job.statistic
    told = (statistic.total_rows, statistic.error_rows, statistic.unselected_rows)
    counts = [record.counts for record in records]
    wanted = (sum(c.total for c in counts), sum(c.filtered for c in counts), sum(c.unselected for c in counts))
    _require(told == wanted, "miscounted", f"SHOW tells {told}, loaded were {wanted}")
    _require(job.sequence == records[-1].sequence, "miscounted", f"booked up to {job.sequence}")
    opened = [i.label for i in world.kept.intents.values() if i.state.is_open]
    _require(not opened, "unseen", f"still open: {opened}")
    finished = [i for i in world.kept.intents.values() if i.state is IntentState.FINISHED]
    _require(len({i.label for i in finished}) == len(finished), "duplicate", "a label was finished twice")


def _require(holds: bool, promise: str, told: str) -> None:
    if not holds:
        raise Violation(f"{promise}: {told}")
