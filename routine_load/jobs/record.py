"""A job as text: what the store keeps.

Owns the format and its version; secrets pass through a sealing function on the way out and its inverse on the way in.
Refuses to know keys and ciphers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from routine_load.errors import MetadataError
from routine_load.ids import JobId
from routine_load.jobs.codec import decode, decode_fields, encode
from routine_load.jobs.definition import JobDefinition
from routine_load.jobs.job import Job
from routine_load.jobs.source import is_secret
from routine_load.jobs.versions import JobVersion

FORMAT = 1
_SEALED = "sealed:"
Transform = Callable[[str], str]

_OUTSIDE = frozenset({"id", "definition", "version"})
"""Fields of a job that are not part of its record's text: columns of their own."""

_OUTSIDE_VERSION = frozenset({"number", "definition"})


def _same(text: str) -> str:
    return text


def definition_text(definition: JobDefinition, seal: Transform = _same) -> str:
    """JSON of a definition; secret values are sealed."""
    sealed = _with_secrets(definition, lambda value: _SEALED + seal(value))
    return _dump(encode(sealed))


def read_definition(text: str, unseal: Transform = _same) -> JobDefinition:
    """The definition that was written. Raises MetadataError."""

    def opened(value: str) -> str:
        return unseal(value.removeprefix(_SEALED)) if value.startswith(_SEALED) else value

    return _with_secrets(decode(JobDefinition, _load(text)), opened)


def record_text(job: Job) -> str:
    """JSON of everything in a job that changes while it runs."""
    return _dump({f.name: encode(getattr(job, f.name)) for f in fields(job) if f.name not in _OUTSIDE})


def read_job(job_id: JobId, version: int, definition: JobDefinition, text: str) -> Job:
    """The job that was written. Raises MetadataError."""
    values = decode_fields(Job, _load(text))
    if "created_at" not in values:
        raise MetadataError("a stored job lacks the moment of its creation")
    return Job(id=job_id, version=version, definition=definition, **values)


def version_text(version: JobVersion) -> str:
    """JSON of what a version is beside its number and its definition."""
    return _dump({f.name: encode(getattr(version, f.name)) for f in fields(version) if f.name not in _OUTSIDE_VERSION})


def read_version(number: int, definition: JobDefinition, text: str) -> JobVersion:
    """The version that was written. Raises MetadataError."""
    values = decode_fields(JobVersion, _load(text))
    if not {"created_at", "user"} <= values.keys():
        raise MetadataError("a stored version lacks its moment or its user")
    return JobVersion(number=number, definition=definition, **values)


def _with_secrets(definition: JobDefinition, transform: Transform) -> JobDefinition:
    source = definition.source
    properties = tuple((key, transform(value) if is_secret(key) else value) for key, value in source.properties)
    registry = transform(source.registry_url) if source.registry_url else ""
    options = tuple((key, transform(value) if is_secret(key) else value) for key, value in source.registry_options)
    sealed = replace(source, properties=properties, registry_url=registry, registry_options=options)
    return replace(definition, source=sealed)


def _dump(value: dict[str, Any]) -> str:
    return json.dumps({"format": FORMAT} | value, ensure_ascii=False, separators=(",", ":"))


def _load(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as cause:
        raise MetadataError("a stored job is not JSON") from cause
    if not isinstance(value, dict):
        raise MetadataError("a stored job is not a JSON object")
    version = value.pop("format", None)
    if version != FORMAT:
        raise MetadataError(f"a stored job has format {version}, this version of the program reads {FORMAT}")
    return value
