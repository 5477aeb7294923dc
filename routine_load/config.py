"""Frozen settings: what the command line, environment and file decide, in one value.

Nothing reads the environment after start. Every bound that a room needs has its name and default here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from routine_load.ids import Compat

MIB = 1024 * 1024
NEXT_TO_HTTP_PORT = -1
"""The backend's HTTP port where none is given: ten above the front end's, as 8040 is above 8030."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One coordinator's settings.

    Ports: 0 means any free one, None means that door stays shut. Times are in the unit their name ends with.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    mysql_port: int | None = 9030
    http_port: int | None = 8030
    be_http_port: int | None = NEXT_TO_HTTP_PORT
    advertised_host: str | None = None
    """Where clients reach this host, if not at ``host``: what SHOW, redirects and error URLs tell."""
    backends: int = 3
    metadata_url: str | None = field(default=None, repr=False)
    """It may hold a password."""
    metadata_connections_max: int = 16
    key_file: Path | None = None
    """The key that secrets in the metadata are sealed with; coordinators of one metadata database share one."""
    lease_ttl_s: float = 15.0
    """How long a leader that says nothing stays leader. It renews three times as often."""
    backend_secret_file: Path | None = None
    """What backends in processes of their own share with the coordinator; without it there are none."""
    backend_heartbeat_s: float = 2.0
    backend_heartbeats_missed_max: int = 3
    backend_shut_out_s: float = 300.0
    """How long a backend that lost several tasks in a row gets none."""
    target: str = "duckdb"
    compat: Compat = Compat.STARROCKS
    cluster: str = "rl"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls: bool = True
    allow_remote_empty_password: bool = False

    # scheduler
    tick_ms: int = 200
    partition_refresh_s: float = 5.0
    linger_ms: int = 200
    early_commit: bool = True
    """Whether new jobs commit once they have caught up, where nothing else is said; or keep their vendor's timing."""
    drain_timeout_s: float = 20.0
    abort_backoff_s: float = 1.0
    abort_backoff_max_s: float = 30.0
    kafka_timeout_s: float = 8.0

    # statements
    validate: bool = True
    job_versions_max: int = 100

    # load path
    chunk_rows: int = 50_000
    chunk_bytes: int = 4 * MIB
    batch_bytes_max: int = 64 * MIB
    backlog_tasks: int = 2
    rejected_row_bytes_max: int = 8 * 1024
    error_log_retention_h: int = 48
    tracking_log_bytes_max: int = MIB
    engine_memory: str = "208MB"
    engine_threads: int = 2

    # doors
    connections_max: int = 512
    packet_before_auth_max: int = 64 * 1024
    max_allowed_packet: int = 33_554_432
    handshake_timeout_s: float = 10.0
    idle_timeout_s: float = 28_800.0
    statement_bytes_max: int = 4 * MIB

    file_url_prefixes: tuple[str, ...] = ()
    """Beginnings of the http:, https: and file: URLs that CREATE FILE may open; ``data:`` URLs need none."""

    aws_host_credentials: bool = False
    """Whether jobs may sign in to AWS MSK with the credentials of the machine."""

    frontend_config: dict[str, str] = field(default_factory=dict)

    http_connections_max: int = 512
    http_loads_max: int = 256

    @property
    def told_host(self) -> str:
        return self.advertised_host or self.host

    @property
    def backend_http_port(self) -> int | None:
        """Where the backend's HTTP door opens; shut where the front end's is."""
        if self.http_port is None or self.be_http_port != NEXT_TO_HTTP_PORT:
            return None if self.http_port is None else self.be_http_port
        above = self.http_port + 10
        return above if 10 < above <= 65535 else 0

    @property
    def warehouse_path(self) -> Path:
        return self.data_dir / "warehouse.duckdb"

    @property
    def secret_key_path(self) -> Path:
        return self.key_file or self.data_dir / "secret.key"

    @property
    def small_files_dir(self) -> Path:
        return self.data_dir / "small_files"

    @property
    def error_log_dir(self) -> Path:
        return self.data_dir / "error_log"

    @property
    def spool_dir(self) -> Path:
        """Batches on their way to a cluster; nothing in it outlives the process."""
        return self.data_dir / "spool"

    @property
    def metadata_database_url(self) -> str:
        return self.metadata_url or f"sqlite:///{self.data_dir / 'metadata.db'}"
