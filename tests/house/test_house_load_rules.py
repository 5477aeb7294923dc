"""Every rule of what a row becomes has its proof, and no proof is of nothing."""

from __future__ import annotations

import pytest

from tests.support.load_rules import (
    GOLDEN,
    ROOT,
    RUNNERS,
    Proof,
    Rule,
    case_proofs,
    faults_of_rules,
    named_tests,
    rules,
    skipping_fixtures,
    undocumented,
    unproved,
    why_skipped,
)

TESTS = [f"tests/golden/{test}" for tests in RUNNERS.values() for test in tests]
TESTS += [proof.place for proof in named_tests()]


def test_every_rule_is_ticked_off():
    """A rule without a case, in a mode that it holds in, and a case that names an unknown rule are both found."""
    assert unproved(rules(), [*case_proofs(), *named_tests()]) == []


def test_rules_are_sentences_with_ids_of_their_own():
    """Vendor, topic and name; once."""
    assert faults_of_rules(rules()) == []
    assert all("../" not in path.read_text() for path in (GOLDEN / "rules").iterdir())


def test_what_is_done_in_another_way_stands_in_the_page_of_differences():
    """A rule that is not followed quotes the row that says so."""
    assert (
        undocumented([rule for rule in rules() if rule.differs], (ROOT / "docs" / "differences.md").read_text()) == []
    )


def test_no_proof_is_skipped():
    """Each test that proves a rule, or runs the cases, is there and runs wherever the tests run."""
    fixtures, skipped = skipping_fixtures(), {}
    for place in TESTS:
        path, _, name = place.partition("::")
        if why := why_skipped((ROOT / path).read_text(), name, fixtures):
            skipped[place] = why
    assert skipped == {}


RULE = Rule("both.csv.null", "A backslash and N are NULL.")


@pytest.mark.parametrize(
    ("proofs", "fault"),
    [
        ([], "nothing proves it in starrocks mode"),
        ([Proof("a", frozenset({"starrocks"}), (RULE.id,))], "nothing proves it in doris mode"),
        ([Proof("a", frozenset(), (RULE.id,))], "nothing proves it in doris mode"),
        ([Proof("a", frozenset(), ("both.csv.nil",))], "a proves both.csv.nil, which is no rule"),
        ([Proof("a", frozenset(), (RULE.id, RULE.id))], "a names a rule twice"),
    ],
)
def test_the_ticks_are_not_blind(proofs, fault):
    """A book with a fault is told from one without."""
    assert any(fault in told for told in unproved([RULE], proofs))
    assert unproved([RULE], [Proof("a", frozenset({"starrocks", "doris"}), (RULE.id,))]) == []


def test_faults_of_rules_are_seen():
    """Ids that are none, ids that are there twice, words that are no sentence; deviations that no page has."""
    assert faults_of_rules([RULE]) == []
    assert len(faults_of_rules([RULE, RULE])) == 1
    assert len(faults_of_rules([Rule("csv.null", "NULL")])) == 2
    assert undocumented([Rule("a", "b", "both: x")], "\n| both: y |") == ["a: no row begins with both: x"]


@pytest.mark.parametrize(
    "source",
    [
        "def test_other(): ...",
        "@pytest.mark.skip\ndef test_it(): ...",
        "@pytest.mark.skipif(True, reason='x')\ndef test_it(): ...",
        "@pytest.mark.kafka\ndef test_it(): ...",
        "pytestmark = pytest.mark.skip\ndef test_it(): ...",
        "def test_it():\n    pytest.skip('x')",
        "@pytest.fixture\ndef server():\n    pytest.skip('x')\ndef test_it(server): ...",
        "def test_it(apache_kafka): ...",
    ],
)
def test_a_skipped_test_is_seen(source):
    """Whatever keeps it from running; and a test that runs is no skipped one."""
    assert why_skipped(source, "test_it", skipping_fixtures())
    assert not why_skipped("def test_it(broker): ...", "test_it", skipping_fixtures())
