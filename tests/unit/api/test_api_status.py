"""Rows of SHOW read back as typed values, in the columns and spellings of both vendors."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

from routine_load.api import JobState, Lag, Reason, Statistic
from routine_load.api.status import read_job, read_task

COMMON = {
    "Id": "12",
    "Name": "clicks_load",
    "CreateTime": "2026-11-20 15:25:20",
    "PauseTime": None,
    "EndTime": None,
    "DbName": "web",
    "TableName": "clicks",
    "State": "RUNNING",
    "CurrentTaskNum": "3",
    "JobProperties": '{"maxErrorNum":"0","whereExpr":"*"}',
    "DataSourceProperties": '{"topic":"clicks","currentKafkaPartitions":"0,1","brokerList":"k:9092"}',
    "CustomProperties": '{"group.id":"g"}',
    "Statistic": '{"receivedBytes":97,"errorRows":1,"committedTaskNum":9,"loadedRows":130,"loadRowsRate":73,'
    '"abortedTaskNum":2,"totalRows":139,"unselectedRows":8,"receivedBytesRate":51,"taskExecuteTimeMs":1900}',
    "Progress": '{"0":"44","1":"OFFSET_ZERO"}',
    "ReasonOfStateChanged": "",
    "ErrorLogUrls": "http://fe/a, http://fe/b",
    "OtherMsg": "[2026-11-20 15:25:21] slow",
}
STARROCKS = COMMON | {"LatestSourcePosition": '{"0":"50","1":"0"}', "OffsetLag": '{"0":"6"}', "TrackingSQL": ""}
DORIS = COMMON | {"Lag": '{"0":5,"1":0}', "IsMultiTable": "false", "User": "root", "Comment": ""}


@pytest.mark.parametrize("row", [STARROCKS, DORIS], ids=["starrocks", "doris"])
def test_a_job_is_the_same_in_both_vendors_columns(row):
    """StarRocks, Doris: SHOW ROUTINE LOAD; progress is the next offset, lag counts what is not loaded."""
    job = read_job(row)
    assert (job.id, job.name, job.database, job.table, job.state) == (12, "clicks_load", "web", "clicks", "RUNNING")
    assert job.progress == {0: 45, 1: 0}
    assert job.lag == Lag(partitions={0: 5, 1: 0})
    assert job.lag.total == 5
    assert job.lag[0] == 5
    assert job.statistic == Statistic(
        total_rows=139,
        loaded_rows=130,
        error_rows=1,
        unselected_rows=8,
        received_bytes=97,
        committed_tasks=9,
        aborted_tasks=2,
        loaded_rows_per_s=73,
        received_bytes_per_s=51,
        task_execute_ms=1900,
    )
    assert job.created_at == datetime(2026, 11, 20, 15, 25, 20, tzinfo=UTC)
    assert (job.paused_at, job.ended_at, job.reason, job.task_count) == (None, None, None, 3)
    assert job.properties == {"maxErrorNum": "0", "whereExpr": "*"}
    assert job.source["topic"] == "clicks"
    assert job.client_properties == {"group.id": "g"}
    assert job.other_message == "[2026-11-20 15:25:21] slow"
    assert job.error_log_urls == ("http://fe/a", "http://fe/b")


def test_a_look_can_be_sent_to_another_process():
    """A status is a plain value."""
    assert pickle.loads(pickle.dumps(read_job(STARROCKS))) == read_job(STARROCKS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", None),
        (None, None),
        ("ErrorReason{errCode = 100, msg='User root pauses'}", Reason(100, "User root pauses")),
        ("ErrorReason{code=errCode = 102, msg='it''s\nfull'}", Reason(102, "it''s\nfull")),
        ("something new", Reason(0, "something new")),
    ],
)
def test_a_reason_is_a_code_and_a_text(text, reason):
    """StarRocks, Doris: ReasonOfStateChanged; what has another form is kept as text."""
    assert read_job(STARROCKS | {"State": "PAUSED", "ReasonOfStateChanged": text}).reason == reason


def test_an_unknown_end_makes_the_total_unknown():
    """A job that does not run has looked at no end: its lag is None, not 0."""
    assert read_job(STARROCKS | {"LatestSourcePosition": "{}"}).lag == Lag(unknown=(0, 1))
    assert read_job(STARROCKS | {"LatestSourcePosition": "{}"}).lag.total is None
    assert read_job(DORIS | {"Lag": '{"0":-1,"1":7}'}).lag == Lag(partitions={1: 7}, unknown=(0,))
    assert read_job(STARROCKS | {"Progress": "{}", "LatestSourcePosition": "{}"}).lag.total is None


def test_a_partition_that_was_not_begun_is_behind_by_all_it_has():
    """A partition that appeared later starts at its beginning."""
    assert read_job(STARROCKS | {"LatestSourcePosition": '{"0":"45","1":"0","2":"9"}'}).lag.total == 9


def test_a_start_in_words_is_not_a_number_yet():
    """StarRocks prints OFFSET_END or OFFSET_BEGINNING before the first plan: such a partition has no next offset."""
    assert read_job(STARROCKS | {"Progress": '{"0":"OFFSET_END","1":"7"}'}).progress == {1: 8}


def test_states_know_what_they_are():
    """UNSTABLE is a RUNNING that lags; nothing leads out of STOPPED and CANCELLED."""
    assert {state for state in JobState if state.is_running} == {JobState.RUNNING, JobState.UNSTABLE}
    assert {state for state in JobState if state.is_final} == {JobState.STOPPED, JobState.CANCELLED}


def test_a_task_that_runs():
    """StarRocks: SHOW ROUTINE LOAD TASK; progress is where the task begins."""
    task = read_task(
        {
            "TaskId": "u-1",
            "TxnId": "77",
            "TxnStatus": "PREPARE",
            "JobId": "12",
            "CreateTime": "2026-11-20 15:25:20",
            "LastScheduledTime": "2026-11-20 15:25:21",
            "ExecuteStartTime": "2026-11-20 15:25:22",
            "Timeout": "60",
            "BeId": "10001",
            "DataSourceProperties": 'Progress:{"0":45,"1":0},LatestOffset:{"0":50}',
            "Message": "reading",
        }
    )
    assert (task.txn_id, task.backend_id, task.timeout_s, task.message) == (77, 10001, 60, "reading")
    assert (task.progress, task.latest) == ({0: 45, 1: 0}, {0: 50})
    assert task.started_at == datetime(2026, 11, 20, 15, 25, 22, tzinfo=UTC)


def test_a_task_that_waits_has_nothing_yet():
    """Doris and StarRocks print -1, NULL and null for what a waiting task has not; here that is None or empty."""
    row = {"TaskId": "a-b", "TxnId": "-1", "TxnStatus": None, "JobId": "12", "Timeout": "600", "BeId": "-1"}
    row |= {"CreateTime": "2026-11-20 15:25:20", "ExecuteStartTime": None, "DataSourceProperties": '{"0":45}'}
    task = read_task(row)
    assert (task.txn_id, task.backend_id, task.started_at, task.last_scheduled_at) == (None, None, None, None)
    assert (task.txn_status, task.progress, task.latest, task.message) == ("UNKNOWN", {0: 45}, {}, "")
    starrocks = row | {
        "LastScheduledTime": "NULL",
        "ExecuteStartTime": "NULL",
        "DataSourceProperties": 'Progress:{"0":45},LatestOffset:null',
        "Message": "NULL",
    }
    assert read_task(starrocks) == task
