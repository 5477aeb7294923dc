"""What the engine asks of a client's session."""

from __future__ import annotations

from typing import Protocol

from routine_load.ids import Compat
from routine_load.sql.access import Rights


class Session(Protocol):
    """``statements.ports.Session``, as far as a query depends on it."""

    @property
    def user(self) -> str: ...

    @property
    def client(self) -> str: ...

    @property
    def rights(self) -> Rights: ...

    @property
    def compat(self) -> Compat: ...

    @property
    def database(self) -> str | None: ...

    @property
    def timezone(self) -> str: ...

    @property
    def connection_id(self) -> int: ...

    @property
    def query_timeout_s(self) -> int: ...
