"""What tests of routine load jobs need: brokers that start in the test and are gone after it."""

from __future__ import annotations

from routine_load.testing.embedded_kafka import EmbeddedKafka
from routine_load.testing.feeder import BrokerFailed, Value
from routine_load.testing.kafka_process import ApacheKafka
from routine_load.testing.remote_kafka import RemoteKafka

__all__ = ["ApacheKafka", "BrokerFailed", "EmbeddedKafka", "RemoteKafka", "Value"]
