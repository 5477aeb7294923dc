"""What a service keeps from those who should not see it, and what it does not let itself be made to do."""

from __future__ import annotations

import stat
import threading

import pymysql
import pytest

from tests.e2e.conftest import ServiceProcess

ENDLESS = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r"


def test_no_file_of_the_data_directory_is_readable_by_others(service: ServiceProcess) -> None:
    """Tables and rejected rows are as private as the key that seals passwords."""
    service.run("CREATE DATABASE d", "CREATE TABLE d.t (a INT)", "INSERT INTO d.t VALUES (1)")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [service.data_dir, *service.data_dir.rglob("*")]}
    assert {str(path): oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


def test_secrets_of_jobs_and_users_show_nowhere(service: ServiceProcess, broker) -> None:
    """Not in answers, errors, logs or files, whatever went wrong with the statement that held them."""
    broker.create_topic("secret-topic", partitions=1)
    service.run("CREATE DATABASE d", "CREATE TABLE d.t (a INT)")
    shown = []

    def run(statement: str) -> None:
        try:
            shown.append(repr(service.run("USE d", statement)))
        except pymysql.MySQLError as error:
            shown.append(repr(error))

    good = f'"kafka_broker_list" = "{broker.bootstrap}", "kafka_topic" = "secret-topic"'
    dead = '"kafka_broker_list" = "127.0.0.1:1", "kafka_topic" = "t", "property.security.protocol" = "sasl_plaintext"'
    key = '"property.sasl.username" = "u", "property.sasl.password" = "CANARY1"'
    for clause in (
        f'FROM KAFKA ({good}, {key}, "property.ssl.key.password" = "CANARY2")',
        f'FROM KAFKA ({dead}, "property.sasl.mechanism" = "PLAIN", {key})',
        f"FORM KAFKA ({good}, {key})",
        f"FROM KAFKA ({good}, {key}) 'CANARY1",
        f'FROM KAFKA ({good}, "property.sasl.jaas.config" = "CANARY3")',
        f'FROM KAFKA ({good}, "property.ssl.key.pem" = "CANARY4")',
        'FROM KAFKA ("kafka_broker_list" = "u:CANARY5@127.0.0.1:1", "kafka_topic" = "t")',
    ):
        run(f"CREATE ROUTINE LOAD d.j ON t {clause}")
    for statement in (
        "CREATE USER ann IDENTIFIED BY 'CANARY6'",
        "ALTER USER ann IDENTFIED BY 'CANARY6'",
        "CREATE USER bob IDENTIFIED BY PASSWORD 'CANARY7'",
        "SHOW ROUTINE LOAD",
        "SHOW ALL ROUTINE LOAD",
        "SHOW CREATE ROUTINE LOAD FOR d.j",
        "SHOW FULL PROCESSLIST",
        "PAUSE ROUTINE LOAD FOR d.j",
        f'ALTER ROUTINE LOAD FOR d.j FROM KAFKA ({good}, {key}, "property.foo" = "CANARY1")',
    ):
        run(statement)
    assert '"sasl.password":"' in "".join(shown), "the job that has them was shown"
    assert service.stop() == 0
    told = {"answers": "".join(shown).encode(), "log": service.log.read_bytes()}
    told |= {path.name: path.read_bytes() for path in service.data_dir.rglob("*") if path.is_file()}
    assert [name for name, data in told.items() if b"CANARY" in data] == []


def test_a_statement_without_end_does_not_keep_the_service_from_leaving(new_service) -> None:
    """SIGTERM: the statement gets its time to drain, then it is cut off, and the process exits with 0."""
    service = new_service(RL_DRAIN_TIMEOUT_S="1")
    connection = service.connect()
    told: list[Exception] = []

    def run() -> None:
        with pytest.raises(pymysql.MySQLError) as caught:
            connection.cursor().execute(ENDLESS)
        told.append(caught.value)

    running = threading.Thread(target=run)
    running.start()
    while not any("RECURSIVE" in str(row) and "PROCESSLIST" not in str(row) for row in service.run("SHOW PROCESSLIST")):
        threading.Event().wait(0.05)
    assert service.stop() == 0
    running.join(10)
    assert told


def test_a_statement_beyond_the_bound_is_refused_before_it_is_read(service: ServiceProcess) -> None:
    """Reading a text of many megabytes would hold up every other session."""
    with pytest.raises(pymysql.MySQLError, match="statement_bytes_max allows 4194304"):
        service.run(f"SELECT '{'x' * 5_000_000}'")


def test_frontend_config_of_the_settings_takes_effect(new_service, tmp_path, broker) -> None:
    """A vendor's bound on tasks can be raised where the front end's configuration would be."""
    file = tmp_path / "c.toml"
    file.write_text('[frontend_config]\nmax_routine_load_task_num_per_be = "0"\n')
    broker.create_topic("bounded", partitions=1)
    service = new_service(RL_CONFIG=str(file))
    with pytest.raises(pymysql.MySQLError, match="max_routine_load_task_num_per_be"):
        service.run(
            "CREATE DATABASE d",
            "CREATE TABLE d.t (a INT)",
            f'CREATE ROUTINE LOAD d.j ON t FROM KAFKA ("kafka_broker_list" = "{broker.bootstrap}",'
            ' "kafka_topic" = "bounded")',
        )
