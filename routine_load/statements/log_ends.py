"""The ends of a topic's log, asked of Kafka while a client waits.

SHOW ROUTINE LOAD prints the ends that were seen last, which may be some seconds old. A session that has said
``SET @routine_load_lag = 'now'`` has them asked for in ``SHOW … FOR job``; it waits for Kafka, and gets its error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from routine_load.ids import PartitionId
from routine_load.jobs.job import Job
from routine_load.scheduler.looks import look
from routine_load.scheduler.planning import kafka_spec
from routine_load.statements.context import Context
from routine_load.statements.ports import Session

LAG_VARIABLE: Final = "@routine_load_lag"


def wants_them_now(session: Session) -> bool:
    return session.variables.get(LAG_VARIABLE, "").lower() == "now"


def ends_now(job: Job, context: Context) -> Mapping[PartitionId, int]:
    """Last stable end of each partition that the job reads; none of a job that is over. Raises SourceError."""
    if job.state.is_final:
        return {}
    kafka = kafka_spec(job, context.files.resolve)
    ends = look(context.metadata, kafka, context.kafka_deadline(job.definition.compat)).ends
    pinned = job.definition.source.partitions
    return {partition: end for partition, end in ends.items() if not pinned or partition in pinned}
