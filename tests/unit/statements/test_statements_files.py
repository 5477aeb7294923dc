"""CREATE FILE, DROP FILE and SHOW FILE as a client meets them; one coordinator per vendor."""

from __future__ import annotations

import base64

import pytest

import routine_load
from routine_load.errors import AnalysisError, ExecutionError, RoutineLoadError, SourceError
from routine_load.sql.statements import Property

HELLO = "data:;base64," + base64.b64encode(b"hello").decode()
MD5 = "5d41402abc4b2a76b9719d911017c592"


@pytest.fixture(scope="module", params=["starrocks", "doris"])
def vendor(request):
    with routine_load.connect(compat=request.param) as connection:
        yield connection


@pytest.fixture
def rl(vendor):
    vendor.execute("DROP DATABASE IF EXISTS d")
    vendor.execute("CREATE DATABASE d")
    return vendor


def create(rl, name="ca.pem", **properties):
    given = {"url": HELLO, "catalog": "kafka"} | properties
    listed = ", ".join(f'"{key}" = "{value}"' for key, value in given.items() if value is not None)
    rl.execute(f'CREATE FILE "{name}" IN d PROPERTIES ({listed})')


def test_show_file_has_the_vendors_columns(rl):
    """StarRocks, Doris: SHOW FILE; the content is in none of them."""
    create(rl, md5=MD5.upper())
    create(rl, "other.pem", catalog=None)
    result = rl.query("SHOW FILE FROM d")
    assert list(result.columns) == ["Id", "DbName", "Catalog", "FileName", "FileSize", "IsContent", "MD5"]
    assert [row[1:] for row in result.fetchall()] == [
        ("d", "kafka", "ca.pem", "5", "true", MD5),
        ("d", "DEFAULT", "other.pem", "5", "true", MD5),
    ]
    assert len(rl.query("SHOW FILE", "d").fetchall()) == 2


@pytest.mark.parametrize(
    ("properties", "kind", "text"),
    [
        ({"url": None}, AnalysisError, "download url is missing"),
        ({"url": ""}, AnalysisError, "download url is missing"),
        ({"save_content": "true"}, AnalysisError, "save_content is invalid property"),
        ({"md5": "00"}, ExecutionError, f"Invalid md5sum of file in url: data:…, read: {MD5}, expected: 00"),
        ({"url": "file:///etc/passwd"}, ExecutionError, "file_url_prefixes"),
        ({"catalog": "c" * 257}, AnalysisError, "the catalog has 257 characters, at most 256 are allowed"),
    ],
)
def test_wrong_properties_of_create_file(rl, properties, kind, text):
    """StarRocks, Doris: the words of CREATE FILE; nothing is made."""
    with pytest.raises(kind, match=text):
        create(rl, **properties)
    assert rl.query("SHOW FILE FROM d").fetchall() == []


@pytest.mark.parametrize("name", ["../ca.pem", "/etc/passwd", ".hidden", "a b", "a\\\\0", "x" * 256, "ä"])
def test_a_name_that_no_property_could_hold_is_refused(rl, name):
    """FILE: values know letters, digits, dot, underscore and hyphen."""
    with pytest.raises(AnalysisError, match="a file cannot be called"):
        create(rl, name)


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ('DROP FILE "ca.pem" FROM d', "catalog name is missing"),
        ('DROP FILE "ca.pem" FROM d PROPERTIES ("catalog" = "kafka", "x" = "y")', "x is invalid property"),
        ('DROP FILE "b.pem" FROM d PROPERTIES ("catalog" = "kafka")', "No such file: b.pem"),
        ('DROP FILE "ca.pem" FROM d PROPERTIES ("catalog" = "x")', "No such file in catalog: x"),
        ('DROP FILE "ca.pem" FROM none PROPERTIES ("catalog" = "kafka")', "Unknown database 'none'"),
        ("SHOW FILE FROM none", "Unknown database 'none'"),
    ],
)  # fmt: skip
def test_wrong_drops_and_shows(rl, statement, text):
    """StarRocks, Doris: the words of DROP FILE; the file stays."""
    create(rl)
    with pytest.raises(RoutineLoadError, match=text):
        rl.execute(statement)
    assert len(rl.query("SHOW FILE FROM d").fetchall()) == 1


def test_the_front_ends_settings_are_the_bounds(rl):
    """StarRocks, Doris: max_small_file_number and max_small_file_size_bytes, with effect at once."""
    try:
        rl.execute('ADMIN SET FRONTEND CONFIG ("max_small_file_size_bytes" = "4")')
        with pytest.raises(ExecutionError, match="max_small_file_size_bytes allows 4 bytes"):
            create(rl)
        rl.execute('ADMIN SET FRONTEND CONFIG ("max_small_file_size_bytes" = "5")')
        rl.execute('ADMIN SET FRONTEND CONFIG ("max_small_file_number" = "1")')
        create(rl)
        with pytest.raises(ExecutionError, match="File number exceeds limit: 1"):
            create(rl, "b.pem")
    finally:
        rl.execute('ADMIN SET FRONTEND CONFIG ("max_small_file_size_bytes" = "1048576")')
        rl.execute('ADMIN SET FRONTEND CONFIG ("max_small_file_number" = "100")')


def test_files_go_with_their_database(rl):
    """A database that is made anew has none of the files of the one before it."""
    create(rl)
    rl.execute("drop  database d")
    rl.execute("CREATE DATABASE d")
    assert rl.query("SHOW FILE FROM d").fetchall() == []


def test_a_job_names_files_of_its_own_database_only(rl, embedded_kafka, topic):
    """The file of another database, and that of another catalog, is none; the vendors' words, before Kafka is asked."""
    rl.execute("CREATE DATABASE IF NOT EXISTS e")
    rl.execute("CREATE TABLE IF NOT EXISTS e.t (v INT) DUPLICATE KEY(v) DISTRIBUTED BY HASH(v) BUCKETS 1")
    create(rl)
    create_job = (
        f'CREATE ROUTINE LOAD e.j ON t FROM KAFKA ("kafka_broker_list" = "{embedded_kafka.bootstrap}", '
        f'"kafka_topic" = "{topic}", "property.ssl.ca.location" = "FILE:ca.pem")'
    )
    with pytest.raises(SourceError, match=r"^File ca\.pem does not exist in db e with catalog: kafka$"):
        rl.execute(create_job)
    rl.execute(f'CREATE FILE "ca.pem" IN e PROPERTIES ("url" = "{HELLO}", "catalog" = "other")')
    with pytest.raises(SourceError, match=r"^File ca\.pem does not exist in db e with catalog: kafka$"):
        rl.execute(create_job)
    rl.execute("DROP DATABASE e")


def test_alter_looks_its_files_up(rl, embedded_kafka, topic):
    """StarRocks, Doris: FILE: values of ALTER; a file that jobs which run do not name is dropped."""
    embedded_kafka.create_topic(topic)
    rl.execute("CREATE TABLE d.t (v INT) DUPLICATE KEY(v) DISTRIBUTED BY HASH(v) BUCKETS 1")
    rl.execute(
        f'CREATE ROUTINE LOAD d.j ON t FROM KAFKA ("kafka_broker_list" = "{embedded_kafka.bootstrap}", '
        f'"kafka_topic" = "{topic}")'
    )
    rl.execute("PAUSE ROUTINE LOAD FOR d.j")
    alter = 'ALTER ROUTINE LOAD FOR d.j FROM KAFKA ("property.ssl.crl.location" = "FILE:crl.pem")'
    with pytest.raises(SourceError, match=r"^File crl\.pem does not exist in db d with catalog: kafka$"):
        rl.execute(alter)
    create(rl)
    rl.execute("RESUME ROUTINE LOAD FOR d.j")
    rl.execute('DROP FILE "ca.pem" FROM d PROPERTIES ("catalog" = "kafka")')
    rl.execute("STOP ROUTINE LOAD FOR d.j")


def test_a_content_is_in_no_repr():
    """A data: URL may hold a private key."""
    assert "canary" not in repr(Property(key="url", value="data:,canary"))
    assert "canary" not in repr(Property(key="property.ssl.key.pem", value="canary"))
