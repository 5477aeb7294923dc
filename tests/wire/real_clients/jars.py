"""Java programs' jars, resolved by Maven into ``.cache`` once, by poms that name every version."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from real_clients.apart import ROOT
from real_clients.session import NotHere

JDBC = ROOT / "scripts" / "jdbc-pom.xml"


@functools.cache
def folder(pom: Path, name: str) -> Path:
    """The jars of a pom, in ``.cache/<name>``. Raises NotHere without a JDK, and where Maven cannot resolve them."""
    if shutil.which("javac") is None:
        raise NotHere("a JDK (javac) is not installed")
    version = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    jars = ROOT / ".cache" / name / version
    if not jars.is_dir():
        if shutil.which("mvn") is None:
            raise NotHere(f"Maven is not installed, and the jars are not in {jars.relative_to(ROOT)}")
        beside = jars.with_suffix(f".{os.getpid()}")
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={beside}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
        if done.returncode:
            shutil.rmtree(beside, ignore_errors=True)
            raise NotHere(f"Maven could not resolve what {pom.relative_to(ROOT)} names: {done.stdout[-300:]}")
        beside.rename(jars)
    return jars


def classpath() -> str:
    """The JDBC drivers. Raises NotHere."""
    return f"{folder(JDBC, 'jdbc')}{os.sep}*"
