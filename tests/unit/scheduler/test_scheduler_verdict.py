"""What a failed task means for its job."""

from __future__ import annotations

import pytest

from routine_load import errors
from routine_load.ids import Compat
from routine_load.scheduler.verdict import RETRIES_BEFORE_PAUSE, Case, Step, judge

SR, DORIS = Compat.STARROCKS, Compat.DORIS


@pytest.mark.parametrize(
    ("error", "compat", "step", "code", "words"),
    [
        (errors.OffsetOutOfRange("gone"), SR, Step.PAUSE, 104, "be -1 abort task with reason: gone"),
        (errors.LogCut("cut", partition=1, offset=9, end=5), SR, Step.PAUSE, 104, "Consume offset: 9 is greater"),
        (errors.LogCut("cut", partition=1, offset=9, end=5), DORIS, Step.PAUSE, 105, "offset set in job: 9 is"),
        (errors.BeginRefused("too many"), SR, Step.PAUSE, 103, "failed to begin txn for task :too many"),
        (errors.TaskTimedOut(), SR, Step.RETRY, 0, "timeout by txn manager"),
        (errors.PartitionMissing("no 7"), SR, Step.PAUSE, 2, "no 7"),
        (errors.PartitionMissing("no 7"), DORIS, Step.PAUSE, 4, "no 7 may be Kafka properties"),
        (errors.SourceError("no topic"), DORIS, Step.PAUSE, 4, "failed to get latest partition offset. {}no topic"),
        (errors.OffsetOutOfRange("gone"), DORIS, Step.PAUSE, 105, "does not exist in kafka"),
        (errors.SourceUnavailable("no answer"), SR, Step.RETRY, 0, "no answer"),
        (errors.SourceError("topic x is unknown"), SR, Step.PAUSE, 4, "topic x"),
        (errors.UnknownTable("t"), SR, Step.CANCEL, 6, "table not exist"),
        (errors.UnknownTable("t"), DORIS, Step.CANCEL, 6, "table does not exist"),
        (errors.UnknownDatabase("d"), SR, Step.CANCEL, 5, "d"),
        (errors.LoadRejected("too many filtered rows"), SR, Step.PAUSE, 102, "'max_filter_ratio'"),
        (errors.AnalysisError("no column"), SR, Step.PAUSE, 2, "failed to create task: no column"),
        (errors.AnalysisError("no column"), DORIS, Step.PAUSE, 103, "failed to create task: no column"),
        (errors.StaleRange("moved"), SR, Step.REPLAN, 0, "moved"),
        (errors.SinkError("disk full"), SR, Step.RETRY, 0, "disk full"),
        (errors.CommitUnsettled("waits on commit"), SR, Step.REPLAN, 0, "waits on commit"),
        (errors.TargetUnavailable("the cluster is silent"), DORIS, Step.RETRY, 0, "is silent"),
        (errors.InDoubt("label x"), SR, Step.PAUSE, 104, "label x"),
        (errors.InDoubt("label x"), DORIS, Step.PAUSE, 105, "label x"),
        (errors.BrokenInvariant("never"), SR, Step.PAUSE, 2, "never"),
    ],
)
def test_each_error_leads_to_its_step(error, compat, step, code, words):
    """StarRocks: causes of every transition; Doris: causes of a system pause."""
    verdict = judge(Case(error=error, compat=compat))
    assert (verdict.step, verdict.code) == (step, code)
    assert words in verdict.text


def test_kafka_that_is_silent_while_a_job_is_planned_is_asked_again_saying_for_what():
    """StarRocks: a job that waits for its partitions says so."""
    verdict = judge(Case(error=errors.SourceUnavailable("no answer"), compat=SR, planning=True))
    assert verdict.step is Step.RETRY
    assert verdict.text == "Job failed to fetch all current partition with error [no answer]"


def test_a_commit_that_is_open_while_a_job_is_planned_is_waited_for_however_long_it_takes():
    """It is no failure of the job's: it never pauses it."""
    for error in (errors.CommitUnsettled("waits on commit"), errors.TargetUnavailable("is silent")):
        verdict = judge(Case(error=error, compat=SR, planning=True, failures=RETRIES_BEFORE_PAUSE + 100))
        assert (verdict.step, verdict.text) == (Step.RETRY, error.message)


def test_an_unknown_table_of_a_multi_table_job_pauses_it():
    """Doris: code 100, so that it does not resume by itself."""
    verdict = judge(Case(error=errors.UnknownTable("table name is x"), compat=DORIS, multi_table=True))
    assert (verdict.step, verdict.code) == (Step.PAUSE, 100)
    assert "failed to get stream load plan, errCode = 7" in verdict.text


def test_a_table_of_a_multi_table_job_that_the_clauses_do_not_fit_pauses_it():
    """Doris: a plan failure inside a multi-table task has code 100, whatever it is."""
    error = errors.AnalysisError("load by MERGE or DELETE is only supported in unique tables.")
    verdict = judge(Case(error=error, compat=DORIS, multi_table=True))
    assert (verdict.step, verdict.code) == (Step.PAUSE, 100)
    assert verdict.text.endswith("detailMessage = load by MERGE or DELETE is only supported in unique tables.")
    assert judge(Case(error=error, compat=DORIS, multi_table=True, planning=True)).code == 103


def test_a_sink_that_keeps_failing_pauses_the_job():
    """The retry budget is bounded, and the last error is in the reason."""
    verdict = judge(Case(error=errors.SinkError("disk full"), compat=SR, failures=RETRIES_BEFORE_PAUSE))
    assert verdict.step is Step.PAUSE
    assert "disk full" in verdict.text


def test_every_error_of_ours_has_a_verdict():
    """The table is total."""
    pending = [errors.RoutineLoadError]
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        if kind.__module__ == errors.__name__:
            assert judge(Case(error=kind("x"), compat=SR)).text
