"""The MySQL door: wire protocol, authentication, TLS, sessions, result sets and error packets.

Any MySQL client may knock. What is authoritative: ``stream`` for bytes, ``inbound`` and ``outbound`` for the layout
of packets, ``authentication`` for who may enter, ``connection`` for what happens in which phase, ``answers`` for how
results are written, ``door`` for how many clients at once. mysql-mimic gives the enumerations, the greeting and the
compiled row encoders; its session, its SQL layer, its stream, its parsers and its login loop are not used, because
they trust the client: a name without an end makes them spin, and after a refused login they go on to serve commands.
Statements are text that ``StatementService`` answers; nothing is answered here.
"""

from routine_load.server.mysql.door import MySqlDoor
from routine_load.server.mysql.passwords import check_clear, make_verifiers
from routine_load.server.mysql.tls import self_signed

__all__ = ["MySqlDoor", "check_clear", "make_verifiers", "self_signed"]
