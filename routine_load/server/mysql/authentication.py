"""Who is there: owns the server's side of caching_sha2_password and mysql_native_password.

caching_sha2_password: an empty password needs no exchange; a client whose user logged in before proves SHA256 of its
password against the cache (fast path); every other sends the clear password, inside TLS or encrypted with our RSA key
(full authentication). A client that asked for another plug-in is switched. An unknown user walks the same way against
a decoy, so that neither the packets nor the time tell. Refuses to know where users are kept.
"""

from __future__ import annotations

import asyncio
import secrets
import string
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from routine_load.errors import AccessDenied
from routine_load.server.mysql import outbound
from routine_load.server.mysql.inbound import Login
from routine_load.server.mysql.passwords import (
    check_clear,
    check_native,
    check_sha2_scramble,
    make_verifiers,
    sha2_cache_entry,
    xor,
)
from routine_load.server.mysql.stream import BoundedStream
from routine_load.server.mysql.throttle import Throttle
from routine_load.server.ports import Users, Verifiers

NONCE_BYTES = 20
_NONCE_LETTERS = string.ascii_letters + string.digits
_SHA2_SCRAMBLE_BYTES = 32
_NATIVE_SCRAMBLE_BYTES = 20
_CACHE_ENTRIES_MAX = 1024
_SHOWN_NAME_MAX = 80
_REQUEST_PUBLIC_KEY = b"\x02"
_FAST_OK = b"\x03"
_FULL_PLEASE = b"\x04"

Blocking = Callable[..., Awaitable[Any]]
"""Runs a blocking call on a worker thread."""


class Plugin(StrEnum):
    """The plug-ins that a client may use."""

    SHA2 = "caching_sha2_password"
    NATIVE = "mysql_native_password"


def fresh_nonce() -> bytes:
    """20 random letters and digits: about 119 bits, and no byte that a client could take for an end."""
    return "".join(secrets.choice(_NONCE_LETTERS) for _ in range(NONCE_BYTES)).encode()


class RsaKey:
    """The key that passwords are encrypted with outside TLS; made when first needed, kept in memory only."""

    def __init__(self, *, old_padding: bool = False) -> None:
        self._old_padding = old_padding
        self._lock = threading.Lock()
        self._key: rsa.RSAPrivateKey | None = None

    def public_pem(self) -> bytes:
        return (
            self._private()
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def decrypt(self, data: bytes) -> bytes | None:
        """The plain bytes, or None when they were not encrypted with our key.

        ``old_padding``: Connector/J pads by PKCS #1 v1.5 for a server that calls itself older than 8.0.5. A wrong
        padding then gives random bytes, thus a wrong password like any other: the answer tells nothing about it.
        """
        oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - the protocol fixes SHA-1
        try:
            return self._private().decrypt(data, oaep)
        except ValueError:
            if not self._old_padding:
                return None
        try:
            return self._private().decrypt(data, padding.PKCS1v15())
        except ValueError:
            return None

    def _private(self) -> rsa.RSAPrivateKey:
        with self._lock:
            if self._key is None:
                self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return self._key


class FastPath:
    """Remembers who proved a password, so that the next login needs no slow hash. Bounded; forgets on a change."""

    def __init__(self, entries_max: int = _CACHE_ENTRIES_MAX) -> None:
        self._entries: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._entries_max = entries_max

    def proves(self, user: str, verifiers: Verifiers, scramble: bytes, nonce: bytes) -> bool:
        stored, cached = self._entries.get(user, ("", b""))
        return bool(cached) and stored == verifiers.sha2 and check_sha2_scramble(scramble, nonce, cached)

    def remember(self, user: str, verifiers: Verifiers, password: str) -> None:
        self._entries[user] = (verifiers.sha2, sha2_cache_entry(password))
        self._entries.move_to_end(user)
        while len(self._entries) > self._entries_max:
            self._entries.popitem(last=False)


class Authenticator:
    """One for a door; shared by its connections, used on the loop only. ``old_padding``: see ``RsaKey.decrypt``."""

    def __init__(self, users: Users, blocking: Blocking, *, old_padding: bool) -> None:
        self._users = users
        self._blocking = blocking
        self._rsa = RsaKey(old_padding=old_padding)
        self._fast = FastPath()
        self._throttle = Throttle()
        self._decoy = make_verifiers(secrets.token_urlsafe())

    async def check(self, stream: BoundedStream, login: Login, nonce: bytes | None, client: str) -> None:
        """Raises AccessDenied, slowly for a ``client`` that guesses.

        ``nonce`` is the greeting's; None makes the client answer a fresh one.
        """
        await asyncio.sleep(self._throttle.wait_s(login.user, client))
        try:
            await self._check(stream, login, nonce)
        except AccessDenied:
            self._throttle.failed(login.user, client)
            raise
        self._throttle.passed(login.user, client)

    async def _check(self, stream: BoundedStream, login: Login, nonce: bytes | None) -> None:
        verifiers: Verifiers | None = await self._blocking(self._users.verifiers, login.user)
        plugin = _plugin_for(login)
        response = login.response
        if nonce is None or not _answers_greeting(login, plugin):
            nonce = fresh_nonce()
            await stream.write(outbound.auth_switch(plugin, nonce))
            response = await stream.read()
        expected = self._decoy if verifiers is None else verifiers
        if plugin is Plugin.NATIVE:
            passed = check_native(response, nonce, expected)
        else:
            passed = await self._check_sha2(stream, login.user, expected, (response, nonce))
        if not passed or verifiers is None:
            raise denied(login.user, with_password=response not in (b"", b"\0"))

    async def _check_sha2(
        self, stream: BoundedStream, user: str, verifiers: Verifiers, answer: tuple[bytes, bytes]
    ) -> bool:
        scramble, nonce = answer
        if scramble in (b"", b"\0"):
            return verifiers.empty
        if self._fast.proves(user, verifiers, scramble, nonce):
            stream.put(outbound.auth_more(_FAST_OK))
            return True
        await stream.write(outbound.auth_more(_FULL_PLEASE))
        password = await self._clear_password(stream, nonce)
        if password is None or not await self._blocking(check_clear, password, verifiers):
            return False
        if password:
            self._fast.remember(user, verifiers, password)
        return True

    async def _clear_password(self, stream: BoundedStream, nonce: bytes) -> str | None:
        data = await stream.read()
        if not stream.secure:
            if data == _REQUEST_PUBLIC_KEY:
                await stream.write(outbound.auth_more(await self._blocking(self._rsa.public_pem)))
                data = await stream.read()
            decrypted: bytes | None = await self._blocking(self._rsa.decrypt, data)
            if decrypted is None:
                return None
            data = xor(decrypted, nonce)
        try:
            return data.removesuffix(b"\0").decode()
        except UnicodeDecodeError:
            return None


def denied(user: str, *, with_password: bool) -> AccessDenied:
    shown = "".join(letter if letter.isprintable() else "?" for letter in user[:_SHOWN_NAME_MAX])
    return AccessDenied(f"Access denied for user '{shown}' (using password: {'YES' if with_password else 'NO'})")


def _plugin_for(login: Login) -> Plugin:
    """The plug-in to go on with: the client's own, else the one that its family of clients surely has."""
    if login.plugin in (Plugin.SHA2, Plugin.NATIVE):
        return Plugin(login.plugin)
    if login.plugin is None or login.attributes.get("_client_name") == "libmariadb":
        return Plugin.NATIVE
    return Plugin.SHA2


def _answers_greeting(login: Login, plugin: Plugin) -> bool:
    """Whether the first response already answers the greeting's nonce by ``plugin``.

    Clients send an empty response for "no password" by the announced plug-in, and for "ask me" by another one.
    """
    if login.plugin is None:
        return True
    if plugin is Plugin.SHA2:
        return login.plugin == Plugin.SHA2 and len(login.response) in (0, 1, _SHA2_SCRAMBLE_BYTES)
    return login.plugin == Plugin.NATIVE and len(login.response) == _NATIVE_SCRAMBLE_BYTES
