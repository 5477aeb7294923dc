"""What the two ways in have in common, and the one that is a coordinator in this process.

A *door* leads to one service; a *client* is one session behind it, used by one thread at a time. Both know nothing of
threads and jobs: ``sessions`` and ``job`` do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from routine_load import errors
from routine_load.api.settings import Given, build
from routine_load.errors import RoutineLoadError
from routine_load.observe import logs
from routine_load.sql.results import Result

if TYPE_CHECKING:
    from routine_load.app.coordinator import Coordinator
    from routine_load.statements.ports import Session

Ports = tuple[int | None, int | None]


class Client(Protocol):
    """One session. Raises RoutineLoadError only; its ``errno`` is what a MySQL client of the session would see."""

    def run(self, text: str, database: str | None) -> list[Result]:
        """Run the statements of a text, the database selected first where one is given."""
        ...

    def interrupt(self) -> None:
        """End what another thread runs here; nothing where nothing runs."""
        ...

    def close(self) -> None: ...


class Door(Protocol):
    """One service."""

    @property
    def ports(self) -> Ports:
        """MySQL and HTTP port, None where there is none or it is not known."""
        ...

    def open(self, database: str | None) -> Client:
        """A new session, the database selected. Raises RoutineLoadError."""
        ...

    def close(self) -> None:
        """Called once, when no client runs anything any more."""
        ...


def public(error: RoutineLoadError) -> RoutineLoadError:
    """The same error as a class of ``routine_load.errors``; a room's own refinement of one is its own business."""
    kind = next(each for each in type(error).__mro__ if each.__module__ == errors.__name__)
    assert issubclass(kind, RoutineLoadError)
    same = kind(error.message)
    same.position, same.errno, same.sqlstate = error.position, error.errno, error.sqlstate
    return same


class EmbeddedDoor:
    """A coordinator in this process. Its ports stay shut unless the settings ask for them."""

    def __init__(self, path: Path | None, settings: Mapping[str, object]) -> None:
        from routine_load.app.coordinator import Coordinator  # noqa: PLC0415 - importing the API stays cheap

        logs.quieten()
        self._scratch = tempfile.TemporaryDirectory(prefix="routine-load-") if path is None else None
        try:
            folder = path if self._scratch is None else self._scratch.name
            given: dict[str, object] = {"mysql_port": None, "http_port": None, **settings, "data_dir": folder}
            chosen = build({name: Given(value, "given to connect") for name, value in given.items()})
            self._coordinator: Coordinator = Coordinator(chosen)
            self._coordinator.start()
        except BaseException:
            self._forget_scratch()
            raise

    @property
    def ports(self) -> Ports:
        return self._coordinator.ports

    def open(self, database: str | None) -> Client:
        client = _EmbeddedClient(self._coordinator, self._coordinator.service.open_session("root", "embedded"))
        if database is not None:
            client.run("", database)
        return client

    def close(self) -> None:
        self._coordinator.stop(drain=True)
        self._forget_scratch()

    def _forget_scratch(self) -> None:
        if self._scratch is not None:
            self._scratch.cleanup()


class _EmbeddedClient:
    def __init__(self, coordinator: Coordinator, session: Session) -> None:
        self._service = coordinator.service
        self._session = session

    def run(self, text: str, database: str | None) -> list[Result]:
        try:
            if database is not None:
                self._service.use(self._session, database)
            return self._service.execute(self._session, text)
        except RoutineLoadError as error:
            compat = self._session.compat
            error.errno, error.sqlstate = error.number(compat), error.state(compat)
            if type(error).__module__ == errors.__name__:
                raise
            raise public(error) from error

    def interrupt(self) -> None:
        self._service.stop(self._session)

    def close(self) -> None:
        self._service.close_session(self._session)
