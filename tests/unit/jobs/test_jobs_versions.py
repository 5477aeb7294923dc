"""Versions of a definition: what a change is called, which of them a job may go back to, and what ALTER applies."""

from __future__ import annotations

from dataclasses import replace

import pytest
from jobs_builders import NOON, defined, job_of

from routine_load.errors import ExecutionError, JobStateError, StaleVersion
from routine_load.ids import Compat
from routine_load.jobs.alteration import Alteration
from routine_load.jobs.job import Job
from routine_load.jobs.reasons import paused_by
from routine_load.jobs.record import read_version, version_text
from routine_load.jobs.states import JobState
from routine_load.jobs.versions import JobVersion, changes_text, first_version, last_in_topic, version_to_return_to
from routine_load.sql.statements import Delimiter, Expression, LoadClauses

SR, DORIS = Compat.STARROCKS, Compat.DORIS
FILTER = LoadClauses(where=Expression(text="a > 1", columns=("a",)))
LONG = LoadClauses(where=Expression(text="a > 1" + " and a > 1" * 100, columns=("a",)))
LONGER = LoadClauses(where=Expression(text="a > 1" + " and a > 1" * 101, columns=("a",)))
CHANGES = [
    ({}, {}, "nothing"),
    ({}, {"properties": {"max_error_number": "9"}}, "max_error_number: 0 -> 9"),
    ({}, {"clauses": FILTER}, "WHERE: (none) -> a > 1"),
    (
        {"clauses": LoadClauses(column_separator=Delimiter(original=",", value=","))},
        {"clauses": LoadClauses(column_separator=Delimiter(original="|", value="|"))},
        "COLUMNS TERMINATED BY: ',' -> '|'",
    ),
    ({"table": "t"}, {"table": "u"}, "ON: t -> u"),
    ({"clauses": LONG}, {"clauses": LONGER}, "WHERE: changed"),
    (
        {"source": {"property.sasl.password": "canary"}},
        {"source": {"property.sasl.password": "canary2"}},
        "property.sasl.password: changed",
    ),
    ({}, {"source": {"property.sasl.password": "canary"}}, "property.sasl.password: (none) -> ******"),
    (
        {"source": {"confluent.schema.registry.url": "http://k:canary@h"}},
        {"source": {"confluent.schema.registry.url": "http://k:canary2@h"}},
        "confluent.schema.registry.url: changed",
    ),
    (
        {"properties": {"format": "json"}},
        {"properties": {"jsonpaths": '["$.a"]'}, "source": {"kafka_topic": "other"}},
        'format: json -> csv; kafka_topic: orders -> other; jsonpaths: (none) -> ["$.a"]',
    ),
]


@pytest.mark.parametrize(
    ("compat", "before", "after", "told"),
    # Doris takes no registry
    [
        (compat, *change)
        for compat in Compat
        for change in CHANGES
        if compat is not DORIS or "registry" not in change[2]
    ],
)
def test_a_change_is_told_in_a_line(compat, before, after, told):
    """Clause or property, what it was, what it is; secrets are named, never told; long values do not fill the screen."""
    old, new = (job_of(defined(compat, **parts)) for parts in (before, after))
    line = changes_text(old, new)
    if compat is DORIS and "TERMINATED" in told:
        told = told.replace("'", '"')
    assert line == told
    assert "canary" not in line


def test_offsets_that_move_are_part_of_the_change():
    """Partition and offset; of many partitions only how many; of another topic all of them."""
    job = job_of(progress={0: 5, 1: 6})
    assert changes_text(job, replace(job, placing={1: 2, 0: 5})) == "offsets: partition 1 at 2"
    many = dict.fromkeys(range(21), 1)
    assert changes_text(job, replace(job, placing=many)) == "offsets of 21 partitions"
    other = job_of(defined(source={"kafka_topic": "b"}), progress={0: 5})
    assert changes_text(job, replace(other, placing={0: 5})).endswith("-> b; offsets: partition 0 at 5")


def version(number: int, topic: str = "orders", **more) -> JobVersion:
    definition = defined(source={"kafka_topic": topic})
    return JobVersion(number=number, created_at=NOON, user="u", definition=definition, **more)


def test_one_returns_to_a_version_that_is_there_and_not_the_current_one():
    """The error names those there are."""
    kept = [version(3), version(4), version(5)]
    assert version_to_return_to(kept, 4) is kept[1]
    for number, told in (
        (5, "version 5 is the current one"),
        (2, "there is no version 2: the job has the versions 3, 4, 5"),
    ):
        with pytest.raises(ExecutionError) as refused:
            version_to_return_to(kept, number)
        assert refused.value.message == told
    with pytest.raises(ExecutionError, match="no version 2: the job has version 1 only"):
        version_to_return_to([first_version(job_of())], 2)
    with pytest.raises(ExecutionError, match="no version 0: the job has the versions 1 to 99"):
        version_to_return_to([version(number) for number in range(1, 100)], 0)


def test_where_a_job_stood_in_a_topic_is_told_by_the_last_version_that_read_it():
    """Not by the version one goes back to: others may have read that topic on."""
    kept = [version(1, "a"), version(2, "a", left_at={0: 9}), version(3, "b", left_at={0: 1}), version(4, "c")]
    assert last_in_topic(kept, "a") is kept[1]
    assert last_in_topic(kept, "c") is None


def test_a_version_comes_back_from_its_text():
    """Number and definition are columns of their own."""
    kept = version(7, changes="x", left_at={0: 5, 3: 1}, topic_id="id")
    assert read_version(7, kept.definition, version_text(kept)) == kept


def alteration(job: Job, **more) -> Alteration:
    return Alteration(**({"basis": job.definition, "definition": defined(clauses=FILTER)} | more))


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (JobState.RUNNING, JobState.NEED_SCHEDULE),
        (JobState.NEED_SCHEDULE, JobState.NEED_SCHEDULE),
        (JobState.PAUSED, JobState.PAUSED),
    ],
)
def test_a_job_that_runs_is_planned_anew(state, after):
    """The new definition counts from the next plan on; a paused job stays paused, with its reason."""
    job = job_of(state=JobState.NEED_SCHEDULE)
    job = job.paused(paused_by("root"), NOON) if state is JobState.PAUSED else replace(job, state=state)
    altered = alteration(job, offsets={0: 3}).applied(job, "here", NOON)
    assert (altered.state, altered.paused_at, altered.reason) == (after, job.paused_at, job.reason)
    assert (altered.definition.clauses, dict(altered.progress), dict(altered.placing)) == (FILTER, {0: 3}, {0: 3})


def test_an_alteration_of_another_definition_is_not_applied():
    """It was worked out from something that is not there any more; nor does it wake a job that ended."""
    job = job_of()
    with pytest.raises(StaleVersion, match=r"db\.j was altered by another statement"):
        alteration(job, basis=defined(table="other")).applied(job, "here", NOON)
    with pytest.raises(JobStateError, match="STOPPED meanwhile"):
        alteration(job).applied(replace(job, state=JobState.STOPPED), "here", NOON)


def test_another_topic_leaves_nothing_of_the_old_ones_partitions():
    """Progress, timestamps and what was to be placed are the new topic's alone, and so is the topic's identity."""
    job = replace(job_of(progress={0: 5, 1: 6}), placing={1: 6}, timestamps_ms={0: 1}, topic_id="old")
    altered = alteration(job, offsets={0: 3}, restarts=True, topic_id="new").applied(job, "here", NOON)
    assert (dict(altered.progress), dict(altered.placing), dict(altered.timestamps_ms)) == ({0: 3}, {0: 3}, {})
    assert (altered.topic_id, altered.sink_incarnation) == ("new", "here")
