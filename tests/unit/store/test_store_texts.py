"""Texts that trip a database: names that differ by little, characters of every kind, and lengths."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from store_builders import job

from routine_load.commit.protocol import IntentState
from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.errors import MetadataError
from routine_load.ids import JobId, Label, PartitionId, TableRef, TaskId
from routine_load.jobs.small_files import NewFile
from routine_load.server.ports import Verifiers
from routine_load.sql.privileges import Granted, Held, Place, Privilege
from routine_load.store import SecretBox, open_metadata
from routine_load.store.tables import NAME_MAX

ALIKE = (
    "name",
    "Name",
    "NAME",
    "name ",
    " name",
    "name\t",
    "namé",
    "name\u0301",
    "ｎame",
    "nämé",
    "strasse",
    "straße",
    "名",
    "😀",
    "🚀",
)
"""Some collation takes each of these for another one."""


@pytest.fixture
def metadata(metadata_url):
    with open_metadata(metadata_url, SecretBox.ephemeral()) as metadata:
        yield metadata


def test_jobs_whose_names_are_alike_are_different_jobs(metadata):
    """Upper and lower case, blanks at the ends, accents, width: each is a name of its own, found by itself alone."""
    plain = job()
    named = [replace(plain, definition=replace(plain.definition, name=name)) for name in ALIKE]
    made = {each.name: metadata.jobs.insert(each) for each in named}
    for name, expected in made.items():
        assert metadata.jobs.live("db", name) == expected
        assert metadata.jobs.find("db", name, include_final=True) == [expected]
        assert metadata.jobs.live("DB", name) is metadata.jobs.live("db ", name) is None
    assert metadata.jobs.list("db") == list(made.values())


def test_users_whose_names_are_alike_are_different_users(metadata):
    """Each has its own password and its own grants, which go with it alone."""
    users = metadata.users(Verifiers)
    for number, name in enumerate(ALIKE):
        users.create(name, Verifiers(bytes([number]) * 20, name))
        held = Held(Place.TABLE, name, f"t{number}", Privilege.SELECT)
        metadata.grants.change(name, lambda _, held=held: Granted(privileges=frozenset({held})))
    assert users.names() == sorted({"root", *ALIKE})
    users.drop("Name")
    for number, name in enumerate(ALIKE):
        if name == "Name":
            assert users.verifiers(name) is metadata.grants.of(name) is None
            continue
        assert users.verifiers(name) == Verifiers(bytes([number]) * 20, name)
        assert {held.table for held in metadata.grants.of(name).privileges} == {f"t{number}"}


def test_files_and_settings_whose_names_are_alike_are_different(metadata, tmp_path):
    """Also where they are put twice."""
    files = metadata.small_files(tmp_path / "files")
    for name in ALIKE:
        files.create(NewFile(database="d", catalog="c", name=name, content=name.encode()), 100)
        for value in ("before", name):
            metadata.settings.put(name, value)
    assert metadata.settings.all() == {name: name for name in ALIKE}
    for name in ALIKE:
        assert files.path("d", "c", name).read_bytes() == name.encode()


def test_a_job_may_be_large(metadata):
    """A definition and a record of several megabytes come back as they were; MariaDB's TEXT would end at 64 KiB."""
    large = "🚀é\\'\"%s:x\u0001\u0000\n" * 300_000
    made = metadata.jobs.insert(job())
    altered = metadata.jobs.save(replace(made, definition=replace(made.definition, comment=large)))
    noted = metadata.jobs.save(altered.noted(large, datetime(2026, 11, 20, tzinfo=UTC)))
    metadata.jobs._cache.clear()
    again = metadata.jobs.get(made.id)
    assert again == noted
    assert again.definition.comment == large


def test_moments_do_not_depend_on_the_servers_time_zone(metadata):
    """The servers of these tests stand in China; what was noon in UTC is noon in UTC."""
    moment = datetime(2026, 3, 29, 2, 30, 15, 123456, tzinfo=UTC)
    made = metadata.jobs.insert(replace(job(), created_at=moment))
    metadata.jobs._cache.clear()
    assert metadata.jobs.get(made.id).created_at == moment
    log = metadata.intents("rl", lambda: 1_774_751_415_123)
    log.place(made.id, {PartitionId(0): 0})
    log.finish_without_target(_record(made.id))
    assert [r.committed_at_ms for r in log.records_after(made.id, 0)] == [1_774_751_415_123]


def test_numbers_are_64_bits_wide(metadata):
    """Offsets and moments beyond what 32 bits hold."""
    log = metadata.intents("rl", lambda: 2**62)
    log.place(JobId(2**40), {PartitionId(2**31 - 1): 2**62})
    assert log.progress(JobId(2**40)) == {2**31 - 1: 2**62}


def test_whatever_a_target_says_is_kept_as_a_reason(metadata):
    """NUL, which PostgreSQL refuses, and half characters are replaced; length is bounded."""
    log = metadata.intents("rl", lambda: 1)
    log.place(JobId(1), {PartitionId(0): 0})
    intent = log.intend(_record(JobId(1)), [TableRef("d", "t")])
    assert log.move(intent, IntentState.IN_DOUBT, "a\0b\ud800c" + "🚀" * 9000)
    kept = log.find(intent.label).reason
    assert kept.startswith("a\N{REPLACEMENT CHARACTER}b?c🚀")
    assert len(kept) == 4096


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b", "x" * (NAME_MAX + 1)], ids=["nul", "half", "long"])
def test_a_name_that_cannot_be_kept_is_our_error(metadata, metadata_url, name):
    """Never the driver's, and never a name that is cut: what cannot be kept as it is, is refused or kept whole."""
    with suppress(MetadataError):
        metadata.settings.put(name, "value")
    assert metadata.settings.all() in ({}, {name: "value"})


def test_tables_of_mariadb_compare_bytes(metadata_url, metadata):
    """Whatever the server's own collation is; nothing is compared by a language's rules."""
    if not metadata_url.startswith("mariadb"):
        return
    query = (
        "SELECT DISTINCT collation_name FROM information_schema.columns"
        " WHERE table_schema = database() AND collation_name IS NOT NULL AND table_name <> 'alembic_version'"
    )
    with metadata.jobs._database.reading() as connection:
        assert connection.execute(sa.text(query)).scalars().all() == ["utf8mb4_nopad_bin"]


def _record(job_id: JobId) -> CommitRecord:
    ranges = (OffsetRange(PartitionId(0), 0, 1),)
    return CommitRecord(
        sequence=0, label=Label(""), job_id=job_id, task_id=TaskId("x"), ranges=ranges, counts=Counts(1)
    )
