"""Failpoints act only where they are armed, once, at the passing they were told."""

from __future__ import annotations

import pytest

from routine_load.observe import failpoints


@pytest.fixture(autouse=True)
def _disarm():
    yield
    failpoints.disarm()


def test_a_point_that_is_not_armed_does_nothing():
    """The normal case."""
    failpoints.failpoint("x")


def test_an_armed_point_fails_at_its_passing_and_only_then():
    """``@2`` lets the first passing through."""
    failpoints.arm("x=fail@2, y=fail")
    failpoints.failpoint("x")
    with pytest.raises(failpoints.InjectedFailure, match="x"):
        failpoints.failpoint("x")
    failpoints.failpoint("x")
    with pytest.raises(failpoints.InjectedFailure, match="y"):
        failpoints.failpoint("y")


def test_an_unknown_action_is_refused():
    """The text names it."""
    with pytest.raises(ValueError, match="'explode' is not kill or fail"):
        failpoints.arm("x=explode")
