"""The store of jobs, as scheduler and statements rely on it: one suite for every implementation."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from routine_load.errors import JobExists, JobNotFound, JobStateError, StaleVersion
from routine_load.ids import Compat, JobId
from routine_load.jobs.definition import DefineContext, JobDefinition, define
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import Job, new_job
from routine_load.jobs.reasons import paused_by, stopped_by
from routine_load.jobs.states import JobState
from routine_load.sql.statements import CreateRoutineLoad, JobName, Property
from routine_load.store import SecretBox, open_metadata
from routine_load.store.jobs import JobStore

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def definition(name: str = "j", database: str = "db") -> JobDefinition:
    statement = CreateRoutineLoad(
        job=JobName(name=name),
        table="t",
        source="KAFKA",
        source_properties=(
            Property(key="kafka_broker_list", value="kafka:9092"),
            Property(key="kafka_topic", value="orders"),
            Property(key="property.sasl.password", value="canary-secret"),
        ),
    )
    compat = Compat.STARROCKS
    return define(
        statement,
        DefineContext(
            compat=compat,
            config=FrontendConfig.of(compat),
            database=database,
            user="root",
            timezone="Asia/Shanghai",
            uuid="u",
        ),
    )


def job(name: str = "j", database: str = "db") -> Job:
    return new_job(definition(name, database), NOON)


def stopped(current: Job) -> Job:
    return current.stopped(stopped_by("root"), NOON)


@pytest.fixture
def store(metadata_url: str) -> Iterator[JobStore]:
    with open_metadata(metadata_url, SecretBox.ephemeral()) as metadata:
        yield metadata.jobs


def test_a_job_gets_an_id_and_comes_back(store):
    """What was inserted is read as it was, secrets included; the first version is 1."""
    inserted = store.insert(job())
    assert (inserted.id > 0, inserted.version) == (True, 1)
    assert store.get(inserted.id) == inserted
    assert dict(inserted.definition.source.properties)["sasl.password"] == "canary-secret"
    assert store.get(JobId(999)) is None


def test_ids_grow_and_are_never_used_again(store):
    """Each job has an id beyond all before it."""
    ids = [store.insert(job(f"j{n}")).id for n in range(3)]
    assert ids == sorted(set(ids))


def test_a_live_name_is_used_once(store):
    """A second live job of the name is refused in the vendors' words; other databases and other cases are free."""
    store.insert(job())
    with pytest.raises(JobExists) as refused:
        store.insert(job())
    assert refused.value.message == "Name j already used in db db"
    assert store.insert(job("J")).name == "J"
    assert store.insert(job(database="other")).database == "other"


def test_the_name_of_a_final_job_is_free(store):
    """After STOP the name can be used again; history is found behind the live job, newest first."""
    first = store.modify(store.insert(job()).id, stopped)
    assert store.live("db", "j") is None
    second = store.modify(store.insert(job()).id, stopped)
    third = store.insert(job())
    assert store.live("db", "j") == third
    assert store.find("db", "j") == [third]
    assert store.find("db", "j", include_final=True) == [third, second, first]
    assert store.find("db", "x", include_final=True) == []


def test_lists_are_by_id_and_by_database(store):
    """All jobs or one database's, with or without history; live ones of every database."""
    a, b = store.insert(job("a")), store.insert(job("b"))
    c = store.insert(job("c", "other"))
    b = store.modify(b.id, stopped)
    assert store.list() == [a, b, c]
    assert store.list("db") == [a, b]
    assert store.list("db", include_final=False) == [a]
    assert store.all_live() == [a, c]
    assert store.list("nowhere") == []


def test_a_save_from_an_old_version_is_refused(store):
    """No change is lost: the second of two saves from one version fails and leaves the first."""
    inserted = store.insert(job())
    saved = store.save(inserted.noted("first", NOON))
    with pytest.raises(StaleVersion, match=r"job db\.j was changed meanwhile \(version 1 is old\)"):
        store.save(inserted.noted("second", NOON))
    assert store.get(inserted.id) == saved


def test_a_changed_definition_is_saved(store):
    """ALTER changes definition and record in one save."""
    inserted = store.insert(job())
    altered = replace(inserted.definition, comment="new")
    saved = store.save(replace(inserted, definition=altered))
    assert store.get(inserted.id).definition.comment == "new"
    assert saved.version == 2


def test_modify_applies_to_the_newest_version(store):
    """The change sees what others saved; an unchanged job is not written."""
    inserted = store.insert(job())
    store.save(inserted.noted("first", NOON))
    seen = []

    def change(current: Job) -> Job:
        seen.append(current.other_msg.text)
        return current.placed({0: 5})

    after = store.modify(inserted.id, change)
    assert (seen, after.other_msg.text, dict(after.progress), after.version) == (["first"], "first", {0: 5}, 3)
    assert store.modify(inserted.id, lambda current: current).version == 3


def test_modify_passes_on_what_the_change_raises(store):
    """A refused transition leaves the job as it was; a job that is not there is an error."""
    inserted = store.insert(job())
    paused = store.modify(inserted.id, lambda j: j.paused(paused_by("root"), NOON))
    with pytest.raises(JobStateError, match=r"^Could not transform PAUSED to PAUSED$"):
        store.modify(inserted.id, lambda j: j.paused(paused_by("root"), NOON))
    assert store.get(inserted.id) == paused
    with pytest.raises(JobNotFound):
        store.modify(JobId(999), lambda j: j)


def test_modifications_of_many_threads_all_count(store):
    """200 increments by 8 threads end at 200."""
    inserted = store.insert(job())
    store.modify(inserted.id, lambda j: j.placed({0: 0}))

    def increment(_: int) -> None:
        store.modify(inserted.id, lambda j: j.placed({0: j.progress[0] + 1}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, range(200)))
    assert store.get(inserted.id).progress[0] == 200


def test_one_of_many_threads_gets_the_name(store):
    """Eight CREATEs of one name at once: one job, seven refusals."""
    start = threading.Barrier(8)

    def create(_: int) -> bool:
        start.wait(10)
        try:
            store.insert(job())
        except JobExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(8))) == 1


def test_states_survive(store):
    """Every state of a job is read as it was saved."""
    for number, state in enumerate(JobState):
        inserted = store.insert(job(f"j{number}"))
        saved = store.save(replace(inserted, state=state))
        assert store.get(inserted.id) == saved
    assert {j.state for j in store.all_live()} == {JobState.NEED_SCHEDULE, JobState.RUNNING, JobState.PAUSED}
