"""HTTP Basic against the users of the MySQL door: once by the slow hash, then from memory, until the password changes."""

from __future__ import annotations

import asyncio
import base64

import pytest

from routine_load.errors import AccessDenied
from routine_load.server.http import authentication
from routine_load.server.http.authentication import Authenticator, Credentials, NoCredentials
from routine_load.server.mysql import make_verifiers
from routine_load.server.ports import Verifiers

CLIENT = "10.0.0.1:5"


class Users:
    def __init__(self) -> None:
        self.known = {"ann": make_verifiers("apple"), "open": Verifiers()}

    def verifiers(self, user):
        return self.known.get(user)


@pytest.fixture
def checks(monkeypatch):
    """The passwords that went through the slow hash."""
    seen = []
    real = authentication.check_clear

    def check(password, verifiers):
        seen.append(password)
        return real(password, verifiers)

    monkeypatch.setattr(authentication, "check_clear", check)
    return seen


def passes(authenticator, user, password, client=CLIENT):
    async def check():
        try:
            await authenticator.check(Credentials(user, password), client)
        except AccessDenied:
            return False
        return True

    return asyncio.run(check())


@pytest.fixture
def door():
    users = Users()
    authenticator = Authenticator(users)
    yield authenticator, users
    authenticator.close()


def test_a_password_is_hashed_slowly_once(door, checks):
    """The second request of a user needs no slow hash, a wrong password always does."""
    authenticator, _ = door
    assert [passes(authenticator, "ann", word) for word in ("apple", "apple", "pear", "apple")] == [
        True,
        True,
        False,
        True,
    ]
    assert checks == ["apple", "pear"]


def test_a_new_password_ends_the_old_one(door, checks):
    """What was proved is forgotten with the password that it was proved against, or with the user."""
    authenticator, users = door
    assert passes(authenticator, "ann", "apple")
    users.known["ann"] = make_verifiers("pear")
    assert not passes(authenticator, "ann", "apple")
    assert passes(authenticator, "ann", "pear")
    users.known["ann"] = Verifiers()
    assert not passes(authenticator, "ann", "pear")
    del users.known["ann"]
    assert not passes(authenticator, "ann", "pear")
    assert "pear" in checks


@pytest.mark.parametrize("password", ["", "apple"])
def test_an_unknown_user_costs_as_much_as_a_wrong_password(door, checks, password):
    """The slow hash runs against a decoy, and passes nobody."""
    authenticator, _ = door
    assert not passes(authenticator, "nobody", password)
    assert checks == [password]


def test_an_empty_password_is_the_only_one_of_who_has_none(door):
    """A user without a password passes with the empty one alone."""
    authenticator, _ = door
    assert (passes(authenticator, "open", ""), passes(authenticator, "open", "x")) == (True, False)


def test_who_guesses_waits_and_others_do_not(door, monkeypatch):
    """From the fourth wrong password on each costs a wait, for that user and address alone; the right one ends it."""
    authenticator, _ = door
    waits = []

    async def slept(seconds):
        waits.append(seconds)

    for _ in range(3):
        assert not passes(authenticator, "open", "x")
    monkeypatch.setattr(authentication.asyncio, "sleep", slept)
    assert not passes(authenticator, "open", "x")
    assert not passes(authenticator, "open", "x")
    assert waits == [0.25, 0.5]
    assert passes(authenticator, "open", "", "10.0.0.2:5")
    assert waits == [0.25, 0.5]
    assert passes(authenticator, "open", "")
    assert passes(authenticator, "open", "")
    assert waits == [0.25, 0.5, 1.0]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Bearer YTpi",
        "Basic YQ==",
        "Basic OnB3",
        "Basic YT pi",
        "Digest YTpi",
        "Basic ä",
    ],
)
def test_what_are_no_credentials(header):
    """Anything but Basic with a name, a colon and clean base64 is refused before anybody is looked up."""
    with pytest.raises(NoCredentials, match="no valid Basic authorization"):
        Credentials.of(header)


@pytest.mark.parametrize(
    ("clear", "user", "password"),
    [(b"a:b:c", "a", "b:c"), (b"a:", "a", ""), ("ü:ö".encode(), "ü", "ö"), ("ü:ö".encode("latin-1"), "ü", "ö")],
)
def test_credentials_as_clients_write_them(clear, user, password):
    """A password may have colons; texts are UTF-8, or else Latin-1. A repr shows no password."""
    found = Credentials.of("basic " + base64.b64encode(clear).decode())
    assert found == Credentials(user, password)
    assert password == "" or password not in repr(found)


def test_a_name_in_a_message_is_printable():
    """What a client calls itself cannot break a line."""
    assert Credentials("a\r\nb\x1b" + "c" * 200, "").shown == "a??b?" + "c" * 75
