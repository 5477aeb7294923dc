"""The spool keeps a batch in bounded memory, gives it back as often as it is asked for, and leaves nothing behind."""

from __future__ import annotations

import pyarrow as pa
import pytest

from routine_load.errors import LimitExceeded, SinkError
from routine_load.ids import TableRef
from routine_load.loads import spool as spool_module
from routine_load.loads.spool import TABLES_MAX, Spool, empty_spool
from routine_load.loads.values import TableBatch, WriteMode

T, U = TableRef("d", "t"), TableRef("d", "u")


def batch(values, ref=T) -> TableBatch:
    return TableBatch(ref, pa.table({"n": pa.array(values, pa.int64())}), WriteMode(partial_update=True))


def rows_of(spool, ref=T) -> list[int]:
    return [row["n"] for each in spool.tables[ref].batches() for row in each.to_pylist()]


@pytest.mark.parametrize("memory", [0, 10**9])
def test_rows_come_back_in_their_order_as_often_as_wanted(tmp_path, monkeypatch, memory):
    """From memory as from files; tables keep theirs apart, and the first one is first."""
    monkeypatch.setattr(spool_module, "MEMORY_BYTES_MAX", memory)
    spool = Spool(tmp_path / "spool", 10**6)
    for values, ref in (([1, 2], T), ([7], U), ([3], T), ([], TableRef("d", "empty"))):
        spool.add(batch(values, ref))
    assert list(spool.tables) == [T, U]
    assert [rows_of(spool), rows_of(spool), rows_of(spool, U)] == [[1, 2, 3], [1, 2, 3], [7]]
    assert (spool.tables[T].rows, spool.tables[T].mode.partial_update) == (3, True)
    assert bool(list(tmp_path.glob("spool/*/*.arrow"))) == (memory == 0)
    spool.close()
    spool.close()
    assert list(tmp_path.glob("spool/*")) == []


def test_a_batch_is_full_at_its_bound_and_refused_at_twice_of_it(tmp_path):
    """One chunk more than the bound is taken, as the bound is asked for between chunks."""
    spool = Spool(tmp_path, 800)
    spool.add(batch(range(99)))
    assert not spool.is_full
    spool.add(batch(range(90)))
    assert spool.is_full
    with pytest.raises(LimitExceeded, match="1600 are allowed"):
        spool.add(batch(range(90)))


def test_a_batch_has_so_many_tables(tmp_path):
    """Each of them may need a file."""
    spool = Spool(tmp_path, 10**6)
    for number in range(TABLES_MAX):
        spool.add(batch([1], TableRef("d", f"t{number}")))
    with pytest.raises(LimitExceeded, match=f"more than {TABLES_MAX} tables"):
        spool.add(batch([1]))


def test_a_folder_that_cannot_be_written_is_an_error_of_the_sink(tmp_path, monkeypatch):
    """As a full disk is."""
    monkeypatch.setattr(spool_module, "MEMORY_BYTES_MAX", 0)
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"keeping rows of d\.t failed"):
        Spool(tmp_path / "file", 10**6).add(batch([1]))


def test_what_a_killed_process_left_is_removed(tmp_path, monkeypatch):
    """At the next start, before anything is loaded."""
    monkeypatch.setattr(spool_module, "MEMORY_BYTES_MAX", 0)
    Spool(tmp_path / "spool", 10**6).add(batch([1]))
    assert list(tmp_path.glob("spool/*"))
    empty_spool(tmp_path / "spool")
    empty_spool(tmp_path / "none")
    assert list(tmp_path.glob("spool/*")) == []
