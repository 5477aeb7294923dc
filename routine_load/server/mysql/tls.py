"""TLS for the doors: owns the certificate made on first start and the server context.

Refuses to know the protocol that runs inside.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from routine_load.errors import PropertyError
from routine_load.server.ports import TlsFiles

_VALID_DAYS = 3650
_BACKDATED = timedelta(days=1)
_RENEW_BEFORE = timedelta(days=30)


def self_signed(directory: Path) -> TlsFiles:
    """The certificate and key in ``directory``; makes them when they are absent or about to expire."""
    directory.mkdir(parents=True, exist_ok=True)
    files = TlsFiles(certificate=directory / "server-cert.pem", key=directory / "server-key.pem")
    if not _usable(files):
        _make(files)
    return files


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """A context that speaks TLS 1.2 and later with these files. Raises PropertyError when they do not serve."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (OSError, ValueError) as error:
        raise PropertyError(
            f"the TLS certificate {files.certificate} and key {files.key} cannot be used: {error}"
        ) from error
    return context


def _no_password() -> str:
    """Keeps OpenSSL from asking the terminal."""
    raise ValueError("the key is encrypted; a key without a passphrase is needed")


def _usable(files: TlsFiles) -> bool:
    if not files.certificate.is_file() or not files.key.is_file():
        return False
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    except ValueError:
        return False
    return certificate.not_valid_after_utc > datetime.now(UTC) + _RENEW_BEFORE


def _make(files: TlsFiles) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "routine-load self-signed")])
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName(
        [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("::1")),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(
        files.key,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        mode=0o600,
    )
    _write(files.certificate, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Writes beside and renames, so that a crash never leaves half a file."""
    beside = path.with_suffix(".tmp")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
