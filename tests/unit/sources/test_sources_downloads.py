"""Where CREATE FILE may fetch from: nothing of the server and of its network, unless the operator said so."""

from __future__ import annotations

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from routine_load.errors import ExecutionError
from routine_load.sources.downloads import Downloads

ANSWERS = {"/small/ca.pem": (200, b"certificate"), "/small/moved": (302, b""), "/small/empty": (200, b"")}
ANSWERS |= {"/small/large": (200, b"x" * 101), "/small/wrong": (500, b"oops")}

ASKED: list[str] = []


class Pages(BaseHTTPRequestHandler):
    def do_GET(self):
        ASKED.append(self.path)
        status, body = ANSWERS.get(self.path, (404, b""))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/secret")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as pages:
        thread = threading.Thread(target=pages.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{pages.server_port}"
        pages.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("url", "content"),
    [
        ("data:;base64," + base64.b64encode(b"a\x00b\xff").decode(), b"a\x00b\xff"),
        ("data:application/x-pem-file;base64,aGVs\n bG8=", b"hello"),
        ("DATA:,plain%20text", b"plain text"),
    ],
)
def test_a_data_url_carries_its_content(url, content):
    """The content comes with the statement: nobody is asked, and no setting is needed."""
    assert Downloads().fetch(url, 100) == content


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("data:;base64,canary!", "its content is not base64"),
        ("data:;base64", "no comma"),
        ("data:,", "invalid content length: 0"),
        ("data:," + "canary" * 20, "max_small_file_size_bytes allows 100 bytes"),
    ],
)
def test_a_wrong_data_url_is_refused_without_its_content(url, text):
    """The content may be a key: an error does not repeat it."""
    with pytest.raises(ExecutionError, match=text) as refusal:
        Downloads().fetch(url, 100)
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "http://169.254.169.254/latest/meta-data", "https://example.test/ca.pem",
        "http://127.0.0.1:8030/api",
    ],
)  # fmt: skip
def test_nothing_else_is_opened_by_default(url):
    """StarRocks and Doris open any URL; here the setting that would allow it is named."""
    with pytest.raises(ExecutionError, match=r"setting file_url_prefixes \(none\)"):
        Downloads().fetch(url, 100)


@pytest.mark.parametrize(
    "url",
    [
        "", "ca.pem", "/etc/passwd", "ftp://a/b", "gopher://a/b", "http:///x", "http://a:99999/x", "http://u:p@a/x",
        "http://a/x#y", "http://a\\@b/x", "http://a /x", "http://a/\r\nHost: b", "http://ä/x", "http://a/../x",
        "http://a/%2e%2e/x", "file://host/x", "file:x", "http://a/" + "x" * 5000, "file:///a?b",
    ],
)  # fmt: skip
def test_what_two_readers_could_read_in_two_ways_is_no_url(url):
    """Tricks by which a URL looks as if it began with an allowed prefix."""
    with pytest.raises(ExecutionError, match=r"^the url"):
        Downloads(("http://a/",)).fetch(url, 100)


@pytest.mark.parametrize(
    "url",
    ["http://a.evil/x", "http://a:81/dir/x", "https://a/dir/x", "http://a/dirt/x", "http://a/", "http://ab/dir/x"],
)
def test_a_prefix_is_a_place_not_a_text(url):
    """Scheme, host and port are compared whole, paths by their parts."""
    with pytest.raises(ExecutionError, match=r"file_url_prefixes \(http://a/dir\)"):
        Downloads(("http://a/dir",)).fetch(url, 100)


def test_an_allowed_page_is_fetched(server):
    """A prefix allows what lies below it."""
    assert Downloads((server + "/small",)).fetch(server + "/small/ca.pem", 100) == b"certificate"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("moved", "HTTP status 302, redirects are not followed"),
        ("large", "max_small_file_size_bytes allows 100 bytes"),
        ("empty", "invalid content length: 0"),
        ("wrong", "HTTP status 500"),
        ("none", "HTTP status 404"),
    ],
)
def test_an_allowed_page_may_still_be_wrong(server, page, text):
    """Size is bounded while reading, and a redirect would lead out of what was allowed."""
    with pytest.raises(ExecutionError, match=text):
        Downloads((server,)).fetch(f"{server}/small/{page}", 100)
    assert "/secret" not in ASKED


def test_a_host_that_leads_to_a_metadata_address_is_refused():
    """Even where the name is allowed."""
    downloads = Downloads(("http://inside.test/",), resolve=lambda _: ["169.254.169.254"])
    with pytest.raises(ExecutionError, match=r"leads to 169\.254\.169\.254"):
        downloads.fetch("http://inside.test/x", 100)


def test_a_host_that_does_not_answer_is_an_error():
    """A connection that fails is told in words, not as a foreign exception."""
    with pytest.raises(ExecutionError, match=r"Failed to get file from url: http://127\.0\.0\.1:1/x"):
        Downloads(("http://127.0.0.1:1/",)).fetch("http://127.0.0.1:1/x", 100)


def test_an_allowed_file_is_read_and_a_link_out_of_the_folder_is_not(tmp_path):
    """file: URLs need a prefix too; links, folders and devices are no files."""
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "ca.pem").write_bytes(b"certificate")
    (tmp_path / "secret").write_bytes(b"secret")
    (allowed / "link").symlink_to(tmp_path / "secret")
    downloads = Downloads((f"file://{allowed}",))
    assert downloads.fetch(f"file://{allowed}/ca.pem", 100) == b"certificate"
    for name, text in (("link", "leads out"), ("none", "File not found"), (".", "Is a directory")):
        with pytest.raises(ExecutionError, match=text):
            downloads.fetch(f"file://{allowed}/{name}", 100)
    with pytest.raises(ExecutionError, match="allows 5 bytes"):
        downloads.fetch(f"file://{allowed}/ca.pem", 5)
    with pytest.raises(ExecutionError, match="no regular file"):
        Downloads(("file:///dev",)).fetch("file:///dev/zero", 100)


def test_a_prefix_that_is_no_url_is_refused_at_once():
    """A mistyped setting would allow nothing, silently."""
    with pytest.raises(
        ExecutionError, match=r"the setting file_url_prefixes is not a data:, http:, https: or file: URL"
    ):
        Downloads(("/etc/ssl",))
