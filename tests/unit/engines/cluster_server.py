"""A small HTTP server that does what a test tells it, the wrong things, too: it speaks bytes, not HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Received:
    """One request as it came: its line, its headers by lower-case name, its body."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    server: MisbehavingServer


Act = Callable[[Received], bytes | None]
"""Answers with the bytes to send; None: the connection is closed without a word."""


@dataclass
class MisbehavingServer:
    """Use as a context manager. ``act`` decides what is answered; ``seen`` has every request that was read."""

    act: Act
    seen: list[Received] = field(default_factory=list)

    def __enter__(self):
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._threads = []
        self._open = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for connection in self._open:
            connection.close()
        self._accepting.join()
        for thread in self._threads:
            thread.join()

    @property
    def endpoint(self):
        return "127.0.0.1", self.port

    def _accept(self):
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection):
        try:
            with connection, connection.makefile("rb") as stream:
                method, path, _ = stream.readline().decode().split(" ", 2)
                headers = {}
                while line := stream.readline().strip():
                    name, _, value = line.decode().partition(":")
                    headers[name.strip().lower()] = value.strip()
                body = stream.read(int(headers.get("content-length", 0)))
                received = Received(method, path, headers, body, self)
                self.seen.append(received)
                answer = self.act(received)
                if answer is not None:
                    connection.sendall(answer)
        except (OSError, ValueError):
            return


def page(fields, status="200 OK", more=""):
    """An HTTP answer with a JSON object."""
    text = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n{more}Connection: close\r\n\r\n".encode() + text


def redirect(location):
    return page(b"", "307 Temporary Redirect", f"Location: {location}\r\n")
