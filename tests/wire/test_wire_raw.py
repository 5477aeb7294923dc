"""The MySQL door against clients that no library would be: split, flooding, silent, lying ones."""

from __future__ import annotations

import asyncio
import random
import resource
import socket
import ssl
import struct
import threading
from contextlib import closing, suppress

import pymysql
import pytest

from routine_load.errors import ExecutionError
from routine_load.ids import Compat
from routine_load.server.mysql import MySqlDoor, passwords
from routine_load.server.ports import MySqlLimits

PROTOCOL_41 = 0x200
SSL = 0x800
SECURE = 0x8000
PLUGIN_AUTH = 0x80000


class Peer:
    """A client that writes bytes and reads packets."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.sequence = 0

    def close(self):
        self.socket.close()

    def exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def read(self):
        header = self.exactly(4)
        self.sequence = header[3] + 1
        return self.exactly(int.from_bytes(header[:3], "little"))

    def frame(self, payload):
        framed = len(payload).to_bytes(3, "little") + bytes([self.sequence]) + payload
        self.sequence += 1
        return framed

    def send(self, payload):
        self.socket.sendall(self.frame(payload))

    def command(self, payload):
        self.sequence = 0
        self.send(payload)

    def closed(self):
        """Whether the server closes without another packet."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def login(user=b"root", response=b"", capabilities=PROTOCOL_41 | SECURE | PLUGIN_AUTH, plugin=b"caching_sha2_password"):
    front = struct.pack("<IIB23x", capabilities, 1 << 24, 45)
    return front + user + b"\0" + bytes([len(response)]) + response + plugin + b"\0"


@pytest.fixture
def peer(plain_door):
    with closing(Peer(plain_door.port)) as found:
        yield found


def entered(peer):
    peer.read()
    peer.send(login())
    assert peer.read()[0] == 0
    return peer


def assert_error(payload, errno):
    assert payload[0] == 0xFF
    assert struct.unpack("<H", payload[1:3])[0] == errno


def test_packets_in_single_bytes(peer):
    """A packet that arrives byte by byte, header included, is read whole."""
    peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.read()
    for byte in peer.frame(login()):
        peer.socket.sendall(bytes([byte]))
    assert peer.read()[0] == 0
    peer.sequence = 0
    for byte in peer.frame(b"\x0e"):
        peer.socket.sendall(bytes([byte]))
    assert peer.read()[0] == 0


def test_greeting(peer):
    """The greeting announces caching_sha2_password, no LOCAL INFILE, no compression, and a fresh nonce."""
    first = peer.read()
    assert first.startswith(b"\x0a8.0.33\0")
    assert b"caching_sha2_password" in first
    at = len(b"\x0a8.0.33\0") + 4 + 9
    low, high = struct.unpack("<H3xH", first[at : at + 7])
    assert not (low | high << 16) & (0x80 | 0x20)
    other = Peer(peer.socket.getpeername()[1])
    assert other.read()[at - 9 : at - 1] != first[at - 9 : at - 1]
    other.close()


def test_flood_before_login(peer):
    """16 MiB before the login are refused at the header, without being kept."""
    peer.read()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    piece = b"x" * 65536

    def flood():
        try:
            peer.socket.sendall(b"\xff\xff\xff\x01")
            for _ in range(256):
                peer.socket.sendall(piece)
        except OSError:
            pass

    thread = threading.Thread(target=flood)
    thread.start()
    with suppress(ConnectionResetError):
        assert_error(peer.read(), 1153)
    assert peer.closed()
    thread.join(20)
    assert not thread.is_alive()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024


def test_packet_beyond_the_limit(open_door):
    """After the login a packet above max_allowed_packet is error 1153."""
    door = open_door(limits=MySqlLimits(max_allowed_packet=100_000))
    with closing(Peer(door.port)) as peer:
        entered(peer).command(b"\x03" + b"x" * 100_000)
        assert_error(peer.read(), 1153)
        assert peer.closed()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0",
        b"\xff" * 40,
        login()[:40],
        struct.pack("<IIB23x", PROTOCOL_41 | SECURE, 0, 45) + b"endless",
        struct.pack("<IIB23x", PROTOCOL_41 | SECURE, 0, 45) + b"root\0\xffx",
        struct.pack("<IIB23x", SECURE, 0, 45) + b"root\0\0",
        login(user=b"\xff\xfe"),
    ],
)
def test_broken_login(plain_door, payload):
    """A login that ends too early, never ends or lies about lengths is error 1043, and the door lives on."""
    with closing(Peer(plain_door.port)) as peer:
        peer.read()
        peer.send(payload)
        assert_error(peer.read(), 1043)
        assert peer.closed()
    with closing(Peer(plain_door.port)) as peer:
        entered(peer)


def test_tls_where_there_is_none(peer):
    """An SSLRequest to a door without TLS is error 1043."""
    peer.read()
    peer.send(struct.pack("<IIB23x", PROTOCOL_41 | SSL, 0, 45))
    assert_error(peer.read(), 1043)
    assert peer.closed()


def test_plain_bytes_behind_an_ssl_request(tls_door):
    """A login slipped in behind the SSLRequest is never taken for one: the connection ends."""
    with closing(Peer(tls_door.port)) as peer:
        peer.read()
        request = peer.frame(struct.pack("<IIB23x", PROTOCOL_41 | SSL | SECURE, 0, 45))
        peer.socket.sendall(request + peer.frame(login()))
        received = b""
        while piece := peer.socket.recv(4096):
            received += piece
        assert b"#" not in received[:16]
        assert received[:1] in (b"", b"\x15")  # a TLS alert or nothing
    assert not tls_door.service.open_sessions


def test_client_hello_together_with_the_ssl_request(tls_door):
    """A client may send its TLS hello in the same segment as the SSLRequest."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing)
    with closing(Peer(tls_door.port)) as peer:
        peer.read()
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        peer.socket.sendall(peer.frame(struct.pack("<IIB23x", PROTOCOL_41 | SSL, 0, 45)) + outgoing.read())
        sent = False
        answer = b""
        while len(answer) < 5:
            try:
                if not sent:
                    tls.do_handshake()
                    tls.write(peer.frame(login(capabilities=PROTOCOL_41 | SSL | SECURE | PLUGIN_AUTH)))
                    sent = True
                    peer.socket.sendall(outgoing.read())
                answer += tls.read(100)
            except ssl.SSLWantReadError:
                peer.socket.sendall(outgoing.read())
                incoming.write(peer.socket.recv(65536))
        assert answer[4] == 0


def test_wrong_sequence(peer):
    """A packet out of order is error 1156."""
    entered(peer).sequence = 7
    peer.send(b"\x0e")
    assert_error(peer.read(), 1156)
    assert peer.closed()


def test_commands_after_a_refused_login(plain_door):
    """Who was refused is not served: the connection is closed behind the error."""
    with closing(Peer(plain_door.port)) as peer:
        peer.read()
        peer.send(login(user=b"ann"))
        assert_error(peer.read(), 1045)
        try:
            peer.command(b"\x03SELECT 1")
        except OSError:
            return
        assert peer.closed()
    assert "SELECT 1" not in plain_door.service.texts


def test_garbage_after_the_password_request(peer):
    """A full authentication answered with bytes that our key did not encrypt is a wrong password."""
    peer.read()
    peer.send(login(user=b"ann", response=b"x" * 32))
    assert peer.read() == b"\x01\x04"
    peer.send(b"\x02")
    assert peer.read().startswith(b"\x01-----BEGIN PUBLIC KEY-----")
    peer.send(b"y" * 256)
    assert_error(peer.read(), 1045)
    assert peer.closed()


def test_silent_client(open_door):
    """A client that says nothing is sent away after the handshake time, an idle one after the idle time."""
    door = open_door(limits=MySqlLimits(handshake_timeout_s=0.2, idle_timeout_s=0.3))
    with closing(Peer(door.port)) as peer:
        peer.read()
        assert peer.closed()
    with closing(Peer(door.port)) as peer:
        entered(peer)
        assert peer.closed()


def test_connection_limit(open_door):
    """One client too many gets error 1040 and the next may enter when another left."""
    door = open_door(limits=MySqlLimits(connections_max=2))
    first, second = Peer(door.port), Peer(door.port)
    entered(first)
    entered(second)
    with pytest.raises(pymysql.OperationalError) as caught:
        pymysql.connect(host="127.0.0.1", port=door.port, user="root")
    assert caught.value.args == (1040, "Too many connections")
    first.command(b"\x01")
    assert first.closed()
    with closing(Peer(door.port)) as third:
        entered(third)
    first.close()
    second.close()


def test_unknown_commands(peer):
    """A command that we do not know is error 1047, and the connection goes on."""
    entered(peer)
    for command in (b"\x05db", b"\x12", b"\x7f", b"\x1c\x01\0\0\0\x01\0\0\0"):
        peer.command(command)
        assert_error(peer.read(), 1047)
    peer.command(b"\x0e")
    assert peer.read()[0] == 0


def test_set_option(peer):
    """COM_SET_OPTION turns multi-statements on and off again."""
    entered(peer)
    peer.command(b"\x03SELECT 1; SELECT 2")
    assert_error(peer.read(), 1064)
    peer.command(b"\x1b\0\0")
    assert peer.read()[0] == 0xFE
    peer.command(b"\x03INSERT; INSERT")
    assert struct.unpack("<H", peer.read()[3:5])[0] & 8
    assert not struct.unpack("<H", peer.read()[3:5])[0] & 8
    peer.command(b"\x1b\x01\0")
    assert peer.read()[0] == 0xFE
    peer.command(b"\x03INSERT; INSERT")
    assert_error(peer.read(), 1064)


@pytest.mark.parametrize(
    ("command", "errno"),
    [
        (b"\x17", 1835),
        (b"\x17\x09\0\0\0\0\x01\0\0\0", 1243),
        (b"\x1a\x09\0\0\0", 1243),
        (b"\x03\xff\xfe", 1835),
        (b"\x04no end", 1835),
        (b"\x1b", 1835),
    ],
)
def test_broken_commands(peer, command, errno):
    """A command whose body is broken is an error, and the connection goes on."""
    entered(peer).command(command)
    assert_error(peer.read(), errno)
    peer.command(b"\x0e")
    assert peer.read()[0] == 0


def test_long_data_without_a_statement(peer):
    """Long data for no statement is dropped without an answer."""
    entered(peer).command(b"\x18\x09\0\0\0\0\0data")
    peer.command(b"\x0e")
    assert peer.read()[0] == 0


def test_long_data_of_a_parameter(peer):
    """A parameter may come in pieces before the execution."""
    entered(peer).command(b"\x16SELECT ECHO ?")
    assert peer.read() == b"\0\x01\0\0\0\0\0\x01\0\0\0\0"
    peer.read()
    assert peer.read()[0] == 0xFE
    for piece in (b"it", b"'s"):
        peer.command(b"\x18\x01\0\0\0\0\0" + piece)
    peer.command(b"\x17\x01\0\0\0\0\x01\0\0\0\0\x01\xfd\0")
    assert peer.read() == b"\x01"
    peer.read()
    peer.read()
    assert peer.read().endswith(b"'it''s'")


def test_login_time_does_not_tell_users(plain_door, monkeypatch):
    """An unknown user costs as much as a wrong password: the slow hash is computed once for both, as slow for both."""
    costs, slow = [], passwords._scrypt

    def counted(clear, salt, *cost):
        costs.append((len(clear), len(salt), *cost))
        return slow(clear, salt, *cost)

    monkeypatch.setattr(passwords, "_scrypt", counted)

    def cost(user):
        costs.clear()
        with pytest.raises(pymysql.OperationalError, match="1045"):
            pymysql.connect(host="127.0.0.1", port=plain_door.port, user=user, password="wrong")
        (found,) = costs
        return found

    assert cost("ann") == cost("nobody")


def test_stop_lets_running_statements_finish(plain_door):
    """Stopping closes idle connections at once and waits for the statement that runs."""
    with closing(Peer(plain_door.port)) as idle, closing(Peer(plain_door.port)) as busy:
        entered(idle)
        entered(busy).command(b"\x03WAIT")
        assert plain_door.service.entered.wait(10)
        stopping = threading.Thread(target=plain_door.stop, args=(20,))
        stopping.start()
        assert idle.closed()
        plain_door.service.release.set()
        assert busy.read()[0] == 0
        assert busy.closed()
        stopping.join(20)
        assert not stopping.is_alive()
    with pytest.raises(OSError):
        Peer(plain_door.port)


def test_stop_cuts_off_after_the_budget(plain_door):
    """A statement that outlives the budget loses its client; its session is closed when it ends."""
    with closing(Peer(plain_door.port)) as busy:
        entered(busy).command(b"\x03WAIT")
        assert plain_door.service.entered.wait(10)
        plain_door.stop(0.1)
        assert busy.closed()
    assert len(plain_door.service.open_sessions) == 1
    plain_door.service.release.set()
    assert plain_door.service.session_closed.wait(10)
    assert not plain_door.service.open_sessions


def test_a_port_that_is_taken(plain_door):
    """A port in use is an error that names it."""
    door = MySqlDoor(
        service=plain_door.service,
        users=plain_door.users,
        host="127.0.0.1",
        port=plain_door.port,
        compat=Compat.STARROCKS,
        limits=MySqlLimits(),
        tls=None,
    )
    with pytest.raises(ExecutionError, match=f"127.0.0.1:{plain_door.port}.*in use"):
        asyncio.run(door.start())
    asyncio.run(door.stop(0))


def test_any_command(plain_door, capsys):
    """500 random commands are answered or end their own connection; the door serves the next client."""
    seed = 11
    chance = random.Random(seed)
    peer = None
    for _ in range(500):
        if peer is None:
            peer = entered(Peer(plain_door.port))
        body = chance.randbytes(chance.choice([0, 1, 4, 9, 30]))
        command = chance.choice(
            [2, 3, 4, 9, 0x0E, 0x11, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1F, chance.randrange(256)]
        )
        try:
            peer.command(bytes([command]) + body)
            if command not in (0x18, 0x19):
                peer.read()
        except (EOFError, OSError):
            peer.close()
            peer = None
            continue
        if command == 0x16:  # its answer may have several packets
            peer.close()
            peer = None
    if peer is not None:
        peer.close()
    with closing(Peer(plain_door.port)) as last:
        entered(last)
    assert "Traceback" not in "".join(capsys.readouterr()), f"seed {seed}"
