"""Where the shipped folders lie: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """Path of ``grammar`` or ``migrations``; raises FileNotFoundError when the installation lacks it."""
    for candidate in (_PACKAGE / "_shipped" / folder, _PACKAGE.parent / folder):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the installation lacks its {folder}/ folder; reinstall routine-load")
