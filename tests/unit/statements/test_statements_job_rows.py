"""``routine_load_jobs``: how many jobs a query costs, and how bad rows of many files become one bounded text."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from routine_load.ids import Compat, JobId
from routine_load.statements import system_tables
from routine_load.statements.ports import Session
from tests.unit.jobs.jobs_builders import defined


class Records:
    """Jobs that remember what was asked of them."""

    def __init__(self) -> None:
        self.jobs = [
            SimpleNamespace(id=JobId(number), name=name, database=database, definition=defined(name=name))
            for number, (database, name) in enumerate([("d", "a"), ("d", "b"), ("e", "a")], start=1)
        ]
        self.asked: list[str] = []

    def get(self, job_id: JobId):
        self.asked.append(f"get {job_id}")
        return next((job for job in self.jobs if job.id == job_id), None)

    def list(self, database: str | None, *, include_final: bool):
        assert include_final
        self.asked.append(f"list {database}")
        return [job for job in self.jobs if database in (None, job.database)]

    def find(self, database: str | None, name: str, *, include_final: bool):
        assert include_final
        self.asked.append(f"find {database} {name}")
        return [job for job in self.jobs if database in (None, job.database) and job.name == name]


@pytest.mark.parametrize(
    ("compat", "wanted", "asked", "found"),
    [
        ("starrocks", {}, ["list None"], [1, 2, 3]),
        ("starrocks", {"DB_NAME": {"d"}}, ["list d"], [1, 2]),
        ("starrocks", {"NAME": {"a"}}, ["find None a"], [1, 3]),
        ("starrocks", {"DB_NAME": {"e", "d"}, "NAME": {"b"}}, ["find d b", "find e b"], [2]),
        ("starrocks", {"ID": {"3", "7"}, "NAME": {"a"}}, ["get 3", "get 7"], [3]),
        ("starrocks", {"ID": {"x"}}, ["list None"], [1, 2, 3]),
        ("doris", {"JOB_NAME": {"a"}, "DB_NAME": {"d"}}, ["find d a"], [1]),
        ("doris", {"NAME": {"a"}}, ["list None"], [1, 2, 3]),
        ("doris", {"JOB_ID": {"1"}}, ["get 1"], [1]),
    ],
)
def test_a_query_costs_the_jobs_it_names(compat, wanted, asked, found):
    """The store is asked for no more than a filter on id, name or database lets pass."""
    records = Records()
    context = SimpleNamespace(jobs=records, visible_jobs=lambda _, jobs: list(jobs))
    viewer = Session(user="root", compat=Compat(compat))
    narrowed = {column: frozenset(values) for column, values in wanted.items()}
    jobs = system_tables._wanted_jobs(context, viewer, narrowed)
    assert [job.id for job in jobs] == found
    assert records.asked == asked


def test_tracking_logs_are_one_bounded_text_of_the_files_that_are_left():
    """A file whose time has passed says nothing; the text ends at the bound."""

    def lines(name: str) -> Iterator[str]:
        if name == "gone":
            raise FileNotFoundError(name)
        return iter([f"Error: {name} {number}" for number in range(3)])

    settings = SimpleNamespace(tracking_log_bytes_max=1000)
    context = SimpleNamespace(loads=SimpleNamespace(error_lines=lines), settings=settings)
    text = system_tables._lines(context, ("one", "gone", "two"))
    assert text.splitlines() == [f"Error: {name} {number}" for name in ("one", "two") for number in range(3)]
    settings.tracking_log_bytes_max = 20
    assert system_tables._lines(context, ("one", "two")) == "Error: one 0\nError: "
