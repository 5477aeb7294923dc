"""Failpoints act only where they are armed, once, at the passing they were told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import routine_load
from routine_load.observe import failpoints


@pytest.fixture(autouse=True)
def _disarm():
    yield
    failpoints.disarm()


def test_a_point_that_is_not_armed_does_nothing():
    """The normal case."""
    failpoints.failpoint("commit.decide.before")


def test_an_armed_point_fails_at_its_passing_and_only_then():
    """``@2`` lets the first passing through."""
    failpoints.arm("task.plan.before=fail@2, task.plan.after=fail")
    failpoints.failpoint("task.plan.before")
    with pytest.raises(failpoints.InjectedFailure, match=r"task\.plan\.before"):
        failpoints.failpoint("task.plan.before")
    failpoints.failpoint("task.plan.before")
    with pytest.raises(failpoints.InjectedFailure, match=r"task\.plan\.after"):
        failpoints.failpoint("task.plan.after")


def test_an_unknown_action_is_refused():
    """The text names it."""
    with pytest.raises(ValueError, match="'explode' is not kill, stop or fail"):
        failpoints.arm("task.plan.before=explode")


def test_an_unknown_point_is_refused():
    """It would never be passed, and the test that armed it would prove nothing."""
    with pytest.raises(ValueError, match=r"there is no failpoint 'task\.paln\.before'"):
        failpoints.arm("task.paln.before=kill")


def test_the_names_are_those_that_the_code_passes():
    """In both directions; ``{name}`` in a name stands for any."""
    folder = Path(routine_load.__file__).parent
    found = {
        name for path in folder.rglob("*.py") for name in re.findall(r'failpoint\(f?"([^"]+)"\)', path.read_text())
    }
    patterns = [
        re.compile(re.sub(r"\{\w+\}", r"\\w+", re.escape(name).replace(r"\{", "{").replace(r"\}", "}")))
        for name in found
    ]
    assert {p for p in failpoints.POINTS if not any(each.fullmatch(p) for each in patterns)} == set()
    assert {n for n in found if "{" not in n} - failpoints.POINTS == set()
