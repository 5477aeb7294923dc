"""The floor: a tuned confluent-kafka consumer that only counts. Run as a process of its own; prints one JSON line."""

from __future__ import annotations

import json
import resource
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition


def main() -> None:
    bootstrap, topic, partitions, messages = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "count",
            "enable.auto.commit": False,
            "queued.min.messages": 1_000_000,
            "fetch.max.bytes": 50_000_000,
            "queued.max.messages.kbytes": 256 * 1024,
            "fetch.queue.backoff.ms": 5,  # by default a full queue pauses for a second
            "check.crcs": False,
        }
    )
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(partitions)])
    started = time.monotonic()
    counted = 0
    while counted < messages:
        counted += len(consumer.consume(20_000, 1.0))
    seconds = time.monotonic() - started
    consumer.close()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"rows": counted, "seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime}))


if __name__ == "__main__":
    main()
