"""The backend's HTTP door: bodies on their way to a load, and its answers, key by key. Both vendors."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading

import h11
import httpx
import pytest
from http_pair import basic, everything, head, pair

from routine_load.commit.values import Counts
from routine_load.ids import Compat, TxnId
from routine_load.server.http import patience
from routine_load.server.http.bodies import PIECE_BYTES
from routine_load.server.http.load_answers import Operation, direct, of_frontend_transaction, of_transaction
from routine_load.statements.stream_load.values import LoadOutcome, LoadTimes

PATH = "/api/db/t/_stream_load"
TIMES = LoadTimes(load=52, begin=1, plan=2, read=3, write=23, commit=20)
BODY = b"".join(b"%d,row number %d\n" % (number, number) for number in range(40_000))


def seen(body):
    """As the stub keeps it."""
    return f"{len(body)} {hashlib.sha256(body).hexdigest()[:12]}"


SEEN = seen(BODY)


@pytest.fixture(scope="module")
def starrocks():
    with pair(Compat.STARROCKS) as both:
        yield both


@pytest.fixture(scope="module")
def doris():
    with pair(Compat.DORIS) as both:
        yield both


@pytest.fixture
def fresh():
    with pair(Compat.STARROCKS, loads_max=2) as both:
        yield both


def url(door, path=PATH):
    return f"http://127.0.0.1:{door.backend_port}{path}"


def test_starrocks_answers_in_its_order(starrocks):
    """StarRocks: keys, order, types and four blanks of indentation."""
    answer = httpx.put(url(starrocks), content=b"1,a\n2,b\n3,c", headers={"Authorization": basic(), "label": "l1"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.text == (
        '{\n    "TxnId": 1003,\n    "Label": "l1",\n    "Db": "db",\n    "Table": "t",\n    "Status": "Success",\n'
        '    "Message": "OK",\n    "NumberTotalRows": 3,\n    "NumberLoadedRows": 3,\n    "NumberFilteredRows": 0,\n'
        '    "NumberUnselectedRows": 0,\n    "LoadBytes": 11,\n    "LoadTimeMs": 52,\n    "BeginTxnTimeMs": 1,\n'
        '    "StreamLoadPlanTimeMs": 2,\n    "ReadDataTimeMs": 3,\n    "WriteDataTimeMs": 23,\n'
        '    "CommitAndPublishTimeMs": 20\n}'
    )


def test_doris_answers_in_its_order(doris):
    """Doris: its own keys and order, TwoPhaseCommit as a text, a line end after the last brace."""
    headers = {"Authorization": basic(), "two_phase_commit": "true"}
    answer = httpx.put(url(doris), content=b"x", headers=headers)
    assert answer.text.endswith("\n}\n")
    assert list(answer.json()) == [
        "TxnId",
        "Label",
        "Comment",
        "TwoPhaseCommit",
        "Status",
        "Message",
        "NumberTotalRows",
        "NumberLoadedRows",
        "NumberFilteredRows",
        "NumberUnselectedRows",
        "LoadBytes",
        "LoadTimeMs",
        "BeginTxnTimeMs",
        "StreamLoadPutTimeMs",
        "ReadDataTimeMs",
        "WriteDataTimeMs",
        "ReceiveDataTimeMs",
        "CommitAndPublishTimeMs",
    ]
    assert answer.json()["TwoPhaseCommit"] == "true"


def outcome(**fields):
    counts = Counts(loaded=1, filtered=1, unselected=1, received_bytes=9)
    told = {"status": "Success", "message": "OK", "label": "l", "txn_id": TxnId(7), "database": "d", "table": "t"}
    return LoadOutcome(**(told | {"counts": counts, "times": TIMES} | fields))


@pytest.mark.parametrize(
    ("fields", "there", "absent"),
    [
        ({"group_commit": True}, {"GroupCommit": True}, {"TwoPhaseCommit", "BeginTxnTimeMs"}),
        ({"first_error": "bad"}, {"FirstErrorMsg": "bad"}, {"ErrorURL"}),
        ({"rejects": "f00"}, {"ErrorURL": "at f00"}, {"FirstErrorMsg"}),
        ({"existing_status": "FINISHED"}, {"ExistingJobStatus": "FINISHED"}, {"GroupCommit"}),
    ],
)
def test_doris_keys_that_come_and_go(fields, there, absent):
    """Doris: GroupCommit is a boolean and takes TwoPhaseCommit's place; others are there only where they apply."""
    answer = direct(outcome(**fields), Compat.DORIS, lambda rejects: f"at {rejects}")
    assert there.items() <= answer.items()
    assert not absent & answer.keys()


def test_starrocks_says_whose_label_it_was():
    """StarRocks: ExistingJobStatus stands between Status and Message."""
    answer = direct(outcome(status="Label Already Exists", existing_status="RUNNING"), Compat.STARROCKS, str)
    assert list(answer)[4:7] == ["Status", "ExistingJobStatus", "Message"]


def test_starrocks_merged_loads_have_no_counts():
    """StarRocks: a merge commit answers with the server's label and times of its own."""
    answer = direct(outcome(merge_commit=True, request_id="r"), Compat.STARROCKS, str)
    assert list(answer) == [
        *("TxnId", "Label", "Db", "Table", "Status", "Message", "RequestId", "LoadBytes", "LoadTimeMs"),
        *("ReadDataTimeMs", "PendingTimeMs", "WaitPlanTimeMs", "WriteDataTimeMs", "WaitFinishTimeMs"),
        "LeftMergeTimeMs",
    ]


_ROWS = ["NumberTotalRows", "NumberLoadedRows", "NumberFilteredRows", "NumberUnselectedRows", "LoadBytes"]
_TIMES = ["LoadTimeMs", "StreamLoadPlanTimeMs", "ReceivedDataTimeMs", "WriteDataTimeMs", "CommitAndPublishTimeMs"]
_FIRST = ["Status", "Message", "Db", "Table", "Label"]


@pytest.mark.parametrize(
    ("operation", "keys"),
    [
        ("begin", [*_FIRST, "TxnId", "BeginTxnTimeMs"]),
        ("load", [*_FIRST, "TxnId", "LoadBytes", "StreamLoadPlanTimeMs", "ReceivedDataTimeMs"]),
        ("prepare", [*_FIRST, "TxnId", *_ROWS, *_TIMES]),
        ("commit", [*_FIRST, "TxnId", *_ROWS, *_TIMES]),
        ("rollback", _FIRST),
    ],
)
def test_starrocks_transactions_answer_in_their_order(starrocks, operation, keys):
    """StarRocks: the backend's answers of the transaction interface, over the wire."""
    headers = {"Authorization": basic(), "db": "db", "table": "t", "label": "l"}
    method = "PUT" if operation == "load" else "POST"
    answer = httpx.request(method, url(starrocks, f"/api/transaction/{operation}"), headers=headers, content=b"x")
    assert list(answer.json()) == keys
    assert (answer.json()["Db"], answer.json()["Table"], answer.json()["Status"]) == ("db", "t", "OK")


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        ({"status": "TXN_NOT_EXISTS", "has_context": False}, ["Status", "Message"]),
        ({"status": "TXN_IN_PROCESSING", "has_context": False}, ["Status", "Label", "Message"]),
        (
            {"status": "LABEL_ALREADY_EXISTS", "existing_status": ""},
            ["Status", "ExistingJobStatus", "Message", "Db", "Table"],
        ),
        ({"status": "INTERNAL_ERROR", "rejects": "f"}, ["Status", "Message", "Db", "Table", "ErrorURL"]),
    ],
)
def test_starrocks_transactions_that_failed(fields, keys):
    """StarRocks: what a refusal of the transaction interface tells, and what it leaves out."""
    assert list(of_transaction(Operation.COMMIT, outcome(**fields), str)) == keys


def test_a_front_ends_refusal_has_no_number():
    """StarRocks: the front end's FAILED has label and message alone."""
    assert of_frontend_transaction(outcome(status="FAILED", message="m")) == {
        "Label": "l",
        "Status": "FAILED",
        "Message": "m",
    }


def test_transactions_of_many_tables_begin_at_the_front_end(starrocks):
    """StarRocks: the backend takes their loads only."""
    headers = {"Authorization": basic(), "db": "db", "table": "t", "label": "l", "transaction_type": "multi"}
    answer = httpx.post(url(starrocks, "/api/transaction/commit"), headers=headers).json()
    assert answer["Status"] == "INVALID_ARGUMENT"
    assert answer["Message"] == "Multi-statement transaction requests can only be sent to FE nodes, not BE nodes"
    loaded = httpx.put(url(starrocks, "/api/transaction/load"), headers=headers, content=b"x").json()
    assert loaded["Status"] == "OK"


def test_doris_second_phase(doris):
    """Doris: two texts under lower-case keys; the table of the path means nothing."""
    headers = {"Authorization": basic(), "txn_id": "18037", "txn_operation": "commit"}
    for path in ("/api/db/_stream_load_2pc", "/api/db/t/_stream_load_2pc"):
        answer = httpx.put(url(doris, path), headers=headers)
        assert answer.text == (
            '{\n    "status": "Success",\n    "msg": "transaction [18037] commit successfully."\n}\n'
        )
        assert (doris.loads.requests[-1].database, doris.loads.requests[-1].table) == ("db", "")


@pytest.mark.parametrize(
    ("authorization", "message"),
    [("", "no valid Basic authorization"), ("Basic eDp5", "Access denied for x@127.0.0.1")],
)
def test_a_backend_says_so_under_status_200(starrocks, doris, authorization, message):
    """Both: a backend's refusal is an answer like any other; Doris has the code in front."""
    headers = {"Authorization": authorization} if authorization else {}
    answer = httpx.put(url(starrocks), headers=headers)
    assert (answer.status_code, answer.json()["Status"], answer.json()["Message"]) == (200, "Fail", message)
    assert answer.json()["TxnId"] == -1
    assert len(answer.json()["Label"]) == 36  # StarRocks makes one before it looks at anything
    answer = httpx.put(url(doris), headers=headers)
    assert (answer.status_code, answer.json()["Message"]) == (200, f"[NOT_AUTHORIZED]{message}")


def sized(body=BODY):
    return head("PUT", PATH, Content_Length=str(len(body)), Connection="close") + body


def keeping(body):
    """A load behind which others may follow."""
    return head("PUT", PATH, Content_Length=str(len(body))) + body


def chunked(size, body=BODY):
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    framed = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(part), part) for part in parts)
    return head("PUT", PATH, Transfer_Encoding="chunked", Connection="close") + framed + b"0\r\nTrailer: x\r\n\r\n"


@pytest.mark.parametrize("request_", [sized(), chunked(70_000), chunked(977), chunked(9, BODY[:200_000])])
@pytest.mark.parametrize("read_max", [1 << 20, 1000])
def test_a_body_arrives_byte_for_byte(starrocks, request_, read_max):
    """Sized or in chunks of any size, whatever the load reads at a time."""
    starrocks.loads.read_max = read_max
    with starrocks.talk() as connection:
        connection.sendall(request_)
        answer = everything(connection)
    starrocks.loads.read_max = 1 << 20
    body = BODY[:200_000] if chunked(9, BODY[:200_000]) == request_ else BODY
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert starrocks.loads.bodies[-1] == f"{len(body)} {hashlib.sha256(body).hexdigest()[:12]}"


def test_a_waiting_client_is_told_to_continue(starrocks):
    """Expect: 100-continue is answered before the body, once the headers passed; then the answer."""
    with starrocks.talk() as connection:
        connection.sendall(head("PUT", PATH, Content_Length="5", Expect="100-continue", Connection="close"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"a,b\nc")
        assert b'"LoadBytes": 5' in everything(connection)


def test_a_load_refused_by_its_headers_is_not_told_to_continue(starrocks):
    """The answer comes at once, without 100 Continue, and the connection ends."""
    with starrocks.talk() as connection:
        connection.sendall(head("PUT", PATH, Content_Length="99999999", Expect="100-continue", refuse="no such format"))
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"no such format" in answer
    assert b"connection: close" in answer.lower()


def test_a_refused_client_that_sends_on_reads_its_answer(starrocks):
    """What a client had on its way when it was refused is thrown away, so that it reads the answer."""
    with starrocks.talk() as connection:
        size = 8 * 1024 * 1024
        connection.sendall(head("PUT", PATH, Content_Length=str(size), refuse="no such format"))
        connection.sendall(b"x" * size)
        assert b"no such format" in everything(connection)


def test_no_client_sends_on_for_ever(fresh, monkeypatch):
    """What is thrown away after an answer is bounded."""
    monkeypatch.setattr(patience.Patient, "linger_bytes_max", 1024 * 1024)
    with fresh.talk() as connection:
        connection.sendall(head("PUT", PATH, Transfer_Encoding="chunked", refuse="no"))
        with pytest.raises(OSError):
            connection.sendall((b"10000\r\n" + b"x" * 65536 + b"\r\n") * 1000)


def test_http_1_0_and_no_body_at_all(starrocks):
    """HTTP/1.0 with a length, and a load without a body, are loads."""
    with starrocks.talk() as connection:
        connection.sendall(head("PUT", PATH, Content_Length="3").replace(b"HTTP/1.1", b"HTTP/1.0") + b"abc")
        assert b'"LoadBytes": 3' in everything(connection)
    with starrocks.talk() as connection:
        connection.sendall(head("PUT", PATH, Connection="close"))
        assert b'"LoadBytes": 0' in everything(connection)


def test_one_connection_carries_load_after_load(starrocks):
    """Keep-alive holds where the body was read to its end."""
    with httpx.Client(headers={"Authorization": basic()}) as client:
        for _ in range(3):
            assert client.put(url(starrocks), content=BODY).json()["LoadBytes"] == len(BODY)
        assert len(client._transport._pool.connections) == 1


def test_a_client_that_leaves_is_noticed(fresh):
    """A connection that ends within the body ends the load: whoever reads the body is told."""
    with fresh.talk() as connection:
        connection.sendall(head("PUT", PATH, Content_Length="1000000") + b"some")
        assert fresh.loads.entered.wait(10)
    assert fresh.loads.gone.wait(10)
    assert fresh.loads.bodies == []


def test_a_slow_load_holds_its_client_back(fresh):
    """While nobody reads, a body waits in the client: what is held here is bounded."""
    fresh.loads.holds = True
    body = b"x" * (64 * 1024 * 1024)
    with fresh.talk() as connection:
        connection.sendall(head("PUT", PATH, Content_Length=str(len(body)), Connection="close"))
        connection.settimeout(0.5)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < len(body):
                sent += connection.send(body[sent : sent + 65536])
        assert sent < 32 * 1024 * 1024
        connection.settimeout(20)
        fresh.loads.go_on.set()
        connection.sendall(body[sent:])
        assert f'"LoadBytes": {len(body)}'.encode() in everything(connection)


@pytest.fixture
def received(monkeypatch):
    """Sizes of what the sockets gave at a time."""
    sizes = []
    parse = patience.Patient.data_received

    def data_received(self, data):
        sizes.append(len(data))
        parse(self, data)

    monkeypatch.setattr(patience.Patient, "data_received", data_received)
    return sizes


def held_back(fresh, request_):
    """The answer to a request whose body nobody reads until the system's buffers are full."""
    fresh.loads.holds = True
    with fresh.talk() as connection:
        connection.settimeout(0.5)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < len(request_):
                sent += connection.send(request_[sent : sent + 65536])
        connection.settimeout(20)
        fresh.loads.go_on.set()
        connection.sendall(request_[sent:])
        return everything(connection)


def test_a_body_of_known_length_is_taken_in_large_pieces_once_it_is_read(fresh, received):
    """It costs a turn for each piece from the socket, and a switch of threads for each that its reader gets."""
    body = b"x" * (16 * 1024 * 1024)
    assert f'"LoadBytes": {len(body)}'.encode() in held_back(fresh, sized(body))
    small, large = patience.Patient.read_bytes, patience.Patient.body_read_bytes
    assert max(received[:2]) <= small
    assert small < max(received) <= large
    assert min(fresh.loads.pieces[:-1]) >= PIECE_BYTES


@pytest.mark.parametrize("is_parsed", [False, True])
def test_a_body_of_known_length_is_what_was_sent(fresh, monkeypatch, is_parsed):
    """Every byte comes once and in its place, whether h11 sees it or not, and so does what follows on the connection."""
    parsed = []
    parse = h11.Connection.receive_data
    monkeypatch.setattr(
        h11.Connection, "receive_data", lambda self, data: parsed.append(len(data)) or parse(self, data)
    )
    if is_parsed:
        monkeypatch.setattr(patience, "counted_as_parsed", lambda _conn, _size: False)
    large = b"".join(b"%d,row number %d\n" % (number, number) for number in range(500_000))
    assert f'"LoadBytes": {len(large)}'.encode() in held_back(fresh, keeping(large) + keeping(BODY) + sized(BODY))
    assert fresh.loads.bodies == [seen(large), SEEN, SEEN]
    assert (sum(parsed) > len(large) // 2) is is_parsed


def test_a_body_in_chunks_is_taken_in_small_pieces(fresh, received):
    """To take chunks apart is work for each of them, and others wait meanwhile."""
    assert b'"Status": "Success"' in held_back(fresh, chunked(70_000, b"x" * (16 * 1024 * 1024)))
    assert max(received) <= patience.Patient.read_bytes


def test_what_follows_a_body_is_taken_in_small_pieces(fresh, received):
    """The end of a body of known length brings no more of the next request than any other read."""
    body = b"x" * (16 * 1024 * 1024)
    first = head("PUT", PATH, Content_Length=str(len(body))) + body
    answers = held_back(fresh, first + chunked(1000, b"y" * (1024 * 1024)))
    assert answers.count(b'"Status": "Success"') == 2
    at = 0
    for size in received:
        assert size <= patience.Patient.read_bytes or at + size <= len(first)
        at += size


def test_a_body_that_dawdles_is_cut(fresh, monkeypatch):
    """A client that sends a byte now and then is cut, and its load told."""
    monkeypatch.setattr(patience.Patient, "interval_s", 0.05)
    monkeypatch.setattr(patience.Patient, "body_looks", 4)
    with fresh.talk() as connection:
        connection.sendall(head("PUT", PATH, Content_Length="1000000"))
        with contextlib.suppress(OSError):
            while not fresh.loads.gone.wait(0.02):
                connection.sendall(b"x")
        assert fresh.loads.gone.is_set()
        with contextlib.suppress(OSError):
            assert everything(connection) == b""


def test_a_body_that_goes_on_is_never_cut(fresh, monkeypatch):
    """Many times the time that a dawdler is given is no reason while bytes come."""
    monkeypatch.setattr(patience.Patient, "interval_s", 0.02)
    monkeypatch.setattr(patience.Patient, "body_looks", 3)
    monkeypatch.setattr(patience.Patient, "body_bytes_min", 16)
    with fresh.talk() as connection:
        parts = 60
        connection.sendall(head("PUT", PATH, Content_Length=str(64 * parts), Connection="close"))
        for _ in range(parts):
            connection.sendall(b"x" * 64)
            assert not fresh.loads.gone.wait(0.01)
        assert b'"Status": "Success"' in everything(connection)


def test_a_client_may_wait_as_long_as_we_work(fresh, monkeypatch):
    """A load that takes its time after its body came is answered, however long it took."""
    monkeypatch.setattr(patience.Patient, "interval_s", 0.02)
    monkeypatch.setattr(patience.Patient, "answer_looks", 2)
    monkeypatch.setattr(patience.Patient, "body_looks", 2)
    fresh.loads.holds = True
    with fresh.talk() as connection:
        connection.sendall(head("PUT", PATH, Content_Length="3", Connection="close") + b"abc")
        threading.Timer(0.5, fresh.loads.go_on.set).start()
        assert b'"LoadBytes": 3' in everything(connection)


def test_loads_at_once_are_bounded(fresh):
    """StarRocks: one load too many is refused at once, in the vendor's spelling; the others go on."""
    fresh.loads.holds = True
    answers = []

    def load():
        answers.append(httpx.put(url(fresh), content=b"x", headers={"Authorization": basic()}, timeout=20).json())

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    while len(fresh.loads.requests) < 2:
        threading.Event().wait(0.01)
    refused = httpx.put(url(fresh), content=b"x", headers={"Authorization": basic()}).json()
    fresh.loads.go_on.set()
    for thread in threads:
        thread.join(20)
    assert refused["Message"] == "Stream Load exceed http cuncurrent limit 2, please try again later"
    assert [answer["Status"] for answer in answers] == ["Success", "Success"]


def test_connections_are_bounded(fresh):
    """One connection too many is told 503 by whoever asks on it; the others go on."""
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(fresh.talk()) for _ in range(64)]
        crowd[-1].sendall(head("GET", "/api/health", Connection="close"))
        assert everything(crowd[-1]).startswith(b"HTTP/1.1 503 ")
    assert httpx.get(url(fresh, "/api/health")).status_code == 200


def test_chunks_of_one_byte_do_not_hold_up_others(fresh):
    """While a client sends a mebibyte in the smallest chunks, others are answered in between."""
    stop = threading.Event()

    def tiny():
        with fresh.talk() as connection:
            connection.sendall(head("PUT", PATH, Transfer_Encoding="chunked"))
            while not stop.is_set():
                connection.sendall(b"1\r\nx\r\n" * 4000)

    thread = threading.Thread(target=tiny)
    thread.start()
    try:
        assert fresh.loads.entered.wait(10)
        for _ in range(3):
            assert httpx.get(url(fresh, "/api/health"), timeout=20).json()["status"] == "OK"
    finally:
        stop.set()
        thread.join(20)


@pytest.mark.parametrize(
    "request_",
    [
        b"PUT /api/db/t/_stream_load HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"PUT /api/db/t/_stream_load HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"PUT /api/db/t/_stream_load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"PUT /api/db/t/_stream_load HTTP/1.1\r\nHost: x\r\nla bel: y\r\n\r\n",
        b"PUT /api/db/t/_stream_load HTTP/1.1\r\nHost: x\r\n label: folded\r\n\0: y\r\n\r\n",
        b"HEAD /api/health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_request_is_refused(starrocks, request_):
    """Broken heads are answered 400, or 501, and reach nobody."""
    before = len(starrocks.loads.requests)
    with starrocks.talk() as connection:
        connection.sendall(request_)
        connection.shutdown(socket.SHUT_WR)
        answer = everything(connection)
    assert answer == b"" or answer.split(b" ")[1] in (b"400", b"501"), answer
    assert len(starrocks.loads.requests) == before


def test_a_broken_chunk_ends_the_load(fresh):
    """A chunk whose size is no number is no body: the load is told, and the client gets 400."""
    with fresh.talk() as connection:
        connection.sendall(head("PUT", PATH, Transfer_Encoding="chunked") + b"3\r\nabc\r\n")
        assert fresh.loads.entered.wait(10)
        connection.sendall(b"zz\r\n")
        everything(connection)
    assert fresh.loads.gone.wait(10)


def test_headers_are_handed_over_as_they_are(starrocks):
    """UTF-8 in values, any case in names, the first of two, and nothing of an empty one."""
    request = head(
        "PUT", "/api/d%C3%A4/t%2ex/_stream_load", Connection="close", COLUMNS="naïve, b = `c`", label="a"
    ).replace(b"label: a\r\n", b"label: a\r\nLabel: b\r\nwhere:\r\n")
    with starrocks.talk() as connection:
        connection.sendall(request)
        everything(connection)
    seen = starrocks.loads.requests[-1]
    assert (seen.database, seen.table) == ("dä", "t.x")
    assert (seen.headers["columns"], seen.headers["label"]) == ("naïve, b = `c`", "a")
    assert "where" not in seen.headers
    assert (seen.content_length, seen.is_chunked, seen.client.partition(":")[0]) == (None, False, "127.0.0.1")


def test_what_a_client_sent_cannot_leave_its_string(starrocks):
    """JSON escapes what a message repeats."""
    answer = httpx.put(url(starrocks), headers={"Authorization": basic(), "refuse": 'x","Status":"Success'})
    assert json.loads(answer.text)["Message"] == 'x","Status":"Success'
    assert answer.json()["Status"] == "Fail"


def test_no_session_stays(starrocks):
    """Each request's session is closed with it."""
    httpx.put(url(starrocks), content=b"x", headers={"Authorization": basic()})
    assert starrocks.service.open == []


def test_a_door_that_closes_ends_loads(caplog):
    """Stopping gives a body a moment to come, then refuses its load in words; nothing is torn."""
    with pair(Compat.STARROCKS) as both, both.talk() as connection:
        connection.sendall(head("PUT", PATH, Content_Length="1000000") + b"some")
        assert both.loads.entered.wait(10)
        both.close()
        answer = everything(connection)
        assert both.loads.gone.is_set()
        both.close = lambda: None
    assert b'"Message": "The service is stopping"' in answer
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
