"""The shared secret: what was not signed with it means nothing, and it is shown nowhere."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from routine_load.backends.codec import MessageError
from routine_load.backends.signing import SharedSecret
from routine_load.errors import PropertyError

MINE, OTHERS = SharedSecret(b"one secret of sixteen"), SharedSecret(b"another one of sixteen")


def test_a_message_is_taken_from_who_has_the_secret():
    """And only as it was: another path, another body, another secret is another message."""
    signature = MINE.signature("/a/1", b"body")
    assert MINE.signed("/a/1", b"body", signature)
    assert not MINE.signed("/a/2", b"body", signature)
    assert not MINE.signed("/a/1", b"bodY", signature)
    assert not OTHERS.signed("/a/1", b"body", signature)
    assert not MINE.signed("/a/1", b"body", "")
    assert not MINE.signed("/a/1", b"body", signature.replace("RL-HMAC-SHA256", "Basic"))
    assert not MINE.signed("/a/1", b"body", "\udcff")


def test_a_body_is_read_only_where_its_digest_was_signed():
    """A stranger's body takes no place, however slowly it comes; the body still has to be the one that was meant."""
    signature = MINE.signature("/a/1", b"body")
    assert MINE.head_signed("/a/1", signature)
    assert not MINE.head_signed("/a/2", signature)
    assert not MINE.head_signed("/a/1", OTHERS.signature("/a/1", b"body"))
    assert not MINE.head_signed("/a/1", signature[:-64] + "0" * 64)
    for noise in ("", "\udcff", "x" * 500):
        assert not MINE.head_signed("/a/1", noise)


def test_what_is_sealed_is_read_by_who_has_the_secret():
    """A task's passwords do not travel in clear."""
    sealed = MINE.sealed(b"sasl.password=x")
    assert b"sasl" not in sealed
    assert MINE.opened(sealed) == b"sasl.password=x"
    with pytest.raises(MessageError):
        OTHERS.opened(sealed)


def test_no_repr_shows_it():
    """Nor can it be looked up in what a debugger prints."""
    assert "secret" not in repr(MINE).lower().replace("sharedsecret", "")


@pytest.mark.parametrize("text", [b"", b"short\n", b" " * 64, b"x" * 5000])
def test_a_secret_that_is_too_short_or_too_long_is_refused(tmp_path, text):
    """The file is named, its content is not."""
    path = tmp_path / "secret"
    path.write_bytes(text)
    with pytest.raises(PropertyError, match=r"allowed: 16 to 4096; openssl rand -hex 32 makes one"):
        SharedSecret.at(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    """As the command line shows it."""
    with pytest.raises(PropertyError, match="cannot be read: No such file or directory"):
        SharedSecret.at(tmp_path / "none")


def test_the_end_of_a_line_is_no_part_of_it(tmp_path):
    """An editor, or echo, puts one there."""
    path = tmp_path / "secret"
    path.write_bytes(b"one secret of sixteen\n")
    assert SharedSecret.at(path).signed("/a", b"", MINE.signature("/a", b""))


@pytest.mark.parametrize(("mode", "warns"), [(0o600, False), (0o640, False), (0o644, True)])
def test_a_secret_that_everybody_may_read_is_warned_of(tmp_path, mode, warns):
    """The log names the file and what is allowed, never what is in it."""
    path = tmp_path / "secret"
    path.write_text("canary of this test, long enough")
    path.chmod(mode)
    with capture_logs() as said:
        SharedSecret.at(path)
    assert [each["event"] for each in said] == ["readable_by_all"] * warns
    assert "canary" not in str(said)
