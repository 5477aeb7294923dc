"""Where the content of CREATE FILE may come from: the statement itself, or places that the operator has named.

A ``data:`` URL carries the content and asks nobody. ``http:``, ``https:`` and ``file:`` would let whoever may create
files read the server's own files and its neighbours' pages, so they are refused unless the URL begins with one of
``file_url_prefixes``. No redirect is followed, no proxy is asked, size and time are bounded.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, unquote_to_bytes, urlsplit

from routine_load.clock import Clock, Deadline, SystemClock
from routine_load.errors import ExecutionError
from routine_load.sources.policy import Resolve, is_forbidden, resolve

SETTING: Final = "file_url_prefixes"
_TIMEOUT_S: Final = 10.0
_PIECE: Final = 64 * 1024
_URL_MAX: Final = 4096
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class _Place:
    """A URL taken apart: two that mean the same are equal."""

    scheme: str
    host: str
    port: int
    path: str

    def holds(self, other: _Place) -> bool:
        """Whether the other place is this one or lies below it."""
        if (self.scheme, self.host, self.port) != (other.scheme, other.host, other.port):
            return False
        return other.path == self.path or other.path.startswith(self.path.rstrip("/") + "/")


class Downloads:
    """Fetches contents. Blocking; called from a worker thread."""

    def __init__(
        self,
        prefixes: Sequence[str] = (),
        *,
        resolve: Resolve = resolve,
        clock: Clock | None = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        """Raises ExecutionError for a prefix that is no URL."""
        self._prefixes = tuple(_place(prefix, f"the setting {SETTING}") for prefix in prefixes)
        self._resolve = resolve
        self._clock = clock or SystemClock()
        self._timeout_s = timeout_s

    def fetch(self, url: str, bytes_max: int) -> bytes:
        """The content, at most ``bytes_max`` long. Raises ExecutionError, which never repeats a content."""
        if url[:5].lower() == "data:":
            return _carried(url, bytes_max)
        place = _place(url, "the url")
        if not any(prefix.holds(place) for prefix in self._prefixes):
            allowed = ", ".join(f"{p.scheme}://{p.host}{p.path}" for p in self._prefixes) or "none"
            raise ExecutionError(
                f"Failed to get file from url: {url}. Error: the server may not open it. A data: URL "
                f"(data:;base64,…) is always allowed; other places are those that begin with a prefix of the setting "
                f"{SETTING} ({allowed})"
            )
        content = self._file(url, place, bytes_max) if place.scheme == "file" else self._page(url, place, bytes_max)
        if not content:
            raise ExecutionError(f"Failed to download file from url: {url}, invalid content length: 0")
        return content

    def _file(self, url: str, place: _Place, bytes_max: int) -> bytes:
        path = Path(place.path)
        try:
            # A link may lead out of the place that was allowed.
            if not any(Path(p.path).resolve() in (path.resolve(), *path.resolve().parents) for p in self._files):
                raise ExecutionError(f"Failed to get file from url: {url}. Error: it leads out of {SETTING}")
            descriptor = os.open(path.resolve(), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise ExecutionError(f"Failed to get file from url: {url}. Error: it is no regular file")
                content = file.read(bytes_max + 1)
        except FileNotFoundError as cause:
            raise ExecutionError(f"Failed to get file from url: {url}. Error: File not found") from cause
        except OSError as cause:
            raise ExecutionError(f"Failed to get file from url: {url}. Error: {cause.strerror}") from cause
        _check_size(url, content, bytes_max)
        return content

    @property
    def _files(self) -> list[_Place]:
        return [prefix for prefix in self._prefixes if prefix.scheme == "file"]

    def _page(self, url: str, place: _Place, bytes_max: int) -> bytes:
        for address in {place.host, *self._resolve(place.host)}:
            if is_forbidden(address):
                raise ExecutionError(f"Failed to get file from url: {url}. Error: it leads to {address}")
        kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        connection = kind(place.host, place.port, timeout=self._timeout_s)
        deadline = Deadline.after(self._timeout_s, self._clock)
        try:
            parts = urlsplit(url)
            connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
            answer = connection.getresponse()
            if answer.status != http.HTTPStatus.OK:
                more = ", redirects are not followed" if 300 <= answer.status < 400 else ""
                raise ExecutionError(f"Failed to get file from url: {url}. Error: HTTP status {answer.status}{more}")
            return self._body(url, answer, bytes_max, deadline)
        except (OSError, http.client.HTTPException, ValueError) as cause:
            raise ExecutionError(
                f"Failed to get file from url: {url}. Error: {type(cause).__name__} {cause}"
            ) from cause
        finally:
            connection.close()

    def _body(self, url: str, answer: http.client.HTTPResponse, bytes_max: int, deadline: Deadline) -> bytes:
        content = bytearray()
        while piece := answer.read1(_PIECE):
            content += piece
            _check_size(url, content, bytes_max)
            if deadline.expired:
                raise ExecutionError(f"Failed to get file from url: {url}. Error: no end after {self._timeout_s:.0f} s")
        return bytes(content)


def _check_size(url: str, content: bytes | bytearray, bytes_max: int) -> None:
    if len(content) > bytes_max:
        shown = "data:…" if url[:5].lower() == "data:" else url
        raise ExecutionError(
            f"Failed to download file from url: {shown}, invalid content length: max_small_file_size_bytes allows "
            f"{bytes_max} bytes"
        )


def _carried(url: str, bytes_max: int) -> bytes:
    head, comma, text = url.partition(",")
    if not comma:
        raise ExecutionError("Failed to get file from url: data:…. Error: no comma; expected data:;base64,<content>")
    try:
        if head.lower().endswith(";base64"):
            content = base64.b64decode("".join(unquote(text).split()), validate=True)
        else:
            content = unquote_to_bytes(text)
    except (binascii.Error, ValueError) as cause:
        raise ExecutionError("Failed to get file from url: data:…. Error: its content is not base64") from cause
    if not content:
        raise ExecutionError("Failed to download file from url: data:…, invalid content length: 0")
    _check_size(url, content, bytes_max)
    return content


def _place(url: str, what: str) -> _Place:
    """Raises ExecutionError for what is no URL, and for what two readers could read in two ways."""
    wrong = ExecutionError(
        f"{what} is not a data:, http:, https: or file: URL: {url[:200]!r}"
        if len(url) <= _URL_MAX
        else f"{what} has {len(url)} characters, at most {_URL_MAX} are allowed"
    )
    if len(url) > _URL_MAX or not url.isascii() or not url.isprintable() or "\\" in url or " " in url:
        raise wrong
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as cause:
        raise wrong from cause
    return _checked(parts, port, wrong)


def _checked(parts: SplitResult, port: int | None, wrong: ExecutionError) -> _Place:
    scheme, path = parts.scheme.lower(), unquote(parts.path)
    if "@" in parts.netloc or parts.fragment or ".." in path.split("/") or "\0" in path:
        raise wrong
    if scheme == "file":
        if parts.netloc not in {"", "localhost"} or not path.startswith("/") or parts.query:
            raise wrong
        return _Place(scheme, "", 0, path)
    if scheme not in _PORTS or not parts.hostname:
        raise wrong
    return _Place(scheme, parts.hostname.lower().rstrip("."), port or _PORTS[scheme], path or "/")
