from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from jobs_builders import NOON, UUID, defined, job_of

from routine_load.ids import BackendId, Compat, JobId, PartitionId, TaskId, TxnId
from routine_load.jobs.reasons import paused_by, stopped_by
from routine_load.jobs.show import LiveFacts, TaskView, View, as_shown, job_row, printed, task_row
from routine_load.jobs.states import JobState, Reason
from routine_load.jobs.statistics import Statistic
from routine_load.sql.show import ROUTINE_LOAD_COLUMNS, ROUTINE_LOAD_TASK_COLUMNS
from routine_load.sql.statements import ColumnItem, Delimiter, Expression, LoadClauses, MergeType

SR, DORIS = Compat.STARROCKS, Compat.DORIS
P0, P1, P2 = PartitionId(0), PartitionId(1), PartitionId(2)
CLAUSES = LoadClauses(
    column_separator=Delimiter(original=",", value=","),
    columns=(
        ColumnItem(name="id"),
        ColumnItem(name="amt_txt"),
        ColumnItem(name="amt", expression=Expression(text="CAST(`amt_txt` AS DECIMAL(12,2))")),
    ),
    where=Expression(text="`id` > 1"),
    partitions=("p1", "p2"),
)


def view(compat: Compat, timezone: str = "UTC") -> View:
    return View(
        compat=compat,
        timezone=timezone,
        now=NOON + timedelta(seconds=10),
        error_log_url=lambda rejects: f"http://fe/api/_load_error_log?file={rejects}",
    )


@pytest.mark.parametrize("compat", list(Compat))
@pytest.mark.parametrize("shown_as", list(Compat))
def test_a_row_has_every_column_of_its_vendor(compat, shown_as):
    """Whoever made the job: no column of the list is missing, all values are text or NULL."""
    row = job_row(job_of(defined(compat)), LiveFacts(), view(shown_as))
    values = [row[name] for name in ROUTINE_LOAD_COLUMNS[shown_as]]
    assert all(value is None or isinstance(value, str) for value in values)


def test_starrocks_job_properties():
    """StarRocks: JobProperties of a CSV job, all strings, enclose as a byte number."""
    definition = defined(SR, {"enclose": '"', "max_error_number": "3"}, clauses=CLAUSES)
    row = job_row(job_of(definition), LiveFacts(concurrency=2), view(SR))
    assert json.loads(row["JobProperties"]) == {
        "partitions": "p1,p2",
        "columnToColumnExpr": "id,amt_txt,amt=CAST(`amt_txt` AS DECIMAL(12,2))",
        "whereExpr": "`id` > 1",
        "columnSeparator": ",",
        "rowDelimiter": "\n",
        "maxErrorNum": "3",
        "maxFilterRatio": "1.0",
        "maxBatchIntervalS": "10",
        "maxBatchRows": "200000",
        "currentTaskConcurrentNum": "2",
        "desireTaskConcurrentNum": "5",
        "taskConsumeSecond": "15",
        "taskTimeoutSecond": "60",
        "log_rejected_record_num": "0",
        "partial_update": "false",
        "partial_update_mode": "null",
        "timezone": "Asia/Shanghai",
        "strict_mode": "false",
        "pause_on_fatal_parse_error": "false",
        "format": "csv",
        "strip_outer_array": "false",
        "jsonpaths": "",
        "json_root": "",
        "trim_space": "false",
        "enclose": "34",
        "escape": "0",
    }


def test_starrocks_json_job_properties():
    """StarRocks: a JSON job has dataFormat and no CSV keys."""
    shown = json.loads(job_row(job_of(defined(SR, {"format": "json"})), LiveFacts(), view(SR))["JobProperties"])
    assert shown["dataFormat"] == shown["format"] == "json"
    assert not {"columnSeparator", "rowDelimiter", "trim_space", "enclose", "escape"} & set(shown)
    assert (shown["partitions"], shown["columnToColumnExpr"], shown["whereExpr"]) == ("*", "*", "*")


def test_keys_that_are_shown_only_when_set():
    """merge_condition and warehouse of StarRocks, workload_group of Doris."""
    starrocks = defined(SR, {"merge_condition": "v", "warehouse": "default_warehouse"})
    shown = json.loads(job_row(job_of(starrocks), LiveFacts(), view(SR))["JobProperties"])
    assert (shown["merge_condition"], shown["warehouse"]) == ("v", "default_warehouse")
    doris = defined(DORIS, {"workload_group": "normal"})
    assert json.loads(job_row(job_of(doris), LiveFacts(), view(DORIS))["JobProperties"])["workload_group"] == "normal"


def test_doris_job_properties():
    """Doris: JobProperties of a CSV job; unset enclose is one NUL, the separator stands in quotes."""
    definition = defined(DORIS, clauses=replace(CLAUSES, order_by="seq"), merge_type=MergeType.DELETE)
    shown = json.loads(job_row(job_of(definition), LiveFacts(concurrency=2), view(DORIS))["JobProperties"])
    assert shown == {
        "partitions": "p1,p2",
        "columnToColumnExpr": "id,amt_txt,amt=CAST(`amt_txt` AS DECIMAL(12,2))",
        "precedingFilter": "*",
        "whereExpr": "(`id` > 1)",
        "delete": "*",
        "sequence_col": "seq",
        "column_separator": "','",
        "line_delimiter": "\n",
        "format": "csv",
        "merge_type": "DELETE",
        "partial_columns": "false",
        "unique_key_update_mode": "UPSERT",
        "max_error_number": "0",
        "max_filter_ratio": "1.0",
        "max_batch_interval": "60",
        "max_batch_rows": "20000000",
        "max_batch_size": "1073741824",
        "current_concurrent_number": "2",
        "desired_concurrent_number": "256",
        "exec_mem_limit": "2147483648",
        "send_batch_parallelism": "1",
        "load_to_single_tablet": "false",
        "strict_mode": "false",
        "timezone": "Asia/Shanghai",
        "enclose": "\0",
        "escape": "\0",
        "empty_field_as_null": "false",
    }
    updating = defined(DORIS, {"format": "json", "partial_columns": "true"})
    shown = json.loads(job_row(job_of(updating), LiveFacts(), view(DORIS))["JobProperties"])
    assert shown["partial_update_new_key_behavior"] == "APPEND"
    assert {"jsonpaths", "json_root", "strip_outer_array", "num_as_string", "fuzzy_parse"} <= set(shown)
    assert "column_separator" not in shown


def test_progress_prints_the_last_consumed_offset():
    """Next offset 0 is OFFSET_ZERO, n is n - 1."""
    assert (printed(0), printed(1), printed(42)) == ("OFFSET_ZERO", "0", "41")


def test_starrocks_positions_and_lag():
    """StarRocks: a job that has caught up shows a lag of 1; OFFSET_ZERO is left out; below 0 is 0."""
    job = job_of(progress={0: 42, 1: 0, 2: 9})
    facts = LiveFacts(latest={P0: 42, P1: 5, P2: 7}, partitions=(P2, P0, P1))
    row = job_row(replace(job, timestamps_ms={P0: 1700}), facts, view(SR))
    assert row["Progress"] == '{"0":"41","1":"OFFSET_ZERO","2":"8"}'
    assert row["LatestSourcePosition"] == '{"0":"42","1":"5","2":"7"}'
    assert row["OffsetLag"] == '{"0":"1","2":"0"}'
    assert row["TimestampProgress"] == '{"0":"1700"}'
    assert json.loads(row["DataSourceProperties"]) == {
        "topic": "orders",
        "currentKafkaPartitions": "0,1,2",
        "brokerList": "kafka:9092",
    }


def test_doris_lag():
    """Doris: log end minus next offset, as a number; -1 while the log end is unknown."""
    row = job_row(job_of(progress={0: 42, 1: 0}), LiveFacts(latest={P0: 45}), view(DORIS))
    assert row["Lag"] == '{"0":3,"1":-1}'


def test_statistics_of_both_vendors():
    """Rates are integer divisions: by execution time for StarRocks, by the job's age for Doris."""
    statistic = Statistic(
        total_rows=30, error_rows=4, unselected_rows=6, received_bytes=5000, execute_ms=2000, committed_tasks=3
    )
    job = replace(job_of(), statistic=statistic)
    starrocks = json.loads(job_row(job, LiveFacts(lag_s={P0: 7}), view(SR))["Statistic"])
    assert starrocks == {
        "totalRows": 30,
        "loadedRows": 20,
        "errorRows": 4,
        "unselectedRows": 6,
        "receivedBytes": 5000,
        "taskExecuteTimeMs": 2000,
        "receivedBytesRate": 2500,
        "loadRowsRate": 10,
        "committedTaskNum": 3,
        "abortedTaskNum": 0,
        "partitionLagTime": {"0": 7},
    }
    doris = json.loads(job_row(job, LiveFacts(running_txns=(TxnId(8),)), view(DORIS))["Statistic"])
    assert (doris["taskExecuteTimeMs"], doris["loadRowsRate"], doris["receivedBytesRate"]) == (10_000, 2, 500)
    assert (doris["errorRowsAfterResumed"], doris["runningTxns"]) == (0, [8])
    assert json.loads(job_row(job_of(), LiveFacts(), view(SR))["Statistic"])["taskExecuteTimeMs"] == 1


def test_states_reasons_and_times():
    """Reasons show for PAUSED and CANCELLED, not for STOPPED; times are on the session's clocks."""
    paused = job_of().paused(paused_by("root"), NOON)
    row = job_row(paused, LiveFacts(task_num=3), view(SR, "Asia/Shanghai"))
    assert (row["State"], row["PauseTime"], row["EndTime"], row["CurrentTaskNum"]) == (
        "PAUSED",
        "2026-11-20 20:00:00",
        None,
        "0",
    )
    assert row["ReasonOfStateChanged"] == "ErrorReason{errCode = 100, msg='User root pauses routine load job'}"
    stopped = job_row(paused.stopped(stopped_by("root"), NOON), LiveFacts(), view(DORIS))
    assert (stopped["State"], stopped["ReasonOfStateChanged"]) == ("STOPPED", "")
    cancelled = job_row(job_of().cancelled(Reason(6, "table not exist"), NOON), LiveFacts(), view(DORIS))
    assert cancelled["ReasonOfStateChanged"] == "ErrorReason{code=errCode = 6, msg='table not exist'}"


def test_a_lagging_job_is_unstable_for_starrocks_only():
    """UNSTABLE is how SHOW prints RUNNING with a lag; it has the lag as its reason."""
    facts = LiveFacts(task_num=2, lag_reason=Reason(105, "The lag"))
    known = job_row(job_of(), facts, view(SR))
    assert known["State"] == "RUNNING"  # what conditions see
    row = as_shown(known)
    assert (row["State"], row["ReasonOfStateChanged"], row["CurrentTaskNum"]) == (
        "UNSTABLE",
        "ErrorReason{errCode = 105, msg='The lag'}",
        "2",
    )
    assert job_row(job_of(), facts, view(DORIS))["State"] == "RUNNING"
    assert job_row(job_of(state=JobState.NEED_SCHEDULE), facts, view(SR))["State"] == "NEED_SCHEDULE"


def test_messages_and_error_logs():
    """OtherMsg carries its moment in the vendor's form; error logs are addresses; TrackingSQL names the job."""
    job = replace(job_of(), error_logs=("a", "b"), first_error="row 1").noted("no new data", NOON)
    starrocks, doris = job_row(job, LiveFacts(), view(SR)), job_row(job, LiveFacts(), view(DORIS))
    assert starrocks["OtherMsg"] == "[2026-11-20 12:00:00] no new data"
    assert doris["OtherMsg"] == "2026-11-20 12:00:00:no new data"
    url = "http://fe/api/_load_error_log?file="
    assert starrocks["ErrorLogUrls"] == doris["ErrorLogUrls"] == f"{url}a, {url}b"
    assert starrocks["TrackingSQL"] == ("select tracking_log from information_schema.load_tracking_logs where job_id=7")
    assert doris["FirstErrorMsg"] == "row 1"
    assert job_row(job_of(), LiveFacts(), view(SR))["TrackingSQL"] == ""


def test_no_secret_is_shown():
    """CustomProperties mask secrets; the registry's credentials are cut out."""
    source = {
        "property.sasl.password": "canary",
        "property.client.secret": "canary",
    }
    registry = {"confluent.schema.registry.url": "https://k:canary@r:1"}  # which Doris does not take
    for compat, given in ((SR, source | registry), (DORIS, source)):
        row = job_row(job_of(defined(compat, source=given)), LiveFacts(), view(compat))
        assert "canary" not in str(row)
        assert json.loads(row["CustomProperties"])["sasl.password"] == "******"


def test_a_multi_table_job():
    """Doris: empty TableName, IsMultiTable true, the user and the comment."""
    row = job_row(job_of(defined(DORIS, table=None, comment="c")), LiveFacts(), view(DORIS))
    assert (row["TableName"], row["IsMultiTable"], row["User"], row["Comment"]) == ("", "true", "root", "c")


def test_tasks_of_both_vendors():
    """StarRocks prints NULL as text and two maps; Doris hexadecimal halves, real NULLs and one map."""
    task = TaskView(
        task_id=TaskId(UUID),
        job_id=JobId(7),
        created_at=NOON,
        timeout_s=60,
        offsets={P1: 4, P0: 6},
    )
    starrocks = task_row(task, view(SR))
    assert [starrocks[name] for name in ROUTINE_LOAD_TASK_COLUMNS[SR]] == [
        UUID,
        "-1",
        "UNKNOWN",
        "7",
        "2026-11-20 12:00:00",
        "NULL",
        "NULL",
        "60",
        "-1",
        'Progress:{"0":6,"1":4},LatestOffset:null',
        "NULL",
    ]
    running = replace(
        task,
        txn_id=TxnId(9),
        txn_status="PREPARE",
        execute_started_at=NOON,
        last_scheduled_at=NOON,
        backend_id=BackendId(10001),
        latest={P0: 8},
        message="hello",
    )
    doris = task_row(running, view(DORIS))
    assert [doris[name] for name in ROUTINE_LOAD_TASK_COLUMNS[DORIS]] == [
        "f8fad5bd9cb469f-a16570867728950e",
        "9",
        "PREPARE",
        "7",
        "2026-11-20 12:00:00",
        "2026-11-20 12:00:00",
        "60",
        "10001",
        '{"0":6,"1":4}',
    ]
    assert task_row(task, view(DORIS))["TxnStatus"] is None
    assert task_row(running, view(SR))["DataSourceProperties"] == 'Progress:{"0":6,"1":4},LatestOffset:{"0":8}'
