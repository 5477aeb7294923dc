"""One HTTP request to a cluster, answered once, or known not to have been.

No request is sent again and no redirect is followed blindly: a 307 may lead to nodes that the cluster lists (or that
the target's ``host_map`` names), with the same path, over the same scheme, a few times at most; a body goes only to a
node, never to a front end, which would not read it. Every answer is bounded in size and in time, as a whole. What is
no answer in these terms raises TargetUnavailable.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

import httpx

from routine_load.engines.cluster.address import ClusterAddress, Endpoint
from routine_load.engines.cluster.nodes import Members
from routine_load.errors import TargetUnavailable

HOPS_MAX: Final = 3
"""Follower, leader, node."""

ANSWER_BYTES_MAX: Final = 1024 * 1024
CONNECT_S: Final = 5.0
_REDIRECT: Final = 307
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``path`` begins with a slash and is percent-encoded. ``timeout_s`` bounds each hop as a whole.

    ``to_node``: only a node may take it, so a front end has to redirect it; ``body`` and its ``length`` go there.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[], Iterable[bytes]] | None = None
    length: int = 0
    to_node: bool = False
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the cluster said: an HTTP status, and the fields of its JSON object, by lower-case name."""

    status: int
    fields: Mapping[str, Any]
    endpoint: Endpoint
    from_node: bool

    def text(self, *names: str) -> str:
        """The first of these fields that there is, as text."""
        found = next((self.fields[name] for name in names if self.fields.get(name) is not None), "")
        return str(found)


class Wire:
    """Thread-safe. A connection serves one request: what a server did to an earlier one cannot touch the next."""

    def __init__(self, address: ClusterAddress, members: Callable[[], Members]) -> None:
        self._address = address
        self._members = members
        secret = f"{address.user}:{address.password}".encode()
        self._authorization = b"Basic " + base64.b64encode(secret)
        self._client = httpx.Client(
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=address.connections, max_keepalive_connections=0),
        )

    def close(self) -> None:
        self._client.close()

    def send(self, request: Request) -> Answer:
        """Raises TargetUnavailable where there is no answer that can be read."""
        seen: list[Endpoint] = []
        response = self._first(request)
        while isinstance(response, _Moved):
            endpoint = self._followed(request, response)
            if len(seen) >= HOPS_MAX or endpoint in seen:
                raise TargetUnavailable(f"{_shown(request)} is redirected too often: {_path(seen, endpoint)}")
            seen.append(endpoint)
            response = self._once(endpoint, request)
        return response

    def read(self, url: str, bytes_max: int, timeout_s: float) -> str:
        """The beginning of a page of a node of the cluster, asked without a password; empty where there is none."""
        with contextlib.suppress(TargetUnavailable, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
            parts = urlsplit(url)
            endpoint = self._known(parts.scheme, parts.hostname, parts.port, "its error log")
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            page = httpx.Request("GET", self._url(endpoint, target))
            with _Guard(timeout_s) as guard, self._stream(page, guard) as response:
                if response.status_code == 200:
                    return _start(response, bytes_max).decode(errors="replace")
        return ""

    def _first(self, request: Request) -> Answer | _Moved:
        """Of the first front end that can be reached; one that took the connection is the one that is asked."""
        problem = TargetUnavailable()
        for host, _ in self._address.fronts:
            endpoint = self._address.reached((host, self._address.http_port))
            try:
                return self._once(endpoint, request)
            except _NotReached as error:
                problem = error
        raise problem

    def _once(self, endpoint: Endpoint, request: Request) -> Answer | _Moved:
        is_front = self._is_front(endpoint)
        body = request.body if not is_front or not request.to_node else None
        headers = self._headers(request, request.length if body is not None else 0)
        target = request.path + (f"?{urlencode(request.query)}" if request.query else "")
        content = b"" if body is None else _once_only(body)
        guard = _Guard(request.timeout_s)
        try:
            sent = httpx.Request(request.method, self._url(endpoint, target), headers=headers, content=content)
            with guard, self._stream(sent, guard) as response:
                if response.status_code == _REDIRECT:
                    return _Moved(response.headers.get("location", ""), endpoint)
                raw = _start(response, ANSWER_BYTES_MAX + 1)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _NotReached(f"{_shown(request)}: {_at(endpoint)} cannot be reached: {error}") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            is_late = isinstance(error, httpx.TimeoutException) or guard.rang
            late = f"no answer within {request.timeout_s:.0f} s" if is_late else str(error) or type(error).__name__
            raise TargetUnavailable(f"{_shown(request)}: {_at(endpoint)}: {late}") from error
        return Answer(
            response.status_code, _object(request, endpoint, response.status_code, raw), endpoint, not is_front
        )

    def _headers(self, request: Request, length: int) -> list[tuple[bytes, bytes]]:
        """Raises TargetUnavailable for a value that would be more than one header."""
        given = dict(request.headers)
        if request.method != "GET":
            given |= {"Expect": "100-continue", "Content-Length": str(length)}
        for name, value in given.items():
            if any(character in value for character in "\r\n\0"):
                raise TargetUnavailable(f"{_shown(request)}: the header {name} cannot hold a line break")
        encoded = [(name.encode(), value.encode()) for name, value in given.items()]
        return [(b"Authorization", self._authorization), *encoded]

    def _followed(self, request: Request, moved: _Moved) -> Endpoint:
        """Where a redirect may lead. Raises TargetUnavailable."""
        try:
            parts = urlsplit(moved.location)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise TargetUnavailable(f"{_shown(request)}: {_at(moved.by)} redirects to nowhere") from error
        if parts.path != request.path:
            raise TargetUnavailable(f"{_shown(request)}: {_at(moved.by)} redirects to another path")
        return self._known(parts.scheme, host, port, _shown(request))

    def _known(self, scheme: str, host: str | None, port: int | None, what: str) -> Endpoint:
        address = self._address
        if scheme != address.scheme or not host or not port:
            raise TargetUnavailable(f"{what} is redirected to {scheme}://{host}:{port}, allowed: {address.scheme}")
        mapped = address.reached((host, port))
        members = self._members()
        hosts = {each for each, _ in (*members.nodes, *members.fronts, *address.fronts)}
        if mapped == (host, port) and host not in hosts and host not in address.host_map:
            raise TargetUnavailable(
                f"{what} is redirected to {host}:{port}, which the cluster does not list as a node; "
                "if it is right, name it in host_map"
            )
        return mapped

    def _is_front(self, endpoint: Endpoint) -> bool:
        """A node may share its host with a front end, and its port with others; who is listed as a node is one."""
        members, address = self._members(), self._address
        if endpoint in {address.reached(node) for node in members.nodes - members.fronts}:
            return False
        fronts = {*members.fronts, *((host, address.http_port) for host, _ in address.fronts)}
        return endpoint in {address.reached(front) for front in fronts}

    @contextlib.contextmanager
    def _stream(self, request: httpx.Request, guard: _Guard) -> Iterator[httpx.Response]:
        timeout = httpx.Timeout(guard.seconds, connect=min(CONNECT_S, guard.seconds))
        request.extensions |= {"trace": guard.note, "timeout": timeout.as_dict()}
        response = self._client.send(request, stream=True)
        try:
            yield response
        finally:
            response.close()

    def _url(self, endpoint: Endpoint, target: str) -> str:
        return f"{self._address.scheme}://{_at(endpoint)}{target}"


class _NotReached(TargetUnavailable):
    """No connection: nothing was asked."""


@dataclass(frozen=True, slots=True)
class _Moved:
    location: str
    by: Endpoint


class _Guard:
    """Ends one exchange when its whole time is over, however slowly bytes still come."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.rang = False
        self._socket: socket.socket | None = None
        self.timer = threading.Timer(seconds, self._ring)
        self.timer.daemon = True

    def __enter__(self) -> Self:
        self.timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.timer.cancel()

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            self._socket = info["return_value"].get_extra_info("socket")

    def _ring(self) -> None:
        self.rang = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _once_only(body: Callable[[], Iterable[bytes]]) -> Iterator[bytes]:
    yield from body()


def _start(response: httpx.Response, bytes_max: int) -> bytes:
    """At most so many bytes of the answer as it was sent; what is behind them is not read."""
    found = bytearray()
    for chunk in response.iter_raw(64 * 1024):
        found += chunk
        if len(found) >= bytes_max:
            break
    return bytes(found[:bytes_max])


def _object(request: Request, endpoint: Endpoint, status: int, raw: bytes) -> dict[str, Any]:
    """The answer's JSON object, or none at all for a status that says enough (401). Raises TargetUnavailable."""
    if len(raw) > ANSWER_BYTES_MAX:
        raise TargetUnavailable(f"{_shown(request)}: {_at(endpoint)} answers more than {ANSWER_BYTES_MAX} bytes")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        if status in {401, 403}:
            return {}
        said = raw[:_SHOWN].decode(errors="replace")
        raise TargetUnavailable(f"{_shown(request)}: {_at(endpoint)} answers {status} and no JSON: {said}") from error
    if not isinstance(found, dict):
        raise TargetUnavailable(f"{_shown(request)}: {_at(endpoint)} answers {status} and no JSON object")
    if status >= 500:
        raise TargetUnavailable(f"{_shown(request)}: {_at(endpoint)} answers {status}: {str(found)[:_SHOWN]}")
    return {str(name).lower(): value for name, value in found.items()}


def _shown(request: Request) -> str:
    return f"{request.method} {request.path}"


def _at(endpoint: Endpoint) -> str:
    host, port = endpoint
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _path(seen: Sequence[Endpoint], last: Endpoint) -> str:
    return " → ".join(_at(each) for each in (*seen, last))
