"""Which properties may reach the Kafka client, and where it may connect."""

from __future__ import annotations

import ctypes
import re

import pytest

from routine_load.errors import PropertyError, SourceError
from routine_load.sources.connections import client_settings
from routine_load.sources.metadata import check_advertised
from routine_load.sources.policy import KafkaPropertyPolicy
from routine_load.sources.property_rules import ALLOWED, IGNORED, REASONS
from routine_load.tasks.ports import KafkaSpec
from routine_load.testing.embedded_kafka import librdkafka


@pytest.fixture
def policy():
    return KafkaPropertyPolicy(resolve=lambda host: {"inside.test": ["169.254.169.254"]}.get(host, []))


def librdkafka_keys(tmp_path):
    """Every key of the library's own configuration table, with who uses it (C, P or *)."""
    library, libc = librdkafka(), ctypes.CDLL(None)
    libc.fopen.restype, libc.fopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_char_p]
    libc.fclose.argtypes = [ctypes.c_void_p]
    library.rd_kafka_conf_properties_show.argtypes = [ctypes.c_void_p]
    table = tmp_path / "properties.md"
    file = libc.fopen(str(table).encode(), b"w")
    library.rd_kafka_conf_properties_show(file)
    libc.fclose(file)
    rows = [line.split("|") for line in table.read_text().splitlines() if line.count("|") > 3]
    return {row[0].strip(): row[1].strip() for row in rows if row[1].strip() in {"C", "P", "*"}}


KNOWN_AND_REFUSED_WITHOUT_REASON = {
    "builtin.features",
    "message.copy.max.bytes",
    "max.in.flight.requests.per.connection",
    "max.in.flight",
    "metadata.recovery.strategy",
    "metadata.recovery.rebootstrap.trigger.ms",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.fast.cnt",
    "topic.metadata.refresh.sparse",
    "socket.blocking.max.ms",
    "reconnect.backoff.jitter.ms",
    "enable.random.seed",
    "ssl.ca.certificate.stores",
    "coordinator.query.interval.ms",
    "consume.callback.max.messages",
}


def test_every_key_of_librdkafka_is_allowed_or_refused_on_purpose(tmp_path, policy):
    """Each key that a consumer of this librdkafka knows is on the list, has a reason, or is named in this test."""
    keys = librdkafka_keys(tmp_path)
    assert len(keys) > 150
    unthought = {
        key
        for key, role in keys.items()
        if role != "P"
        and key not in ALLOWED
        and key not in IGNORED
        and not any(re.fullmatch(pattern, key) for pattern, _ in REASONS)
        and key not in KNOWN_AND_REFUSED_WITHOUT_REASON
    }
    assert unthought == set()
    for key in keys.keys() - ALLOWED.keys() - IGNORED:
        with pytest.raises(
            PropertyError, match=rf"^property\.{re.escape(key)} is not allowed: .*Allowed are property\."
        ):
            policy.check({key: "1"})
    assert ALLOWED.keys() <= keys.keys()


def test_no_key_is_both_allowed_and_refused():
    """A reason to refuse never covers an allowed key by accident."""
    both = {key for key in ALLOWED if any(re.fullmatch(pattern, key) for pattern, _ in REASONS)}
    assert both == {"group.id", "group.instance.id"}


@pytest.mark.parametrize(
    "key",
    [
        "plugin.library.paths", "sasl.kerberos.kinit.cmd", "ssl.engine.location", "ssl.engine.id", "debug", "log_level",
        "log.queue", "error_cb", "open_cb", "test.mock.num.brokers", "enable.auto.commit", "statistics.interval.ms",
        "sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.config", "bootstrap.servers", "auto.offset.reset",
        "enable.partition.eof", "queued.max.messages.kbytes", "ssl.providers", "interceptors", "no.such.key", "", "GROUP.ID",
    ],
)  # fmt: skip
def test_a_dangerous_or_unknown_key_is_refused_by_name(policy, key):
    """Keys that load code, run commands, call back, log, or are ours are refused whatever their value."""
    with pytest.raises(PropertyError, match=rf"property\.{re.escape(key)} is not allowed"):
        policy.check({key: "false"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("security.protocol", "SASL_SSL"), ("sasl.mechanism", "PLAIN"), ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", "alice"), ("sasl.password", "p=w'd $(x)"), ("group.id", "my group"), ("client.id", "x"),
        ("isolation.level", "read_uncommitted"), ("ssl.ca.location", "FILE:ca.pem"),
        ("sasl.kerberos.principal", "kafka/host@REALM.COM"), ("broker.version.fallback", "0.10.0.0"),
        ("enable.ssl.certificate.verification", "false"), ("ssl.ca.pem", "-----BEGIN CERTIFICATE-----\nAA\n"),
        ("kafka_default_offsets", "OFFSET_BEGINNING"), ("kafka_origin_default_offsets", "2021-05-22 11:00:00"),
        ("max.poll.records", "500"), ("session.timeout.ms", "45000"), ("fetch.wait.max.ms", "500"),
    ],
)  # fmt: skip
def test_what_the_manuals_use_is_allowed(policy, key, value):
    """Security, identity, isolation, time-outs and fetch sizes pass with sensible values."""
    policy.check({key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("security.protocol", "telnet"), ("sasl.mechanism", "OAUTHBEARER"), ("isolation.level", "dirty"),
        ("ssl.ca.location", "/etc/passwd"), ("ssl.ca.location", "FILE:../ca.pem"), ("ssl.ca.location", "FILE:"),
        ("sasl.kerberos.keytab", "/etc/krb5.keytab"), ("sasl.kerberos.principal", "x; touch /tmp/pwned"),
        ("sasl.kerberos.principal", "$(id)"), ("sasl.kerberos.service.name", "`id`"), ("fetch.max.bytes", "2000000000"),
        ("fetch.max.bytes", "1e3"), ("socket.timeout.ms", ""), ("group.id", ""), ("group.id", "a\nb"),
        ("enable.ssl.certificate.verification", "maybe"), ("ssl.key.pem", "/etc/ssl/key.pem"),
    ],
)  # fmt: skip
def test_a_value_of_another_shape_is_refused(policy, key, value):
    """Values that name local files, hold shell characters, or leave their range are refused, naming what is allowed."""
    with pytest.raises(PropertyError, match=rf"property\.{re.escape(key)}"):
        policy.check({key: value})


@pytest.mark.parametrize("key", ["sasl.password", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password"])
def test_a_refused_secret_is_not_repeated(policy, key):
    """The text of the error does not hold the value of a secret."""
    with pytest.raises(PropertyError) as refusal:
        policy.check({key: "canary\0secret"})
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize(
    "brokers",
    [
        "127.0.0.1:9092",
        "a.example:9092,b.example:9093",
        "[::1]:9092",
        "10.0.0.5:9092, kafka:29092",
        "a:1,",
        "PLAINTEXT://a:1",
    ],
)
def test_ordinary_brokers_are_allowed(policy, brokers):
    """Names, private and loopback addresses are allowed, IPv6 too."""
    policy.check_brokers(brokers)


@pytest.mark.parametrize(
    "brokers",
    [
        "169.254.169.254:80", "[fe80::1]:9092", "[fd00:ec2::254]:80", "[::ffff:169.254.169.254]:80", "0.0.0.0:9092",
        "inside.test:9092", "ok:9092,169.254.1.1:9092", "100.100.100.200:80", "224.0.0.1:9092", "SSL://169.254.169.254:80",
    ],
)  # fmt: skip
def test_link_local_and_metadata_addresses_are_refused(policy, brokers):
    """A broker that is, or resolves to, a link-local or cloud metadata address is refused."""
    with pytest.raises(PropertyError, match="not allowed"):
        policy.check_brokers(brokers)


@pytest.mark.parametrize(
    "brokers", ["", ",", "host", "host:", "host:port", ":9092", "host:0", "host:70000", "http://h:1", "hö:1", "h:1;x"]
)
def test_a_broker_that_is_not_host_and_port_is_refused(policy, brokers):
    """Each item has to be host:port."""
    with pytest.raises(PropertyError, match="kafka_broker_list"):
        policy.check_brokers(brokers)


def test_a_cluster_that_advertises_a_metadata_address_is_refused():
    """Brokers that a cluster's metadata names are held to the same rule."""
    spec = KafkaSpec(brokers="a:1", topic="t")
    check_advertised(spec, ["127.0.0.1", "kafka.example"])
    with pytest.raises(SourceError, match=r"Kafka at a:1 advertises the broker 169\.254\.169\.254"):
        check_advertised(spec, ["127.0.0.1", "169.254.169.254"])


def test_our_duties_win_over_the_users_properties():
    """Even if a property passed the policy, the client's settings keep what exactness rests on."""
    spec = KafkaSpec(
        brokers="a:1, b:2",
        topic="t",
        properties=(
            ("auto.offset.reset", "latest"),
            ("enable.auto.commit", "true"),
            ("isolation.level", "read_uncommitted"),
        ),
    )
    settings = client_settings(spec, {}, {})
    assert settings["auto.offset.reset"] == "error"
    assert settings["enable.auto.commit"] is False
    assert settings["isolation.level"] == "read_uncommitted"
    assert settings["bootstrap.servers"] == "a:1,b:2"
