"""``make kafka``: one Apache Kafka in the foreground.

``python -m routine_load.testing.apache_kafka`` prints ``{"event": "ready", "bootstrap": …}`` and runs until SIGTERM or
SIGINT. ``RL_KAFKA_PORT`` fixes the port.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading

from routine_load.testing.feeder import BrokerFailed
from routine_load.testing.kafka_process import ApacheKafka

__all__ = ["ApacheKafka", "main"]


def main() -> int:
    """Run one broker until SIGTERM or SIGINT; 1 where it cannot be started."""
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: done.set())
    try:
        with ApacheKafka(port=int(os.environ.get("RL_KAFKA_PORT", "0"))) as kafka:
            sys.stdout.write(json.dumps({"event": "ready", "bootstrap": kafka.bootstrap}) + "\n")
            sys.stdout.flush()
            done.wait()
    except BrokerFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
