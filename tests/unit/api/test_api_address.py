"""What a URL may say."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import quote

import pytest

import routine_load
from routine_load.api.address import Address, Tls
from routine_load.errors import PropertyError

ODD = "p@ss:w/o#r?d%41 é&="


def test_every_part_of_a_url_arrives():
    """User and password are percent-decoded, the rest is what it looks like."""
    address = Address.of(
        f"mysql://{quote('me@home', safe='')}:{quote(ODD, safe='')}@[::1]:9031/web?connect_timeout=2.5"
    )
    assert (address.user, address.password) == ("me@home", ODD)
    assert (address.host, address.port, address.database) == ("::1", 9031, "web")
    assert address.connect_timeout_s == 2.5


def test_what_a_url_leaves_out():
    """root without a password at port 9030, encrypted where the server can."""
    assert Address.of("mysql://fe") == Address(
        host="fe", port=9030, user="root", password="", database=None, tls=Tls.PREFERRED
    )


def test_a_password_is_not_in_the_repr():
    """An address can be logged."""
    assert "canary" not in repr(Address.of("mysql://root:canary@fe"))


@pytest.mark.parametrize(
    ("text", "tls"),
    [("required", Tls.REQUIRED), ("TRUE", Tls.REQUIRED), ("0", Tls.DISABLED), ("verify_ca", Tls.VERIFY_CA)],
)
def test_tls_has_the_words_of_mysql(text, tls):
    """MySQL: --ssl-mode."""
    assert Address.of(f"mysql://fe?ssl={text}").tls is tls


def test_what_is_verified():
    """disabled and preferred insist on nothing; required encrypts; verify_ca checks the signature; identity the name."""
    contexts = {tls: Address(host="fe", tls=tls).context() for tls in Tls}
    assert [contexts[tls] for tls in (Tls.DISABLED, Tls.PREFERRED)] == [None, None]
    seen = {tls: (context.verify_mode, context.check_hostname) for tls, context in contexts.items() if context}
    assert seen == {
        Tls.REQUIRED: (ssl.CERT_NONE, False),
        Tls.VERIFY_CA: (ssl.CERT_REQUIRED, False),
        Tls.VERIFY_IDENTITY: (ssl.CERT_REQUIRED, True),
    }


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://canary@127.0.0.1", "allowed: mysql://"),
        ("mysql:canary", "allowed: mysql://"),
        ("canary:9030", "allowed: mysql://"),
        ("mysql://root:can#ary@fe", "allowed: mysql://"),
        ("mysql://root:canary@fe:port", "allowed: mysql://"),
        ("mysql://root:canary@fe?sll=required", "'sll'; allowed: ssl, ssl_ca"),
        ("mysql://root:canary@fe?ssl=maybe", "'maybe'; allowed: disabled, preferred, required"),
        ("mysql://root:canary@fe?connect_timeout=0", "seconds above 0"),
        ("mysql://root:canary@fe?read_timeout=nan", "seconds above 0"),
        ("mysql://root:canary@fe?ssl_cert=a.pem", "given together"),
        ("mysql://root:canary@fe?ssl_ca=a.pem", "needs ssl=verify_ca"),
        ("mysql://root:canary@fe?ssl_ca=&ssl=verify_ca", "path of a PEM file"),
        ("mysql://root:canary@fe?ssl_cert=a&ssl_key=b", "needs ssl=required"),
    ],
)
def test_a_wrong_url_is_refused_without_repeating_it(url, allowed):
    """The URL may hold a password: the error names the part and what is allowed, not the value."""
    with pytest.raises(PropertyError) as caught:
        routine_load.connect(url=url)
    assert allowed in caught.value.message
    assert "canary" not in caught.value.message


def test_a_missing_certificate_is_named():
    """A file that cannot be read is said before anything is sent."""
    with pytest.raises(PropertyError, match="ssl_ca, ssl_cert or ssl_key cannot be read"):
        Address(host="fe", tls=Tls.VERIFY_CA, ca=Path("/nowhere/ca.pem")).context()
