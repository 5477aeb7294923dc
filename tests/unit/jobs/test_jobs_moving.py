"""Jobs of one vendor for a cluster of the other: the same rows, or a refusal that names what is not there."""

from __future__ import annotations

import pytest

from routine_load.errors import AnalysisError
from routine_load.ids import Compat, PartitionId
from routine_load.jobs.moving.giving import for_cluster, for_service
from routine_load.jobs.moving.reading import with_values
from routine_load.jobs.moving.starts import agreed, next_offsets
from routine_load.jobs.moving.translating import for_cluster_of
from routine_load.jobs.moving.values import MovedJob
from routine_load.sql.parser import parse

SR, DORIS = Compat.STARROCKS, Compat.DORIS


def job(compat: Compat, clauses: str = "", properties: str = "", source: str = "", on: str = " ON t") -> MovedJob:
    """A job at offset 7 of partition 0."""
    (statement,) = parse(
        f'CREATE ROUTINE LOAD db.j{on} {clauses} PROPERTIES ("format" = "csv"{properties}) '
        f'FROM KAFKA ("kafka_broker_list" = "b:1", "kafka_topic" = "t"{source})',
        compat,
    )
    return MovedJob(
        compat=compat,
        database="db",
        name="j",
        table=statement.table,
        merge_type=statement.merge_type,
        clauses=statement.clauses,
        properties={p.key: p.value for p in statement.properties},
        source={p.key: p.value for p in statement.source_properties},
        starts={PartitionId(0): "7"},
        comment=statement.comment,
    )


CARRIED = [
    (SR, DORIS, {"properties": ', "partial_update" = "true"'}, {"partial_columns": "true"}, ""),
    (SR, DORIS, {"properties": ', "task_consume_second" = "15"'}, {}, ""),
    (SR, DORIS, {"properties": ', "task_consume_second" = "3"'}, {}, "task_consume_second = 3; doris has no such"),
    (SR, DORIS, {"properties": ', "max_batch_rows" = "200000"'}, {"max_batch_rows": "200000"}, "ends a batch in Doris"),
    (SR, DORIS, {"properties": ', "push_down" = "true"'}, {}, "push_down = true; only this service has it"),
    (SR, DORIS, {"source": ', "property.kafka_default_offsets" = "5"'}, {}, "Doris takes no number there"),
    (SR, DORIS, {"clauses": "ROWS TERMINATED BY '\\n'"}, {}, ""),
    (SR, DORIS, {"clauses": "COLUMNS (a, b = a + 1)"}, {}, "expressions stand as they were written"),
    (SR, SR, {"properties": ', "exec_mem_limit" = "5"'}, {}, "exec_mem_limit = 5; starrocks has no such"),
    (SR, SR, {"clauses": "INCLUDE METADATA (KEY AS k)"}, {}, "needs StarRocks 4.1"),
    (DORIS, SR, {"properties": ', "partial_columns" = "true"'}, {"partial_update": "true"}, ""),
    (DORIS, SR, {"properties": ', "unique_key_update_mode" = "UPDATE_FIXED_COLUMNS"'}, {"partial_update": "true"}, ""),
    (DORIS, SR, {"properties": ', "max_batch_interval" = "2"'}, {"max_batch_interval": "5"}, "2 becomes 5"),
    (DORIS, SR, {"properties": ', "max_batch_size" = "104857600"'}, {}, "max_batch_size = 104857600"),
    (DORIS, SR, {"properties": ', "workload_group" = "g1"'}, {}, "workload_group = g1; starrocks has no such"),
    (DORIS, SR, {"source": ', "property.kafka_default_offsets" = "2024-01-01 00:00:00"'}, {}, "no date-time there"),
    (
        DORIS,
        DORIS,
        {"properties": ', "log_rejected_record_num" = "5"'},
        {},
        "log_rejected_record_num = 5; doris has no",
    ),
    (DORIS, DORIS, {"properties": ', "workload_group" = "g1"'}, {"workload_group": "g1"}, ""),
]


@pytest.mark.parametrize(("compat", "to", "has", "properties", "note"), CARRIED)
def test_what_changes_no_row_is_carried_or_left_out_with_a_note(compat, to, has, properties, note) -> None:
    """By its own name, by the other vendor's, or not at all; where it is not the default, it is said."""
    given = for_cluster(for_cluster_of(job(compat, **has), to))
    assert {p.key: p.value for p in given.statement.properties} == {"format": "csv", **properties}
    told = [each for each in given.notes if "pin the job there" not in each]
    assert len(told) == bool(note), told
    assert not note or note in told[0]


REFUSED = [
    (SR, DORIS, {"properties": ', "trim_space" = "true"'}, "trim_space = true is not in doris"),
    (SR, DORIS, {"properties": ', "merge_condition" = "ts"'}, "merge_condition = ts is not in doris"),
    (SR, DORIS, {"clauses": "ROWS TERMINATED BY ';'"}, "ROWS TERMINATED BY ';': Doris knows line feeds only"),
    (SR, DORIS, {"clauses": "INCLUDE METADATA (KEY AS k)"}, "INCLUDE METADATA is not in Doris"),
    (SR, DORIS, {"clauses": "COLUMNS (a, __op)"}, "column __op means nothing in Doris"),
    (SR, DORIS, {"properties": ', "format" = "avro"'}, "format avro is not in Doris"),
    (DORIS, SR, {"on": ""}, "a job for many tables is not in StarRocks"),
    (DORIS, SR, {"clauses": "WITH DELETE"}, "WITH DELETE is not in StarRocks"),
    (DORIS, SR, {"clauses": "WITH MERGE COLUMNS (a), DELETE ON a = 1"}, "WITH MERGE is not in StarRocks"),
    (DORIS, SR, {"clauses": "ORDER BY s"}, "ORDER BY is not in StarRocks"),
    (DORIS, SR, {"clauses": "PRECEDING FILTER a = 1"}, "PRECEDING FILTER is not in StarRocks"),
    (DORIS, SR, {"properties": ', "num_as_string" = "true"'}, "num_as_string = true is not in starrocks"),
    (DORIS, SR, {"properties": ', "empty_field_as_null" = "true"'}, "empty_field_as_null = true is not in starrocks"),
    (DORIS, SR, {"properties": ', "unique_key_update_mode" = "UPDATE_FLEXIBLE_COLUMNS"'}, "is not in StarRocks"),
    (DORIS, SR, {"source": ', "aws.region" = "r"'}, "aws.region is not in StarRocks"),
    (DORIS, DORIS, {"properties": ', "trim_space" = "true"'}, "trim_space = true is not in doris"),
]


@pytest.mark.parametrize(("compat", "to", "has", "problem"), REFUSED)
def test_what_would_change_rows_is_refused(compat, to, has, problem) -> None:
    """A job that loads other rows is not the same job."""
    with pytest.raises(AnalysisError) as caught:
        for_cluster_of(job(compat, **has), to)
    assert problem in caught.value.message


def test_a_mask_is_never_a_value() -> None:
    """Also one that was given: it stands for a secret that nobody told."""
    masked = with_values(job(SR, source=', "property.sasl.password" = "x"'), {"property.sasl.password": "******"})
    with pytest.raises(AnalysisError, match=r"property\.sasl\.password"):
        for_service(masked)


def test_secrets_stand_in_no_text_for_people() -> None:
    """The statement that is shown has masks, also over the secret in a registry's address."""
    secret = job(
        SR,
        source=', "property.sasl.password" = "hid1", "confluent.schema.registry.url" = "http://k:hid2@r"',
    )
    given = for_service(secret)
    assert "hid1" in given.text
    assert "hid2" in given.text
    assert "hid" not in given.shown
    assert "hid" not in repr(secret)
    assert "hid" not in repr(given)


@pytest.mark.parametrize("text", ['{"0":"x"}', '{"0":"-1"}', '{"x":"1"}', '{"0":1.5}', "[]", "{"])
def test_progress_that_is_not_known_is_refused(text) -> None:
    """A guess would lose rows or load them twice."""
    with pytest.raises(AnalysisError):
        next_offsets(text)


def test_words_of_progress() -> None:
    """The last consumed offset, the start of the log, and what was not resolved."""
    told = next_offsets('{"1":"OFFSET_ZERO","0":"0","3":"OFFSET_END","2":"OFFSET_BEGINNING"}')
    assert told == {0: "1", 1: "0", 2: "OFFSET_BEGINNING", 3: "OFFSET_END"}
    assert agreed(told, told)
    assert not agreed(told, {**told, PartitionId(0): "2"})
