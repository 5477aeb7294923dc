"""Clients that load by HTTP: StarRocks' SDK, both vendors' connectors for Flink, pydoris and curl."""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree as ET

from real_clients.apart import ROOT, apart
from real_clients.apart import folder as packages
from real_clients.jars import folder
from real_clients.jdbc import Java
from real_clients.session import Login, NotHere, Place, Refused
from routine_load.ids import Compat

SOURCES = Path(__file__).with_name("java")
POMS = ROOT / "scripts" / "loaders"
_NONE = "it has none"
_ONE_TABLE = "a load is of one table"
_JOBS = "its jobs decide that themselves"
_NO_JOB = "it loads what it is told, once"
DELETE_SIGN = "__DORIS_DELETE_SIGN__"


class Loader:
    """One program with one way to load."""

    family = "loader"
    is_terminal = False
    pinned = True
    type_names: ClassVar[Mapping[str, str]] = {}

    def __init__(self, name: str, modes: Sequence[Compat], lacks: Mapping[str, str]) -> None:
        self.name, self.modes, self.lacks = name, modes, lacks

    def version(self) -> str:
        raise NotImplementedError

    def connect(self, place: Place, login: Login) -> Any:
        return LoaderSession(self, place, login)

    def load(self, place: Place, login: Login, form: str, rows: Sequence[tuple[str, str]]) -> None:
        """``rows`` are pairs of a table and a row, a JSON object or CSV. Raises Refused."""
        raise NotImplementedError

    def prepare(self, place: Place, login: Login, form: str, rows: Sequence[tuple[str, str]]) -> str:
        """A load that is not committed: what ``decide`` takes. Raises Refused."""
        raise NotImplementedError

    def decide(self, place: Place, login: Login, prepared: str, *, commit: bool) -> None:
        raise NotImplementedError

    def fail(self, place: Place, login: Login, form: str, table: str, rows: int, rate: int) -> None:
        """A job of that many rows, at a rate per second, that breaks down on its way and starts again."""
        raise NotImplementedError

    def close(self) -> None:
        return


class LoaderSession:
    def __init__(self, loader: Loader, place: Place, login: Login) -> None:
        self._loader, self._place, self._login = loader, place, login

    def load(self, form: str, *rows: tuple[str, str]) -> None:
        self._loader.load(self._place, self._login, form, rows)

    def prepare(self, form: str, *rows: tuple[str, str]) -> str:
        return self._loader.prepare(self._place, self._login, form, rows)

    def decide(self, prepared: str, *, commit: bool) -> None:
        self._loader.decide(self._place, self._login, prepared, commit=commit)

    def fail(self, form: str, table: str, rows: int, rate: int) -> None:
        self._loader.fail(self._place, self._login, form, table, rows, rate)

    def close(self) -> None:
        self._loader.close()


class JavaLoader(Loader):
    """A program of ours around a vendor's library, compiled when it is first needed."""

    def __init__(
        self, name: str, program: str, poms: Sequence[str], modes: Sequence[Compat], lacks: Mapping[str, str]
    ) -> None:
        super().__init__(name, modes, lacks)
        self._program, self._poms = program, poms
        self._classes: tempfile.TemporaryDirectory[str] | None = None
        self.java = Java(self._command)

    def version(self) -> str:
        for pom in self._poms:
            folder(POMS / f"{pom}.xml", f"loaders/{pom}")
        tree = ET.parse(POMS / f"{self._poms[0]}.xml")
        return tree.findtext(".//{*}dependency/{*}version") or ""

    def _command(self) -> list[str]:
        jars = [f"{folder(POMS / f'{pom}.xml', f'loaders/{pom}')}{os.sep}*" for pom in self._poms]
        sources = ["Told", self._program] + (["FlinkJobs"] if self._program.startswith("Flink") else [])
        self._classes = tempfile.TemporaryDirectory(prefix="rl-loader-")
        compiled = ["javac", "-nowarn", "-d", self._classes.name, "-cp", os.pathsep.join(jars)]
        subprocess.run([*compiled, *(str(SOURCES / f"{each}.java") for each in sources)], check=True, timeout=120)
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"
        return ["-Xmx512m", quiet, "-cp", os.pathsep.join([*jars, self._classes.name]), self._program]

    def close(self) -> None:
        self.java.close()
        if self._classes is not None:
            self._classes.cleanup()


class Sdk(JavaLoader):
    """StarRocks' stream load SDK, which the Kafka, Flink and Spark connectors are built on."""

    def __init__(self, how: str, lacks: Mapping[str, str]) -> None:
        lacks = {"A job that breaks down and starts again: every row once": _NO_JOB} | lacks
        super().__init__(f"StarRocks SDK, {how}", "StreamLoadSdk", ["stream-load-sdk"], (Compat.STARROCKS,), lacks)
        self._how = how

    def _words(self, verb: str, place: Place, login: Login, form: str, rows: Sequence[tuple[str, str]]) -> list[str]:
        where = [f"http://127.0.0.1:{place.http_port}", login.user, login.password, self._how, form, "shop"]
        return [verb, *where, *(word for row in rows for word in row)]

    def load(self, place: Place, login: Login, form: str, rows: Sequence[tuple[str, str]]) -> None:
        self.java.tell(*self._words("load", place, login, form, rows))

    def prepare(self, place: Place, login: Login, form: str, rows: Sequence[tuple[str, str]]) -> str:
        return self.java.tell(*self._words("prepare", place, login, form, rows))[0][0]

    def decide(self, place: Place, login: Login, prepared: str, *, commit: bool) -> None:
        self.java.tell("commit" if commit else "abort", prepared)


class Flink(JavaLoader):
    """A Flink of one process, with a vendor's sink."""

    def __init__(self, vendor: Compat) -> None:
        name = {Compat.STARROCKS: "StarRocks", Compat.DORIS: "Doris"}[vendor]
        lacks = {
            "Rows of several tables": _ONE_TABLE,
            "A prepared load is seen after its commit, and never after its rollback": _JOBS,
        }
        poms = [f"flink-{vendor}", "flink"]
        super().__init__(f"Flink connector, {name}", f"Flink{name}", poms, (vendor,), lacks)

    @staticmethod
    def _where(place: Place, login: Login) -> list[str]:
        return [f"127.0.0.1:{place.http_port}", f"127.0.0.1:{place.port}", login.user, login.password]

    def load(self, place: Place, login: Login, form: str, rows: Sequence[tuple[str, str]]) -> None:
        ((table),) = {table for table, _ in rows}
        self.java.tell("load", *self._where(place, login), form, "shop", table, *(row for _, row in rows))

    def fail(self, place: Place, login: Login, form: str, table: str, rows: int, rate: int) -> None:
        told = self.java.tell("fail", *self._where(place, login), form, "shop", table, str(rows), str(rate))
        assert told == [["failed once"]]


class Pydoris(Loader):
    """The client for Stream Load in the package ``pydoris``."""

    def __init__(self) -> None:
        lacks = {
            "Rows of several tables": _ONE_TABLE,
            "A refused load tells why": "it tells only that the load failed",
            "A prepared load is seen after its commit, and never after its rollback": _NONE,
            "A job that breaks down and starts again: every row once": _NO_JOB,
        }
        super().__init__("pydoris DorisClient", (Compat.DORIS,), lacks)

    def version(self) -> str:
        (found,) = importlib.metadata.distributions(name="pydoris", path=[str(packages("mysqlclient"))])
        return found.version

    def load(self, place: Place, login: Login, form: str, rows: Sequence[tuple[str, str]]) -> None:
        apart("mysqlclient")
        from pydoris.doris_client import DorisClient

        client = DorisClient("127.0.0.1", str(place.http_port), login.user, login.password)
        if form == "json":
            client.options.set_json_format().set_option("hidden_columns", DELETE_SIGN)
            client.options.set_option("strip_outer_array", "true")
        else:
            client.options.set_csv_format(",")
        client.options.set_auto_uuid_label()
        ((table),) = {table for table, _ in rows}
        told = io.StringIO()
        try:
            with redirect_stdout(told):
                done = client.write("shop", table, body(form, rows))
        except KeyError as error:  # what it makes of an answer without a status
            raise Refused(0, None, "no status") from error
        if not done:
            raise Refused(0, None, "the load failed")


class Curl(Loader):
    """The commands of the manuals."""

    pinned = False

    def __init__(self) -> None:
        lacks = {
            "Rows of several tables": _ONE_TABLE,
            "A job that breaks down and starts again: every row once": _NO_JOB,
        }
        super().__init__("curl", tuple(Compat), lacks)

    def version(self) -> str:
        if shutil.which("curl") is None:
            raise NotHere("curl is not installed")
        told = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
        return re.match(r"curl ([\d.]+)", told)[1]

    @staticmethod
    def _told(place: Place, login: Login, path: str, *words: str, content: bytes = b"") -> dict[str, Any]:
        command = [
            "curl",
            "-sS",
            "--location-trusted",
            "-u",
            f"{login.user}:{login.password}",
            "-H",
            "Expect:100-continue",
        ]
        command += [*words, f"http://127.0.0.1:{place.http_port}/api/{path}"]
        done = subprocess.run(command, input=content, capture_output=True, timeout=60, check=True)
        told = {key.lower(): value for key, value in json.loads(done.stdout).items()}
        if told.get("status") not in ("Success", "OK"):
            reason = told.get("message", told.get("msg", told.get("data")))
            log = told.get("errorurl")
            if log is not None:
                log = subprocess.run(
                    ["curl", "-sS", log], capture_output=True, text=True, check=True, timeout=60
                ).stdout
            raise Refused(0, None, f"{reason}; {log}")
        return told

    @staticmethod
    def _headers(place: Place, form: str) -> list[str]:
        found = ["format:csv", "column_separator:,"]
        if form == "json":
            found = ["format:json", "strip_outer_array:true"]
            if place.compat is Compat.DORIS:
                found.append(f"hidden_columns:{DELETE_SIGN}")
        return [word for header in found for word in ("-H", header)]

    def load(self, place: Place, login: Login, form: str, rows: Sequence[tuple[str, str]]) -> None:
        ((table),) = {table for table, _ in rows}
        words = ["-T", "-", *self._headers(place, form)]
        self._told(place, login, f"shop/{table}/_stream_load", *words, content=body(form, rows))

    def prepare(self, place: Place, login: Login, form: str, rows: Sequence[tuple[str, str]]) -> str:
        ((table),) = {table for table, _ in rows}
        label = f"curl-{uuid.uuid4()}"
        words = ["-H", f"label:{label}"]
        load = ["-T", "-", *words, *self._headers(place, form)]
        if place.compat is Compat.DORIS:
            load += ["-H", "two_phase_commit:true"]
            told = self._told(place, login, f"shop/{table}/_stream_load", *load, content=body(form, rows))
            return str(told["txnid"])
        words += ["-H", "db:shop", "-H", f"table:{table}"]
        self._told(place, login, "transaction/begin", "-XPOST", *words)
        self._told(place, login, "transaction/load", *load, *words[2:], content=body(form, rows))
        self._told(place, login, "transaction/prepare", "-XPOST", *words)
        return label

    def decide(self, place: Place, login: Login, prepared: str, *, commit: bool) -> None:
        if place.compat is Compat.DORIS:
            words = ["-XPUT", "-H", f"txn_id:{prepared}", "-H", f"txn_operation:{'commit' if commit else 'abort'}"]
            self._told(place, login, "shop/_stream_load_2pc", *words)
        else:
            words = ["-XPOST", "-H", f"label:{prepared}", "-H", "db:shop"]
            self._told(place, login, f"transaction/{'commit' if commit else 'rollback'}", *words)


def body(form: str, rows: Sequence[tuple[str, str]]) -> bytes:
    texts = [row for _, row in rows]
    return (f"[{','.join(texts)}]" if form == "json" else "\n".join(texts)).encode()


def loaders() -> list[Loader]:
    direct = {"A prepared load is seen after its commit, and never after its rollback": _NONE}
    return [
        Curl(),
        Sdk("transactions", {}),
        Sdk("direct", direct),
        Flink(Compat.STARROCKS),
        Flink(Compat.DORIS),
        Pydoris(),
    ]
