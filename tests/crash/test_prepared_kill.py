"""A process is killed at every step of a client's transaction; the file then holds all of it, or nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from routine_load.ids import Label
from routine_load.loads.transaction_values import Transaction, TxnState
from tests.support.client_transactions import BEGIN, STAGED, P, T, World, add, make_directory

ROOT = Path(__file__).parents[2]

FORKS = """
import os, sys
from dataclasses import replace
from pathlib import Path
from routine_load.ids import Label
from routine_load.observe import failpoints
from tests.support.client_transactions import BEGIN, STAGED, P, T, World, add

def act(directory, verb, point):
    if verb == "restart":
        failpoints.arm(point + "=kill")
    world = World(Path(directory))
    begin = replace(BEGIN if verb == "direct" else STAGED, label=Label("l"))
    opened = world.transactions.begin(begin)
    add(opened, b"1,x", b"bad,y", b"2,y", table=P)
    if verb != "direct":
        add(opened, b"7,z", table=T)
    if verb in ("finish", "abort"):
        prepared = opened.prepare(1000)
    failpoints.arm(point + "=kill")
    match verb:
        case "direct" | "commit":
            opened.commit()
        case "prepare":
            opened.prepare(1000)
        case "finish":
            world.transactions.commit(prepared.id)
        case "abort":
            world.transactions.abort(prepared.id, "no")

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        act(*line.split())
        os._exit(3)
    _, status = os.waitpid(child, 0)
    print(status, flush=True)
"""

COMMITTED = TxnState.VISIBLE
STEPS = {
    "direct": {"transaction.commit.before": None, "transaction.commit.after": COMMITTED},
    "commit": {
        "transaction.commit.before": TxnState.ABORTED,
        "prepared.commit.locked": TxnState.ABORTED,
        "prepared.commit.merged": TxnState.ABORTED,
        "prepared.commit.dropped": TxnState.ABORTED,
        "prepared.commit.after": COMMITTED,
        "transaction.commit.after": COMMITTED,
    },
    "prepare": {
        "transaction.prepare.before": TxnState.ABORTED,
        "prepared.prepare.before": TxnState.ABORTED,
        "prepared.prepare.after": TxnState.PREPARED,
        "transaction.prepare.after": TxnState.PREPARED,
    },
    "finish": {
        "transaction.finish.before": TxnState.PREPARED,
        "prepared.commit.locked": TxnState.PREPARED,
        "prepared.commit.merged": TxnState.PREPARED,
        "prepared.commit.dropped": TxnState.PREPARED,
        "prepared.commit.after": COMMITTED,
        "transaction.finish.after": COMMITTED,
    },
    "abort": {
        "transaction.abort.before": TxnState.PREPARED,
        "prepared.abort.before": TxnState.PREPARED,
        "transaction.abort.after": TxnState.ABORTED,
    },
}


@pytest.fixture(scope="module")
def forks() -> Iterator[subprocess.Popen[str]]:
    """A process that has everything imported and forks another for each line."""
    with subprocess.Popen(
        [sys.executable, "-c", FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as child:
        yield child
        assert child.stdin is not None
        child.stdin.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the tables in it, to be copied."""
    return make_directory(tmp_path_factory.mktemp("made"))


def kill_at(forks: subprocess.Popen[str], directory: Path, verb: str, point: str) -> None:
    assert forks.stdin is not None
    assert forks.stdout is not None
    print(directory, verb, point, file=forks.stdin, flush=True)
    assert int(forks.stdout.readline()) == 9, "the point was not passed"


def state_of(found: Transaction | None) -> TxnState | None:
    return None if found is None else found.state


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "point"), [(verb, point) for verb, points in STEPS.items() for point in points])
def test_after_a_kill_at_any_step_it_is_all_or_nothing(
    forks: subprocess.Popen[str], made: Path, tmp_path: Path, verb: str, point: str
) -> None:
    """Rows of both tables and the state agree; what is prepared can still be committed; nothing staged is left over."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    kill_at(forks, tmp_path, verb, point)
    world = World(tmp_path)
    try:
        found = world.transactions.find("d", "l")
        assert state_of(found) is STEPS[verb][point]
        rows = [] if verb == "direct" else [(7, "z")]
        if found is not None and found.state is TxnState.PREPARED:
            assert (world.rows("p"), world.rows("t")) == ([], [])
            assert world.files() == [".refused"]
            found = world.transactions.commit(found.id)
        if found is not None and found.state is COMMITTED:
            assert (world.rows("p"), world.rows("t")) == ([(1, "x"), (2, "y")], rows)
            assert (found.counts.loaded, found.counts.filtered) == (2 + len(rows), 1)
            assert world.files() == [".parquet"]
        else:
            assert (world.rows("p"), world.rows("t")) == ([], [])
            add(again := world.transactions.begin(replace(BEGIN, label=Label("l"))), b"1,x", table=T)
            assert again.commit().state is COMMITTED
        assert world.stages() == []
    finally:
        world.close()


@pytest.mark.slow
def test_a_kill_while_a_restart_gives_up_what_was_open(forks: subprocess.Popen[str], tmp_path: Path) -> None:
    """Recovery is cut, too, and begins again."""
    world = World(tmp_path)
    world.make_tables()
    add(world.transactions.begin(STAGED), b"1,x", table=P)
    add(world.transactions.begin(replace(STAGED, label=Label("m"))), b"1,x", table=T)
    world.close()
    kill_at(forks, tmp_path, "restart", "prepared.abort.before")
    world.open()
    try:
        assert [each.state for each in world.transactions.list("d")] == [TxnState.ABORTED] * 2
        assert world.stages() == []
    finally:
        world.close()
