"""ADMIN SET FRONTEND CONFIG: every setting acts, at once, on jobs that run; each is shown by what it does.

One coordinator for all tests; each test gives back the vendor's defaults.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from pathlib import Path

import httpx
import pytest

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.errors import ExecutionError, RoutineLoadError, SourceUnavailable
from routine_load.ids import Compat
from routine_load.jobs.frontend_config import ITEMS
from routine_load.observe import failpoints

SR, DORIS = Compat.STARROCKS, Compat.DORIS
WAIT_S = 30


class House:
    """A coordinator in this process, spoken to in either vendor's words."""

    def __init__(self, directory: Path, kafka, compat: Compat = SR) -> None:
        settings = Settings(
            data_dir=directory,
            mysql_port=None,
            http_port=0,
            compat=compat,
            partition_refresh_s=0.5,
            abort_backoff_s=0.1,
        )
        self.coordinator = Coordinator(settings)
        self.coordinator.start()
        self.kafka = kafka
        self.sessions = {c: self.coordinator.service.open_session("root", "test", c) for c in Compat}
        self.numbers = itertools.count()
        self.run("CREATE DATABASE d")
        for session in self.sessions.values():
            session.database = "d"

    def run(self, text: str, compat: Compat = SR) -> list[tuple]:
        result = self.coordinator.service.execute(self.sessions[compat], text)[-1]
        return [tuple(row) for row in getattr(result, "rows", ())]

    def rows(self, text: str, compat: Compat = SR) -> list[dict[str, str]]:
        result = self.coordinator.service.execute(self.sessions[compat], text)[-1]
        return [dict(zip((c.name for c in result.columns), row, strict=True)) for row in result.rows]

    def set(self, name: str, value: object, compat: Compat = SR) -> None:
        self.run(f'ADMIN SET FRONTEND CONFIG ("{name}" = "{value}")', compat)

    def job(self, compat: Compat = SR, *, partitions: int = 1, properties: str = "", where: str = "") -> str:
        """A table, a topic and a job that reads it from its beginning, all of one name."""
        name = f"j{next(self.numbers)}"
        self.run(
            f"CREATE TABLE {name} (k INT, v VARCHAR(200)) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) BUCKETS 1", compat
        )
        self.kafka.create_topic(f"t-{id(self)}-{name}", partitions)
        self.start(name, compat, properties, where)
        return name

    def start(self, name: str, compat: Compat = SR, properties: str = "", where: str = "") -> None:
        self.run(
            f"CREATE ROUTINE LOAD {name} ON {name} COLUMNS TERMINATED BY ','{where} "
            f"{f'PROPERTIES ({properties})' if properties else ''} FROM KAFKA ('kafka_broker_list' = "
            f"'{self.kafka.bootstrap}', 'kafka_topic' = 't-{id(self)}-{name}', "
            "'property.kafka_default_offsets' = 'OFFSET_BEGINNING')",
            compat,
        )

    def produce(self, name: str, values: list[str], **more: object) -> None:
        self.kafka.produce(f"t-{id(self)}-{name}", values, **more)

    def show(self, name: str, compat: Compat = SR) -> dict[str, str]:
        return self.rows(f"SHOW ALL ROUTINE LOAD FOR {name}", compat)[0]

    def tasks(self, name: str, compat: Compat = SR) -> list[dict[str, str]]:
        return self.rows(f"SHOW ROUTINE LOAD TASK WHERE JobName = '{name}'", compat)

    def statistic(self, name: str) -> dict[str, int]:
        return json.loads(self.show(name)["Statistic"])

    def metrics(self, query: str = "") -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.coordinator.ports[1]}/metrics{query}", timeout=10)


def until(condition):
    """What the condition gives once it is true."""
    deadline = time.monotonic() + WAIT_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come about"
        threading.Event().wait(0.02)
    return found


@pytest.fixture(scope="module")
def open_house(tmp_path_factory, embedded_kafka):
    made = House(tmp_path_factory.mktemp("house"), embedded_kafka)
    yield made
    made.coordinator.stop()


@pytest.fixture
def house(open_house):
    """The house, with every setting as the vendor has it and no job left behind."""
    yield open_house
    for name, item in ITEMS.items():
        if item.mutable and open_house.coordinator.service._context.frontend_config.is_overridden(name):
            open_house.set(name, str(item.default).lower())
    for (name,) in ((row["Name"],) for row in open_house.rows("SHOW ROUTINE LOAD")):
        open_house.run(f"STOP ROUTINE LOAD FOR {name}")


def test_a_setting_is_shown_in_the_vendors_columns_with_what_it_does(house):
    """StarRocks: Key, AliasNames, Value, Type, IsMutable, Comment; Doris: Key, Value, Type, IsMutable, MasterOnly."""
    house.set("period_of_auto_resume_min", 7)
    (row,) = house.rows("ADMIN SHOW FRONTEND CONFIG LIKE 'period_of_auto_resume_min'")
    assert list(row) == ["Key", "AliasNames", "Value", "Type", "IsMutable", "Comment"]
    assert (row["Value"], row["Type"], row["IsMutable"], row["AliasNames"]) == ("7", "int", "true", "[]")
    assert row["Comment"].endswith("Default: 5.")
    (row,) = house.rows("ADMIN SHOW FRONTEND CONFIG LIKE 'period_of_auto_resume_min'", DORIS)
    assert list(row) == ["Key", "Value", "Type", "IsMutable", "MasterOnly", "Comment"]
    assert (row["Value"], row["MasterOnly"]) == ("7", "true")
    assert row["Comment"].endswith("Default: 10.")


def test_every_setting_of_the_vendor_is_listed_and_none_of_the_other(tmp_path, embedded_kafka):
    """Those of the other vendor appear once they were set, and are told with their value."""
    house = House(tmp_path, embedded_kafka)
    try:
        for compat in Compat:
            shown = {row["Key"] for row in house.rows("ADMIN SHOW FRONTEND CONFIG", compat)} - {"run_mode"}
            assert shown == {name for name, item in ITEMS.items() if compat in item.vendors}
        house.set("empty_load_as_error", "false", DORIS)
        (row,) = house.rows("ADMIN SHOW FRONTEND CONFIG LIKE 'empty_load_as_error'", DORIS)
        assert row["Value"] == "false"
        (row,) = house.rows("ADMIN SHOW FRONTEND CONFIG LIKE 'run_mode'")
        assert list(row.values())[2] == "shared_nothing"  # what the SQLAlchemy dialect reads
    finally:
        house.coordinator.stop()


@pytest.mark.parametrize(
    ("compat", "given", "number", "text"),
    [
        (SR, '"nope" = "1"', 5102, "Config 'nope' does not exist or is not mutable"),
        (
            SR,
            '"label_clean_interval_second" = "1"',
            5102,
            "Config 'label_clean_interval_second' does not exist or is not",
        ),
        (DORIS, '"nope" = "1"', 1105, "Config 'nope' does not exist"),
        (DORIS, '"label_clean_interval_second" = "1"', 1105, "Config 'label_clean_interval_second' is not mutable"),
        (SR, '"period_of_auto_resume_min" = "x"', 1064, 'err: For input string: "x"; it is an integer from 0 to'),
        (
            SR,
            '"period_of_auto_resume_min" = "-1"',
            1064,
            "err: -1 is out of range; it is an integer from 0 to 2147483647",
        ),
        (SR, '"period_of_auto_resume_min" = "2147483648"', 1064, "is out of range"),
        (DORIS, '"empty_load_as_error" = "1"', 1105, "err: '1' is neither true nor false"),
        (
            SR,
            '"period_of_auto_resume_min" = "1", "label_keep_max_num" = "1"',
            1064,
            "config parameter size is not equal",
        ),
    ],
)
def test_what_cannot_be_set_is_refused_in_the_vendors_words(house, compat, given, number, text):
    """Wrong name, fixed setting, wrong type, out of range, more than one."""
    with pytest.raises(RoutineLoadError) as refused:
        house.run(f"ADMIN SET FRONTEND CONFIG ({given})", compat)
    assert text in refused.value.message
    assert refused.value.number(compat) == number


def test_what_was_set_is_kept_over_a_restart(tmp_path, embedded_kafka):
    """Both vendors' settings, whichever mode they were set in."""
    first = House(tmp_path, embedded_kafka)
    first.set("max_routine_load_job_num", 3)
    first.set("routine_load_unstable_threshold_second", 9, DORIS)
    first.coordinator.stop()
    again = Coordinator(Settings(data_dir=tmp_path, mysql_port=None, http_port=None))
    again.start()
    config = again.service._context.frontend_config
    again.stop()
    assert (config(DORIS).max_routine_load_job_num, config(SR).routine_load_unstable_threshold_second) == (3, 9)


def test_the_number_of_tasks_of_a_running_job_follows_its_setting(house):
    """max_routine_load_task_concurrent_num: divided anew at once; with 0 the job waits, and goes on when it may."""
    name = house.job(partitions=4)
    until(lambda: house.show(name)["CurrentTaskNum"] == "3")  # three backends
    house.set("max_routine_load_task_concurrent_num", 2)
    until(lambda: house.show(name)["CurrentTaskNum"] == "2")
    house.set("max_routine_load_task_concurrent_num", 0)
    until(lambda: not house.tasks(name))
    house.produce(name, ["1,a"])
    house.set("max_routine_load_task_concurrent_num", 1)
    until(lambda: house.run(f"SELECT k FROM {name}") == [(1,)])
    assert len(house.tasks(name)) == 1


def test_without_slots_data_waits_and_the_job_says_so(house):
    """max_routine_load_task_num_per_be, and routine_load_unstable_threshold_second: a job that lags is UNSTABLE."""
    name = house.job()
    house.produce(name, ["1,a"], timestamp_ms=int(time.time() * 1000) - 100_000)
    until(lambda: house.statistic(name)["loadedRows"] == 1)
    house.set("max_routine_load_task_num_per_be", 0)
    house.produce(name, ["2,b"])
    told = until(lambda: "failed to allocate be slot" in house.show(name)["OtherMsg"] and house.show(name)["OtherMsg"])
    assert re.fullmatch(
        r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] \[task id: [0-9a-f-]{36}\] \[txn id: -1\] failed to allocate be slot, wait for 1 "
        r"second to schedule again, you can set max_routine_load_task_num_per_be bigger in fe\.conf, current value is 0",
        told,
    )
    house.set("routine_load_unstable_threshold_second", 99)
    row = until(lambda: house.show(name)["State"] == "UNSTABLE" and house.show(name))
    assert "errCode = 105" in row["ReasonOfStateChanged"]
    assert "partition [0] exceeds Config.routine_load_unstable_threshold_second [99]" in row["ReasonOfStateChanged"]
    assert not house.rows("SHOW ROUTINE LOAD WHERE State = 'UNSTABLE'")
    assert house.rows("SHOW ROUTINE LOAD WHERE State = 'RUNNING'")[0]["State"] == "UNSTABLE"
    assert json.loads(row["Statistic"])["partitionLagTime"] == {}
    house.set("enable_routine_load_lag_time_metrics", "true")
    assert house.statistic(name)["partitionLagTime"]["0"] >= 100
    assert "starrocks_fe_routine_load_max_lag_time_of_partition{" in house.metrics().text
    assert 'starrocks_fe_routine_load_jobs{state="UNSTABLE"} 1' in house.metrics().text
    house.set("max_routine_load_task_num_per_be", 16)
    until(lambda: house.statistic(name)["loadedRows"] == 2)
    assert house.show(name)["State"] == "RUNNING"


def test_bytes_of_a_batch_follow_their_setting(house):
    """max_routine_load_batch_size: what was one batch is several."""
    name = f"j{next(house.numbers)}"
    house.run(f"CREATE TABLE {name} (k INT, v VARCHAR(200)) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) BUCKETS 1")
    house.kafka.create_topic(f"t-{id(house)}-{name}", 1)
    house.produce(name, [f"{n},{'x' * 100}" for n in range(2_000)])
    house.set("max_routine_load_batch_size", 50_000)
    house.start(name)
    until(lambda: house.statistic(name)["loadedRows"] == 2_000)
    assert house.statistic(name)["committedTaskNum"] >= 4


def test_seconds_of_new_jobs_follow_their_settings(house):
    """routine_load_task_consume_second and routine_load_task_timeout_second are defaults at CREATE."""
    before = house.job()
    house.set("routine_load_task_consume_second", 3)
    house.set("routine_load_task_timeout_second", 33)
    after = house.job()
    seconds = [json.loads(house.show(name)["JobProperties"]) for name in (before, after)]
    assert [(s["taskConsumeSecond"], s["taskTimeoutSecond"]) for s in seconds] == [("15", "60"), ("3", "33")]
    until(lambda: house.tasks(after) and house.tasks(after)[0]["Timeout"] == "33")


def test_timeouts_of_doris_tasks_follow_their_settings(house):
    """routine_load_task_timeout_multiplier and routine_load_task_min_timeout_sec."""
    name = house.job(DORIS, properties='"max_batch_interval" = "10"')
    until(lambda: house.tasks(name, DORIS))
    assert house.tasks(name, DORIS)[0]["Timeout"] == "100"  # a task that runs keeps what it was given
    house.set("routine_load_task_timeout_multiplier", 7, DORIS)
    until(lambda: house.tasks(name, DORIS)[0]["Timeout"] == "70")
    house.set("routine_load_task_min_timeout_sec", 90, DORIS)
    until(lambda: house.tasks(name, DORIS)[0]["Timeout"] == "90")


@pytest.mark.parametrize(
    ("compat", "name"), [(SR, "routine_load_kafka_timeout_second"), (DORIS, "max_get_kafka_meta_timeout_second")]
)
def test_how_long_kafka_has_to_answer_follows_its_setting(house, compat, name):
    """CREATE, planning and refreshing ask with that much time, and at most what the settings allow."""
    context = house.coordinator.service._context
    assert context.kafka_deadline(compat).remaining > 5
    house.set(name, 1)
    assert context.kafka_deadline(compat).remaining <= 1
    house.run("CREATE TABLE IF NOT EXISTS t (k INT) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) BUCKETS 1")
    with pytest.raises(SourceUnavailable):
        house.run(
            "CREATE ROUTINE LOAD gone ON t FROM KAFKA ('kafka_broker_list' = '127.0.0.1:1', 'kafka_topic' = 'x')",
            compat,
        )


def test_a_batch_that_loads_nothing_counts_as_the_front_end_says(house):
    """empty_load_as_error: aborted and said in OtherMsg, or committed; the offsets advance in either case."""
    name = house.job(where=", WHERE k > 5")
    house.produce(name, ["1,a"])
    until(lambda: json.loads(house.show(name)["Progress"])["0"] == "0")
    counts = house.statistic(name)
    assert (counts["abortedTaskNum"], counts["committedTaskNum"], counts["unselectedRows"]) == (1, 0, 1)
    house.set("empty_load_as_error", "false")
    house.produce(name, ["2,a"])
    until(lambda: json.loads(house.show(name)["Progress"])["0"] == "1")
    counts = house.statistic(name)
    assert (counts["abortedTaskNum"], counts["committedTaskNum"], counts["totalRows"]) == (1, 1, 2)


def test_a_job_that_meets_the_bound_of_transactions_is_paused(house):
    """max_running_txn_num_per_db: 103, in the vendor's words; it counts as a pause."""
    house.set("max_running_txn_num_per_db", 0)
    name = house.job()
    row = until(lambda: house.show(name)["State"] == "PAUSED" and house.show(name))
    assert row["ReasonOfStateChanged"] == (
        "ErrorReason{errCode = 103, msg='failed to begin txn for task :current running txns on db 2564639436 is 0, "
        "larger than limit 0'}"
    )
    paused = [
        line for line in house.metrics().text.splitlines() if line.startswith("starrocks_fe_routine_load_paused ")
    ]
    assert int(paused[0].split()[1]) >= 1


def test_jobs_that_ended_are_forgotten_after_their_time(house):
    """label_keep_max_second: with their progress; live jobs stay."""
    ended, live = house.job(), house.job()
    house.run(f"STOP ROUTINE LOAD FOR {ended}")
    assert house.show(ended)["State"] == "STOPPED"
    house.set("label_keep_max_second", 0)
    until(lambda: ended not in {row["Name"] for row in house.rows("SHOW ALL ROUTINE LOAD")})
    assert house.show(live)["State"] in {"RUNNING", "NEED_SCHEDULE"}


def test_jobs_that_ended_are_forgotten_when_there_are_too_many(house):
    """label_keep_max_num: the oldest of a database go first."""
    first, second = house.job(), house.job()
    for name in (first, second):
        house.run(f"STOP ROUTINE LOAD FOR {name}")
    house.set("label_keep_max_num", 1)
    left = until(lambda: len(rows := house.rows("SHOW ALL ROUTINE LOAD")) == 1 and rows)
    assert left[0]["Name"] == second


def test_the_number_of_doris_jobs_follows_its_setting(house):
    """max_routine_load_job_num: one more than the limit fits, as in Doris."""
    house.set("max_routine_load_job_num", 0, DORIS)
    house.job(DORIS)
    with pytest.raises(ExecutionError, match="There are more than 0 routine load jobs are running"):
        house.job(DORIS)


def test_the_lag_in_messages_is_told_where_it_is_wanted(house):
    """enable_routine_load_lag_metrics and min_routine_load_lag_for_metrics."""
    name = house.job()
    house.produce(name, ["1,a"])
    until(lambda: house.statistic(name)["loadedRows"] == 1)
    house.set("max_routine_load_task_num_per_be", 0)
    house.produce(name, ["2,b", "3,c"])
    sample = f'starrocks_fe_routine_load_max_lag_of_partition{{job_name="{name}"}} 2'
    house.set("min_routine_load_lag_for_metrics", 2)
    assert "max_lag_of_partition" not in house.metrics().text
    house.set("enable_routine_load_lag_metrics", "true")
    until(lambda: sample in house.metrics().text.splitlines())
    house.set("min_routine_load_lag_for_metrics", 3)
    assert sample not in house.metrics().text


def test_a_task_that_exceeds_its_timeout_is_given_up_and_repeated(house):
    """StarRocks: its successor says why; what the zombie had read is loaded once."""
    stuck, go = threading.Event(), threading.Event()

    def hold(point: str) -> None:
        if (
            point == "task.dispatch.before"
            and not stuck.is_set()
            and threading.current_thread().name.startswith("backend")
        ):
            stuck.set()
            go.wait(WAIT_S)

    failpoints.observe(hold)
    try:
        name = house.job(properties='"task_timeout_second" = "1"')
        house.produce(name, ["1,a"])
        assert stuck.wait(WAIT_S)
        until(lambda: house.statistic(name)["abortedTaskNum"] == 1)
        until(lambda: house.run(f"SELECT k FROM {name}") == [(1,)])
        go.set()
        house.produce(name, ["2,b"])
        until(lambda: house.statistic(name)["loadedRows"] == 2)
    finally:
        go.set()
        failpoints.disarm()
    assert house.statistic(name)["abortedTaskNum"] == 1
    assert sorted(house.run(f"SELECT k FROM {name}")) == [(1,), (2,)]


def test_rows_bytes_and_tasks_are_counted_for_the_table(house):
    """StarRocks: table_load_*; both: counters of all jobs, as text and as JSON."""
    name = house.job(properties='"max_error_number" = "5"')
    house.produce(name, ["1,a", "bad"])
    until(lambda: house.statistic(name)["totalRows"] == 2)
    labels = f'{{db_name="d",tbl_name="{name}",type="routine_load"}}'
    lines = until(lambda: f"starrocks_fe_table_load_rows{labels} 1" in (t := house.metrics().text) and t.splitlines())
    assert f"starrocks_fe_table_load_error_rows{labels} 1" in lines
    assert f"starrocks_fe_table_load_committed_tasks{labels} 1" in lines
    assert f"starrocks_fe_table_load_bytes{labels} 6" in lines
    told = {sample["tags"]["metric"] for sample in house.metrics("?type=json").json()}
    assert {"starrocks_fe_routine_load_rows", "starrocks_fe_routine_load_jobs"} <= told


@pytest.mark.parametrize(
    ("properties", "messages", "code", "text"),
    [
        (
            '"max_filter_ratio" = "0.4", "max_error_number" = "9"',
            ["1,a", "bad"],
            102,
            "too many filtered rows. Check the 'TrackingSQL' field",
        ),
        (
            '"format" = "json", "pause_on_fatal_parse_error" = "true", "max_error_number" = "9"',
            ['{"k": 1, "v": "a"}', "[1]"],
            5611,
            "parse error",
        ),
    ],
)
def test_a_batch_that_is_refused_shows_the_rows_it_was_refused_for(house, properties, messages, code, text):
    """StarRocks: max_filter_ratio and pause_on_fatal_parse_error: nothing is loaded, and TrackingSQL leads somewhere."""
    name = house.job(properties=properties)
    house.produce(name, messages)
    row = until(lambda: house.show(name)["State"] == "PAUSED" and house.show(name))
    assert f"errCode = {code}, msg='{text}" in row["ReasonOfStateChanged"]
    statistic = house.statistic(name)
    assert (statistic["abortedTaskNum"], statistic["totalRows"]) == (1, 0)
    assert json.loads(row["Progress"]) == {"0": "OFFSET_ZERO"}
    assert row["TrackingSQL"]
    told = httpx.get(row["ErrorLogUrls"], timeout=10).text
    assert "offset: 1]" in told
    assert house.run(f"SELECT k FROM {name}") == []
