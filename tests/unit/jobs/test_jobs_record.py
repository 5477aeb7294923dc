from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs_builders import NOON, defined, job_of

from routine_load.errors import MetadataError
from routine_load.ids import Compat, JobId
from routine_load.jobs.auto_resume import AutoResumeMemory
from routine_load.jobs.budget import ErrorWindow
from routine_load.jobs.job import Job, Message
from routine_load.jobs.properties import JobFormat, JobProperties, UpdateMode
from routine_load.jobs.record import definition_text, read_definition, read_job, record_text
from routine_load.jobs.source import KafkaSource, OffsetKind, OffsetSpec
from routine_load.jobs.states import JobState, Reason
from routine_load.jobs.statistics import Statistic
from routine_load.sql.statements import ColumnItem, Delimiter, Expression, LoadClauses, MergeType

TEXT = st.text(max_size=12)
NUMBER = st.integers(0, 2**63 - 1)
FLAG = st.booleans()
MOMENT = st.integers(0, 10**9).map(lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
OFFSETS = st.builds(OffsetSpec, st.sampled_from(OffsetKind), NUMBER, TEXT)
EXPRESSION = st.builds(Expression, text=TEXT, columns=st.lists(TEXT, max_size=3).map(tuple))
DELIMITER = st.builds(Delimiter, original=TEXT, value=TEXT)
PARTITION_MAP = st.dictionaries(st.integers(0, 99), NUMBER, max_size=4)


def maybe(strategy):
    return st.none() | strategy


CLAUSES = st.builds(
    LoadClauses,
    column_separator=maybe(DELIMITER),
    row_delimiter=maybe(DELIMITER),
    columns=maybe(
        st.lists(st.builds(ColumnItem, name=TEXT, expression=maybe(EXPRESSION), is_default=FLAG), max_size=3).map(tuple)
    ),
    where=maybe(EXPRESSION),
    preceding_filter=maybe(EXPRESSION),
    partitions=maybe(st.lists(TEXT, max_size=3).map(tuple)),
    temporary_partitions=FLAG,
    delete_on=maybe(EXPRESSION),
    order_by=maybe(TEXT),
)
PROPERTIES = st.builds(
    JobProperties,
    desired_concurrent_number=NUMBER,
    max_batch_interval_s=NUMBER,
    max_batch_rows=NUMBER,
    max_batch_bytes=NUMBER,
    timezone=TEXT,
    max_filter_ratio=st.floats(0, 1),
    strict_mode=FLAG,
    format=st.sampled_from(JobFormat),
    jsonpaths=TEXT,
    unique_key_update_mode=st.sampled_from(UpdateMode),
    merge_condition=maybe(TEXT),
    task_consume_second=maybe(NUMBER),
)
SOURCES = st.builds(
    KafkaSource,
    brokers=TEXT,
    topic=TEXT,
    partitions=st.lists(st.integers(0, 99), max_size=3).map(tuple),
    offsets=st.lists(st.tuples(st.integers(0, 99), OFFSETS), max_size=3).map(tuple),
    default_offset=maybe(OFFSETS),
    properties=st.lists(st.tuples(st.sampled_from(["a", "sasl.password"]), TEXT), max_size=3).map(tuple),
    registry_url=TEXT,
)


@given(CLAUSES, PROPERTIES, SOURCES, st.sampled_from(MergeType), maybe(TEXT), TEXT)
def test_any_definition_comes_back_as_it_was(clauses, properties, source, merge_type, table, comment):
    """Writing and reading gives an equal definition, secrets sealed on the way."""
    definition = replace(
        defined(),
        clauses=clauses,
        properties=properties,
        source=source,
        merge_type=merge_type,
        table=table,
        comment=comment,
    )
    text = definition_text(definition, lambda secret: secret[::-1])
    assert read_definition(text, lambda sealed: sealed[::-1]) == definition


@given(
    st.sampled_from(JobState),
    PARTITION_MAP,
    PARTITION_MAP,
    maybe(MOMENT),
    maybe(st.builds(Reason, st.integers(0, 9999), TEXT)),
    maybe(st.builds(Message, MOMENT, TEXT)),
    st.lists(TEXT, max_size=3).map(tuple),
)
def test_any_record_comes_back_as_it_was(state, progress, timestamps, moment, reason, message, logs):
    """Writing and reading gives an equal job."""
    job = Job(
        id=JobId(3),
        definition=defined(Compat.DORIS),
        state=state,
        created_at=NOON,
        paused_at=moment,
        progress=progress,
        placing=progress,
        timestamps_ms=timestamps,
        statistic=Statistic(total_rows=5, execute_ms=9),
        window=ErrorWindow(1, 2),
        reason=reason,
        other_msg=message,
        error_logs=logs,
        sequence=8,
        sink_incarnation="s",
        auto_resume=AutoResumeMemory(since=moment, count=2, is_locked=True),
        version=4,
    )
    assert read_job(job.id, job.version, job.definition, record_text(job)) == job


def test_secrets_are_sealed_in_the_text():
    """Values of secret keys and the registry's address never stand in the stored text."""
    definition = defined(
        source={
            "property.sasl.password": "canary",
            "property.client.id": "c",
            "confluent.schema.registry.url": "https://k:canary@r",
        }
    )
    text = definition_text(definition, lambda _: "token")
    assert "canary" not in text
    assert '"c"' in text
    assert dict(read_definition(text, lambda _: "opened").source.properties)["sasl.password"] == "opened"


def test_a_field_of_a_later_version_takes_its_default():
    """A text that lacks a field is read with the field's default, so that versions may add fields."""
    text = definition_text(defined())
    older = json.loads(text)
    del older["properties"]["trim_space"]
    assert read_definition(json.dumps(older)) == defined()


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: value | {"format": 99},
        lambda value: value | {"unknown": 1},
        lambda value: value | {"name": 5},
        lambda value: value | {"compat": "oracle"},
        lambda value: {"format": 1},
    ],
)
def test_a_text_that_does_not_fit_is_refused(damage):
    """Another format, an unknown or ill-typed field: an error, never a guess."""
    text = json.dumps(damage(json.loads(definition_text(defined()))))
    with pytest.raises(MetadataError):
        read_definition(text)


def test_a_damaged_record_is_refused():
    """Text that is no JSON, or no record, is an error of the metadata."""
    for text in ("", "[]", "{}", '{"format":1}', '{"format":1,"state":"ASLEEP"}'):
        with pytest.raises(MetadataError):
            read_job(JobId(1), 1, defined(), text)
    assert read_job(JobId(7), 0, defined(), record_text(job_of())) == job_of()
