"""Jobs as real front ends tell them, and the statements that make them here (moving/*.toml: one case a table)."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.jobs.moving.giving import Given, for_cluster, for_service
from routine_load.jobs.moving.reading import read_job, with_values
from routine_load.jobs.moving.values import Told
from routine_load.sql.parser import parse

CASES = [
    pytest.param(Compat(file.stem), case, id=f"{file.stem}-{name}")
    for file in sorted((Path(__file__).parent / "moving").glob("*.toml"))
    for name, case in tomllib.loads(file.read_text()).items()
]


def told(compat: Compat, case: dict) -> Told:
    """The row as the vendor prints it; a case says what is not as usual."""
    place = {"topic": "orders", "currentKafkaPartitions": case.get("partitions", ""), "brokerList": "broker:9092"}
    if "registry" in case:
        place["confluent.schema.registry.url"] = case["registry"]
    multi = case.get("multi", False)
    row = {
        "Name": "orders_in",
        "DbName": "shop",
        "TableName": "" if multi else case.get("table", "orders"),
        "State": "PAUSED",
        "DataSourceType": case.get("kind", "KAFKA"),
        "JobProperties": case["job"],
        "DataSourceProperties": json.dumps(place),
        "CustomProperties": case.get("custom", "{}"),
        "Progress": case["progress"],
        **({"IsMultiTable": str(multi).lower()} if compat is Compat.DORIS else {}),
    }
    return Told(compat=compat, row=row, created=case["created"].strip())


@pytest.mark.parametrize(("compat", "case"), CASES)
def test_what_a_front_end_tells_becomes_a_statement(compat: Compat, case: dict) -> None:
    """Every job is made as it is, or it is said what cannot be."""
    if "problem" in case:
        with pytest.raises(AnalysisError) as caught:
            given_of(compat, case)
        assert case["problem"] in caught.value.message
        return
    given = given_of(compat, case)
    statement = given.statement
    if "statement" in case:
        assert given.text == case["statement"].strip()
    assert [f"{p.key} = {p.value}" for p in statement.properties] == case.get(
        "properties", [f"{p.key} = {p.value}" for p in statement.properties]
    )
    source = {f"{p.key} = {p.value}" for p in statement.source_properties}
    assert set(case.get("source", ())) <= source
    for note in case.get("notes", ()):
        assert any(note in each for each in given.notes), given.notes
    assert len(given.notes) >= len(case.get("notes", ()))
    (again,) = parse(given.text, compat)
    assert again == statement


@pytest.mark.parametrize(("compat", "case"), [each for each in CASES if "problem" not in each.values[1]])
def test_the_same_job_is_given_to_a_cluster_without_our_words(compat: Compat, case: dict) -> None:
    """A cluster is told partitions and offsets in words that it takes: no OFFSET_ZERO, nothing that only we know."""
    job = read_job(told(compat, case))
    text = for_cluster(with_values(job, case.get("given", {}))).text
    assert "kafka_partition_discovery" not in text
    assert "OFFSET_ZERO" not in text
    assert "****" not in text


def given_of(compat: Compat, case: dict) -> Given:
    job = read_job(told(compat, case))
    assert (job.is_pinned is None) == (case.get("pinned") == "not told")
    if job.is_pinned is None:
        job = replace(job, is_pinned=False)
    return for_service(with_values(job, case.get("given", {})))
