"""The HTTP door: rejected rows by opaque id, health, metrics. It knows no job's rules and opens no file itself.

Threat model. A caller is anyone who can reach the port: nothing here changes anything, no request body is read, every
answer is bounded, and the only handle on rejected rows is their 128-bit random id, which is all that is looked up.
Metrics name databases, tables and jobs, as those of the originals do, and hold no data.
"""

from routine_load.server.http.door import HttpDoor, HttpLimits
from routine_load.server.http.ports import ErrorLogs, Facts, Told

__all__ = ["ErrorLogs", "Facts", "HttpDoor", "HttpLimits", "Told"]
