"""A wheel built from the repository is whole: it works without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import pathlib, sys, tempfile
import routine_load
from routine_load.paths import shipped
from routine_load.store import migrate

here = pathlib.Path(routine_load.__file__).resolve()
assert not here.is_relative_to(sys.argv[1]), f"the checkout is on the path: {here}"
assert list(shipped("grammar").glob("*.lark"))
with tempfile.TemporaryDirectory() as folder, routine_load.connect(folder) as connection:
    connection.execute("CREATE DATABASE d")
    connection.execute("CREATE TABLE d.t (id INT, v VARCHAR(10)) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1")
    connection.execute("INSERT INTO d.t VALUES (1, 'x')")
    assert connection.query("SELECT id, v FROM d.t").fetchall() == [(1, "x")]
    connection.execute("SHOW ROUTINE LOAD FROM d")
print("whole")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_what_the_program_reads(wheel):
    """Grammar, migrations, type marker, licence and entry points are inside; tests are not."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entries = next(name for name in names if name.endswith("entry_points.txt"))
        assert "routine-load = routine_load.cli:main" in archive.read(entries).decode()
        assert "routine_load = routine_load.testing.plugin" in archive.read(entries).decode()
    assert "routine_load/py.typed" in names
    assert "routine_load/_shipped/grammar/routine_load.lark" in names
    assert "routine_load/_shipped/migrations/env.py" in names
    assert any(name.startswith("routine_load/_shipped/migrations/versions/") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert [name for name in names if name.startswith(("tests/", "examples/", "benchmarks/"))] == []


@pytest.mark.slow
def test_the_wheel_works_without_the_checkout(wheel, tmp_path):
    """Unpacked beside the installed dependencies, it opens a store, parses statements and answers a query."""
    unpacked = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    paths = os.pathsep.join([str(unpacked), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    probe = subprocess.run(
        [sys.executable, "-S", "-W", "ignore::DeprecationWarning", "-c", PROBE, str(ROOT / "routine_load")],
        cwd=tmp_path,
        env={"PYTHONPATH": paths, "PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert probe.returncode == 0, probe.stderr[-4000:]
    assert probe.stdout == "whole\n"
