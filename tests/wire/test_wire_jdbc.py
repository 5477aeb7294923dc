"""The MySQL door as JDBC sees it: Connector/J and MariaDB's driver, resolved by Maven into a cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
POM = ROOT / "scripts" / "jdbc-pom.xml"
PROBE = Path(__file__).with_name("JdbcProbe.java")


@pytest.fixture(scope="session")
def classpath(tmp_path_factory):
    if shutil.which("javac") is None:
        pytest.skip("needs javac")
    version = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    jars = ROOT / ".cache" / "jdbc" / version
    if not jars.is_dir():
        if shutil.which("mvn") is None:
            pytest.skip(f"needs mvn, or the drivers in {jars}")
        beside = jars.with_suffix(f".{os.getpid()}")
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={beside}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
        if done.returncode:
            shutil.rmtree(beside, ignore_errors=True)
            pytest.skip(f"Maven could not resolve the JDBC drivers: {done.stdout[-300:]}")
        beside.rename(jars)
    classes = tmp_path_factory.mktemp("classes")
    subprocess.run(["javac", "-d", str(classes), str(PROBE)], check=True, timeout=120)
    return f"{jars}{os.sep}*{os.pathsep}{classes}"


def probe(classpath, url, user, password):
    """The probe's lines, by their first word; a repeated one keeps its last."""
    command = ["java", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC", "-Dstdout.encoding=UTF-8", "-cp", classpath]
    done = subprocess.run(
        [*command, "JdbcProbe", url, user, password], capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


URLS = [
    "jdbc:mysql://127.0.0.1:{port}/?allowMultiQueries=true&sslMode=DISABLED&allowPublicKeyRetrieval=true",
    "jdbc:mysql://127.0.0.1:{port}/?allowMultiQueries=true&sslMode=REQUIRED&useServerPrepStmts=true",
    (
        "jdbc:mysql://127.0.0.1:{port}/db?allowMultiQueries=true&useSSL=false&allowPublicKeyRetrieval=true"
        "&useServerPrepStmts=true&useCursorFetch=true&defaultFetchSize=10&cachePrepStmts=true"
    ),
    "jdbc:mariadb://127.0.0.1:{port}/?allowMultiQueries=true&sslMode=disable&allowPublicKeyRetrieval=true",
    "jdbc:mariadb://127.0.0.1:{port}/?allowMultiQueries=true&sslMode=trust&useServerPrepStmts=true",
]


@pytest.mark.parametrize("url", URLS, ids=["plain", "tls-prepared", "plain-cursor", "mariadb-plain", "mariadb-tls"])
@pytest.mark.parametrize(("user", "password"), [("root", ""), ("ann", "s3cret")])
def test_a_jdbc_session(tls_door, classpath, url, user, password):
    """Login, queries, types, prepared and several statements, errors and catalogs work through a JDBC driver."""
    found = probe(classpath, url.format(port=tls_door.port), user, password)
    assert found == found | {
        "version": "8.0.33",
        "one": "1",
        "bigint": str(2**40),
        "decimal": "12.50",
        "date": "2024-02-29",
        "varchar": "naïve 漢字 😀",
        "json": '{"a": [1, 2]}',
        "null": "null",
        "several": "1 updated 3 3",
        "valid": "true",
        "catalog": "db",
    }
    assert found["error"] in ("1064 HY000", "1064 42000")  # Connector/J chooses its own SQLSTATE by number
    assert found["boolean"] == "is Boolean"
    assert found["largeint"] == "is BigDecimal"
    assert found["datetime"].startswith("2024-02-29 23:59:59.123456")
    assert found["echo"].startswith("-4, 'it")
    assert "12.50" in found["echo"]
    assert "2024-02-29 01:02:03.5" in found["echo"]


@pytest.mark.parametrize("url", [URLS[0], URLS[3]], ids=["mysql", "mariadb"])
def test_a_wrong_password_by_jdbc(tls_door, classpath, url):
    """A wrong password is error 1045 in JDBC too."""
    found = probe(classpath, url.format(port=tls_door.port), "ann", "wrong")
    assert found["refused"].startswith("1045 ")
