"""Versions of a job's definition: what ALTER and ROLLBACK leave behind them, and what each of them changed.

Owns the value, the words of a change, and to which version a job may go back. Refuses to know storage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from routine_load.errors import ExecutionError
from routine_load.ids import PartitionId
from routine_load.jobs.definition import JobDefinition
from routine_load.jobs.job import Job
from routine_load.jobs.pairs import property_pairs, source_pairs
from routine_load.jobs.registry import REGISTRY, REGISTRY_PREFIX
from routine_load.jobs.show_create import clause_texts
from routine_load.jobs.source import is_secret

_VALUE_MAX = 200
_PARTITIONS_TOLD = 20
_NUMBERS_TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """Who makes a new version, when, and how many are kept of a job, the new one included."""

    user: str
    at: datetime
    kept_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobVersion:
    """One definition that a job has or had. ``changes`` tells people what differs from the version before.

    ``left_at`` and ``topic_id`` are where the job stood, and in which topic, when the next version took over; empty for
    the current one.
    """

    number: int
    created_at: datetime
    user: str
    definition: JobDefinition
    changes: str = ""
    left_at: Mapping[PartitionId, int] = field(default_factory=dict)
    topic_id: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "left_at", MappingProxyType(dict(self.left_at)))


def first_version(job: Job) -> JobVersion:
    """The definition of CREATE, as long as nothing changed it."""
    return JobVersion(
        number=1, created_at=job.created_at, user=job.definition.user, definition=job.definition, changes="created"
    )


def version_to_return_to(versions: Sequence[JobVersion], number: int) -> JobVersion:
    """The version of that number. Raises ExecutionError, naming those there are, also for the current one."""
    current = versions[-1].number
    if number == current:
        raise ExecutionError(f"version {number} is the current one")
    found = next((version for version in versions if version.number == number), None)
    if found is None:
        raise ExecutionError(f"there is no version {number}: {_there_are([v.number for v in versions])}")
    return found


def _there_are(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"the job has version {numbers[0]} only"
    if len(numbers) <= _NUMBERS_TOLD:
        return f"the job has the versions {', '.join(map(str, numbers))}"
    return f"the job has the versions {numbers[0]} to {numbers[-1]}"


def last_in_topic(versions: Sequence[JobVersion], topic: str) -> JobVersion | None:
    """The version before the current one that read this topic last: where the job stood in it."""
    return next((v for v in reversed(versions[:-1]) if v.definition.source.topic == topic), None)


def changes_text(before: Job, after: Job) -> str:
    """What an ALTER changed, in a line: definition and offsets. Secrets that changed are named, not told."""
    old, new = _facts(before.definition), _facts(after.definition)
    told = [_change(key, old.get(key), new.get(key)) for key in {**old, **new} if old.get(key) != new.get(key)]
    told += [f"{key}: changed" for key in _changed_secrets(before.definition, after.definition)]
    another = before.definition.source.topic != after.definition.source.topic
    moved = {p: offset for p, offset in after.placing.items() if another or before.progress.get(p) != offset}
    if moved:
        told.append(_moves(moved))
    return "; ".join(told) or "nothing"


def _facts(definition: JobDefinition) -> dict[str, str]:
    facts = {"ON": definition.table or ""} | {
        kind: text.removeprefix(kind).strip() for kind, text in clause_texts(definition).items()
    }
    return facts | dict(property_pairs(definition)) | dict(source_pairs(definition))


def _changed_secrets(before: JobDefinition, after: JobDefinition) -> list[str]:
    old, new = dict(before.source.properties), dict(after.source.properties)
    changed = [f"property.{key}" for key in new if key in old and is_secret(key) and old[key] != new[key]]
    old, new = dict(before.source.registry_options), dict(after.source.registry_options)
    changed += [REGISTRY_PREFIX + key for key in new if key in old and is_secret(key) and old[key] != new[key]]
    same_host = before.source.refused_registry_url == after.source.refused_registry_url
    if same_host and before.source.registry_url != after.source.registry_url:
        changed.append(REGISTRY)
    return changed


def _change(key: str, old: str | None, new: str | None) -> str:
    told_old, told_new = _shortened(old), _shortened(new)
    return f"{key}: changed" if told_old == told_new else f"{key}: {told_old} -> {told_new}"


def _shortened(value: str | None) -> str:
    if value is None:
        return "(none)"
    line = " ".join(value.split()) if value.strip() else repr(value)
    return line if len(line) <= _VALUE_MAX else line[: _VALUE_MAX - 1] + "…"


def _moves(moved: Mapping[PartitionId, int]) -> str:
    if len(moved) > _PARTITIONS_TOLD:
        return f"offsets of {len(moved)} partitions"
    return "offsets: " + ", ".join(f"partition {p} at {offset}" for p, offset in moved.items())
