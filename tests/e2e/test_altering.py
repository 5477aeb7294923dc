"""ALTER of a job that runs, versions and the way back, checks that are left to planning, statements made again."""

from __future__ import annotations

import itertools
import re
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.errors import RoutineLoadError
from routine_load.ids import Compat
from routine_load.observe import failpoints
from routine_load.statements import alter as altering

NUMBERS = itertools.count(1)
TABLE = "CREATE TABLE {t} (p INT, n BIGINT, v INT) DUPLICATE KEY(p, n) DISTRIBUTED BY HASH(p)"


class Service:
    """One coordinator; a job, its table and its topics are made for each test."""

    def __init__(self, coordinator: Coordinator, kafka) -> None:
        self.service, self.kafka = coordinator.service, kafka
        self.number = next(NUMBERS)
        self.job, self.table = f"j{self.number}", f"t{self.number}"
        self.session = self.service.open_session("root", "test", Compat.STARROCKS)
        self.run("CREATE DATABASE IF NOT EXISTS d")
        self.run("USE d")
        self.run(TABLE.format(t=self.table))

    def run(self, text: str) -> list[tuple]:
        text = text.format(j=self.job, t=self.table)
        result = self.service.execute(self.session, text)[-1]
        return list(getattr(result, "rows", ()))

    def topic(self, letter: str, partitions: int = 2) -> str:
        name = f"alter-{letter}-{self.number}"
        self.kafka.create_topic(name, partitions)
        return name

    def produce(self, topic: str, count: int, start: int = 0, partition: int = 0) -> None:
        self.kafka.produce(topic, [f"{partition},{n}" for n in range(start, start + count)], partition=partition)

    def create(
        self, topic: str, more: str = "", clauses: str = 'COLUMNS TERMINATED BY ",", COLUMNS (p, n, v = 1)'
    ) -> None:
        self.run(
            f"CREATE ROUTINE LOAD {{j}} ON {{t}} {clauses} FROM KAFKA "
            f'("kafka_broker_list" = "{self.kafka.bootstrap}", "kafka_topic" = "{topic}"{more})'
        )

    def shown(self) -> dict[str, str]:
        """By the names of the columns that the tests look at."""
        (row,) = self.run("SHOW ROUTINE LOAD FOR {j}")
        return {"State": row[7], "JobProperties": row[10], "Reason": row[16]}

    def rows(self) -> int:
        return self.run("SELECT count(*) FROM {t}")[0][0]

    def until_rows(self, wanted: int) -> None:
        self.until(lambda: self.rows() >= wanted)
        assert self.rows() == wanted

    def until(self, reached) -> None:
        for _ in range(600):
            if reached():
                return
            time.sleep(0.02)
        pytest.fail(str(self.shown()))

    def versions(self) -> list[tuple]:
        return [row[:5] for row in self.run("SHOW ROUTINE LOAD VERSIONS FOR {j}")]


FROM_START = ', "property.kafka_default_offsets" = "OFFSET_BEGINNING"'


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory):
    settings = Settings(data_dir=tmp_path_factory.mktemp("alter") / "data", mysql_port=None, http_port=None)
    coordinator = Coordinator(settings)
    coordinator.start()
    yield coordinator
    coordinator.stop()


@pytest.fixture
def s(coordinator, embedded_kafka):
    made = Service(coordinator, embedded_kafka)
    yield made
    for name in {row[1] for row in made.run("SHOW ROUTINE LOAD") if row[7] != "STOPPED"}:
        made.run(f"STOP ROUTINE LOAD FOR {name}")


def test_no_batch_mixes_two_definitions_and_none_is_lost(s):
    """ALTER after ALTER while messages come: of each partition, every message once, each version's in one piece."""
    topic = s.topic("a")
    s.create(topic, FROM_START)
    for value in range(2, 8):
        for partition in (0, 1):
            s.produce(topic, 500, 500 * (value - 2), partition)
        s.run(f"ALTER ROUTINE LOAD FOR {{j}} COLUMNS (p, n, v = {value})")
    s.until_rows(6000)
    found = s.run("SELECT p, v, min(n), max(n), count(DISTINCT n) FROM {t} GROUP BY p, v ORDER BY p, v")
    for partition in (0, 1):
        pieces = [row[1:] for row in found if row[0] == partition]
        assert sum(piece[3] for piece in pieces) == 3000
        assert all(last - first + 1 == count for _, first, last, count in pieces)
        assert [piece[1] for piece in pieces] == sorted(piece[1] for piece in pieces)
    assert s.shown()["State"] == "RUNNING"
    assert len(s.versions()) == 7


def test_statements_that_alter_at_the_same_moment_all_take_effect(s, coordinator):
    """Each is worked out anew where another was faster: none undoes what the other did."""
    s.create(s.topic("a"), FROM_START)
    properties = ("max_error_number", "max_batch_rows", "max_batch_interval", "desired_concurrent_number")
    values = {name: str(200_001 + number) for number, name in enumerate(properties)}

    def alter(name: str) -> None:
        session = coordinator.service.open_session("root", "test", Compat.STARROCKS)
        text = f'ALTER ROUTINE LOAD FOR d.{s.job} PROPERTIES ("{name}" = "{values[name]}")'
        coordinator.service.execute(session, text)

    with ThreadPoolExecutor(len(values)) as together:
        list(together.map(alter, values))
    text = s.run("SHOW CREATE ROUTINE LOAD {j}")[0][1]
    assert all(f'"{name}"="{value}"' in text for name, value in values.items())
    assert len(s.versions()) == 5


@pytest.mark.parametrize(
    ("clause", "refusal"),
    [
        ("COLUMNS (p, nix = 1)", "nix"),
        ("WHERE nix > 1", "nix"),
        ("PARTITION (nix)", "Partition nix does not exist"),
        ('PROPERTIES ("max_error_number" = "-1")', "max_error_number should >= 0"),
        ('COLUMNS (p, n) PROPERTIES ("nix" = "1")', "nix is invalid property"),
        ('PROPERTIES ("max_error_number" = "9") FROM KAFKA ("kafka_topic" = "nix")', "topic nix does not exist"),
        ('WHERE n > 1 FROM KAFKA ("kafka_partitions" = "9", "kafka_offsets" = "0")', "not in the consumed partitions"),
        ('WHERE n > 1 FROM KAFKA ("kafka_partitions" = "0", "kafka_offsets" = "99")', "greater than the latest offset"),
        ('WHERE n > 1 FROM PULSAR ("kafka_partitions" = "0")', "The specified job type is not: PULSAR"),
        ('WHERE n > 1 FROM RABBIT ("x" = "0")', "routine load job does not support this type RABBIT"),
        ('WHERE n > 1 FROM KAFKA ("property.sasl.password" = "******")', "stands for a secret"),
        ("ROLLBACK TO VERSION 9", "there is no version 9: the job has version 1 only"),
        ("ROLLBACK TO VERSION 1", "version 1 is the current one"),
    ],
)
def test_an_alter_that_fails_changes_nothing_and_the_job_goes_on(s, clause, refusal):
    """All of it or nothing; the job's tasks are not even disturbed."""
    topic = s.topic("a")
    s.create(topic, FROM_START)
    s.produce(topic, 3)
    s.until_rows(3)
    before = s.run("SHOW CREATE ROUTINE LOAD {j}"), s.versions()
    passed: list[str] = []
    failpoints.observe(passed.append)
    try:
        with pytest.raises(RoutineLoadError, match=re.escape(refusal)):
            s.run(f"ALTER ROUTINE LOAD FOR {{j}} {clause}")
    finally:
        failpoints.disarm()
    assert {"job.alter.before", "task.plan.before"} & set(passed) == set()
    assert (s.run("SHOW CREATE ROUTINE LOAD {j}"), s.versions()) == before
    s.produce(topic, 2, 3)
    s.until_rows(5)


def test_everything_that_shapes_rows_can_be_altered_while_the_job_runs(s):
    """Format, separator, COLUMNS, WHERE: the messages that come behind are read by the new definition."""
    topic = s.topic("a", 1)
    s.create(topic, FROM_START)
    s.produce(topic, 2)
    s.until_rows(2)
    s.run('ALTER ROUTINE LOAD FOR {j} COLUMNS (p, n) PROPERTIES ("format" = "json")')
    s.kafka.produce(topic, ['{"p": 0, "n": 2}'])
    s.until_rows(3)
    s.run('ALTER ROUTINE LOAD FOR {j} COLUMNS TERMINATED BY ";", WHERE n > 9 PROPERTIES ("format" = "csv")')
    s.kafka.produce(topic, ["0;1", "0;10"])
    s.until_rows(4)
    s.run("ALTER ROUTINE LOAD FOR {j} WHERE TRUE")
    s.kafka.produce(topic, ["0;4"])
    s.until_rows(5)
    assert s.run("SELECT n FROM {t} ORDER BY n") == [(0,), (1,), (2,), (4,), (10,)]


def test_a_way_back_takes_what_no_alter_can_take_away(s):
    """A WHERE that was added is gone after ROLLBACK; progress stays where it is."""
    topic = s.topic("a", 1)
    s.create(topic, FROM_START)
    s.run("ALTER ROUTINE LOAD FOR {j} WHERE n > 1")
    s.produce(topic, 3)
    s.until_rows(1)
    s.run("ALTER ROUTINE LOAD FOR {j} ROLLBACK TO VERSION 1")
    assert '"whereExpr":"*"' in s.shown()["JobProperties"]
    s.produce(topic, 1)
    s.until_rows(2)
    assert [(row[0], row[2], row[3], row[4]) for row in s.versions()] == [
        ("1", "root", "false", "created"),
        ("2", "root", "false", "WHERE: (none) -> n > 1"),
        ("3", "root", "true", "WHERE: n > 1 -> (none)"),
    ]


@pytest.mark.parametrize("vendor", ["starrocks", "doris"])
def test_a_job_can_load_into_another_table_from_now_on(s, vendor):
    """Doris: ALTER … ON table, alone; the job is planned against the new table first, and progress stays."""
    s.run(f"SET compat = '{vendor}'")
    topic = s.topic("a", 1)
    s.create(topic, FROM_START)
    s.produce(topic, 3)
    s.until_rows(3)
    s.run("CREATE TABLE {t}_new (p INT, n BIGINT, v INT) DUPLICATE KEY(p, n) DISTRIBUTED BY HASH(p)")
    s.run("CREATE TABLE {t}_odd (p INT, w INT) DUPLICATE KEY(p) DISTRIBUTED BY HASH(p)")
    for clause, refusal in (
        ("ON {t}_odd", "n"),
        ("ON nix", "Unknown table 'nix'"),
        ("ON {t}_new WHERE n > 1", "target table change does not support other properties"),
    ):
        with pytest.raises(RoutineLoadError, match=refusal):
            s.run(f"ALTER ROUTINE LOAD FOR {{j}} {clause}")
    s.run("ALTER ROUTINE LOAD FOR {j} ON {t}_new")
    s.produce(topic, 2, 3)
    s.until(lambda: s.run("SELECT count(*) FROM {t}_new") == [(2,)])
    s.run("ALTER ROUTINE LOAD FOR {j} ROLLBACK TO VERSION 1")
    s.produce(topic, 1, 5)
    s.until_rows(4)
    assert s.run("SELECT count(*) FROM {t}_new") == [(2,)]
    s.run("SET compat = 'starrocks'")


def test_a_way_back_to_another_topic_goes_on_where_the_job_stood_in_it(s):
    """Nothing of the first topic is skipped or read again; what was written there meanwhile is read now."""
    first, second = s.topic("a", 1), s.topic("b", 1)
    s.create(first, FROM_START)
    s.produce(first, 3)
    s.until_rows(3)
    s.run(f'ALTER ROUTINE LOAD FOR {{j}} FROM KAFKA ("kafka_topic" = "{second}")')
    s.produce(second, 2, 100)
    s.produce(first, 2, 3)
    s.until_rows(5)
    s.run("ALTER ROUTINE LOAD FOR {j} ROLLBACK TO VERSION 1")
    s.until_rows(7)
    assert s.run("SELECT count(DISTINCT n) FROM {t}") == [(7,)]
    assert s.versions()[-1][4] == f"kafka_topic: {second} -> {first}; offsets: partition 0 at 3"


def test_a_way_back_that_others_went_meanwhile_is_worked_out_anew(s, monkeypatch):
    """The job left the topic, came back, read on and left it again: what it read then is not read twice."""
    first, second = s.topic("a", 1), s.topic("b", 1)
    s.create(first, FROM_START)
    s.produce(first, 3)
    s.until_rows(3)
    s.run(f'ALTER ROUTINE LOAD FOR {{j}} FROM KAFKA ("kafka_topic" = "{second}")')
    real, late = altering._take_effect, []

    def take_effect(*arguments):
        if not late:
            late.append(arguments)
            s.run("ALTER ROUTINE LOAD FOR {j} ROLLBACK TO VERSION 1")
            s.produce(first, 2, 3)
            s.until_rows(5)
            s.run("ALTER ROUTINE LOAD FOR {j} ROLLBACK TO VERSION 2")
        real(*arguments)

    monkeypatch.setattr(altering, "_take_effect", take_effect)
    s.run("ALTER ROUTINE LOAD FOR {j} ROLLBACK TO VERSION 1")
    s.produce(first, 1, 5)
    s.until_rows(6)
    assert s.run("SELECT count(DISTINCT n) FROM {t}") == [(6,)]
    assert [version[0] for version in s.versions()] == ["1", "2", "3", "4", "5"]


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("loss", "told"),
    [
        ("deleted", "lost what the job had not read of it: Consume offset: 3 is smaller than the earliest offset: 4"),
        ("created again", "was re-created since"),
    ],
)
def test_a_way_back_to_a_topic_that_lost_records_is_refused(coordinator, apache_kafka, loss, told):
    """Nothing is guessed: the error says what to say instead, and the job goes on in the topic it reads."""
    s = Service(coordinator, apache_kafka)
    first, second = s.topic("a", 1), s.topic("b", 1)
    s.create(first, FROM_START)
    s.produce(first, 3)
    s.until_rows(3)
    s.run(f'ALTER ROUTINE LOAD FOR {{j}} FROM KAFKA ("kafka_topic" = "{second}")')
    s.produce(first, 3, 3)
    if loss == "deleted":
        apache_kafka.delete_records(first, 0, 4)
    else:
        apache_kafka.delete_topic(first)
        apache_kafka.create_topic(first, 1)
        s.produce(first, 9)
    with pytest.raises(RoutineLoadError, match=re.escape(told)) as refused:
        s.run("ALTER ROUTINE LOAD FOR {j} ROLLBACK TO VERSION 1")
    assert f"kafka_topic = {first} and offsets" in refused.value.message
    s.produce(second, 2, 100)
    s.until_rows(5)
    s.run(
        f'ALTER ROUTINE LOAD FOR {{j}} FROM KAFKA ("kafka_topic" = "{first}", "kafka_partitions" = "0", '
        '"kafka_offsets" = "OFFSET_BEGINNING")'
    )
    s.until_rows(5 + (2 if loss == "deleted" else 9))
    s.run("STOP ROUTINE LOAD FOR {j}")


def test_a_way_back_is_checked_against_the_table_of_today(s):
    """A version that does not fit the table any more is refused, and the job goes on as it is."""
    topic = s.topic("a", 1)
    s.create(topic, FROM_START)
    s.run("ALTER ROUTINE LOAD FOR {j} COLUMNS (p, n)")
    s.run("ALTER TABLE {t} DROP COLUMN v")
    with pytest.raises(RoutineLoadError, match=r"column: v|'v'"):
        s.run("ALTER ROUTINE LOAD FOR {j} ROLLBACK TO VERSION 1")
    assert len(s.versions()) == 2


def test_offsets_of_a_running_job_can_be_set(s):
    """Doris and StarRocks: only of a PAUSED one; the named partitions go on from there, exactly."""
    topic = s.topic("a")
    s.create(topic, FROM_START)
    s.produce(topic, 10)
    s.until_rows(10)
    s.run('ALTER ROUTINE LOAD FOR {j} FROM KAFKA ("kafka_partitions" = "0", "kafka_offsets" = "4")')
    s.until_rows(16)
    assert s.run("SELECT max(c) FROM (SELECT n, count(*) AS c FROM {t} GROUP BY n) x") == [(2,)]
    assert s.versions()[-1][4] == "offsets: partition 0 at 4"


def test_a_statement_from_now_makes_an_equal_job_that_follows_its_topic(s):
    """SHOW CREATE at the current offsets: the copy goes on where the job stood, and is no more pinned than it was."""
    topic = s.topic("a")
    s.create(topic, FROM_START)
    s.produce(topic, 4)
    s.until_rows(4)
    s.run("SET show_create_offsets = 'current'")
    ((_, text),) = s.run("SHOW CREATE ROUTINE LOAD {j}")
    s.run("STOP ROUTINE LOAD FOR {j}")
    s.run(text)
    s.produce(topic, 2, 4)
    s.until_rows(6)
    s.run("SET show_create_offsets = 'create'")
    again = s.run("SHOW CREATE ROUTINE LOAD {j}")[0][1]
    assert '"kafka_partition_discovery"="true"' in again
    assert [line for line in text.splitlines() if "group.id" not in line] == again.splitlines()


PIN, AT_9 = ', "kafka_partitions" = "7"', ', "kafka_partitions" = "0", "kafka_offsets" = "9"'
BEYOND = (
    "FE aborts the task with reason: failed to check task ready to execute, err: Consume offset: 9 is greater than the "
    "latest offset: 0 in kafka partition: 0. You can modify 'kafka_offsets' property through ALTER ROUTINE LOAD and "
    "RESUME the job"
)
BEYOND_DORIS = "offset set in job: 9 is greater than kafka latest offset: 0 partition id: 0"
DEFERRED = [
    ("starrocks", "", PIN, "errCode = 2, msg='there is an invalid custom partition: 7"),
    ("doris", "", PIN, "errCode = 4, msg='there is an invalid custom partition: 7"),
    ("starrocks", "", AT_9, f"errCode = 104, msg='{BEYOND}'"),
    ("doris", "", AT_9, f"errCode = 2, msg='{BEYOND_DORIS}'"),
    ("starrocks", "COLUMNS (nix = p)", "", "errCode = 2, msg='failed to create task: "),
    ("doris", "WHERE nix > 1", "", "errCode = 103, msg='failed to create task: "),
]


@pytest.mark.parametrize(("vendor", "clauses", "more", "reason"), DEFERRED)
def test_what_create_does_not_check_pauses_the_job_in_the_vendors_words(s, vendor, clauses, more, reason):
    """SET validate = 'off': CREATE succeeds as with the originals, and planning says what is wrong."""
    topic = s.topic("a")
    s.run(f"SET compat = '{vendor}'")
    s.run("SET validate = 'off'")
    s.create(topic, more, clauses)
    s.run("SET compat = 'starrocks'")
    s.until(lambda: s.shown()["State"] == "PAUSED")
    assert reason in s.shown()["Reason"]


def test_a_topic_that_is_made_later_is_found_on_resume(s):
    """The start offsets are told then; the topic's name stands in the reason before."""
    s.run("SET validate = 'off'")
    s.create(f"later-{s.number}", FROM_START)
    s.until(lambda: s.shown()["State"] == "PAUSED")
    assert (
        f"errCode = 4, msg='Job failed to fetch all current partition with error [topic later-{s.number} does not exist"
        in s.shown()["Reason"]
    )
    s.kafka.create_topic(f"later-{s.number}", 1)
    s.produce(f"later-{s.number}", 3)
    s.run("RESUME ROUTINE LOAD FOR {j}")
    s.until_rows(3)


def test_a_definition_that_was_not_checked_can_be_put_right(s):
    """ALTER of the job that planning refused, then RESUME."""
    topic = s.topic("a", 1)
    s.produce(topic, 3)
    s.run("SET validate = 'off'")
    s.create(topic, FROM_START, 'COLUMNS TERMINATED BY ",", COLUMNS (p, nix)')
    s.run("ALTER ROUTINE LOAD FOR {j} COLUMNS (p, n, v = nix)")
    s.until(lambda: s.shown()["State"] == "PAUSED")
    s.run("SET validate = 'on'")
    with pytest.raises(RoutineLoadError, match="nix"):
        s.run("ALTER ROUTINE LOAD FOR {j} WHERE n > 0")
    s.run("ALTER ROUTINE LOAD FOR {j} COLUMNS (p, n, v = 3)")
    s.run("RESUME ROUTINE LOAD FOR {j}")
    s.until_rows(3)


@pytest.mark.parametrize(
    ("properties", "refusal"),
    [
        ('("in_doubt" = "committed")', "has no transaction in doubt"),
        ('PROPERTIES ("in_doubt" = "NOT_COMMITTED")', "has no transaction in doubt"),
        ('("in_doubt" = "maybe")', "in_doubt is 'maybe', allowed: committed, not_committed"),
        ('("in_doubt" = "committed", "in_doubt_label" = "l")', "has no transaction in doubt"),
        ('("in_doubt_label" = "l")', "in_doubt_label is 'l', and in_doubt does not tell what became of it"),
        ('("in_dubio" = "committed")', "in_dubio is invalid property"),
    ],
)
def test_nothing_is_ever_in_doubt_here(s, properties, refusal):
    """Rows and progress are one transaction; RESUME with an outcome says so and leaves the job paused."""
    s.create(s.topic("a"))
    s.run("PAUSE ROUTINE LOAD FOR {j}")
    with pytest.raises(RoutineLoadError, match=re.escape(refusal)):
        s.run(f"RESUME ROUTINE LOAD FOR {{j}} {properties}")
    assert s.shown()["State"] == "PAUSED"


@pytest.mark.parametrize("text", ["SET validate = 'maybe'", "SET show_create_offsets = 'tomorrow'"])
def test_a_session_takes_the_words_it_knows(s, text):
    """The error names the variable, the value and what is allowed."""
    with pytest.raises(RoutineLoadError, match=r"is '(maybe|tomorrow)', allowed: "):
        s.run(text)


def test_brokers_that_do_not_answer_delay_no_other_job(s, coordinator, embedded_kafka):
    """Jobs that wait for Kafka wait by themselves: a job beside them is planned, loads and is paused at once."""
    s.run("SET validate = 'off'")
    silent = [Service(coordinator, SimpleNamespace(bootstrap="127.0.0.1:1")) for _ in range(20)]
    for each in silent:
        each.run("SET validate = 'off'")
        each.create("nix", ', "kafka_partitions" = "0"')
    topic = s.topic("a")
    s.create(topic, FROM_START)
    s.produce(topic, 3)
    s.until_rows(3)
    s.run("PAUSE ROUTINE LOAD FOR {j}")
    assert s.shown()["State"] == "PAUSED"
