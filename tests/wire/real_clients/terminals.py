"""The mariadb shell and mycli: programs that read statements from a pipe and print tables.

Each is kept running. Behind every statement goes another one whose answer cannot be mistaken for the first one's.
"""

from __future__ import annotations

import itertools
import os
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from real_clients.apart import folder
from real_clients.session import Login, NotHere, Place, PlainSql, Refused
from routine_load.ids import Compat

_ERROR = re.compile(r"(?:ERROR (\d+) \((\w+)\)[^:]*: |\((\d+), ['\"])(.*)", re.DOTALL)
_GONE = re.compile(rb"ERROR 20(?:06|13) ")
_PATIENCE_S = 60
_marks = itertools.count(1)


class PipeSession(PlainSql):
    """A program between two pipes; its error stream is its output stream, so that both stay in order."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command, self._environment = command, environment
        self._program: subprocess.Popen[bytes] | None = None
        self._start()

    def _start(self) -> None:
        self._program = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | self._environment,
        )
        try:
            self._ask("SELECT 1")
        except Refused:
            self.close()
            raise

    def _ask(self, text: str) -> str:
        """What the program prints for a text, or Refused."""
        if self._program is None:
            self._start()
        assert self._program is not None
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        mark = f"mark-{next(_marks)}"
        told = b""
        try:
            self._program.stdin.write(self.written(text, mark).encode())
            self._program.stdin.flush()
        except BrokenPipeError:
            pass
        ending = f"{mark}\n{mark}\n".encode()
        while not told.endswith(ending):
            ready, _, _ = select.select([self._program.stdout], [], [], _PATIENCE_S)
            if not ready:
                self._program.kill()
                self.close()
                raise AssertionError(f"the program says no more after {told[-500:]!r}")
            piece = self._program.stdout.read1(65_536)
            if not piece or _GONE.search(told + piece):
                told += piece
                self.close()
                break
            told += piece
        shown = told.removesuffix(ending).decode(errors="replace")
        if match := _ERROR.search(shown):
            raise Refused(int(match[1] or match[3]), match[2], match[4].strip())
        if self._program is None:
            raise Refused(2013, None, f"the program ended: {shown[-500:]}")
        return shown

    def written(self, text: str, mark: str) -> str:
        raise NotImplementedError

    def tables_of(self, shown: str) -> list[list[tuple[str, ...]]]:
        raise NotImplementedError

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        found = self.tables_of(self._ask(text))
        return found[-1][1:] if found else []

    def names(self, text: str) -> list[str]:
        return list(self.tables_of(self._ask(text))[-1][0])

    def encrypted(self) -> bool:
        return "Cipher in use is" in self._ask("\\s")

    def status(self) -> str:
        return self._ask("\\s")

    def alive(self) -> bool:
        try:
            self.rows("SELECT 1")
        except Refused:
            return False
        return True

    def close(self) -> None:
        program, self._program = self._program, None
        if program is not None:
            program.stdin.close()
            program.wait(20)
            program.stdout.close()


class Terminal:
    family = "Terminals"
    modes: Sequence[Compat] = tuple(Compat)
    is_terminal = True
    type_names: Mapping[str, str] = {}

    def close(self) -> None:
        pass


class ShellSession(PipeSession):
    def written(self, text: str, mark: str) -> str:
        return f"delimiter ;;\n{text};;\ndelimiter ;\nSELECT '{mark}' AS '{mark}';\n"

    def tables_of(self, shown: str) -> list[list[tuple[str, ...]]]:
        lines = [tuple(map(_unescaped, line.split("\t"))) for line in shown.splitlines()]
        return [lines] if lines else []

    def several(self, text: str) -> list[list[tuple[Any, ...]]]:
        """Every result has one column and one row here."""
        lines = self._ask(text).splitlines()
        return [[(value,)] for value in lines[1::2]]


class MariaDbShell(Terminal):
    name = "mariadb shell"
    null = "NULL"
    binary = "\0\ufffd'\\"
    pinned = False
    lacks: ClassVar[Mapping[str, str]] = {
        "Server-side prepared statement": "it has none",
        "Parameters": "it has none",
        "Affected rows": "it tells them to people only",
    }

    def version(self) -> str:
        if shutil.which("mariadb") is None:
            raise NotHere("the mariadb shell is not installed")
        told = subprocess.run(["mariadb", "--version"], capture_output=True, text=True, check=True).stdout
        return re.search(r"\d+\.\d+\.\d+", told.partition("Distrib")[2] or told)[0]

    def connect(self, place: Place, login: Login) -> ShellSession:
        tls = {
            None: ["--skip-ssl"],
            "on": ["--ssl"],
            "verified": [f"--ssl-ca={place.certificate}", "--ssl-verify-server-cert"],
        }
        command = ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{place.port}", f"-u{login.user}", "--unbuffered"]
        command += ["--batch", "--force", "--default-character-set=utf8mb4", *tls[login.tls]]
        command += [f"-p{login.password}"] if login.password else []
        command += ["--default-auth=mysql_native_password"] if login.native else []
        return ShellSession([*command, login.database] if login.database else command, {})


class MycliSession(PipeSession):
    def written(self, text: str, mark: str) -> str:
        return f"{text};\nSELECT '{mark}' AS '{mark}';\n"

    def tables_of(self, shown: str) -> list[list[tuple[str, ...]]]:
        lines = [tuple(line.split("\t")) for line in shown.splitlines()]
        return [lines] if lines else []

    def encrypted(self) -> bool:
        return bool(self.rows("SHOW STATUS LIKE 'Ssl_cipher'")[0][1])


class Mycli(Terminal):
    name = "mycli"
    null = ""
    binary = "0x00ff275c"
    pinned = True
    lacks: ClassVar[Mapping[str, str]] = {
        "mysql_native_password": "it follows the server's plug-in",
        "Server-side prepared statement": "it has none",
        "Parameters": "it has none",
        "Several statements in one text": "it cuts them itself and sends one by one",
        "Affected rows": "it tells them to people only",
        "SQLSTATE": "it does not show it",
        "Status of the session (doris)": "it takes `SHOW VARIABLES` for two columns, Doris has four",
    }

    def version(self) -> str:
        folder("mycli")
        return next(folder("mycli").glob("mycli-*.dist-info")).name.removeprefix("mycli-").removesuffix(".dist-info")

    def connect(self, place: Place, login: Login) -> MycliSession:
        where = folder("mycli")
        command = [sys.executable, "-m", "mycli.main", "--myclirc", os.devnull, "--use-keyring=false"]
        command += ["-h", "127.0.0.1", "-P", str(place.port), "-u", login.user, f"--password={login.password}"]
        command += [f"--ssl-mode={'on' if login.tls else 'off'}"]
        command += ["--ssl-ca", str(place.certificate), "--ssl-verify-server-cert"] if login.tls == "verified" else []
        command += ["-D", login.database] if login.database else []
        return MycliSession(command, {"PYTHONPATH": str(where), "PYTHONUNBUFFERED": "1", "HOME": str(where)})


_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\", "\\0": "\0"}


def _unescaped(text: str) -> str:
    return re.sub(r"\\[nt\\0]", lambda match: _ESCAPES[match[0]], text)


__all__ = ["MariaDbShell", "Mycli"]
