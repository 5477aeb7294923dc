"""The HTTP doors of a front end and of a backend: loads, rejected rows, health, metrics, what connectors ask.

Threat model. A caller is anyone who can reach a port. Without credentials nothing changes, no body is read and every
answer is bounded; the only handle on rejected rows is their 128-bit random id, which is all that is looked up. Metrics
name databases, tables and jobs, as those of the originals do, and hold no data. With credentials a caller may do what
the user may do by SQL. Bodies of loads pass through in pieces, held back while nobody takes them; a client that stops
sending is cut. Neither room nor door knows a job's rules, what a load's headers mean, or opens a file.
"""

from collections.abc import Sequence

from starlette.routing import Route

from routine_load.backends.remote import RemoteBackends
from routine_load.ids import Compat
from routine_load.server.http.backend import Backend
from routine_load.server.http.backends import CoordinatorSide
from routine_load.server.http.callers import Callers
from routine_load.server.http.door import BackendDoor, HttpDoor, HttpLimits
from routine_load.server.http.frontend_doris import DorisFrontend
from routine_load.server.http.frontend_starrocks import StarRocksFrontend
from routine_load.server.http.internal import internal_routes
from routine_load.server.http.ports import ErrorLogs, Facts, Loading, Told
from routine_load.server.http.rest_doris import DorisRest
from routine_load.server.http.rest_starrocks import StarRocksRest
from routine_load.server.http.sql_api import SqlApi


def frontend_routes(callers: Callers, backends: RemoteBackends | None = None) -> Sequence[Route]:
    """What the front end's door has beside its pages. ``backends`` elsewhere speak to it, too."""
    own = CoordinatorSide(backends, backends.secret).routes() if backends is not None else []
    return [*own, *_of_vendor(callers)]


def _of_vendor(callers: Callers) -> Sequence[Route]:
    sql, takes_loads = SqlApi(callers).routes(), callers.loading.takes_loads
    if callers.loading.compat is Compat.DORIS:
        loads = DorisFrontend(callers).routes() if takes_loads else []
        return [*sql, *DorisRest(callers).routes(), *loads]
    rest = StarRocksRest(callers)
    loads = StarRocksFrontend(callers).routes() if takes_loads else []
    return [*sql, *rest.routes(), *loads, *rest.rest()]


def backend_routes(callers: Callers) -> Sequence[Route]:
    """What the backend's door has beside its pages."""
    return Backend(callers).routes()


__all__ = [
    "BackendDoor",
    "Callers",
    "ErrorLogs",
    "Facts",
    "HttpDoor",
    "HttpLimits",
    "Loading",
    "Route",
    "Told",
    "backend_routes",
    "frontend_routes",
    "internal_routes",
]
