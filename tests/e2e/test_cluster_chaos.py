"""A job over a cluster that loses, repeats, delays and garbles what it is asked by HTTP: each message is loaded once."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from enum import StrEnum

import pytest

import routine_load
from routine_load.ids import Compat
from routine_load.testing import EmbeddedKafka
from tests.support.cluster_peer import peer_of
from tests.unit.engines.cluster_server import MisbehavingServer, page

MESSAGES, PORTION, TROUBLES_MAX = 240, 40, 10


class Trouble(StrEnum):
    LOST = "the request does not arrive"
    UNHEARD = "the request arrives, its answer does not"
    TWICE = "the request arrives twice, the second answer counts"
    LATE = "the request arrives after whoever asked has gone"
    GARBLED = "half of an answer"
    PROXY = "an answer of somebody else"


class Chaos:
    """What stands between a service and one door of its cluster."""

    def __init__(self, port, seed):
        self._upstream = port
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.late = []
        self.happened = []

    def act(self, received):
        with self._lock:
            is_calm = len(self.happened) >= TROUBLES_MAX or self._random.random() < 0.6
            trouble = None if is_calm else self._random.choice(list(Trouble))
            if trouble is not None:
                self.happened.append((trouble, received.method, received.path))
        return self._answer(received, trouble)

    def _answer(self, received, trouble):
        if trouble is Trouble.LATE:
            late = threading.Timer(0.7, self._forward, (received,))
            self.late.append(late)
            late.start()
        if trouble in {Trouble.LATE, Trouble.LOST}:
            return None
        answer = self._forward(received)
        if trouble is Trouble.TWICE:
            answer = self._forward(received)
        return {
            Trouble.UNHEARD: None,
            Trouble.GARBLED: answer[: len(answer) // 2],
            Trouble.PROXY: page(b"<html>bad gateway</html>", "502 Bad Gateway"),
        }.get(trouble, answer)

    def _forward(self, received):
        connection = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=20)
        try:
            connection.request(received.method, received.path, received.body, received.headers)
            answer = connection.getresponse()
            location = answer.getheader("location")
            more = f"Location: {location}\r\n" if location else ""
            return page(answer.read(), f"{answer.status} {answer.reason}", more)
        finally:
            connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("compat", list(Compat))
def test_each_message_is_loaded_once_whatever_becomes_of_requests(compat, tmp_path):
    """Both phases, the questions about labels and their answers are disturbed; rows, progress and counts are exact."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    with peer_of(compat, tmp_path) as peer, EmbeddedKafka() as kafka:
        peer.table("t", "v VARCHAR(20)", "DUPLICATE KEY")
        mysql_port, http_port = peer.coordinator.ports
        (node_port,) = {int(row[4]) for row in peer.run("SHOW BACKENDS")}
        front, node = Chaos(http_port, seed), Chaos(node_port, seed + 1)
        with MisbehavingServer(front.act) as fronts, MisbehavingServer(node.act) as nodes:
            target = (
                f"{compat}://root@127.0.0.1:{mysql_port}?http_port={fronts.port}"
                f"&host_map=127.0.0.1:{http_port}>127.0.0.1:{fronts.port},127.0.0.1:{node_port}>127.0.0.1:{nodes.port}"
            )
            kafka.create_topic("x", partitions=2)
            with routine_load.connect(tmp_path / "over", target=target, abort_backoff_s=0.2) as rl:
                rl.execute(
                    'CREATE ROUTINE LOAD d.j ON t PROPERTIES ("format" = "json", "max_batch_interval" = "5", '
                    f'"max_error_number" = "0") FROM KAFKA ("kafka_broker_list" = "{kafka.bootstrap}", '
                    '"kafka_topic" = "x", "property.kafka_default_offsets" = "OFFSET_BEGINNING")'
                )
                for first in range(0, MESSAGES, PORTION):
                    values = [{"id": n, "v": f"v{n}"} for n in range(first, first + PORTION)]
                    kafka.produce("x", values, partition=first // PORTION % 2)
                    until(lambda at=first: rl.query("SELECT count(*) FROM d.t").fetchone()[0] >= at / 2)
                rl.wait("d.j", loaded_rows=MESSAGES, timeout=120)
                for late in [*front.late, *node.late]:
                    late.join()
                row = rl.query("SHOW ROUTINE LOAD FOR d.j").fetchall()[0]
            happened = [*front.happened, *node.happened]
            print(*happened, sep="\n")
        assert peer.run("SELECT id, v FROM d.t ORDER BY id") == [(n, f"v{n}") for n in range(MESSAGES)]
        statistic = next(json.loads(each) for each in row if isinstance(each, str) and '"loadedRows"' in each)
        assert (statistic["loadedRows"], statistic["errorRows"]) == (MESSAGES, 0)
        assert len({trouble for trouble, _, _ in happened}) > 3


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
