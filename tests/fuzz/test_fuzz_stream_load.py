"""Random and mutated Stream Loads, from headers and body to rows: each is loaded or refused, and all of it accounted for.

All are planned and cut into rows; some are loaded through everything but DuckDB's file (transactions, headers, framing,
decoding, conversion, rejected rows), so
that there can be many. What becomes of requests at the doors is ``test_fuzz_http``'s.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from routine_load.app.compiler import Compiler
from routine_load.clock import SystemClock
from routine_load.errors import RoutineLoadError, UnknownTable
from routine_load.ids import Compat, TableRef
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.loads.history import LoadHistory
from routine_load.loads.kept import KeptCompiler
from routine_load.loads.path import LoadPath
from routine_load.loads.rejects import RejectLog
from routine_load.loads.transaction_values import Transaction, TxnState
from routine_load.loads.transactions import TransactionParts, Transactions, TxnIds
from routine_load.loads.values import RefusedRow, TableBatch
from routine_load.sql.schema import Column, ColumnType, KeyModel, Table, TypeName
from routine_load.statements.ports import Session
from routine_load.statements.stream_load import headers_doris, headers_starrocks
from routine_load.statements.stream_load.bodies import ReceivedBody, opened
from routine_load.statements.stream_load.checks import check_plan
from routine_load.statements.stream_load.plan import StreamLoadLimits
from routine_load.statements.stream_load.service import StreamLoads as Service
from routine_load.statements.stream_load.values import LoadOutcome, LoadRequest
from tests.fuzz.stream_loads import Load, StreamLoads

SOAK = bool(os.environ.get("RL_SOAK"))
CUT, LOADED = (480_000, 20_000) if SOAK else (24_500, 250)
"""Of each vendor: loads that are planned and cut into rows, and loads that are loaded."""
ODD_HEADERS = 2_000 if SOAK else 40
SEED = os.environ.get("RL_SEED", "1")
REFS = TableRef("d", "t")
TABLE = Table(
    ref=REFS,
    columns=(
        Column(name="a", type=ColumnType(name=TypeName.INT), nullable=False),
        Column(name="b", type=ColumnType(name=TypeName.VARCHAR, length=6)),
        Column(name="c", type=ColumnType(name=TypeName.DATETIME)),
    ),
    key_model=KeyModel.DUPLICATE,
)
LIMITS = StreamLoadLimits(spool_dir=Path("/tmp"), body_bytes_max=100_000, chunk_bytes=60, row_bytes_max=2_000)


class MemoryRows:
    """Rows that are counted, and visible when their transaction is."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._rows = 0

    def write(self, batch: TableBatch) -> Sequence[RefusedRow]:
        self._rows += batch.rows.num_rows
        return ()

    def keep(self) -> None: ...

    def prepare(self, prepared: Transaction) -> None:
        self._log.staged[prepared.id] = self._rows

    def commit(self, visible: Transaction) -> None:
        self._log.visible += self._rows

    def rollback(self) -> None:
        self._rows = 0


class MemoryLog:
    """``loads.ports.TransactionLog`` without a file, and the one table there is."""

    def __init__(self) -> None:
        self.visible = 0
        self.staged: dict[int, int] = {}

    def reserve_txn_ids(self, count: int, *, least: int) -> int:
        return least

    def transactions(self) -> list[Transaction]:
        return []

    def begin_rows(self, begun: Transaction) -> MemoryRows:
        return MemoryRows(self)

    def commit_prepared(self, visible: Transaction) -> Transaction:
        self.visible += self.staged.pop(visible.id)
        return visible

    def give_up(self, aborted: Transaction) -> None:
        self.staged.pop(aborted.id, None)

    def forget_transactions(self, ids: Sequence[int]) -> None: ...

    def table(self, ref: TableRef) -> Table:
        if ref != REFS:
            raise UnknownTable(f"{ref}")
        return TABLE

    def has_database(self, database: str) -> bool:
        return database == "d"


class InMemory:
    """Stream Load over ``MemoryLog``."""

    def __init__(self, directory: Path) -> None:
        self.log = MemoryLog()
        self.compiler = KeptCompiler(Compiler(), idle_max=64)
        clock = SystemClock()
        configs = {compat: FrontendConfig.of(compat, {}) for compat in Compat}
        rejects = RejectLog(directory)
        self.transactions = Transactions(
            TransactionParts(
                log=self.log,
                path=LoadPath(sink=self.log, compiler=self.compiler, reject_log=rejects, clock=clock),
                clock=clock,
                ids=TxnIds.of(self.log, clock),
                elsewhere=LoadHistory(),
                frontend_config=configs.__getitem__,
            )
        )
        context = SimpleNamespace(
            clock=clock,
            compiler=self.compiler,
            engine=self.log,
            frontend_config=configs.__getitem__,
            settings=SimpleNamespace(data_dir=directory, chunk_bytes=400, chunk_rows=1_000),
            sink=self.log,
            transactions=self.transactions,
            loads=SimpleNamespace(record_files=SimpleNamespace(write_records=lambda _id, _most: "")),
        )
        self.service = Service(context)


class Piecewise:
    """A body that comes in pieces."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, max_bytes: int) -> bytes:
        taken, self._data = self._data[:max_bytes], self._data[max_bytes:]
        return taken


@pytest.fixture
def directory() -> Iterator[Path]:
    """In memory, where the machine has such a place: files of rejected rows are synced."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as found:
        yield Path(found)


def request_of(load: Load, compat: Compat) -> LoadRequest:
    return LoadRequest(
        session=Session(user="root", compat=compat),
        database="d",
        table="t",
        headers={name: value for name, value in load.headers.items() if value},
        client="127.0.0.1:1",
        content_length=len(load.body),
        body=Piecewise(load.body),
    )


def check(load: Load, outcome: LoadOutcome, added: int) -> str:
    """Whether an outcome is true of what was sent and of the rows that were added; how it ended."""
    assert outcome.status in {"Success", "Fail", "Label Already Exists"}, outcome
    assert outcome.message.strip(), outcome
    counts = outcome.counts
    total = counts.total if outcome.total_rows is None else outcome.total_rows
    assert min(counts.loaded, counts.filtered, counts.unselected, total) >= 0
    staged = outcome.two_phase and outcome.ok
    assert added == (counts.loaded if outcome.ok and not staged else 0), (outcome, added)
    if load.rows is not None:
        assert total == load.rows, (outcome, load)
        if load.headers.get("max_filter_ratio") == "1":
            assert outcome.ok or counts.loaded == 0, (outcome, load)
    elif outcome.ok:
        assert counts.total == total
    return outcome.status if load.rows is None else "counted " + outcome.status


def cut(request: LoadRequest) -> int:
    """How many rows there are in a body, before anybody reads what is in them. Raises Refused, RoutineLoadError."""
    compat = request.session.compat
    headers = headers_doris if compat is Compat.DORIS else headers_starrocks
    plan = headers.plan(request, headers.head(request, LIMITS))
    check_plan(plan, TABLE)
    body = ReceivedBody(request, LIMITS, SystemClock())
    rows = 0
    for payloads in opened(plan, body, LIMITS).payloads:
        rows += sum(bool(row) for row in payloads.values)
    body.finish()
    return rows


@pytest.mark.timeout(7200 if SOAK else 300)
@pytest.mark.parametrize("compat", list(Compat))
def test_any_body_is_cut_into_its_rows_or_refused(compat: Compat) -> None:
    """Every row of a well-formed body comes out of it; of any other, rows come or a refusal in words, nothing else."""
    loads = StreamLoads(compat, SEED, odd_headers=2_000)
    ends: Counter[str] = Counter()
    for number in range(CUT):
        load = loads.next()
        try:
            rows = cut(request_of(load, compat))
            assert load.rows in {None, rows}, rows
            ends["any" if load.rows is None else "counted"] += 1
        except RoutineLoadError as error:
            ends["refused" if load.rows is None and error.message.strip() else f"wrongly refused: {load}"] += 1
        except Exception as error:
            raise AssertionError(f"load {number} of seed {SEED}: {load}") from error
    assert set(ends) == {"any", "counted", "refused"}
    assert min(ends.values()) > CUT // 20, ends


@pytest.mark.timeout(7200 if SOAK else 300)
@pytest.mark.parametrize("compat", list(Compat))
def test_any_load_is_loaded_or_refused_and_accounted_for(compat: Compat, directory: Path) -> None:
    """Rows are loaded, filtered or unselected; those of a load that fails are nowhere; its label is free again."""
    loads = StreamLoads(compat, SEED, odd_headers=ODD_HEADERS)
    world = InMemory(directory)
    ends: Counter[str] = Counter()
    for number in range(LOADED):
        load, before = loads.next(), world.log.visible
        try:
            outcome = world.service.load(request_of(load, compat))
            ends[check(load, outcome, world.log.visible - before)] += 1
            found = world.transactions.get(outcome.txn_id)
            assert found is None or (found.state is not TxnState.PREPARE and found.status is not TxnState.PREPARE)
        except Exception as error:
            raise AssertionError(f"load {number} of seed {SEED}: {load}") from error
    assert world.transactions.running("d") == len(world.log.staged)
    world.compiler.close()
    assert all(ends[end] > LOADED // 100 for end in ("Success", "Fail", "counted Success", "counted Fail")), ends
