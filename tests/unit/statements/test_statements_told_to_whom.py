"""What a statement tells of others: secrets under way, names behind a refusal, rows of a table that a job left."""

from __future__ import annotations

import pytest

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.errors import PrivilegeDenied
from routine_load.ids import Compat
from routine_load.sql.results import ResultTable
from routine_load.statements.admin import _without_secrets


class Stand:
    """Databases d and hidden, and a user who may load into d.u only."""

    def __init__(self, directory) -> None:
        self.directory = directory
        self.start()
        for text in (
            "CREATE DATABASE d",
            "CREATE DATABASE hidden",
            "CREATE TABLE d.t (id INT, v INT) DUPLICATE KEY(id)",
            "CREATE TABLE d.u (id INT, v INT) DUPLICATE KEY(id)",
            "CREATE TABLE hidden.t (id INT) DUPLICATE KEY(id)",
            "CREATE USER ann",
            "GRANT INSERT, SELECT ON TABLE d.u TO USER ann",
        ):
            self.ask(self.root, text)
        self.ann = self.service.open_session("ann", "127.0.0.1:5", Compat.STARROCKS)

    def start(self) -> None:
        settings = Settings(data_dir=self.directory, mysql_port=None, http_port=None, kafka_timeout_s=5)
        self.coordinator = Coordinator(settings)
        self.coordinator.start()
        self.service = self.coordinator.service
        self.root = self.service.open_session("root", "test", Compat.STARROCKS)

    def ask(self, session, text) -> list:
        last = self.service.execute(session, text)[-1]
        return [tuple(row) for row in last.rows] if isinstance(last, ResultTable) else []


@pytest.fixture
def stand(tmp_path):
    made = Stand(tmp_path)
    yield made
    made.coordinator.stop()


@pytest.mark.parametrize(
    "text",
    [
        "SET PASSWORD='CANARY'",
        "SET PASSWORD = 'CANARY'",
        "SET PASSWORD = PASSWORD('CANARY')",
        "SET PASSWORD FOR u='CANARY'",
        'CREATE USER u IDENTIFIED BY"CANARY"',
        "ALTER USER u IDENTIFIED/**/BY'CANARY'",
        "CREATE FILE 'f' PROPERTIES('url'='data:,CANARY','catalog'='kafka')",
        "SELECT 'CANARY', 'password'",
        "'CANARY'password",
        "CREATE ROUTINE LOAD j ON t FROM KAFKA ('confluent.schema.registry.url'='http://k:CANARY@r')",
        "CREATE ROUTINE LOAD j ON t FROM KAFKA ('aws.access.key'='CANARY')",
    ],
)
def test_a_secret_under_way_is_not_listed(text):
    """SHOW PROCESSLIST shows the words before the first sign of a statement that may hold a secret, and no more."""
    shown = _without_secrets(text)
    assert "CANARY" not in shown
    assert text.startswith(shown.removesuffix(" …").strip())


def test_a_refused_create_does_not_tell_which_databases_there_are(stand):
    """ON hidden.t is refused in the same words whether or not there is a database of that name, and such a table."""
    kafka = 'FROM KAFKA ("kafka_broker_list" = "127.0.0.1:1", "kafka_topic" = "o")'
    said = []
    for database in ("hidden", "absent"):
        with pytest.raises(PrivilegeDenied) as caught:
            stand.ask(stand.ann, f"CREATE ROUTINE LOAD {database}.j ON {database}.t {kafka}")
        said.append(caught.value.message.replace(database, "…"))
    assert said[0] == said[1]


def test_rows_of_the_table_that_a_job_left_stay_hidden(stand, embedded_kafka, topic):
    """ALTER … ON u: who may load into u alone reads no rejected row that was meant for t, before and after a restart."""
    embedded_kafka.create_topic(topic, 1)
    embedded_kafka.produce(topic, ["1,CANARY"])
    stand.ask(
        stand.root,
        'CREATE ROUTINE LOAD d.j ON t COLUMNS TERMINATED BY "," PROPERTIES ("max_error_number" = "100", '
        '"strict_mode" = "true") FROM KAFKA '
        f'("kafka_broker_list" = "{embedded_kafka.bootstrap}", "kafka_topic" = "{topic}", '
        '"property.kafka_default_offsets" = "OFFSET_BEGINNING")',
    )
    jobs = stand.service._context.jobs
    job = jobs.live("d", "j")
    for _ in range(500):
        stand.ask(stand.root, "SELECT sleep(0.02)")
        if jobs.get(job.id).error_logs:
            break
    asked = [
        "SHOW LOAD FROM d",
        "SHOW ALL ROUTINE LOAD FROM d",
        "SHOW CREATE ROUTINE LOAD d.j",
        "SELECT * FROM information_schema.loads",
        "SELECT * FROM information_schema.routine_load_jobs",
        f"SELECT * FROM information_schema.load_tracking_logs WHERE JOB_ID = {job.id}",
        "SELECT * FROM information_schema.routine_load_rejects",
    ]
    assert "CANARY" in str([stand.ask(stand.root, text) for text in asked]), "a row was rejected"
    files = jobs.get(job.id).error_logs
    stand.ask(stand.root, "PAUSE ROUTINE LOAD FOR d.j")
    stand.ask(stand.root, "ALTER ROUTINE LOAD FOR d.j ON u")
    for restarted in (False, True):
        if restarted:
            stand.coordinator.stop()
            stand.start()
            stand.ann = stand.service.open_session("ann", "127.0.0.1:5", Compat.STARROCKS)
        told = {text: str(stand.ask(stand.ann, text)) for text in asked}
        assert "d" in told["SHOW ALL ROUTINE LOAD FROM d"], "the job is the user's to see now"
        for text, rows in told.items():
            assert "CANARY" not in rows, (restarted, text)
            assert files[0] not in rows, (restarted, text)
