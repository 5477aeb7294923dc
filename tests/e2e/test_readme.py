"""What README shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_python_example_prints_its_rows(tmp_path):
    """README's Python program runs as it stands, opens no port, and prints the rows that it loaded."""
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert ran.stdout == "[(1, '/'), (2, '/docs')]\n"
    assert list(tmp_path.iterdir()) == []
