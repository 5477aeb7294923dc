"""Versions in the metadata database: written with the job or not at all, bounded, sealed, kept over a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from store_builders import job

from routine_load.errors import ExecutionError
from routine_load.jobs.job import Job
from routine_load.jobs.versions import Revision
from routine_load.observe import failpoints
from routine_load.store import SecretBox, open_metadata
from routine_load.store.database import Database
from routine_load.store.tables import job_versions

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def url(metadata_url):
    return metadata_url


def by(user: str = "u", *, hours: int = 0, kept_max: int = 100) -> Revision:
    return Revision(user=user, at=NOON + timedelta(hours=hours), kept_max=kept_max)


def commented(text: str):
    def change(current: Job) -> Job:
        return replace(current, definition=replace(current.definition, comment=text))

    return change


def test_a_job_that_was_never_altered_has_one_version(url):
    """Its CREATE; nothing is written for it."""
    with open_metadata(url, SecretBox.ephemeral()) as metadata:
        made = metadata.jobs.insert(job())
        (only,) = metadata.jobs.versions(made)
        assert (only.number, only.user, only.created_at, only.definition) == (
            1,
            "root",
            made.created_at,
            made.definition,
        )


def test_each_revision_keeps_what_was_before(url, tmp_path):
    """Numbers, users, moments and where the job stood, also after a restart; the last is the job's own definition."""
    box = SecretBox.at(tmp_path / "secret.key")
    with open_metadata(url, box) as metadata:
        made = metadata.jobs.insert(job())
        metadata.jobs.modify(made.id, lambda j: replace(j.placed({0: 5}), topic_id="T"))
        metadata.jobs.revise(made.id, commented("a"), by("anna", hours=1))
        metadata.jobs.modify(made.id, lambda j: j.placed({0: 8}))
        now = metadata.jobs.revise(made.id, commented("b"), by("bert", hours=2))
    with open_metadata(url, box) as metadata:
        one, two, three = metadata.jobs.versions(metadata.jobs.get(made.id))
    assert [(v.number, v.user, v.definition.comment) for v in (one, two, three)] == [
        (1, "root", ""),
        (2, "anna", "a"),
        (3, "bert", "b"),
    ]
    assert [(dict(v.left_at), v.topic_id) for v in (one, two, three)] == [({0: 5}, "T"), ({0: 8}, "T"), ({}, "")]
    assert (three.definition, two.created_at) == (now.definition, NOON + timedelta(hours=1))


def test_the_number_of_versions_is_bounded(url):
    """The oldest go, numbers are never used again, and other jobs' stay."""
    with open_metadata(url, SecretBox.ephemeral()) as metadata:
        made, other = metadata.jobs.insert(job()), metadata.jobs.insert(job("other"))
        metadata.jobs.revise(other.id, commented("x"), by())
        for number in range(6):
            metadata.jobs.revise(made.id, commented(str(number)), by(kept_max=3))
        assert [v.number for v in metadata.jobs.versions(made)] == [5, 6, 7]
        assert [v.number for v in metadata.jobs.versions(other)] == [1, 2]


@pytest.mark.parametrize("point", ["job.version.before", "job.version.after"])
def test_definition_and_version_are_written_together_or_not_at_all(url, point):
    """A failure in the middle leaves both as they were, and what is remembered of the job too."""
    with open_metadata(url, SecretBox.ephemeral()) as metadata:
        made = metadata.jobs.insert(job())
        failpoints.arm(f"{point}=fail")
        try:
            with pytest.raises(failpoints.InjectedFailure):
                metadata.jobs.revise(made.id, commented("a"), by())
        finally:
            failpoints.disarm()
        assert metadata.jobs.get(made.id) == made
        assert [v.number for v in metadata.jobs.versions(made)] == [1]
        metadata.jobs.revise(made.id, commented("b"), by())
        assert [v.definition.comment for v in metadata.jobs.versions(made)] == ["", "b"]


def test_a_refused_revision_writes_nothing(url):
    """What the change raises comes through."""

    def refuse(_: Job) -> Job:
        raise ExecutionError("no")

    with open_metadata(url, SecretBox.ephemeral()) as metadata:
        made = metadata.jobs.insert(job())
        with pytest.raises(ExecutionError, match=r"^no$"):
            metadata.jobs.revise(made.id, refuse, by())
        assert metadata.jobs.get(made.id) == made


def test_secrets_of_versions_are_sealed(url, tmp_path):
    """A secret that was replaced is in no file either, and comes back with the key."""
    with open_metadata(url, SecretBox.at(tmp_path / "secret.key")) as metadata:
        made = metadata.jobs.insert(job(secret="canary-77aa"))
        metadata.jobs.revise(made.id, commented("a"), by())
        for file in tmp_path.iterdir():
            assert b"canary-77aa" not in file.read_bytes()
        first, _ = metadata.jobs.versions(made)
        assert dict(first.definition.source.properties)["sasl.password"] == "canary-77aa"


def test_versions_go_with_their_job(url):
    """The database itself takes them away."""
    with open_metadata(url, SecretBox.ephemeral()) as metadata:
        made = metadata.jobs.insert(job())
        metadata.jobs.revise(made.id, commented("a"), by())
    database = Database(url)
    with database.writing() as connection:
        connection.execute(sa.text("DELETE FROM jobs"))
        assert connection.execute(sa.select(job_versions.c.number)).all() == []
    database.close()
