"""One request, one answer or none: what a cluster's HTTP side, or something in its place, may do to us."""

import threading

import pytest

from routine_load.engines.cluster.address import ClusterAddress
from routine_load.engines.cluster.http import ANSWER_BYTES_MAX, Request, Wire
from routine_load.engines.cluster.nodes import Members
from routine_load.errors import TargetUnavailable
from routine_load.ids import Compat
from tests.unit.engines.cluster_server import MisbehavingServer, page, redirect

OK = {"Status": "OK"}
ASKED = Request(method="GET", path="/api/d/get_load_state", query={"label": "l"}, timeout_s=5)


def wire_to(front, *nodes, **options):
    """A wire to one front end and the nodes that its cluster lists."""
    address = ClusterAddress(
        vendor=Compat.STARROCKS,
        fronts=((front.endpoint[0], 9030),),
        http_port=front.port,
        user="loader",
        password="sécret:@",
        **options,
    )
    members = Members(
        alive=len(nodes),
        nodes=frozenset(node.endpoint for node in nodes),
        fronts=frozenset({front.endpoint}),
    )
    return Wire(address, lambda: members)


def leading_to(place, behind=""):
    """A front end that redirects everything there."""
    return MisbehavingServer(lambda r: redirect(f"{place}{r.path}{behind}"))


def unanswered(wire, request=ASKED):
    """Sending it has no answer; returns what is said of that."""
    with pytest.raises(TargetUnavailable) as caught:
        wire.send(request)
    wire.close()
    return caught.value.message


def load_of(rows):
    return Request(
        method="PUT",
        path="/api/transaction/load",
        body=lambda: iter([rows]),
        length=len(rows),
        to_node=True,
        timeout_s=5,
    )


def test_an_answer_has_its_fields_by_lower_case_name():
    """Both vendors spell the same key in two ways (Status, status); either is found."""
    with MisbehavingServer(lambda _: page({"Status": "OK", "TxnId": 7})) as front:
        wire = wire_to(front)
        answer = wire.send(ASKED)
        wire.close()
    assert (answer.status, answer.fields, answer.from_node) == (200, {"status": "OK", "txnid": 7}, False)


def test_a_body_goes_to_the_node_and_never_to_the_front_end():
    """StarRocks, Doris: a front end answers 307 without reading; the node gets all of it, with its length."""
    with MisbehavingServer(lambda _: page(OK)) as node, leading_to(f"http://127.0.0.1:{node.port}") as front:
        wire = wire_to(front, node)
        answer = wire.send(load_of(b'{"a":1}\n'))
        wire.close()
    assert answer.from_node
    (asked,), (loaded,) = front.seen, node.seen
    assert (asked.body, asked.headers["content-length"], asked.headers["expect"]) == (b"", "0", "100-continue")
    assert (loaded.body, loaded.headers["content-length"]) == (b'{"a":1}\n', "8")
    assert "transfer-encoding" not in loaded.headers


def test_credentials_of_a_location_are_dropped_and_our_own_are_sent():
    """Doris puts user and password into the Location, and a question mark behind it."""
    with MisbehavingServer(lambda _: page(OK)) as node, leading_to(f"http://x:y@127.0.0.1:{node.port}", "?") as front:
        wire = wire_to(front, node)
        wire.send(load_of(b"{}\n"))
        wire.close()
    assert front.seen[0].headers["authorization"] == node.seen[0].headers["authorization"]
    assert node.seen[0].headers["authorization"] == "Basic bG9hZGVyOnPDqWNyZXQ6QA=="


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("", "redirects to another path"),
        ("http://127.0.0.1:{dead}/api/other", "redirects to another path"),
        ("http://evil.example:8040{path}", "which the cluster does not list as a node"),
        ("https://127.0.0.1:{dead}{path}", "allowed: http"),
        ("ftp://127.0.0.1:{dead}{path}", "allowed: http"),
        ("http://127.0.0.1{path}", "allowed: http"),
        ("http://127.0.0.1:99999{path}", "redirects to nowhere"),
        ("http://[::1{path}", "nvalid URL in location"),
        ("http://127.0.0.1:{dead}{path}", "cannot be reached"),
    ],
)
def test_a_redirect_is_not_followed_blindly(location, said):
    """A 307 leads to a node of the cluster, with the same path and scheme, or nowhere."""
    with MisbehavingServer(lambda _: page(OK)) as gone:
        dead = gone.port
    with MisbehavingServer(lambda r: redirect(location.format(dead=dead, path=r.path.partition("?")[0]))) as front:
        assert said in unanswered(wire_to(front))


def test_redirects_that_lead_in_a_circle_end():
    """A front end that redirects to itself is asked a few times at most."""
    with MisbehavingServer(lambda r: redirect(f"http://127.0.0.1:{r.server.port}{r.path}")) as front:
        assert "redirected too often" in unanswered(wire_to(front))
        assert len(front.seen) == 2


def test_a_host_map_says_where_a_node_is_reached():
    """NAT, containers: the front end names an address that only the cluster itself can reach."""
    with MisbehavingServer(lambda _: page(OK)) as node, leading_to("http://be1.inside:8040") as front:
        wire = wire_to(front, host_map={"be1.inside:8040": f"127.0.0.1:{node.port}"})
        assert wire.send(load_of(b"{}\n")).from_node
        wire.close()
    assert len(node.seen) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "Server disconnected"),
        (b"", "Server disconnected"),
        (b"nonsense\r\n\r\n", "illegal status line"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "closed connection"),
        (page(b"<html>proxy</html>", "502 Bad Gateway"), "502 and no JSON"),
        (page({"Status": "OK"}, "503 Service Unavailable"), "answers 503"),
        (page(b"[1]"), "no JSON object"),
        (page(b"[" * 100_000), "no JSON"),
        (page(b'{"Status": "OK"'), "no JSON"),
        (page(b'{"Status": "' + b"x" * ANSWER_BYTES_MAX + b'"}'), f"more than {ANSWER_BYTES_MAX} bytes"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000, "too long"),
    ],
)
def test_what_cannot_be_read_is_no_answer(answer, said):
    """Lost, cut, giant, deep or foreign answers are none: whether it happened is unknown."""
    with MisbehavingServer(lambda _: answer) as front:
        assert said in unanswered(wire_to(front))


def test_an_answer_that_never_ends_is_read_to_a_bound():
    """What is behind the bound is not waited for."""
    done = threading.Event()

    def act(received):
        del received
        done.wait(20)
        return b""

    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with MisbehavingServer(lambda _: head + chunk * 40) as front:
        assert f"more than {ANSWER_BYTES_MAX} bytes" in unanswered(wire_to(front))
    done.set()


def test_an_answer_has_to_be_there_in_time_as_a_whole():
    """Neither silence nor an answer that drips keeps a request longer than it may take."""
    over = threading.Event()

    def drip(received):
        del received
        over.wait(20)

    with MisbehavingServer(drip) as front:
        late = Request(method="GET", path="/x", timeout_s=0.3)
        assert "no answer within 0 s" in unanswered(wire_to(front), late)
        over.set()


def test_a_header_cannot_become_two():
    """A name with a line break in it is no header: nothing is sent."""
    with MisbehavingServer(lambda _: page(OK)) as front:
        injected = Request(method="PUT", path="/x", headers={"columns": "a\r\nlabel: other"}, timeout_s=5)
        assert "cannot hold a line break" in unanswered(wire_to(front), injected)
    assert front.seen == []


def test_names_that_are_not_ascii_are_sent_as_utf_8():
    """StarRocks, Doris: header values are bytes; columns may have any name."""
    seen = []

    def act(received):
        seen.append(received.headers["columns"])
        return page(OK)

    with MisbehavingServer(act) as front:
        wire = wire_to(front)
        wire.send(Request(method="PUT", path="/x", headers={"columns": "`größe`"}, timeout_s=5))
        wire.close()
    assert seen == ["`größe`"]


def test_the_next_front_end_is_asked_only_where_the_first_was_not_reached():
    """A connection that was made is a request that may have been heard: it is not made again elsewhere."""
    with MisbehavingServer(lambda _: page(OK)) as front:
        address = ClusterAddress(
            vendor=Compat.DORIS, fronts=(("127.0.0.2", 9030), ("127.0.0.1", 9030)), http_port=front.port
        )
        wire = Wire(address, Members)
        assert wire.send(ASKED).text("status") == "OK"
        wire.close()
    assert len(front.seen) == 1


def test_no_word_of_the_password_is_told():
    """What is said of a request that failed has neither password nor its encoding."""
    with MisbehavingServer(lambda _: page(b"no", "500 Oh")) as front:
        wire = wire_to(front)
        said = unanswered(wire) + repr(wire.__dict__.get("_address"))
    assert "sécret" not in said
    assert "bG9hZGVy" not in said
