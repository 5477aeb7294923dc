"""What can be looked up beside SHOW ROUTINE LOAD: transactions, loads, rejected rows, jobs as rows, by whom."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

import routine_load
from routine_load.errors import AnalysisError, ExecutionError, RoutineLoadError
from routine_load.testing import EmbeddedKafka

TABLE = "(a INT, b VARCHAR(5)) DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class Desk:
    """A coordinator with jobs that loaded, one in each vendor's mode, and one whose batch was refused."""

    def __init__(self, directory: Path, kafka: EmbeddedKafka, topic: Callable[[], str]) -> None:
        self.directory = directory
        self._kafka = kafka
        self.open()
        self.rl.execute("CREATE DATABASE d")
        self.rl.execute("CREATE DATABASE e")
        for compat, job, bad in (("starrocks", "d.good", "1"), ("doris", "d.other", "1"), ("starrocks", "e.bad", "0")):
            self.rl.execute(f"SET compat = '{compat}'")
            self.rl.execute(f"CREATE TABLE {job} {TABLE}")
            name = topic()
            kafka.create_topic(name, 1)
            kafka.produce(name, ["1,x", "2,y,z", "3,x", "-1,x"])
            self.rl.execute(
                f"""CREATE ROUTINE LOAD {job} ON {job.split(".")[1]} COLUMNS TERMINATED BY ",", WHERE a > 0
                PROPERTIES ("max_filter_ratio" = "{bad}", "max_error_number" = "10")
                FROM KAFKA ("kafka_broker_list" = "{kafka.bootstrap}", "kafka_topic" = "{name}",
                            "property.kafka_default_offsets" = "OFFSET_BEGINNING")"""
            )
        self.rl.execute("SET compat = 'starrocks'")
        for job in ("d.good", "d.other"):
            self.rl.wait(job, loaded_rows=2, timeout=30)
        with pytest.raises(RoutineLoadError, match="too many filtered rows"):
            self.rl.wait("e.bad", loaded_rows=1, timeout=30)

    def open(self) -> None:
        self.rl = routine_load.connect(self.directory, mysql_port=0)

    def rows(self, text: str, compat: str = "starrocks") -> list[dict[str, Any]]:
        self.rl.execute(f"SET compat = '{compat}'")
        return self.rl.query(text).dicts()

    def row(self, text: str, compat: str = "starrocks") -> dict[str, Any]:
        [row] = self.rows(text, compat)
        return row


@pytest.fixture(scope="module")
def desk(tmp_path_factory, embedded_kafka) -> Iterator[Desk]:
    names = iter(f"looking-up-{number}" for number in range(10))
    desk = Desk(tmp_path_factory.mktemp("desk") / "data", embedded_kafka, lambda: next(names))
    yield desk
    desk.rl.close()


def test_a_transaction_tells_what_became_of_it(desk):
    """StarRocks: SHOW TRANSACTION WHERE ID; the label is job, job id and task; its listener is the job."""
    load = desk.row("SELECT * FROM information_schema.loads WHERE LABEL LIKE 'good-%'")
    seen = desk.row(f"SHOW TRANSACTION FROM d WHERE ID = {load['ID']}")
    assert re.fullmatch(rf"good-{load['JOB_ID']}-{UUID}", seen["Label"])
    assert seen["TransactionStatus"] == "VISIBLE"
    assert seen["LoadJobSourceType"] == "ROUTINE_LOAD_TASK"
    assert (str(seen["ListenerId"]), str(seen["TimeoutMs"]), str(seen["PreparedTimeoutMs"])) == (
        str(load["JOB_ID"]),
        "60000",
        "86400000",
    )
    assert seen["PrepareTime"] <= seen["CommitTime"] <= seen["FinishTime"]
    assert (seen["Reason"], seen["PreparedTime"]) == ("", None)


def test_doris_labels_are_task_ids_and_conditions_are_more(desk):
    """Doris: SHOW TRANSACTION WHERE id, label =, label LIKE (``_`` is itself), status =."""
    everything = desk.rows("SHOW TRANSACTION FROM d WHERE status = 'visible'", "doris")
    [own] = [row for row in everything if re.fullmatch(r"[0-9a-f]{1,16}-[0-9a-f]{1,16}", row["Label"])]
    assert own == desk.row(f"SHOW TRANSACTION FROM d WHERE label = '{own['Label']}'", "doris")
    assert own == desk.row(f"SHOW TRANSACTION FROM d WHERE id = {own['TransactionId']}", "doris")
    half = own["Label"][: len(own["Label"]) // 2]
    assert desk.rows(f"SHOW TRANSACTION FROM d WHERE label LIKE '{half}%'", "doris") == [own]
    assert desk.rows(f"SHOW TRANSACTION FROM d WHERE label LIKE '_{half[1:]}%'", "doris") == []


@pytest.mark.parametrize(
    ("compat", "condition", "kind", "said"),
    [
        ("starrocks", "WHERE ID = 5", ExecutionError, "transaction with id 5 does not exist"),
        ("doris", "WHERE label = 'x'", ExecutionError, "transaction with label x does not exist"),
        ("starrocks", "", AnalysisError, "Missing transaction id"),
        ("doris", "WHERE id > 5", AnalysisError, "Where clause should looks like one of them: id = 123"),
        ("doris", "WHERE id = 'x'", AnalysisError, "Where clause should looks like one of them: id = 123"),
        ("doris", "WHERE status = 'ready'", AnalysisError, "status should be prepare/precommitted/committed/visible"),
    ],
)
def test_what_is_not_there_or_not_asked_well_is_an_error(desk, compat, condition, kind, said):
    """StarRocks, Doris: SHOW TRANSACTION's errors; only LIKE without a match is an empty set."""
    with pytest.raises(kind, match=re.escape(said)):
        desk.rows(f"SHOW TRANSACTION FROM d {condition}", compat)


def test_a_refused_batch_is_an_aborted_transaction_with_its_reason(desk):
    """Nothing of it counts; SHOW LOAD calls it CANCELLED and says why."""
    seen = desk.row("SHOW TRANSACTION FROM e WHERE status = 'aborted'", "doris")
    assert seen["TransactionStatus"] == "ABORTED"
    assert "too many filtered rows" in seen["Reason"]
    assert (seen["CommitTime"], seen["FinishTime"] is None) == (None, False)
    load = desk.row("SHOW LOAD FROM e")
    assert (load["State"], str(load["SinkRows"])) == ("CANCELLED", "0")
    assert load["ErrorMsg"].startswith("type:LOAD_RUN_FAIL; msg:")


def test_loads_count_their_rows(desk):
    """StarRocks: information_schema.loads has a row per task with its counts, times and a query for its bad rows."""
    load = desk.row("SELECT * FROM information_schema.loads WHERE DB_NAME = 'd' AND LABEL LIKE 'good-%'")
    counts = [load[name] for name in ("SCAN_ROWS", "FILTERED_ROWS", "UNSELECTED_ROWS", "SINK_ROWS", "SCAN_BYTES")]
    assert counts == [4, 1, 1, 2, 15]
    assert (load["STATE"], load["TYPE"], load["PROGRESS"]) == ("FINISHED", "ROUTINE_LOAD", "ETL:100%; LOAD:100%")
    assert load["CREATE_TIME"] <= load["LOAD_COMMIT_TIME"] <= load["LOAD_FINISH_TIME"]
    [(text,)] = desk.rl.query(load["TRACKING_SQL"]).fetchall()
    assert text.startswith("Error: ")
    assert text.endswith("] 2,y,z")


def test_show_load_filters_sorts_and_cuts(desk):
    """StarRocks, Doris: WHERE on Label, State, Type and JobId; ORDER BY any column; LIMIT and its offset."""
    every = desk.rows("SHOW LOAD FROM d ORDER BY JobId DESC")
    assert [str(row["JobId"]) for row in every] == sorted((str(row["JobId"]) for row in every), reverse=True)
    assert desk.rows("SHOW LOAD FROM d ORDER BY JobId DESC LIMIT 1, 1") == every[1:2]
    assert {row["Label"][:5] for row in desk.rows("SHOW LOAD FROM d WHERE LABEL LIKE 'good%'")} == {"good-"}
    assert desk.rows("SHOW LOAD FROM d WHERE STATE = 'cancelled'") == []
    label = every[0]["Label"]
    assert desk.rows(f"SHOW LOAD FROM d WHERE LABEL = '{label}' AND STATE = 'FINISHED'") == every[:1]
    for wrong in ("WHERE Progress = 'x'", "WHERE LABEL > 'a'", "ORDER BY nothing"):
        with pytest.raises(AnalysisError):
            desk.rows(f"SHOW LOAD FROM d {wrong}")


def test_the_tracking_sql_of_show_works_when_pasted(desk):
    """StarRocks: TrackingSQL; the text lines name reason and row."""
    shown = desk.row("SHOW ROUTINE LOAD FOR d.good")
    [(text,)] = desk.rl.query(shown["TrackingSQL"]).fetchall()
    [line] = text.splitlines()
    assert re.fullmatch(r"Error: .+\. Row: \[meta: kafka partition: 0, offset: 1\] 2,y,z", line)


@pytest.mark.parametrize("condition", ["", "WHERE TYPE = 'ROUTINE_LOAD'", "WHERE JOB_ID = 1 OR LABEL = 'x'"])
def test_tracking_logs_want_a_job_or_a_label(desk, condition):
    """StarRocks: a query must filter on JOB_ID or LABEL."""
    with pytest.raises(AnalysisError, match="load_tracking_logs must specify label or job_id"):
        desk.rows(f"SELECT * FROM information_schema.load_tracking_logs {condition}")


def test_jobs_are_rows_by_the_sessions_vendor(desk):
    """StarRocks and Doris: routine_load_jobs, with the values of SHOW; SQL filters them."""
    columns = "NAME, DB_NAME, TABLE_NAME, STATE, CURRENT_TASK_NUM, PROGRESS, LATEST_SOURCE_POSITION, TRACKING_SQL"
    job = desk.row(f"SELECT ID, {columns} FROM information_schema.routine_load_jobs WHERE NAME = 'good'")
    shown = desk.row("SHOW ROUTINE LOAD FOR d.good")
    assert (job["NAME"], job["DB_NAME"], job["TABLE_NAME"], job["STATE"]) == ("good", "d", "good", "RUNNING")
    assert (job["CURRENT_TASK_NUM"], job["PROGRESS"]) == (1, shown["Progress"])
    assert job["TRACKING_SQL"] == shown["TrackingSQL"]
    own = desk.row("SELECT * FROM information_schema.routine_load_jobs j WHERE j.JOB_NAME = 'bad'", "doris")
    assert (own["STATE"], own["IS_ABNORMAL_PAUSE"], own["USER_NAME"]) == ("PAUSED", 1, "root")
    assert "too many filtered rows" in own["REASON_OF_STATE_CHANGED"]
    wide = "SELECT JOB_NAME FROM information_schema.routine_load_jobs WHERE DB_NAME IN ('d', 'e') ORDER BY 1"
    assert [row["JOB_NAME"] for row in desk.rows(wide, "doris")] == ["bad", "good", "other"]


def test_proc_counts_tasks_and_transactions(desk):
    """StarRocks, Doris: SHOW PROC; databases go by name or by the number that /dbs tells."""
    own = desk.rows("SHOW PROC '/routine_loads'")
    assert {row["Name"] for row in own} == {"good", "other", "bad"}
    [good] = [row for row in own if row["Name"] == "good"]
    assert re.fullmatch(r'\{"running_task":"[01]","waiting_task":"[01]"\}', good["TaskStatistic"])
    [d] = [row for row in desk.rows("SHOW PROC '/dbs'") if row["DbName"] == "d"]
    assert str(d["TableNum"]) == "2"
    assert desk.rows(f"SHOW PROC '/dbs/{d['DbId']}'") == desk.rows("SHOW PROC '/dbs/d'")
    states = {row["State"]: int(row["Number"]) for row in desk.rows("SHOW PROC '/transactions/d'")}
    assert states["finished"] >= 2
    listed = desk.rows("SHOW PROC '/transactions/d/finished'")
    assert listed == desk.rows("SHOW TRANSACTION FROM d WHERE status = 'visible'")
    for missing in ("/nothing", "/backends/1", "/transactions/d/lost", "/dbs/nothing"):
        with pytest.raises(ExecutionError):
            desk.rows(f"SHOW PROC '{missing}'")


def test_the_list_of_sessions_cuts_statements_unless_full(desk):
    """MySQL: 100 characters, the whole with FULL."""
    remark = "x" * 200
    lengths = [len(desk.rows(f"SHOW {full} PROCESSLIST -- {remark}")[0]["Info"]) for full in ("", "FULL")]
    assert lengths[0] == 100
    assert lengths[1] > 200


def test_a_user_sees_what_is_theirs_to_see(desk):
    """Rows about tables of which a user holds no privilege are left out, silently."""
    asked = [
        "SELECT * FROM information_schema.routine_load_jobs",
        "SELECT * FROM information_schema.loads",
        "SELECT * FROM information_schema.load_tracking_logs WHERE JOB_ID = 1",
        "SELECT * FROM information_schema.routine_load_rejects",
        "SELECT * FROM information_schema.tables WHERE TABLE_SCHEMA = 'd'",
    ]
    assert all(desk.rows(text) for text in asked)
    desk.rl.execute("CREATE USER IF NOT EXISTS 'eve' IDENTIFIED BY 'apple'")
    with (
        pymysql.connect(host="127.0.0.1", port=desk.rl.ports[0], user="eve", password="apple") as eve,
        eve.cursor() as cursor,
    ):
        assert [cursor.execute(text) for text in asked] == [0] * len(asked)


def test_committed_loads_and_final_jobs_are_known_after_a_restart(tmp_path, embedded_kafka, topic_name):
    """The sink remembers loads, with number, label and counts; what was given up was of the old process."""
    desk = Desk(tmp_path / "data", embedded_kafka, topic_name)
    desk.rl.execute("STOP ROUTINE LOAD FOR d.other")
    ask = "SELECT ID, LABEL, SINK_ROWS, FILTERED_ROWS, JOB_ID FROM information_schema.loads WHERE STATE = '{}' ORDER BY ID"
    before = desk.rows(ask.format("FINISHED"))
    assert [len(before), len(desk.rows(ask.format("CANCELLED")))] == [2, 1]
    desk.rl.close()
    desk.open()
    try:
        assert desk.rows(ask.format("FINISHED")) == before
        assert desk.rows(ask.format("CANCELLED")) == []
        job = desk.row("SELECT STATE, END_TIME FROM information_schema.routine_load_jobs WHERE NAME = 'other'")
        assert (job["STATE"], job["END_TIME"] is None) == ("STOPPED", False)
    finally:
        desk.rl.close()
