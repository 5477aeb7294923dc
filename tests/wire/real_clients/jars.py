"""The JDBC drivers, resolved by Maven into ``.cache`` once, by ``scripts/jdbc-pom.xml``."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess

from real_clients.apart import ROOT
from real_clients.session import NotHere

POM = ROOT / "scripts" / "jdbc-pom.xml"


@functools.cache
def classpath() -> str:
    """Raises NotHere without a JDK, and where Maven cannot resolve them."""
    if shutil.which("javac") is None:
        raise NotHere("a JDK (javac) is not installed")
    version = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    jars = ROOT / ".cache" / "jdbc" / version
    if not jars.is_dir():
        if shutil.which("mvn") is None:
            raise NotHere(f"Maven is not installed, and the drivers are not in {jars.relative_to(ROOT)}")
        beside = jars.with_suffix(f".{os.getpid()}")
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={beside}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
        if done.returncode:
            shutil.rmtree(beside, ignore_errors=True)
            raise NotHere(f"Maven could not resolve the JDBC drivers: {done.stdout[-300:]}")
        beside.rename(jars)
    return f"{jars}{os.sep}*"
