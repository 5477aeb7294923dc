"""Bad statements: each an error packet that names the thing and what is allowed, and no job is left behind."""

from __future__ import annotations

import re

import pymysql
import pytest

TABLE = """CREATE TABLE d.t (id BIGINT NOT NULL, name VARCHAR(20), age INT)
DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1"""


def create(broker: str, topic: str, *, job="j", table="t", clauses="", properties="", source="") -> str:
    properties = f"PROPERTIES ({properties})" if properties else ""
    return (
        f'CREATE ROUTINE LOAD d.{job} ON {table} {clauses} {properties} FROM KAFKA ("kafka_broker_list" = "{broker}",'
        f'"kafka_topic" = "{topic}"{"," if source else ""} {source})'
    )


BAD = {
    "unknown property": ({"properties": '"max_eror_number" = "1"'}, 1064, ["max_eror_number", "invalid property"]),
    "value out of range": ({"properties": '"max_batch_interval" = "1"'}, 1064, ["max_batch_interval should >= 5"]),
    "not a number": ({"properties": '"max_error_number" = "many"'}, 1064, ["max_error_number should >= 0"]),
    "unknown format": ({"properties": '"format" = "xml"'}, 1064, ["Format type is invalid", "xml"]),
    "unknown source key": ({"source": '"kafka_topics" = "x"'}, 1064, ["kafka_topics", "invalid kafka custom property"]),
    "forbidden client property": (
        {"source": '"property.plugin.library.paths" = "/tmp/x.so"'},
        1064,
        ["plugin.library.paths"],
    ),
    "partition that does not exist": ({"source": '"kafka_partitions" = "0,7"'}, 1064, ["partition: 7"]),
    "offsets without partitions": (
        {"source": '"kafka_offsets" = "1"'},
        1064,
        ["Partitions number should be equals to offsets number"],
    ),
    "offset beyond the end": (
        {"source": '"kafka_partitions" = "0", "kafka_offsets" = "99"'},
        1064,
        ["99", "partition: 0"],
    ),
    "table that does not exist": ({"table": "nowhere"}, 5502, ["Unknown table", "nowhere"]),
    "column that does not exist": ({"clauses": "COLUMNS (id, name, age, agee = age)"}, 1064, ["agee"]),
    "column referred to that does not exist": ({"clauses": "COLUMNS (id, name, age = years + 1)"}, 5601, ["years"]),
    "unknown function": ({"clauses": "COLUMNS (id, n, age, name = uper(n))"}, 5602, ["uper", "upper"]),
    "subquery in WHERE": ({"clauses": "WHERE id IN (SELECT 1)"}, 1064, ["subquer"]),
    "subquery in COLUMNS": ({"clauses": "COLUMNS (id, n, age, name = (SELECT 1))"}, 1064, ["subquer"]),
    "where on an unknown column": ({"clauses": "WHERE agee > 1"}, 1064, ["agee"]),
    "wrong job name": ({"job": "`1j`"}, 5063, ["1j"]),
}


@pytest.mark.parametrize("case", BAD, ids=lambda name: name.replace(" ", "-"))
def test_a_bad_create_is_refused_in_words_and_leaves_no_job(shared, embedded_kafka, case):
    """The error names what is wrong, and SHOW ALL ROUTINE LOAD stays empty."""
    service, topic = shared
    arguments, number, words = BAD[case]
    with pytest.raises(pymysql.MySQLError) as refused:
        service.run(create(embedded_kafka.bootstrap, topic, **arguments))
    assert [w for w in words if w not in refused.value.args[1]] == [], refused.value.args[1]
    assert refused.value.args[0] == number, refused.value.args
    assert service.run("USE d", "SHOW ALL ROUTINE LOAD") == []


def test_a_topic_that_does_not_exist_is_named(shared, embedded_kafka):
    """CREATE asks Kafka at once."""
    service, _ = shared
    with pytest.raises(pymysql.MySQLError, match="no-such-topic"):
        service.run(create(embedded_kafka.bootstrap, "no-such-topic"))
    assert service.run("USE d", "SHOW ALL ROUTINE LOAD") == []


@pytest.mark.timeout(60, func_only=True)
def test_a_broker_that_does_not_answer_is_an_error_within_ten_seconds(shared):
    """The error names the brokers and the time that they were given."""
    service, topic = shared
    with pytest.raises(pymysql.MySQLError, match=r"127\.0\.0\.1:1 did not answer") as refused:
        service.run(create("127.0.0.1:1", topic))
    assert float(re.search(r"within ([\d.]+) s", refused.value.args[1])[1]) <= 10
    assert service.run("USE d", "SHOW ALL ROUTINE LOAD") == []


def test_a_syntax_error_shows_where_and_what_was_expected(shared):
    """Position, the text near it, and the alternatives."""
    service, _ = shared
    with pytest.raises(pymysql.MySQLError, match=r"(?s)FORM.*line 2.*FROM") as refused:
        service.run('CREATE ROUTINE LOAD d.j ON t\nFORM KAFKA ("kafka_topic" = "x")')
    assert refused.value.args[0] == 1064


def test_states_refuse_what_they_cannot_do(service, embedded_kafka, topic):
    """A duplicate name, ALTER of what cannot be altered, RESUME of a stopped one, PAUSE of a paused one."""
    embedded_kafka.create_topic(topic, 2)
    service.run("CREATE DATABASE d", TABLE)
    service.run(create(embedded_kafka.bootstrap, topic))
    with pytest.raises(pymysql.MySQLError, match="Name j already used in db d"):
        service.run(create(embedded_kafka.bootstrap, topic))
    service.run("PAUSE ROUTINE LOAD FOR d.j")
    with pytest.raises(pymysql.MySQLError, match="Could not transform PAUSED to PAUSED"):
        service.run("PAUSE ROUTINE LOAD FOR d.j")
    with pytest.raises(pymysql.MySQLError, match="merge_condition is invalid property"):
        service.run('ALTER ROUTINE LOAD FOR d.j PROPERTIES ("merge_condition" = "x")')
    service.run('ALTER ROUTINE LOAD FOR d.j PROPERTIES ("max_error_number" = "1")')
    assert '"maxErrorNum":"1"' in service.show("d.j")["JobProperties"]
    service.run("STOP ROUTINE LOAD FOR d.j")
    for statement in ("RESUME", "PAUSE", "STOP"):
        with pytest.raises(pymysql.MySQLError, match=r"Routine load job \[j\] not found") as refused:
            service.run(f"{statement} ROUTINE LOAD FOR d.j")
        assert refused.value.args[0] == 5089
    assert service.show("d.j", all_=True)["State"] == "STOPPED"


@pytest.fixture(scope="module")
def shared(tmp_path_factory, embedded_kafka):
    """One service for the statements that change nothing."""
    from tests.e2e.conftest import ServiceProcess

    service = ServiceProcess(tmp_path_factory.mktemp("bad") / "data").start()
    topic = "bad-input"
    embedded_kafka.create_topic(topic, 2)
    service.run("CREATE DATABASE d", TABLE)
    yield service, topic
    assert service.stop() == 0
