"""Planning a job: is its table there, what are its partitions, where do they start, who reads which.

Blocking; called from a worker thread. Pure of scheduler state, so that a plan that came too late can be dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from routine_load.clock import Clock, Deadline
from routine_load.config import Settings
from routine_load.errors import LogCut, PartitionMissing, SourceError
from routine_load.ids import Compat, JobId, PartitionId
from routine_load.jobs.checks import check_table
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import Job
from routine_load.jobs.properties import JobFormat, UpdateMode
from routine_load.jobs.splitting import concurrency, deal
from routine_load.loads.path import SingleTable
from routine_load.loads.ports import Sink
from routine_load.loads.routing import ByTablePrefix
from routine_load.loads.values import Format, LoadCompiler, LoadSpec, RegistryAddress
from routine_load.scheduler.looks import Ends, Looks, TopicLook, look
from routine_load.scheduler.offsets import Topic
from routine_load.scheduler.ports import KafkaMetadata, ResolveFiles
from routine_load.scheduler.rhythm import Rhythm
from routine_load.scheduler.run import Batch, Plan
from routine_load.tasks.ports import KafkaSpec
from routine_load.tasks.run import BatchLimits

_LOCKS = 64


@dataclass(slots=True, kw_only=True)
class Planner:
    """Makes plans. A lock of the job's is held from asking whether a plan is still wanted until its offsets are placed,
    so that a plan that came too late never overwrites those of the next one; few other jobs share it.
    """

    sink: Sink
    metadata: KafkaMetadata
    settings: Settings
    clock: Clock
    frontend_config: Callable[[Compat], FrontendConfig]
    alive_backends: Callable[[], int]
    compiler: LoadCompiler
    files: ResolveFiles
    new_lock: Callable[[], threading.Lock] = threading.Lock
    _placing: tuple[threading.Lock, ...] = field(init=False)
    _looks: Looks = field(init=False)

    def __post_init__(self) -> None:
        self._placing = tuple(self.new_lock() for _ in range(_LOCKS))
        self._looks = Looks(self.metadata, self.clock, self.settings.partition_refresh_s / 2)

    def starts(self, job: Job) -> dict[PartitionId, int]:
        """Where the partitions start, after the checks that CREATE left to planning (``validate = 'off'``)."""
        ref = job.definition.table_ref
        if ref is not None:
            table = self.sink.table(ref)
            check_table(job.definition, table)
            self.compiler.check(load_spec(job), table)
        deadline = self._deadline(job)
        kafka = kafka_spec(job, self.files)
        topic = Topic(metadata=self.metadata, kafka=kafka, deadline=deadline, compat=job.definition.compat)
        return topic.starts(job.definition.source, lenient=True)

    def plan(self, job: Job, is_current: Callable[[], bool]) -> Plan | None:
        """None where ``is_current`` turned false meanwhile. Raises SourceError, UnknownTable, AnalysisError."""
        definition = job.definition
        if definition.table_ref is not None:
            self.sink.table(definition.table_ref)
        kafka = kafka_spec(job, self.files)
        deadline = self._deadline(job)
        topic = look(self.metadata, kafka, deadline)
        partitions, ends = _wanted(job, kafka, topic)
        progress = self._progress(job, kafka, partitions, is_current)
        if progress is None:
            return None
        check_log_is_whole(kafka, progress, ends)
        wanted = self.concurrency(job, len(partitions))
        return Plan(
            job=job,
            kafka=kafka,
            spec=replace(load_spec(job), registry=registry_address(job, self.files)),
            routes=routes(job),
            partitions=partitions,
            progress=progress,
            ends=ends,
            topic_id=topic.topic_id,
            concurrency=wanted,
            slices=deal(partitions, wanted) if wanted else (),
        )

    def look(
        self, job: Job, kafka: KafkaSpec, since: float = float("-inf")
    ) -> tuple[tuple[PartitionId, ...], dict[PartitionId, int]]:
        """The job's partitions, and their last stable ends, as some job saw them not long ago, and after ``since``."""
        return _wanted(job, kafka, self._looks.topic(kafka, self._kafka_timeout_s(job), since))

    def place(
        self, job_id: JobId, offsets: Mapping[PartitionId, int], is_current: Callable[[], bool], *, only: bool = False
    ) -> bool:
        """Tell the sink where partitions start; False where the job was changed meanwhile."""
        with self._placing[job_id % _LOCKS]:
            if not is_current():
                return False
            self.sink.place(job_id, offsets, only=only)
            return True

    def _progress(
        self, job: Job, kafka: KafkaSpec, partitions: tuple[PartitionId, ...], is_current: Callable[[], bool]
    ) -> dict[PartitionId, int] | None:
        progress = self.sink.progress(job.id)
        new = tuple(p for p in partitions if p not in progress)
        if new:
            # A partition that appears later starts at its beginning: what was produced meanwhile is not skipped.
            deadline = self._deadline(job)
            starts = {p: low for p, (low, _) in self.metadata.watermarks(kafka, new, deadline).items()}
            if not self.place(job.id, starts, is_current):
                return None
            progress |= starts
        return {p: progress[p] for p in partitions}

    def batch(self, job: Job, lag: int) -> Batch:
        """Bounds of the next task of a job, as the front end's settings are now, where so many messages wait for it."""
        definition = job.definition
        config = self.frontend_config(definition.compat)
        limits = definition.properties.batch_limits(definition.compat, config, lag)
        rhythm = Rhythm(compat=definition.compat, properties=definition.properties)
        return Batch(
            limits=BatchLimits(
                rows_max=limits.rows,
                # A transaction of long texts has to fit into the engine's memory, or it is tried for ever.
                bytes_max=min(limits.bytes, self.settings.batch_bytes_max),
                consume_s=limits.seconds,
                linger_s=rhythm.linger_s(self.settings.linger_ms / 1000),
                chunk_rows=self.settings.chunk_rows,
                chunk_bytes=self.settings.chunk_bytes,
            ),
            timeout_s=definition.properties.timeout_s(definition.compat, config, lag),
        )

    def concurrency(self, job: Job, partitions: int) -> int:
        """Number of tasks of a job with so many partitions, as the front end's settings are now."""
        definition = job.definition
        return concurrency(
            definition.compat,
            partitions,
            definition.properties.desired_concurrent_number,
            self.frontend_config(definition.compat),
            self.alive_backends(),
        )

    def _deadline(self, job: Job) -> Deadline:
        return Deadline.after(self._kafka_timeout_s(job), self.clock)

    def _kafka_timeout_s(self, job: Job) -> float:
        compat = job.definition.compat
        return min(self.settings.kafka_timeout_s, self.frontend_config(compat).kafka_timeout_s(compat))


def check_log_is_whole(kafka: KafkaSpec, progress: Mapping[PartitionId, int], ends: Mapping[PartitionId, int]) -> None:
    """Raises LogCut where a partition ends before what was read of it; ``ends`` were asked for later.

    Waiting for it to grow again would pass over what is written there meanwhile.
    """
    for partition, end in ends.items():
        read = progress.get(partition, 0)
        if end < read:
            raise LogCut(
                f"partition {partition} of topic {kafka.topic} was read up to offset {read} and ends at {end} now",
                partition=partition,
                offset=read,
                end=end,
            )


def kafka_spec(job: Job, files: ResolveFiles) -> KafkaSpec:
    """How a job's topic is reached, with its files as they are now. Raises SourceError for one that is not there."""
    source = job.definition.source
    return KafkaSpec(
        brokers=source.brokers,
        topic=source.topic,
        properties=files(job.database, source.client_properties),
        carried=frozenset(column.field for column in job.definition.clauses.metadata or ()),
    )


def registry_address(job: Job, files: ResolveFiles) -> RegistryAddress | None:
    """Where an Avro job's schemas are. Raises SourceError for a file that is not there."""
    source = job.definition.source
    if job.definition.properties.format is not JobFormat.AVRO:
        return None
    return RegistryAddress(source.registry_url, files(job.database, source.registry_options))


def routes(job: Job) -> SingleTable | ByTablePrefix:
    """Where a job's rows go."""
    definition = job.definition
    if definition.table_ref is None:
        return ByTablePrefix(definition.database)
    return SingleTable(definition.table_ref)


def load_spec(job: Job) -> LoadSpec:
    """What a job's messages become, as the load path wants to know it."""
    definition = job.definition
    properties, clauses = definition.properties, definition.clauses
    return LoadSpec(
        compat=definition.compat,
        format=Format(properties.format),
        column_separator=clauses.column_separator.value if clauses.column_separator else "\t",
        row_delimiter=clauses.row_delimiter.value if clauses.row_delimiter else "\n",
        enclose=properties.enclose,
        escape=properties.escape,
        trim_space=properties.trim_space,
        empty_field_as_null=properties.empty_field_as_null,
        jsonpaths=properties.jsonpaths,
        json_root=properties.json_root,
        strip_outer_array=properties.strip_outer_array,
        num_as_string=properties.num_as_string,
        fill_missing_columns=properties.fill_missing_columns,
        columns=clauses.columns,
        metadata=clauses.metadata or (),
        where=clauses.where,
        preceding_filter=clauses.preceding_filter,
        partitions=clauses.partitions,
        temporary_partitions=clauses.temporary_partitions,
        merge_type=definition.merge_type,
        delete_on=clauses.delete_on,
        sequence_column=clauses.order_by,
        merge_condition=properties.merge_condition,
        partial_update=properties.unique_key_update_mode is not UpdateMode.UPSERT,
        flexible=properties.unique_key_update_mode is UpdateMode.FLEXIBLE,
        refuses_new_keys=properties.partial_update_new_key_behavior == "ERROR",
        strict_mode=properties.strict_mode,
        timezone=properties.timezone,
        push_down=properties.push_down,
    )


def _wanted(job: Job, kafka: KafkaSpec, topic: TopicLook) -> tuple[tuple[PartitionId, ...], Ends]:
    """The job's partitions and their ends.

    Raises SourceError where it is pinned to one that is not there, and where this is another topic of the same name:
    its offsets mean other records.
    """
    if job.topic_id and topic.topic_id and job.topic_id != topic.topic_id:
        raise SourceError(
            f"topic {kafka.topic} was re-created: it is {topic.topic_id} now, the job's offsets are of {job.topic_id}. "
            "ALTER the offsets of all its partitions, then RESUME"
        )
    existing = topic.ends
    pinned = job.definition.source.partitions
    missing = sorted(set(pinned) - set(existing))
    if missing:
        raise PartitionMissing(f"there is an invalid custom partition: {missing[0]} for topic: {kafka.topic}")
    partitions = tuple(pinned) or tuple(sorted(existing))
    return partitions, {p: existing[p] for p in partitions}
