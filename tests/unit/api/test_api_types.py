"""What a user's type checker and ``help`` see."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import routine_load

PROGRAM = Path(__file__).with_name("typed_program.py")


def test_a_strict_program_of_a_user_is_understood(tmp_path):
    """mypy --strict knows every type of the API, and finds the mistakes that the program marks, and no other."""
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--cache-dir",
        str(tmp_path),
        str(PROGRAM),
    ]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    found = {int(line.split(":")[1]) for line in ran.stdout.splitlines() if ": error: " in line}
    marked = {at for at, line in enumerate(PROGRAM.read_text().splitlines(), 1) if line.endswith("# a mistake")}
    assert len(marked) == 4
    assert found == marked, ran.stdout + ran.stderr


def public(kind: type) -> list[tuple[str, object]]:
    return [(name, each) for name, each in vars(kind).items() if not name.startswith("_")]


def test_help_has_something_to_say():
    """Every class, method and property of the API has a docstring; every parameter and result has a type."""
    silent, untyped = [], []
    kinds = [getattr(routine_load, name) for name in routine_load.__all__]
    for kind in (each for each in kinds if inspect.isclass(each)):
        if not kind.__doc__:
            silent.append(kind.__name__)
        for name, each in public(kind):
            function = each.fget if isinstance(each, property) else getattr(each, "__func__", each)
            if not inspect.isfunction(function):
                continue
            if not function.__doc__:
                silent.append(f"{kind.__name__}.{name}")
            signature = inspect.signature(function)
            if signature.return_annotation is inspect.Signature.empty:
                untyped.append(f"{kind.__name__}.{name}")
            untyped += [
                f"{kind.__name__}.{name}({each.name})"
                for each in list(signature.parameters.values())[1:]
                if each.annotation is inspect.Parameter.empty
            ]
    assert (silent, untyped) == ([], [])
    assert "Raises" in (routine_load.connect.__doc__ or "")


def test_everything_that_is_exported_is_there():
    """Every public name can be had, is listed by dir, and an unknown one is an AttributeError."""
    assert all(getattr(routine_load, name) is not None for name in routine_load.__all__)
    assert set(routine_load.__all__) <= set(dir(routine_load))
    assert not hasattr(routine_load, "nothing")


def test_importing_the_package_is_cheap():
    """``import routine_load`` loads neither engine nor client: the API is loaded when it is first asked for."""
    program = "import sys, routine_load; print({'duckdb', 'pymysql', 'pyarrow', 'lark', 'sqlglot'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "set()\n"
