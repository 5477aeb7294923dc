"""The secret that a coordinator and its backends share: it signs every message and seals what holds other secrets.

Threat model. Whoever can reach a port may send, read and repeat messages, and does not have the secret. What was not
signed with it is refused before its meaning is looked at, and the comparison takes as long whatever differs. The secret
itself never travels. A message that is repeated says the same thing about the same session, task and turn, which is
over by then; that is checked by those who take messages (``conversation``, ``agent.orders``). Rows and offsets are
readable on the way; what a task may sign in to Kafka or to a cluster with is sealed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from routine_load.backends.codec import MessageError
from routine_load.errors import PropertyError
from routine_load.observe import events
from routine_load.observe.logs import logger

log = logger("backends")

HEADER: Final = "authorization"
_SCHEME: Final = "RL-HMAC-SHA256 "
_DIGEST_CHARS: Final = 64
_LEAST_BYTES: Final = 16
_MOST_BYTES: Final = 4096


class SharedSecret:
    """Signs and seals. Its repr shows nothing."""

    __slots__ = ("_cipher", "_signing")

    def __init__(self, secret: bytes) -> None:
        self._signing = hmac.digest(secret, b"routine load: sign", "sha256")
        self._cipher = Fernet(base64.urlsafe_b64encode(hmac.digest(secret, b"routine load: seal", "sha256")))

    @classmethod
    def at(cls, path: Path) -> SharedSecret:
        """The secret in a file. Raises PropertyError, which names the file and what is allowed."""
        try:
            with path.open("rb") as file:
                text = file.read(_MOST_BYTES + 1).strip()
                mode = os.fstat(file.fileno()).st_mode
        except OSError as error:
            raise PropertyError(f"secret file {path} cannot be read: {error.strerror}") from error
        if not _LEAST_BYTES <= len(text) <= _MOST_BYTES:
            raise PropertyError(
                f"secret file {path} has {len(text)} bytes, allowed: {_LEAST_BYTES} to {_MOST_BYTES}; "
                "openssl rand -hex 32 makes one"
            )
        if mode & stat.S_IRWXO:  # not refused: where secrets are mounted, their modes are not always one's own choice
            log.warning(events.READABLE_BY_ALL, path=str(path), mode=f"{stat.S_IMODE(mode):04o}", allowed="0600")
        return cls(text)

    def signature(self, path: str, body: bytes) -> str:
        """Of one message, for its header; the path has session, task and turn in it where the body has not."""
        return self._of(path, hashlib.sha256(body).hexdigest())

    def head_signed(self, path: str, signature: str) -> bool:
        """Whether it is worth while to read the body: somebody who has the secret has signed what it should be."""
        return hmac.compare_digest(
            self._of(path, signature[-_DIGEST_CHARS:]).encode("utf-8", "replace"), signature.encode("utf-8", "replace")
        )

    def signed(self, path: str, body: bytes, signature: str) -> bool:
        """Whether a message comes from somebody who has the secret."""
        return hmac.compare_digest(self.signature(path, body).encode(), signature.encode("utf-8", "replace"))

    def _of(self, path: str, digest: str) -> str:
        text = f"{path}\n{digest}".encode("utf-8", "replace")
        return f"{_SCHEME}{hmac.digest(self._signing, text, 'sha256').hex()}:{digest}"

    def sealed(self, document: bytes) -> bytes:
        """To be read by who has the secret."""
        return self._cipher.encrypt(document)

    def opened(self, sealed: bytes) -> bytes:
        """Raises MessageError."""
        try:
            return self._cipher.decrypt(sealed)
        except InvalidToken as error:
            raise MessageError("a message was sealed with another secret") from error
