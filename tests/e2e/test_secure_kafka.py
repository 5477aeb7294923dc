"""Brokers that want to be known and to know: TLS, mutual TLS and SASL, with files made by CREATE FILE."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

import routine_load
from routine_load.errors import ExecutionError, RoutineLoadError
from routine_load.testing import ApacheKafka
from routine_load.testing.kafka_files import available
from tests.e2e.certificates import Authority

pytestmark = pytest.mark.kafka

LISTENERS = {"TLS": "SSL", "MUTUAL": "SSL", "SASL": "SASL_PLAINTEXT", "BOTH": "SASL_SSL"}
PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="plain secret";'
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
MECHANISMS = {"SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512}


class SecureKafka(ApacheKafka):
    """One broker with a door of each kind. ``present`` gives it a certificate of another authority."""

    def __init__(self, folder) -> None:
        self.folder, self.authority, self.clients = folder, Authority("first"), Authority("clients")
        self.write_certificate()
        (folder / "clients.pem").write_bytes(self.clients.pem)
        settings = {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(folder / "server.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(folder / "clients.pem"),
            "listener.name.mutual.ssl.client.auth": "required",
        }
        for name in ("sasl", "both"):
            settings |= {
                f"listener.name.{name}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
                f"listener.name.{name}.plain.sasl.jaas.config": PLAIN,
                f"listener.name.{name}.scram-sha-256.sasl.jaas.config": SCRAM,
                f"listener.name.{name}.scram-sha-512.sasl.jaas.config": SCRAM,
            }
        super().__init__(listeners=LISTENERS, settings=settings)

    def write_certificate(self) -> None:
        issued = self.authority.issue("broker")
        (self.folder / "server.pem").write_bytes(issued.key_pem() + issued.pem)

    def present(self, authority: Authority) -> None:
        self.authority = authority
        self.write_certificate()
        self.restart()


@pytest.fixture(scope="module")
def secure_kafka(tmp_path_factory) -> Iterator[SecureKafka]:
    missing = available()
    if missing:
        pytest.skip(f"Apache Kafka cannot be started: {missing}")
    with SecureKafka(tmp_path_factory.mktemp("certificates")) as kafka:
        yield kafka


@pytest.fixture(scope="module")
def rl() -> Iterator[routine_load.Connection]:
    with routine_load.connect(kafka_timeout_s=2.0) as connection:
        yield connection


@pytest.fixture
def database(rl, secure_kafka, topic) -> str:
    """A database with a table, and a topic with a message."""
    name = topic.replace("-", "_")
    rl.execute(f"CREATE DATABASE {name}")
    rl.execute(f"CREATE TABLE {name}.t (v INT) DUPLICATE KEY(v) DISTRIBUTED BY HASH(v)")
    secure_kafka.create_topic(topic)
    secure_kafka.produce(topic, ["1"])
    return name


def create_file(rl, database: str, name: str, content: bytes) -> None:
    url = "data:;base64," + base64.b64encode(content).decode()
    rl.execute(f'CREATE FILE "{name}" IN {database} PROPERTIES ("url" = "{url}", "catalog" = "kafka")')


def create_job(rl, database: str, door: str, topic: str, **properties: str) -> None:
    given = {"kafka_default_offsets": "OFFSET_BEGINNING"} | {k.replace("_", "."): v for k, v in properties.items()}
    given["kafka_default_offsets"] = "OFFSET_BEGINNING"
    listed = "".join(f', "property.{key}" = "{value}"' for key, value in given.items())
    rl.execute(
        f'CREATE ROUTINE LOAD {database}.j ON t FROM KAFKA ("kafka_broker_list" = "{door}", "kafka_topic" = "{topic}"'
        f"{listed})"
    )


def rows(rl, database: str) -> list[int]:
    return [row[0] for row in rl.query(f"SELECT v FROM {database}.t ORDER BY v").fetchall()]


def test_a_broker_is_known_by_the_authority_of_a_file(rl, secure_kafka, database, topic):
    """StarRocks, Doris: ssl.ca.location = FILE:ca.pem. Without the file, or with another authority, nothing is made."""
    tls = {"security_protocol": "ssl", "ssl_ca_location": "FILE:ca.pem"}
    door = secure_kafka.doors["TLS"]
    with pytest.raises(ExecutionError, match=f"^File ca.pem does not exist in db {database} with catalog: kafka$"):
        create_job(rl, database, door, topic, **tls)
    create_file(rl, database, "ca.pem", Authority("another").pem)
    with pytest.raises(RoutineLoadError, match=r"certificate"):
        create_job(rl, database, door, topic, **tls)
    rl.execute(f'DROP FILE "ca.pem" FROM {database} PROPERTIES ("catalog" = "kafka")')
    # A bundle: the authority that counts is not the first.
    create_file(rl, database, "ca.pem", Authority("another").pem + secure_kafka.authority.pem)
    create_job(rl, database, door, topic, **tls)
    rl.wait(f"{database}.j", loaded_rows=1, timeout=30)
    assert rows(rl, database) == [1]
    shown = rl.query(f"SHOW CREATE ROUTINE LOAD {database}.j").fetchall()[0][1]
    assert '"property.ssl.ca.location"="FILE:ca.pem"' in shown
    assert "BEGIN CERTIFICATE" not in shown


@pytest.mark.parametrize("kind", ["pem", "p12"])
def test_a_job_is_known_by_its_certificate(rl, secure_kafka, database, topic, kind):
    """Mutual TLS: certificate and encrypted key as PEM files, or both in one key store."""
    issued = secure_kafka.clients.issue("client")
    create_file(rl, database, "ca.pem", secure_kafka.authority.pem)
    tls = {"security_protocol": "ssl", "ssl_ca_location": "FILE:ca.pem"}
    if kind == "pem":
        with pytest.raises(RoutineLoadError, match=r"(?i)ssl|disconnected"):
            create_job(rl, database, secure_kafka.doors["MUTUAL"], topic, **tls)
        create_file(rl, database, "client.pem", issued.pem)
        create_file(rl, database, "client.key", issued.key_pem(b"of the key"))
        tls |= {"ssl_certificate_location": "FILE:client.pem", "ssl_key_location": "FILE:client.key"}
        tls |= {"ssl_key_password": "of the key"}
    else:
        create_file(rl, database, "client.p12", issued.p12(b"of the store"))
        tls |= {"ssl_keystore_location": "FILE:client.p12", "ssl_keystore_password": "of the store"}
    create_job(rl, database, secure_kafka.doors["MUTUAL"], topic, **tls)
    rl.wait(f"{database}.j", loaded_rows=1, timeout=30)
    assert rows(rl, database) == [1]


@pytest.mark.parametrize(
    ("door", "mechanism"),
    [("SASL", "PLAIN"), ("SASL", "SCRAM-SHA-256"), ("SASL", "SCRAM-SHA-512"), ("BOTH", "SCRAM-SHA-512")],
)
def test_a_job_is_known_by_name_and_password(rl, secure_kafka, database, topic, door, mechanism):
    """SASL_PLAINTEXT and SASL_SSL with PLAIN and SCRAM; a wrong password makes no job, and is not repeated."""
    password = "plain secret"
    if mechanism in MECHANISMS:
        password = "scram secret"
        change = UserScramCredentialUpsertion(
            "alice", ScramCredentialInfo(MECHANISMS[mechanism], 4096), b"scram secret"
        )
        admin = AdminClient({"bootstrap.servers": secure_kafka.bootstrap, "log_level": 0})
        admin.alter_user_scram_credentials([change])["alice"].result(30)
    sasl = {"security_protocol": LISTENERS[door], "sasl_mechanism": mechanism, "sasl_username": "alice"}
    if door == "BOTH":
        create_file(rl, database, "ca.pem", secure_kafka.authority.pem)
        sasl |= {"ssl_ca_location": "FILE:ca.pem"}
    if (door, mechanism) == ("SASL", "SCRAM-SHA-256"):
        with pytest.raises(RoutineLoadError, match=r"(?i)authentication|credential") as refusal:
            create_job(rl, database, secure_kafka.doors[door], topic, **sasl, sasl_password="canary")
        assert "canary" not in str(refusal.value)
    create_job(rl, database, secure_kafka.doors[door], topic, **sasl, sasl_password=password)
    rl.wait(f"{database}.j", loaded_rows=1, timeout=30)
    assert rows(rl, database) == [1]


def test_an_authority_is_replaced_by_pause_drop_create_resume(rl, secure_kafka, database, topic):
    """StarRocks: the content is resolved again on RESUME. A file that a job uses while it runs stays."""
    create_file(rl, database, "ca.pem", secure_kafka.authority.pem)
    create_job(rl, database, secure_kafka.doors["TLS"], topic, security_protocol="ssl", ssl_ca_location="FILE:ca.pem")
    rl.wait(f"{database}.j", loaded_rows=1, timeout=30)
    drop = f'DROP FILE "ca.pem" FROM {database} PROPERTIES ("catalog" = "kafka")'
    with pytest.raises(ExecutionError, match=r"used by 1 routine load job.*: j\. PAUSE"):
        rl.execute(drop)
    rl.execute(f"PAUSE ROUTINE LOAD FOR {database}.j")
    secure_kafka.present(Authority("second"))
    secure_kafka.produce(topic, ["2"])
    rl.execute(drop)
    create_file(rl, database, "ca.pem", secure_kafka.authority.pem)
    rl.execute(f"RESUME ROUTINE LOAD FOR {database}.j")
    rl.wait(f"{database}.j", loaded_rows=2, timeout=30)
    assert rows(rl, database) == [1, 2]
