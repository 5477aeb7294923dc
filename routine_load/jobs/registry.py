"""``confluent.schema.registry.*`` of a data source: where schemas of Avro messages are (StarRocks: schema registry).

The address is StarRocks'; the options beside it are ours, in the names that Confluent's clients have for them. Owns
their shapes. Refuses to know HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from routine_load.errors import PropertyError
from routine_load.jobs.source import MASK, KafkaSource, is_secret

REGISTRY_PREFIX = "confluent.schema.registry."
REGISTRY = f"{REGISTRY_PREFIX}url"
URLS_MAX = 10
_URL_CHARS_MAX = 4_096
_TEXT_MAX = 1_024
_PEM_MAX = 64 * 1024
_MS_MAX = 60_000
_FILE = re.compile(r"FILE:[^\x00/]{1,255}")


def _is_text(value: str) -> bool:
    return 0 < len(value) <= _TEXT_MAX and value.isprintable()


def _is_file(value: str) -> bool:
    return _FILE.fullmatch(value) is not None


def _is_time(value: str) -> bool:
    return re.fullmatch(r"\d{1,5}", value) is not None and 1 <= int(value) <= _MS_MAX


_FILES = ("FILE:<name> of a file made by CREATE FILE", _is_file)
_TIME = (f"milliseconds from 1 to {_MS_MAX}", _is_time)
OPTIONS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "basic.auth.user.info": ("key:secret", lambda value: _is_text(value) and ":" in value),
    "bearer.auth.token": (f"1 to {_TEXT_MAX} printable characters", _is_text),
    "ssl.ca.location": _FILES,
    "ssl.ca.pem": ("PEM text", lambda value: len(value) <= _PEM_MAX and "-----BEGIN " in value),
    "ssl.certificate.location": _FILES,
    "ssl.key.location": _FILES,
    "ssl.key.password": (f"1 to {_TEXT_MAX} printable characters", _is_text),
    "ssl.endpoint.identification.algorithm": ("https or none", lambda value: value.lower() in {"https", "none", ""}),
    "http.connect.timeout.ms": _TIME,
    "http.read.timeout.ms": _TIME,
}
"""Keys behind the prefix: which values are allowed, in words and as a check."""


def registry_options(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The options among a data source's properties, without prefix. Raises PropertyError; no value is repeated."""
    found = []
    for key, value in given.items():
        if not key.startswith(REGISTRY_PREFIX) or key == REGISTRY:
            continue
        option = key.removeprefix(REGISTRY_PREFIX)
        if option not in OPTIONS:
            raise PropertyError(f"{key} is invalid kafka custom property")
        if value == MASK and is_secret(option):
            raise PropertyError(f"{key} holds {MASK}, which stands for a secret: write the secret itself")
        words, allows = OPTIONS[option]
        if not allows(value):
            raise PropertyError(f"The value of {key} is not allowed; allowed is {words}")
        found.append((option, value))
    return tuple(found)


def check_registry(source: KafkaSource) -> None:
    """An Avro job needs one. Raises PropertyError, without the secret of an address."""
    urls = registry_urls(source.registry_url)
    if not urls:
        raise PropertyError(f"{REGISTRY} is a required property")
    for url in urls:
        if not is_registry_url(url):
            raise PropertyError(
                f"{REGISTRY}: {source.masked_registry_url} is not http[s]://[key:secret@]host[:port], or several with "
                f"commas between them, at most {URLS_MAX}"
            )
    given = dict(source.registry_options)
    if ("ssl.certificate.location" in given) != ("ssl.key.location" in given):
        raise PropertyError(f"{REGISTRY_PREFIX}ssl.certificate.location and ssl.key.location go together")


def registry_urls(text: str) -> list[str]:
    """The addresses of a list, in the order in which they are asked."""
    return [url.strip() for url in text.split(",") if url.strip()]


def is_registry_url(url: str) -> bool:
    """Whether it is an address of a registry, which has no query."""
    if len(url) > _URL_CHARS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        return False
    scheme, separator, rest = url.partition("://")
    bare = f"{scheme}{separator}{rest.rpartition('@')[2]}"
    try:
        parts = urlsplit(bare)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme.lower() in {"http", "https"}
        and bool(parts.hostname)
        and (port is None or port > 0)
        and not parts.query
        and not parts.fragment
        and "\\" not in bare
    )
