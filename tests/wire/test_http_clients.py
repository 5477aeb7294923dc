"""Clients as they are, loading by HTTP into a whole service: curl as in the manuals, requests, httpx, bare sockets."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from base64 import b64encode
from urllib.parse import urlsplit

import httpx
import pytest
import requests

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.ids import Compat

CURL = shutil.which("curl")
needs_curl = pytest.mark.skipif(CURL is None, reason="needs curl")
ROWS = b"".join(b"%d,row number %d\n" % (number, number) for number in range(50_000))
USER, PASSWORD = "loader", "p@ss:wörd"


class Service:
    """A coordinator with both doors, a database, a table and a user who may load."""

    def __init__(self, directory, compat: Compat) -> None:
        self.coordinator = Coordinator(Settings(data_dir=directory, compat=compat, mysql_port=None, http_port=0))
        self.coordinator.start()
        self.session = self.coordinator.service.open_session("root", "test")
        self.port, self.backend_port = self.coordinator.ports[1], self.coordinator.backend_http_port
        self.number = 0
        self.run("CREATE DATABASE db")
        self.run(f"CREATE USER {USER} IDENTIFIED BY '{PASSWORD}'")
        self.run("CREATE TABLE db.seen (id INT, name VARCHAR(50))")
        granted = (
            "SELECT, INSERT ON ALL TABLES IN DATABASE db"
            if compat is Compat.STARROCKS
            else "SELECT_PRIV, LOAD_PRIV ON db.*"
        )
        self.run(f"GRANT {granted} TO {'USER ' if compat is Compat.STARROCKS else ''}{USER}")

    def run(self, text: str) -> list:
        (result,) = self.coordinator.service.execute(self.session, text)
        return list(getattr(result, "rows", ()))

    def table(self) -> str:
        """A fresh one."""
        self.number += 1
        self.run(f"CREATE TABLE db.t{self.number} (id INT NOT NULL, name VARCHAR(50))")
        return f"t{self.number}"

    def count(self, table: str) -> int:
        return self.run(f"SELECT count(*) FROM db.{table}")[0][0]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/api/{path}"

    def direct(self, path: str) -> str:
        return f"http://127.0.0.1:{self.backend_port}/api/{path}"


@pytest.fixture(scope="module")
def starrocks(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("starrocks"), Compat.STARROCKS)
    yield service
    service.coordinator.stop()


@pytest.fixture(scope="module")
def doris(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("doris"), Compat.DORIS)
    yield service
    service.coordinator.stop()


@pytest.fixture(params=Compat)
def service(request, starrocks, doris):
    return doris if request.param is Compat.DORIS else starrocks


@pytest.fixture
def file(tmp_path):
    written = tmp_path / "rows.csv"
    written.write_bytes(ROWS)
    return str(written)


def curl(*arguments: str, content: bytes | None = None) -> dict:
    command = [CURL, "-sS", "--location-trusted", "-u", f"{USER}:{PASSWORD}", *arguments]
    done = subprocess.run(command, input=content, capture_output=True, timeout=60, check=True)
    return json.loads(done.stdout)


CSV = ("-H", "column_separator:,")
WAIT = ("-H", "Expect:100-continue")


@needs_curl
@pytest.mark.parametrize(
    "how",
    [
        ("-T", "{file}"),
        ("-XPUT", "-T", "{file}"),
        ("-XPUT", "--data-binary", "@{file}"),
        ("-H", "Transfer-Encoding: chunked", "-T", "{file}"),
    ],
)
def test_curl_as_in_the_manuals(service, file, how):
    """Both: through the redirect, sized and chunked, with a label; the answer tells rows and bytes."""
    table = service.table()
    arguments = [word.replace("{file}", file) for word in how]
    answer = curl(*WAIT, *CSV, "-H", f"label:{table}", *arguments, service.url(f"db/{table}/_stream_load"))
    assert (answer["Status"], answer["Message"], answer["Label"]) == ("Success", "OK", table)
    assert (answer["NumberLoadedRows"], answer["LoadBytes"]) == (50_000, len(ROWS))
    assert service.count(table) == 50_000


@needs_curl
def test_curl_from_a_pipe_in_one_request_to_the_backend(service):
    """Both: a body of unknown length, straight to the backend, where nobody asks for Expect."""
    table = service.table()
    answer = curl(*CSV, "-H", "Expect:", "-T", "-", service.direct(f"db/{table}/_stream_load"), content=ROWS)
    assert answer["NumberLoadedRows"] == 50_000


@needs_curl
def test_the_same_label_again(service, file):
    """Both: a label that was used is refused, and nothing is loaded twice."""
    table = service.table()
    arguments = (*WAIT, *CSV, "-H", f"label:again-{table}", "-T", file, service.url(f"db/{table}/_stream_load"))
    first, second = curl(*arguments), curl(*arguments)
    assert (second["Status"], second["ExistingJobStatus"]) == ("Label Already Exists", "FINISHED")
    assert f"Label [again-{table}] has already been used" in second["Message"]
    if service.coordinator.service.open_session("root", "x").compat is Compat.DORIS:
        assert f"relate to txn [{first['TxnId']}]" in second["Message"]
    assert service.count(table) == 50_000


@needs_curl
def test_rejected_rows_are_told_by_an_address(service):
    """Both: where a row was filtered ErrorURL is there, and answers GET and HEAD to anyone."""
    table = service.table()
    answer = curl(
        *WAIT,
        *CSV,
        "-H",
        "max_filter_ratio:0.5",
        "-H",
        "strict_mode:true",
        "-T",
        "-",
        service.url(f"db/{table}/_stream_load"),
        content=b"1,a\nx,b\n2,c\n",
    )
    assert (answer["NumberLoadedRows"], answer["NumberFilteredRows"]) == (2, 1)
    assert "x,b" in httpx.get(answer["ErrorURL"]).text
    assert httpx.head(answer["ErrorURL"]).status_code == 200


@needs_curl
@pytest.mark.parametrize(("path", "said"), [("nodb/t", "nodb"), ("db/notable", "notable")])
def test_what_is_not_there(service, path, said):
    """Both: an unknown database or table is said by the backend, as a failure under status 200."""
    answer = json.loads(
        subprocess.run(
            [
                CURL,
                "-sS",
                "--location-trusted",
                "-u",
                "root:",
                *WAIT,
                *CSV,
                "-T",
                "-",
                service.url(f"{path}/_stream_load"),
            ],
            input=b"1,a\n",
            capture_output=True,
            timeout=60,
            check=True,
        ).stdout
    )
    assert answer["Status"] == "Fail"
    assert said in answer["Message"]


class Trusting(requests.Session):
    """What every recipe for requests does: keep the credentials when the front end sends the load on."""

    def rebuild_auth(self, prepared_request, response):
        """Keeps them."""


@pytest.mark.parametrize("headers", [{"Expect": "100-continue"}, {"Expect": "100-continue", "Connection": "close"}])
def test_requests_sends_its_body_at_once(service, headers):
    """requests never waits for 100 Continue: its body meets the redirect, and comes again to the backend."""
    table = service.table()
    with Trusting() as session:
        session.auth = (USER.encode(), PASSWORD.encode())
        url = service.url(f"db/{table}/_stream_load")
        answer = session.put(url, data=ROWS * 4, headers=headers | {"column_separator": ","}, timeout=60)
    assert (answer.json()["Status"], answer.json()["NumberLoadedRows"]) == ("Success", 200_000)
    assert service.count(table) == 200_000


def test_httpx_step_by_step(service):
    """Without a body to the front end, then with it to where that sends us."""
    table = service.table()
    auth = (USER, PASSWORD)
    headers = {"Expect": "100-continue", "column_separator": ",", "label": f"h-{table}"}
    sent_on = httpx.put(service.url(f"db/{table}/_stream_load"), headers=headers, auth=auth)
    assert sent_on.status_code == 307
    where = urlsplit(sent_on.headers["location"])
    answer = httpx.put(
        f"http://{where.hostname}:{where.port}{where.path}",
        headers=headers,
        auth=auth,
        content=(ROWS[at : at + 10_000] for at in range(0, len(ROWS), 10_000)),
        timeout=60,
    )
    assert answer.json()["NumberLoadedRows"] == 50_000


def test_one_connection_loads_again_and_again(service):
    """A kept connection to the backend carries load after load."""
    table = service.table()
    connection = http.client.HTTPConnection("127.0.0.1", service.backend_port, timeout=60)
    credentials = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    for number in range(20):
        headers = {"Authorization": f"Basic {credentials}", "column_separator": ",", "label": f"{table}-{number}"}
        connection.request("PUT", f"/api/db/{table}/_stream_load", body=b"%d,x\n" % number, headers=headers)
        assert json.loads(connection.getresponse().read())["Status"] == "Success"
    connection.close()
    assert service.count(table) == 20


@needs_curl
def test_starrocks_transaction_interface_by_curl(starrocks, file):
    """StarRocks: begin, two loads, prepare, commit through the front end; states on the way; commit again is OK."""
    table = starrocks.table()
    label = ("-H", f"label:{table}", "-H", "db:db", "-H", f"table:{table}", *WAIT)

    def call(operation):
        return curl(*label, "-XPOST", starrocks.url(f"transaction/{operation}"))

    def state():
        return curl(starrocks.url(f"db/get_load_state?label={table}"))["state"]

    assert (call("begin")["Status"], state()) == ("OK", "PREPARE")
    for _ in range(2):
        loaded = curl(*label, *CSV, "-T", file, starrocks.url("transaction/load"))
        assert (loaded["Status"], loaded["LoadBytes"]) == ("OK", len(ROWS))
    prepared = call("prepare")
    assert (prepared["Status"], prepared["NumberLoadedRows"], state()) == ("OK", 100_000, "PREPARED")
    assert starrocks.count(table) == 0
    done, again = call("commit"), call("commit")
    assert (done["Status"], done["Message"], done["TxnId"]) == ("OK", "", prepared["TxnId"])
    assert (again["Status"], again["Message"]) == (
        "OK",
        f"Transaction {done['TxnId']} has already committed, label is {table}",
    )
    assert (state(), starrocks.count(table)) == ("VISIBLE", 100_000)
    assert call("rollback")["Message"].startswith("Can not abort VISIBLE transaction")


@needs_curl
def test_starrocks_transactions_of_several_tables_by_curl(starrocks, file):
    """StarRocks 4.0: one label over two tables, begun and committed at the front end."""
    tables = [starrocks.table(), starrocks.table()]
    label = ("-H", f"label:multi-{tables[0]}", "-H", "db:db", "-H", "transaction_type:multi", *WAIT)
    assert curl(*label, "-XPOST", starrocks.url("transaction/begin")) == {"Status": "OK", "Message": ""}
    for table in tables:
        loaded = curl(*label, *CSV, "-H", f"table:{table}", "-T", file, starrocks.url("transaction/load"))
        assert loaded["Status"] == "OK", loaded
    done = curl(*label, "-XPOST", starrocks.url("transaction/commit"))
    assert (done["Status"], done["Prepared Channel Num"]) == ("OK", 1)
    assert [starrocks.count(table) for table in tables] == [50_000, 50_000]


@needs_curl
@pytest.mark.parametrize(("operation", "rows"), [("commit", 50_000), ("abort", 0)])
def test_doris_two_phases_by_curl(doris, file, operation, rows):
    """Doris: a prepared load is committed or aborted by its number; what it says again is what connectors parse."""
    table = doris.table()
    load = (*WAIT, *CSV, "-H", f"label:{table}", "-H", "two_phase_commit:true", "-T", file)
    first = curl(*load, doris.url(f"db/{table}/_stream_load"))
    assert (first["Status"], first["TwoPhaseCommit"], first["CommitAndPublishTimeMs"]) == ("Success", "true", 0)
    assert doris.count(table) == 0
    clash = curl(*load, doris.url(f"db/{table}/_stream_load"))
    assert clash["ExistingJobStatus"] == "PRECOMMITTED"
    number = first["TxnId"]
    phase = (
        "-XPUT",
        "-H",
        f"txn_id:{number}",
        "-H",
        f"txn_operation:{operation}",
        doris.url(f"db/{table}/_stream_load_2pc"),
    )
    assert curl(*phase) == {"status": "Success", "msg": f"transaction [{number}] {operation} successfully."}
    assert curl(*phase)["msg"].partition(f"transaction [{number}] is already ")[1]
    assert doris.count(table) == rows


def test_schemas_and_counts(starrocks, doris):
    """What the connectors ask before they load."""
    auth = (USER, PASSWORD)
    assert httpx.get(starrocks.url("db/seen/_schema"), auth=auth).json() == {
        "status": 200,
        "properties": [
            {"name": "id", "type": "INT", "comment": ""},
            {"name": "name", "type": "VARCHAR", "comment": ""},
        ],
    }
    assert httpx.get(starrocks.url("db/seen/_count"), auth=auth).json() == {"status": 200, "size": 0}
    missing = httpx.get(starrocks.url("db/none/_schema"), auth=auth)
    assert (missing.status_code, missing.json()["status"]) == (404, 404)
    told = httpx.get(doris.url("db/seen/_schema"), auth=auth).json()
    assert (told["msg"], told["code"], told["data"]["keysType"], told["data"]["status"]) == (
        "success",
        0,
        "DUP_KEYS",
        200,
    )
    assert told["data"]["properties"][0] == {
        "name": "id",
        "type": "INT",
        "comment": "",
        "aggregation_type": "",
        "is_nullable": "Yes",
        "is_key": told["data"]["properties"][0]["is_key"],
        "column_uid": "0",
    }
    assert httpx.get(doris.url("db/none/_schema"), auth=auth).json()["data"]["status"] == 404
    assert httpx.get(doris.url("db/seen/_count"), auth=auth).json()["data"] == {"size": 0, "status": 200}
    assert httpx.get(doris.url("db/seen/_count")).json()["code"] == 401


def test_backends_are_told_as_connectors_read_them(doris):
    """Doris: exactly three keys a backend; the address is the one that loads go to."""
    answer = httpx.get(doris.url("backends?is_alive=true"), auth=(USER, PASSWORD)).json()
    assert answer["data"] == {"backends": [{"ip": "127.0.0.1", "http_port": doris.backend_port, "is_alive": True}]}
    node = httpx.get(
        doris.url("backends").replace("/api/backends", "/rest/v2/manager/node/backends"), auth=("root", "")
    )
    told = node.json()["data"]
    assert told["rows"][0][told["columnNames"].index("HttpPort")] == str(doris.backend_port)


def test_sql_by_http(starrocks, doris):
    """StarRocks: a JSON document a line. Doris: one answer. Both as the user that asks."""
    auth = (USER, PASSWORD)
    text = "SELECT 1 AS a, 'x' AS b, CAST(1.50 AS DECIMAL(10,2)) AS c, NULL AS d"
    lines = httpx.post(starrocks.url("v1/catalogs/default_catalog/databases/db/sql"), json={"query": text}, auth=auth)
    told = [json.loads(line) for line in lines.text.splitlines()]
    assert [next(iter(line)) for line in told] == ["connectionId", "meta", "data", "statistics"]
    assert (told[2]["data"], told[3]["statistics"]["returnRows"]) == ([1, "x", "1.50", None], 1)
    answer = httpx.post(doris.url("query/default_cluster/db"), json={"stmt": text}, auth=auth).json()
    assert answer["data"]["type"] == "result_set"
    assert (answer["data"]["data"], [each["name"] for each in answer["data"]["meta"]]) == (
        [[1, "x", "1.50", None]],
        ["a", "b", "c", "d"],
    )
    refused = httpx.post(doris.url("query/default_cluster/db"), json={"stmt": "DROP TABLE db.seen"}, auth=auth).json()
    assert (refused["code"], doris.count("seen")) == (401, 0)
    for wrong in ("not json", "[]", '{"stmt": 1}', '{"query": ""}', "[" * 100_000):
        assert httpx.post(doris.url("query/internal/db"), content=wrong, auth=auth).json()["msg"] == "Error"
        assert httpx.post(starrocks.url("v1/catalogs/default_catalog/sql"), content=wrong, auth=auth).status_code == 400


def test_names_that_are_no_names(service):
    """Quotes, dots and line ends in a path, encoded, name nothing and break nothing."""
    for name in ("%27%20OR%201=1--", "..", "%2e%2e%2f..", "a%00b", "x%0d%0aSet-Cookie:%20a=b", "%60db%60", "%ff", "😀"):
        for url in (service.url(f"db/{name}/_count"), service.url(f"{name}/seen/_schema")):
            answer = httpx.get(url, auth=("root", ""))
            assert answer.status_code in (200, 400, 401, 404, 405, 500), url
            assert "set-cookie" not in answer.headers
        loaded = httpx.put(service.direct(f"db/{name}/_stream_load"), content=b"1,a", auth=("root", ""))
        assert loaded.status_code == 404 or loaded.json()["Status"] == "Fail"
    assert service.count("seen") == 0
