"""AWS MSK IAM against an Apache Kafka that asks for OAUTHBEARER over TLS, and takes MSK's signed URLs for tokens."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest

import routine_load
from routine_load.errors import RoutineLoadError
from routine_load.testing import ApacheKafka, kafka_files
from tests.e2e.certificates import Authority
from tests.unit.sources.test_sources_aws import KEY, SECRET, signature, url_of

pytestmark = pytest.mark.kafka
LOGIN = 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker" seen="{}";'


class MskKafka(ApacheKafka):
    """One broker with a door as MSK's. ``seen`` has the token that was let in last."""

    def __init__(self, folder: Path, javac: str) -> None:
        self.authority, self.seen = Authority("msk"), folder / "token"
        issued = self.authority.issue("broker")
        (folder / "server.pem").write_bytes(issued.key_pem() + issued.pem)
        jars = kafka_files.resolve().classpath
        source = Path(__file__).with_name("TokenDoor.java")
        subprocess.run([javac, "-cp", jars, "-d", str(folder), str(source)], check=True, timeout=60)
        door = "listener.name.msk."
        super().__init__(
            listeners={"MSK": "SASL_SSL"},
            classes=folder,
            settings={
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(folder / "server.pem"),
                f"{door}sasl.enabled.mechanisms": "OAUTHBEARER",
                f"{door}oauthbearer.sasl.jaas.config": LOGIN.format(self.seen),
                f"{door}oauthbearer.sasl.server.callback.handler.class": "TokenDoor",
            },
        )


@pytest.fixture(scope="module")
def msk(tmp_path_factory):
    javac = shutil.which("javac")
    missing = kafka_files.available() or ("" if javac else "there is no javac")
    if missing:
        pytest.skip(f"Apache Kafka cannot be started with a door as MSK's: {missing}")
    with MskKafka(tmp_path_factory.mktemp("msk"), javac) as kafka:
        yield kafka


@pytest.fixture(scope="module")
def rl():
    with routine_load.connect(compat="doris", kafka_timeout_s=5.0) as connection:
        connection.execute("CREATE DATABASE d")
        connection.execute("CREATE TABLE d.t (v INT) DUPLICATE KEY(v) DISTRIBUTED BY HASH(v) BUCKETS 1")
        yield connection


def create(rl, msk, name: str, key: str) -> None:
    rl.execute(
        f"""CREATE ROUTINE LOAD d.{name} ON t FROM KAFKA (
            "kafka_broker_list" = "{msk.doors["MSK"]}", "kafka_topic" = "signed",
            "property.kafka_default_offsets" = "OFFSET_BEGINNING",
            "property.security.protocol" = "SASL_SSL", "property.sasl.mechanism" = "OAUTHBEARER",
            "property.ssl.ca.location" = "FILE:ca.pem",
            "aws.region" = "eu-central-1", "aws.access.key" = "{key}", "aws.secret.key" = "{SECRET}")"""
    )


def test_a_job_signs_in_with_its_aws_key(rl, msk):
    """Doris: aws.region, aws.access.key, aws.secret.key with SASL_SSL and OAUTHBEARER; secrets stay untold."""
    url = "data:;base64," + base64.b64encode(msk.authority.pem).decode()
    rl.execute(f'CREATE FILE "ca.pem" IN d PROPERTIES ("url" = "{url}", "catalog" = "kafka")')
    msk.create_topic("signed")
    msk.produce("signed", ["1", "2"])
    create(rl, msk, "j", KEY)
    rl.wait("d.j", loaded_rows=2, timeout=30)
    token = url_of(msk.seen.read_text())
    assert f"X-Amz-Signature={signature(token, SECRET)}" in token
    shown = json.dumps(rl.query("SHOW ROUTINE LOAD FOR d.j").dicts())
    shown += rl.query("SHOW CREATE ROUTINE LOAD FOR d.j").fetchall()[0][2]
    assert SECRET not in shown
    assert '"aws.region"="eu-central-1"' in shown.replace(" = ", "=")
    with pytest.raises(RoutineLoadError) as refused:
        create(rl, msk, "k", "ANOTHERKEY")
    assert SECRET not in str(refused.value)
