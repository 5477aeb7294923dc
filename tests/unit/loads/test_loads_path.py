"""The load path: chunks that are too large are cut; nothing is lost on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from routine_load.clock import SystemClock
from routine_load.errors import LimitExceeded, UnknownTable
from routine_load.ids import Compat, JobId, Label, TableRef
from routine_load.loads.path import LoadPath, SingleTable
from routine_load.loads.rejects import RejectLog
from routine_load.loads.routing import ByTablePrefix
from routine_load.loads.values import Decoded, LoadSpec, Origin, Transformed

TABLE = TableRef("d", "t")


@dataclass
class Messages:
    values: list[bytes | None]

    def origin(self, index: int) -> Origin:
        return Origin("topic", 0, index)


@dataclass
class Small:
    """Takes at most ``limit`` payloads at a time, and never one that says huge."""

    limit: int
    is_full: bool = False
    rows: list[bytes] = field(default_factory=list)

    def check(self, spec, table):
        pass

    def decoder(self, spec, table):
        return self

    def transformer(self, spec, table):
        return self

    def prepare(self, payloads):
        pass

    def decode(self, payloads):
        if len(payloads.values) > self.limit or b"huge" in payloads.values:
            raise LimitExceeded("too large")
        return Decoded(pa.table({"v": payloads.values}), None)

    def transform(self, decoded):
        return Transformed(decoded.columns, (), 0)

    def close(self):
        pass

    # the sink's side

    def table(self, ref):
        return None

    def begin(self, label, job_id, *, many_tables=False):
        return self

    def write(self, batch):
        self.rows += batch.rows["v"].to_pylist()
        return ()

    def rollback(self):
        pass


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_a_chunk_that_is_too_large_is_cut_until_it_fits(tmp_path, limit):
    """Every payload arrives, in order; one that is too large all alone is a rejected row with its offset."""
    parts = Small(limit)
    path = LoadPath(sink=parts, compiler=parts, reject_log=RejectLog(tmp_path), clock=SystemClock())
    values = [b"%d" % n for n in range(20)]
    values[7] = b"huge"
    with path.begin(Label("l"), JobId(1), LoadSpec(compat=Compat.STARROCKS), SingleTable(TABLE)) as load:
        load.add(Messages(values), received_bytes=100)
        assert parts.rows == [v for v in values if v != b"huge"]
        assert (load.counts.loaded, load.counts.filtered, load.counts.messages) == (19, 1, 20)
    assert list(tmp_path.iterdir()) == []


def test_no_more_of_an_unknown_table_than_a_name_is_told(tmp_path):
    """A message of a megabyte before its bar would stand in SHOW, in the log and in every client's error."""

    class Without(Small):
        def table(self, ref):
            raise UnknownTable(f"Unknown table '{ref.table}'")

    parts = Without(100)
    path = LoadPath(sink=parts, compiler=parts, reject_log=RejectLog(tmp_path), clock=SystemClock())
    with (
        path.begin(Label("l"), JobId(1), LoadSpec(compat=Compat.DORIS), ByTablePrefix("d")) as load,
        pytest.raises(UnknownTable) as caught,
    ):
        load.add(Messages([b"n" * 1_000_000 + b"|1"]), received_bytes=1)
    assert caught.value.message == "table not found, table name is " + "n" * 64
