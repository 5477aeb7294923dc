"""Seeded plays of leadership: deaths, pauses, lost answers, cut lines and clocks that jump; one leads in the end.

A seed that fails tells the command that plays it again (``make sim PLAY=seed/lease/17``).
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from routine_load.scheduler.leadership import Leadership
from tests.sim import lease_play
from tests.sim.lease_play import TAKE_OVER_S, Company, Database
from tests.sim.sim_stage import Violation

SEEDS = max(60, int(os.environ.get("RL_SIM_SEEDS", "800")) // 8)


def play(seed: int) -> Company:
    try:
        return lease_play.play(seed)
    except BaseException as failure:
        failure.add_note(f"make sim PLAY=seed/lease/{seed}")
        raise


def test_whatever_happens_no_old_leader_writes_and_one_leads_in_the_end():
    """Two trust the lease at a time only where the database's clock was moved; then the epoch keeps them apart."""
    faults: Counter[str] = Counter()
    terms = refused = 0
    for seed in range(SEEDS):
        company = play(seed)
        faults += company.faults
        terms += len(set(company.database.written))
        refused += company.database.refused
    print(f"{SEEDS} seeds, {dict(faults)}: {terms} terms, {refused} writes of old leaders were refused")
    assert set(faults) == {"kill", "pause", "cut off", "resign", "jump"}
    assert terms > SEEDS
    assert refused > 0


@pytest.mark.parametrize("seed", range(12))
def test_a_leader_that_dies_is_followed_by_another_within_its_lease_and_five_seconds(seed):
    """Whenever it dies; by the clock of the story."""
    company = Company(seed, chaos=False)
    for _ in range(2):
        company.join().start()
    try:
        company.run(20 + seed)
        (first,) = company.leaders
        first.kill()
        company.run(company.time + 60, lambda: bool(company.leaders))
        assert company.time - 20 - seed < TAKE_OVER_S
    finally:
        for member in company.members:
            member.close()


def trusts_for_ever(patch) -> None:
    """A lease that could not be renewed is believed in."""
    patch.setattr(Leadership, "_trust_from", lambda self, asked_at: setattr(self, "_trusted_until", asked_at + 1e6))


def trusts_from_the_answer(patch) -> None:
    """Not from the question: an answer that comes late is taken for a fresh one."""

    def trust_from(self, asked_at):
        self._trusted_until = self._clock.monotonic() + self._timing.ttl_s

    patch.setattr(Leadership, "_trust_from", trust_from)


def everybody_writes(patch) -> None:
    """Whatever the epoch."""
    patch.setattr(Database, "is_fenced", lambda self, epoch: False)


def nobody_asks_again(patch) -> None:
    """Who has lost the lease once follows for ever."""
    real = Leadership._look

    async def look(self):
        return 1e9 if getattr(self._duties, "terms", None) else await real(self)

    patch.setattr(Leadership, "_look", look)


@pytest.mark.parametrize("twin", [trusts_for_ever, trusts_from_the_answer, everybody_writes, nobody_asks_again])
def test_a_broken_twin_is_found(monkeypatch, twin):
    """Within a few dozen seeds."""
    twin(monkeypatch)
    for seed in range(SEEDS):
        try:
            play(seed)
        except Violation as found:
            print(f"{twin.__name__}: seed {seed}: {found}")
            return
    pytest.fail(f"{twin.__name__} was not noticed in {SEEDS} seeds")
