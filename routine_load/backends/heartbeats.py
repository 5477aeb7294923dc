"""Heartbeats: a coordinator that leads asks its backends elsewhere, again and again, whether they are there.

Owns the rounds and how an answer is read. Refuses to know tasks. Invariants: whatever is wrong with one backend, its
address or its answer, the others are asked in time; metadata that cannot be read keeps no heartbeat waiting; a backend
of another version is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from routine_load import __version__
from routine_load.backends.codec import MessageError, from_json, to_json
from routine_load.backends.facts import BackendRecord
from routine_load.backends.members import Member, Members
from routine_load.backends.messages import HEARTBEAT_PATH, Heartbeat, Presence
from routine_load.backends.wire import Unreachable, Wire
from routine_load.errors import BackendLost, BackendRefused, MetadataError, RoutineLoadError
from routine_load.observe import events
from routine_load.observe.logs import logger

log = logger("backends")

_DOOR_S: Final = 0.05
_PATIENCE_LEAST_S: Final = 0.5
_ASKED_BACK_S: Final = 2.0
_VERSION_CHARS: Final = 50


def presence_of(document: bytes) -> Presence:
    """Raises BackendRefused for that of another version, whatever it looks like, and MessageError."""
    try:
        said = json.loads(document)["version"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise MessageError("a message is no Presence") from error
    if said != __version__:
        raise BackendRefused(
            f"the backend has version {str(said)[:_VERSION_CHARS]}, this coordinator has {__version__}: "
            "a backend gets tasks from coordinators of its own version"
        )
    return from_json(Presence, document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """What is done around a heartbeat. ``asking`` is told before it goes out, and gives who hears the answer."""

    epoch: Callable[[], int]
    can_be_answered: Callable[[], bool]
    look_again: Callable[[], None]
    asking: Callable[[Member], Callable[[Presence], None]]
    after: Callable[[Member], Awaitable[None]]


class Heartbeats:
    """``lead`` and ``follow`` belong to the coordinator's loop; ``ask_back`` is anybody's."""

    def __init__(self, members: Members, wire: Wire, rounds: Rounds) -> None:
        self._members = members
        self._wire = wire
        self._rounds = rounds
        self._going: list[asyncio.Task[None]] = []

    @property
    def leads(self) -> bool:
        return bool(self._going)

    def lead(self) -> None:
        self._going = [
            asyncio.create_task(self._look_on(), name="backends"),
            asyncio.create_task(self._beat_on(), name="heartbeats"),
        ]

    async def follow(self) -> None:
        going, self._going = self._going, []
        for each in going:
            each.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await each
        await self._wire.close_soon()

    def ask_back(self, record: BackendRecord | None, said: Presence) -> Presence:
        """Who makes itself known is asked where it says that it is. Blocking.

        Raises BackendRefused where it cannot be reached there, or somebody else is there.
        """
        address = said.host, said.port
        body = self._body(0 if record is None else record.id)
        try:
            found = presence_of(self._wire.post(address, HEARTBEAT_PATH, body, _ASKED_BACK_S))
        except BackendLost as error:
            raise BackendRefused(f"no way from the coordinator to {error.message}; see --advertise") from error
        if found.session != said.session:
            raise BackendRefused(f"another backend answers at {said.host}:{said.port}; see --advertise")
        return found

    def _body(self, backend: int) -> bytes:
        return to_json(Heartbeat(epoch=self._rounds.epoch(), backend_id=backend))

    async def _look_on(self) -> None:
        """Beside the heartbeats, so that metadata that does not answer keeps none of them waiting."""
        while True:
            try:
                await asyncio.to_thread(self._rounds.look_again)
            except MetadataError:  # those that are known go on
                pass
            except Exception:  # the next look comes in any case
                log.exception(events.SCHEDULER_FAULT)
            await asyncio.sleep(self._members.terms.heartbeat_s)

    async def _beat_on(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._rounds.can_be_answered() or not (members := self._members.all()):
                await asyncio.sleep(_DOOR_S)
                continue
            began = loop.time()
            await asyncio.gather(*(self._beat(member) for member in members))
            await asyncio.sleep(max(_DOOR_S, self._members.terms.heartbeat_s - (loop.time() - began)))

    async def _beat(self, member: Member) -> None:
        """One heartbeat; whatever is wrong with it is a missed one."""
        number = member.record.id
        answered = self._rounds.asking(member)
        wait_s = max(_PATIENCE_LEAST_S, self._members.terms.heartbeat_s)
        try:
            async with asyncio.timeout(wait_s):
                said = await self._wire.post_soon(member.address, HEARTBEAT_PATH, self._body(number), wait_s)
            presence = presence_of(said)
        except (Unreachable, BackendRefused) as error:
            self._members.missed(number, error.message, surely=True)
        except TimeoutError:
            self._members.missed(number, f"no answer to a heartbeat within {wait_s:g} s")
        except RoutineLoadError as error:
            self._members.missed(number, error.message)
        except Exception as error:  # the others are asked in any case
            log.exception(events.SCHEDULER_FAULT)
            self._members.missed(number, f"an unexpected {type(error).__name__}; the log has it")
        else:
            self._members.heard(number, presence)
            answered(presence)
        try:
            await self._rounds.after(member)
        except Exception:  # likewise
            log.exception(events.SCHEDULER_FAULT)
