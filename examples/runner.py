"""Plays an example: the steps of its config.toml, against a service and a broker. The demo and the tests share it."""

from __future__ import annotations

import csv
import io
import json
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import routine_load
from routine_load.errors import RoutineLoadError

EXAMPLES = Path(__file__).resolve().parent
_START_S = 60.0
_STOP_S = 60.0
_STEP_S = 60.0


class Broker(Protocol):
    """What an example needs of a broker: ``routine_load.testing`` has three kinds."""

    bootstrap: str

    def create_topic(self, name: str, partitions: int = 1) -> None: ...

    def produce(
        self, topic: str, values: Iterable[bytes], *, partition: int | None = None, key: bytes | None = None
    ) -> int: ...


class Differs(AssertionError):
    """The example did not do what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    folder: Path
    title: str
    compat: str
    job: str
    topic: str
    partitions: int
    steps: tuple[dict[str, Any], ...]

    @property
    def name(self) -> str:
        return self.folder.name


@dataclass(frozen=True, slots=True)
class Service:
    """A service that accepts connections."""

    mysql_port: int
    http_port: int
    process: subprocess.Popen[str]

    def connect(self) -> routine_load.Connection:
        return routine_load.connect(url=f"mysql://root@127.0.0.1:{self.mysql_port}")


def examples() -> list[Example]:
    """All folders here that have a config.toml, in order."""
    return [read(path.parent) for path in sorted(EXAMPLES.glob("[0-9]*/config.toml"))]


def read(folder: Path) -> Example:
    config = tomllib.loads((folder / "config.toml").read_text())
    title = (folder / "README.md").read_text().splitlines()[0].removeprefix("# ")
    return Example(
        folder=folder,
        title=title,
        compat=config["compat"],
        job=config["job"],
        topic=config["topic"]["name"],
        partitions=config["topic"]["partitions"],
        steps=tuple(config["step"]),
    )


@contextmanager
def service(compat: str) -> Iterator[Service]:
    """``routine-load serve`` on free ports with a data directory of its own, stopped by SIGTERM."""
    home = Path(tempfile.mkdtemp(prefix="routine-load-example-"))
    log = home / "stderr.log"
    flags = ["--data-dir", str(home / "data"), "--mysql-port", "0", "--http-port", "0", "--compat", compat]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "routine_load", "serve", *flags], stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    try:
        ready = _first_line(process)
        yield Service(ready["mysql_port"], ready["http_port"], process)
        _stop(process)
    except (RoutineLoadError, Differs) as error:
        error.add_note(f"the service's log ends with:\n{_tail(log)}")
        raise
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        shutil.rmtree(home, ignore_errors=True)


class Player:
    """Plays examples on one connection."""

    def __init__(self, connection: routine_load.Connection, broker: Broker, *, topic_suffix: str = "") -> None:
        self._connection = connection
        self._broker = broker
        self._topic_suffix = topic_suffix
        self.after_step: Callable[[Example, dict[str, Any]], None] = lambda _example, _step: None

    def play(self, example: Example) -> None:
        """Do every step. Raises Differs, or the service's own error."""
        self._broker.create_topic(example.topic + self._topic_suffix, example.partitions)
        for step in example.steps:
            self._step(example, step)
            self.after_step(example, step)

    def _step(self, example: Example, step: dict[str, Any]) -> None:
        match step:
            case {"run": script}:
                for statement in self.statements(example, script):
                    self._connection.execute(statement)
            case {"produce": messages}:
                self._produce(example, messages, step)
            case {"wait_rows": rows}:
                self._connection.wait(example.job, loaded_rows=rows, timeout=_STEP_S)
            case {"wait_state": state}:
                self._wait_state(example, state)
            case {"query": query, "expect": expected}:
                found = [list(map(_text, row)) for row in self._connection.query(query)]
                compare(found, example.folder / expected)
            case _:
                raise ValueError(f"{example.name}: unknown step {step}")

    def statements(self, example: Example, script: str) -> list[str]:
        """The statements of a script, with the broker's address and this run's topic put in."""
        text = (example.folder / script).read_text().replace("${BROKERS}", self._broker.bootstrap)
        text = text.replace(f'"{example.topic}"', f'"{example.topic}{self._topic_suffix}"')
        return [part for part in re.split(r";\s*(?:\n|$)", text) if part.strip()]

    def _produce(self, example: Example, messages: str, step: dict[str, Any]) -> None:
        """One message a line: with its key to the partition of the key, to those listed, or dealt out in turn."""
        topic = example.topic + self._topic_suffix
        for number, line in enumerate((example.folder / messages).read_bytes().splitlines()):
            key = line.split(b",")[step["key"]] if "key" in step else None
            if key is not None:
                partition = zlib.crc32(key) % example.partitions
            else:
                among = step.get("to_partitions", range(example.partitions))
                partition = among[number % len(among)]
            self._broker.produce(topic, [line], partition=partition, key=key)

    def _wait_state(self, example: Example, state: str) -> None:
        give_up = time.monotonic() + _STEP_S
        seen = ""
        while time.monotonic() < give_up:
            seen = self._connection.query(f"SHOW ALL ROUTINE LOAD FOR {example.job}").dicts()[-1]["State"]
            if seen == state:
                return
            time.sleep(0.05)
        raise Differs(f"{example.job} is {seen}, not {state}")


def compare(found: list[list[str]], expected: Path) -> None:
    """Rows as text against a CSV file with a header."""
    _, *wanted = csv.reader(io.StringIO(expected.read_text()))
    if found != wanted:
        lines = [f"{expected.parent.name}/{expected.name} is not what the table holds"]
        lines += [f"  missing: {row}" for row in wanted if row not in found]
        lines += [f"  not expected: {row}" for row in found if row not in wanted]
        raise Differs("\n".join(lines))


def _text(value: Any) -> str:
    """A value as expected.csv has it: NULL is empty, 895.0 is 895."""
    if value is None:
        return ""
    return format(value, ".15g") if isinstance(value, float) else str(value)


def _first_line(process: subprocess.Popen[str]) -> dict[str, int]:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(_START_S) else ""
    if not line:
        raise Differs("the service did not become ready")
    ready: dict[str, int] = json.loads(line)
    return ready


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    code = process.wait(_STOP_S)
    if code != 0:
        raise Differs(f"the service ended with {code} after SIGTERM, not with 0")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:]
