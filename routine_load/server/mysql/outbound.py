"""What the server sends, as payloads: owns the layout of greeting, OK, EOF, ERR and authentication packets.

Column definitions and rows are in ``columns``. Refuses to know when each is sent.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mysql_mimic.charset import CharacterSet
from mysql_mimic.packets import make_auth_more_data, make_auth_switch_request, make_handshake_v10
from mysql_mimic.types import Capabilities, ServerStatus, str_len, uint_len

CAPABILITIES = (
    Capabilities.CLIENT_LONG_PASSWORD
    | Capabilities.CLIENT_FOUND_ROWS
    | Capabilities.CLIENT_LONG_FLAG
    | Capabilities.CLIENT_CONNECT_WITH_DB
    | Capabilities.CLIENT_ODBC
    | Capabilities.CLIENT_IGNORE_SPACE
    | Capabilities.CLIENT_PROTOCOL_41
    | Capabilities.CLIENT_INTERACTIVE
    | Capabilities.CLIENT_TRANSACTIONS
    | Capabilities.CLIENT_SECURE_CONNECTION
    | Capabilities.CLIENT_MULTI_STATEMENTS
    | Capabilities.CLIENT_MULTI_RESULTS
    | Capabilities.CLIENT_PS_MULTI_RESULTS
    | Capabilities.CLIENT_PLUGIN_AUTH
    | Capabilities.CLIENT_CONNECT_ATTRS
    | Capabilities.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA
    | Capabilities.CLIENT_DEPRECATE_EOF
)
"""What every client may use. Left out on purpose: LOCAL_FILES, COMPRESS, SESSION_TRACK, QUERY_ATTRIBUTES."""

NO_STATUS = ServerStatus(0)
"""Both vendors' status flags: no autocommit bit."""

_MESSAGE_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    version: str
    connection_id: int
    nonce: bytes
    plugin: str
    capabilities: Capabilities

    def payload(self) -> bytes:
        return bytes(
            make_handshake_v10(
                capabilities=self.capabilities,
                server_charset=CharacterSet.utf8,
                server_version=self.version,
                connection_id=self.connection_id,
                auth_data=self.nonce + b"\0",
                status_flags=NO_STATUS,
                auth_plugin_name=self.plugin,
            )
        )


def auth_switch(plugin: str, nonce: bytes) -> bytes:
    return bytes(make_auth_switch_request(CharacterSet.utf8, plugin, nonce + b"\0"))


def auth_more(data: bytes) -> bytes:
    return bytes(make_auth_more_data(data))


def ok(*, status: ServerStatus = NO_STATUS, affected_rows: int = 0, warnings: int = 0, message: str = "") -> bytes:
    front = b"\0" + uint_len(affected_rows) + uint_len(0) + struct.pack("<HH", status, min(warnings, 0xFFFF))
    return bytes(front + str_len(_clean(message).encode())) if message else bytes(front)


def eof(capabilities: Capabilities, *, status: ServerStatus = NO_STATUS) -> bytes:
    """The end of rows, or of column definitions, in the form that these capabilities ask for."""
    if Capabilities.CLIENT_DEPRECATE_EOF in capabilities:
        return b"\xfe\0\0" + struct.pack("<HH", status, 0)
    return b"\xfe" + struct.pack("<HH", 0, status)


def error(errno: int, sqlstate: str, message: str, *, early: bool = False) -> bytes:
    """``early``: before the greeting, where no capability is agreed and thus no SQLSTATE can be sent."""
    state = b"" if early else b"#" + sqlstate.encode()
    return b"\xff" + struct.pack("<H", errno) + state + _clean(message).encode(errors="replace")[:_MESSAGE_BYTES_MAX]


def prepared(statement_id: int, parameters: int) -> bytes:
    """COM_STMT_PREPARE_OK. The columns are announced by the first execution, as for statements MySQL cannot plan."""
    return b"\0" + struct.pack("<IHHBH", statement_id, 0, parameters, 0, 0)


def _clean(message: str) -> str:
    """No terminal can be driven by a message: control characters other than tab and line end are shown escaped."""
    if message.isprintable():
        return message
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else letter.encode("unicode_escape").decode()
        for letter in message
    )
