"""What both ways of moving jobs are told and ask alike: which jobs, which values, whether a job follows its topic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from routine_load.api import wording
from routine_load.api.moving_source import FrontEnd
from routine_load.clock import Deadline
from routine_load.errors import AnalysisError, NoDatabaseSelected, PropertyError, RoutineLoadError
from routine_load.jobs.moving.reading import with_values
from routine_load.jobs.moving.values import MovedJob
from routine_load.jobs.source import DEFAULT_OFFSETS
from routine_load.sql.statements import JobName

JOBS_MAX = 1_000
_KAFKA_S = 10.0
_TIMEOUT_MAX_S = 3_600.0
_OVERRIDES = ("property.", "aws.", "confluent.schema.registry.")
_CHOSEN_HERE = frozenset({"kafka_topic", "kafka_partitions", "kafka_offsets", "kafka_partition_discovery"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the user said. ``jobs`` empty: all of the database that have not ended.

    ``properties`` stand in the place of what FROM KAFKA said, for all jobs; ``of_jobs`` those of single ones, by
    ``database.name``. ``pinned`` says it of jobs of which the front end does not tell. ``timeout_s`` is how long a
    paused job may take to come to rest.
    """

    jobs: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    of_jobs: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    pause: bool = False
    tables: bool = True
    pinned: bool | None = None
    dry_run: bool = False
    timeout_s: float = 120.0

    def __post_init__(self) -> None:
        if not 0 < self.timeout_s <= _TIMEOUT_MAX_S:
            raise PropertyError(f"timeout_s is {self.timeout_s}, allowed: above 0, at most {_TIMEOUT_MAX_S:.0f}")
        for properties in (self.properties, *self.of_jobs.values()):
            for key, value in properties.items():
                _check_override(key, value)

    def given_to(self, job: MovedJob) -> MovedJob:
        """The job with what was given in the place of masks and addresses.

        What was given for all jobs replaces what a job has; what it does not have it gets only by its own name.
        """
        common = {key: value for key, value in self.properties.items() if key in job.source}
        notes = tuple(
            f"{key} is given, and the job has none: left out" for key in self.properties.keys() - common.keys()
        )
        job = replace(job, notes=job.notes + notes)
        return with_values(job, {**common, **self.of_jobs.get(job.full_name, {})})


def _check_override(key: str, value: str) -> None:
    if key in _CHOSEN_HERE or key == f"property.{DEFAULT_OFFSETS}":
        raise PropertyError(f"{key} is the job's own, and is not replaced")
    if key != "kafka_broker_list" and not key.startswith(_OVERRIDES):
        raise PropertyError(
            f"'{key[:64]}' is not allowed; allowed: kafka_broker_list, property.…, aws.…, confluent.schema.registry.…"
        )
    if not value:
        raise PropertyError(f"{key} is empty")


def chosen_jobs(front: FrontEnd, choices: Choices, database: str | None) -> list[JobName]:
    """The jobs that were named, else all live ones of the database. Raises NoDatabaseSelected where none is known."""
    if choices.jobs:
        names = [wording.job_name(text) for text in dict.fromkeys(choices.jobs)]
        if database is None and any(name.database is None for name in names):
            raise NoDatabaseSelected("No database selected: write database.job, or the database")
        found = [name if name.database else replace(name, database=database) for name in names]
    elif database is not None:
        found = [JobName(name=name, database=database) for name in front.live_jobs(database)]
    else:
        found = [JobName(name=name, database=d) for d in front.databases() for name in front.live_jobs(d)]
    if len(found) > JOBS_MAX:
        raise PropertyError(f"{len(found)} jobs are too many at a time, at most {JOBS_MAX}")
    return found


def following(job: MovedJob, pinned: bool | None) -> MovedJob:
    """The job with an answer to whether it follows its topic: the front end's, the user's, else the topic's.

    A job that is at all partitions of its topic follows it; one that is at some may be pinned to them, or be about to
    find the others, and nobody but its owner knows. Raises AnalysisError.
    """
    if job.is_pinned is not None:
        return job
    if pinned is None:
        _ask_topic(job)
        note = "it will follow its topic: the front end does not tell whether the job does (else: pinned)"
        return replace(job, is_pinned=False, notes=(*job.notes, note))
    return replace(job, is_pinned=pinned)


def _ask_topic(job: MovedJob) -> None:
    choose = "the front end does not tell whether the job follows its topic or is pinned to these partitions: say which"
    try:
        there = _partitions(job)
    except RoutineLoadError as error:
        raise AnalysisError(f"{choose} (the topic cannot be asked: {error.message})") from error
    if set(there) != set(job.starts):
        raise AnalysisError(
            f"{choose}; it is at the partitions {', '.join(map(str, job.starts))}, "
            f"the topic has {', '.join(map(str, there))}"
        )


def _partitions(job: MovedJob) -> Iterable[int]:
    from routine_load.sources import KafkaMetadataClient, KafkaPropertyPolicy  # noqa: PLC0415 - only who asks pays
    from routine_load.tasks.ports import KafkaSpec  # noqa: PLC0415 - likewise

    client = {
        key.removeprefix("property."): value
        for key, value in job.source.items()
        if key.startswith(("property.", "aws.")) and not key.endswith(DEFAULT_OFFSETS)
    }
    if files := [key for key, value in client.items() if value.startswith("FILE:")]:
        raise AnalysisError(f"property.{files[0]} is a file of the service")
    KafkaPropertyPolicy().check_source(job.source["kafka_broker_list"], client.items())
    asked = KafkaMetadataClient()
    try:
        spec = KafkaSpec(
            brokers=job.source["kafka_broker_list"], topic=job.source["kafka_topic"], properties=tuple(client.items())
        )
        return sorted(asked.partitions(spec, Deadline.after(_KAFKA_S)))
    finally:
        asked.close()


def offsets_of(job: MovedJob) -> Mapping[int, str]:
    return {int(partition): start for partition, start in job.starts.items()}
