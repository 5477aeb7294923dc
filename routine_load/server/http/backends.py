"""What a coordinator and its backends elsewhere say to each other by HTTP: one route a message, each signed.

Refuses to know what is said. A body is read only as far as its bound, and so many at a time; what was not signed with
the shared secret is answered 401 and means nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from routine_load.backends.agent.orders import Orders
from routine_load.backends.codec import MessageError, from_json, to_json
from routine_load.backends.conversation import ConversationOver
from routine_load.backends.heartbeats import presence_of
from routine_load.backends.messages import (
    CANCEL_PATH,
    FRAME_BYTES_MAX,
    HEARTBEAT_PATH,
    REGISTER_PATH,
    TASK_PATH,
    TURN_PATH,
    Cancel,
    Heartbeat,
    Problem,
    TaskOrder,
)
from routine_load.backends.remote import RemoteBackends
from routine_load.backends.signing import HEADER, SharedSecret
from routine_load.backends.wire import OVER, REFUSED
from routine_load.errors import BackendRefused, RoutineLoadError

_BODIES_AT_ONCE = 4
"""Bodies in memory at a time; whoever has more waits."""

_SILENCE_S = 5.0
"""A body that stops coming gives its place to others: whoever sent it may be without power."""

_SMALL_BYTES_MAX = 64 * 1024
_ORDER_BYTES_MAX = 32 * 1024 * 1024
_STRANGER = BackendRefused("the message was not signed with this side's secret")
_UNFINISHED = BackendRefused("the message stopped arriving")
_WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - what is told, not what is listened on


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that was signed: its body, and where it came from."""

    body: bytes
    client: str
    parameters: dict[str, str]


class _Signed:
    """Reads a body and checks its signature before anything else is done with it."""

    def __init__(self, secret: SharedSecret) -> None:
        self._secret = secret
        self._bodies = asyncio.Semaphore(_BODIES_AT_ONCE)

    def route(self, path: str, answer: Callable[[_Asked], Awaitable[bytes]], bytes_max: int) -> Route:
        return Route(path, partial(self._answer, answer), methods=["POST"], max_body_size=bytes_max)

    async def _answer(self, answer: Callable[[_Asked], Awaitable[bytes]], request: Request) -> Response:
        path, signature = request.url.path, request.headers.get(HEADER, "")
        if not self._secret.head_signed(path, signature):  # a stranger's body takes no place
            return _told(401, _STRANGER)
        async with self._bodies:
            try:
                body = await _body(request)
            except TimeoutError:
                return _told(408, _UNFINISHED)
            if not await anyio.to_thread.run_sync(self._secret.signed, path, body, signature):
                return _told(401, _STRANGER)
        try:
            client = request.client.host if request.client else ""
            answered = await answer(_Asked(body, client, request.path_params))
        except ConversationOver as error:
            return _told(OVER, error)
        except (RoutineLoadError, MessageError) as error:
            return _told(REFUSED, error)
        return Response(answered, media_type="application/octet-stream")


async def _body(request: Request) -> bytes:
    """Raises TimeoutError where nothing of it comes for a while."""
    pieces = []
    now = asyncio.get_running_loop().time
    async with asyncio.timeout(_SILENCE_S) as patience:
        async for piece in request.stream():
            pieces.append(piece)
            patience.reschedule(now() + _SILENCE_S)
    return b"".join(pieces)


def _told(status: int, error: RoutineLoadError) -> Response:
    close = {"Connection": "close"} if status in {401, 408} else {}
    return Response(to_json(Problem.of(error)), status, close, "application/json")


class CoordinatorSide:
    """What backends say to a coordinator."""

    def __init__(self, backends: RemoteBackends, secret: SharedSecret) -> None:
        self._backends = backends
        self._signed = _Signed(secret)

    def routes(self) -> list[Route]:
        return [
            self._signed.route(REGISTER_PATH, self.register, _SMALL_BYTES_MAX),
            self._signed.route(f"{TURN_PATH}/{{key}}/{{number:int}}", self.turn, FRAME_BYTES_MAX),
        ]

    async def register(self, asked: _Asked) -> bytes:
        presence = presence_of(asked.body)
        number = await anyio.to_thread.run_sync(self._backends.register, presence)
        return str(number).encode()

    async def turn(self, asked: _Asked) -> bytes:
        parameters = asked.parameters
        answer = self._backends.conversations.say(parameters["key"], int(parameters["number"]), asked.body)
        return await asyncio.wrap_future(answer)


class BackendSide:
    """What a coordinator says to a backend. Whoever takes it for a place to load into is sent to ``front``."""

    def __init__(self, orders: Orders, secret: SharedSecret, front: tuple[str, int]) -> None:
        self._orders = orders
        self._front = front
        self._secret = secret
        self._signed = _Signed(secret)

    def routes(self) -> list[Route]:
        return [
            self._signed.route(HEARTBEAT_PATH, self.heartbeat, _SMALL_BYTES_MAX),
            self._signed.route(TASK_PATH, self.task, _ORDER_BYTES_MAX),
            self._signed.route(CANCEL_PATH, self.cancel, _SMALL_BYTES_MAX),
            Route("/api/health", health, methods=["GET"], max_body_size=0),
            Route("/api/{rest:path}", self.elsewhere, methods=["GET", "PUT", "POST"]),
        ]

    async def elsewhere(self, request: Request) -> Response:
        """A connector picks a backend of SHOW BACKENDS and loads into it: the coordinator takes loads."""
        host, port = self._front
        query = request.scope["query_string"].decode("ascii")
        path = request.scope["raw_path"].decode("ascii")
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        location = f"http://{address}{path}" + (f"?{query}" if query else "")
        return Response(status_code=307, headers={"Location": location, "Connection": "close"})

    async def heartbeat(self, asked: _Asked) -> bytes:
        return to_json(self._orders.heartbeat(from_json(Heartbeat, asked.body)))

    async def task(self, asked: _Asked) -> bytes:
        order = from_json(TaskOrder, self._secret.opened(asked.body))
        host, port = order.coordinator
        self._orders.take(order, (asked.client if host in _WILDCARDS else host, port))
        return b""

    async def cancel(self, asked: _Asked) -> bytes:
        self._orders.cancel(from_json(Cancel, asked.body))
        return b""


async def health(_request: Request) -> Response:
    """StarRocks, Doris: the same fixed text."""
    return JSONResponse({"status": "OK", "msg": "To Be Added"})
