"""Errors that come over the wire are the errors of the tree."""

from __future__ import annotations

import pymysql
import pytest

import routine_load
from routine_load.api.doors import ServerRefused, _refused
from routine_load.errors import AccessDenied, PropertyError, RoutineLoadError, UnknownTable
from routine_load.ids import Compat


@pytest.mark.parametrize(
    ("number", "kind"), [(5502, UnknownTable), (1051, UnknownTable), (1045, AccessDenied), (1064, ServerRefused)]
)
def test_a_number_finds_its_class(number, kind):
    """A vendor's error number becomes the class that carries it; shared numbers keep number and text."""
    error = _refused(pymysql.err.OperationalError(number, "text"))
    assert type(error) is kind
    assert error.message == "text"
    assert number in (error.number(Compat.STARROCKS), error.number(Compat.DORIS))


@pytest.mark.parametrize("url", ["http://canary@127.0.0.1", "mysql:canary", "canary:9030"])
def test_a_url_of_another_kind_is_refused_without_repeating_it(url):
    """The URL may hold a password: the error shows the form, not the value."""
    with pytest.raises(PropertyError, match="allowed: mysql://") as caught:
        routine_load.connect(url=url)
    assert "canary" not in caught.value.message


def test_nobody_there_is_our_error():
    """A refused connection is a RoutineLoadError with the client's own text."""
    with pytest.raises(RoutineLoadError, match="Can't connect"):
        routine_load.connect(url="mysql://127.0.0.1:1")


def test_a_url_takes_no_settings():
    """Settings belong to a coordinator of one's own."""
    with pytest.raises(PropertyError, match="path, backends: not allowed with url"):
        routine_load.connect("data", url="mysql://127.0.0.1", backends=2)
