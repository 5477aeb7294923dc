"""docs/chaos.md does what it says: its commands run, and print the lines that stand below them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from routine_load.cli.commands import app
from tests.support import forked

PAGE = Path(__file__).parents[2] / "docs" / "chaos.md"


def commands() -> list[tuple[list[str], list[str]]]:
    """Each command of the page, and the lines that it prints."""
    blocks = re.findall(r"```console\n\$ routine-load (.*?)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [(shlex.split(command), printed.splitlines()) for command, printed in blocks]


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """Lives are forked, which costs less than a new Python each time, and is otherwise the same."""
    from routine_load.testing.chaos import world

    with forked.ForkServer(tmp_path / "forks") as forks:
        monkeypatch.setattr(world.World.__init__, "__defaults__", (forks.launch,))
        yield


@pytest.mark.slow
def test_the_page_of_chaos(tmp_path, monkeypatch, quick):
    """The default job, then a reader's own."""
    monkeypatch.chdir(tmp_path)
    (job,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    Path("orders.sql").write_text(job)
    found = commands()
    assert len(found) == 2
    for words, printed in found:
        ran = CliRunner().invoke(app, words)
        assert ran.exit_code == 0, ran.output
        as_on_page = "\n".join(re.escape(line).replace("…", ".+") for line in printed)
        assert re.fullmatch(as_on_page, ran.stdout.strip()), ran.stdout
        (kills,) = re.findall(r"^kills +(\d+)", ran.stdout, re.MULTILINE)
        assert int(kills) > 0


@pytest.mark.slow
def test_what_is_lost_ends_the_run_with_1(tmp_path, monkeypatch, quick):
    """Here the job itself leaves one number out."""
    monkeypatch.chdir(tmp_path)
    Path("job.sql").write_text(
        "CREATE DATABASE d; CREATE TABLE d.t (n BIGINT) DUPLICATE KEY(n) DISTRIBUTED BY HASH(n);"
        "CREATE ROUTINE LOAD d.j ON t WHERE n <> 5 "
        'PROPERTIES ("format" = "json", "max_batch_interval" = "5") '
        'FROM KAFKA ("kafka_broker_list" = "${BROKERS}", "kafka_topic" = "t", '
        '"property.kafka_default_offsets" = "OFFSET_BEGINNING")'
    )
    given = ["--job", "job.sql", "--message", '{"n": $n}', "--minutes", "0.02", "--rate", "50", "--every", "0.5"]
    ran = CliRunner().invoke(app, ["chaos", *given])
    assert ran.exit_code == 1, ran.output
    assert re.search(r"^lost +1$", ran.stdout, re.MULTILINE), ran.output
    assert "  lost: 5\n" in ran.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--job", "job.sql"], "--message"),
        (["--kafka", "nowhere"], "embedded, apache, host:port"),
        (["--compat", "oracle"], "starrocks or doris"),
        (["--coordinators", "2"], "RL_METADATA_URL and RL_TARGET"),
        (["--message", "no number"], "no $n"),
        (["--job", "none.sql", "--message", "$n"], "cannot read the job"),
        (["--job", "end.sql", "--message", "$n"], "OFFSET_BEGINNING"),
        (["--job", "two.sql", "--message", "$n"], "2 CREATE ROUTINE LOAD"),
        (["--job", "own.sql", "--message", "$n", "--kafka", "apache"], "brokers of its own"),
        (["--data-dir", "."], "is not empty"),
    ],
)
def test_a_run_that_would_prove_nothing_is_refused(tmp_path, monkeypatch, words, told):
    """A job that may pass over messages, messages without numbers, a place that somebody uses."""
    monkeypatch.chdir(tmp_path)
    at = 'FROM KAFKA ("kafka_broker_list" = "{}", "kafka_topic" = "t"{})'
    begins = ', "property.kafka_default_offsets" = "OFFSET_BEGINNING"'
    job = "CREATE ROUTINE LOAD d.j ON t "
    Path("end.sql").write_text(job + at.format("${BROKERS}", ""))
    Path("two.sql").write_text(";".join([job + at.format("${BROKERS}", begins)] * 2))
    Path("own.sql").write_text(job + at.format("k:9092", begins))
    ran = CliRunner().invoke(app, ["chaos", *words])
    assert ran.exit_code == 2, ran.output
    assert told in ran.output
