"""Who guesses passwords waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from routine_load.server.mysql.throttle import FORGOTTEN_AFTER_S, FREE, LONGEST_S, Throttle


@dataclass
class Hand:
    """A clock that is moved by hand."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


def test_wrong_passwords_in_a_row_wait_longer_and_longer() -> None:
    """The first few are free; then each doubles the wait, up to a bound that no handshake runs into."""
    throttle = Throttle(Hand())
    waits = []
    for port in range(FREE + 6):
        waits.append(throttle.wait_s("root", f"10.0.0.1:{port}"))
        throttle.failed("root", f"10.0.0.1:{port}")
    assert waits == [0.0, 0.0, 0.0, 0.25, 0.5, 1.0, 2.0, 4.0, LONGEST_S]


def test_a_guesser_slows_down_neither_other_users_nor_other_addresses() -> None:
    """The right password, or some minutes of silence, clear the account."""
    clock = Hand()
    throttle = Throttle(clock)
    for _ in range(10):
        throttle.failed("root", "10.0.0.1:1")
    assert throttle.wait_s("root", "10.0.0.2:1") == throttle.wait_s("ann", "10.0.0.1:1") == 0.0
    clock.seconds = FORGOTTEN_AFTER_S + 1
    assert throttle.wait_s("root", "10.0.0.1:1") == 0.0
    for _ in range(10):
        throttle.failed("root", "10.0.0.1:1")
    assert throttle.wait_s("root", "10.0.0.1:1") > 0
    throttle.passed("root", "10.0.0.1:9")
    assert throttle.wait_s("root", "10.0.0.1:1") == 0.0


def test_what_is_remembered_of_guessers_is_bounded() -> None:
    """A flood of invented users takes no memory."""
    throttle = Throttle(Hand())
    for i in range(10_000):
        throttle.failed(f"user{i}" * 100, "10.0.0.1:1")
    assert len(throttle._failures) == 4096
