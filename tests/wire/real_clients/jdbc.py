"""Connector/J and MariaDB Connector/J: one Java program for all of them, told line by line what to do."""

from __future__ import annotations

import base64
import itertools
import re
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from real_clients.jars import classpath
from real_clients.session import Login, Place, Refused
from routine_load.ids import Compat

PROGRAM = Path(__file__).with_name("JdbcTalk.java")
_NUMBERS = itertools.count(1)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("T", " ")[:26].ljust(26, "0") if "." in text else text)


def _duration(text: str) -> timedelta:
    hours, minutes, seconds = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))


_READ: dict[str, Any] = {
    **dict.fromkeys(("Byte", "Short", "Integer", "Long", "BigInteger"), int),
    **dict.fromkeys(("Float", "Double"), float),
    "Boolean": lambda text: text == "true",
    "BigDecimal": Decimal,
    "String": str,
    "Timestamp": _moment,
    "LocalDateTime": _moment,
    "Date": date.fromisoformat,
    "LocalDate": date.fromisoformat,
    "Time": _duration,
    "byte[]": base64.b64decode,
}


class Java:
    """A running program, started when it is first spoken to; one at a time speaks to it."""

    def __init__(self, command: Callable[[], Sequence[str]]) -> None:
        self._command = command
        self._program: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def tell(self, *words: str) -> list[list[str | None]]:
        """The lines of an answer. Raises Refused."""
        with self._lock:
            program = self._program or self._start()
            program.stdin.write(" ".join("+" + base64.b64encode(word.encode()).decode() for word in words) + "\n")
            program.stdin.flush()
            lines = []
            while True:
                line = program.stdout.readline()
                assert line, "the Java program ended"
                told = [None if word == "-" else base64.b64decode(word[1:]).decode() for word in line.split()]
                if told[0] == "ok":
                    return lines
                if told[0] == "error":
                    raise Refused(int(told[1]), told[2], told[3] or "")
                lines.append(told)

    def _start(self) -> subprocess.Popen[str]:
        options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Duser.timezone=UTC"]
        self._program = subprocess.Popen(
            ["java", *options, *self._command()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        return self._program

    def close(self) -> None:
        program, self._program = self._program, None
        if program is not None:
            program.stdin.close()
            program.wait(30)
            program.stdout.close()


JAVA = Java(lambda: ["-Xmx256m", "-cp", classpath(), str(PROGRAM)])


class JdbcSession:
    def __init__(self, url: str, login: Login) -> None:
        self._name = f"connection {next(_NUMBERS)}"
        self._url = url
        self.tell("open", url, login.user, login.password)

    def tell(self, *words: str) -> list[list[str | None]]:
        return JAVA.tell(self._name, *words)

    def results(self, *words: str) -> list[tuple[list[str], list[tuple[Any, ...]]]]:
        """Names and rows of each table of the answer."""
        found: list[tuple[list[str], list[tuple[Any, ...]]]] = []
        for kind, *told in self.tell(*words):
            if kind == "names":
                found.append((told, []))
            elif kind == "row":
                pairs = zip(told[::2], told[1::2], strict=True)
                found[-1][1].append(tuple(None if sort is None else _READ[sort](text) for sort, text in pairs))
        return found

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        found = self.results("query", text, "0")
        return found[-1][1] if found else []

    def names(self, text: str) -> list[str]:
        return self.results("query", text, "0")[-1][0]

    def several(self, text: str) -> list[list[tuple[Any, ...]]]:
        return [rows for _, rows in self.results("query", text, "0")]

    def prepared(self, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        words = [f"i{value}" if isinstance(value, int) else "n" if value is None else f"s{value}" for value in values]
        return self.results("prepared", text, *words)[-1][1]

    parameters = prepared

    def affected(self, text: str) -> int:
        return int(self.tell("query", text, "0")[0][1])

    def fetched(self, text: str, size: int) -> list[tuple[Any, ...]]:
        return self.results("query", text, str(size))[-1][1]

    def use(self, database: str) -> None:
        self.tell("use", database)

    def encrypted(self) -> bool:
        return bool(self.rows("SHOW STATUS LIKE 'Ssl_cipher'")[0][1])

    def transaction(self) -> None:
        assert [rows for _, rows in self.results("transaction")] == [[(1,)], [(2,)]]

    def alive(self) -> bool:
        return self.tell("valid")[0][2] == "true"

    def look(self, *words: str) -> list[dict[str, Any]]:
        """What DatabaseMetaData tells, by the names of its columns."""
        names, rows = self.results(*words)[0]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def databases(self) -> list[str]:
        return [row["TABLE_CAT"] for row in self.look("catalogs")]

    def tables(self, database: str) -> list[str]:
        return [row["TABLE_NAME"] for row in self.look("tables", database)]

    def columns(self, database: str, table: str) -> dict[str, str]:
        return {row["COLUMN_NAME"]: row["TYPE_NAME"].lower() for row in self.look("columns", database, table)}

    def close(self) -> None:
        try:
            self.tell("close")
        except Refused:
            return


class Jdbc:
    family = "JDBC"
    modes: Sequence[Compat] = tuple(Compat)
    pinned = True
    is_terminal = False
    lacks: Mapping[str, str] = {}

    type_names: ClassVar[Mapping[str, str]] = {
        "c_largeint (doris)": "int",
        "c_array (doris)": "int",
    }
    """Of a server that calls itself 5.7 it takes the first MySQL name that it finds within a type's."""
    jar = "mysql-connector-j"

    def __init__(self, name: str, options: str) -> None:
        self.name, self._options = name, options

    def version(self) -> str:
        found = re.search(
            rf"{self.jar}-([\d.]+)\.jar", " ".join(map(str, Path(classpath().removesuffix("/*")).iterdir()))
        )
        return found[1]

    def connect(self, place: Place, login: Login) -> JdbcSession:
        return JdbcSession(self.url(place, login), login)

    def url(self, place: Place, login: Login) -> str:
        return f"jdbc:mysql://127.0.0.1:{place.port}/{login.database}?allowMultiQueries=true" + "".join(
            f"&{option}" for option in [*self._tls(place, login), self._options] if option
        )

    def _tls(self, place: Place, login: Login) -> list[str]:
        native = ["defaultAuthenticationPlugin=mysql_native_password"] if login.native else []
        if login.tls == "verified":
            return ["sslMode=VERIFY_CA", f"trustCertificateKeyStoreUrl=file:{place.truststore}", *_STORE, *native]
        return ["sslMode=REQUIRED" if login.tls else "sslMode=DISABLED&allowPublicKeyRetrieval=true", *native]

    def close(self) -> None:
        JAVA.close()


_STORE = ["trustCertificateKeyStorePassword=changeit"]


class MariaDbJdbc(Jdbc):
    lacks: ClassVar[Mapping[str, str]] = {
        "getPrimaryKeys (doris)": "it looks for `PRI` in `information_schema.columns`, where Doris says `UNI`",
    }
    type_names: ClassVar[Mapping[str, str]] = {"c_string (doris)": "string"}
    jar = "mariadb-java-client"

    def url(self, place: Place, login: Login) -> str:
        tls = {None: "disable&allowPublicKeyRetrieval=true", "on": "trust", "verified": "verify-full"}[login.tls]
        tls += f"&serverSslCert={place.certificate}" if login.tls == "verified" else ""
        return f"jdbc:mariadb://127.0.0.1:{place.port}/{login.database}?allowMultiQueries=true&sslMode={tls}"
