"""Rejected rows: pending until their transaction commits, found by an opaque id afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from routine_load.ids import Compat, JobId, Label, TableRef
from routine_load.loads.rejects import RejectLog, RejectSource
from routine_load.loads.values import Origin, RejectedRow

AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
SOURCE = RejectSource(job_id=JobId(7), label=Label("j-7-x"))
TABLE = TableRef("d", "t")


@dataclass
class Messages:
    values: list[bytes | None]

    def origin(self, index: int) -> Origin:
        return Origin("topic", 3, 100 + index)


def filled(log: RejectLog, compat: Compat = Compat.STARROCKS):
    file = log.open(replace(SOURCE, compat=compat))
    messages = Messages([b"good", b"bad\n\x1bone", b"y" * 5000])
    rows = [RejectedRow(1, b"", "a", "no good"), RejectedRow(2, b"", "b", "too long")]
    file.add(TABLE, messages, rows, AT)
    return file


def test_rows_carry_origin_reason_and_bounded_raw_bytes(tmp_path):
    """One Parquet row each; raw bytes are the payload's own where the row is the whole payload."""
    log = RejectLog(tmp_path, raw_bytes_max=1000)
    file = filled(log)
    file.seal()
    log.publish(file.id)
    rows = pq.read_table(tmp_path / f"{file.id}.parquet").to_pylist()
    assert [(r["partition"], r["offset"], r["column_name"], r["reason"]) for r in rows] == [
        (3, 101, "a", "no good"),
        (3, 102, "b", "too long"),
    ]
    assert rows[0]["raw"] == b"bad\n\x1bone"
    assert len(rows[1]["raw"]) == 1000
    assert rows[0]["job_id"] == 7
    assert file.first_error.startswith("no good Row: bad")


def test_nothing_is_readable_before_the_transaction_committed(tmp_path):
    """A sealed file is still pending; discard removes it."""
    log = RejectLog(tmp_path)
    file = filled(log)
    file.seal()
    with pytest.raises(FileNotFoundError):
        log.render(file.id)
    file.discard()
    assert list(tmp_path.iterdir()) == []


def test_settle_publishes_what_committed_and_removes_the_rest(tmp_path):
    """After a crash between commit and publish the file gets its name; a file of no commit goes."""
    log = RejectLog(tmp_path)
    committed, lost = filled(log), filled(log)
    committed.seal()
    lost.seal()
    log.settle({committed.id}.__contains__)
    assert [path.name for path in tmp_path.iterdir()] == [f"{committed.id}.parquet"]


def test_records_are_lines_of_a_text_file_while_the_rows_are_kept(tmp_path):
    """StarRocks: log_rejected_record_num: record, error and table; no more than asked for, -1 for all."""
    log = RejectLog(tmp_path)
    file = filled(log)
    file.seal()
    log.publish(file.id)
    assert log.records_path(file.id) == ""
    whole = Path(log.write_records(file.id, -1)).read_text().splitlines()
    assert [len(line.split("\t")) for line in whole] == [3] * file.count
    assert Path(log.write_records(file.id, 1)).read_text().splitlines() == whole[:1]
    assert log.records_path(file.id) == str(tmp_path / f"{file.id}.records")
    log.purge(datetime(2100, 1, 1, tzinfo=UTC))
    assert (list(tmp_path.iterdir()), log.write_records(file.id, -1), log.records_path("")) == ([], "", "")


def test_lines_are_those_of_the_vendors_error_log(tmp_path):
    """Error, partition and offset, row."""
    log = RejectLog(tmp_path)
    file = filled(log)
    file.seal()
    log.publish(file.id)
    first, _ = log.render(file.id)
    assert first.startswith("Error: no good. Row: [meta: kafka partition: 3, offset: 101] bad")


def test_lines_of_a_doris_load_are_those_of_doris(tmp_path):
    """Reason, source line, a blank; where the message was is behind it."""
    log = RejectLog(tmp_path)
    file = filled(log, Compat.DORIS)
    file.seal()
    log.publish(file.id)
    first, _ = log.render(file.id)
    assert first == "Reason: no good. src line [bad\n\x1bone]; [meta: kafka partition: 3, offset: 101]"
    assert file.first_error == "no good. Src line: bad\n\x1bone"


@pytest.mark.parametrize("name", ["../x", "", "a" * 31, "A" * 32, "0" * 31 + "/", "x" * 32])
def test_only_an_opaque_id_opens_a_file(tmp_path, name):
    """Paths, short and foreign names find nothing."""
    with pytest.raises(FileNotFoundError):
        RejectLog(tmp_path).render(name)


def test_files_go_when_their_time_has_passed(tmp_path):
    """Retention is by the file's age."""
    log = RejectLog(tmp_path)
    file = filled(log)
    file.seal()
    log.publish(file.id)
    log.purge(datetime.now(UTC) - timedelta(hours=1))
    assert len(list(tmp_path.iterdir())) == 1
    log.purge(datetime.now(UTC) + timedelta(hours=1))
    assert list(tmp_path.iterdir()) == []
