"""The front end's settings as they are now: the vendor's defaults, what the file says, what ADMIN SET changed.

Everybody who depends on one asks each time. Whoever has to act when one changes is told (``listen``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from routine_load.ids import Compat
from routine_load.jobs.frontend_config import FrontendConfig, settable_item


class Kept(Protocol):
    """Where changed settings are kept (``store.SettingStore``)."""

    def all(self) -> dict[str, str]: ...

    def put(self, name: str, value: str) -> None: ...


class LiveFrontendConfig:
    """Thread-safe. One front end has one value of a setting, for the jobs of both vendors."""

    def __init__(self, file: Mapping[str, str], kept: Kept) -> None:
        """Raises UnknownConfig and ConfigRefused where the file, or what was kept, does not make sense."""
        self._lock = threading.Lock()
        # who sets waits for who sets, so that what is kept is what is in force; who asks waits for nobody
        self._setting = threading.Lock()
        self._kept = kept
        self._file = dict(file)
        self._overrides = {**file, **kept.all()}
        self._configs = {compat: FrontendConfig.of(compat, self._overrides) for compat in Compat}
        self._listeners: list[Callable[[str], None]] = []

    def __call__(self, compat: Compat) -> FrontendConfig:
        return self._configs[compat]

    def is_overridden(self, name: str) -> bool:
        """Whether it has another value than the vendor's default, or was set to that."""
        return name in self._overrides

    def set(self, name: str, value: str, compat: Compat) -> None:
        """Change one setting, now and for later starts. Raises UnknownConfig, ConfigRefused in the vendor's words."""
        settable_item(name, compat).read(value)
        with self._setting:
            self._kept.put(name, value)
            with self._lock:
                self._overrides = {**self._overrides, name: value}
                self._configs = {each: FrontendConfig.of(each, self._overrides) for each in Compat}
                listeners = list(self._listeners)
        for listener in listeners:
            listener(name)

    def read_again(self) -> None:
        """Another coordinator may have changed settings. Raises MetadataError, UnknownConfig, ConfigRefused."""
        with self._setting:
            kept = {**self._file, **self._kept.all()}
            with self._lock:
                changed = [name for name in kept if kept[name] != self._overrides.get(name)]
                if not changed:
                    return
                self._configs = {each: FrontendConfig.of(each, kept) for each in Compat}
                self._overrides, listeners = kept, list(self._listeners)
        for name in changed:
            for listener in listeners:
                listener(name)

    def listen(self, listener: Callable[[str], None]) -> None:
        """Tell ``listener`` the name of each setting that was changed, from the thread that changed it."""
        with self._lock:
            self._listeners.append(listener)
