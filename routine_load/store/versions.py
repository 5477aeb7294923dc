"""Versions of jobs' definitions in the metadata database, written in the transaction that changes the job.

Owns numbers and how many are kept. Refuses to know why a definition changes; secrets are sealed as in the job itself.
"""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from routine_load.ids import JobId
from routine_load.jobs.job import Job
from routine_load.jobs.record import definition_text, read_definition, read_version, version_text
from routine_load.jobs.versions import JobVersion, Revision, changes_text, first_version
from routine_load.observe.failpoints import failpoint
from routine_load.store.secrets import SecretBox
from routine_load.store.tables import job_versions


def read_versions(connection: sa.Connection, job_id: JobId, secrets: SecretBox) -> list[JobVersion]:
    """Oldest first; empty for a job that was never altered. Raises MetadataError."""
    rows = connection.execute(
        sa.select(job_versions.c.number, job_versions.c.definition, job_versions.c.record)
        .where(job_versions.c.job_id == job_id)
        .order_by(job_versions.c.number)
    ).all()
    return [read_version(row.number, read_definition(row.definition, secrets.unseal), row.record) for row in rows]


def keep_version(connection: sa.Connection, before: Job, after: Job, revision: Revision, secrets: SecretBox) -> None:
    """Number the new definition, note where the job stood under the one before it, and drop what is too old.

    Invariant: the newest version of a job that has any is the job's own definition.
    """
    newest = _newest(connection, before.id, secrets)
    if newest is None:
        newest = first_version(before)
        _insert(connection, before.id, newest, secrets)
    left = replace(newest, left_at=before.progress, topic_id=before.topic_id)
    mine = job_versions.c.job_id == before.id
    connection.execute(
        sa.update(job_versions).where(mine, job_versions.c.number == newest.number).values(record=version_text(left))
    )
    failpoint("job.version.before")
    current = JobVersion(
        number=newest.number + 1,
        created_at=revision.at,
        user=revision.user,
        definition=after.definition,
        changes=changes_text(before, after),
    )
    _insert(connection, before.id, current, secrets)
    too_old = current.number - revision.kept_max
    connection.execute(sa.delete(job_versions).where(mine, job_versions.c.number <= too_old))
    failpoint("job.version.after")


def _newest(connection: sa.Connection, job_id: JobId, secrets: SecretBox) -> JobVersion | None:
    row = connection.execute(
        sa.select(job_versions.c.number, job_versions.c.definition, job_versions.c.record)
        .where(job_versions.c.job_id == job_id)
        .order_by(job_versions.c.number.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    return read_version(row.number, read_definition(row.definition, secrets.unseal), row.record)


def _insert(connection: sa.Connection, job_id: JobId, version: JobVersion, secrets: SecretBox) -> None:
    connection.execute(
        sa.insert(job_versions).values(
            job_id=job_id,
            number=version.number,
            definition=definition_text(version.definition, secrets.seal),
            record=version_text(version),
        )
    )
