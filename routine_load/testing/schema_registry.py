"""A schema registry inside this process, for tests of Avro jobs: what a consumer asks of Confluent's, over HTTP.

It keeps schemas in memory, by number and by subject and version. It does not check that they are Avro, nor that the
versions of a subject are compatible.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class _Registered:
    number: int
    subject: str
    version: int
    schema: str
    kind: str
    references: tuple[tuple[str, str, int], ...]

    @property
    def answer(self) -> dict[str, Any]:
        found: dict[str, Any] = {"schema": self.schema}
        if self.kind != "AVRO":
            found["schemaType"] = self.kind
        if self.references:
            found["references"] = [
                {"name": name, "subject": subject, "version": version} for name, subject, version in self.references
            ]
        return found


class EmbeddedRegistry:
    """Use as a context manager. ``user_info``: ``key:secret`` that it asks for; ``tls``: it speaks HTTPS.

    ``status``: what it answers to everything instead, while that is not 0. ``asked``: the paths it was asked for.
    """

    def __init__(self, *, user_info: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.status = 0
        self.asked: list[str] = []
        self._user_info = user_info
        self._schemas: list[_Registered] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        """``127.0.0.1:<port>``."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """For ``confluent.schema.registry.url``, with the secret it asks for."""
        secret = f"{self._user_info}@" if self._user_info else ""
        return f"{self._scheme}://{secret}{self.address}"

    def register(
        self,
        subject: str,
        schema: object,
        *,
        kind: str = "AVRO",
        references: Sequence[tuple[str, str, int]] = (),
    ) -> int:
        """A new version of a subject; returns the schema's number. ``references``: name, subject and version."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        with self._lock:
            number = len(self._schemas) + 1
            version = 1 + sum(each.subject == subject for each in self._schemas)
            self._schemas.append(_Registered(number, subject, version, text, kind, tuple(references)))
            return number

    @staticmethod
    def framed(number: int, body: bytes) -> bytes:
        """A message as Confluent's serializers write it: a zero, the schema's number, the encoded value."""
        return b"\0" + number.to_bytes(4, "big") + body

    def answer(self, path: str, authorization: str) -> tuple[int, dict[str, Any]]:
        """Status and body for one request."""
        with self._lock:
            self.asked.append(path)
            if self.status:
                return self.status, {"error_code": self.status, "message": "out of order"}
            wanted = "Basic " + base64.b64encode(self._user_info.encode()).decode()
            if self._user_info and authorization != wanted:
                return 401, {"error_code": 401, "message": "Unauthorized"}
            return self._found(urlsplit(path).path.strip("/").split("/"))

    def _found(self, steps: list[str]) -> tuple[int, dict[str, Any]]:
        if steps[:2] == ["schemas", "ids"] and len(steps) == 3:
            for each in self._schemas:
                if str(each.number) == steps[2]:
                    return 200, each.answer
            return 404, {"error_code": 40403, "message": f"Schema {steps[2]} not found"}
        if steps[0] == "subjects" and len(steps) == 4:
            subject = unquote(steps[1])
            for each in self._schemas:
                if each.subject == subject and str(each.version) == steps[3]:
                    return 200, each.answer | {"subject": subject, "version": each.version, "id": each.number}
            return 404, {"error_code": 40402, "message": "Version not found"}
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}


def _handler(registry: EmbeddedRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, answer = registry.answer(self.path, self.headers.get("Authorization", ""))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
