"""``FILE:`` values become paths that librdkafka can open, once each time a job is planned.

Every content has a path of its own: where a file was replaced, the connection is another one, and none that holds the
old content is used again. Refuses to know how files are kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from routine_load.errors import MetadataError, SourceError
from routine_load.jobs.small_files import KAFKA, PREFIX, missing_file
from routine_load.sources.property_rules import ALLOWED

Properties = tuple[tuple[str, str], ...]


class Files(Protocol):
    """Where contents are kept."""

    def path(self, database: str, catalog: str, name: str) -> Path | None:
        """None for no such file. Raises MetadataError where its content is damaged."""
        ...


class FileValues:
    """Looks the files up in a job's database."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def resolved(self, database: str, properties: Properties) -> Properties:
        """The properties with paths in place of ``FILE:`` values. Raises SourceError for a file that is not there."""
        return tuple((key, self._located(database, key, value)) for key, value in properties)

    def _located(self, database: str, key: str, value: str) -> str:
        shape = ALLOWED.get(key)
        if shape is None or not shape.is_file or not value.startswith(PREFIX):
            return value
        name = value.removeprefix(PREFIX)
        try:
            path = self._files.path(database, KAFKA, name)
        except MetadataError as error:
            raise SourceError(error.message) from error
        if path is None:
            raise SourceError(missing_file(name, database))
        return str(path)
