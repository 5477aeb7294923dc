"""The front end's HTTP door: who may load, and where to; no body is read there. Both vendors."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest
from http_pair import basic, everything, head, pair

from routine_load.ids import Compat
from routine_load.server.http import Callers, frontend_routes
from routine_load.statements.stream_load.values import LoadOutcome

CURL = shutil.which("curl")
PATH = "/api/db/t/_stream_load"


@pytest.fixture(scope="module")
def starrocks():
    with pair(Compat.STARROCKS) as both:
        yield both


@pytest.fixture(scope="module")
def doris():
    with pair(Compat.DORIS) as both:
        yield both


def put(door, path=PATH, **headers):
    auth = {"Authorization": basic()} if "Authorization" not in headers else {}
    sent = {name: value for name, value in headers.items() if value}
    return httpx.put(f"http://127.0.0.1:{door.port}{path}", headers=auth | sent, timeout=20)


def test_starrocks_sends_a_load_to_the_backend(starrocks):
    """StarRocks: 307 to the same path and query on the backend, without user info, empty, and the connection ends."""
    answer = put(starrocks, PATH + "?a=b%2Fc", Expect="100-continue")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"http://127.0.0.1:{starrocks.backend_port}{PATH}?a=b%2Fc"
    assert (answer.headers["connection"], answer.content) == ("close", b"")


def test_doris_sends_a_load_to_the_backend_with_credentials(doris):
    """Doris: the Location has the credentials, percent-encoded, and a question mark even without a query."""
    answer = put(doris, Expect="anything")
    assert answer.status_code == 307
    where = urlsplit(answer.headers["location"])
    assert answer.headers["location"].endswith("/_stream_load?")
    assert (where.username, where.password) == ("root", "s3cr%3At%40%C3%B6")
    assert (where.port, where.path) == (doris.backend_port, PATH)


def test_starrocks_wants_the_client_to_wait(starrocks):
    """StarRocks: without Expect a load is refused under status 200, with capital keys."""
    answer = put(starrocks)
    assert answer.json() == {
        "Status": "FAILED",
        "Message": "class com.starrocks.common.DdlException: There is no 100-continue header",
    }
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")


def test_doris_wants_the_client_to_wait(doris):
    """Doris: the same, with lower-case keys."""
    assert put(doris).json() == {"status": "FAILED", "msg": "There is no 100-continue header"}


def test_starrocks_lets_old_http_go_without_expect(starrocks):
    """StarRocks 4.0: HTTP/1.0 has no Expect, and none is asked for."""
    with starrocks.talk(starrocks.port) as connection:
        connection.sendall(head("PUT", PATH).replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert everything(connection).startswith(b"HTTP/1.1 307 ")


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        ("", "Need auth information."),
        ("Bearer x", "Need auth information."),
        ("Basic !!!", "Need auth information."),
        ("Basic cm9vdA==", "Need auth information."),
        (basic("root", "wrong"), "Access denied for root@127.0.0.1"),
        (basic("root", ""), "Access denied for root@127.0.0.1"),
        (basic("nobody", "x"), "Access denied for nobody@127.0.0.1"),
        (basic("open", "x"), "Access denied for open@127.0.0.1"),
    ],
)
def test_starrocks_answers_401(starrocks, authorization, message):
    """StarRocks: no or wrong credentials are status 401 with a challenge and lower-case keys."""
    answer = put(starrocks, Authorization=authorization, Expect="100-continue")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm=""'
    assert answer.json() == {"status": "FAILED", "code": "1", "msg": message, "message": message}


def test_doris_answers_200_and_says_401(doris):
    """Doris: wrong credentials are status 200 whose JSON says 401; ``code`` is a number."""
    answer = put(doris, Authorization=basic("root", "wrong"), Expect="x")
    assert answer.status_code == 200
    assert list(answer.json()) == ["msg", "code", "data", "count"]
    assert (answer.json()["msg"], answer.json()["code"], answer.json()["count"]) == ("Unauthorized", 401, 0)
    assert "Access denied for root" in answer.json()["data"]


def test_starrocks_asks_for_the_privilege(starrocks):
    """StarRocks: who may not INSERT is refused at the front end by status 401."""
    answer = put(starrocks, Authorization=basic("open", ""), Expect="100-continue")
    assert answer.status_code == 401


def test_doris_asks_for_the_privilege(doris):
    """Doris: who may not LOAD is refused at the front end under status 200."""
    answer = put(doris, Authorization=basic("open", ""), Expect="x")
    assert (answer.status_code, answer.json()["status"]) == (200, "FAILED")


def test_a_user_without_a_password_is_known(starrocks):
    """An empty password is one, too; the state of a label needs no privilege here."""
    url = f"http://127.0.0.1:{starrocks.port}/api/db/get_load_state?label=x"
    assert httpx.get(url, headers={"Authorization": basic("open", "")}).json() == {
        "state": "UNKNOWN",
        "reason": "",
        "status": "OK",
        "code": "0",
        "msg": "Success",
        "message": "OK",
    }


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("no_mode", "Header `group_commit` can only be `sync_mode`, `async_mode` or `off_mode`."),
        ("SYNC_MODE", "OlapTable not found."),
    ],
)
def test_doris_looks_at_group_commit(doris, mode, message):
    """Doris: a wrong mode is refused; with a right one the table has to be there."""
    assert put(doris, group_commit=mode, Expect="x").json() == {"status": "FAILED", "msg": message}


def test_doris_group_commit_needs_the_database(doris):
    """Doris: with group commit an unknown database is refused at the front end."""
    answer = put(doris, "/api/none/t/_stream_load", group_commit="async_mode", Expect="x")
    assert answer.json()["msg"] == "Database not found."


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "No transaction id or label selected."),
        ({"label": "l"}, "No transaction operation('commit' or 'abort') selected."),
    ],
)
def test_doris_second_phase_names_what_is_missing(doris, headers, message):
    """Doris: the front end looks for both headers of the second phase before it sends it on, Expect or not."""
    assert put(doris, "/api/db/_stream_load_2pc", **headers).json() == {"status": "FAILED", "msg": message}


def test_doris_sends_a_load_by_sql_on(doris):
    """``_http_stream`` goes to the backend, which takes it; without its statement, or without credentials, nowhere."""
    path = "/api/_http_stream"
    answer = put(doris, path, sql="INSERT …".encode())
    assert answer.status_code == 307
    assert answer.headers["location"].endswith(f":{doris.backend_port}{path}?")
    assert put(doris, path).json() == {"status": "FAILED", "msg": "No sql selected."}
    assert put(doris, path, Authorization=basic("root", "wrong"), sql=b"x").json()["code"] == 401
    url = f"http://127.0.0.1:{doris.backend_port}{path}"
    loaded = httpx.put(url, headers={"Authorization": basic(), "sql": "INSERT"}, content=b"1").json()
    assert (loaded["Status"], doris.loads.requests[-1].header("sql")) == ("Success", "INSERT")


def test_doris_mini_load_is_disabled(doris):
    """The load before Stream Load: off by default in every release that has it, and said so under status 200."""
    answer = put(doris, "/api/db/t/_load", Expect="x")
    assert (answer.status_code, answer.json()["code"], answer.json()["msg"]) == (200, 404, "Not Found")
    assert "mini load operation has been disabled" in answer.json()["data"]
    assert put(doris, "/api/db/t/_load", Authorization=basic("root", "wrong")).json()["code"] == 401


def test_doris_second_phase_is_sent_on(doris):
    """Doris: 307 without Expect, with and without a table in the path."""
    for path in ("/api/db/_stream_load_2pc", "/api/db/t/_stream_load_2pc"):
        answer = put(doris, path, txn_id="1", txn_operation="commit")
        assert answer.status_code == 307
        assert answer.headers["location"].endswith(f":{doris.backend_port}{path}?")


@pytest.mark.parametrize(
    ("operation", "headers", "message"),
    [
        ("begin", {}, "No database selected."),
        ("begin", {"db": "db"}, "Empty label."),
        ("dance", {"db": "db", "label": "l"}, "Unknown transaction operation: dance"),
        ("begin", {"db": "none", "label": "l"}, "Database[none] does not exist."),
        ("prepare", {"db": "db", "label": "l", "transaction_type": "multi"}, "Unsupported operation: TXN_PREPARE"),
        ("prepare", {"db": "db", "label": "l", "prepared_timeout": "0"}, "Invalid prepared_timeout: 0"),
        ("load", {"db": "db", "label": "none"}, "Can't find the transaction with db [db] and label[none]"),
        ("commit", {"db": "db", "label": "none", "source_type": "12"}, "stream load task none does not exist"),
    ],
)
def test_starrocks_transactions_name_what_is_wrong(starrocks, operation, headers, message):
    """StarRocks: the front end's refusals of the transaction interface; the first is what connectors probe for."""
    url = f"http://127.0.0.1:{starrocks.port}/api/transaction/{operation}"
    answer = httpx.post(url, headers={"Authorization": basic()} | headers)
    said = {"Status": "FAILED", "Message": f"class com.starrocks.common.StarRocksException: {message}"}
    assert (answer.status_code, answer.json()) == (200, said)


@pytest.mark.parametrize(
    ("operation", "state", "sent_on"),
    [
        ("begin", "UNKNOWN", True),
        ("load", "PREPARE", True),
        ("prepare", "PREPARE", True),
        ("commit", "PREPARE", True),
        ("rollback", "PREPARE", True),
        ("commit", "PREPARED", False),
        ("rollback", "PREPARED", False),
        ("commit", "ABORTED", False),
    ],
)
def test_starrocks_transactions_go_where_their_data_is(starrocks, operation, state, sent_on):
    """StarRocks: the backend has what is not prepared yet; commit and rollback of the rest are the front end's."""
    starrocks.loads.states["l"] = state
    url = f"http://127.0.0.1:{starrocks.port}/api/transaction/{operation}"
    headers = {"Authorization": basic(), "db": "db", "table": "t", "label": "l"}
    answer = httpx.put(url, headers=headers)
    if sent_on:
        where = f"http://127.0.0.1:{starrocks.backend_port}/api/transaction/{operation}"
        assert (answer.status_code, answer.headers["location"]) == (307, where)
    else:
        assert list(answer.json()) == ["Label", "Status", "TxnId", "Message"]


@pytest.mark.parametrize("operation", ["commit", "rollback"])
def test_starrocks_a_transaction_that_nobody_began_is_not_ended(starrocks, operation):
    """StarRocks: the front end's answer about a label that it does not know."""
    url = f"http://127.0.0.1:{starrocks.port}/api/transaction/{operation}"
    answer = httpx.post(url, headers={"Authorization": basic(), "db": "db", "label": "none"})
    said = {"Label": "none", "Status": "FAILED", "Message": "No transaction found with db[db] and label[none]"}
    assert answer.json() == said


def test_starrocks_transactions_of_many_tables_are_the_front_ends(starrocks):
    """StarRocks: begin answers two keys, commit six; only load is sent on."""
    headers = {"Authorization": basic(), "db": "db", "label": "l", "transaction_type": "multi"}
    url = f"http://127.0.0.1:{starrocks.port}/api/transaction"
    assert httpx.post(f"{url}/begin", headers=headers).json() == {"Status": "OK", "Message": ""}
    starrocks.loads.states["l"] = "PREPARE"
    assert httpx.put(f"{url}/load", headers=headers).status_code == 307
    done = httpx.post(f"{url}/commit", headers=headers).json()
    assert done == {
        "Label": "l",
        "Status": "OK",
        "TxnId": 1003,
        "ChannelId": 0,
        "Message": "",
        "Prepared Channel Num": 1,
    }


def test_starrocks_says_not_implemented(starrocks):
    """StarRocks: what connectors take as "the transaction interface is not there" is exactly this pair."""
    answer = httpx.post(f"http://127.0.0.1:{starrocks.port}/api/none")
    assert (answer.status_code, answer.json()["status"], answer.json()["msg"]) == (200, "FAILED", "Not implemented")


def test_states_and_cancels(starrocks, doris):
    """get_load_state and _cancel in both vendors' envelopes."""
    mine = {"Authorization": basic()}
    url = f"http://127.0.0.1:{doris.port}/api/db"
    assert httpx.get(f"{url}/get_load_state?label=x", headers=mine).json() == {
        "msg": "success",
        "code": 0,
        "data": "UNKNOWN",
        "count": 0,
    }
    assert httpx.get(f"{url}/get_load_state", headers=mine).json()["data"] == "No label selected"
    assert httpx.post(f"{url}/_cancel?label=c", headers=mine).json()["msg"] == "success"
    assert doris.loads.states["c"] == "ABORTED"
    url = f"http://127.0.0.1:{starrocks.port}/api/db"
    assert httpx.get(f"{url}/get_load_state", headers=mine).json()["msg"] == "No label selected."
    assert httpx.post(f"{url}/t/_cancel?label=c", headers=mine).json()["status"] == "OK"


def test_merge_commits_learn_their_nodes(starrocks):
    """StarRocks: ``nodes`` is there with the merge-commit headers, and absent without; ``code`` is a status' name."""
    url = f"http://127.0.0.1:{starrocks.port}/api/db/t/_stream_load_meta?type=nodes"
    plain = httpx.get(url, headers={"Authorization": basic()}).json()
    assert plain == {"status": "OK", "code": "OK", "msg": "", "message": ""}
    merged = httpx.get(url, headers={"Authorization": basic(), "enable_merge_commit": "true"}).json()
    assert merged["nodes"]["http"] == f"127.0.0.1:{starrocks.backend_port}"


def test_a_door_on_every_address_is_where_the_client_found_it():
    """Behind 0.0.0.0 Location and ErrorURL name the host that the client asked for; one that is no host is not repeated."""
    with pair(Compat.STARROCKS, host="0.0.0.0") as both:
        for asked, told in [
            ("fe.example:1", "fe.example"),
            ("[::1]:80", "[::1]"),
            ("a@b", "127.0.0.1"),
            ("x/y", "127.0.0.1"),
        ]:
            answer = put(both, Expect="100-continue", Host=asked)
            assert answer.headers["location"] == f"http://{told}:{both.backend_port}{PATH}"
        both.loads.outcome = LoadOutcome(status="Success", message="OK", rejects="f00")
        url = f"http://127.0.0.1:{both.backend_port}{PATH}"
        loaded = httpx.put(url, headers={"Authorization": basic(), "Host": "be.example"})
        assert loaded.json()["ErrorURL"] == "http://be.example:1/api/_load_error_log?file=f00"


def test_without_a_backends_door_the_front_end_loads():
    """Where one port is all there is, both vendors' loads are served on it."""
    for compat in Compat:
        with pair(compat, backend=False) as both:
            url = f"http://127.0.0.1:{both.port}{PATH}"
            answer = httpx.put(url, content=b"abc", headers={"Authorization": basic(), "Expect": "100-continue"})
            assert (answer.json()["Status"], answer.json()["LoadBytes"]) == ("Success", 3)


def test_a_clusters_tables_are_loaded_there(starrocks, doris):
    """Where the tables are a cluster's, there is no page to load by, and StarRocks says so in its words."""
    for both in (starrocks, doris):
        callers = Callers(replace(both.callers.loading, takes_loads=False), 1)
        paths = {route.path for route in frontend_routes(callers)}
        callers.close(1)
        assert "/api/{database}/{table}/_schema" in paths
        assert not {path for path in paths if "_stream_load" in path or "transaction" in path}


def test_no_body_is_asked_for(starrocks):
    """The front end sends 307 without 100 Continue, though the client announced a body and waits."""
    with starrocks.talk(starrocks.port) as connection:
        connection.sendall(head("PUT", PATH, Expect="100-continue", Content_Length="1000000"))
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 307 ")
    assert b"100 Continue" not in answer


def test_a_client_that_does_not_wait_still_reads_its_redirect(starrocks):
    """A body that comes at once is thrown away for a while, so that the 307 is not lost in a reset connection."""
    with starrocks.talk(starrocks.port) as connection:
        size = 8 * 1024 * 1024
        connection.sendall(head("PUT", PATH, Expect="100-continue", Content_Length=str(size)))
        connection.sendall(b"x" * size)
        assert everything(connection).startswith(b"HTTP/1.1 307 ")


def test_nothing_of_a_request_gets_into_the_head_of_an_answer(starrocks, doris):
    """Paths and credentials with line ends, encoded, stay encoded; a raw line end is no request at all."""
    for both in (starrocks, doris):
        with both.talk(both.port) as connection:
            path = "/api/db%0d%0aX:%20y/t/_stream_load?%0d%0aY:z"
            connection.sendall(head("PUT", path, Expect="100-continue", Connection="close"))
            answer = everything(connection)
        assert b"\r\nX:" not in answer
        assert b"\r\nY:" not in answer
        with both.talk(both.port) as connection:
            connection.sendall(b"PUT /api/db/t\rX: y/_stream_load HTTP/1.1\r\nHost: x\r\n\r\n")
            assert everything(connection).startswith(b"HTTP/1.1 400 ")


def test_paths_do_not_leave_their_place(starrocks):
    """Dots, encoded slashes and doubled slashes name no other page."""
    for path in (
        "/api/db/../../metrics",
        "/api/db/%2e%2e/_stream_load",
        "/api/a%2Fb/c/_stream_load",
        "//api/db/t/_stream_load",
    ):
        with starrocks.talk(starrocks.port) as connection:
            connection.sendall(head("GET", path, Connection="close"))
            status = everything(connection).split(b" ")[1]
        assert status in (b"404", b"405"), path


def test_a_page_of_another_site_may_not_act(starrocks):
    """A browser that remembers the password is not led here by somebody else's page."""
    answer = put(starrocks, Origin="http://evil.example", Expect="100-continue")
    assert answer.status_code == 401
    same = put(starrocks, Origin=f"http://127.0.0.1:{starrocks.port}", Expect="100-continue")
    assert same.status_code == 307


@pytest.mark.skipif(CURL is None, reason="needs curl")
@pytest.mark.parametrize("compat", Compat)
def test_curl_as_in_the_manuals(starrocks, doris, compat, tmp_path):
    """curl follows the redirect with its credentials and its body, sized and chunked."""
    door = doris if compat is Compat.DORIS else starrocks
    file = tmp_path / "x.csv"
    file.write_bytes(b"1,a\n" * 300_000)
    url = f"http://127.0.0.1:{door.port}{PATH}"
    manual = [CURL, "-s", "--location-trusted", "-u", "root:s3cr:t@ö", "-H", "Expect:100-continue", "-H", "label:x"]
    for more in (["-T", str(file)], ["-T", str(file), "-H", "Transfer-Encoding: chunked"], ["-d", "@-", "-X", "PUT"]):
        with file.open("rb") as content:
            out = subprocess.run([*manual, *more, url], stdin=content, capture_output=True, timeout=60, check=True)
        answer = json.loads(out.stdout)
        assert (answer["Status"], answer["Label"]) == ("Success", "x"), more
        assert answer["LoadBytes"] in (1_200_000, 900_000)  # -d leaves line ends out
