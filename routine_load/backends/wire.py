"""Signed messages by HTTP, one POST each. No message is repeated here, and none follows a redirect.

Owns the clients and their time-outs. Refuses to know what is said.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from routine_load.backends.codec import MessageError, from_json
from routine_load.backends.messages import Problem
from routine_load.backends.signing import HEADER, SharedSecret
from routine_load.errors import BackendLost, RoutineLoadError

REFUSED = 409
"""The status of an answer that is a ``Problem``."""

OVER = 410
"""The status where nobody waits for a task any more."""

CONNECT_S = 3.0
_KEPT_MAX = 256
_SAID_CHARS = 300

_NOT_SENT = (httpx.InvalidURL, UnicodeError)
"""What becomes of a name that can be nobody's."""


class Unreachable(BackendLost):
    """There is nobody at that address, or no way to it."""


_Builds = httpx.Client | httpx.AsyncClient


@dataclass(frozen=True, slots=True)
class _Post:
    address: tuple[str, int]
    path: str
    body: bytes
    timeout_s: float


class Wire:
    """Thread-safe; ``post_soon`` belongs to one loop. Proxies of the environment are for other things."""

    def __init__(self, secret: SharedSecret) -> None:
        self.secret = secret
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=_KEPT_MAX)
        self._client = httpx.Client(limits=limits, trust_env=False)
        self._async: httpx.AsyncClient | None = None

    def post(self, address: tuple[str, int], path: str, body: bytes, timeout_s: float) -> bytes:
        """The answer. Raises BackendLost (nobody knows whether it was heard), Unreachable, and the problem answered."""
        try:
            response = self._client.send(self._request(self._client, _Post(address, path, body, timeout_s)))
        except _NOT_SENT as error:
            raise Unreachable(f"{told(address)}: no address: {str(error)[:_SAID_CHARS]}") from error
        except httpx.HTTPError as error:
            raise _lost(address, error) from error
        return _answer(address, response)

    async def post_soon(self, address: tuple[str, int], path: str, body: bytes, timeout_s: float) -> bytes:
        """``post``, on the loop."""
        if self._async is None:
            self._async = httpx.AsyncClient(trust_env=False)
        try:
            response = await self._async.send(self._request(self._async, _Post(address, path, body, timeout_s)))
        except _NOT_SENT as error:
            raise Unreachable(f"{told(address)}: no address: {str(error)[:_SAID_CHARS]}") from error
        except httpx.HTTPError as error:
            raise _lost(address, error) from error
        return _answer(address, response)

    def _request(self, client: _Builds, post: _Post) -> httpx.Request:
        return client.build_request(
            "POST",
            f"http://{told(post.address)}{post.path}",
            content=post.body,
            headers={HEADER: self.secret.signature(post.path, post.body)},
            timeout=httpx.Timeout(post.timeout_s, connect=min(CONNECT_S, post.timeout_s)),
        )

    def close(self) -> None:
        self._client.close()

    async def close_soon(self) -> None:
        """On the loop."""
        if self._async is not None:
            client, self._async = self._async, None
            await client.aclose()


def told(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _lost(address: tuple[str, int], error: httpx.HTTPError) -> BackendLost:
    kind = Unreachable if isinstance(error, httpx.ConnectError) else BackendLost
    return kind(f"{told(address)}: {str(error)[:_SAID_CHARS] or type(error).__name__}")


def _answer(address: tuple[str, int], response: httpx.Response) -> bytes:
    if response.status_code == httpx.codes.OK:
        return response.content
    if response.status_code in {REFUSED, httpx.codes.UNAUTHORIZED}:
        raise _problem(address, response.content)
    if response.status_code == OVER:
        raise BackendLost(f"{told(address)}: nobody waits for this task any more")
    raise BackendLost(f"{told(address)}: HTTP {response.status_code}")


def _problem(address: tuple[str, int], content: bytes) -> RoutineLoadError:
    try:
        return from_json(Problem, content).error()
    except MessageError:
        return BackendLost(f"{told(address)}: an answer that nobody can read")
