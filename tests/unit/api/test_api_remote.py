"""Errors that come over the wire are the errors of the tree."""

from __future__ import annotations

import pytest

import routine_load
from routine_load import errors
from routine_load.api.failures import Refusal, is_shared, rebuilt
from routine_load.errors import (
    AccessDenied,
    AnalysisError,
    ConnectionLost,
    ExecutionError,
    JobExists,
    Position,
    PropertyError,
    RoutineLoadError,
    StatementSyntaxError,
    UnknownTable,
)
from routine_load.ids import Compat

CLASSES = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, RoutineLoadError)]


@pytest.mark.parametrize("compat", Compat)
@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_comes_back_whole(kind, compat):
    """What our service sends and keeps of an error is enough to raise it again: class, number, state, place, text."""
    sent = kind("near 'X': it's \"odd\"\n. Detail")
    sent.position = Position(3, 14) if is_shared(sent.number(compat)) else None
    packet = Refusal(errno=sent.number(compat), sqlstate=sent.sqlstate, text=sent.framed(compat))
    got = rebuilt(packet, sent.described(compat) if is_shared(packet.errno) else "")
    assert type(got) is kind
    assert (got.message, got.position, got.errno, got.sqlstate) == (
        sent.message,
        sent.position,
        sent.number(compat),
        sent.sqlstate,
    )


@pytest.mark.parametrize(
    ("errno", "text", "kind", "message", "position"),
    [
        (5502, "Unknown table 't'", UnknownTable, "Unknown table 't'", None),
        (1051, "errCode = 2, detailMessage = Unknown table 't'", UnknownTable, "Unknown table 't'", None),
        (1045, "Access denied", AccessDenied, "Access denied", None),
        (
            *(1064, "Getting syntax error at line 2, column 7. Detail message: near 'x'.", StatementSyntaxError),
            *("near 'x'", Position(2, 7)),
        ),
        (1064, "Getting analyzing error. Detail message: no column.", AnalysisError, "no column", None),
        (
            *(
                1064,
                "Getting analyzing error from line 1, column 4 to line 1, column 9. Detail message: no.",
                AnalysisError,
            ),
            *("no", Position(1, 4)),
        ),
        (1105, "errCode = 2, detailMessage = busy", ExecutionError, "busy", None),
        (
            *(1105, "errCode = 2, detailMessage = near 'x' at line 3, column 1: expected FROM", ExecutionError),
            *("near 'x' at line 3, column 1: expected FROM", Position(3, 1)),
        ),
        (1064, "busy", ExecutionError, "busy", None),
    ],
)
def test_a_real_front_end_is_understood_by_number_and_frame(errno, text, kind, message, position):
    """StarRocks, Doris: error packets; without our own service's help the frame tells class and place."""
    error = rebuilt(Refusal(errno=errno, sqlstate=None, text=text))
    assert type(error) is kind
    assert (error.message, error.position, error.errno) == (message, position, errno)


def test_what_was_kept_of_another_failure_is_not_believed():
    """The class that the session remembers counts only for the very text that came."""
    error = rebuilt(Refusal(errno=1064, sqlstate="HY000", text="busy"), JobExists("other").described(Compat.STARROCKS))
    assert type(error) is ExecutionError


@pytest.mark.parametrize("kept", ["{", "[]", "7", '{"text": "busy", "class": "Unheard", "message": "", "place": null}'])
def test_what_was_kept_may_be_anything(kept):
    """A newer service, or another product, may keep something else: number and frame are enough then."""
    assert type(rebuilt(Refusal(errno=1064, sqlstate=None, text="busy"), kept)) is ExecutionError


def test_a_place_is_shown_once():
    """Where an error is shown to people, its place stands behind the message, unless the message says it."""
    assert StatementSyntaxError("near 'x'", position=Position(2, 1)).place == " (line 2, column 1)"
    assert StatementSyntaxError("near 'x' at line 2, column 1", position=Position(2, 1)).place == ""
    assert StatementSyntaxError("near 'x'").place == ""


def test_nobody_there_is_our_error():
    """A refused connection is a ConnectionLost with the client's own number and text."""
    with pytest.raises(ConnectionLost, match="Can't connect") as caught:
        routine_load.connect(url="mysql://127.0.0.1:1")
    assert caught.value.errno == 2003


def test_a_url_takes_no_settings():
    """Settings belong to a coordinator of one's own."""
    with pytest.raises(PropertyError, match="path, backends: not allowed with url"):
        routine_load.connect("data", url="mysql://127.0.0.1", backends=2)
