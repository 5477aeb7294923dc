"""The statements on the pages, in the order of the page, over a MySQL connection: none is refused, and what a page says happens.

docs/python.md, docs/clients.md, docs/clusters.md, docs/functions.md, docs/types.md and docs/stream-load.md have tests of their own;
those of docs/metadata.md are for the server that will keep it; docs/high-availability.md is followed by tests/crash/test_failover.py.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pymysql
import pytest
import requests

import routine_load
from routine_load.config import Settings
from routine_load.jobs.frontend_config import ITEMS
from routine_load.testing import EmbeddedRegistry
from tests.e2e.certificates import Authority

ROOT = Path(__file__).resolve().parents[2]
CLICKS = "(id BIGINT, page VARCHAR(64), {}) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1"
"""What job ``db.j`` of the pages loads into."""


def page(name: str) -> str:
    return (ROOT / name).read_text()


def statements(name: str) -> list[str]:
    """Those of the page's SQL blocks, in order."""
    blocks = re.findall(r"```sql\n(.*?)```", page(name), re.DOTALL)
    cut = [re.split(r";[ ]*(?:--[^\n]*)?\n", block) for block in blocks]
    return [each.strip() for block in cut for each in block if each.strip()]


class Reader:
    """Somebody who types what stands on a page, with a broker and names of their own."""

    def __init__(self, rl, kafka, topic: str) -> None:
        self.rl, self.kafka, self.topic = rl, kafka, topic
        self.connection = pymysql.connect(
            host="127.0.0.1", port=rl.ports[0], user="root", cursorclass=pymysql.cursors.DictCursor
        )

    def run(self, text: str) -> list[dict]:
        """The rows, each by the names of its columns."""
        with self.connection.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())

    def read(self, name: str, **words: str) -> dict[str, list[dict]]:
        """Every statement of a page with the reader's own words in the place of some; what each answered."""
        return {text: self.run(self.own(text, **words)) for text in statements(name)}

    def own(self, text: str, **words: str) -> str:
        text = re.sub(r'("kafka_broker_list" = )"[^"]*"', rf'\1"{self.kafka.bootstrap}"', text)
        text = re.sub(r'("kafka_topic" = )"[^"]*"', rf'\1"{self.topic}"', text)
        for old, new in words.items():
            text = text.replace(old, new)
        return text

    def source(self) -> str:
        return self.own(
            'FROM KAFKA ("kafka_broker_list" = "", "kafka_topic" = "", '
            '"property.kafka_default_offsets" = "OFFSET_BEGINNING")'
        )

    def prepares(self, label: str, database: str, table: str, rows: bytes) -> None:
        """Loads by HTTP up to the commit, as a connector does (StarRocks: transaction interface)."""
        headers = {"label": label, "db": database, "table": table, "expect": "100-continue"}
        for method, call, body in (("POST", "begin", b""), ("PUT", "load", rows), ("POST", "prepare", b"")):
            url = f"http://127.0.0.1:{self.rl.ports[1]}/api/transaction/{call}"
            for _ in range(2):
                answer = requests.request(
                    method, url, data=body, headers=headers, auth=("root", ""), allow_redirects=False, timeout=30
                )
                url = answer.headers.get("Location", url)
                if answer.status_code != 307:
                    break
            assert answer.json()["Status"] == "OK", answer.text

    def job(self, name: str = "db.j") -> dict:
        (row,) = self.run(f"SHOW ROUTINE LOAD FOR {name}")
        return row


@pytest.fixture(scope="module")
def service():
    with routine_load.connect(mysql_port=0, http_port=0) as rl:
        yield rl


@pytest.fixture
def reader(service, embedded_kafka, topic) -> Iterator[Reader]:
    """With a topic of two partitions; databases that the page makes go afterwards."""
    embedded_kafka.create_topic(topic, 2)
    reader = Reader(service, embedded_kafka, topic)
    yield reader
    for job in service.jobs():
        job.stop()
    for name in set(service.databases()) - {"information_schema", "sys"}:
        reader.run(f"DROP DATABASE {name}")
    reader.connection.close()


def read_getting_started(reader: Reader) -> None:
    """A job begins, shows itself and its tasks, rests, goes on, ends."""
    reader.kafka.produce(reader.topic, [{"id": 1, "page": "/"}])
    answers = reader.read("docs/getting-started.md")
    states = [rows[0]["State"] for text, rows in answers.items() if text.startswith("SHOW ROUTINE LOAD FOR")]
    assert set(states) <= {"NEED_SCHEDULE", "RUNNING"}
    assert reader.rl.jobs("web", include_final=True)[0].state == "STOPPED"


def read_altering(reader: Reader) -> None:
    """Every clause is taken by a job that runs; a version comes back; the last statement tells where the job ended."""
    reader.run("CREATE DATABASE db")
    reader.run(f"CREATE TABLE db.t {CLICKS.format('day DATE, ts DATETIME')}")
    reader.run(f'CREATE ROUTINE LOAD db.j ON t COLUMNS (id, page) PROPERTIES ("format" = "json") {reader.source()}')
    reader.kafka.produce(reader.topic, [{"id": 1, "page": "/"}] * 101, partition=0)
    reader.rl.wait("db.j", loaded_rows=101)
    for clause in re.findall(r"`(FROM KAFKA \([^`]*|WHERE TRUE)`", page("docs/altering.md").replace("ALTER … ", "")):
        reader.run(reader.own(f"ALTER ROUTINE LOAD FOR db.j {clause}"))
    assert len(reader.run("SHOW ROUTINE LOAD VERSIONS FOR db.j")) >= 3
    answers = reader.read("docs/altering.md")
    (versions,) = [rows for text, rows in answers.items() if "VERSIONS" in text]
    told = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", page("docs/altering.md"), re.MULTILINE)
    assert list(versions[0]) == re.findall(r"\w+", " ".join(told))
    assert '"property.client.id"="loader"' in versions[-1]["CreateStmt"]
    made_again = list(answers.values())[-1]  # of every job that had this name
    assert any('"kafka_partition_discovery"="true"' in str(row) and reader.topic in str(row) for row in made_again)


def read_files(reader: Reader) -> None:
    """A file is made, used, kept from being dropped while it is used, and replaced."""
    reader.run("SET validate = 'off'")  # this broker speaks no TLS
    reader.run("CREATE DATABASE db")
    reader.run("CREATE TABLE db.t (id INT) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)")
    content = base64.b64encode(Authority("pages").pem).decode()
    words = dict.fromkeys(re.findall(r"base64,([\w…]+)\"", page("docs/files.md")), content)
    assert words
    reader.read("docs/files.md", **words)
    (file,) = reader.run("SHOW FILE FROM db")
    assert file["FileName"] == "ca.pem"
    assert content not in str(file)
    with pytest.raises(pymysql.Error, match=r"ca\.pem"):
        reader.run('DROP FILE "ca.pem" FROM db PROPERTIES ("catalog" = "kafka")')


def read_avro(reader: Reader) -> None:
    """The job of the page loads an order as its schema says."""
    fields = [("id", "long"), ("price", {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2})]
    fields += [
        ("at", {"type": "long", "logicalType": "timestamp-millis"}),
        ("tags", {"type": "array", "items": "string"}),
    ]
    city = {"type": "record", "name": "Address", "fields": [{"name": "city", "type": "string"}]}
    listed = [{"name": name, "type": kind} for name, kind in [*fields, ("to", city)]]
    order = bytes.fromhex("02 04 3039 00 02 02 61 00 04 4f6f")
    with EmbeddedRegistry(user_info="key:secret") as registry:
        number = registry.register("orders-value", {"type": "record", "name": "Order", "fields": listed})
        reader.kafka.produce(reader.topic, [registry.framed(number, order)])
        reader.read("docs/avro.md", **{"http://key:secret@127.0.0.1:8081": registry.url})
        reader.rl.wait("shop.orders", loaded_rows=1)
    (row,) = reader.run(
        "SELECT id, city, CAST(price AS VARCHAR) AS price, CAST(ordered_at AS VARCHAR) AS at, tag FROM shop.orders"
    )
    assert list(row.values()) == [1, "Oo", "123.45", "1970-01-01 08:00:00", "a"]
    ((code, printed),) = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", page("docs/avro.md"), re.DOTALL)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "docs/avro.md", "exec"), {})
    assert out.getvalue() == printed


def read_kafka_metadata(reader: Reader) -> None:
    """What Kafka knows of the message stands in the columns; ``topic`` has the field's own name."""
    reader.run("CREATE DATABASE db")
    reader.run(
        "CREATE TABLE db.t (id INT, name VARCHAR(9), k VARCHAR(9), p INT, o BIGINT, topic VARCHAR(99),"
        " sent_at DATETIME, trace VARCHAR(9)) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)"
    )
    reader.read("docs/kafka-metadata.md")
    reader.kafka.produce(reader.topic, ["7\tann"], partition=1, key="a", timestamp_ms=1_700_000_000_000)
    reader.rl.wait("db.j", loaded_rows=1)
    (row,) = reader.run("SELECT id, name, k, p, o, topic, CAST(sent_at AS CHAR) AS at, trace FROM db.t")
    assert list(row.values()) == [7, "ann", "a", 1, 0, reader.topic, "2023-11-15 06:13:20", None]


def read_privileges(reader: Reader) -> None:
    """What is granted is shown, in the words of the session's vendor."""
    reader.run("CREATE DATABASE shop")
    reader.run("CREATE TABLE shop.orders (id INT) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)")
    grants = list(reader.read("docs/privileges.md").values())[-1]
    told = " ".join(str(row["Grants"]) for row in grants)
    assert re.findall(r"GRANT ('?[\w, ]+)", told) == [
        "'db_admin",
        "SELECT ON ALL TABLES IN DATABASE shop TO USER ",
        "DELETE, INSERT, UPDATE ON TABLE shop",
    ]
    reader.run("DROP USER loader")


def read_scaling(reader: Reader) -> None:
    """What a job was given of the properties of time and speed is shown, and no other is."""
    reader.run("CREATE DATABASE db")
    for table in ("orders", "past"):
        reader.run(f"CREATE TABLE db.{table} {CLICKS.format('ts DATETIME')}")
    reader.run(f"CREATE ROUTINE LOAD db.history ON past {reader.source()}")
    reader.read("docs/scaling.md")
    told = {name: json.loads(reader.job(name)["JobProperties"]) for name in ("db.orders", "db.history")}
    ours = ("priority", "rate_limit", "freshness", "early_commit")
    assert {name: {key: own[key] for key in ours if key in own} for name, own in told.items()} == {
        "db.orders": {"priority": "30", "freshness": "100ms"},
        "db.history": {"priority": "1", "rate_limit": str(20 * 1024 * 1024)},
    }
    (row,) = reader.run("SHOW CREATE ROUTINE LOAD FOR db.orders")
    assert '"freshness"="100ms"' in str(row)
    assert '"priority"="30"' in str(row)


STORIES: dict[str, Callable[[Reader], None]] = {
    "docs/altering.md": read_altering,
    "docs/files.md": read_files,
    "docs/getting-started.md": read_getting_started,
    "docs/kafka-metadata.md": read_kafka_metadata,
    "docs/avro.md": read_avro,
    "docs/privileges.md": read_privileges,
    "docs/scaling.md": read_scaling,
}


@pytest.mark.parametrize("name", STORIES)
def test_the_statements_of_a_page_do_what_it_says(reader, name):
    """Each as it stands there, with the reader's broker, topic and certificate in the place of the page's."""
    STORIES[name](reader)


def test_no_page_with_statements_is_left_out():
    """Whoever writes SQL into a page writes down here what becomes of it."""
    with_sql = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if "```sql" in path.read_text()}
    assert with_sql == {
        *STORIES,
        "docs/stream-load.md",
        "docs/clusters.md",
        "docs/metadata.md",
        "docs/high-availability.md",
        "docs/backends.md",
        "docs/chaos.md",
    }


def test_the_questions_of_looking_up_are_answered(reader):
    """Each statement of the table, with an id that is there; each folder of SHOW PROC."""
    text = page("docs/looking-up.md")
    reader.run("CREATE DATABASE shop")
    reader.run(f"CREATE TABLE shop.orders {CLICKS.format('ts DATETIME')}")
    reader.run(
        'CREATE ROUTINE LOAD shop.orders_load ON orders PROPERTIES ("format" = "json", "strict_mode" = "true", '
        f'"max_error_number" = "9") {reader.source()}'
    )
    reader.kafka.produce(reader.topic, [{"id": 1}, {"id": "x"}])
    reader.rl.wait("shop.orders_load", caught_up=True)
    (load, *_) = reader.run("SHOW TRANSACTION FROM shop WHERE STATUS = 'visible'")
    reader.prepares("connect-1", "shop", "orders", b"7\t/\t2026-01-01 00:00:00\n")
    job = reader.rl.job("shop.orders_load").id
    asked = [each for each in re.findall(r"`([A-Z][^`]*)`", text.split("\n| the originals")[0]) if " FROM " in each]
    own = {"1795170111247": str(load["TransactionId"]), "job_id = 1": f"job_id = {job}"}
    empty = []
    for each in asked:
        rows = reader.run(reader.own(each, **own))
        empty += [] if rows or "aborted" in each else [each]
    assert len(asked) >= 7
    assert empty == []
    folders = re.findall(r"`(/[\w/<>]+)`", text)
    assert len(folders) >= 8
    for folder in folders:
        name = folder.replace("<name>", "shop").replace("<db>", "shop")
        reader.run(f"SHOW PROC '{name}'")
    assert reader.run("SHOW PROC '/transactions/shop/finished'")


def test_what_bad_rows_says_of_its_limits_is_so(reader):
    """Past max_error_number good rows are there and RESUME goes on; past max_filter_ratio nothing is, until it is raised."""
    reader.run("CREATE DATABASE db")
    reader.run("CREATE TABLE db.t (id INT NOT NULL) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)")
    create = 'CREATE ROUTINE LOAD db.{} ON t PROPERTIES ("max_filter_ratio" = "{}") {}'
    reader.kafka.produce(reader.topic, ["1", "x", "2"], partition=0)
    reader.run(create.format("job", "1.0", reader.source()))
    paused = reader.rl.job("db.job").wait(state="PAUSED")
    assert reader.run("SELECT id FROM db.t ORDER BY id") == [{"id": 1}, {"id": 2}]
    assert paused.error_log_urls
    for text in re.findall(r"`((?:RESUME|ALTER) ROUTINE LOAD FOR [^`]+)`", page("docs/bad-rows.md"))[::-1]:
        reader.run(text)
    reader.kafka.produce(reader.topic, ["y", "3"], partition=0)
    reader.rl.wait("db.job", loaded_rows=3)
    reader.run("STOP ROUTINE LOAD FOR db.job")
    reader.run("TRUNCATE TABLE db.t")
    reader.run(create.format("strict", "0.1", reader.source()))
    assert reader.rl.job("db.strict").wait(state="PAUSED").statistic.loaded_rows == 0
    assert reader.run("SELECT id FROM db.t") == []
    reader.run('ALTER ROUTINE LOAD FOR db.strict PROPERTIES ("max_filter_ratio" = "1", "max_error_number" = "9")')
    reader.run("RESUME ROUTINE LOAD FOR db.strict")
    assert reader.rl.wait("db.strict", caught_up=True).statistic.loaded_rows == 3


def test_the_session_in_the_readme_is_what_a_shell_shows(reader):
    """The same columns, the same headings, the same error; numbers and times are those of its day."""
    (shown,) = re.findall(r"```\n\$ mariadb.*?\n(.*?)```", page("README.md"), re.DOTALL)
    reader.kafka.produce(reader.topic, [{"id": 1, "visitor": "v", "page": "/"}], partition=0)
    for block in shown.split("mysql> ")[1:]:
        typed, _, answer = block.partition(";\n") if ";\n" in block else block.partition("\\G\n")
        text = reader.own(typed.replace("\n    -> ", "\n")).removesuffix("\\G")
        if answer.startswith("ERROR"):
            with pytest.raises(pymysql.Error) as refused:
                reader.run(text)
            number, message = refused.value.args
            assert answer.strip() == f"ERROR {number} ({refused.value.sqlstate}): {message}"
            continue
        rows = reader.run(text)
        if text.startswith("CREATE ROUTINE LOAD"):
            reader.rl.wait("demo.clicks_load", loaded_rows=1)
        if answer.startswith("***"):
            assert list(rows[0]) == re.findall(r"^ *(\w+): ", answer, re.MULTILINE)
        elif answer.startswith("+"):
            assert list(rows[0]) == [each.strip() for each in answer.split("\n")[1].strip("|").split("|")]
        else:
            assert answer.startswith("Query OK")


NOT_THERE = {
    "IPV4": ("IPV4", "CREATE TABLE db.u (a INT, b IPV4) DUPLICATE KEY(a)"),
    "IPV6": ("IPV6", "CREATE TABLE db.u (a INT, b IPV6) DUPLICATE KEY(a)"),
    "TIME": ("TIME", "CREATE TABLE db.u (a INT, b TIME) DUPLICATE KEY(a)"),
    "AGG_STATE": ("AGG_STATE", "CREATE TABLE db.u (a INT, b AGG_STATE<sum(int)>) DUPLICATE KEY(a)"),
    "more than 38 digits": ("got 50", "CREATE TABLE db.u (a INT, b DECIMAL(50, 2)) DUPLICATE KEY(a)"),
    "roles of one's own": ("CREATE ROLE", "CREATE ROLE r"),
    "accounts by host": ("1.2.3.4", "CREATE USER 'u'@'1.2.3.4'"),
}


def test_what_is_not_there_is_refused_by_name(reader):
    """Nothing that "Not there yet" lists has come meanwhile, and each refusal names what was asked for."""
    listed = page("docs/differences.md").partition("## Not there yet")[2]
    reader.run("CREATE DATABASE db")
    reader.run(
        "CREATE TABLE db.t (id INT) DUPLICATE KEY(id) PARTITION BY RANGE(id) (PARTITION o VALUES LESS THAN ('1'))"
    )
    for words, (name, statement) in NOT_THERE.items():
        assert words in listed
        begun = reader.source().removesuffix(")")
        text = statement.replace("{from},", f"{begun},").replace("{from}", f"{begun})")
        with pytest.raises(pymysql.Error) as refused:
            reader.run(text)
        assert name in refused.value.args[1], text


def test_settings_on_the_pages_are_settings():
    """Names in the tables of getting-started and security are those that the service takes."""
    known = {*Settings.__dataclass_fields__, *ITEMS, "query_timeout"}
    started = re.findall(
        r"^\| (`\w+`(?:, `\w+`)*) \| (`\w+`(?:, `\w+`)*) \|", page("docs/getting-started.md"), re.MULTILINE
    )
    assert len(started) >= 8
    for names, variables in started:
        assert [f"RL_{name.upper()}" for name in re.findall(r"\w+", names)] == re.findall(r"\w+", variables)
    named = {name for names, _ in started for name in re.findall(r"\w+", names)}
    bounds = page("docs/security.md").partition("| setting |")[2]
    named |= set(re.findall(r"`(?:SET )?([a-z_]+)`", " ".join(re.findall(r"\|([^|]*)\|$", bounds, re.MULTILINE))))
    assert named - known == set()
