"""SHOW CREATE of generated definitions: every clause and every property, both modes, executed again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jobs_builders import SOURCE, UUID, job_of, listed

from routine_load.errors import Position, PropertyError, RoutineLoadError
from routine_load.ids import Compat
from routine_load.jobs import properties_doris, properties_starrocks
from routine_load.jobs.definition import DefineContext, JobDefinition, define
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.moving.giving import for_service
from routine_load.jobs.moving.reading import read_job
from routine_load.jobs.moving.values import Told
from routine_load.jobs.pairs import property_pairs, source_pairs
from routine_load.jobs.properties import JobFormat
from routine_load.jobs.show import LiveFacts, View, job_row
from routine_load.jobs.show_create import create_text
from routine_load.jobs.source import MASK
from routine_load.sql.expressions import read_expression
from routine_load.sql.parser import parse
from routine_load.sql.statements import (
    ColumnItem,
    CreateRoutineLoad,
    Delimiter,
    JobName,
    LoadClauses,
    MergeType,
    MetadataColumn,
    MetadataField,
    Property,
)

WORDS = ["on", "with", "from", "where", "columns", "properties", "partition", "default", "kafka", "include", "order"]
NAMES = st.sampled_from([*WORDS, "a", "B_2", "two words", "back`tick", "dot.ted", "ünï", "0x1", "sel'ect"])
JOB_NAMES = st.sampled_from(["j", "_j1", *WORDS])
TEXTS = st.text(st.sampled_from("ab,'\"\\\n\t\r\0\b\x1a`%_;-#é☃ "), min_size=1, max_size=6)
NUMBERS = st.integers(1, 10**6)
BOOLEANS = st.sampled_from(["true", "false"])
EXPRESSIONS = st.sampled_from(
    ["a > 1", "`from` = 'x\"y\\\\'", "a in (1, 2)\n and b is null", "concat(a, ',') = ')'", "(a + 1) * 2 <= 3.5"]
).map(lambda text: read_expression(text, Position(1, 1)))
DELIMITERS = st.one_of(
    TEXTS.filter(lambda t: t[0] not in "\\0" and "\\" not in t).map(lambda t: Delimiter(original=t, value=t)),
    st.sampled_from([Delimiter(original="\\x01", value="\x01"), Delimiter(original="0x0D0A", value="\r\n")]),
)
OFFSETS = st.sampled_from(["0", "42", "OFFSET_BEGINNING", "offset_end"])

VALUES = {
    "desired_concurrent_number": NUMBERS.map(str),
    "max_error_number": NUMBERS.map(str),
    "max_filter_ratio": st.sampled_from(["0", "0.25", "1", "1e-3"]),
    "max_batch_interval": st.integers(5, 600).map(str),
    "max_batch_rows": st.integers(200_000, 10**9).map(str),
    "max_batch_size": st.integers(104_857_600, 10_737_418_240).map(str),
    "log_rejected_record_num": st.integers(-1, 100).map(str),
    "merge_condition": NAMES,
    "timezone": st.sampled_from(["+08:00", "UTC", "Europe/Vienna", "CST"]),
    "format": st.sampled_from(["csv", "JSON"]),
    "jsonpaths": TEXTS,
    "json_root": TEXTS,
    "enclose": st.sampled_from(list("'\"\\|")),
    "escape": st.sampled_from(list("'\"\\/")),
    "task_consume_second": st.integers(0, 100).map(str),
    "task_timeout_second": st.integers(-1, 400).map(str),
    "exec_mem_limit": NUMBERS.map(str),
    "send_batch_parallelism": NUMBERS.map(str),
    "workload_group": st.just("normal"),
    "unique_key_update_mode": st.sampled_from(["UPSERT", "update_fixed_columns", "UPDATE_FLEXIBLE_COLUMNS"]),
    "partial_update_new_key_behavior": st.sampled_from(["append", "Error"]),
    "warehouse": st.just("default_warehouse"),
    "envelope": st.nothing(),
    "fill_missing_columns": st.sampled_from(["false", "0"]),  # true needs JSON
}
"""Texts of the properties that are not booleans."""
FIXED = {"unique_key_update_mode": "UPDATE_FIXED_COLUMNS"}


def keys(compat: Compat) -> list[str]:
    if compat is Compat.DORIS:
        rules = properties_doris.OWN + properties_starrocks.LENT_TO_DORIS
    else:
        rules = properties_starrocks.OWN + properties_doris.LENT_TO_STARROCKS
    return [rule.key for rule in rules]


def columns() -> st.SearchStrategy[tuple[ColumnItem, ...]]:
    plain = st.builds(lambda name: ColumnItem(name=name), NAMES)
    derived = st.builds(lambda name, e: ColumnItem(name=name, expression=e), NAMES, EXPRESSIONS)
    default = st.builds(lambda name: ColumnItem(name=name, is_default=True), NAMES)
    several = st.lists(plain, min_size=1, max_size=3), st.lists(derived | default, max_size=2)
    return st.tuples(*several).map(lambda both: (*both[0], *both[1]))


def clauses() -> st.SearchStrategy[LoadClauses]:
    metadata = st.lists(
        st.builds(lambda f, n: MetadataColumn(field=f, name=n), st.sampled_from(list(MetadataField)), NAMES),
        min_size=1,
        max_size=3,
        unique_by=lambda column: column.name.lower(),
    )
    return st.builds(
        lambda temporary, **kinds: LoadClauses(
            temporary_partitions=temporary and kinds["partitions"] is not None, **kinds
        ),
        st.booleans(),
        column_separator=st.none() | DELIMITERS,
        row_delimiter=st.none() | DELIMITERS,
        columns=st.none() | columns(),
        where=st.none() | EXPRESSIONS,
        preceding_filter=st.none() | EXPRESSIONS,
        partitions=st.none() | st.lists(NAMES, min_size=1, max_size=3).map(tuple),
        delete_on=st.none() | EXPRESSIONS,
        order_by=st.none() | NAMES,
        metadata=st.none() | metadata.map(tuple),
    )


def sources() -> st.SearchStrategy[dict[str, str]]:
    more = {
        "property.group.id": TEXTS,
        "property.client.id": TEXTS,
        "property.kafka_default_offsets": st.sampled_from(["OFFSET_BEGINNING", "offset_end", "2021-05-22 11:00:00"]),
    }
    pinned = st.lists(st.integers(0, 50), min_size=1, max_size=4, unique=True)
    given_offsets = pinned.flatmap(
        lambda listed: st.fixed_dictionaries(
            {
                "kafka_partitions": st.just(",".join(map(str, listed))),
                "kafka_offsets": st.lists(OFFSETS, min_size=len(listed), max_size=len(listed)).map(",".join),
            },
            optional={"kafka_partition_discovery": st.just("true")},
        )
    )
    partitions = st.one_of(
        st.just({}), given_offsets, pinned.map(lambda listed: {"kafka_partitions": ", ".join(map(str, listed))})
    )
    return st.tuples(st.fixed_dictionaries({}, optional=more), partitions).map(lambda two: SOURCE | two[0] | two[1])


@st.composite
def definitions(draw: st.DrawFn) -> JobDefinition:
    compat = draw(st.sampled_from(list(Compat)))
    given_clauses = draw(clauses())
    properties = draw(st.fixed_dictionaries({}, optional={key: VALUES.get(key, BOOLEANS) for key in keys(compat)}))
    merge_type = MergeType.MERGE if given_clauses.delete_on else draw(st.sampled_from(["APPEND", "DELETE"]))
    statement = CreateRoutineLoad(
        job=JobName(name=draw(JOB_NAMES)),
        table=draw(NAMES),
        merge_type=MergeType(merge_type),
        clauses=given_clauses,
        properties=listed(properties),
        source="KAFKA",
        source_properties=listed(draw(sources())),
        comment=draw(st.just("") | TEXTS),
    )
    try:
        return defined(statement, compat)
    except PropertyError:  # two properties that do not go together
        assume(False)
        raise


def defined(statement: CreateRoutineLoad, compat: Compat) -> JobDefinition:
    context = DefineContext(
        compat=compat,
        config=FrontendConfig.of(compat),
        database="from",
        user="root",
        timezone="UTC",
        uuid=UUID,
    )
    return define(statement, context)


def executed(text: str, compat: Compat) -> JobDefinition:
    (statement,) = parse(text, compat)
    assert isinstance(statement, CreateRoutineLoad)
    return defined(statement, compat)


@settings(max_examples=250, deadline=None)
@given(definitions())
def test_a_generated_definition_comes_back(definition):
    """SHOW CREATE, parsed and defined again, is the same definition."""
    assert executed(create_text(job_of(definition)), definition.compat) == definition


@settings(max_examples=120, deadline=None)
@given(definitions(), st.dictionaries(st.integers(0, 60), st.integers(0, 2**40), min_size=1, max_size=5))
def test_a_generated_job_comes_back_at_its_current_offsets(definition, progress):
    """From the progress: the same definition, starting where the job stands; not pinned if it was not."""
    if definition.source.is_pinned:
        progress = dict.fromkeys(definition.source.partitions, 7)
    again = executed(create_text(job_of(definition, progress=progress), from_progress=True), definition.compat)
    started = {partition: spec.value for partition, spec in again.source.offsets}
    assert started == progress
    assert replace(again, source=replace(again.source, offsets=definition.source.offsets)) == definition


@pytest.mark.parametrize("compat", list(Compat))
def test_every_property_is_generated_and_printed(compat):
    """None is forgotten: a property that has an effect is printed when it has another value than its default."""
    silent = {"max_batch_size"} if compat is Compat.STARROCKS else set()  # accepted without effect
    other_names = {"partial_columns", "unique_key_update_mode", "partial_update"}
    plain = dict(property_pairs(executed_with(compat, {})))
    for key in set(keys(compat)) - silent:
        text = {
            "desired_concurrent_number": "3",
            "max_filter_ratio": "0.5",
            "timezone": "Europe/Vienna",
            "format": "json",
            "max_batch_rows": "300000",
            "max_batch_size": "104857601",
            "unique_key_update_mode": "UPDATE_FIXED_COLUMNS",
            "partial_update_new_key_behavior": "error",
            "fill_missing_columns": "true",
            "workload_group": "normal",
            "warehouse": "default_warehouse",
            "enclose": "|",
            "escape": "/",
            "task_timeout_second": "7",
            "max_batch_interval": "7",
        }.get(key, "true" if key not in VALUES else "17")
        needed = {"fill_missing_columns": {"format": "json"}, "partial_update_new_key_behavior": FIXED}.get(key, {})
        printed = dict(property_pairs(executed_with(compat, needed | {key: text})))
        changed = {k for k in printed if printed[k] != plain.get(k)}
        assert (changed & other_names) if key in other_names else (key in changed), key


def executed_with(compat: Compat, properties: dict[str, str]) -> JobDefinition:
    name = JobName(name="j")
    given_properties = listed(properties)
    statement = CreateRoutineLoad(
        job=name, table="t", properties=given_properties, source="KAFKA", source_properties=listed(SOURCE)
    )
    return defined(statement, compat)


@pytest.mark.parametrize(
    ("compat", "key", "secret"),
    [
        (Compat.STARROCKS, "property.sasl.password", "canary"),
        (Compat.DORIS, "property.sasl.password", "canary"),
        (Compat.STARROCKS, "confluent.schema.registry.url", "http://key:canary@registry:8081"),
        (Compat.STARROCKS, "confluent.schema.registry.basic.auth.user.info", "key:canary"),
        (Compat.STARROCKS, "confluent.schema.registry.bearer.auth.token", "canary"),
    ],
)
def test_a_masked_secret_is_refused_not_taken(compat, key, secret):
    """A job must not be made with ****** for a password: CREATE says what is missing, and never the secret."""
    source = (*listed(SOURCE), Property(key=key, value=secret))
    definition = defined(
        CreateRoutineLoad(job=JobName(name="j"), table="t", source="KAFKA", source_properties=source), compat
    )
    text = create_text(job_of(definition))
    assert "canary" not in text
    assert MASK in dict(source_pairs(definition))[key]
    with pytest.raises(RoutineLoadError, match=rf"{key} holds \*{{6}}, .* write the secret itself"):
        executed(text, compat)


@settings(max_examples=120, deadline=None)
@given(definitions(), st.dictionaries(st.integers(0, 60), st.integers(0, 2**40), min_size=1, max_size=5))
def test_a_generated_job_moves_as_it_is(definition, progress):
    """What another service of this kind tells of a job makes the same job, at its offsets."""
    if definition.source.is_pinned:
        progress = dict.fromkeys(definition.source.partitions, 7)
    again = moved(definition, progress, is_ours=True)
    assert {partition: spec.value for partition, spec in again.source.offsets} == progress
    assert replace(again, source=replace(again.source, offsets=definition.source.offsets)) == definition


def moved(definition: JobDefinition, progress, *, is_ours: bool) -> JobDefinition:
    job = job_of(definition, progress=progress)
    view = View(compat=definition.compat, timezone="UTC", now=job.created_at)
    told = Told(
        compat=definition.compat,
        row=job_row(job, LiveFacts(), view),
        created=create_text(job, from_progress=True),
        is_ours=is_ours,
    )
    return executed(for_service(replace(read_job(told), is_pinned=definition.source.is_pinned)).text, definition.compat)


@settings(max_examples=120, deadline=None)
@given(definitions(), st.dictionaries(st.integers(0, 60), st.integers(0, 2**40), min_size=1, max_size=5))
def test_a_generated_job_of_a_vendor_keeps_its_clauses(definition, progress):
    """Read as a vendor's front end prints it, from the JSON columns: the same clauses, source and offsets."""
    if definition.source.is_pinned:
        progress = dict.fromkeys(definition.source.partitions, 7)
    again = moved(definition, progress, is_ours=False)
    assert {partition: spec.value for partition, spec in again.source.offsets} == progress
    told, source = again.source, definition.source
    assert (again.merge_type, again.table, again.comment) == (
        definition.merge_type,
        definition.table,
        definition.comment,
    )
    assert (set(told.partitions), told.default_offset) == (set(source.partitions), source.default_offset)
    assert dict(told.properties) == dict(source.properties)
    bare = {"column_separator": None, "row_delimiter": None}
    assert replace(again.clauses, **bare) == replace(definition.clauses, **bare)
    if definition.properties.format is not JobFormat.JSON:  # whose separators mean nothing, and are not printed
        assert delimiters(again) == delimiters(definition)


def delimiters(definition: JobDefinition) -> tuple[str, str]:
    """What they mean; one that is not written is the default."""
    separator, row = definition.clauses.column_separator, definition.clauses.row_delimiter
    return separator.value if separator else "\t", row.value if row else "\n"
