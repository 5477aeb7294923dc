"""The way in for other coordinators: a sealed message, and a sealed answer.

Threat model: whoever can reach the port may send anything. Nothing of a body is read before its head is seen to be of a
coordinator; a message that is not, or that was heard before, gets the same short refusal. What messages mean is not
known here.
"""

from __future__ import annotations

from typing import Final, Protocol

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from routine_load.errors import LimitExceeded
from routine_load.server.http.callers import Callers

_SCHEME: Final = "Sealed "


class Answers(Protocol):
    """Blocking, thread-safe."""

    def is_ours(self, token: str) -> bool: ...

    def answer(self, token: str, body: bytes) -> bytes | None:
        """None for what is not ours, or was heard before."""
        ...


def internal_routes(path: str, answers: Answers | None, callers: Callers, bytes_max: int) -> list[Route]:
    """The one path that other coordinators know; none where there can be none."""
    return [] if answers is None else _Internal(path, answers, callers, bytes_max).routes()


class _Internal:
    def __init__(self, path: str, answers: Answers, callers: Callers, bytes_max: int) -> None:
        self._path = path
        self._answers = answers
        self._callers = callers
        self._bytes_max = bytes_max

    def routes(self) -> list[Route]:
        return [Route(self._path, self._page, methods=["POST"], max_body_size=self._bytes_max)]

    async def _page(self, request: Request) -> Response:
        given = request.headers.get("authorization", "")
        token = given.removeprefix(_SCHEME)
        if token == given or not await anyio.to_thread.run_sync(self._answers.is_ours, token):
            return _refused()
        body = await request.body()
        try:
            answer = await self._callers.run(self._answers.answer, token, body)
        except LimitExceeded as error:
            return PlainTextResponse(f"{error.message}\n", 503)
        return _refused() if answer is None else Response(answer, media_type="text/plain")


def _refused() -> Response:
    return PlainTextResponse("only coordinators of the same metadata are heard here\n", 403, {"Connection": "close"})
