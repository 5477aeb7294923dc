"""What a coordinator hears of others: only what they sealed, only once, and only while it leads."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from routine_load.app.company import Receiver
from routine_load.errors import LeadershipLost
from routine_load.ids import Compat
from routine_load.sql.results import Ok
from routine_load.statements.ports import Session
from routine_load.store import SecretBox

BOX = SecretBox.ephemeral()
ROWS = "0f" * 16


class Service:
    """Notes what was run, and as whom."""

    def __init__(self):
        self.ran, self.fails = [], None

    def open_session(self, user, client, compat):
        return Session(user=user, client=client, compat=compat)

    def execute(self, session, text):
        if self.fails:
            raise self.fails
        self.ran.append((session.user, session.database, session.is_relayed, text))
        return [Ok(1)]

    def close_session(self, session):
        pass


@pytest.fixture
def leader():
    leadership = SimpleNamespace(leads=True, epoch=7)
    return Receiver(me="me", box=BOX, leadership=leadership, service=Service(), error_lines=error_lines)


def error_lines(opaque_id):
    if opaque_id != ROWS:
        raise FileNotFoundError(opaque_id)
    return iter(["one", "two"])


def message(number=1, *, to="me", epoch=7, sender="other", box=BOX):
    head = {"from": sender, "number": number, "to": to, "epoch": epoch}
    session = {
        "user": "u",
        "compat": Compat.STARROCKS.value,
        "client": "127.0.0.1:1",
        "database": "d",
        "variables": {},
        "timezone": "UTC",
    }
    body = {"head": head, "session": session, "text": "PAUSE ROUTINE LOAD FOR j"}
    return box.seal(json.dumps(head)), box.seal(json.dumps(body)).encode()


def opened(answer):
    return json.loads(BOX.unseal(answer.decode()))


def test_a_message_is_run_as_the_user_whom_the_follower_knows(leader):
    """And is passed on no further."""
    assert opened(leader.answer(*message()))["result"]["affected"] == 1
    assert leader.service.ran == [("u", "d", True, "PAUSE ROUTINE LOAD FOR j")]


def test_a_message_is_heard_once(leader):
    """Whoever records it and sends it again is refused; later ones are heard, in whatever order they come."""
    first = message(5)
    assert leader.answer(*first) is not None
    assert leader.answer(*first) is None
    assert leader.answer(*message(7)) is not None
    assert leader.answer(*message(6)) is not None
    assert leader.answer(*message(100_000)) is not None
    assert leader.answer(*message(8)) is None  # too old to be known as new
    assert leader.answer(*message(8, sender="another")) is not None
    assert len(leader.service.ran) == 5


def test_what_nobody_of_us_sealed_is_not_heard(leader):
    """Neither another secret, nor a changed byte, nor the head of one message with the body of another."""
    stranger = message(box=SecretBox.ephemeral())
    assert not leader.is_ours(stranger[0])
    assert leader.is_ours(message()[0])
    assert not leader.is_ours("")
    assert leader.answer(*stranger) is None
    token, body = message(1)
    assert leader.answer(token, message(2)[1]) is None
    assert leader.answer(token, body[:-8] + b"AAAAAAA=") is None
    assert leader.service.ran == []


@pytest.mark.parametrize("wrong", [{"to": "somebody"}, {"epoch": 6}, {"epoch": 8}])
def test_what_was_meant_for_another_term_is_refused(leader, wrong):
    """The sender is told, and looks for the leader of now."""
    assert "does not lead" in opened(leader.answer(*message(**wrong)))["refused"]
    assert leader.service.ran == []


def test_who_does_not_lead_any_more_says_so(leader):
    """Also where that is found out in the middle: then nothing was changed."""
    leader.service.fails = LeadershipLost()
    assert "refused" in opened(leader.answer(*message(1)))
    leader.leadership.leads = False
    assert "refused" in opened(leader.answer(*message(2)))


@pytest.mark.parametrize(
    ("asked", "told"),
    [(ROWS, {"lines": ["one", "two"]}), ("1" * 32, {"none": True}), ("../../x", {"none": True}), (7, {"none": True})],
)
def test_rejected_rows_are_told_by_whoever_has_them(leader, asked, told):
    """Leading or not; only what is the id of a file is looked for."""
    leader.leadership.leads = False
    head = {"from": "other", "number": 1, "to": "me", "epoch": -1}
    body = BOX.seal(json.dumps({"head": head, "error_log": asked})).encode()
    answer = opened(leader.answer(BOX.seal(json.dumps(head)), body))
    assert told.items() <= answer.items()


def test_numbers_that_were_heard_are_not_kept_for_ever(leader):
    """Senders come and go; each is known by its newest numbers."""
    for number in range(1, 10_000):
        assert leader._is_new({"from": "busy", "number": number})
    for sender in range(1100):
        leader._is_new({"from": f"s{sender}", "number": 1})
    assert len(leader._seen) == 1000
    assert all(len(heard) <= 8192 for _, heard in leader._seen.values())
