"""The embedded API on a real coordinator and both brokers."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

import routine_load
from routine_load.errors import (
    DirectoryInUse,
    JobStateError,
    LimitExceeded,
    PropertyError,
    RoutineLoadError,
    UnknownDatabase,
)


@pytest.fixture
def rl(tmp_path):
    with routine_load.connect(tmp_path / "data") as connection:
        yield connection


def prepare(connection, broker, topic: str, values: list[str]) -> None:
    broker.create_topic(topic, 2)
    broker.produce(topic, values, partition=0)
    connection.execute("CREATE DATABASE d")
    connection.execute("CREATE TABLE d.t (id INT NOT NULL, v VARCHAR(10)) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)")
    connection.execute(f"""
        CREATE ROUTINE LOAD d.j ON t COLUMNS TERMINATED BY ","
        FROM KAFKA ("kafka_broker_list" = "{broker.bootstrap}", "kafka_topic" = "{topic}",
                    "property.kafka_default_offsets" = "OFFSET_BEGINNING")
    """)


def test_rows_arrive_without_a_port(rl, broker, topic):
    """A job runs inside the process; wait returns when its rows are there; no door is open."""
    assert rl.ports == (None, None)
    prepare(rl, broker, topic, ["1,a", "2,b"])
    rl.wait("d.j", loaded_rows=2)
    assert rl.wait("d.j", caught_up=True).progress == {0: 2, 1: 0}
    assert rl.query("SELECT id, v FROM d.t ORDER BY id").fetchall() == [(1, "a"), (2, "b")]
    assert rl.query("SELECT id FROM t ORDER BY id", database="d").arrow().to_pydict() == {"id": [1, 2]}


@pytest.mark.kafka
def test_what_was_aborted_does_not_keep_a_wait(rl, apache_kafka, topic):
    """A topic that ends with an aborted transaction: its records and marks are passed, and the job has caught up."""
    prepare(rl, apache_kafka, topic, ["1,a"])
    producer = Producer({"bootstrap.servers": apache_kafka.bootstrap, "transactional.id": topic})
    producer.init_transactions()
    for value, end in [("2,b", producer.commit_transaction), ("3,c", producer.abort_transaction)]:
        producer.begin_transaction()
        producer.produce(topic, value, partition=0)
        producer.flush()
        end()
    job = rl.wait("d.j", caught_up=True)
    assert (job.statistic.loaded_rows, job.lag.total) == (2, 0)


def test_wait_raises_the_reason_of_a_pause(rl, embedded_kafka, topic):
    """A job that pauses itself ends the wait with its reason, not with the time limit."""
    prepare(rl, embedded_kafka, topic, ["1,a", "no number,b"])
    with pytest.raises(JobStateError, match=r"d\.j is PAUSED with 1 of 9 rows.*error"):
        rl.wait("d.j", loaded_rows=9)


def test_wait_has_a_limit(rl, embedded_kafka, topic):
    """Rows that do not come end the wait with what has come."""
    prepare(rl, embedded_kafka, topic, ["1,a"])
    rl.wait("d.j", loaded_rows=1)
    with pytest.raises(LimitExceeded, match=r"d\.j loaded 1 of 2 rows within 0\.2 s and is"):
        rl.wait("d.j", loaded_rows=2, timeout=0.2)


def test_rows_and_progress_survive_closing(tmp_path, embedded_kafka, topic):
    """A directory opened again goes on where it was: nothing is loaded twice."""
    with routine_load.connect(tmp_path) as first:
        prepare(first, embedded_kafka, topic, ["1,a"])
        first.wait("d.j", loaded_rows=1)
    embedded_kafka.produce(topic, ["2,b"], partition=0)
    with routine_load.connect(tmp_path) as second:
        second.wait("d.j", loaded_rows=2)
        assert second.query("SELECT id FROM d.t ORDER BY id").fetchall() == [(1,), (2,)]


def test_a_directory_has_one_owner(tmp_path):
    """The second coordinator on a directory is refused; after closing the first it may have it."""
    with routine_load.connect(tmp_path), pytest.raises(DirectoryInUse):
        routine_load.connect(tmp_path)
    routine_load.connect(tmp_path).close()


def test_a_wrong_setting_is_named():
    """connect checks its settings like the command line does."""
    with pytest.raises(PropertyError, match=r"backends = 65 \(given to connect\) is not allowed"):
        routine_load.connect(backends=65)


def test_errors_are_ours_on_both_doors(tmp_path):
    """The same statement fails with the same class inside the process and over the wire."""
    with routine_load.connect(tmp_path, mysql_port=0) as inside:
        port, _ = inside.ports
        with routine_load.connect(url=f"mysql://root@127.0.0.1:{port}") as outside:
            for connection in (inside, outside):
                with pytest.raises(UnknownDatabase):
                    connection.execute("USE nowhere")
                assert connection.query("SELECT 1 AS one").dicts() == [{"one": 1}]
                with pytest.raises(RoutineLoadError, match="answers no rows"):
                    connection.query("CREATE DATABASE IF NOT EXISTS x")


def test_several_statements_give_several_results(rl):
    """results keeps the answer of each statement; execute gives the last."""
    first, second = rl.results("SELECT 1; SELECT 2")
    assert [list(map(tuple, each.rows)) for each in (first, second)] == [[(1,)], [(2,)]]


def test_a_closed_connection_says_so(tmp_path):
    """Closing twice is fine; using it afterwards is an error."""
    connection = routine_load.connect(tmp_path)
    connection.close()
    connection.close()
    with pytest.raises(RoutineLoadError, match="closed"):
        connection.execute("SELECT 1")
