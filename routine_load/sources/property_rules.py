"""The list: every ``property.*`` key that a job may give to the Kafka client, with the shape of its value.

What is not here is refused. A new release of librdkafka adds keys; a test fails until each has been thought about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from routine_load.jobs.small_files import NAME, PREFIX

_TEXT_MAX = 1024
_PEM_MAX = 64 * 1024
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Shape:
    """Which values are allowed, in words and as a check. A ``secret`` value is never repeated in an error."""

    words: str
    allows: Callable[[str], bool]
    secret: bool = False
    is_file: bool = False


def _between(low: int, high: int) -> Shape:
    def allows(value: str) -> bool:
        return re.fullmatch(r"-?\d{1,10}", value) is not None and low <= int(value) <= high

    return Shape(f"an integer from {low} to {high}", allows)


def _one_of(*values: str) -> Shape:
    return Shape(" or ".join(values), lambda value: value.lower() in {each.lower() for each in values})


def _matching(words: str, pattern: str) -> Shape:
    compiled = re.compile(pattern)
    return Shape(words, lambda value: compiled.fullmatch(value) is not None)


def _printable(value: str) -> bool:
    return 0 < len(value) <= _TEXT_MAX and value.isprintable()


def _is_pem(value: str) -> bool:
    return len(value) <= _PEM_MAX and re.match(r"\s*-----BEGIN [A-Z0-9 ]+-----", value) is not None


_TEXT = Shape(f"1 to {_TEXT_MAX} printable characters", _printable)
_SECRET = Shape(
    f"1 to {_TEXT_MAX} characters", lambda value: 0 < len(value) <= _TEXT_MAX and "\0" not in value, secret=True
)
_PEM = Shape("PEM text", _is_pem)
_SECRET_PEM = Shape("PEM text", _is_pem, secret=True)
_SWITCH = _one_of("true", "false")
_NAME = _matching("letters, digits and ._-", r"[A-Za-z0-9._-]{1,249}")
_FILE = Shape(
    "FILE:<name> of a file made by CREATE FILE",
    lambda value: re.fullmatch(PREFIX + NAME, value) is not None,
    is_file=True,
)
_ALGORITHMS = _matching("names separated by : , or +", r"[A-Za-z0-9_:,+@=.!-]{1,1024}")

ALLOWED: Mapping[str, Shape] = {
    # who we are
    "client.id": _TEXT,
    "client.rack": _NAME,
    "group.id": _TEXT,
    "group.instance.id": _TEXT,
    # how we get there
    "security.protocol": _one_of("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"),
    "sasl.mechanism": _one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER"),
    "sasl.mechanisms": _one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER"),
    "sasl.username": _TEXT,
    "sasl.password": _SECRET,
    # librdkafka puts these three into the command line of kinit, which a shell runs: no character a shell would mind
    "sasl.kerberos.service.name": _NAME,
    "sasl.kerberos.principal": _matching("a Kerberos principal", r"[A-Za-z0-9._/@-]{1,255}"),
    "sasl.kerberos.keytab": _FILE,
    "sasl.kerberos.min.time.before.relogin": _between(0, 86_400_000),
    "ssl.ca.location": _FILE,
    "ssl.ca.pem": _PEM,
    "ssl.certificate.location": _FILE,
    "ssl.certificate.pem": _PEM,
    "ssl.key.location": _FILE,
    "ssl.key.pem": _SECRET_PEM,
    "ssl.key.password": _SECRET,
    "ssl.keystore.location": _FILE,
    "ssl.keystore.password": _SECRET,
    "ssl.crl.location": _FILE,
    "ssl.cipher.suites": _ALGORITHMS,
    "ssl.curves.list": _ALGORITHMS,
    "ssl.sigalgs.list": _ALGORITHMS,
    "enable.ssl.certificate.verification": _SWITCH,
    "ssl.endpoint.identification.algorithm": _one_of("none", "https"),
    "broker.address.family": _one_of("any", "v4", "v6"),
    "broker.address.ttl": _between(0, 86_400_000),
    "client.dns.lookup": _one_of("use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"),
    "api.version.request": _SWITCH,
    "api.version.request.timeout.ms": _between(1, 300_000),
    "api.version.fallback.ms": _between(0, 604_800_000),
    "broker.version.fallback": _matching("a version such as 0.10.0.0", r"\d{1,3}(\.\d{1,3}){1,3}"),
    # how long we try
    "socket.timeout.ms": _between(10, 300_000),
    "socket.connection.setup.timeout.ms": _between(1_000, 300_000),
    "socket.keepalive.enable": _SWITCH,
    "socket.nagle.disable": _SWITCH,
    "socket.max.fails": _between(0, 1_000_000),
    "socket.send.buffer.bytes": _between(0, 16 * _MIB),
    "socket.receive.buffer.bytes": _between(0, 16 * _MIB),
    "connections.max.idle.ms": _between(0, 86_400_000),
    "reconnect.backoff.ms": _between(10, 3_600_000),
    "reconnect.backoff.max.ms": _between(10, 3_600_000),
    "retry.backoff.ms": _between(1, 300_000),
    "retry.backoff.max.ms": _between(1, 300_000),
    "session.timeout.ms": _between(1_000, 3_600_000),
    "heartbeat.interval.ms": _between(100, 3_600_000),
    "max.poll.interval.ms": _between(45_000, 86_400_000),
    "topic.metadata.refresh.interval.ms": _between(1_000, 3_600_000),
    "metadata.max.age.ms": _between(1_000, 86_400_000),
    "topic.metadata.propagation.max.ms": _between(0, 3_600_000),
    # what we read, and how much at once; the bounds keep memory bounded
    "isolation.level": _one_of("read_committed", "read_uncommitted"),
    "check.crcs": _SWITCH,
    "fetch.wait.max.ms": _between(0, 10_000),
    "fetch.min.bytes": _between(0, 16 * _MIB),
    "fetch.max.bytes": _between(0, 64 * _MIB),
    "fetch.message.max.bytes": _between(1, 64 * _MIB),
    "max.partition.fetch.bytes": _between(1, 64 * _MIB),
    "fetch.error.backoff.ms": _between(0, 300_000),
    "message.max.bytes": _between(1_000, 64 * _MIB),
    "receive.message.max.bytes": _between(1_000, 128 * _MIB),
}

IGNORED: frozenset[str] = frozenset({"max.poll.records"})
"""Keys of other clients, found in pasted statements; accepted, and not passed on. The batch limits decide instead."""

_OURS = "routine load sets it itself"
_FETCH_URL = "the client would fetch an address or credentials of its own; OAUTHBEARER is for AWS MSK IAM (aws.*)"
_CODE = "it loads code or calls back"
_LOG = "it controls logging"

REASONS: tuple[tuple[str, str], ...] = (
    (r"plugin\.library\.paths|interceptors|ssl\.engine\..*|ssl_engine_callback_data|ssl\.providers", _CODE),
    (r".*_cb|opaque|default_topic_conf|enabled_events|ssl_(key|certificate|ca)", _CODE),
    (r"sasl\.kerberos\.kinit\.cmd", "it runs a command"),
    (r".*oauthbearer.*|https\.ca\.(location|pem)", _FETCH_URL),
    (r"test\..*|internal\..*", "it is for tests of the client"),
    (r"debug|log.*|statistics\.interval\.ms|enable\.metrics\.push", _LOG),
    (r"(auto\.commit|enable\.auto)\..*|offset\.store\..*", "progress is committed with the rows, not by the client"),
    (r"auto\.offset\.reset", "an offset out of range pauses the job; set property.kafka_default_offsets instead"),
    (r"bootstrap\.servers|metadata\.broker\.list", "kafka_broker_list says where the brokers are"),
    (r"enable\.partition\.eof|queued\..*|fetch\.queue\..*|allow\.auto\.create\.topics|topic\.blacklist", _OURS),
    (r"group\..*|partition\.assignment\.strategy|share\..*", "partitions are assigned by routine load, not by a group"),
)
"""Why well-known keys are refused: pattern of the whole key, and the reason. Others are refused as unknown."""
