"""Who asks: HTTP Basic against the users and verifiers of the MySQL door.

A password is checked by the slow hash once, then by a keyed digest held in memory, so that hundreds of small loads a
second are feasible. An unknown user is checked against a decoy by the same slow hash; of slow checks only a few run at
once (each takes 16 MiB), and who guesses waits longer each time. Refuses to know where users are kept, and what a
vendor answers.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import anyio.to_thread

from routine_load.errors import AccessDenied
from routine_load.server.mysql.passwords import check_clear, make_verifiers
from routine_load.server.mysql.throttle import Throttle
from routine_load.server.ports import Users, Verifiers

_SLOW_CHECKS: Final = 2
_PROVED_MAX: Final = 1024
_SHOWN_NAME_MAX: Final = 80
_NAME_MAX: Final = 1024


class NoCredentials(AccessDenied):
    """no valid Basic authorization."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request's ``Authorization`` says."""

    user: str
    password: str = field(repr=False)

    @classmethod
    def of(cls, header: str) -> Credentials:
        """Raises NoCredentials for anything but well-formed Basic credentials."""
        scheme, _, rest = header.partition(" ")
        if scheme.lower() != "basic":
            raise NoCredentials
        try:
            clear = base64.b64decode(rest.strip(), validate=True)
        except (binascii.Error, ValueError) as error:
            raise NoCredentials from error
        try:
            text = clear.decode()
        except UnicodeDecodeError:
            text = clear.decode("latin-1")
        user, colon, password = text.partition(":")
        if not colon or not user or len(user) > _NAME_MAX:
            raise NoCredentials
        return cls(user, password)

    @property
    def shown(self) -> str:
        """The name, fit for a message."""
        return "".join(letter if letter.isprintable() else "?" for letter in self.user[:_SHOWN_NAME_MAX])


class Authenticator:
    """One for all HTTP doors; used on the loop only."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._throttle = Throttle()
        self._slow = ThreadPoolExecutor(_SLOW_CHECKS, thread_name_prefix="http-login")
        self._decoy = make_verifiers(secrets.token_urlsafe())
        self._key = secrets.token_bytes(32)
        self._proved: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    async def check(self, credentials: Credentials, client: str) -> None:
        """Raises AccessDenied, slowly for a ``client`` (host:port) that guesses."""
        if wait_s := self._throttle.wait_s(credentials.user, client):
            await asyncio.sleep(wait_s)
        verifiers = await anyio.to_thread.run_sync(self._users.verifiers, credentials.user)
        if not await self._proves(credentials, verifiers):
            self._throttle.failed(credentials.user, client)
            raise AccessDenied(f"Access denied for {credentials.shown}@{client.rpartition(':')[0]}")
        self._throttle.passed(credentials.user, client)

    def close(self) -> None:
        self._slow.shutdown(wait=False, cancel_futures=True)

    async def _proves(self, credentials: Credentials, verifiers: Verifiers | None) -> bool:
        expected = self._decoy if verifiers is None else verifiers
        digest = hmac.digest(self._key, credentials.password.encode(errors="surrogateescape"), "sha256")
        stored, proved = self._proved.get(credentials.user, ("", b""))
        if proved and stored == expected.sha2 and hmac.compare_digest(proved, digest):
            return True
        if expected.empty:
            return not credentials.password
        loop = asyncio.get_running_loop()
        passed = await loop.run_in_executor(self._slow, check_clear, credentials.password, expected)
        if not passed or verifiers is None:
            return False
        self._proved[credentials.user] = (expected.sha2, digest)
        self._proved.move_to_end(credentials.user)
        while len(self._proved) > _PROVED_MAX:
            self._proved.popitem(last=False)
        return True
