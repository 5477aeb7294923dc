"""The schema registry, asked over HTTP: a schema's number → its text and what it refers to (Confluent's API).

A number means one schema for ever, so that what was found is kept; that a number is unknown is believed for a minute.
Several callers that miss the same number ask once. No lock is held while asking. Nothing of an address but its host is
repeated in an error. Refuses to know Avro.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections import OrderedDict
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx

from routine_load.clock import Clock, Deadline, SystemClock
from routine_load.errors import RegistryUnavailable, SourceError, UnreadableSchema
from routine_load.formats.ports import RegisteredSchema
from routine_load.jobs.registry import is_registry_url, registry_urls
from routine_load.loads.values import RegistryAddress
from routine_load.sources.policy import NOT_ALLOWED, Resolve, is_forbidden, resolve

SCHEMAS_MAX = 1_000
REFERENCES_MAX = 100
ANSWER_BYTES_MAX = 4 * 1024 * 1024
_PATIENCE_S = 10.0
_UNKNOWN_S = 60.0
_RETRIES = 3
_WAIT_S = 0.1
_ACCEPT = "application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json; q=0.9, application/json; q=0.8"
_UNKNOWN_CODES = frozenset({40401, 40402, 40403})
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})

Key = tuple[RegistryAddress, int]


@dataclass(frozen=True, slots=True)
class _Unknown:
    """What the registry does not have, until when that is believed."""

    text: str
    until: float


class RegistryClient:
    """Implements ``formats.ports.SchemaRegistry``. Used by any number of threads."""

    def __init__(
        self, *, clock: Clock | None = None, resolve: Resolve = resolve, patience_s: float = _PATIENCE_S
    ) -> None:
        self._clock = clock or SystemClock()
        self._resolve = resolve
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._found: OrderedDict[Key, RegisteredSchema | _Unknown] = OrderedDict()
        self._asking: dict[Key, Future[RegisteredSchema]] = {}
        self._closed = threading.Event()

    def schema(self, address: RegistryAddress, number: int) -> RegisteredSchema:
        """Raises UnreadableSchema, RegistryUnavailable, SourceError."""
        key = (address, number)
        deadline = Deadline.after(self._patience_s, self._clock)
        with self._lock:
            known = self._known(key)
            asked = self._asking.get(key)
            if known is None and asked is None:
                self._asking[key] = mine = Future[RegisteredSchema]()
        if isinstance(known, _Unknown):
            raise UnreadableSchema(known.text)
        if known is not None:
            return known
        if asked is not None:
            return _awaited(asked, address, deadline)
        return self._asked(key, mine, deadline)

    def close(self) -> None:
        """Who waits to ask again gives up."""
        self._closed.set()

    def _known(self, key: Key) -> RegisteredSchema | _Unknown | None:
        found = self._found.get(key)
        if isinstance(found, _Unknown) and found.until <= self._clock.monotonic():
            del self._found[key]
            return None
        if found is not None:
            self._found.move_to_end(key)
        return found

    def _asked(self, key: Key, mine: Future[RegisteredSchema], deadline: Deadline) -> RegisteredSchema:
        try:
            found = self._fetched(key[0], key[1], deadline)
        except BaseException as error:
            unknown = isinstance(error, UnreadableSchema)
            kept = _Unknown(str(error), self._clock.monotonic() + _UNKNOWN_S) if unknown else None
            self._settle(key, kept)
            mine.set_exception(error)
            raise
        self._settle(key, found)
        mine.set_result(found)
        return found

    def _settle(self, key: Key, found: RegisteredSchema | _Unknown | None) -> None:
        with self._lock:
            del self._asking[key]
            if found is not None:
                self._found[key] = found
            while len(self._found) > SCHEMAS_MAX:
                self._found.popitem(last=False)

    def _fetched(self, address: RegistryAddress, number: int, deadline: Deadline) -> RegisteredSchema:
        """In turn from each address; from the first again after a while, until the deadline."""
        hosts = [_Host.of(url, self._resolve) for url in registry_urls(address.url)]
        if not hosts:
            raise SourceError("there is no schema registry to ask: confluent.schema.registry.url is empty")
        options = dict(address.options)
        context = _tls(options)
        silent: RegistryUnavailable | None = None
        for attempt in range(_RETRIES):
            for host in hosts:
                try:
                    with host.client(options, context, deadline) as client:
                        return _Session(client, host.shown, deadline).schema(number)
                except RegistryUnavailable as error:
                    silent = error
            wait = min(_WAIT_S * 4**attempt, deadline.remaining)
            if deadline.expired or self._closed.wait(wait):
                break
        assert silent is not None
        raise silent


def _awaited(asked: Future[RegisteredSchema], address: RegistryAddress, deadline: Deadline) -> RegisteredSchema:
    try:
        return asked.result(deadline.remaining)
    except (FutureTimeout, CancelledError) as cause:
        shown = ", ".join(_shown(url) for url in registry_urls(address.url))
        raise RegistryUnavailable(f"the schema registry at {shown} did not answer in time") from cause


def _shown(url: str) -> str:
    """Scheme, host and port of an address."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2].partition('/')[0]}"


@dataclass(frozen=True, slots=True)
class _Host:
    """One address taken apart."""

    base: str
    shown: str
    user: tuple[str, str] | None

    @classmethod
    def of(cls, url: str, resolve: Resolve) -> _Host:
        """Raises SourceError for an address that no registry has."""
        shown = _shown(url)
        if not is_registry_url(url):
            raise SourceError(f"confluent.schema.registry.url: {shown} is not http[s]://[key:secret@]host[:port]")
        scheme, _, rest = url.partition("://")
        secret, at, place = rest.rpartition("@")
        base = f"{scheme.lower()}://{place.rstrip('/')}"
        name = urlsplit(base).hostname or ""
        for each in {name, *resolve(name)}:
            if is_forbidden(each):
                raise SourceError(f"confluent.schema.registry.url: {shown} leads to {each}; {NOT_ALLOWED}")
        user, _, password = secret.partition(":")
        return cls(base, shown, (unquote(user), unquote(password)) if at else None)

    def client(self, options: dict[str, str], context: ssl.SSLContext, deadline: Deadline) -> httpx.Client:
        headers = {"Accept": _ACCEPT}
        if "bearer.auth.token" in options:
            headers["Authorization"] = f"Bearer {options['bearer.auth.token']}"
        info = options.get("basic.auth.user.info", "").partition(":")
        auth = self.user or ((info[0], info[2]) if info[0] else None)
        left = deadline.remaining or 0.001
        return httpx.Client(
            base_url=self.base,
            headers=headers,
            auth=auth,
            verify=context,
            trust_env=False,
            timeout=httpx.Timeout(
                min(left, int(options.get("http.read.timeout.ms", 10_000)) / 1000),
                connect=min(left, int(options.get("http.connect.timeout.ms", 5_000)) / 1000),
            ),
        )


def _tls(options: dict[str, str]) -> ssl.SSLContext:
    """Raises SourceError where a certificate or key cannot be read."""
    try:
        context = ssl.create_default_context(cafile=options.get("ssl.ca.location"), cadata=options.get("ssl.ca.pem"))
        if "ssl.certificate.location" in options:
            password = options.get("ssl.key.password", "")
            # Without a password, OpenSSL would ask for it at the terminal.
            context.load_cert_chain(options["ssl.certificate.location"], options["ssl.key.location"], lambda: password)
    except (OSError, ValueError) as cause:
        raise SourceError(
            f"the certificates of confluent.schema.registry.ssl.* cannot be read: {type(cause).__name__}"
        ) from cause
    context.check_hostname = options.get("ssl.endpoint.identification.algorithm", "https").lower() == "https"
    return context


@dataclass(frozen=True, slots=True)
class _Session:
    """One registry, asked for one schema."""

    client: httpx.Client
    shown: str
    deadline: Deadline

    def schema(self, number: int) -> RegisteredSchema:
        found = self._get(f"/schemas/ids/{number}", f"schema {number}")
        return RegisteredSchema(self._text(found), self._references(found))

    def _references(self, found: dict[str, Any]) -> tuple[str, ...]:
        """Depth first, each once: what a schema needs stands before it."""
        texts: list[str] = []
        seen: set[tuple[str, str]] = set()

        def visit(answer: dict[str, Any]) -> None:
            for each in answer.get("references") or []:
                subject, version = str(each.get("subject")), str(each.get("version"))
                if (subject, version) in seen:
                    continue
                seen.add((subject, version))
                if len(seen) > REFERENCES_MAX:
                    raise UnreadableSchema(f"it refers to more than {REFERENCES_MAX} schemas")
                path = f"/subjects/{quote(subject, safe='')}/versions/{quote(version, safe='')}?deleted=true"
                referred = self._get(path, f"version {version} of {subject[:80]}")
                visit(referred)
                texts.append(self._text(referred))

        visit(found)
        return tuple(texts)

    def _text(self, answer: dict[str, Any]) -> str:
        kind = answer.get("schemaType") or "AVRO"
        if kind != "AVRO":
            raise UnreadableSchema(f"it is {str(kind)[:40]}, not AVRO")
        if not isinstance(answer.get("schema"), str):
            raise SourceError(f"the schema registry at {self.shown} answers without a schema: is its address right?")
        return str(answer["schema"])

    def _get(self, path: str, what: str) -> dict[str, Any]:
        try:
            with self.client.stream("GET", path) as response:
                body = b""
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > ANSWER_BYTES_MAX:
                        raise UnreadableSchema(f"its text is longer than {ANSWER_BYTES_MAX} bytes")
                    if self.deadline.expired:
                        raise RegistryUnavailable(f"the schema registry at {self.shown} does not come to an end")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as cause:
            reason = str(cause) or type(cause).__name__
            raise RegistryUnavailable(f"the schema registry at {self.shown} does not answer: {reason}") from cause
        return self._answer(response.status_code, body, what)

    def _answer(self, status: int, body: bytes, what: str) -> dict[str, Any]:
        """Raises UnreadableSchema only where the registry itself says that it has no such schema."""
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if status == HTTPStatus.OK and isinstance(answer, dict):
            return answer
        code = answer.get("error_code") if isinstance(answer, dict) else None
        if code in _UNKNOWN_CODES:
            raise UnreadableSchema(f"the schema registry at {self.shown} does not know {what}")
        if status in _REFUSED:
            raise SourceError(f"the schema registry at {self.shown} refuses who asks it: HTTP status {status}")
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise RegistryUnavailable(f"the schema registry at {self.shown} cannot answer: HTTP status {status}")
        raise SourceError(
            f"the schema registry at {self.shown} answers HTTP status {status} to {what}: is its address right?"
        )
