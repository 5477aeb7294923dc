"""Which front end a session sees: version texts by vendor."""

from __future__ import annotations

from routine_load import __version__
from routine_load.ids import Compat


def server_version(compat: Compat) -> str:
    """Version in the greeting (StarRocks: mysql_server_version since 3.4; Doris: 5.7.99)."""
    return "5.7.99" if compat is Compat.DORIS else "8.0.33"


def release(compat: Compat) -> str:
    """The vendor's line that is followed, then this product (SHOW BACKENDS, FRONTENDS: Version)."""
    return f"{'doris-' if compat is Compat.DORIS else ''}4.0.0-routineload-{__version__}"


def version_comment(compat: Compat) -> str:
    """``@@version_comment``."""
    return f"Doris version {release(compat)}" if compat is Compat.DORIS else release(compat)
