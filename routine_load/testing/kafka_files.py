"""Where Apache Kafka's jars and a formatted, empty log directory come from: Maven once, a cache from then on."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from routine_load.testing.feeder import BrokerFailed

_POM = Path(__file__).with_name("kafka-pom.xml")
_RESOLVE_S = 900
_FORMAT_S = 120
_CLUSTER_ID = "cm91dGluZS1sb2FkLXRlcw"  # 16 bytes in Base64, as StorageTool wants it; the same for all test brokers

_LOGGING = """\
rootLogger.level = warn
rootLogger.appenderRef.stdout.ref = stdout
appender.console.type = Console
appender.console.name = stdout
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1} %m%n
"""


@dataclass(frozen=True, slots=True)
class KafkaFiles:
    """What a broker process starts from."""

    java: str
    classpath: str
    logging: Path
    formatted: Path


def available() -> str:
    """Empty when Apache Kafka can be started here; else what is missing, in words."""
    if shutil.which("java") is None:
        return "no java on the PATH"
    if not _jars().is_dir() and shutil.which("mvn") is None:
        return f"no mvn on the PATH and no jars in {_jars()}"
    return ""


def resolve() -> KafkaFiles:
    """Jars from the cache, or from Maven into the cache. Raises BrokerFailed naming what is missing."""
    missing = available()
    if missing:
        raise BrokerFailed(f"Apache Kafka cannot be started: {missing}")
    java = shutil.which("java") or "java"
    home = _jars().parent
    if not _jars().is_dir():
        _into_place(_jars(), _copy_jars)
    logging = home / "log4j2.properties"
    if not logging.exists():
        _into_place(logging, lambda path: path.write_text(_LOGGING))
    classpath = f"{_jars()}{os.sep}*"
    formatted = home / "formatted"
    if not formatted.is_dir():
        _into_place(formatted, lambda path: _format(java, classpath, logging, path))
    return KafkaFiles(java, classpath, logging, formatted)


def _jars() -> Path:
    version = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    return _cache() / version / "jars"


def _cache() -> Path:
    chosen = os.environ.get("RL_KAFKA_CACHE")
    if chosen:
        return Path(chosen)
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file():
        return checkout / ".cache" / "kafka"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "routine-load" / "kafka"


def _into_place(target: Path, make: object) -> None:
    """Make it beside the target and rename it, so that a cut or a second process leaves no half of it."""
    assert callable(make)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        make(made)
        try:
            made.rename(target)
        except OSError:
            if not target.exists():  # else another process was first, and its copy is as good
                raise


def _copy_jars(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as project:
        pom = Path(project) / "pom.xml"  # Maven writes beside the pom, and a wheel's folder may be read-only
        shutil.copy(_POM, pom)
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
        _run(["mvn", "-q", "-B", "-f", str(pom), *goal], _RESOLVE_S, "Maven could not resolve Apache Kafka")


def _format(java: str, classpath: str, logging: Path, folder: Path) -> None:
    """Format an empty log directory once; it holds no path and no port, so that every broker starts from a copy."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = Path(scratch) / "server.properties"
        settings.write_text(server_properties(folder, 19092, 19093, {}))
        command = [java, *java_options(logging, 128), "-cp", classpath, "kafka.tools.StorageTool"]
        command += ["format", "--cluster-id", _CLUSTER_ID, "--config", str(settings)]
        _run(command, _FORMAT_S, "Apache Kafka could not format its storage")


def _run(command: list[str], timeout_s: float, what: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed programs, no shell
            command, capture_output=True, text=True, timeout=timeout_s, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise BrokerFailed(f"{what}: no end after {timeout_s:.0f} s") from error
    if done.returncode:
        raise BrokerFailed(f"{what} (exit {done.returncode}):\n{(done.stdout + done.stderr)[-2000:]}")


def java_options(logging: Path, heap_mb: int) -> list[str]:
    """Bounded heap, one quiet log, headless."""
    return [
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={logging}",
    ]


def with_listeners(port: int, controller_port: int, doors: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """What ``server_properties`` needs for further listeners: name → (security protocol, host:port)."""
    if not doors:
        return {}
    addresses = "".join(f",{name}://{address}" for name, (_, address) in doors.items())
    kinds = "".join(f",{name}:{protocol}" for name, (protocol, _) in doors.items())
    return {
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{addresses}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}{addresses}",
        "listener.security.protocol.map": f"PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{kinds}",
    }


def server_properties(log_dir: Path, port: int, controller_port: int, overrides: dict[str, str]) -> str:
    """One node that is broker and controller, on the loopback only, quick in everything that usually waits."""
    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(log_dir),
        "num.partitions": "4",  # as the embedded broker has it
        "num.network.threads": "2",
        "num.io.threads": "4",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "broker.session.timeout.ms": "2000",  # what a restart after SIGKILL waits for
        "broker.heartbeat.interval.ms": "200",
        "log.retention.hours": "-1",
        "log.segment.bytes": str(256 * 1024 * 1024),
        "log.cleaner.dedupe.buffer.size": str(4 * 1024 * 1024),
        "log.index.size.max.bytes": str(1024 * 1024),
        **overrides,
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())
