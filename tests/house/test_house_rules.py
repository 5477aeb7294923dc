"""The rules of style that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
SUPPRESSION = re.compile(r"#\s*(?:noqa|type:\s*ignore)(?P<rest>.*)")
BARE = re.compile(r"^(?::\s*[A-Z0-9, ]+|\[[a-z, -]+\])?\s*$")


def modules() -> list[Path]:
    return sorted((ROOT / "routine_load").rglob("*.py"))


def functions(source: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def test_modules_and_functions_are_of_a_readable_size():
    """No module passes 400 lines, no function 70."""
    found = []
    for path in modules():
        source = path.read_text()
        lines = source.count("\n")
        if lines > FILE_LINES_MAX:
            found.append(f"{path.relative_to(ROOT)}: {lines} lines")
        found += [
            f"{path.relative_to(ROOT)}: {name} has {size} lines"
            for name, size in functions(source)
            if size > FUNCTION_LINES_MAX
        ]
    assert found == []


def test_every_module_says_what_it_owns():
    """Each module starts with a docstring."""
    silent = [str(path.relative_to(ROOT)) for path in modules() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_every_test_starts_with_a_sentence():
    """The first line of a test is a docstring."""
    silent = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_function and node.name.startswith("test_") and not ast.get_docstring(node):
                silent.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert silent == []


def test_suppressions_give_a_reason():
    """A lint or type exception carries its code and its reason."""
    bare = []
    for path in modules():
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if (found := SUPPRESSION.search(line)) and BARE.match(found["rest"]):
                bare.append(f"{path.relative_to(ROOT)}:{number}")
    assert bare == []


def test_the_suppression_rule_is_not_blind():
    """A bare exception is seen as one, a reasoned one is not."""
    for text, is_bare in [
        ("# noqa", True),
        ("# noqa: S101", True),
        ("# type: ignore[attr-defined]", True),
        ("# noqa: S101 - stays on", False),
        ("# type: ignore[misc]  # untyped base", False),
    ]:
        found = SUPPRESSION.search(text)
        assert found is not None
        assert bool(BARE.match(found["rest"])) is is_bare, text


def test_imports_go_down_only():
    """import-linter keeps every contract of pyproject.toml."""
    script = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    ran = subprocess.run(
        [sys.executable, "-c", script, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]


def test_versions_are_names_and_numbers_only():
    """constraints.txt pins every dependency, by name and version and nothing else."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)] == []
    pinned = {_plain(line.split("==")[0]) for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {_plain(re.match(r"[A-Za-z0-9._-]+", each)[0]) for each in wanted}
    assert names <= pinned


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_licence_is_apache_2():
    """The full text of the licence that pyproject.toml names is in the repository."""
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"


def test_the_version_is_said_once_in_each_place():
    """pyproject.toml and the package agree on the version."""
    import routine_load

    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == routine_load.__version__


@pytest.mark.parametrize("page", ["README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*.md"))])
def test_pages_name_only_what_exists(page):
    """Make targets, subcommands and links that a page mentions are there."""
    text = (ROOT / page).read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][a-z-]+)", text)) <= targets
    commands = {"serve", "be", "chaos", "dev", "sql", "migrate", "import", "export"}
    assert set(re.findall(r"\broutine-load ([a-z]+)\b", "\n".join(_code(text)))) <= commands
    folder = (ROOT / page).parent
    links = re.findall(r"\]\((?!http)([^)#]+)", text)
    assert [link for link in links if not (folder / link).exists()] == []


def _code(text: str) -> list[str]:
    return re.findall(r"```.*?```", text, re.DOTALL) + re.findall(r"`[^`\n]+`", text)
