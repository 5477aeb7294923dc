"""The address of a running service: ``mysql://[user[:password]@]host[:port][/database][?option=value&…]``.

Owns the options that a URL may carry and the TLS that they ask for. Errors name the part, never the URL: it may hold a
password.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from routine_load.errors import PropertyError

DEFAULT_PORT: Final = 9030
_FORM: Final = "allowed: mysql://[user[:password]@]host[:port][/database][?option=value]"
_SECONDS_MAX: Final = 86_400.0


class Tls(StrEnum):
    """How the connection is protected; the words are those of MySQL's ``--ssl-mode``."""

    DISABLED = "disabled"
    PREFERRED = "preferred"
    """Encrypted where the server can, otherwise not; the certificate is not checked."""
    REQUIRED = "required"
    """Encrypted, or an error; the certificate is not checked, as with a self-signed one."""
    VERIFY_CA = "verify_ca"
    """Encrypted, and the certificate is signed by an authority that is known (``ssl_ca``)."""
    VERIFY_IDENTITY = "verify_identity"
    """Likewise, and it is the host's."""


_SPELLINGS: Final[Mapping[str, Tls]] = {
    **{tls.value: tls for tls in Tls},
    "true": Tls.REQUIRED,
    "1": Tls.REQUIRED,
    "false": Tls.DISABLED,
    "0": Tls.DISABLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a service is, and as whom to speak to it."""

    host: str
    port: int = DEFAULT_PORT
    user: str = "root"
    password: str = field(default="", repr=False)
    database: str | None = None
    tls: Tls = Tls.PREFERRED
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    connect_timeout_s: float = 10.0
    read_timeout_s: float | None = None

    @classmethod
    def of(cls, url: str) -> Address:
        """Raises PropertyError naming what is wrong. Percent signs in user and password are decoded."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise PropertyError(f"url is not allowed; {_FORM}") from error
        if parts.scheme != "mysql" or not parts.hostname or parts.fragment:
            raise PropertyError(f"url is not allowed; {_FORM}; characters such as / # ? @ in it as %2F %23 %3F %40")
        given: dict[str, Any] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            if name not in _OPTIONS:
                raise PropertyError(f"url has the option {name[:64]!r}; allowed: {', '.join(_OPTIONS)}")
            field_name, rule, allowed = _OPTIONS[name]
            try:
                given[field_name] = rule(value)
            except ValueError as error:
                raise PropertyError(f"url: {name} is {value[:64]!r}; allowed: {allowed}") from error
        address = cls(
            host=parts.hostname,
            port=DEFAULT_PORT if port is None else port,
            user=unquote(parts.username or "root"),
            password=unquote(parts.password or ""),
            database=unquote(parts.path.lstrip("/")) or None,
            **given,
        )
        return address._checked()

    def _checked(self) -> Address:
        if (self.certificate is None) != (self.key is None):
            raise PropertyError("url: ssl_cert and ssl_key are given together or not at all")
        if self.certificate is not None and self.tls in {Tls.DISABLED, Tls.PREFERRED}:
            raise PropertyError(f"url: ssl_cert needs ssl=required or stronger, not ssl={self.tls}")
        if self.ca is not None and self.tls not in {Tls.VERIFY_CA, Tls.VERIFY_IDENTITY}:
            raise PropertyError(f"url: ssl_ca needs ssl=verify_ca or ssl=verify_identity, not ssl={self.tls}")
        return self

    def context(self) -> ssl.SSLContext | None:
        """The TLS that is insisted on; None where it is not. Raises PropertyError for a file that cannot be read."""
        if self.tls in {Tls.DISABLED, Tls.PREFERRED}:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise PropertyError(f"url: a file of ssl_ca, ssl_cert or ssl_key cannot be read: {error}") from error
        context.check_hostname = self.tls is Tls.VERIFY_IDENTITY
        if self.tls not in {Tls.VERIFY_CA, Tls.VERIFY_IDENTITY}:
            context.verify_mode = ssl.CERT_NONE
        return context


def _tls(text: str) -> Tls:
    if text.lower() not in _SPELLINGS:
        raise ValueError
    return _SPELLINGS[text.lower()]


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _SECONDS_MAX:
        raise ValueError
    return seconds


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError
    return Path(text).expanduser()


_TIMES: Final = f"seconds above 0, at most {_SECONDS_MAX:.0f}"
_OPTIONS: Final[dict[str, tuple[str, Callable[[str], Any], str]]] = {
    "ssl": ("tls", _tls, ", ".join(Tls)),
    "ssl_ca": ("ca", _path, "the path of a PEM file"),
    "ssl_cert": ("certificate", _path, "the path of a PEM file"),
    "ssl_key": ("key", _path, "the path of a PEM file"),
    "connect_timeout": ("connect_timeout_s", _seconds, _TIMES),
    "read_timeout": ("read_timeout_s", _seconds, _TIMES),
}
