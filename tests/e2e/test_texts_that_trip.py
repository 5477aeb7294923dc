"""Texts made to keep the process busy: a regular expression that goes back and forth holds every other thread up."""

from __future__ import annotations

import subprocess
import sys

CHILD = r"""
import sys
import routine_load
from routine_load.errors import RoutineLoadError
from routine_load.server.mysql.placeholders import literal
from routine_load.sources.policy import KafkaPropertyPolicy

many = 100_000
ones, blanks, colons = "1" * many, " " * many, ":" * many
kafka = '"kafka_broker_list" = "127.0.0.1:1", "kafka_topic" = "x"'
job = "CREATE ROUTINE LOAD d.j ON t PROPERTIES ({}) FROM KAFKA ({})"
percents = "%a" * 60 + "%b"

def statements():
    yield "SET x = '" + "a" * 4000 + "'"
    yield f"SHOW VARIABLES WHERE Value LIKE '{percents}'"
    yield f"SHOW VARIABLES LIKE '{percents}'"
    yield f"SHOW TABLES FROM d LIKE '{percents}'"
    yield f"SHOW ROUTINE LOAD FROM d LIKE '{percents}'"
    yield f"SHOW ROUTINE LOAD FROM d WHERE Name LIKE '{percents}'"
    yield f"SHOW LOAD FROM d WHERE Label LIKE '{percents}'"
    yield f"SET @a = CONCAT({blanks}!)"
    yield f"SET @a = CONCAT({ones}!)"
    yield "SET @a = '" + "a" * 4000 + "'"
    yield "SET @b = CONCAT(" + ",".join(["@a"] * 200_000) + ")"
    yield "SELECT CONCAT(" + ",".join(["@a"] * 10_000) + ")"
    yield f"SET x = {ones}!"
    yield f"CREATE TABLE d.u (a DECIMAL(9, 2) DEFAULT '{ones}x')"
    yield f"CREATE TABLE d.u (a INT DEFAULT {ones}x)"
    yield f"SELECT 1 FROM d.t WHERE d REGEXP '{'(' * 1000}{ones}'"
    yield job.format(f'"max_filter_ratio" = "{ones}x"', kafka)
    yield job.format("", f'"kafka_broker_list" = "{colons}x", "kafka_topic" = "x"')
    yield "SET compat = 'doris'"
    yield job.format("", f'"kafka_broker_list" = "{colons}x", "kafka_topic" = "x"')

connection = routine_load.connect()
for text in ("CREATE DATABASE d", "CREATE TABLE d.t (d VARCHAR(9))", "CREATE TABLE d." + "a" * 64 + " (d INT)", *statements()):
    print(text[:120], flush=True)
    try:
        connection.execute(text)
    except RoutineLoadError as error:
        assert type(error) is not RoutineLoadError, error
print("a decimal parameter", flush=True)
literal(ones + "x")
print("brokers of a policy", flush=True)
try:
    KafkaPropertyPolicy(resolve=lambda _: []).check_brokers(colons + "x")
except RoutineLoadError:
    pass
connection.close()
print("all were answered")
"""


def test_no_text_keeps_the_process_busy():
    """LIKE with many %, long numbers, blanks and colons: each is answered, or refused by an error of ours."""
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        told, errors = child.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        child.kill()
        told, errors = child.communicate()
        raise AssertionError(f"this did not end: {told.splitlines()[-1:]}") from None
    assert told.endswith("all were answered\n"), (told[-300:], errors[-2000:])
