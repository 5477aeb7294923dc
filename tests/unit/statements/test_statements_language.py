"""What a statement names, as a client meets it: tables with their database, sources, jobs of another database."""

from __future__ import annotations

import typing

import pytest

import routine_load
from routine_load.errors import PropertyError, RoutineLoadError, StatementSyntaxError
from routine_load.sql.statements import EngineStatement, Statement
from routine_load.statements.admission import NEEDS
from routine_load.statements.service import HANDLERS
from routine_load.testing import EmbeddedKafka


@pytest.fixture(scope="module")
def kafka():
    with EmbeddedKafka() as broker:
        broker.create_topic("words", 1)
        yield broker


@pytest.fixture(scope="module", params=["starrocks", "doris"])
def rl(request):
    with routine_load.connect(compat=request.param) as connection:
        for database in ("d", "e"):
            connection.execute(f"CREATE DATABASE {database}")
            connection.execute(f"CREATE TABLE {database}.t (a BIGINT) DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)")
        yield connection


def create(rl, kafka, job, table, source="KAFKA"):
    rl.execute(
        f'CREATE ROUTINE LOAD {job} ON {table} FROM {source} ("kafka_broker_list" = "{kafka.bootstrap}", '
        '"kafka_topic" = "words")'
    )


def test_the_jobs_own_database_may_stand_before_its_table(rl, kafka):
    """StarRocks, names: ON db.t is one name to it; here it is the table t of the job's database db."""
    create(rl, kafka, "d.own", "d.t")
    [row] = rl.query("SHOW ROUTINE LOAD FOR d.own").fetchall()
    assert row[rl.query("SHOW ROUTINE LOAD FOR d.own").columns.index("TableName")] == "t"
    rl.execute("STOP ROUTINE LOAD FOR d.own")


def test_another_database_before_the_table_is_an_unknown_table(rl, kafka):
    """StarRocks, names: a job loads into its own database; the error names what was written."""
    with pytest.raises(RoutineLoadError, match=r"e\.t"):
        create(rl, kafka, "d.other", "e.t")
    assert rl.query("SHOW ALL ROUTINE LOAD FROM d LIKE 'other'").fetchall() == []


def test_show_takes_the_later_of_two_databases(rl, kafka):
    """StarRocks, names: FOR d.j FROM e looks for j in e."""
    create(rl, kafka, "e.both", "t")
    [row] = rl.query("SHOW ROUTINE LOAD FOR d.both FROM e").fetchall()
    assert "both" in row
    rl.execute("STOP ROUTINE LOAD FOR e.both")


@pytest.mark.parametrize("source", ["PULSAR", "kinesis", "`my source`"])
def test_only_kafka_is_a_source(rl, kafka, source):
    """Both: another source's name is read, and refused by name."""
    with pytest.raises(PropertyError, match=f"does not support this type {source.strip('`').upper()}"):
        create(rl, kafka, "d.j", "t", source)


@pytest.mark.parametrize("text", ["SELECT 'a", "SELECT 1 /* a", "SELECT `a", "INSERT INTO d.t VALUES (1); SELECT 'a"])
def test_an_unterminated_quote_stops_the_whole_text(rl, text):
    """Both: nothing of a text runs if a quote or comment in it never ends; the error says where it begins."""
    with pytest.raises(StatementSyntaxError, match="unterminated") as caught:
        rl.execute(text)
    assert caught.value.position is not None
    assert rl.query("SELECT count(*) FROM d.t").fetchall() == [(0,)]


def test_every_statement_has_a_handler_and_a_privilege():
    """A statement that the grammar can say is answered, and somebody said who may run it."""
    owned = set(typing.get_args(Statement)) - {EngineStatement}
    assert owned - set(HANDLERS) == set()
    assert owned - set(NEEDS) == set()
