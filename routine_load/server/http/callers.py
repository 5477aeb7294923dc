"""Who calls, and with what: a request's head becomes credentials, a session, and the values that loads are asked by."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

import anyio.to_thread
from starlette.requests import Request

from routine_load.errors import AccessDenied
from routine_load.server.http.authentication import Authenticator, Credentials
from routine_load.server.http.bodies import StreamedBody
from routine_load.server.http.ports import Loading
from routine_load.server.http.workers import Workers
from routine_load.statements.ports import Session
from routine_load.statements.stream_load.values import LoadRequest

Answer = TypeVar("Answer")

_HOST: Final = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?", re.ASCII)
_WILDCARDS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on


class Callers:
    """One for both HTTP doors; used on their loop only."""

    def __init__(self, loading: Loading, threads_max: int) -> None:
        self.loading = loading
        self._authenticator = Authenticator(loading.users)
        self._workers = Workers(threads_max)
        self._bodies: set[StreamedBody] = set()

    async def credentials(self, request: Request) -> Credentials:
        """Raises NoCredentials, AccessDenied."""
        found = Credentials.of(request.headers.get("authorization", ""))
        _refuse_foreign_page(request)
        await self._authenticator.check(found, client(request))
        return found

    async def in_session(self, request: Request, user: str, work: Callable[[Session], Answer]) -> Answer:
        """What short work answers or raises, on a thread. Raises AccessDenied for a user who is not there any more."""
        return await anyio.to_thread.run_sync(self.with_session, user, request, work)

    async def load(
        self, request: Request, user: str, work: Callable[[LoadRequest], Answer], database: str, table: str
    ) -> tuple[Answer, bool]:
        """What a load answers, and whether the body was read to its end. Raises LimitExceeded, RoutineLoadError."""
        body = StreamedBody(request.receive)
        self._bodies.add(body)
        length = request.headers.get("content-length", "")
        chunked = "chunked" in request.headers.get("transfer-encoding", "").lower()

        def loaded(session: Session) -> Answer:
            return work(
                LoadRequest(
                    session=session,
                    database=database,
                    table=table,
                    headers=headers(request),
                    client=client(request),
                    content_length=int(length) if length.isdecimal() else None,
                    is_chunked=chunked,
                    body=body,
                )
            )

        try:
            answer = await self._workers.run(self.with_session, user, request, loaded)
        except asyncio.CancelledError:
            body.abandon("The request was given up")
            raise
        finally:
            self._bodies.discard(body)
        return answer, body.complete or not (chunked or length not in {"", "0"})

    async def run(self, function: Callable[..., Answer], *arguments: object) -> Answer:
        """What longer work answers or raises, on a thread of the loads. Raises LimitExceeded."""
        return await self._workers.run(function, *arguments)

    async def leave(self, grace_s: float) -> None:
        """Give bodies under way so long to come to their end; the loads of the others are then refused in words."""
        asyncio.get_running_loop().call_later(grace_s, self._abandon)

    def _abandon(self) -> None:
        for body in self._bodies:
            body.abandon("The service is stopping")

    def close(self, wait_s: float) -> None:
        """Blocking: what runs gets so long to end."""
        self._authenticator.close()
        self._workers.close(wait_s)

    def with_session(self, user: str, request: Request, work: Callable[[Session], Answer]) -> Answer:
        """Blocking. Raises AccessDenied for a user who is not there any more, and whatever the work raises."""
        session = self.loading.service.open_session(user, client(request))
        try:
            return work(session)
        finally:
            self.loading.service.close_session(session)


def _refuse_foreign_page(request: Request) -> None:
    """A browser that was led here by another site's page says so; no page may act with what the browser remembers."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise AccessDenied("Access denied for a page of another site")


def client(request: Request) -> str:
    """The caller as SHOW tells it: host:port."""
    return f"{request.client.host}:{request.client.port}" if request.client else ""


def headers(request: Request) -> dict[str, str]:
    """By lower-case name. Of several with one name the first counts (both backends); an empty one is as good as none.

    UTF-8, as clients send what is in ``columns`` and ``where``; what is not is read byte by byte.
    """
    found: dict[str, str] = {}
    for name, value in request.headers.raw:
        if value:
            found.setdefault(name.decode("latin-1").lower(), _text(value))
    return found


def location(request: Request, backend: tuple[str, int], credentials: Credentials | None) -> str:
    """The same path and query on a backend.

    StarRocks never tells credentials, and a query only where there is one; Doris puts both in, the query even if empty.
    """
    host, port = backend
    path = request.scope["raw_path"].decode("ascii")
    query = request.scope["query_string"].decode("ascii")
    address = f"{reachable(request, host)}:{port}{path}"
    if credentials is None:
        return f"http://{address}?{query}" if query else f"http://{address}"
    return f"http://{quote(credentials.user, safe='')}:{quote(credentials.password, safe='')}@{address}?{query}"


def told_url(request: Request, url: str) -> str:
    """An address of ours as the client can use it."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{reachable(request, parts.hostname or '')}:{parts.port}").geturl()


def reachable(request: Request, host: str) -> str:
    """A host as the client can use it. A door that listens on every address is where the client found the other one."""
    if host in _WILDCARDS:
        asked = _HOST.fullmatch(request.headers.get("host", ""))
        if asked:
            return asked[1]
        host = str(request.scope["server"][0])
    return f"[{host}]" if ":" in host else host


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
