"""From a bad message to the text at its URL."""

from __future__ import annotations

import httpx
import pytest

import routine_load


@pytest.mark.parametrize("compat", ["starrocks", "doris"])
def test_a_bad_row_is_found_at_its_url(compat, tmp_path, broker, topic):
    """ErrorLogUrls leads to the rejected row with reason, partition and offset; the good rows are loaded."""
    broker.create_topic(topic, 3)
    broker.produce(topic, ["1,a", "no number,b\x1b", "3,c"], partition=2)
    with routine_load.connect(tmp_path, http_port=0, compat=compat) as rl:
        rl.execute("CREATE DATABASE d")
        rl.execute(
            "CREATE TABLE d.t (id INT NOT NULL, v VARCHAR(9)) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1"
        )
        rl.execute(f"""
            CREATE ROUTINE LOAD d.j ON t COLUMNS TERMINATED BY "," PROPERTIES ("max_error_number" = "5")
            FROM KAFKA ("kafka_broker_list" = "{broker.bootstrap}", "kafka_topic" = "{topic}",
                        "property.kafka_default_offsets" = "OFFSET_BEGINNING")
        """)
        rl.wait("d.j", loaded_rows=2)
        (job,) = rl.query("SHOW ROUTINE LOAD FOR d.j").dicts()
        assert job["State"] == "RUNNING"
        (url,) = job["ErrorLogUrls"].split(", ")
        assert url.startswith(f"http://127.0.0.1:{rl.ports[1]}/api/_load_error_log?file=")
        answer = httpx.get(url, timeout=10)
    assert answer.status_code == 200
    (line,) = answer.text.splitlines()
    assert line.startswith({"starrocks": "Error: ", "doris": "Reason: "}[compat])
    assert "[meta: kafka partition: 2, offset: 1]" in line
    shown = {
        "starrocks": "offset: 1] no number,b\\x1b",
        "doris": "src line [no number,b\\x1b]; [meta: kafka partition: 2, offset: 1]",
    }
    assert line.endswith(shown[compat])
