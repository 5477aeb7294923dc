"""Statements and what a client is answered, over a real MySQL connection: the format of ``statements_served/*.case``.

A file is for one vendor's mode: the first word of its name says which (``starrocks_properties.case``). ``# `` begins a
rule, ``<Vendor>: <rule>``; each case below it is a case of that rule. Other lines that begin with ``#`` and a second
``#`` are comments. A case is

* one line, ``statement  =>  answer  &&  answer …`` with two blanks around the arrows, or
* a block that ends at an empty line: each line ``> `` begins or continues a statement, the lines behind it answer it.
  Lines ``! `` prepare something (see ``PREPARATIONS``). ``~> `` begins a statement that is asked until its answers fit.

An answer is one of

* ``OK`` — no rows, and no error
* ``ERROR <number> (<SQLSTATE>): <text>`` — the whole text; ``@`` stands for a number, ``*`` at the end for any text
* ``COLUMNS a, b, c`` — names of all columns, in order
* ``ROWS n`` — how many rows
* ``Column: text`` — the first row's value, the whole of it; ``<NULL>`` is NULL, ``<blank>`` is the empty text
* ``Column.key: text`` — inside a column that holds JSON; ``<absent>`` where the key must not be there; a value that is
  no text is written as JSON
* ``Column{}: a, b`` — the keys of a JSON column, in any order
* ``Column[]: a, b`` — the values of all rows
* ``Column ~ pattern`` — a regular expression for the whole value; so is ``Column.key ~ pattern``

What is said of columns after a statement without rows is said of ``SHOW ROUTINE LOAD FOR {j}``.

In every text of a case these words in braces are replaced:

* ``{j}`` a job's name that no other case has; ``{topic}`` a topic of its own, once ``! topic n`` made it, else the
  common one, which has two partitions and three messages in each
* ``{usual}`` the two pairs of a data source list that have to be there; ``{from}`` is ``FROM KAFKA ({usual})``
* ``{create}`` is ``CREATE ROUTINE LOAD {j} ON t``, with a table ``t`` made for all cases (``TABLES``)
* ``{alter}`` is ``ALTER ROUTINE LOAD FOR {j}``; where a case begins with it, the job is made before, and PAUSED
* ``{id}`` and ``{brokers}``

Jobs that a case leaves behind are stopped after it. A new vendor needs files, tables in ``TABLES`` where it wants others,
and a test module that calls ``read_cases`` and ``Served.run``.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.ids import Compat
from routine_load.testing import EmbeddedKafka

FOLDER = Path(__file__).parent / "statements_served"
COMMON_TOPIC = "served"
PATIENCE_S = 20.0
ARROW, AND = "  =>  ", "  &&  "
TABLES = {
    "t": "(a INT, b VARCHAR(20), c INT) DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)",
    "pk": "(id INT NOT NULL, v INT, s VARCHAR(20), d DATETIME) PRIMARY KEY(id) DISTRIBUTED BY HASH(id)",
    "uk": "(id INT NOT NULL, v INT, s VARCHAR(20)) UNIQUE KEY(id) DISTRIBUTED BY HASH(id)",
    "parts": "(a INT, b VARCHAR(20)) DUPLICATE KEY(a) PARTITION BY RANGE(a) (PARTITION p1 VALUES LESS THAN ('10'), "
    "PARTITION p2 VALUES LESS THAN ('20')) DISTRIBUTED BY HASH(a)",
    "amounts": "(id INT NOT NULL, amt DECIMAL(12,2)) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)",
}
PREPARATIONS = """
! topic <partitions>            a topic of the case's own
! produce <partition> <text>    one message into it
! aged <seconds> <partition> <text>  one that is so many seconds old
! drop <partition> <offset>     what lies before that offset is gone, as by retention
! broker down | up              the broker refuses connections, or is there again
! table <name> <definition>     a table of the case's own, ``{j}`` in its name
! without database              a new connection that has not chosen a database
! as <user>                     a new connection of that user, without database
! setting <name> <value>        of the front end, until the case ends or it is said anew
! SQL <statement>               a statement that must not fail
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A statement or a preparation, and what is answered."""

    text: str
    answers: tuple[str, ...] = ()
    waits: bool = False
    prepares: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a rule: where it stands, and its steps."""

    rule: str
    place: str
    compat: Compat
    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """Everything that it says, to look for words in."""
        return "\n".join(line for step in self.steps for line in (step.text, *step.answers))


def read_cases(compat: Compat) -> list[Case]:
    """All cases of a vendor's files."""
    return [case for path in sorted(FOLDER.glob(f"{compat}_*.case")) for case in _cases_of(path, compat)]


def outcomes(cases: list[Case], key: str, *, altering: bool) -> set[bool]:
    """Whether statements of the cases that give this key are accepted (True) or refused."""
    begins = re.compile(r"\{alter\}|ALTER " if altering else r"\{create\}|CREATE ")
    return {
        not any(answer.startswith("ERROR") for answer in step.answers)
        for case in cases
        for step in case.steps
        if not step.prepares and begins.match(step.text) and f'"{key}" = "' in step.text
    }


def _cases_of(path: Path, compat: Compat) -> Iterator[Case]:
    rule, block, began = "", list[str](), 0
    for number, line in enumerate([*path.read_text().splitlines(), ""], 1):
        if line.startswith("##"):
            continue
        if line.startswith("# ") or not line.strip() or (ARROW in line and not block):
            if block:
                yield Case(rule, f"{path.stem}:{began}", compat, tuple(_steps(block)))
                block = []
            if line.startswith("# "):
                rule = line[2:]
            elif line.strip():
                text, _, answers = line.partition(ARROW)
                yield Case(rule, f"{path.stem}:{number}", compat, (Step(text, tuple(answers.split(AND))),))
            continue
        if not block:
            began = number
        block.append(line)


def _steps(lines: list[str]) -> Iterator[Step]:
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.startswith("! "):
            yield Step(line[2:], prepares=True)
            continue
        waits = line.startswith("~> ")
        assert waits or line.startswith("> "), f"neither a statement nor a preparation: {line}"
        text, answers = [line.partition("> ")[2]], list[str]()
        while at < len(lines) and lines[at].startswith("> "):
            text.append(lines[at][2:])
            at += 1
        while at < len(lines) and not lines[at].startswith(("> ", "~> ", "! ")):
            answers.append(lines[at])
            at += 1
        yield Step("\n".join(text), tuple(answers), waits)


@dataclass(slots=True)
class Answer:
    """What the client saw: rows by column name, or the error."""

    columns: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    error: str = ""

    def values(self, column: str) -> list[Any]:
        index = self.columns.index(column)
        return [row[index] for row in self.rows]


class Served:
    """One coordinator with its MySQL door open, and a client."""

    def __init__(self, directory: Path, kafka: EmbeddedKafka, compat: Compat) -> None:
        self.compat, self.kafka = compat, kafka
        settings = Settings(data_dir=directory, compat=compat, mysql_port=0, http_port=0, kafka_timeout_s=3.0)
        self.coordinator = Coordinator(settings)
        self.coordinator.start()
        self.numbers = itertools.count(1)
        self.settings: dict[str, str] = {}
        self.common = f"{COMMON_TOPIC}_{compat}"
        kafka.create_topic(self.common, 2)
        for partition in range(2):
            kafka.produce(self.common, [f"{i},x,{partition}" for i in range(3)], partition=partition)
        self.connection = self.connect(None)
        for statement in (
            "CREATE DATABASE d",
            "CREATE DATABASE other",
            *(f"CREATE TABLE d.{name} {columns}" for name, columns in TABLES.items()),
            "USE d",
        ):
            self.ask(statement, must=True)

    def close(self) -> None:
        self.connection.close()
        self.coordinator.stop(drain=False)

    def connect(self, database: str | None, user: str = "root") -> pymysql.Connection[Any]:
        port = self.coordinator.ports[0]
        assert port is not None
        return pymysql.connect(host="127.0.0.1", port=port, user=user, database=database, ssl_disabled=True)

    def ask(self, text: str, *, must: bool = False) -> Answer:
        with self.connection.cursor() as cursor:
            try:
                cursor.execute(text)
            except pymysql.MySQLError as error:
                if must:
                    raise
                number, said = error.args
                return Answer(error=f"ERROR {number} ({error.sqlstate}): {said}")
            columns = tuple(part[0] for part in cursor.description or ())
            return Answer(columns=columns, rows=[tuple(row) for row in cursor.fetchall()])

    def run(self, case: Case) -> None:
        """All steps of a case; raises AssertionError at the first answer that does not fit."""
        job = f"g{next(self.numbers)}"
        words = Words(job=job, brokers=self.kafka.bootstrap, topic=self.common)
        first = next(step for step in case.steps if not step.prepares)
        try:
            for step in case.steps:
                if step.prepares:
                    self._prepare(step.text, words)
                    continue
                if step is first and step.text.startswith("{alter}"):
                    self.ask(words.said("{create} {from}"), must=True)
                    self.ask(words.said("PAUSE ROUTINE LOAD FOR {j}"), must=True)
                self._step(step, words)
        finally:
            self._clean()

    def _step(self, step: Step, words: Words) -> None:
        until = time.monotonic() + PATIENCE_S
        while True:
            answer = self.ask(words.said(step.text))
            words.id = words.id or self._id(words)
            wrong = self._wrong(answer, step, words)
            if not wrong or not step.waits or time.monotonic() > until:
                break
            time.sleep(0.05)
        assert not wrong, "\n".join([words.said(step.text), *wrong])

    def _id(self, words: Words) -> str:
        shown = self.ask(f"SHOW ALL ROUTINE LOAD FOR d.{words.job}")
        return str(shown.values("Id")[0]) if shown.rows else ""

    def _wrong(self, answer: Answer, step: Step, words: Words) -> list[str]:
        """What does not fit, in words."""
        expected = [words.said(line) for line in step.answers]
        if answer.error or any(line.startswith("ERROR ") for line in expected):
            found = answer.error or ("OK" if not answer.columns else f"{len(answer.rows)} rows")
            fits = len(expected) == 1 and re.fullmatch(_error_pattern(expected[0]), found, re.DOTALL)
            return [] if fits else [f"expected: {line}\nanswered: {found}" for line in expected]
        told = answer
        if not answer.columns and any(line != "OK" for line in expected):
            told = self.ask(words.said("SHOW ROUTINE LOAD FOR {j}"), must=True)
        return [f"expected: {line}\nanswered: {found}" for line in expected if (found := misfit(line, told, answer))]

    def _prepare(self, text: str, words: Words) -> None:
        what, _, rest = words.said(text).partition(" ")
        if what == "topic":
            words.topic = f"{words.job}_{self.compat}"
            self.kafka.create_topic(words.topic, int(rest))
        elif what == "produce":
            partition, _, value = rest.partition(" ")
            self.kafka.produce(words.topic, [value], partition=int(partition))
        elif what == "aged":
            age, partition, value = rest.split(" ", 2)
            then = int(time.time() - int(age)) * 1000
            self.kafka.produce(words.topic, [value], partition=int(partition), timestamp_ms=then)
        elif what == "drop":
            self.kafka.delete_records(words.topic, *map(int, rest.split()))
        elif what == "broker":
            (self.kafka.down if rest == "down" else self.kafka.up)()
        elif what == "table":
            self.ask(f"CREATE TABLE {rest}", must=True)
        elif what in {"without", "as"}:
            self.connection.close()
            self.connection = self.connect(None, rest if what == "as" else "root")
        elif what == "setting":
            name, _, value = rest.partition(" ")
            was = self.ask(f"ADMIN SHOW FRONTEND CONFIG LIKE '{name}'", must=True).values("Value")[0]
            self.settings.setdefault(name, was)
            self.ask(f'ADMIN SET FRONTEND CONFIG ("{name}" = "{value}")', must=True)
        elif what == "SQL":
            self.ask(rest, must=True)
        else:
            raise AssertionError(f"no such preparation: {text}")

    def _clean(self) -> None:
        """Nothing of the case is left that another could see."""
        self.connection.close()
        self.connection = self.connect("d")
        for name, value in self.settings.items():
            self.ask(f'ADMIN SET FRONTEND CONFIG ("{name}" = "{value}")', must=True)
        self.settings.clear()
        for database in ("d", "other"):
            for name in self.ask(f"SHOW ROUTINE LOAD FROM {database}", must=True).values("Name"):
                self.ask(f"STOP ROUTINE LOAD FOR {database}.`{name}`", must=True)


@dataclass(slots=True)
class Words:
    """What stands for the words in braces."""

    job: str
    brokers: str
    topic: str
    id: str = ""

    def said(self, text: str) -> str:
        for word, value in (
            ("{create}", "CREATE ROUTINE LOAD {j} ON t"),
            ("{alter}", "ALTER ROUTINE LOAD FOR {j}"),
            ("{from}", "FROM KAFKA ({usual})"),
            ("{usual}", '"kafka_broker_list" = "{brokers}", "kafka_topic" = "{topic}"'),
            ("{brokers}", self.brokers),
            ("{topic}", self.topic),
            ("{j}", self.job),
            ("{id}", self.id),
        ):
            text = text.replace(word, value)
        return text


def misfit(line: str, told: Answer, answer: Answer) -> str:
    """What was found in the place of what the line says; empty where it fits."""
    if line == "OK":
        return "" if not answer.columns else f"{len(answer.rows)} rows"
    if line.startswith("COLUMNS "):
        return _unless(", ".join(answer.columns), line.removeprefix("COLUMNS "))
    if line.startswith("ROWS "):
        return _unless(str(len(answer.rows)), line.removeprefix("ROWS "))
    match = _VALUE.match(line)
    assert match, f"not an answer: {line}"
    if match["column"] not in told.columns:
        return f"columns {', '.join(told.columns)}"
    return _value_misfit(match, line[match.end() :], told.values(match["column"]))


_VALUE = re.compile(r"(?P<column>[^.:~{}\[\]]+?)(?:\.(?P<key>[^:~]+?))?(?P<kind>\{\}|\[\])?(?:: ?| (?P<like>~) )")


def _value_misfit(match: re.Match[str], wanted: str, values: list[Any]) -> str:
    if match["kind"] == "[]":
        return _unless(", ".join(map(_shown, values)), wanted)
    if not values:
        return "no rows"
    if match["kind"] == "{}":
        keys = sorted(wanted.split(", ")) if wanted else []
        return _unless(", ".join(sorted(json.loads(values[0]))), ", ".join(keys))
    found = _shown(values[0])
    if match["key"]:
        inside = json.loads(values[0])
        found = _shown_json(inside[match["key"]]) if match["key"] in inside else "<absent>"
    if match["like"]:
        return "" if re.fullmatch(wanted, found, re.DOTALL) else found
    return _unless(found, wanted)


def _error_pattern(line: str) -> str:
    """``@`` is a number, or itself: a column of the statement depends on how long the job's name is; ``*`` at the end any text."""
    text, star = (line[:-1], ".*") if line.endswith("*") else (line, "")
    return re.escape(text).replace("@", r"(?:\d+|@)") + star


def _unless(found: str, wanted: str) -> str:
    return "" if found == wanted else found or "<blank>"


def _shown(value: object) -> str:
    return "<NULL>" if value is None else "<blank>" if value == "" else str(value).replace("\n", "\\n")


def _shown_json(value: object) -> str:
    if isinstance(value, str):
        return "<blank>" if value == "" else value.replace("\n", "\\n").replace("\t", "\\t")
    return json.dumps(value, separators=(",", ":"))
