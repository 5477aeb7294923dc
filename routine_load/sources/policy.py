"""Which ``property.*`` may reach librdkafka, and which brokers may be connected to. All else is refused at CREATE.

librdkafka runs commands, loads libraries, opens files and fetches addresses when its settings say so, and a job's
properties come from whoever may create jobs.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Mapping

from routine_load.errors import PropertyError
from routine_load.jobs.source_create import is_broker
from routine_load.sources import aws
from routine_load.sources.connections import NOT_FOR_LIBRDKAFKA
from routine_load.sources.property_rules import ALLOWED, IGNORED, REASONS

BROKER_PATTERN = r".*?\[?([0-9a-zA-Z\-%._:]*)\]?:(\d+)"
"""What StarRocks wants each item of kafka_broker_list to match."""

_BROKERS_MAX = 100
_METADATA_ADDRESSES = frozenset(
    ipaddress.ip_address(each) for each in ("169.254.169.254", "100.100.100.200", "168.63.129.16", "fd00:ec2::254")
)
_PORT_MAX = 65_535
_HOST = re.compile(r"[0-9a-zA-Z\-%._:]+")
_PROTOCOL = re.compile(r"(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)://", re.IGNORECASE)
NOT_ALLOWED = "link-local, multicast, unspecified and cloud metadata addresses are not allowed"

Resolve = Callable[[str], Iterable[str]]


def resolve(host: str) -> list[str]:
    """Addresses of a host; none where the name is unknown (the client will say so in its own words)."""
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError):
        return []


def is_forbidden(host: str) -> bool:
    """Whether this literal address is one that no broker has and that attackers want; a name is not."""
    try:
        number = ipaddress.ip_address(host.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    number = getattr(number, "ipv4_mapped", None) or number
    return number.is_link_local or number.is_multicast or number.is_unspecified or number in _METADATA_ADDRESSES


def _host_and_port(item: str) -> tuple[str, str]:
    host, _, port = _PROTOCOL.sub("", item, count=1).rpartition(":")
    return host.removeprefix("[").removesuffix("]"), port


class KafkaPropertyPolicy:
    """Refuses what is not on the list, naming the property and what is allowed."""

    def __init__(self, *, resolve: Resolve = resolve, host_credentials: bool = False) -> None:
        self._resolve = resolve
        self._host_credentials = host_credentials

    def check_source(self, brokers: str, properties: Iterable[tuple[str, str]]) -> None:
        """Check brokers and properties of one job. Raises PropertyError."""
        self.check(dict(properties))
        self.check_brokers(brokers)

    def check(self, properties: Mapping[str, str]) -> None:
        """Check ``property.*``, keys without the prefix. Raises PropertyError."""
        for key, value in properties.items():
            if key not in NOT_FOR_LIBRDKAFKA and key not in IGNORED and not key.startswith(aws.PREFIX):
                self._check_one(key, value)
        aws.check_aws(properties, host_credentials=self._host_credentials)

    def check_brokers(self, brokers: str) -> None:
        """Check the shape of the list, and that no broker is a link-local or cloud metadata address."""
        items = [item for item in brokers.replace(" ", "").split(",") if item]
        if not 1 <= len(items) <= _BROKERS_MAX:
            raise PropertyError(f"kafka_broker_list has {len(items)} brokers; allowed are 1 to {_BROKERS_MAX}")
        for item in items:
            shown = item.rpartition("@")[2]  # what stands before it may be a password
            if not item.isascii() or not is_broker(item):
                raise PropertyError(f"kafka_broker_list: {shown} does not match pattern {BROKER_PATTERN}")
            host, port = _host_and_port(item)
            if not _HOST.fullmatch(host) or not 1 <= int(port[:6]) <= _PORT_MAX:
                raise PropertyError(f"kafka_broker_list: {shown} is not host:port with a port from 1 to {_PORT_MAX}")
            for address in {host, *self._resolve(host)}:
                if is_forbidden(address):
                    raise PropertyError(f"kafka_broker_list: {item} leads to {address}; {NOT_ALLOWED}")

    def _check_one(self, key: str, value: str) -> None:
        shape = ALLOWED.get(key)
        if shape is None:
            raise PropertyError(f"property.{key} is not allowed: {_reason(key)}. Allowed are {_allowed_in_words()}")
        if not shape.allows(value):
            seen = "" if shape.secret else f" {_shortened(value)!r}"
            raise PropertyError(f"The value{seen} of property.{key} is not allowed; allowed is {shape.words}")


def _reason(key: str) -> str:
    for pattern, reason in REASONS:
        if re.fullmatch(pattern, key):
            return reason
    return "it is not known here"


def _allowed_in_words() -> str:
    return ", ".join(f"property.{key}" for key in sorted([*ALLOWED, "kafka_default_offsets"]))


def _shortened(value: str) -> str:
    return value if len(value) <= 80 else value[:77] + "..."
