"""Secrets at rest: sealed with a key that is not in the database.

Owns the key file and the cipher. Refuses to know what is secret.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from routine_load.errors import MetadataError

KEY_FILE = "secret.key"


class SecretBox:
    """Seals and opens texts with one key. Its repr does not show the key."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        try:
            self._cipher = Fernet(key)
        except ValueError as cause:
            raise MetadataError("the key for secrets is not a key: 32 bytes, URL-safe base64") from cause

    @classmethod
    def at(cls, path: Path) -> SecretBox:
        """The box of a key file; the file is made, readable by its owner alone, where there is none."""
        try:
            if not path.exists():
                cls._make(path)
            return cls(path.read_bytes().strip())
        except OSError as cause:
            raise MetadataError(f"the key file {path} cannot be used: {cause.strerror}") from cause

    @staticmethod
    def _make(path: Path) -> None:
        draft = path.with_name(f"{path.name}.{os.getpid()}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        try:
            # a link is made at once and never over another process' key
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()

    @staticmethod
    def new_key() -> str:
        """A key that nobody has."""
        return Fernet.generate_key().decode()

    @classmethod
    def ephemeral(cls) -> SecretBox:
        """A box whose key lives no longer than the process, for databases that do not either."""
        return cls(Fernet.generate_key())

    def seal(self, text: str) -> str:
        return self._cipher.encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """Raises MetadataError where the key is another one."""
        try:
            return self._cipher.decrypt(sealed.encode()).decode()
        except InvalidToken as cause:
            raise MetadataError(
                f"a stored secret cannot be opened: {KEY_FILE} is not the key it was sealed with"
            ) from cause
