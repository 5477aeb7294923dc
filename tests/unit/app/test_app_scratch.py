"""A backend's own directory: gone with it, and with the next one where it was killed."""

from __future__ import annotations

import tempfile

import pytest

from routine_load.app.scratch import scratch


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_directory_is_its_owners_alone_and_ends_with_it(place):
    """What is in it may be a password."""
    with scratch("rl-") as folder:
        assert folder.parent == place
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "file").write_text("x")
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next_and_what_is_used_is_not(place):
    """The lock tells, which ends with its process."""
    left = place / "rl-left"
    left.mkdir()
    (left / "in-use").touch()
    (left / "batch").touch()
    begins, other = place / "rl-begins", place / "others"
    for each in (begins, other):
        each.mkdir()
    with scratch("rl-") as first, scratch("rl-") as second:
        assert not left.exists()
        assert first.exists()
        assert second.exists()
        assert begins.exists()  # it has no lock yet
        assert other.exists()
