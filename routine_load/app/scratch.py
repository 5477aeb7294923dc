"""A directory for as long as a process lives, with what must not outlive it: batches, files that came with tasks.

Invariant: a directory is removed by whoever made it, or, where that was killed, by the next one that makes one; never
while it is used, and never another user's.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_LOCK: Final = "in-use"


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A new one, which its owner alone may look into. Raises OSError."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    draft = folder / f"{_LOCK}.new"
    with draft.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        draft.rename(folder / _LOCK)  # seen by others when it is held
        for each in folder.parent.glob(f"{prefix}*"):
            if each != folder:
                with suppress(OSError):  # it is another user's, or somebody else removes it
                    _remove_if_left(each)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_if_left(folder: Path) -> None:
    """Raises OSError."""
    if folder.lstat().st_uid != os.getuid() or folder.is_symlink():
        return
    with (folder / _LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
