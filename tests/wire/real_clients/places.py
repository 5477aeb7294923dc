"""The running services: one in each mode, with the same tables and users, beside one broker."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import routine_load
from real_clients.dbapi import PyMySql, PyMySqlSession
from real_clients.feats import PASSWORD
from real_clients.session import Login, Place, Refused
from routine_load.ids import Compat
from tests.e2e.conftest import ServiceProcess

_KINDS = """CREATE TABLE kinds (
    id INT NOT NULL COMMENT 'the key', c_boolean BOOLEAN, c_tinyint TINYINT, c_smallint SMALLINT, c_int INT,
    c_bigint BIGINT, c_largeint LARGEINT, c_float FLOAT, c_double DOUBLE, c_decimal DECIMAL(38, 10), c_date DATE,
    c_datetime DATETIME, c_char CHAR(10), c_varchar VARCHAR(200) DEFAULT 'none', c_string STRING, c_json JSON,
    c_array ARRAY<INT>) {key} KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1"""
_ROWS = (
    r"""INSERT INTO kinds VALUES (1, true, -128, -32768, -2147483648, -9223372036854775808,
    -170141183460469231731687303715884105728, 0.1, 2.5e300, 1234567890123456789012345678.0123456789, '2024-02-29',
    '2024-02-29 23:59:59.123456', 'naïve', '漢字 😀', 'tab\tline\nback\\', '{"a": [1, null]}', [1, NULL, 3]),
    (2"""
    + ", NULL" * 16
    + ")"
)


@dataclass(frozen=True, slots=True)
class RunningPlace(Place):
    onlooker: PyMySqlSession

    def loaded(self, job: str) -> None:
        """Waits until a job has loaded what the topic holds."""
        with routine_load.connect(url=f"mysql://root@127.0.0.1:{self.port}/shop") as rl:
            rl.wait(job, loaded_rows=2, timeout=60)

    def clear(self, job: str) -> None:
        """Ends a job that a feat has left running."""
        if job:
            try:
                self.onlooker.rows(f"STOP ROUTINE LOAD FOR {job}")
            except Refused:
                return


class Service:
    """``routine-load serve`` in one mode."""

    def __init__(self, folder: Path, compat: Compat, bootstrap: str, topic: str) -> None:
        self._process = ServiceProcess(folder / str(compat), compat=str(compat)).start()
        certificate, port = self._process.data_dir / "server-cert.pem", self._process.mysql_port
        http_port = self._process.http_port
        bare = Place(compat, port, certificate, None, bootstrap, topic, http_port)
        onlooker = PyMySql().connect(bare, Login())
        self.place = RunningPlace(
            compat, port, certificate, _truststore(certificate), bootstrap, topic, http_port, onlooker
        )
        try:
            self._furnish()
        except Refused:
            self._process.kill()
            raise

    def _furnish(self) -> None:
        starrocks = self.place.compat is Compat.STARROCKS
        right = (
            "GRANT SELECT ON ALL TABLES IN ALL DATABASES TO 'ann'" if starrocks else "GRANT SELECT_PRIV ON *.* TO 'ann'"
        )
        for text in (
            "CREATE DATABASE shop",
            "USE shop",
            _KINDS.format(key="PRIMARY" if starrocks else "UNIQUE"),
            _ROWS,
            "CREATE TABLE bytes (id INT, b VARBINARY) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1",
            r"INSERT INTO bytes VALUES (1, x'00ff275c')",
            "CREATE TABLE thousand (n INT) DUPLICATE KEY(n) DISTRIBUTED BY HASH(n) BUCKETS 1",
            f"INSERT INTO thousand VALUES {', '.join(f'({n})' for n in range(1000))}",
            "CREATE TABLE loaded (k INT, v STRING, w STRING) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) BUCKETS 1",
            f"CREATE USER 'ann' IDENTIFIED BY '{PASSWORD}'",
            right,
        ):
            self.place.onlooker.rows(text)

    def stop(self) -> None:
        self.place.onlooker.close()
        assert self._process.stop() == 0


def _truststore(certificate: Path) -> Path | None:
    """The certificate as Java wants it; None without Java."""
    store = certificate.with_suffix(".p12")
    command = ["keytool", "-importcert", "-noprompt", "-alias", "service", "-file", str(certificate)]
    command += ["-keystore", str(store), "-storetype", "PKCS12", "-storepass", "changeit"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        return None
    return store
