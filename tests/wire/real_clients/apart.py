"""Python clients that cannot live in our environment: their pins differ from ours, or they are built here.

Like the JDBC drivers, they are resolved once into ``.cache``, by a list that names every version.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from real_clients.session import NotHere

ROOT = Path(__file__).resolve().parents[3]


@functools.cache
def folder(name: str) -> Path:
    """Where the packages of ``scripts/clients/<name>.txt`` are. Raises NotHere where pip cannot get or build them."""
    wanted = ROOT / "scripts" / "clients" / f"{name}.txt"
    version = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()[:12]
    found = ROOT / ".cache" / "clients" / f"{name}-{version}"
    if found.is_dir():
        return found
    beside = found.with_suffix(f".{os.getpid()}")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command = [*pip, "--target", str(beside), "-r", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        shutil.rmtree(beside, ignore_errors=True)
        raise NotHere(f"pip cannot install {wanted.relative_to(ROOT)}: {done.stderr.strip()[-200:]}")
    beside.rename(found)
    return found


def apart(name: str) -> None:
    """Lets this process import those packages, after its own."""
    where = str(folder(name))
    if where not in sys.path:
        sys.path.append(where)
