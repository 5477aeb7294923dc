"""Apache Kafka in one process of its own, for tests and benchmarks.

The first start resolves the server by Maven; later ones take the jars from the cache (``RL_KAFKA_CACHE``).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import KafkaException

from routine_load.testing import kafka_files
from routine_load.testing.feeder import BrokerFailed
from routine_load.testing.remote_kafka import RemoteKafka

_READY_S = 60.0
_STOP_S = 20.0

# The server dies with us, however we die: the pipe on stdin closes, the watcher kills it, its data are removed.
_SUPERVISOR = """
home=$1; log=$home/server.log; shift
exec 3<&0
"$@" >>"$log" 2>&1 </dev/null 3<&- &
server=$!
(cat <&3 >/dev/null; : >"$home/orphaned"; kill -9 $server 2>/dev/null) >/dev/null &
watcher=$!
echo $server
exec >/dev/null
wait $server
code=$?
kill $watcher 2>/dev/null
[ -e "$home/orphaned" ] && rm -rf "$home"
exit $code
"""


class ApacheKafka(RemoteKafka):
    """One Apache Kafka node in KRaft mode on free ports of the loopback; its data goes when it is closed.

    ``settings`` are added to the server's properties. ``listeners`` are further doors, name → security protocol; their
    addresses are in ``doors``. ``classes`` is a folder of classes that the settings name. Raises BrokerFailed where
    neither cache nor Maven gives the jars.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        heap_mb: int = 512,
        settings: dict[str, str] | None = None,
        listeners: Mapping[str, str] | None = None,
        classes: Path | None = None,
    ) -> None:
        self._files = kafka_files.resolve()
        self._classes = "" if classes is None else f"{classes}:"
        self._heap_mb = heap_mb
        self._home = Path(tempfile.mkdtemp(prefix="rl-kafka-"))
        self._process: subprocess.Popen[str] | None = None
        self._server_pid = 0
        data = self._home / "data"
        shutil.copytree(self._files.formatted, data)
        asked = listeners or {}
        ports = _free_ports(2 + len(asked))
        chosen = port or ports[0]
        self.doors = {name: f"127.0.0.1:{door}" for name, door in zip(asked, ports[2:], strict=True)}
        more = kafka_files.with_listeners(
            chosen, ports[1], {name: (asked[name], at) for name, at in self.doors.items()}
        )
        (self._home / "server.properties").write_text(
            kafka_files.server_properties(data, chosen, ports[1], more | (settings or {}))
        )
        super().__init__(f"127.0.0.1:{chosen}")
        try:
            self.restart()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Process id of the server's JVM; 0 while it is stopped."""
        return self._server_pid

    def restart(self) -> None:
        """Start the server again with the same data and ports (stopping it first where it runs)."""
        self.stop()
        options = kafka_files.java_options(self._files.logging, self._heap_mb)
        server = [self._files.java, *options, "-cp", self._classes + self._files.classpath, "kafka.Kafka"]
        command = ["/bin/sh", "-c", _SUPERVISOR, "kafka", str(self._home), *server]
        self._process = subprocess.Popen(  # noqa: S603 - fixed program, arguments not parsed by the shell
            [*command, str(self._home / "server.properties")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._server_pid = int(self._process.stdout.readline())
        self._await_answer()

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, no goodbye is said."""
        self._signal(signal.SIGKILL)
        self._reap()

    def stop(self) -> None:
        """A clean stop; does nothing where the server does not run."""
        self._signal(signal.SIGTERM)
        self._reap()

    def cut_log(self, topic: str, partition: int) -> None:
        """Take the last batch of a partition away, as an unclean election does. Only where the server was killed."""
        assert self._process is None, "the server runs"
        (log,) = (self._home / "data" / f"{topic}-{partition}").glob("*.log")
        os.truncate(log, log.stat().st_size - 1)  # what is left of the batch is no batch, and recovery drops it

    def close(self) -> None:
        """End the server and remove its data."""
        super().close()
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self._home / "server.log"

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._server_pid, number)

    def _reap(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait(_STOP_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None
        self._server_pid = 0

    def _await_answer(self) -> None:
        give_up = time.monotonic() + _READY_S
        assert self._process is not None
        while time.monotonic() < give_up:
            if self._process.poll() is not None:
                code = self._process.returncode
                self._reap()
                raise BrokerFailed(f"Apache Kafka ended with {code} before it answered:\n{self._last_words()}")
            try:
                self.await_ready(1.0)
            except KafkaException:
                continue
            return
        last = self._last_words()
        self.kill()
        raise BrokerFailed(f"Apache Kafka did not answer at {self.bootstrap} within {_READY_S:.0f} s:\n{last}")

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""


def _free_ports(count: int) -> list[int]:
    """Ports that are free now. They are held open together, so that they differ."""
    held = []
    try:
        for _ in range(count):
            door = socket.socket()
            held.append(door)
            door.bind(("127.0.0.1", 0))
        return [door.getsockname()[1] for door in held]
    finally:
        for door in held:
            door.close()
