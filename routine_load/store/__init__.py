"""The metadata database: jobs, users, and the front end's settings.

``open_metadata`` migrates and opens it; ``JobStore`` and ``UserStore`` are its repositories. What is authoritative:
definitions and states of jobs are here; progress is a mirror of the sink's. Every conditional UPDATE of the program is
in this room. Refuses to know statements and engines.
"""

from routine_load.store.database import migrate_url as migrate
from routine_load.store.metadata import Metadata, open_metadata
from routine_load.store.secrets import KEY_FILE, SecretBox

__all__ = ["KEY_FILE", "Metadata", "SecretBox", "migrate", "open_metadata"]
