"""How answers are written: JSON in the layout of the part that answers, keys in the vendor's order.

A front end writes JSON on one line, a backend on several (StarRocks: RapidJSON's pretty writer; Doris: the same and a
newline). Control characters are escaped by JSON itself, so that nothing a client sent can leave its string. Refuses to
know what is answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.responses import Response

from routine_load.ids import Compat

SAFE: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
CLOSE: Final = {"Connection": "close"}
NOT_HERE: Final = "Not implemented"

Fields = Mapping[str, object]


def of_frontend(fields: Fields, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """One line, as the front ends write it."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return _json(text, status, headers)


def of_backend(fields: Fields, compat: Compat) -> Response:
    """Several lines, as the backends write it, under status 200 whatever it says."""
    text = json.dumps(fields, ensure_ascii=False, indent=4)
    return _json(text + "\n" if compat is Compat.DORIS else text, 200, None)


def of_rows(rows: Sequence[Fields]) -> Response:
    """StarRocks: rows without anything around them."""
    return _json(json.dumps(rows, ensure_ascii=False, separators=(",", ":")), 200, None)


def starrocks_ok(more: Fields | None = None) -> Response:
    """StarRocks: the generic success of its REST layer; ``code`` is a text."""
    return of_frontend({"status": "OK", "code": "0", "msg": "Success", "message": "OK"} | dict(more or {}))


def starrocks_failed(message: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """StarRocks: the generic failure of its REST layer, with lower-case keys."""
    fields = {"status": "FAILED", "code": "1", "msg": message, "message": message}
    return of_frontend(fields, status, headers)


def starrocks_unauthorized(message: str) -> Response:
    """StarRocks: bad credentials, or a missing privilege, at the front end."""
    return starrocks_failed(message, 401, {"WWW-Authenticate": 'Basic realm=""', **CLOSE})


def starrocks_load_failed(message: str, kind: str = "DdlException") -> Response:
    """StarRocks: load and transaction actions of the front end, with capital keys and the name of a Java class."""
    return of_frontend({"Status": "FAILED", "Message": f"class com.starrocks.common.{kind}: {message}"}, headers=CLOSE)


def doris_ok(data: object, *, count: int = 0) -> Response:
    """Doris: the envelope of its REST layer; ``code`` is a number."""
    return of_frontend({"msg": "success", "code": 0, "data": data, "count": count})


def doris_error(data: object) -> Response:
    return of_frontend({"msg": "Error", "code": 1, "data": data, "count": 0})


def doris_bad_request(data: object) -> Response:
    return of_frontend({"msg": "Bad Request", "code": 403, "data": data, "count": 0})


def doris_not_found(data: object) -> Response:
    return of_frontend({"msg": "Not Found", "code": 404, "data": data, "count": 0}, headers=CLOSE)


def doris_unauthorized(message: str) -> Response:
    """Doris: under status 200, and without a challenge."""
    return of_frontend({"msg": "Unauthorized", "code": 401, "data": message, "count": 0}, headers=CLOSE)


def doris_load_failed(message: str) -> Response:
    """Doris: the load action of the front end (RestBaseResult)."""
    return of_frontend({"status": "FAILED", "msg": message}, headers=CLOSE)


def _json(text: str, status: int, headers: Mapping[str, str] | None) -> Response:
    content = text.encode(errors="replace")
    return Response(content, status, SAFE | dict(headers or {}), media_type="application/json")
