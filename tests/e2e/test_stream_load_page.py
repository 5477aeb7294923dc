"""docs/stream-load.md does what it says: its SQL, its shell and its Python run, and print what the page shows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.ids import Compat

PAGE = Path(__file__).parents[2] / "docs" / "stream-load.md"
BLOCK = re.compile(r"^```(sql|sh|python|text|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VOLATILE = re.compile(r"TxnId|.*TimeMs")


def section(name: str) -> list[tuple[str, str]]:
    """Kind and text of the blocks below a heading of the second level."""
    text = PAGE.read_text()
    (_, after) = text.split(f"\n## {name}\n")
    return BLOCK.findall(after.split("\n## ")[0])


def steady(printed: str) -> object:
    """What a block prints, without the numbers that differ each time."""
    try:
        answer = json.loads(printed)
    except ValueError:
        return [line.rstrip() for line in printed.strip().splitlines()]
    return [(key, None if VOLATILE.fullmatch(key) else value) for key, value in answer.items()]


@pytest.fixture(params=Compat)
def service(request, tmp_path):
    coordinator = Coordinator(Settings(data_dir=tmp_path / "data", compat=request.param, mysql_port=None, http_port=0))
    coordinator.start()
    yield coordinator
    coordinator.stop()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_page_of_stream_load(service, tmp_path, capsys):
    """Each vendor's section from top to bottom, then the Python, which is for both."""
    session = service.service.open_session("root", "test")
    blocks = section("StarRocks" if session.compat is Compat.STARROCKS else "Doris") + section("From Python")
    printed, compared = "", 0
    for kind, written in blocks:
        text = written.replace(":8030", f":{service.ports[1]}").replace(":8040", f":{service.backend_http_port}")
        if kind == "sql":
            service.service.execute(session, text)
        elif kind == "sh":
            ran = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text], cwd=tmp_path, capture_output=True, text=True, timeout=60
            )
            assert ran.returncode == 0, (text, ran.stdout, ran.stderr)
            printed = ran.stdout
        elif kind == "python":
            exec(compile(text, str(PAGE), "exec"), {})
            assert capsys.readouterr().out == "Success\n"
        else:
            assert steady(printed) == steady(text)
            compared += 1
    assert compared >= 2
