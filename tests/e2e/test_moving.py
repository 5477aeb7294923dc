"""Jobs that move between two services: each row is loaded once, wherever the move is broken off."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner

import routine_load
from routine_load.api.address import Address
from routine_load.api.importing import import_from
from routine_load.api.moving_choices import Choices
from routine_load.api.moving_source import FrontEnd, open_source
from routine_load.api.moving_values import Outcome
from routine_load.api.remote import RemoteDoor
from routine_load.cli.commands import app
from routine_load.errors import AnalysisError, ConnectionLost, NoDatabaseSelected, PropertyError
from routine_load.sql.results import text_table

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def there() -> Iterator[routine_load.Connection]:
    """Where jobs come from: jobs of both vendors run in it."""
    with routine_load.connect(mysql_port=0) as service:
        yield service


@pytest.fixture(scope="module")
def here() -> Iterator[routine_load.Connection]:
    """Where they go. It does not wait long for brokers that are not there."""
    with routine_load.connect(mysql_port=0, kafka_timeout_s=2) as service:
        yield service


class Move:
    """A database of one's own in both services, and a topic of two partitions."""

    def __init__(self, there, here, kafka) -> None:
        self.there, self.here, self.kafka = there, here, kafka
        self.database = f"m{next(NUMBERS)}"
        self.topic = f"moving-{self.database}"
        self.sent = 0
        kafka.create_topic(self.topic, 2)
        there.execute(f"CREATE DATABASE {self.database}")

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.there.ports[0]}/{self.database}"

    def job(self, compat: str = "starrocks", name: str = "j", more: str = "", table: str = "t") -> None:
        """A job that reads rows of one number."""
        key = "PRIMARY" if compat == "starrocks" else "UNIQUE"
        self.there.execute(f"SET compat = '{compat}'", self.database)
        self.there.execute(
            f"CREATE TABLE {table} (id BIGINT NOT NULL, v VARCHAR(20)) {key} KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1"
        )
        self.there.execute(
            f'CREATE ROUTINE LOAD {name} ON {table} COLUMNS (id, x, v = upper(x)) PROPERTIES ("format" = "json") FROM KAFKA '
            f'("kafka_broker_list" = "{self.kafka.bootstrap}", "kafka_topic" = "{self.topic}", '
            f'"property.kafka_default_offsets" = "OFFSET_BEGINNING"{more})'
        )

    def send(self, count: int = 5) -> None:
        for number in range(self.sent, self.sent + count):
            self.kafka.produce(self.topic, [{"id": number, "x": "a"}], partition=number % 2)
        self.sent += count

    def run(self, *, url: str | None = None, **choices) -> routine_load.api.MovedReport:
        (report,) = self.here.import_jobs(url or self.url, **choices)
        return report

    def rows(self, service, table: str = "t") -> list[int]:
        if self.database not in service.databases():
            return []
        return [row[0] for row in service.query(f"SELECT id FROM {self.database}.{table} ORDER BY id")]

    def state(self, service, name: str = "j") -> str:
        if self.database not in service.databases():
            return "none"
        return next((str(job.state) for job in service.jobs(self.database) if job.name == name), "none")

    def all_once(self, moved_at: int) -> None:
        """What was loaded there before the move and here after it is what was sent: nothing lost, nothing twice."""
        self.here.wait(f"{self.database}.j", loaded_rows=self.sent - moved_at)
        assert sorted(self.rows(self.there) + self.rows(self.here)) == list(range(self.sent))


@pytest.fixture
def move(there, here, embedded_kafka) -> Iterator[Move]:
    made = Move(there, here, embedded_kafka)
    yield made
    for service in (there, here):
        if made.database in service.databases():
            for job in service.jobs(made.database):
                job.stop()
            service.execute(f"DROP DATABASE {made.database} FORCE")
        service.execute("SET compat = 'starrocks'")


@pytest.mark.parametrize("compat", ["starrocks", "doris"])
def test_a_job_that_runs_is_paused_and_goes_on_elsewhere(move, compat) -> None:
    """Rows before the pause are there, rows after it here; the table is made, and the job follows its topic."""
    move.job(compat)
    move.send(7)
    move.there.wait(f"{move.database}.j", loaded_rows=7)
    report = move.run(pause=True)
    assert (report.outcome, report.tables, report.follows_topic) == (Outcome.DONE, {"t": "made"}, True)
    assert report.offsets == {0: "4", 1: "3"}
    assert (report.compat, report.state) == (compat, "RUNNING")
    move.send(4)
    move.all_once(7)
    assert (move.state(move.there), move.state(move.here)) == ("PAUSED", "RUNNING")
    assert move.run(pause=True).outcome is Outcome.HERE_ALREADY


def test_a_dry_run_changes_nothing(move) -> None:
    """It tells tables, offsets and statement; the job there goes on, and nothing is here."""
    move.job()
    report = move.run(pause=True, dry_run=True)
    assert (report.outcome, report.tables) == (Outcome.READY, {"t": "to be made"})
    assert "kafka_partition_discovery" in report.statement
    assert move.state(move.there) in {"RUNNING", "NEED_SCHEDULE"}
    assert move.database not in move.here.databases()


def test_a_job_that_runs_is_not_taken_unless_it_is_said(move) -> None:
    """Two services would load it: it is paused by its owner, or by the import where that is asked for."""
    move.job()
    report = move.run()
    assert report.outcome is Outcome.REFUSED
    assert f"PAUSE ROUTINE LOAD FOR `{move.database}`.`j` there first" in report.problem


def test_a_job_that_its_owner_paused_is_taken_as_it_is(move) -> None:
    """It is not resumed, whatever happens."""
    move.job()
    move.send(3)
    move.there.wait(f"{move.database}.j", loaded_rows=3)
    move.there.job(f"{move.database}.j").pause()
    move.send(2)
    assert move.run().outcome is Outcome.DONE
    move.all_once(3)


def test_what_one_job_lacks_keeps_all_from_being_begun(move) -> None:
    """A secret is masked there: nothing is begun, until it is given; it is in no report."""
    move.job(name="a", table="a")
    move.job(name="b", table="b", more=', "property.sasl.password" = "hidden-1"')
    first, second = move.here.import_jobs(move.url, pause=True)
    assert (first.outcome, second.outcome) == (Outcome.READY, Outcome.REFUSED)
    assert second.problem.endswith("property.sasl.password: the front end does not tell the value; give it")
    assert move.database not in move.here.databases()
    reports = move.here.import_jobs(move.url, pause=True, properties={"property.sasl.password": "hidden-2"})
    assert [each.outcome for each in reports] == [Outcome.DONE, Outcome.DONE]
    assert "hidden" not in repr(reports)
    assert "property.sasl.password is given, and the job has none: left out" in reports[0].notes


def test_a_job_that_is_refused_here_goes_on_there(move) -> None:
    """CREATE is refused: the table and the database that were made for it are gone, and the job there runs."""
    move.job()
    report = move.run(pause=True, properties={"kafka_broker_list": "127.0.0.1:1"})
    assert report.outcome is Outcome.FAILED
    assert "127.0.0.1:1" in report.problem
    assert move.database not in move.here.databases()
    assert move.state(move.there) in {"RUNNING", "NEED_SCHEDULE"}


def test_tables_that_are_here_are_left_and_compared(move) -> None:
    """What is otherwise is said; with tables=False an absent one is refused, and none is made."""
    move.job()
    report = move.run(pause=True, tables=False)
    assert report.problem == f"table {move.database}.t is not here, and tables are to be left alone"
    move.here.execute(f"CREATE DATABASE {move.database}")
    move.here.execute(
        f"CREATE TABLE {move.database}.t (id INT NOT NULL) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1"
    )
    report = move.run(pause=True, dry_run=True)
    assert report.tables == {"t": "there already"}
    assert {note for note in report.notes if note.startswith("table")} == {
        "table t here has no column v",
        "table t here has other types of id",
        "table t here has other keys",
    }


def test_a_job_that_was_paused_by_its_service_is_not_taken(move) -> None:
    """It may be resumed by itself, or be in doubt of its last commit: only what a user paused stays where it is."""
    move.job()
    front = _Told(move, "ErrorReason{errCode = 3, msg='too few replicas'}")
    (report,) = import_from(front, move.database, _front(move.here), Choices())
    assert report.problem.endswith("(too few replicas): RESUME it there, then PAUSE it")


class _Client:
    """A session of a service that fails at one statement, before or after it was carried out."""

    def __init__(self, service, at: str = "", when: str = "before", error: BaseException | None = None) -> None:
        self._client = RemoteDoor(Address.of(f"mysql://root@127.0.0.1:{service.ports[0]}")).open(None)
        self._at, self._when, self._error = at, when, error
        self.seen: list[str] = []

    def run(self, text: str, database: str | None):
        self.seen.append(text)
        hit = bool(self._at) and self._at in text and self._error is not None
        if hit and self._when == "before":
            raise self._fail()
        result = self._client.run(text, database)
        if hit:
            raise self._fail()
        return result

    def _fail(self) -> BaseException:
        error, self._error = self._error, None
        assert error is not None
        return error

    def interrupt(self) -> None: ...

    def close(self) -> None:
        self._client.close()


def _front(service, **failure) -> FrontEnd:
    return FrontEnd(_Client(service, **failure))


class _Told(FrontEnd):
    """A front end whose job is PAUSED for a reason."""

    def __init__(self, move, reason: str) -> None:
        super().__init__(_Client(move.there))
        self._reason = reason

    def told(self, job):
        told = super().told(job)
        row = {**told.row, "State": "PAUSED", "ReasonOfStateChanged": self._reason}
        return type(told)(compat=told.compat, row=row, created=told.created, is_ours=False)


STEPS = [
    ("there", "PAUSE ROUTINE LOAD", "after"),
    ("there", "PAUSE ROUTINE LOAD", "before"),
    ("here", "CREATE DATABASE", "after"),
    ("here", "CREATE TABLE", "before"),
    ("here", "CREATE TABLE", "after"),
    ("here", "CREATE ROUTINE LOAD", "before"),
    ("here", "CREATE ROUTINE LOAD", "after"),
]


@pytest.mark.parametrize(("where", "at", "when"), STEPS)
def test_a_connection_that_breaks_leaves_one_job_that_runs_at_most(move, where, at, when) -> None:
    """After any break the job runs in one place or rests in both, nothing half made is here, and a second run moves it."""
    move.job()
    move.send(5)
    move.there.wait(f"{move.database}.j", loaded_rows=5)
    fronts: dict[str, Callable[[], FrontEnd]] = {
        name: lambda name=name: _front(
            getattr(move, name), **({"at": at, "when": when, "error": ConnectionLost()} if name == where else {})
        )
        for name in ("there", "here")
    }
    (report,) = import_from(fronts["there"](), move.database, fronts["here"](), Choices(pause=True))
    runs_there, runs_here = move.state(move.there) != "PAUSED", move.state(move.here) != "none"
    if at == "CREATE ROUTINE LOAD" and when == "after":
        assert (report.outcome, runs_there, runs_here) == (Outcome.DONE, False, True)
    elif at == "CREATE ROUTINE LOAD":
        assert (report.outcome, runs_there, runs_here) == (Outcome.UNKNOWN, False, False)
        assert "stays PAUSED" in report.problem
    else:
        assert (report.outcome, runs_there, runs_here) == (Outcome.FAILED, True, False)
        assert move.database not in move.here.databases() or at == "CREATE DATABASE"
    move.send(3)
    if not runs_here:
        report = move.run(pause=True)
        assert report.outcome is Outcome.DONE
    moved_at = len(move.rows(move.there))
    assert moved_at in {5, 8}
    move.all_once(moved_at)


def test_the_answer_of_a_pause_that_nobody_may_give_is_a_refusal(move) -> None:
    """PAUSE is refused there, because another paused the job meanwhile: it is not resumed."""
    move.job()
    source = _front(move.there, at="PAUSE ROUTINE LOAD", error=AnalysisError("Could not transform PAUSED to PAUSED"))
    real = source.pause
    source.pause = lambda job: (move.there.job(f"{move.database}.j").pause(), real(job))[1]
    (report,) = import_from(source, move.database, _front(move.here), Choices(pause=True))
    assert (report.outcome, report.problem) == (Outcome.FAILED, "Could not transform PAUSED to PAUSED")
    assert move.state(move.there) == "PAUSED"


class _Foreign(_Client):
    """Our service as a front end that has none of our variables: what it tells is read as a vendor's."""

    def run(self, text: str, database: str | None):
        if "show_create_offsets" in text:
            return [text_table(["Variable_name", "Value"], [])]
        return super().run(text, database)


@pytest.mark.parametrize("compat", ["starrocks", "doris"])
def test_front_ends_of_the_vendors_are_told_apart_by_their_columns(move, compat) -> None:
    """Doris does not tell whether a job follows its topic: one that is at all of its partitions does."""
    move.job(compat)
    move.send(6)
    move.there.wait(f"{move.database}.j", loaded_rows=6)
    client = _Foreign(move.there)
    client.run(f"SET compat = '{compat}'", None)
    (report,) = import_from(FrontEnd(client), move.database, _front(move.here), Choices(pause=True))
    assert (report.compat, report.outcome, report.problem) == (compat, Outcome.DONE, "")
    move.send(3)
    move.all_once(6)
    assert any("does not tell whether the job does" in note for note in report.notes) is (compat == "doris")


def test_a_job_at_some_partitions_is_not_guessed_about(move) -> None:
    """Doris prints the same for a job that is pinned and for one that has not found the others yet."""
    move.job("doris", more=', "kafka_partitions" = "1", "kafka_offsets" = "0"')
    client = _Foreign(move.there)
    client.run("SET compat = 'doris'", None)
    source, place = FrontEnd(client), _front(move.here)
    (report,) = import_from(source, move.database, place, Choices(pause=True))
    assert report.problem.endswith("say which; it is at the partitions 1, the topic has 0, 1")
    (report,) = import_from(source, move.database, place, Choices(pause=True, pinned=True))
    assert (report.outcome, report.follows_topic) == (Outcome.DONE, False)
    move.send(4)
    move.here.wait(f"{move.database}.j", loaded_rows=2)
    assert move.rows(move.here) == [1, 3]


@pytest.mark.parametrize("compat", ["starrocks", "doris"])
def test_an_exported_job_goes_on_in_a_cluster(move, compat) -> None:
    """The statements are executed elsewhere as they are printed, and the rows go on there."""
    move.job(compat)
    move.send(5)
    move.there.wait(f"{move.database}.j", loaded_rows=5)
    (exported,) = move.there.export_jobs(database=move.database, pause=True, tables=True)
    assert "kafka_partition_discovery" not in exported.sql
    assert move.state(move.there) == "PAUSED"
    move.here.execute(f"SET compat = '{compat}'")
    move.here.execute(exported.sql)
    move.send(2)
    move.all_once(5)
    (running,) = move.here.export_jobs(database=move.database)
    assert any(note.startswith("it runs here") for note in running.report.notes)


def test_secrets_are_exported_only_where_they_are_given(move) -> None:
    """A mask is no value; what is given is in the SQL and nowhere else."""
    move.job(more=', "property.sasl.password" = "hidden-1"')
    (exported,) = move.there.export_jobs([f"{move.database}.j"])
    assert (exported.sql, exported.report.outcome) == ("", Outcome.REFUSED)
    (exported,) = move.there.export_jobs([f"{move.database}.j"], properties={"property.sasl.password": "hidden-2"})
    assert "hidden-2" in exported.sql
    assert "hidden" not in repr(exported)


def test_the_command_line_imports_and_exports(move, tmp_path, monkeypatch) -> None:
    """Tables and JSON, secrets from a file or the environment, exit codes."""
    move.job(more=', "property.sasl.password" = "hidden-1"')
    port = ["--port", str(move.here.ports[0])]
    ran = CliRunner().invoke(app, ["import", move.url, "--pause", "--dry-run", *port])
    assert (ran.exit_code, "does not tell the value; give it" in ran.output) == (1, True)
    file = tmp_path / "secrets.toml"
    file.write_text(f'["{move.database}.j"]\n"property.sasl.password" = "hidden-2"\n')
    ran = CliRunner().invoke(
        app, ["import", move.url, "--pause", "--dry-run", "--json", "--properties", str(file), *port]
    )
    (report,) = json.loads(ran.stdout)
    assert (ran.exit_code, report["outcome"], report["tables"]) == (0, "ready", {"t": "to be made"})
    monkeypatch.setenv("SECRET", "hidden-3")
    given = ["--property-env", "property.sasl.password=SECRET"]
    ran = CliRunner().invoke(app, ["import", move.url, "--pause", *given, *port])
    assert (ran.exit_code, f"| {move.database}.j | " in ran.stdout, "| done" in ran.stdout) == (0, True, True)
    assert "hidden" not in ran.output
    ran = CliRunner().invoke(app, ["export", "--job", f"{move.database}.j", "--compat", "doris", *given, *port])
    assert ran.exit_code == 0
    assert "-- " in ran.stdout
    assert '"property.sasl.password" = "hidden-3"' in ran.stdout
    ran = CliRunner().invoke(app, ["export", "--database", move.database, "--dry-run", *port])
    assert (ran.exit_code, "refused" in ran.stdout) == (1, True)


def test_wrong_choices_are_refused_before_anything_is_asked(move) -> None:
    """The message names the part and what is allowed, never a value that may be a secret."""
    with pytest.raises(PropertyError, match="kafka_topic is the job's own"):
        move.run(properties={"kafka_topic": "x"})
    with pytest.raises(PropertyError, match="allowed: kafka_broker_list, property"):
        move.run(properties={"max_error_number": "x"})
    with pytest.raises(PropertyError, match="paws is no choice"):
        move.run(paws=True)
    with pytest.raises(PropertyError, match="allowed: mysql://, starrocks:// or doris://"):
        open_source("http://root:hidden@fe:9030/db")
    with pytest.raises(NoDatabaseSelected):
        move.here.import_jobs(move.url.rpartition("/")[0], ["j"])
    assert move.run(jobs=["absent"]).problem.startswith("There is no running job named absent")


@pytest.mark.parametrize("step", ["CREATE TABLE", "SHOW CREATE ROUTINE LOAD"])
def test_an_interrupted_import_takes_back_what_it_began(move, step) -> None:
    """Ctrl-C and SIGTERM: the job there goes on, and nothing of it is here."""
    move.job()
    where = "here" if step == "CREATE TABLE" else "there"
    fronts = {name: _Client(getattr(move, name)) for name in ("there", "here")}
    source, place = FrontEnd(fronts["there"]), FrontEnd(fronts["here"])
    pause = source.pause

    def paused(job) -> None:
        pause(job)
        fronts[where]._at, fronts[where]._error = step, KeyboardInterrupt()

    source.pause = paused
    with pytest.raises(KeyboardInterrupt):
        import_from(source, move.database, place, Choices(pause=True))
    assert move.state(move.there) in {"RUNNING", "NEED_SCHEDULE"}
    assert move.database not in move.here.databases()


def test_many_tables_move_with_their_job(move) -> None:
    """Doris: all tables of the database are made, because messages name them."""
    move.there.execute("SET compat = 'doris'", move.database)
    for name in ("a", "b"):
        move.there.execute(
            f"CREATE TABLE {name} (id INT, v VARCHAR(9)) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1"
        )
    move.there.execute(
        f'CREATE ROUTINE LOAD j COLUMNS TERMINATED BY "," FROM KAFKA ("kafka_broker_list" = "{move.kafka.bootstrap}", '
        f'"kafka_topic" = "{move.topic}", "property.kafka_default_offsets" = "OFFSET_BEGINNING")'
    )
    move.kafka.produce(move.topic, ["a|1,x", "b|2,y"], partition=0)
    move.there.wait(f"{move.database}.j", loaded_rows=2)
    report = move.run(pause=True)
    assert (report.outcome, report.tables) == (Outcome.DONE, {"a": "made", "b": "made"})
    move.kafka.produce(move.topic, ["a|3,x", "b|4,y"], partition=1)
    move.here.wait(f"{move.database}.j", loaded_rows=2)
    assert (move.rows(move.here, "a"), move.rows(move.here, "b")) == ([3], [4])


def test_files_and_types_that_are_not_here_are_named(move) -> None:
    """Before anything is begun: which file has to be made, which column cannot be kept."""
    move.there.execute(
        f'CREATE FILE "ca.pem" IN {move.database} PROPERTIES ("catalog" = "kafka", "url" = "data:,certificate")'
    )
    move.job(more=', "property.ssl.ca.location" = "FILE:ca.pem"')
    report = move.run(pause=True)
    assert report.problem.startswith("property.ssl.ca.location is the file ca.pem, which is not here: CREATE FILE")
    move.job(name="k", table="k")
    source = _front(move.there)
    source.table_text = lambda *_: "CREATE TABLE k (id INT, a IPV4) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)"
    (report,) = import_from(source, move.database, _front(move.here), Choices(pause=True, jobs=("k",)))
    assert report.problem.startswith("table k cannot be made here: ")
    assert "IPV4" in report.problem
    source.table_text = lambda *_: "CREATE TABLE other (id INT) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)"
    (report,) = import_from(source, move.database, _front(move.here), Choices(pause=True, jobs=("k",)))
    assert report.problem == f"asked for table k, the front end tells of {move.database}.other"
    assert move.state(move.there) in {"RUNNING", "NEED_SCHEDULE"}
