"""Passwords at rest: owns what is stored of a password and how a clear one is checked.

``native`` is what mysql_native_password fixes: SHA1(SHA1(password)). ``sha2`` is free to us, because a
caching_sha2_password server checks it only against a clear password; it is scrypt (N=2^14, r=8, p=1: about 30 ms and
16 MiB a check) from the standard library rather than MySQL's ``$A$005$`` sha256-crypt, which Python has no compiled
code for and which a graphics card guesses far faster. Refuses to know who users are and how packets look.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

from routine_load.errors import LimitExceeded
from routine_load.server.ports import Verifiers

_SCHEME = "scrypt"
_LOG2_N = 14
_R = 8
_P = 1
_SALT_BYTES = 16
_HASH_BYTES = 32
_LOG2_N_MAX = 17
_MEMORY_MAX = 256 * 1024 * 1024
PASSWORD_BYTES_MAX = 1024


def make_verifiers(password: str) -> Verifiers:
    """What to store of ``password``; the empty one gives empty verifiers. Raises LimitExceeded above 1,024 bytes."""
    if not password:
        return Verifiers()
    clear = password.encode()
    if len(clear) > PASSWORD_BYTES_MAX:
        raise LimitExceeded(f"a password has {len(clear)} bytes; at most {PASSWORD_BYTES_MAX} are allowed")
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = _scrypt(clear, salt, _LOG2_N, _R, _P)
    text = f"${_SCHEME}${_LOG2_N}${_R}${_P}${_encode(salt)}${_encode(digest)}"
    return Verifiers(native=native_verifier(password), sha2=text)


def native_verifier(password: str) -> bytes:
    """SHA1(SHA1(password)), which mysql_native_password stores."""
    once = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return hashlib.sha1(once, usedforsecurity=False).digest()


def check_clear(password: str, verifiers: Verifiers) -> bool:
    """Whether ``password`` is the one that ``verifiers`` were made of. Slow on purpose; a damaged text is a no."""
    if verifiers.empty:
        return not password
    try:
        clear = password.encode()
        _, scheme, log2_n, r, p, salt, digest = verifiers.sha2.split("$")
        if scheme != _SCHEME or int(log2_n) > _LOG2_N_MAX or len(clear) > PASSWORD_BYTES_MAX:
            return False
        found = _scrypt(clear, _decode(salt), int(log2_n), int(r), int(p))
        return hmac.compare_digest(found, _decode(digest))
    except (ValueError, binascii.Error):
        return False


def check_native(scramble: bytes, nonce: bytes, verifiers: Verifiers) -> bool:
    """Whether ``scramble`` is SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password)))."""
    if not scramble or not verifiers.native:
        return not scramble and verifiers.empty
    if len(scramble) != len(verifiers.native):
        return False
    mask = hashlib.sha1(nonce + verifiers.native, usedforsecurity=False).digest()
    once = xor(scramble, mask)
    return hmac.compare_digest(hashlib.sha1(once, usedforsecurity=False).digest(), verifiers.native)


def sha2_cache_entry(password: str) -> bytes:
    """SHA256(SHA256(password)): what the fast path of caching_sha2_password remembers, in memory only."""
    return hashlib.sha256(hashlib.sha256(password.encode()).digest()).digest()


def check_sha2_scramble(scramble: bytes, nonce: bytes, cached: bytes) -> bool:
    """Whether ``scramble`` is SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce)."""
    if len(scramble) != len(cached):
        return False
    once = xor(scramble, hashlib.sha256(cached + nonce).digest())
    return hmac.compare_digest(hashlib.sha256(once).digest(), cached)


def xor(data: bytes, mask: bytes) -> bytes:
    """``data`` with ``mask`` laid over it, repeated as often as needed."""
    return bytes(byte ^ mask[at % len(mask)] for at, byte in enumerate(data))


def _scrypt(clear: bytes, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(clear, salt=salt, n=2**log2_n, r=r, p=p, maxmem=_MEMORY_MAX, dklen=_HASH_BYTES)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
