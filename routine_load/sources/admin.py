"""Admin clients, one per distinct connection: for what consumers cannot ask, the topic's identity and group offsets."""

from __future__ import annotations

import threading
from typing import Final

from confluent_kafka.admin import AdminClient

from routine_load.sources.connections import ClientSettings, ConnectionKey, client_settings, connection_key
from routine_load.tasks.ports import KafkaSpec

_CONSUMERS_ONLY: Final = frozenset(
    {"enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset", "isolation.level", "group.id"}
)


class AdminClients:
    """Thread-safe; keeps at most ``clients_max``, the oldest goes first."""

    def __init__(self, *, clients_max: int = 16) -> None:
        self._clients_max = clients_max
        self._lock = threading.Lock()
        self._clients: dict[ConnectionKey, AdminClient] = {}

    def of(self, spec: KafkaSpec) -> AdminClient:
        """Raises SourceError where the client cannot be set up."""
        key = connection_key(spec)
        with self._lock:
            client = self._clients.get(key)
            if client is None:
                if len(self._clients) >= self._clients_max:
                    self._clients.pop(next(iter(self._clients)))
                client = self._clients[key] = AdminClient(self._settings(spec))
            return client

    def close(self) -> None:
        with self._lock:
            self._clients.clear()

    def _settings(self, spec: KafkaSpec) -> ClientSettings:
        settings = client_settings(spec, {}, {})
        return {key: value for key, value in settings.items() if key not in _CONSUMERS_ONLY}
