"""The MySQL door as the mariadb command line sees it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

pytestmark = pytest.mark.skipif(shutil.which("mariadb") is None, reason="needs the mariadb client")


def shell(door, *arguments, stdin="", user="root"):
    command = ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{door.port}", f"-u{user}", *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, encoding="utf-8", errors="replace", timeout=60, check=False
    )


def test_execute(plain_door):
    """``-e`` prints the rows, also of several statements."""
    done = shell(plain_door, "-e", "SELECT 1; SELECT 2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["1", "1", "2", "2"]


def test_several_statements_in_one_packet(plain_door):
    """With another delimiter the shell sends ``a; b`` whole and reads both results."""
    done = shell(plain_door, stdin="delimiter //\nSELECT 1; INSERT; SELECT 3//\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["1", "1", "3", "3"]
    assert any("SELECT 1; INSERT; SELECT 3" in text for text in plain_door.service.texts)


@pytest.mark.parametrize("options", [["--skip-ssl"], ["--ssl"]])
@pytest.mark.parametrize("plugin", [[], ["--default-auth=mysql_native_password"]])
def test_password(tls_door, options, plugin):
    """A password works in clear connections and in TLS, with either plug-in, twice (full and fast)."""
    for _ in range(2):
        done = shell(tls_door, *options, *plugin, "-ps3cret", "-e", "SELECT 1", user="ann")
        assert (done.returncode, done.stderr) == (0, "")
    wrong = shell(tls_door, *options, *plugin, "-pwrong", "-e", "SELECT 1", user="ann")
    assert wrong.returncode == 1
    assert "ERROR 1045 (28000): Access denied for user 'ann' (using password: YES)" in wrong.stderr


def test_verified_certificate(tls_door, certificate):
    """The shell accepts the certificate as its authority and for 127.0.0.1."""
    done = shell(
        tls_door, f"--ssl-ca={certificate}", "--ssl-verify-server-cert", "-ps3cret", "-e", "status", user="ann"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Cipher in use is TLS" in done.stdout


def test_tls_asked_of_a_door_without(plain_door):
    """Asking for TLS where there is none is a clean error."""
    done = shell(plain_door, "--ssl", "--ssl-verify-server-cert", "-e", "SELECT 1")
    assert done.returncode == 1
    assert "SSL" in done.stderr


def test_status(plain_door):
    """``status`` shows the version and the line of COM_STATISTICS."""
    done = shell(plain_door, "-e", "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert "8.0.33" in done.stdout
    assert "Questions:" in done.stdout
    assert "Threads: 1" in done.stdout


def test_use_and_completion(plain_door):
    """An interactive ``use`` reads tables and columns for completion (COM_INIT_DB, COM_FIELD_LIST)."""
    done = shell(plain_door, "--auto-rehash", "-t", stdin="use db;\nSELECT database();\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "| db " in done.stdout
    unknown = shell(plain_door, stdin="use absent;\nSELECT 1;\n")
    assert "ERROR 5501" in unknown.stderr


def test_errors_and_force(plain_door):
    """An error has its number and SQLSTATE, and ``--force`` goes on after it."""
    done = shell(plain_door, "--force", stdin="NONSENSE;\nSELECT 7;\n")
    assert "ERROR 1064 (HY000) at line 1: Unexpected input 'NONSENSE'" in done.stderr
    assert done.stdout.split() == ["7", "7"]


def test_ok_message_and_warnings(plain_door):
    """An OK shows its affected rows, message and warnings."""
    done = shell(plain_door, "-vv", "-e", "INSERT")
    assert "3 rows affected, 1 warning" in done.stdout
    assert "{'label':'x'}" in done.stdout


def test_types_as_text(plain_door):
    """Values are printed as MySQL prints them: shortest floats, times over a day, no exponent in decimals."""
    done = shell(plain_door, "--default-character-set=utf8mb4", "-N", "-e", "SELECT TYPES")
    first = done.stdout.splitlines()[0].split("\t")
    assert first[:13] == [
        *["1", "-5", "-300", "70000", str(2**40), str(2**100), "0.1", "1.5", "12.50"],
        *["2024-02-29", "2024-02-29 23:59:59.123456", "-30:05:00", "naïve 漢字 😀"],
    ]
