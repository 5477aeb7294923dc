"""Names and values become settings, or an error that helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from routine_load.api.settings import Given, build
from routine_load.errors import PropertyError
from routine_load.ids import Compat


def built(**values: object):
    return build({name: Given(value, "test") for name, value in {"data_dir": "d", **values}.items()})


def test_text_becomes_typed_values():
    """Values from an environment are text and become what their setting is."""
    settings = built(mysql_port="0", tls="no", compat="DORIS", drain_timeout_s="1.5", data_dir="x", backends="2")
    assert (settings.mysql_port, settings.tls, settings.compat) == (0, False, Compat.DORIS)
    assert (settings.drain_timeout_s, settings.data_dir, settings.backends) == (1.5, Path("x"), 2)


@pytest.mark.parametrize("value", [None, "off"])
def test_a_port_can_be_off(value):
    """``off`` in text, None in Python: that door stays shut."""
    assert built(http_port=value).http_port is None


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("mysql_port", "70000", "0 to 65535"),
        ("mysql_port", -1, "0 to 65535"),
        ("mysql_port", True, "0 to 65535"),
        ("mysql_port", 1.5, "0 to 65535"),
        ("backends", -1, "from 0 to 64"),
        ("compat", "mysql", "starrocks or doris"),
        ("tls", "maybe", "true or false"),
        ("kafka_timeout_s", 0, "a number above 0"),
        ("kafka_timeout_s", "nan", "a number above 0"),
        ("engine_memory", "lots", "an amount such as 256MB"),
        ("backends", 65, "from 0 to 64"),
        ("data_dir", "", "a path"),
        ("host", 5, "a text"),
        ("frontend_config", "x", "a table"),
        ("file_url_prefixes", 5, "texts separated by commas"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(name, value, allowed):
    """The error has the key, the value, where it was given, and what is allowed."""
    with pytest.raises(PropertyError) as caught:
        built(**{name: value})
    message = caught.value.message
    assert message.startswith(f"{name} = {value!r} (test) is not allowed")
    assert allowed in message


def test_an_unknown_setting_gets_a_suggestion():
    """A mistyped name is answered with the nearest one."""
    with pytest.raises(PropertyError, match="did you mean mysql_port"):
        built(mysql_prot=1)


def test_a_password_in_a_url_is_not_repeated():
    """The metadata URL may hold a password; an error about it does not show it."""
    with pytest.raises(PropertyError) as caught:
        built(metadata_url=["postgresql://rl:canary@db/rl"])
    assert "canary" not in caught.value.message


def test_certificate_and_key_belong_together():
    """One TLS file without the other is refused by name."""
    with pytest.raises(PropertyError, match="tls_key is missing"):
        built(tls_cert="cert.pem")


def test_the_data_directory_has_no_default():
    """Whoever starts a coordinator says where its data is."""
    with pytest.raises(PropertyError, match="data_dir is missing"):
        build({})


def test_vendor_configuration_is_kept_as_text():
    """FE configuration items are a table of names and texts."""
    assert built(frontend_config={"a": 5, "b": True}).frontend_config == {"a": "5", "b": "true"}


def test_a_list_is_written_as_a_list_or_with_commas():
    """A TOML file has lists, the environment only text."""
    assert built(file_url_prefixes=["https://a/", "file:///b"]).file_url_prefixes == ("https://a/", "file:///b")
    assert built(file_url_prefixes="https://a/, file:///b").file_url_prefixes == ("https://a/", "file:///b")
