"""Which loads are known: the sink's committed ones, clients', and those of this process that run or were given up.

Owns the union, for SHOW TRANSACTION, SHOW LOAD and information_schema. The sink's record wins: what it committed is
visible, whatever this process remembers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from routine_load.commit.values import CommitRecord
from routine_load.ids import TableRef
from routine_load.jobs.job import Job
from routine_load.jobs.versions import JobVersion
from routine_load.loads.history import Load, kept_loads
from routine_load.sql.system_tables import Viewer
from routine_load.statements.context import Context


def loads_of(database: str, viewer: Viewer, context: Context) -> list[Load]:
    """Loads of a database that the viewer may see, oldest first, as many as the vendor keeps."""
    jobs = {job.id: job for job in context.jobs.list(database, include_final=True)}
    versions = cache(lambda job_id: context.jobs.versions(jobs[job_id]))
    config = context.frontend_config(viewer.compat)
    bound = kept_loads(config, viewer.compat)
    found = {load.label: load for load in context.loads.history.of(database)}
    for record in context.loads.commits.recent_commits(list(jobs), bound):
        known = found.get(record.label)
        if known is None:
            known = _remembered(jobs[record.job_id], record, versions(record.job_id))
        found[record.label] = known.committed(record)
    clients = [Load.of_client(each) for each in context.transactions.list(database)]
    since = context.clock.now() - timedelta(seconds=config.label_keep_max_second)
    seen = [
        load
        for load in (*found.values(), *clients)
        if (load.finished_at is None or load.finished_at >= since)
        and all(context.visible(viewer, TableRef(database, table)) for table in load.tables or (load.table,))
    ]
    return sorted(seen, key=lambda load: (load.began_at, load.txn_id))[-bound:]


def _remembered(job: Job, record: CommitRecord, versions: Sequence[JobVersion]) -> Load:
    """A load of before this process began, by what the sink kept of it and what the job was then."""
    definition = job.definition
    committed = datetime.fromtimestamp(record.committed_at_ms / 1000, UTC)
    return Load(
        label=record.label,
        txn_id=record.txn_id,
        task_id=record.task_id,
        job_id=record.job_id,
        database=definition.database,
        table=_table_at(committed, versions),
        user=definition.user,
        compat=definition.compat,
        began_at=committed - timedelta(milliseconds=record.execute_ms),
    )


def _table_at(moment: datetime, versions: Sequence[JobVersion]) -> str:
    """An ALTER may have changed the table: who may load into the new one is told nothing of loads into the old.

    Of a time that no version is left of, nobody knows: then it is as for many tables, which few may see.
    """
    then = next((each for each in reversed(versions) if each.created_at <= moment), versions[0])
    if then.created_at > moment and then.number > 1:
        return ""
    return then.definition.table or ""
