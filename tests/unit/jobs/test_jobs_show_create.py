from __future__ import annotations

from dataclasses import replace

import pytest
from jobs_builders import UUID, defined, job_of

from routine_load.ids import Compat
from routine_load.jobs.definition import DefineContext, JobDefinition, define
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.show_create import create_text
from routine_load.sql.parser import parse
from routine_load.sql.statements import ColumnItem, CreateRoutineLoad, Delimiter, Expression, LoadClauses, MergeType

SR, DORIS = Compat.STARROCKS, Compat.DORIS


def executed(text: str, compat: Compat) -> JobDefinition:
    (statement,) = parse(text, compat)
    assert isinstance(statement, CreateRoutineLoad)
    return define(
        statement,
        DefineContext(
            compat=compat,
            config=FrontendConfig.of(compat),
            database="db",
            user="root",
            timezone="UTC",
            uuid=UUID,
        ),
    )


CLAUSES = LoadClauses(
    column_separator=Delimiter(original=",", value=","),
    columns=(
        ColumnItem(name="id"),
        ColumnItem(name="select"),
        ColumnItem(name="two words"),
        ColumnItem(name="d", expression=Expression(text="concat(`id`, 'x\"y')", columns=("id",))),
    ),
    where=Expression(text="id > 1 and d != ')'", columns=("id", "d")),
    partitions=("p1", "p 2"),
)
MERGING = replace(
    CLAUSES,
    preceding_filter=Expression(text="id != 3", columns=("id",)),
    delete_on=Expression(text="d = 'x'", columns=("d",)),
    order_by="d",
)
SOURCE = {
    "kafka_partitions": "0,1",
    "kafka_offsets": "5,OFFSET_END",
    "property.client.id": 'a "quoted" \\ name',
}
JOBS = [
    (SR, {}, {}, {}),
    (
        SR,
        {"max_error_number": "9", "enclose": '"', "escape": "\\", "num_as_string": "true"},
        SOURCE,
        {"clauses": CLAUSES},
    ),
    (SR, {"format": "json", "jsonpaths": '["$.a","$.b\\n"]', "partial_update": "true"}, {}, {"comment": 'it\'s "so"'}),
    (SR, {"task_timeout_second": "3"}, {"property.kafka_default_offsets": "2021-05-22 11:00:00"}, {}),
    (
        SR,
        {},
        {"property.group.id": "mine"},
        {"clauses": LoadClauses(row_delimiter=Delimiter(original="\\x0D0A", value="\r\n"))},
    ),
    (
        SR,
        {"merge_condition": "v"},
        {"kafka_partitions": "0"},
        {"clauses": LoadClauses(columns=(ColumnItem(name="a", is_default=True),))},
    ),
    (DORIS, {}, {}, {}),
    (DORIS, {"log_rejected_record_num": "5", "workload_group": "normal"}, {"property.client.rack": "eu-west-1"}, {}),
    (DORIS, {}, {}, {"table": None}),
    (
        DORIS,
        {"max_filter_ratio": "0.25", "trim_space": "true"},
        SOURCE,
        {"clauses": MERGING, "merge_type": MergeType.MERGE},
    ),
    (DORIS, {"format": "json", "partial_columns": "true", "json_root": "$.x"}, {}, {"comment": "c"}),
    (DORIS, {"task_consume_second": "4"}, {"property.kafka_default_offsets": "2021-05-22 11:00:00"}, {}),
    (DORIS, {"send_batch_parallelism": "2", "empty_field_as_null": "true"}, {"property.group.id": "mine"}, {}),
]


@pytest.mark.parametrize(("compat", "properties", "source", "more"), JOBS)
def test_the_text_executed_again_makes_an_equal_job(compat, properties, source, more):
    """SHOW CREATE, parsed and defined again, is the same definition; also where the originals print nonsense."""
    definition = defined(compat, properties, source, **more)
    assert executed(create_text(job_of(definition)), compat) == definition


@pytest.mark.parametrize("compat", list(Compat))
def test_the_text_can_name_the_offsets_of_now(compat):
    """From the progress: partitions and next offsets as numbers, 0 included."""
    job = job_of(defined(compat), progress={0: 0, 3: 42})
    again = executed(create_text(job, from_progress=True), compat)
    assert [(p, spec.value) for p, spec in again.source.offsets] == [(0, 0), (3, 42)]


def test_secrets_are_masked_and_the_made_up_group_left_out():
    """The text never holds a secret, nor the group that CREATE made up."""
    text = create_text(job_of(defined(source={"property.sasl.password": "canary"})))
    assert "canary" not in text
    assert '"property.sasl.password"="******"' in text
    assert "group.id" not in text


def test_the_layout_of_starrocks():
    """StarRocks: one element per line, no blanks around the equals sign, PARTITIONS before WHERE."""
    lines = create_text(job_of(defined(clauses=CLAUSES))).split("\n")
    assert lines[:6] == [
        "CREATE ROUTINE LOAD db.j on t",
        "COLUMNS TERMINATED BY ',',",
        "COLUMNS (id, select, `two words`, d = concat(`id`, 'x\"y')),",
        "PARTITIONS (p1, `p 2`),",
        "WHERE id > 1 and d != ')'",
        "PROPERTIES",
    ]
    assert lines[7] == '"desired_concurrent_number"="5",'
    assert lines[-5:] == ["FROM KAFKA", "(", '"kafka_broker_list"="kafka:9092",', '"kafka_topic"="orders"', ");"]


def test_the_layout_of_doris():
    """Doris: the merge type on a line of its own, blanks around the equals sign."""
    lines = create_text(job_of(defined(DORIS))).split("\n")
    assert lines[:5] == [
        "CREATE ROUTINE LOAD j ON t",
        "WITH APPEND",
        "PROPERTIES",
        "(",
        '"desired_concurrent_number" = "256",',
    ]
