"""Where settings come from: a TOML file, then the environment (``RL_*``), then flags; the later one wins."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from routine_load.api.settings import Given, build, names
from routine_load.config import Settings
from routine_load.errors import PropertyError

PREFIX = "RL_"
_FILE_BYTES_MAX = 1024 * 1024
_NO_SETTINGS = ("RL_CONFIG", "RL_PASSWORD", "RL_LOG_LEVEL", "RL_FAILPOINTS", "RL_TEST_", "RL_KAFKA_", "RL_SOAK")
_FILE_ONLY = "frontend_config"


def settings(
    file: Path | None,
    environment: Mapping[str, str],
    flags: Mapping[str, object],
    defaults: Mapping[str, object] | None = None,
) -> Settings:
    """One value from all sources. A flag that is None was not given. Raises PropertyError."""
    given = {name: Given(value, "default") for name, value in (defaults or {}).items()}
    given |= {} if file is None else _from_file(file)
    given |= _from_environment(environment)
    for name, value in flags.items():
        if value is not None:
            given[name] = Given(value, f"--{name.replace('_', '-')}")
    return build(given)


def ignored(environment: Mapping[str, str]) -> Iterator[str]:
    """``RL_*`` variables that mean nothing here: mistyped, most likely."""
    for name in sorted(environment):
        known = _setting(name) in names() and _setting(name) != _FILE_ONLY
        if name.startswith(PREFIX) and not known and not name.startswith(_NO_SETTINGS):
            yield name


def _from_file(file: Path) -> dict[str, Given]:
    try:
        with file.open("rb") as stream:
            text = stream.read(_FILE_BYTES_MAX + 1)
        if len(text) > _FILE_BYTES_MAX:
            raise PropertyError(f"{file} is longer than {_FILE_BYTES_MAX} bytes")
        table = tomllib.loads(text.decode())
    except OSError as error:
        raise PropertyError(f"cannot read the configuration file {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PropertyError(f"{file} is not TOML: {error}") from error
    return {name.replace("-", "_"): Given(value, f"in {file}") for name, value in table.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, Given]:
    return {
        name: Given(environment[PREFIX + name.upper()], f"in {PREFIX}{name.upper()}")
        for name in names()
        if name != _FILE_ONLY and PREFIX + name.upper() in environment
    }


def _setting(variable: str) -> str:
    return variable.removeprefix(PREFIX).lower()
