"""docs/python.md: every example runs, prints what the page says, and its tables are true."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from routine_load import Job, JobState, Statistic, errors
from routine_load.api.address import Tls

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "python.md"
RUNNER = """
import contextlib, io, json, sys

names = {}
printed = []
for block in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(block, "docs/python.md", "exec"), names)
    printed.append(out.getvalue())
print(json.dumps(printed))
"""


@pytest.fixture(scope="module")
def blocks() -> list[tuple[str, str]]:
    """Each Python block with the text block that follows it, which is what it prints."""
    return re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", PAGE.read_text(), re.DOTALL)


def test_the_examples_print_what_the_page_says(blocks, tmp_path):
    """From top to bottom in one process: what is printed is what stands below each example."""
    shown = [(code, text) for code, text in blocks if not code.startswith("# test_")]
    assert len(shown) > 8
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUNNER],
        input=json.dumps([code for code, _ in shown]),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert json.loads(ran.stdout) == [text for _, text in shown]
    assert list(tmp_path.iterdir()) == []


def test_the_test_on_the_page_passes(blocks, tmp_path):
    """The example of a test is a test, in a project without a conftest."""
    (program,) = [code for code, _ in blocks if code.startswith("# test_")]
    (tmp_path / "test_clicks.py").write_text(program)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout[-4000:]


def test_the_table_of_errors_is_the_tree():
    """Each class stands on the page with its parent, its numbers, its SQLSTATE and its sentence; none is missing."""
    rows = re.findall(
        r"^\| `(\w+)` \| (?:`(\w+)`)? ?\| (\d+) \| (\d+) \| (\w+) \| (.*) \|$", PAGE.read_text(), re.MULTILINE
    )
    tree = [
        (
            name,
            "" if each is errors.RoutineLoadError else each.__mro__[1].__name__,
            str(each.errno),
            str(each.errno if each.errno_doris is None else each.errno_doris),
            each.sqlstate,
            (each.__doc__ or "").splitlines()[0].rstrip("."),
        )
        for name, each in vars(errors).items()
        if isinstance(each, type) and issubclass(each, errors.RoutineLoadError)
    ]
    table = "\n".join(f"| `{n}` | {f'`{p}`' if p else ''} | {' | '.join(rest)} |" for n, p, *rest in tree)
    assert rows == tree, f"put this into docs/python.md:\n{table}"


def test_the_table_of_properties_is_the_class():
    """Every property of a job, every state and every count is on the page."""
    page = PAGE.read_text()
    public = [name for name, each in inspect.getmembers(Job) if isinstance(each, property) and name[0] != "_"]
    methods = [name for name, each in inspect.getmembers(Job, inspect.isfunction) if name[0] != "_"]
    counts = [name for name in Statistic.__dataclass_fields__ if name != "error_rows_after_resumed"]
    missing = [
        name for name in [*public, *counts, *JobState, *Tls] if f"`{name}`" not in page and f"job.{name}" not in page
    ]
    missing += [name for name in methods if f"{name}(" not in page and f"`{name}`" not in page]
    assert missing == []
