"""Builds the parts of one coordinator and hands them to each other, from the bottom up.

Everything that has to be closed is pushed on the stack that is handed in, so that the parts end in the order opposite
to the one they began in.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from routine_load.app.cluster import Cluster
from routine_load.app.company import Companions, ErrorLogs
from routine_load.app.compiler import Compiler
from routine_load.app.directory import DirectoryLock
from routine_load.app.elsewhere import Around, backends_of
from routine_load.app.frontend_config import LiveFrontendConfig
from routine_load.app.leading import Membership, Rule, timing_of
from routine_load.app.metrics import Metrics, TimedMetadata, count_pauses
from routine_load.app.users import Accounts
from routine_load.backends.everywhere import Backends
from routine_load.backends.local import LocalBackends
from routine_load.clock import Clock
from routine_load.config import Settings
from routine_load.engines.cluster.engine import ClusterEngine
from routine_load.engines.duckdb import DuckDbEngine
from routine_load.ids import Compat
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.loads.history import LoadHistory
from routine_load.loads.kept import KeptCompiler
from routine_load.loads.path import LoadPath
from routine_load.loads.pushed import PushDown
from routine_load.loads.rejects import RejectLog
from routine_load.loads.transactions import TransactionParts, Transactions, TxnIds
from routine_load.loads.two_phase import TwoPhaseSink
from routine_load.observe.metrics import Counters
from routine_load.scheduler.agenda import Agenda
from routine_load.scheduler.bookkeeping import Bookkeeper
from routine_load.scheduler.cleaning import Cleaner
from routine_load.scheduler.leadership import Leadership
from routine_load.scheduler.parts import Parts
from routine_load.scheduler.planning import Planner
from routine_load.scheduler.ports import KafkaMetadata
from routine_load.scheduler.scheduler import Scheduler
from routine_load.sources import (
    AdminClients,
    Downloads,
    FileValues,
    GroupOffsets,
    KafkaMetadataClient,
    KafkaPropertyPolicy,
    KafkaSource,
    KafkaWatch,
    RegistryClient,
)
from routine_load.statements.context import Context, FileParts, KnownLoads
from routine_load.statements.privileges import Privileges
from routine_load.statements.service import Processes, Service
from routine_load.statements.stream_load.service import StreamLoads
from routine_load.statements.system_tables import system_tables
from routine_load.statements.tool_tables import tool_tables
from routine_load.store import Metadata, SecretBox, open_metadata
from routine_load.tasks.backlog import Backlog
from routine_load.tasks.run import TaskRunner


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the doors are, asked when it is needed: ports are known only once they are open."""

    mysql: Callable[[], tuple[str, int]]
    http: Callable[[], tuple[str, int]]
    backend_http: Callable[[], tuple[str, int]]
    error_log: Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kafka:
    """Everything that talks to brokers."""

    source: KafkaSource
    metadata: KafkaMetadata
    watch: KafkaWatch
    groups: GroupOffsets
    registry: RegistryClient

    @classmethod
    def open(cls, stack: ExitStack, base: Foundation) -> Kafka:
        admins = AdminClients()
        metadata = KafkaMetadataClient(admins=admins)
        parts = cls(
            source=KafkaSource(),
            metadata=TimedMetadata(metadata, base.counters, base.clock),
            watch=KafkaWatch(),
            groups=GroupOffsets(admins),
            registry=RegistryClient(clock=base.clock),
        )
        for part in (admins, parts.source, metadata, parts.watch, parts.registry):
            stack.callback(part.close)
        return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """What lies under everything: the directory, its two databases, the rejected rows."""

    settings: Settings
    clock: Clock
    store: Metadata
    member: Membership
    accounts: Accounts
    engine: DuckDbEngine
    reject_log: RejectLog
    history: LoadHistory
    frontend_config: LiveFrontendConfig
    cluster: Cluster | None = None
    counters: Counters = field(default_factory=Counters)
    files: FileParts

    @classmethod
    def lay(cls, settings: Settings, clock: Clock, stack: ExitStack) -> Foundation:
        """Lock the directory, open and migrate the metadata, open the engine. Raises RoutineLoadError."""
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        stack.enter_context(DirectoryLock(settings.data_dir / "lock"))
        secrets = SecretBox.at(settings.secret_key_path)
        url, connections_max = settings.metadata_database_url, settings.metadata_connections_max
        store = stack.enter_context(open_metadata(url, secrets, connections_max))
        member = Membership.of(settings, store, secrets)
        engine = DuckDbEngine.open(
            settings.warehouse_path,
            error_log_dir=settings.error_log_dir,
            memory=settings.engine_memory,
            threads=settings.engine_threads,
        )
        stack.callback(engine.close)
        frontend_config = LiveFrontendConfig(settings.frontend_config, store.settings)
        return cls(
            settings=settings,
            clock=clock,
            store=store,
            member=member,
            accounts=Accounts.of(store),
            engine=engine,
            reject_log=RejectLog(settings.error_log_dir, raw_bytes_max=settings.rejected_row_bytes_max),
            history=LoadHistory(frontend_config),
            frontend_config=frontend_config,
            cluster=Cluster.of(settings, clock, store, engine, stack),
            files=_files(settings, store, member.box),
        )

    @property
    def tables(self) -> DuckDbEngine | ClusterEngine:
        """Where tables live: what statements are for that are not ours."""
        return self.engine if self.cluster is None else self.cluster.engine

    @property
    def sink(self) -> DuckDbEngine | TwoPhaseSink:
        """Where jobs' batches are committed."""
        return self.engine if self.cluster is None else self.cluster.sink

    def own_frontend_config(self) -> tuple[Compat, FrontendConfig]:
        """The settings as this front end's own vendor has them."""
        return self.settings.compat, self.frontend_config(self.settings.compat)

    def check_client_properties(self, database: str, brokers: str, properties: tuple[tuple[str, str], ...]) -> None:
        """What a job of this database may give to its Kafka client. Raises PropertyError, SourceError."""
        policy = KafkaPropertyPolicy(host_credentials=self.settings.aws_host_credentials)
        policy.check_source(brokers, properties)
        self.files.resolve(database, properties)


def _files(settings: Settings, store: Metadata, shared: SecretBox | None) -> FileParts:
    records = store.small_files(settings.small_files_dir, shared)
    fetch = Downloads(settings.file_url_prefixes).fetch
    return FileParts(records=records, fetch=fetch, resolve=FileValues(records).resolved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """The parts that the coordinator starts and stops."""

    foundation: Foundation
    backends: Backends
    leadership: Leadership
    error_logs: ErrorLogs
    metrics: Metrics
    service: Service
    transactions: Transactions
    streams: StreamLoads


def _known_loads(base: Foundation, error_logs: ErrorLogs) -> KnownLoads:
    return KnownLoads(
        history=base.history, commits=base.sink, error_lines=error_logs.render, record_files=base.reject_log
    )


def assemble(base: Foundation, addresses: Addresses, stack: ExitStack) -> Assembly:
    """Everything above the foundation; nothing runs yet."""
    kafka = Kafka.open(stack, base)
    compiler = KeptCompiler(PushDown(Compiler(kafka.registry), to_cluster=base.cluster is not None))
    stack.callback(compiler.close)
    backends = backends_of(_around(base, addresses), _local(base), stack)
    path = LoadPath(sink=base.engine, compiler=compiler, reject_log=base.reject_log, clock=base.clock)
    ids = TxnIds.of(base.engine.clients, base.clock)
    transactions = _transactions(base, path, ids)
    stack.callback(transactions.close)
    parts = _parts(base, kafka, replace(path, sink=base.sink), backends)
    parts.next_txn_id = ids.next
    parts.clients_running = transactions.running
    scheduler = Scheduler(parts)
    _tell(scheduler, base, backends)
    processes = Processes()
    privileges = Privileges(base.store.grants)
    rule = Rule(
        store=base.store,
        scheduler=scheduler,
        cleaner=_cleaner(base, parts.agenda, scheduler),
        frontend_config=base.frontend_config,
        privileges=privileges,
        cluster=base.cluster,
        me=base.member.id,
        elsewhere=backends.remote,
    )
    leadership = Leadership(base.member.lease, rule, base.clock, timing_of(base.settings))
    company = Companions.of(base.member, base.store, leadership, base.clock, rule.catch_up)
    error_logs = ErrorLogs(base.reject_log.render, company)
    context = Context(
        settings=base.settings,
        engine=base.tables,
        sink=base.sink,
        jobs=base.store.jobs,
        users=base.accounts,
        privileges=privileges,
        metadata=kafka.metadata,
        compiler=compiler,
        scheduler=scheduler,
        check_client_properties=base.check_client_properties,
        clock=base.clock,
        frontend_config=base.frontend_config,
        error_log_url=addresses.error_log,
        http_address=addresses.http,
        backend_http_address=addresses.backend_http,
        mysql_address=addresses.mysql,
        processes=processes.all,
        loads=_known_loads(base, error_logs),
        transactions=transactions,
        files=base.files,
        company=company,
        elsewhere=backends.remote,
    )
    for table in (*system_tables(context), *tool_tables()):
        base.tables.add_system_table(table)
    return Assembly(
        foundation=base,
        backends=backends,
        leadership=leadership,
        error_logs=error_logs,
        metrics=_metrics(base, scheduler),
        service=Service(context, processes),
        transactions=transactions,
        streams=StreamLoads(context),
    )


def _cleaner(base: Foundation, agenda: Agenda, scheduler: Scheduler) -> Cleaner:
    cleaner = Cleaner(agenda, base.store.jobs, base.sink, base.own_frontend_config, base.clock)
    cleaner.forgotten = scheduler.forget
    base.frontend_config.listen(lambda _: cleaner.soon())
    return cleaner


def _local(base: Foundation) -> LocalBackends:
    settings = base.settings

    def slots() -> int:
        return base.frontend_config(settings.compat).max_routine_load_task_num_per_be

    return LocalBackends(settings.backends, slots=slots, host=settings.told_host, clock=base.clock)


def _tell(scheduler: Scheduler, base: Foundation, backends: Backends) -> None:
    """What the scheduler is told as it happens, and what is counted."""
    base.store.jobs.saved = count_pauses(base.counters)
    base.frontend_config.listen(scheduler.setting_changed)
    if base.cluster is not None:
        base.cluster.sink.settler.settled = scheduler.commit_settled
        base.cluster.nodes.changed = scheduler.nodes_changed
    if backends.remote is not None:
        backends.remote.members.changed = scheduler.nodes_changed


def _metrics(base: Foundation, scheduler: Scheduler) -> Metrics:
    return Metrics(
        settings=base.settings,
        counters=base.counters,
        jobs=base.store.jobs,
        scheduler=scheduler,
        frontend_config=base.frontend_config,
        clock=base.clock,
    )


def _around(base: Foundation, addresses: Addresses) -> Around:
    return Around(
        settings=base.settings,
        clock=base.clock,
        store=base.store.backends,
        fence=base.store.fence,
        sink=base.sink,
        reject_log=base.reject_log,
        coordinator=addresses.http,
    )


def _transactions(base: Foundation, path: LoadPath, ids: TxnIds) -> Transactions:
    parts = TransactionParts(
        log=base.engine.clients,
        path=path,
        clock=base.clock,
        ids=ids,
        elsewhere=base.history,
        frontend_config=base.frontend_config,
    )
    transactions = Transactions(parts)
    transactions.recover()
    base.engine.label_inserts(transactions.begin)
    return transactions


def _parts(base: Foundation, kafka: Kafka, path: LoadPath, backends: Backends) -> Parts:
    return Parts(
        agenda=Agenda(base.clock, base.settings.tick_ms / 1000),
        bookkeeper=Bookkeeper(
            jobs=base.store.jobs,
            sink=base.sink,
            reject_log=base.reject_log,
            clock=base.clock,
            frontend_config=base.frontend_config,
        ),
        planner=Planner(
            sink=base.sink,
            metadata=kafka.metadata,
            settings=base.settings,
            clock=base.clock,
            frontend_config=base.frontend_config,
            alive_backends=lambda: backends.alive if base.cluster is None else base.cluster.nodes.alive,
            compiler=path.compiler,
            files=base.files.resolve,
        ),
        watch=kafka.watch,
        backends=backends,
        history=base.history,
        counters=base.counters,
        runner=TaskRunner(
            source=kafka.source,
            path=path,
            backlog=Backlog(base.settings.backlog_tasks),
            tell=kafka.groups.publish,
            clock=base.clock,
        ),
        settings=base.settings,
        clock=base.clock,
    )
