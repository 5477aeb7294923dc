"""A follower and its leader: what is waited for, and what is asked again, where the leader stands still."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from routine_load.app.company import Companions
from routine_load.clock import SystemClock
from routine_load.errors import LeaderUnknown, MetadataUnavailable
from routine_load.ids import Compat
from routine_load.statements.ports import Session
from routine_load.store import SecretBox
from routine_load.store.coordinators import Member
from routine_load.store.lease import Standing

TEXT = "SHOW ROUTINE LOAD"


class Lease:
    """How it stands, answer by answer; the last one for good."""

    def __init__(self, *standings):
        self.standings = list(standings)

    def standing(self):
        found = self.standings.pop(0) if len(self.standings) > 1 else self.standings[0]
        if isinstance(found, Exception):
            raise found
        return found() if callable(found) else found


@pytest.fixture
def still():
    """A leader that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def follower(leader, lease, catch_up=lambda: None):
    port = leader.getsockname()[1]
    member = Member(id="old", host="127.0.0.1", query_port=1, http_port=port, version="1", target="t", started_at_ms=0)
    return Companions(
        me=SimpleNamespace(id="me", lease=lease, ttl_s=0.15),
        box=SecretBox.ephemeral(),
        store=SimpleNamespace(coordinators=SimpleNamespace(all=lambda: [SimpleNamespace(member=member)])),
        leadership=SimpleNamespace(leads=False, epoch=None),
        clock=SystemClock(),
        catch_up=catch_up,
    )


def session():
    return Session(user="u", compat=Compat.STARROCKS)


OLD, MINE = Standing("old", 1, 1.0), Standing("me", 2, 1.0)


def taking_over(lease):
    """This one has the lease by the third answer, and leads."""
    company = None

    def gained():
        company.leadership.leads, company.leadership.epoch = True, 2
        return MINE

    def of(leader):
        nonlocal company
        company = follower(leader, lease)
        return company

    lease.standings = [OLD, OLD, gained]
    return of


def test_who_looks_waits_for_a_leader_that_stands_still_only_while_it_leads(still):
    """The next one answers; here that is who was asked."""
    assert taking_over(Lease())(still).ask(session(), TEXT, patient=False) is None


def test_a_change_that_the_leader_may_have_made_is_asked_for_once(still):
    """The client is told that it has to look, as soon as another one leads."""
    with pytest.raises(LeaderUnknown, match=r"another one leads by now.*to be looked up"):
        taking_over(Lease())(still).ask(session(), "STOP ROUTINE LOAD FOR j", patient=True)


def test_who_does_not_know_whether_the_leader_leads_waits(still):
    """The metadata may be away for a moment."""
    lease = Lease()
    of = taking_over(lease)
    lease.standings.insert(1, MetadataUnavailable("away"))
    assert of(still).ask(session(), TEXT, patient=False) is None
    assert lease.standings[0]() == MINE


def test_who_leads_no_more_and_has_not_seen_it_yet_asks_who_does(still):
    """It was refused a write, and its own lease is another's."""
    company = follower(still, Lease(OLD))
    company.leadership.leads, company.leadership.epoch = True, 0
    still.close()
    asked = []
    company.me.lease.standings = [OLD, lambda: asked.append(1) or _leading_again(company)]
    assert company.ask(session(), TEXT, patient=True) is None
    assert asked


def _leading_again(company):
    company.leadership.epoch = 2
    return MINE


def test_a_change_that_was_made_is_answered_so(still):
    """Though what else changed cannot be read just now."""

    def away():
        raise MetadataUnavailable("away")

    follower(still, Lease(OLD), catch_up=away).changed()
