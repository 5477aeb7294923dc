"""Golden sequences of tasks against the error budget: after each task the window, a pause, or a batch that fails."""

from pathlib import Path

import pytest

from routine_load.commit.values import Counts
from routine_load.ids import Compat
from routine_load.jobs.budget import ErrorWindow, charge, ratio_exceeded
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.properties import PropertyContext, create_properties
from routine_load.sql.statements import Property

FILE = Path(__file__).parent / "jobs" / "budgets.txt"


def sequences():
    for number, line in enumerate(FILE.read_text().splitlines(), 1):
        if line and not line.startswith("#"):
            yield pytest.param(line, id=f"line {number}")


def job_properties(compat, words):
    given = tuple(Property(key=key, value=value) for key, _, value in (word.partition("=") for word in words))
    context = PropertyContext(compat=compat, config=FrontendConfig.of(compat), timezone="Asia/Shanghai")
    return create_properties(given, context)


def outcome(window, counts, properties, compat):
    """The window after a task, and in the file's words what else follows."""
    if ratio_exceeded(counts, properties, compat):
        return window, "fails"
    charged = charge(window, counts, properties, compat)
    words = ["full"] * charged.was_full + ["pause"] * (charged.pause is not None)
    if charged.pause is not None:
        assert charged.pause.code == 102
    return charged.window, " ".join([*words, f"{charged.window.errors}/{charged.window.rows}"])


@pytest.mark.parametrize("line", list(sequences()))
def test_tasks_spend_the_budget(line):
    """Each line of budgets.txt: the tasks in order leave the windows and have the consequences that it says."""
    head, _, tasks = line.partition(" : ")
    vendor, *words = head.split()
    compat, window, seen = Compat(vendor), ErrorWindow(), []
    properties = job_properties(compat, words)
    for task in tasks.split(" ; "):
        counted = task.partition(" -> ")[0]
        loaded, filtered, unselected = (int(number) for number in counted.split("+"))
        counts = Counts(loaded=loaded, filtered=filtered, unselected=unselected)
        window, follows = outcome(window, counts, properties, compat)
        seen.append(f"{counted} -> {follows}")
    assert " ; ".join(seen) == tasks
