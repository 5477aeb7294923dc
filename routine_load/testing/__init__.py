"""What tests of routine load jobs need: brokers that start in the test and are gone after it.

``plugin`` makes fixtures of it; pytest finds them by itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routine_load.testing.embedded_kafka import EmbeddedKafka
    from routine_load.testing.feeder import BrokerFailed, Value
    from routine_load.testing.kafka_process import ApacheKafka
    from routine_load.testing.remote_kafka import RemoteKafka
    from routine_load.testing.schema_registry import EmbeddedRegistry

__all__ = ["ApacheKafka", "BrokerFailed", "EmbeddedKafka", "EmbeddedRegistry", "RemoteKafka", "Value"]

_HOMES = {
    "ApacheKafka": "kafka_process",
    "BrokerFailed": "feeder",
    "EmbeddedKafka": "embedded_kafka",
    "EmbeddedRegistry": "schema_registry",
    "RemoteKafka": "remote_kafka",
    "Value": "feeder",
}


def __getattr__(name: str) -> Any:
    """Loaded when it is first asked for: pytest loads the plugin in every run of whoever has this installed."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
