"""What a cluster's front end refuses by the MySQL protocol, as our own errors.

Numbers, states and texts stay the cluster's; nothing of PyMySQL leaves this room.
"""

from __future__ import annotations

from typing import Final

import pymysql

from routine_load.errors import ClusterRefused, RoutineLoadError, TargetUnavailable

_CLIENT_ERRORS: Final = range(2000, 3000)
"""MySQL: the numbers of what a client itself found out: no connection, a lost one, a timeout."""


def failure(error: Exception, where: str) -> RoutineLoadError:
    """The cluster's refusal with its own number, state and text; or that it could not be asked at all."""
    if isinstance(error, pymysql.MySQLError) and len(error.args) == 2 and isinstance(error.args[0], int):
        number, text = error.args[0], str(error.args[1])
        if number not in _CLIENT_ERRORS and number > 0:
            return ClusterRefused(text, errno=number, sqlstate=getattr(error, "sqlstate", None) or "HY000")
        return TargetUnavailable(f"The cluster at {where} does not answer: {text}")
    return TargetUnavailable(f"The cluster at {where} does not answer: {error or type(error).__name__}")
