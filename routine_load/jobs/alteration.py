"""An ALTER or ROLLBACK, worked out: what becomes of a job's record, all at once.

It is worked out from a definition while the job goes on, and applied at a transaction boundary to a job that still has
that definition. Refuses to know statements, Kafka and tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from routine_load.errors import JobStateError, StaleVersion
from routine_load.ids import PartitionId
from routine_load.jobs.definition import JobDefinition
from routine_load.jobs.job import Job
from routine_load.jobs.states import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """``offsets`` are those of the partitions that shall go on elsewhere.

    ``restarts``: of these alone, because the topic is another one; what was known of the old one's partitions goes.
    ``topic_id`` is the identity of the topic that they were read from, where that is known. ``basis_number`` is the
    version that was the newest when it was worked out, where that matters: one may have been left and come back.
    """

    basis: JobDefinition
    definition: JobDefinition
    offsets: Mapping[PartitionId, int] = field(default_factory=dict)
    restarts: bool = False
    topic_id: str = ""
    basis_number: int | None = None

    def check_basis(self, newest: int) -> None:
        """Raises StaleVersion where other versions came meanwhile than those that this was worked out from."""
        if self.basis_number not in {None, newest}:
            raise StaleVersion(f"version {newest} of the job came meanwhile; try again")

    def applied(self, job: Job, incarnation: str, at: datetime) -> Job:
        """The job with the new definition, to be planned anew if it was running; ``incarnation`` is the sink's.

        Raises StaleVersion where the definition is not the one that this was worked out from any more.
        """
        if job.state.is_final:
            raise JobStateError(f"job {job.name} is {job.state} meanwhile")
        if job.definition != self.basis:
            raise StaleVersion(f"job {job.database}.{job.name} was altered by another statement meanwhile; try again")
        if job.state is JobState.RUNNING:
            job = job.rescheduled(at)
        progress: dict[PartitionId, int] = {} if self.restarts else dict(job.progress)
        # what an ALTER before this one left to be placed stays
        placing: dict[PartitionId, int] = {} if self.restarts else dict(job.placing)
        offsets = dict(self.offsets)
        job = replace(
            job,
            definition=self.definition,
            placing=placing | offsets,
            progress=progress | offsets,
            is_unchecked=job.is_unchecked and not self.restarts,
            timestamps_ms={} if self.restarts else job.timestamps_ms,
        )
        if self.definition.table != self.basis.table:
            # These tell rows that were meant for the other table, which who may load into this one may not read.
            job = replace(job, error_logs=(), first_error="", other_msg=None)
        # Where all offsets are new, whatever target and topic there are now are those they are meant for.
        return replace(job, sink_incarnation=incarnation, topic_id=self.topic_id) if job.places_all else job
