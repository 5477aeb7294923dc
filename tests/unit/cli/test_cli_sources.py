"""File, environment and flags: who wins, and what is said of mistakes."""

from __future__ import annotations

import pytest

from routine_load.cli import sources
from routine_load.errors import PropertyError
from routine_load.ids import Compat


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rl.toml"
    path.write_text('data-dir = "from-file"\nmysql_port = 1\nbackends = 5\n[frontend_config]\na = "1"\n')
    return path


def test_flags_win_over_environment_over_file(file):
    """Each source overrides the one before, setting by setting."""
    environment = {"RL_MYSQL_PORT": "2", "RL_HTTP_PORT": "2", "RL_COMPAT": "doris"}
    settings = sources.settings(file, environment, {"http_port": "3", "host": None})
    assert str(settings.data_dir) == "from-file"
    assert (settings.mysql_port, settings.http_port, settings.backends) == (2, 3, 5)
    assert settings.compat is Compat.DORIS
    assert settings.frontend_config == {"a": "1"}


@pytest.mark.parametrize(
    ("environment", "flags", "origin"),
    [({"RL_BACKENDS": "x"}, {}, "in RL_BACKENDS"), ({}, {"backends": "x"}, "--backends")],
)
def test_an_error_says_where_the_value_came_from(environment, flags, origin):
    """The same mistake is blamed on the source that made it."""
    with pytest.raises(PropertyError) as caught:
        sources.settings(None, environment, flags, {"data_dir": "d"})
    assert f"({origin})" in caught.value.message


def test_an_error_in_the_file_names_the_file(file):
    """A wrong key in the file names file and key."""
    file.write_text("mysql-prot = 1\n")
    with pytest.raises(PropertyError, match=r"unknown setting 'mysql_prot' \(in .*rl\.toml\)"):
        sources.settings(file, {}, {})


def test_a_missing_or_broken_file_is_an_error(file):
    """A file that was asked for has to be there and be TOML."""
    with pytest.raises(PropertyError, match="cannot read the configuration file"):
        sources.settings(file.with_name("none.toml"), {}, {})
    file.write_text("= 1")
    with pytest.raises(PropertyError, match="is not TOML"):
        sources.settings(file, {}, {})


def test_mistyped_variables_are_found():
    """RL_ variables that mean nothing are listed, those of tests and tools are not."""
    environment = {"RL_MYSQL_PROT": "1", "RL_MYSQL_PORT": "1", "RL_TEST_KAFKA": "x", "PATH": "x"}
    assert list(sources.ignored(environment)) == ["RL_MYSQL_PROT"]
