"""The registry client against a small registry over HTTP: what is asked, what is kept, and which failure is which."""

from __future__ import annotations

import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from routine_load.errors import RegistryUnavailable, SourceError, UnreadableSchema
from routine_load.formats.ports import RegisteredSchema
from routine_load.loads.values import RegistryAddress
from routine_load.sources.registry import SCHEMAS_MAX, RegistryClient
from routine_load.testing import EmbeddedRegistry
from tests.e2e.certificates import Authority
from tests.work import Timepiece


@pytest.fixture
def registry():
    with EmbeddedRegistry() as running:
        yield running


@pytest.fixture
def client():
    made = RegistryClient(resolve=lambda _: [], patience_s=5)
    yield made
    made.close()


def at(url, **options):
    return RegistryAddress(url, tuple((key.replace("_", "."), value) for key, value in options.items()))


def test_a_schema_is_asked_for_once(registry, client):
    """A number means one schema for ever."""
    number = registry.register("s", '"int"')
    assert client.schema(at(registry.url), number) == RegisteredSchema('"int"')
    registry.status = 500
    assert client.schema(at(registry.url), number) == RegisteredSchema('"int"')
    assert registry.asked == ["/schemas/ids/1"]


def test_many_threads_that_miss_one_schema_ask_once(registry, client):
    """Concurrent misses for one number are one call."""
    number = registry.register("s", '"int"')
    begin = threading.Barrier(8)

    def ask(_):
        begin.wait()
        return client.schema(at(registry.url), number)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {RegisteredSchema('"int"')}
    assert registry.asked == ["/schemas/ids/1"]


def test_references_come_before_what_needs_them(registry, client):
    """Depth first, each once, soft-deleted ones too; subjects are escaped."""
    registry.register("a/b", "A")
    registry.register("c", "C", references=[("A", "a/b", 1)])
    number = registry.register("d", "D", references=[("C", "c", 1), ("A", "a/b", 1)])
    assert client.schema(at(registry.url), number) == RegisteredSchema("D", ("A", "C"))
    assert registry.asked[1:] == ["/subjects/c/versions/1?deleted=true", "/subjects/a%2Fb/versions/1?deleted=true"]


def test_an_unknown_number_is_believed_for_a_minute(registry):
    """It may be registered late."""
    clock = Timepiece()
    client = RegistryClient(clock=clock, resolve=lambda _: [])
    for _ in range(2):
        with pytest.raises(UnreadableSchema, match=r"does not know schema 1$"):
            client.schema(at(registry.url), 1)
    assert len(registry.asked) == 1
    registry.register("s", '"int"')
    clock.passes(61)
    assert client.schema(at(registry.url), 1).text == '"int"'


def test_what_is_not_avro_is_told(registry, client):
    """A topic of Protobuf messages has numbers of schemas, too."""
    number = registry.register("s", 'syntax = "proto3";', kind="PROTOBUF")
    with pytest.raises(UnreadableSchema, match="it is PROTOBUF, not AVRO"):
        client.schema(at(registry.url), number)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_registry_in_trouble_is_asked_again(registry, client, status):
    """Not the message is at fault: nothing is rejected for it."""
    number = registry.register("s", '"int"')
    registry.status = status
    with pytest.raises(RegistryUnavailable, match=f"{registry.address} cannot answer: HTTP status {status}"):
        client.schema(at(registry.url), number)
    assert len(registry.asked) == 3
    registry.status = 0
    assert client.schema(at(registry.url), number).text == '"int"'


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "refuses who asks"), (403, "refuses who asks"), (302, "address right"), (404, "address right")],
)
def test_what_no_repetition_heals_is_asked_once(registry, client, status, words):
    """A wrong secret or a wrong address; a 404 that is not the registry's own is no unknown schema."""
    registry.status = status
    with pytest.raises(SourceError, match=words) as refused:
        client.schema(at(registry.url), 1)
    assert not isinstance(refused.value, RegistryUnavailable | UnreadableSchema)
    assert len(registry.asked) == 1


def test_the_next_address_answers_where_one_is_down(registry, client):
    """Several addresses, with commas between them."""
    number = registry.register("s", '"int"')
    assert client.schema(at(f"http://127.0.0.1:1, {registry.url}"), number).text == '"int"'


def test_nobody_there(client):
    """The error names the host, and neither secret nor path."""
    with pytest.raises(RegistryUnavailable, match=r"http://127\.0\.0\.1:1 does not answer") as failed:
        client.schema(at("http://key:canary@127.0.0.1:1/secret"), 1)
    assert "canary" not in str(failed.value)
    assert "/secret" not in str(failed.value)
    assert "canary" not in repr(at("http://key:canary@127.0.0.1:1"))


@pytest.mark.parametrize("url", ["http://169.254.169.254", "http://[fe80::1]:8081", "http://0.0.0.0:1"])
def test_addresses_that_attackers_want_are_not_asked(client, url):
    """Link-local and cloud metadata addresses, as for brokers."""
    with pytest.raises(SourceError, match="are not allowed"):
        client.schema(at(url), 1)


def test_secrets_are_sent_however_they_are_given():
    """In the address, cut at the last @ and %-decoded; as basic.auth.user.info; a wrong one is refused."""
    with EmbeddedRegistry(user_info="k:p@s/s") as registry:
        number = registry.register("s", '"int"')
        for address in (
            at(f"http://k:p%40s%2Fs@{registry.address}"),
            at(f"http://k:p@s%2Fs@{registry.address}"),
            at(f"http://{registry.address}", basic_auth_user_info="k:p@s/s"),
        ):
            assert RegistryClient().schema(address, number).text == '"int"'
        with pytest.raises(SourceError, match="HTTP status 401"):
            RegistryClient().schema(at(f"http://k:q@{registry.address}"), number)


def test_tls_is_checked(tmp_path):
    """A registry with a certificate of an authority that the job names; without it, nothing is told."""
    authority = Authority("root")
    issued = authority.issue("registry")
    chain, trusted = tmp_path / "chain.pem", tmp_path / "ca.pem"
    chain.write_bytes(issued.pem + issued.key_pem())
    trusted.write_bytes(authority.pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    with EmbeddedRegistry(tls=server) as registry:
        number = registry.register("s", '"int"')
        trusting = at(registry.url, ssl_ca_location=str(trusted))
        assert RegistryClient().schema(trusting, number).text == '"int"'
        with pytest.raises(RegistryUnavailable, match="certificate verify failed"):
            RegistryClient(patience_s=1).schema(at(registry.url), number)
    with pytest.raises(SourceError, match="cannot be read"):
        RegistryClient().schema(at("https://127.0.0.1:1", ssl_ca_location="/nowhere"), 1)


def test_what_is_kept_is_bounded(registry, client):
    """The schema that was not asked for longest goes first."""
    for _ in range(SCHEMAS_MAX + 1):
        registry.register("s", '"int"')
    for number in range(1, SCHEMAS_MAX + 2):
        client._found[(at(registry.url), number)] = RegisteredSchema("x")
    client.schema(at(registry.url), 1)
    client._found.pop((at(registry.url), 500))
    client.schema(at(registry.url), 500)
    assert len(client._found) == SCHEMAS_MAX
    assert (at(registry.url), 2) not in client._found
