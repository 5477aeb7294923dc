"""docs/moving.md does what it says: its commands print what stands below them, its Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

import routine_load
from routine_load.cli.commands import app

PAGE = Path(__file__).parents[2] / "docs" / "moving.md"
SECRET = "sealed-letter"


def commands() -> list[tuple[list[str], str]]:
    """Each command of the page, and what it prints."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    cut = [each.partition("\n") for block in blocks for each in re.split(r"^\$ ", block, flags=re.MULTILINE) if each]
    return [(shlex.split(command)[1:], printed) for command, _, printed in cut]


def test_the_page_of_moving(embedded_kafka, topic, capsys) -> None:
    """From Doris to here, then out again for StarRocks, then the Python."""
    embedded_kafka.create_topic(topic, 2)
    embedded_kafka.produce(topic, [{"id": n, "item": "a"} for n in range(1000)], partition=0)
    embedded_kafka.produce(topic, [{"id": n, "item": "b"} for n in range(1000, 1200)], partition=1)
    with routine_load.connect(mysql_port=0, compat="doris") as there, routine_load.connect(mysql_port=0) as here:
        there.execute("CREATE DATABASE shop")
        there.execute(
            "CREATE TABLE shop.orders (id BIGINT NOT NULL, item VARCHAR(64)) UNIQUE KEY(id) "
            "DISTRIBUTED BY HASH(id) BUCKETS 3"
        )
        there.execute(
            'CREATE ROUTINE LOAD shop.orders_load ON orders COLUMNS(id, item) PROPERTIES ("format" = "json", '
            f'"max_batch_interval" = "10") FROM KAFKA ("kafka_broker_list" = "{embedded_kafka.bootstrap}", '
            f'"kafka_topic" = "{topic}", "property.kafka_default_offsets" = "OFFSET_BEGINNING", '
            f'"property.sasl.password" = "{SECRET}")'
        )
        there.wait("shop.orders_load", loaded_rows=1200)
        url = f"mysql://root@127.0.0.1:{there.ports[0]}/shop"
        found = commands()
        assert len(found) == 4
        for words, printed in found:
            own = [url if word == "mysql://root@fe:9030/shop" else word for word in words]
            ran = CliRunner().invoke(app, [*own, "--port", str(here.ports[0])], env={"SASL": SECRET})
            assert ran.exit_code == ("refused" in printed), ran.output
            as_on_page = ran.stdout.replace(embedded_kafka.bootstrap, "broker:9092").replace(SECRET, "…")
            as_on_page = as_on_page.replace(f'"{topic}"', '"orders"')
            assert [line.rstrip() for line in as_on_page.strip().splitlines()] == printed.strip().splitlines()
        (python,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
        exec(python.replace("mysql://root@fe:9030/shop", url), {"rl": here, "secret": SECRET})
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "shop.orders_load here already {} "
    assert printed[1].endswith("True")
