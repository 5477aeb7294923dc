"""Compiled loads go round: checked once, reused while sound, bounded in number."""

from __future__ import annotations

import pytest

from routine_load.errors import AnalysisError
from routine_load.ids import Compat, TableRef
from routine_load.loads.kept import KeptCompiler
from routine_load.loads.values import LoadSpec
from routine_load.sql.schema import Column, ColumnType, Table, TypeName

SPEC = LoadSpec(compat=Compat.STARROCKS)


def table(name: str = "t") -> Table:
    return Table(ref=TableRef("d", name), columns=(Column(name="a", type=ColumnType(name=TypeName.INT)),))


class Part:
    def __init__(self, log):
        self.log = log
        self.fails = False
        log.append("made")

    def prepare(self, payloads):
        pass

    def decode(self, payloads):
        if self.fails:
            raise AnalysisError("broken")
        return payloads

    transform = decode

    def close(self):
        self.log.append("closed")


class Plain:
    def __init__(self):
        self.checks = 0
        self.log = []
        self.parts = []
        self.refuses = False

    def check(self, spec, table):
        self.checks += 1
        if self.refuses:
            raise AnalysisError("no")

    def decoder(self, spec, table):
        self.parts.append(Part(self.log))
        return self.parts[-1]

    transformer = decoder


def test_what_passed_a_check_passes_again_and_what_failed_is_asked_again():
    """A table that was altered is another table."""
    plain = Plain()
    kept = KeptCompiler(plain)
    kept.check(SPEC, table())
    kept.check(SPEC, table())
    assert plain.checks == 1
    kept.check(SPEC, table("u"))
    assert plain.checks == 2
    plain.refuses = True
    for _ in range(2):
        with pytest.raises(AnalysisError):
            kept.check(SPEC, table("v"))
    assert plain.checks == 4


def test_a_part_that_was_given_back_serves_the_next_task():
    """Two tasks at the same time have one each."""
    plain = Plain()
    kept = KeptCompiler(plain)
    first, second = kept.decoder(SPEC, table()), kept.decoder(SPEC, table())
    assert len(plain.parts) == 2
    first.decode([])
    first.close()
    second.close()
    kept.decoder(SPEC, table()).decode([])
    assert len(plain.parts) == 2
    kept.decoder(SPEC, table("u"))
    assert len(plain.parts) == 3


def test_a_part_that_failed_is_closed_and_not_kept():
    """Whatever state it is in, nobody else gets it."""
    plain = Plain()
    kept = KeptCompiler(plain)
    transformer = kept.transformer(SPEC, table())
    plain.parts[0].fails = True
    with pytest.raises(AnalysisError):
        transformer.transform([])
    transformer.close()
    assert plain.log == ["made", "closed"]
    kept.transformer(SPEC, table())
    assert plain.log == ["made", "closed", "made"]


def test_the_number_kept_is_bounded_and_close_leaves_none():
    """The one that was put back first goes first."""
    plain = Plain()
    kept = KeptCompiler(plain, idle_max=2)
    loans = [kept.decoder(SPEC, table(name)) for name in "abc"]
    for loan in loans:
        loan.close()
    assert plain.log.count("closed") == 1
    kept.decoder(SPEC, table("a"))
    assert len(plain.parts) == 4
    kept.close()
    assert plain.log.count("closed") == 3


def test_definitions_that_are_used_no_more_leave_nothing_behind():
    """A job that is altered again and again: what is kept is bounded, whatever the definitions were."""
    kept = KeptCompiler(Plain(), idle_max=2)
    for number in range(50):
        kept.decoder(SPEC, table(f"t{number}")).close()
    assert len(kept._decoders._idle) == 2
    kept.decoder(SPEC, table("t49"))
    assert len(kept._decoders._idle) == 1
