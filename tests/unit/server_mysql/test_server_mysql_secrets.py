"""Passwords at rest, nonces, the RSA key, the fast path and the certificate."""

from __future__ import annotations

import hashlib
import ssl
import stat

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from routine_load.errors import LimitExceeded, PropertyError
from routine_load.server.mysql.authentication import FastPath, RsaKey, denied, fresh_nonce
from routine_load.server.mysql.passwords import (
    PASSWORD_BYTES_MAX,
    check_clear,
    check_native,
    make_verifiers,
    native_verifier,
    xor,
)
from routine_load.server.mysql.tls import self_signed, server_context
from routine_load.server.ports import TlsFiles, Verifiers


def test_clear_password():
    """A password is checked against its own verifiers, and equal passwords are stored unequally."""
    first, second = make_verifiers("gehéim"), make_verifiers("gehéim")
    assert first.sha2 != second.sha2
    assert check_clear("gehéim", first)
    assert check_clear("gehéim", second)
    assert not check_clear("geheim", first)
    assert not check_clear("", first)
    assert "gehéim" not in repr(first)
    assert first.sha2 not in repr(first)


def test_empty_password():
    """The empty password has empty verifiers, which only it passes."""
    assert make_verifiers("") == Verifiers()
    assert make_verifiers("").empty
    assert check_clear("", Verifiers())
    assert not check_clear("x", Verifiers())


@pytest.mark.parametrize(
    "text",
    ["", "x", "$scrypt$14$8$1$!$!", "$md5$1$1$1$AA==$AA==", "$scrypt$99$8$1$AA==$AA==", "$scrypt$x$8$1$AA==$AA=="],
)
def test_damaged_verifier(text):
    """A damaged or foreign verifier admits nobody and raises nothing."""
    assert not check_clear("x", Verifiers(native=b"x" * 20, sha2=text))


def test_long_password():
    """A password is bounded."""
    with pytest.raises(LimitExceeded, match="1025 bytes; at most 1024"):
        make_verifiers("x" * (PASSWORD_BYTES_MAX + 1))


def test_native_scramble():
    """The scramble of mysql_native_password is accepted for its nonce only."""
    verifiers, nonce = make_verifiers("pw"), fresh_nonce()
    once = hashlib.sha1(b"pw").digest()
    scramble = xor(once, hashlib.sha1(nonce + native_verifier("pw")).digest())
    assert check_native(scramble, nonce, verifiers)
    assert not check_native(scramble, fresh_nonce(), verifiers)
    assert not check_native(b"", nonce, verifiers)
    assert not check_native(scramble[:-1], nonce, verifiers)
    assert check_native(b"", nonce, Verifiers())
    assert not check_native(scramble, nonce, Verifiers())


def test_known_native_verifier():
    """The stored form is MySQL's own, so accounts can be moved."""
    assert native_verifier("password").hex().upper() == "2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"


def test_nonces_differ():
    """Nonces are 20 letters or digits and do not repeat."""
    nonces = {fresh_nonce() for _ in range(1000)}
    assert len(nonces) == 1000
    assert all(len(nonce) == 20 and nonce.isalnum() for nonce in nonces)


def test_fast_path():
    """The fast path proves the remembered password only, forgets on a change and is bounded."""
    cache, nonce = FastPath(entries_max=2), fresh_nonce()
    verifiers = Verifiers(native=b"n", sha2="one")

    def scramble(password):
        once = hashlib.sha256(password).digest()
        return xor(once, hashlib.sha256(hashlib.sha256(once).digest() + nonce).digest())

    assert not cache.proves("ann", verifiers, scramble(b"pw"), nonce)
    cache.remember("ann", verifiers, "pw")
    assert cache.proves("ann", verifiers, scramble(b"pw"), nonce)
    assert not cache.proves("ann", verifiers, scramble(b"other"), nonce)
    assert not cache.proves("ann", verifiers, scramble(b"pw")[:-1], nonce)
    assert not cache.proves("ann", Verifiers(native=b"n", sha2="two"), scramble(b"pw"), nonce)
    cache.remember("bob", verifiers, "pw")
    cache.remember("eve", verifiers, "pw")
    assert not cache.proves("ann", verifiers, scramble(b"pw"), nonce)


def test_rsa_key_refuses_garbage():
    """What our key did not encrypt decrypts to nothing, without an exception."""
    key = RsaKey()
    assert key.public_pem() == key.public_pem()
    assert key.decrypt(b"x" * 256) is None
    assert key.decrypt(b"") is None


def test_the_old_padding_is_taken_where_it_is_asked_for():
    """Connector/J pads by PKCS #1 v1.5 for a server older than 8.0.5, as Doris calls itself; OAEP is taken too."""
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    for key, taken in [(RsaKey(old_padding=True), b"secret"), (RsaKey(), None)]:
        public = serialization.load_pem_public_key(key.public_pem())
        assert key.decrypt(public.encrypt(b"secret", padding.PKCS1v15())) == taken
        assert key.decrypt(public.encrypt(b"secret", oaep)) == b"secret"


def test_denied_shows_no_control_characters():
    """A user name cannot drive the terminal of who reads the error, nor flood it."""
    message = denied("\x1b[31mred" + "x" * 500, with_password=True).message
    assert message.isprintable()
    assert len(message) < 150


def test_certificate_is_made_once(tmp_path):
    """The certificate is made on first start, kept on the next, and made anew when damaged; the key is private."""
    files = self_signed(tmp_path / "tls")
    made = files.certificate.read_bytes()
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert server_context(files).minimum_version is ssl.TLSVersion.TLSv1_2
    assert self_signed(tmp_path / "tls").certificate.read_bytes() == made
    files.certificate.write_text("damaged")
    assert self_signed(tmp_path / "tls").certificate.read_bytes() != made
    assert {path.name for path in (tmp_path / "tls").iterdir()} == {"server-cert.pem", "server-key.pem"}


def test_unusable_certificates_are_named(tmp_path):
    """Files that are absent, are none or do not belong together are an error that names them."""
    good, other = self_signed(tmp_path / "a"), self_signed(tmp_path / "b")
    for files in (
        TlsFiles(certificate=tmp_path / "absent", key=good.key),
        TlsFiles(certificate=good.key, key=good.key),
        TlsFiles(certificate=good.certificate, key=other.key),
    ):
        with pytest.raises(PropertyError, match="cannot be used"):
            server_context(files)


def test_encrypted_key_does_not_ask(tmp_path):
    """A key with a passphrase is refused at once instead of asking a terminal."""
    files = self_signed(tmp_path)
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"passphrase"),
    )
    files.key.write_bytes(encrypted)
    with pytest.raises(PropertyError, match="without a passphrase"):
        server_context(files)
