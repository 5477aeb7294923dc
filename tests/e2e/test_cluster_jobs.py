"""Jobs of a service over a cluster: ``--target`` with our own service as StarRocks, and as Doris, in its place."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

import routine_load
from routine_load.errors import ClusterRefused, PropertyError, RoutineLoadError, UnknownTable
from routine_load.ids import Compat
from tests.support.cluster_peer import peer_of

_NUMBERS = itertools.count(1)


@dataclass
class Service:
    """A coordinator whose tables live in ``peer``."""

    peer: object
    connection: object
    kafka: object

    def job(self, table, messages, *, clauses="", properties="", partitions=2):
        """Load messages by a job of their own; returns its name."""
        name = f"j{next(_NUMBERS)}"
        self.kafka.create_topic(name, partitions=partitions)
        for partition in range(partitions):
            if values := messages[partition::partitions]:
                self.kafka.produce(name, values, partition=partition)
        self.connection.execute(
            f'CREATE ROUTINE LOAD d.{name} ON {table} {clauses} PROPERTIES ("format" = "json", '
            f'"max_batch_interval" = "5"{properties}) FROM KAFKA ("kafka_broker_list" = "{self.kafka.bootstrap}", '
            f'"kafka_topic" = "{name}", "property.kafka_default_offsets" = "OFFSET_BEGINNING")'
        )
        return name


@pytest.fixture(scope="module", params=list(Compat))
def service(request, tmp_path_factory):
    from routine_load.testing import EmbeddedKafka

    folder = tmp_path_factory.mktemp("cluster")
    with (
        EmbeddedKafka() as kafka,
        peer_of(request.param, folder) as peer,
        routine_load.connect(folder / "over", target=peer.url) as connection,
    ):
        yield Service(peer, connection, kafka)


def messages(count):
    return [json.dumps({"id": n, "v": None if n % 7 == 0 else f'é\n"{n}'}).encode() for n in range(count)]


def test_a_job_loads_a_table_of_the_cluster_exactly_once(service):
    """Rows, progress and counts of a job are what they are with the embedded engine."""
    service.peer.table("loaded", "v VARCHAR(40)", "DUPLICATE KEY")
    name = service.job("loaded", messages(500))
    service.connection.wait(f"d.{name}", loaded_rows=500, timeout=60)
    wanted = [(n, None if n % 7 == 0 else f'é\n"{n}') for n in range(500)]
    assert service.peer.run("SELECT id, v FROM d.loaded ORDER BY id") == wanted
    shown = service.connection.query(f"SHOW ROUTINE LOAD FOR d.{name}").fetchall()[0]
    assert "RUNNING" in shown


def test_rows_that_the_cluster_filters_are_errors_of_the_job(service):
    """What only the cluster finds wrong counts like what is found here."""
    service.peer.table("strict", "v VARCHAR(40)", "DUPLICATE KEY")
    given = [b'{"id": 1, "v": "a"}', b'{"id": null, "v": "b"}', b'{"id": 3, "v": "c"}']
    name = service.job("strict", given, properties=', "max_error_number" = "10"', partitions=1)
    service.connection.wait(f"d.{name}", loaded_rows=2, timeout=60)
    assert service.peer.run("SELECT id FROM d.strict ORDER BY id") == [(1,), (3,)]


def test_messages_can_be_pushed_down(service):
    """``push_down``: the mapping goes as headers, the cluster computes and filters, its counts are the job's."""
    service.peer.table("pushed", "v VARCHAR(40), w BIGINT", "DUPLICATE KEY")
    given = [json.dumps({"id": n, "v": f"x{n}"}, indent=1).encode() for n in range(10)]
    name = service.job(
        "pushed",
        given,
        clauses="COLUMNS (id, v, w = id * 2), WHERE id >= 2",
        properties=', "push_down" = "true"',
    )
    service.connection.wait(f"d.{name}", loaded_rows=8, timeout=60)
    assert service.peer.run("SELECT id, v, w FROM d.pushed ORDER BY id") == [(n, f"x{n}", n * 2) for n in range(2, 10)]
    text = str(service.connection.query(f"SHOW CREATE ROUTINE LOAD d.{name}").fetchall())
    assert "push_down" in text


def test_statements_are_forwarded_with_types_and_refusals(service):
    """What is not ours is the cluster's business: results have its types, refusals its numbers and words."""
    run = service.connection
    run.execute("CREATE TABLE d.made (id BIGINT, x DECIMAL(10,2)) DUPLICATE KEY (id) DISTRIBUTED BY HASH(id) BUCKETS 1")
    run.execute("INSERT INTO d.made VALUES (1, 2.5), (2, NULL)")
    assert run.query("SELECT id, x FROM d.made ORDER BY id").fetchall() == service.peer.run(
        "SELECT id, x FROM d.made ORDER BY id"
    )
    with pytest.raises(RoutineLoadError) as ours:
        run.query("SELECT nothing FROM d.made")
    with pytest.raises(RoutineLoadError) as theirs:
        service.peer.run("SELECT nothing FROM d.made")
    assert isinstance(ours.value, ClusterRefused)
    compat = service.peer.compat
    assert (ours.value.number(compat), ours.value.framed(compat)) == (
        theirs.value.number(compat),
        theirs.value.framed(compat),
    )


def test_our_own_tables_are_answered_here(service):
    """information_schema has our jobs and their rejected rows, whatever the cluster has there."""
    assert service.connection.query("SELECT count(*) FROM information_schema.routine_load_jobs").fetchall()


def test_a_job_needs_a_table_that_the_cluster_has(service):
    """CREATE is refused before anything is written."""
    with pytest.raises(UnknownTable):
        service.job("nowhere", messages(1))


def test_states_are_made_by_the_cluster(service):
    """BITMAP, HLL: a job into such a column says ``push_down``, or is refused."""
    states = "v BITMAP BITMAP_UNION"
    service.peer.table("states", states, "AGGREGATE KEY")
    with pytest.raises(RoutineLoadError, match="push_down"):
        service.job("states", messages(1), clauses="COLUMNS (id, x, v = to_bitmap(x))")
    given = [b'{"id": 1, "x": 5}', b'{"id": 1, "x": 6}', b'{"id": 1, "x": 5}']
    name = service.job(
        "states", given, clauses="COLUMNS (id, x, v = to_bitmap(x))", properties=', "push_down" = "true"', partitions=1
    )
    service.connection.wait(f"d.{name}", loaded_rows=3, timeout=60)
    assert service.peer.run("SELECT id, bitmap_count(v) FROM d.states") == [(1, 2)]


def test_another_vendors_rules_are_refused(tmp_path):
    """A StarRocks cluster is loaded by StarRocks' rules."""
    with pytest.raises(PropertyError, match="leave compat out"):
        routine_load.connect(tmp_path, target="starrocks://root@127.0.0.1", compat="doris")


def test_the_page_of_clusters_does_what_it_says(service):
    """The statements of docs/clusters.md, in their order, over a cluster."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "clusters.md").read_text()
    (block,) = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    topic = f"orders{next(_NUMBERS)}"
    service.kafka.create_topic(topic)
    service.kafka.produce(topic, [{"id": n, "customer": f"c{n}", "amount": "1.25"} for n in range(3)])
    block = block.replace("broker:9092", service.kafka.bootstrap).replace('"orders"', f'"{topic}"')
    *making, looking, counting = [each.strip() for each in block.split(";\n") if each.strip()]
    for statement in making:
        service.connection.execute(statement)
    service.connection.wait("shop.orders_job", loaded_rows=3, timeout=60)
    assert "orders_job" in str(service.connection.query(looking).fetchall())
    assert service.connection.query(counting).fetchall() == [(3,)]
    assert service.peer.run("SELECT sum(amount) FROM shop.orders") == [(Decimal("3.75"),)]


def test_a_message_names_its_table_of_the_cluster(service):
    """Doris: a job of many tables commits all of its tables' labels, or none."""
    if service.peer.compat is not Compat.DORIS:
        pytest.skip("StarRocks has no jobs of many tables")
    for name in ("many_a", "many_b"):
        service.peer.table(name, "v VARCHAR(20)", "DUPLICATE KEY")
    service.kafka.create_topic("many")
    service.kafka.produce("many", [f"many_{'ab'[n % 2]}|{n}\tv{n}".encode() for n in range(10)])
    service.connection.execute(
        'CREATE ROUTINE LOAD d.many PROPERTIES ("max_batch_interval" = "5", "max_error_number" = "5") FROM KAFKA '
        f'("kafka_broker_list" = "{service.kafka.bootstrap}", "kafka_topic" = "many", '
        '"property.kafka_default_offsets" = "OFFSET_BEGINNING")'
    )
    service.connection.wait("d.many", loaded_rows=10, timeout=60)
    assert service.peer.run("SELECT id FROM d.many_a ORDER BY id") == [(n,) for n in range(0, 10, 2)]
    assert service.peer.run("SELECT id FROM d.many_b ORDER BY id") == [(n,) for n in range(1, 10, 2)]
