r"""Tables, jobs and messages, and what a user then sees: the format of ``load_served/*.case``.

A file is for one vendor's mode: the first word of its name says which (``doris_json.case``). Cases are apart by an empty
line; each has a database, a topic and a job ``j`` of its own. ``# `` begins it and says ``<Vendor> <section>: <rule>``;
``##`` is a comment; a line that begins with two blanks continues the one before. The rest is done from top to bottom:

* ``topic 3`` — its partitions, where they are more than one
* ``table t (…) …`` — ``CREATE TABLE t (…) …``; ``DUPLICATE KEY`` and ``DISTRIBUTED BY`` may be left out
* ``sql …`` — a statement; a line ``error …`` behind it says that it fails, with that in its text
* ``job ON t …`` — ``CREATE ROUTINE LOAD j ON t …``; what reads the topic from its beginning is added unless it has a
  ``FROM KAFKA`` of its own, in which ``{usual}`` stands for broker and topic
* ``> text`` — a message, with ``\n \t \\ \x01`` as in load/*.case; ``>1 text`` goes to partition 1; ``>@9000 text`` is
  of that time, in milliseconds; ``tombstone`` has no value
* ``until State: PAUSED`` — waits for that

and what is expected, as soon as all messages are read or the job is PAUSED or CANCELLED:

* ``row 1 | NULL | x`` — the rows of ``t``, in any order, or of the ``query`` before them, in its order; ``no rows``
* ``counts total loaded error unselected`` — of ``Statistic``
* ``reject 4 [v] …`` — offset, column and reason of each row of ``information_schema.routine_load_rejects``
* ``log …`` — each line of the texts at ``ErrorLogUrls`` contains that
* ``State: PAUSED`` and any other answer of served_cases, about ``SHOW ROUTINE LOAD FOR j``

Whatever a case says, counts must add up, each error row must be kept, and the log must be what the system tables say.
"""

from __future__ import annotations

import json
import re
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql
from case_files import Case
from function_cases import unescaped
from served_cases import Answer, misfit

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.ids import Compat
from routine_load.testing import EmbeddedKafka

FOLDER = Path(__file__).parent / "load_served"
PATIENCE_S = 30.0
AT_ONCE = 12
EXPECTED = ("row ", "no rows", "counts ", "reject ", "log ", "no log")
ACTIONS = ("topic ", "table ", "sql ", "job ", ">", "tombstone", "until ")
FINAL = {"PAUSED", "CANCELLED", "STOPPED"}


class Loads:
    """One coordinator with both doors open, and a broker."""

    def __init__(self, directory: Path, compat: Compat) -> None:
        self.compat, self.kafka = compat, EmbeddedKafka()
        settings = Settings(data_dir=directory, compat=compat, mysql_port=0, http_port=0)
        self.coordinator = Coordinator(settings)
        self.coordinator.start()

    def close(self) -> None:
        self.coordinator.stop(drain=False)
        self.kafka.close()

    def connect(self) -> pymysql.Connection[Any]:
        port = self.coordinator.ports[0]
        assert port is not None
        return pymysql.connect(host="127.0.0.1", port=port, user="root", ssl_disabled=True)

    def play(self, case: Case) -> list[str]:
        """What did not come out as the case says, in words."""
        player = Player(self, re.sub(r"\W", "_", case.place))
        try:
            return player.play(case)
        except (pymysql.MySQLError, AssertionError) as error:
            return [f"{type(error).__name__}: {error}"]
        finally:
            player.close()


@dataclass(slots=True)
class Player:
    """One case's client."""

    loads: Loads
    name: str
    connection: Any = None
    produced: dict[int, int] = field(default_factory=dict)
    sent: int = 0
    partitions: int = 0
    error: str = ""
    query: str = ""

    def play(self, case: Case) -> list[str]:
        self.connection = self.loads.connect()
        self.ask(f"CREATE DATABASE {self.name}", f"USE {self.name}")
        wrong: list[str] = []
        lines = list(case.lines)
        while lines:
            line = lines.pop(0)
            if line.startswith(ACTIONS):
                self._act(line)
                assert not self.error or (lines and lines[0].startswith("error ")), self.error
            elif line.startswith("error "):
                told, self.error = self.error, ""
                if line.removeprefix("error ") not in told:
                    wrong.append(f"expected: {line}\nanswered: {told or 'no error'}")
            elif line.startswith("query "):
                self.query = line.removeprefix("query ")
            else:
                expected = [line]
                while lines and not lines[0].startswith((*ACTIONS, "query ")):
                    expected.append(lines.pop(0))
                wrong += self._compare(expected)
                self.query = ""
        return wrong

    def close(self) -> None:
        if self.connection is not None:
            for name in self.try_asking("SHOW ROUTINE LOAD").values("Name"):
                self.try_asking(f"STOP ROUTINE LOAD FOR `{name}`")
            self.connection.close()

    def ask(self, *statements: str) -> Answer:
        answer = Answer()
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                columns = tuple(part[0] for part in cursor.description or ())
                answer = Answer(columns=columns, rows=[tuple(row) for row in cursor.fetchall()])
        return answer

    def try_asking(self, statement: str) -> Answer:
        try:
            return self.ask(statement)
        except pymysql.MySQLError as error:
            self.error = f"ERROR {error.args[0]}: {error.args[1]}"
            return Answer(columns=("Name",))

    def _act(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "topic":
            self._topic(int(rest))
        elif word == "table":
            self.try_asking(f"CREATE TABLE {rest}")
        elif word == "sql":
            self._topic()
            self.try_asking(self._said(rest))
        elif word == "job":
            self._topic()
            begins = 'FROM KAFKA ({usual}, "property.kafka_default_offsets" = "OFFSET_BEGINNING")'
            self.try_asking(self._said(f"CREATE ROUTINE LOAD j {rest} {'' if 'FROM KAFKA' in rest else begins}"))
        elif word == "until":
            self._until(rest)
        else:
            self._produce(word, rest)

    def _said(self, text: str) -> str:
        usual = f'"kafka_broker_list" = "{self.loads.kafka.bootstrap}", "kafka_topic" = "{self.name}"'
        return text.replace("{usual}", usual).replace("{topic}", self.name)

    def _topic(self, partitions: int = 1) -> None:
        if not self.partitions:
            self.partitions = partitions
            self.loads.kafka.create_topic(self.name, partitions)

    def _produce(self, word: str, text: str) -> None:
        self._topic()
        partition, when = 0, 0
        if word.startswith(">@"):
            when = int(word[2:])
        elif word[1:].isdigit():
            partition = int(word[1:])
        value = None if word == "tombstone" else unescaped(text)
        timed = {"timestamp_ms": when} if when else {}
        self.loads.kafka.produce(self.name, [value], partition=partition, **timed)
        self.produced[partition] = self.produced.get(partition, 0) + 1

    def _until(self, expected: str) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while found := misfit(expected, shown := self.ask("SHOW ALL ROUTINE LOAD FOR j"), shown):
            assert time.monotonic() < give_up, f"waited for {expected}, at last it was {found}\n{shown}"
            time.sleep(0.05)
        self.sent = sum(self.produced.values())

    def _settled(self) -> Answer:
        """SHOW as soon as everything that was produced is read, or the job reads no more."""
        give_up = time.monotonic() + PATIENCE_S
        while True:
            shown = self.ask("SHOW ALL ROUTINE LOAD FOR j")
            state, progress = shown.values("State")[-1], json.loads(shown.values("Progress")[-1])
            behind = {str(p): str(n - 1) for p, n in self.produced.items()}.items() - progress.items()
            if state in FINAL or not behind or sum(self.produced.values()) == self.sent:
                self.sent = sum(self.produced.values())
                return shown
            assert time.monotonic() < give_up, f"still waiting for {dict(behind)}: {shown}"
            time.sleep(0.05)

    def _compare(self, expected: list[str]) -> list[str]:
        shown = self._settled()
        wrong = self._always(shown)
        groups = {word: [line for line in expected if line.startswith(word)] for word in EXPECTED}
        if groups["row "] or groups["no rows"]:
            answer = self.ask(self.query or "SELECT * FROM t")
            rows = [f"row {' | '.join(map(printed, row))}" for row in answer.rows]
            wanted = groups["row "]
            if not self.query:
                rows, wanted = sorted(rows), sorted(wanted)
            wrong += _differences(wanted, rows)
        if groups["counts "]:
            wrong += _differences(groups["counts "], ["counts {} {} {} {}".format(*_counts(shown))])
        if groups["reject "]:
            wrong += _differences(groups["reject "], self._rejects())
        if groups["log "] or groups["no log"]:
            told, said = self._log(shown), [line.removeprefix("log ") for line in groups["log "]]
            if len(told) != len(said) or any(part not in line for part, line in zip(said, told, strict=False)):
                wrong += _differences(said, told)
        others = [line for line in expected if not line.startswith(EXPECTED)]
        last = Answer(columns=shown.columns, rows=shown.rows[-1:])
        return wrong + [
            f"expected: {line}\nanswered: {found}" for line in others if (found := misfit(line, last, last))
        ]

    def _always(self, shown: Answer) -> list[str]:
        total, loaded, error, unselected = _counts(shown)
        wrong = [] if total == loaded + error + unselected else ["counts do not add up"]
        if len(shown.rows) == 1 and len(kept := self._rejects()) != error:
            wrong.append(f"{error} error rows, kept are {kept}")
        if error and not shown.values("ErrorLogUrls")[-1]:
            wrong.append("error rows, and no ErrorLogUrls")
        if "TrackingSQL" in shown.columns and (sql := shown.values("TrackingSQL")[-1]):
            logged = "".join(str(row[0]) for row in self.ask(sql).rows)
            wrong += _differences(self._log(shown), logged.splitlines())
        return wrong

    def _rejects(self) -> list[str]:
        answer = self.ask(
            "SELECT `offset`, column_name, reason FROM information_schema.routine_load_rejects"
            f" WHERE database_name = '{self.name}' ORDER BY `partition`, `offset`"
        )
        return [f"reject {offset} [{column or ''}] {reason}" for offset, column, reason in answer.rows]

    def _log(self, shown: Answer) -> list[str]:
        urls = [url for url in shown.values("ErrorLogUrls")[-1].split(", ") if url]
        texts = []
        for url in urls:
            with urllib.request.urlopen(url, timeout=10) as response:
                texts.append(response.read().decode())
        return "".join(texts).splitlines()


def _counts(shown: Answer) -> tuple[int, ...]:
    told = json.loads(shown.values("Statistic")[-1])
    return tuple(told[key] for key in ("totalRows", "loadedRows", "errorRows", "unselectedRows"))


def _differences(wanted: list[str], found: list[str]) -> list[str]:
    if wanted == found:
        return []
    return ["\n".join([*(f"expected: {line}" for line in wanted), *(f"answered: {line}" for line in found)])]


def printed(value: object) -> str:
    """A value as the rows of a case have it."""
    if value is None:
        return "NULL"
    text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
    return text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t").replace("\0", "\\x00")
