"""Settings of the front end that were changed at run time, by name.

Owns their keeping. Refuses to know which names and values are allowed.
"""

from __future__ import annotations

import sqlalchemy as sa

from routine_load.store.database import Database, put
from routine_load.store.tables import frontend_config


class SettingStore:
    """Repository of overridden settings. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, str]:
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(frontend_config.c.name, frontend_config.c.value))
            return {row.name: row.value for row in rows}

    def put(self, name: str, value: str) -> None:
        """Keep a value in place of the one before."""
        with self._database.writing() as connection:
            put(connection, frontend_config, {"name": name}, {"value": value})
