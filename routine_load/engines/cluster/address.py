"""Where a cluster is: ``starrocks://user:password@fe:9030?http_port=8030`` read once into a value.

    target   := vendor "://" [user [":" password] "@"] host [":" port] {"," host [":" port]} ["?" option {"&" option}]
    vendor   := starrocks | doris
    option   := http_port = PORT | https = true|false | tls = true|false | host_map = seen>reached{,seen>reached}
              | prepared_timeout = SECONDS | load_timeout = SECONDS | connections = COUNT

``host_map`` is for networks in which a front end names its nodes by addresses that cannot be reached from here (NAT,
containers): ``be1:8040>127.0.0.1:18040``. The password is in no message and no repr.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from routine_load.errors import PropertyError
from routine_load.ids import Compat

Endpoint = tuple[str, int]
"""A host and a port."""

MYSQL_PORT: Final = 9030
HTTP_PORT: Final = 8030
HOSTS_MAX: Final = 16

SHAPE: Final = "starrocks://user:password@fe:9030?http_port=8030, or doris://…"
_OPTIONS: Final = ("http_port", "https", "tls", "host_map", "prepared_timeout", "load_timeout", "connections")
_WORDS: Final = {"true": True, "false": False}
_PORT_MAX: Final = 65_535
_HOST: Final = re.compile(r"\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAddress:
    """``fronts`` are the front ends' (host, MySQL port), tried in this order; all have the same HTTP port.

    ``prepared_timeout_s`` is how long a prepared batch waits for its commit, ``load_timeout_s`` how long it may take to
    get there. ``connections`` bounds the SQL connections that are open at a time.
    """

    vendor: Compat
    fronts: tuple[Endpoint, ...]
    http_port: int = HTTP_PORT
    user: str = "root"
    password: str = field(default="", repr=False)
    https: bool = False
    tls: bool = False
    host_map: Mapping[str, str] = field(default_factory=dict)
    prepared_timeout_s: int = 1800
    load_timeout_s: int = 600
    connections: int = 32

    def __str__(self) -> str:
        """For people: without the password."""
        hosts = ",".join(f"{host}:{port}" for host, port in self.fronts)
        return f"{self.vendor}://{self.user}@{hosts}?http_port={self.http_port}"

    @property
    def scheme(self) -> str:
        return "https" if self.https else "http"

    def reached(self, endpoint: Endpoint) -> Endpoint:
        """Where an address that the cluster named is reached from here: by host and port, else by host."""
        host, port = endpoint
        mapped = self.host_map.get(f"{host}:{port}")
        if mapped is not None:
            return _endpoint(mapped, port)
        mapped = self.host_map.get(host)
        return endpoint if mapped is None else _endpoint(mapped, port)


def is_cluster(target: str) -> bool:
    """Whether a target names a cluster at all, well written or not."""
    return "://" in target


def read_target(target: str) -> ClusterAddress:
    """Raises PropertyError that names the part and what is allowed, and never repeats what may hold the password."""
    try:
        parts = urlsplit(target)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise PropertyError(f"target cannot be read; allowed: duckdb, {SHAPE}") from error
    if parts.scheme not in set(Compat):
        raise PropertyError(f"target begins with '{parts.scheme[:32]}', allowed: duckdb, {SHAPE}")
    if parts.path not in {"", "/"} or parts.fragment:
        raise PropertyError(
            f"target has something behind its hosts (a '/', '?' or '#' in a password is written %2F, %3F, %23); "
            f"allowed: {SHAPE}"
        )
    unknown = [name for name in options if name not in _OPTIONS]
    if unknown:
        raise PropertyError(f"target has an option '{unknown[0][:64]}', allowed: {', '.join(_OPTIONS)}")
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    return ClusterAddress(
        vendor=Compat(parts.scheme),
        fronts=_fronts(hosts),
        http_port=_number(options, "http_port", HTTP_PORT, 1, _PORT_MAX),
        user=unquote(user) or "root",
        password=unquote(password),
        https=_truth(options, "https"),
        tls=_truth(options, "tls"),
        host_map=_host_map(options.get("host_map", "")),
        prepared_timeout_s=_number(options, "prepared_timeout", 1800, 60, 86_400),
        load_timeout_s=_number(options, "load_timeout", 600, 1, 259_200),
        connections=_number(options, "connections", 32, 1, 1_000),
    )


def _fronts(hosts: str) -> tuple[Endpoint, ...]:
    if not hosts:
        raise PropertyError(f"target names no host; allowed: {SHAPE}")
    fronts = tuple(_endpoint(each, MYSQL_PORT) for each in hosts.split(","))
    if len(fronts) > HOSTS_MAX:
        raise PropertyError(f"target names {len(fronts)} hosts, at most {HOSTS_MAX} are allowed")
    return fronts


def _endpoint(text: str, default_port: int) -> Endpoint:
    match = _HOST.match(text)
    rest = text[match.end() :] if match else text
    if match is None or (rest and not re.fullmatch(r":\d{1,5}", rest)):
        raise PropertyError(f"target has a host '{text[:253]}', allowed: host, host:port or [IPv6]:port")
    port = int(rest[1:]) if rest else default_port
    if not 1 <= port <= _PORT_MAX:
        raise PropertyError(f"target has the port {port}, allowed: 1 to {_PORT_MAX}")
    return match.group().strip("[]"), port


def _number(options: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = options.get(name, str(default))
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not low <= int(text) <= high:
        raise PropertyError(f"target: {name} is '{text[:32]}', allowed: {low} to {high}")
    return int(text)


def _truth(options: Mapping[str, str], name: str) -> bool:
    text = options.get(name, "false").lower()
    if text not in _WORDS:
        raise PropertyError(f"target: {name} is '{text[:32]}', allowed: true, false")
    return _WORDS[text]


def _host_map(text: str) -> dict[str, str]:
    """``be1:8040>127.0.0.1:18040,be2>10.0.0.2``; a port on the left limits the rule to it."""
    rules: dict[str, str] = {}
    for each in filter(None, text.split(",")):
        seen, arrow, reached = each.partition(">")
        if not arrow:
            raise PropertyError(
                f"target: host_map has '{each[:253]}', allowed: seen>reached, as be1:8040>127.0.0.1:18040"
            )
        host, port = _endpoint(seen, 1)
        _endpoint(reached, 1)
        rules[f"{host}:{port}" if re.search(r":\d+$", seen) else host] = reached
    return rules
