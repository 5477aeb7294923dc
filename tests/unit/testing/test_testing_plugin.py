"""The fixtures that this package gives to other people's tests."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import routine_load


def fill(rl, kafka):
    kafka.create_topic("clicks", partitions=2)
    kafka.produce("clicks", ["1,/", "2,/docs"])
    rl.execute("CREATE DATABASE web")
    rl.execute("CREATE TABLE web.clicks (id INT, page VARCHAR(9)) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)")
    return rl.create_routine_load(
        "web.j", table="clicks", brokers=kafka.bootstrap, topic="clicks", column_separator=",", offsets="OFFSET_BEGINNING"
    )


def test_rows_arrive(routine_load_connection, embedded_kafka):
    job = fill(routine_load_connection, embedded_kafka).wait(caught_up=True)
    assert job.statistic.loaded_rows == 2
    assert routine_load_connection.query("SELECT @@compat").fetchone() == ("COMPAT",)


def test_the_world_is_blank(routine_load_connection, embedded_kafka):
    assert fill(routine_load_connection, embedded_kafka).id == 1
"""


def run(folder, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_a_project_that_has_this_installed_has_the_fixtures(tmp_path):
    """Without a conftest: each test gets a broker and a service of its own, in the vendor that pytest's settings name."""
    (tmp_path / "test_mine.py").write_text(PROGRAM.replace("COMPAT", "doris"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nroutine_load_compat = doris\nfilterwarnings = error\n")
    ran = run(tmp_path)
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert "2 passed" in ran.stdout


def test_the_fixtures_are_listed_with_what_they_give(tmp_path):
    """pytest --fixtures shows them with a sentence."""
    listed = run(tmp_path, "--fixtures").stdout
    for name in ("routine_load_connection", "embedded_kafka"):
        assert f"{name} -- " in listed
    assert "no docstring available" not in listed.partition("routine_load_connection --")[2][:300]


def test_a_run_that_does_not_use_them_loads_little(tmp_path):
    """The plugin is in every run of whoever has this installed: it imports no engine and no broker."""
    program = (
        "import sys, routine_load.testing.plugin; print({'duckdb', 'confluent_kafka', 'pyarrow'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "set()\n"
