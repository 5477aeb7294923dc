"""The judge: compares what the world remembers with what was promised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from routine_load.ids import JobId, PartitionId
from routine_load.jobs.versions import first_version
from tests.sim.sim_stage import Violation
from tests.sim.sim_store import ROLLS_BACK, Batch, Move, Store
from tests.sim.sim_world import Topic

Standing = dict[PartitionId, int]


class Judge:
    """``log`` holds the rejected rows, ``live`` is the job that has caught up; ``counted_strictly``: no setting of how
    batches count was changed. ``ended_jobs``: what jobs loaded before they ended is all booked (over a cluster, a batch
    may become visible after the end of its job, and the process be killed then).
    """

    def __init__(self, store: Store, topics: Mapping[str, Topic], log: Path, *, ended_jobs: bool = True) -> None:
        self._store, self._topics, self._log, self._ended_jobs = store, topics, log, ended_jobs

    def check(self, live: JobId, *, counted_strictly: bool) -> None:
        batches = [entry for entry in self._store.journal if isinstance(entry, Batch)]
        for batch in batches:
            self._check_batch(batch)
        for job_id in {
            entry.record.job_id if isinstance(entry, Batch) else entry.job_id for entry in self._store.journal
        }:
            ended = self._check_ranges(job_id)
            if job_id == live:
                wanted = self._topics[self._store.jobs[live].definition.source.topic].ends()
                _require({p: o for p, o in ended.items() if o} == {p: o for p, o in wanted.items() if o}, f"{ended}")
        for job_id, job in self._store.jobs.items():
            if self._ended_jobs or not job.state.is_final:
                self._check_statistic(job_id, counted_strictly)
            self.check_versions(job_id)

    def _check_ranges(self, job_id: JobId) -> Standing:
        """Committed ranges tile, from where CREATE or ALTER said; ALTER finds each partition where they ended.

        A job that goes back to a topic goes on where it left it.
        """
        at: Standing = {}
        topic, left = "", {}
        for entry in self._store.journal:
            if isinstance(entry, Batch) and entry.record.job_id == job_id:
                for moved in entry.record.ranges:
                    stood = at.get(moved.partition, 0)
                    _require(moved.start == stood, f"{entry.record.label}: {moved}, the partition stood at {stood}")
                    at[moved.partition] = moved.end
                topic = topic or entry.definition.source.topic
                _require(topic == entry.definition.source.topic, f"{entry.record.label} is of another topic")
            elif isinstance(entry, Move) and entry.job_id == job_id:
                _check_move(entry, at, left)
                if entry.restarts:
                    left[topic], at = at, {}
                at, topic = at | dict(entry.offsets), entry.topic
        return at

    def _check_batch(self, batch: Batch) -> None:
        """Its rows are the good records of its ranges under the job's definition, in their order, each in its table;
        it counts its own records, and its rejected rows can be read.
        """
        record, definition = batch.record, batch.definition
        topic = self._topics[definition.source.topic]
        fated = {r.partition: topic.fated(r.partition, r.start, r.end, definition.clauses.where) for r in record.ranges}
        for partition, by_fate in fated.items():
            loaded = [offset for _, p, offset in batch.rows if p == partition]
            # records of many tables keep their order within each
            found = loaded if definition.table else sorted(loaded)
            _require(found == by_fate["g"], f"{record.label}, partition {partition}: {loaded}, wanted {by_fate['g']}")
        for table, partition, offset in batch.rows:
            value = topic.partitions[partition][offset] or b""
            named = definition.table or value.partition(b"|")[0].decode()
            _require(table == named, f"{record.label}: record {partition}:{offset} of {named} went to {table}")
        totals = {fate: sum(len(by_fate[fate]) for by_fate in fated.values()) for fate in "gbw"}
        counts = {"g": record.counts.loaded, "b": record.counts.filtered, "w": record.counts.unselected}
        _require(counts == totals, f"{record.label} is miscounted: {counts}, its records are {totals}")
        bad = sorted((int(p), offset) for p, by_fate in fated.items() for offset in by_fate["b"])
        job = self._store.jobs.get(record.job_id)
        if self._ended_jobs or (job is not None and not job.state.is_final):
            self._check_rejects(record, bad)

    def _check_rejects(self, record, bad: list[tuple[int, int]]) -> None:
        _require(bool(record.rejects) == bool(bad), f"{record.label}: {bad} were rejected into {record.rejects!r}")
        if bad:
            path = self._log / f"{record.rejects}.parquet"
            _require(path.is_file(), f"{record.label}: the rejected rows {bad} cannot be read")
            rows = pq.read_table(path, columns=["partition", "offset"]).to_pylist()
            told = sorted((row["partition"], row["offset"]) for row in rows)
            _require(told == bad, f"{record.label}: {told} are in the error log, {bad} were rejected")

    def _check_statistic(self, job_id: JobId, counted_strictly: bool) -> None:
        """Also of a job that ended: everything that it made visible is in its record, once."""
        job = self._store.jobs[job_id]
        batches = [e for e in self._store.journal if isinstance(e, Batch) and e.record.job_id == job_id]
        counts = [batch.record.counts for batch in batches]
        statistic = job.statistic
        told = (statistic.total_rows, statistic.error_rows, statistic.unselected_rows)
        wanted = (sum(c.total for c in counts), sum(c.filtered for c in counts), sum(c.unselected for c in counts))
        _require(told == wanted, f"job {job_id}: Statistic says {told}, the sink {wanted}")
        least = sum(1 for c in counts if c.loaded or not c.total)  # the others count as aborted (StarRocks)
        most = least if counted_strictly else len(counts)
        _require(
            least <= statistic.committed_tasks <= most, f"{statistic.committed_tasks} of {least} to {most} batches"
        )
        newest = batches[-1].record.sequence if batches else 0
        _require(job.sequence == newest, f"job {job_id}: booked up to {job.sequence} of {newest}")

    def check_versions(self, job_id: JobId) -> None:
        """Every change of the definition is a version, and the newest one is what the job is."""
        job = self._store.jobs[job_id]
        versions = self._store.kept_versions.get(job_id, [first_version(job)])
        _require(versions[-1].definition == job.definition, f"version {versions[-1].number} is not what the job is")
        _require(len(versions) == 1 + self._store.revised[job_id], f"{self._store.revised[job_id]} ALTER: {versions}")


def _check_move(move: Move, at: Standing, left: dict[str, Standing]) -> None:
    for partition, offset in move.before.items():
        stood = at.get(partition, 0)
        _require(offset == stood, f"{move}: partition {partition} stood at {stood}")
    if not move.by:
        changed = {p: at[p] for p in at if p in move.offsets and move.offsets[p] != at[p]}
        _require(not changed, f"{move}: planning moved partitions that stood at {changed}")
    if move.by == ROLLS_BACK and move.restarts:
        stood = left.get(move.topic, {})
        same = (
            all(stood.get(p, 0) == offset for p, offset in move.offsets.items()) and stood.keys() <= move.offsets.keys()
        )
        _require(same, f"{move}: the job left the topic at {stood}")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise Violation(message)
