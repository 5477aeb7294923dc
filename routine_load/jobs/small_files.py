"""Small files, as CREATE FILE makes them and ``FILE:`` values name them (StarRocks, Doris: certificates and keys).

Owns names, the properties of the statements and the vendors' words. Refuses to know where contents come from and where
they are kept. A name is a key of a table, never a part of a path.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from routine_load.errors import AnalysisError, ExecutionError
from routine_load.sql.statements import Property

KAFKA: Final = "kafka"
"""The catalog in which a job's ``FILE:`` values are looked up."""

PREFIX: Final = "FILE:"
NAME: Final = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}"
_DEFAULT_CATALOG: Final = "DEFAULT"
_CATALOG_MAX: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallFile:
    """What is known of a file. ``content_id`` names its content, and is never used again for another."""

    id: int
    database: str
    catalog: str
    name: str
    size: int
    md5: str
    content_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file to be made."""

    database: str
    catalog: str
    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProperties:
    """PROPERTIES of CREATE FILE. ``url`` may hold the content, which may be a key."""

    url: str = field(repr=False)
    catalog: str
    md5: str


def create_properties(name: str, properties: Sequence[Property]) -> FileProperties:
    """Raises AnalysisError in the vendors' words, which are the same."""
    _check_name(name)
    given = _known(properties, ("url", "catalog", "md5"))
    if not given.get("url"):
        raise AnalysisError("download url is missing")
    catalog = given.get("catalog") or _DEFAULT_CATALOG
    if len(catalog) > _CATALOG_MAX:
        raise AnalysisError(f"the catalog has {len(catalog)} characters, at most {_CATALOG_MAX} are allowed")
    return FileProperties(url=given["url"], catalog=catalog, md5=given.get("md5", "").lower())


def drop_properties(name: str, properties: Sequence[Property]) -> str:
    """The catalog of DROP FILE. Raises AnalysisError."""
    if not name:
        raise AnalysisError("File name is not specified")
    catalog = _known(properties, ("catalog",)).get("catalog")
    if not catalog:
        raise AnalysisError("catalog name is missing")
    return catalog


def file_names(properties: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The files that a job's properties name."""
    return tuple(value.removeprefix(PREFIX) for _, value in properties if value.startswith(PREFIX))


def fingerprint(content: bytes) -> str:
    """The vendors' fingerprint, for telling copies apart; no signature."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def check_fingerprint(content: bytes, properties: FileProperties) -> None:
    """Raises ExecutionError where ``md5`` was given and is another one (StarRocks, Doris: the words)."""
    found = fingerprint(content)
    if properties.md5 and properties.md5 != found:
        shown = "data:…" if properties.url[:5].lower() == "data:" else properties.url
        raise ExecutionError(f"Invalid md5sum of file in url: {shown}, read: {found}, expected: {properties.md5}")


def missing_file(name: str, database: str) -> str:
    """StarRocks, Doris: a ``FILE:`` value without its file. We name the database, for want of ids."""
    return f"File {name} does not exist in db {database} with catalog: {KAFKA}"


def _check_name(name: str) -> None:
    if not name:
        raise AnalysisError("File name is not specified")
    if not re.fullmatch(NAME, name):
        raise AnalysisError(
            f"a file cannot be called {name[:80]!r}: 1 to 255 letters, digits, '.', '_' and '-' are allowed, "
            "and no '.' in front"
        )


def _known(properties: Sequence[Property], allowed: tuple[str, ...]) -> dict[str, str]:
    given = {each.key.strip(): each.value for each in properties}
    for key in given:
        if key not in allowed:
            raise AnalysisError(f"{key} is invalid property")
    return given
