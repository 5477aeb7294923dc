"""Every rule of scheduling has its proof, and no proof is of nothing."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.load_rules import ROOT, skipping_fixtures, why_skipped

BOOK = ROOT / "tests" / "unit" / "scheduler" / "scheduling.rules"
ID = re.compile(r"(starrocks|doris|ours)\.[a-z-]+(\.[a-z0-9-]+)?")
SENTENCE = re.compile(r"\S.*\.")


@cache
def files() -> dict[str, Path]:
    """Tests by the names of their files, which are unique."""
    return {path.name: path for path in (ROOT / "tests").rglob("test_*.py")}


@cache
def may_skip() -> frozenset[str]:
    return skipping_fixtures()


def lines() -> list[str]:
    return [line for line in BOOK.read_text().splitlines() if line and not line.startswith("#")]


def fault_of(line: str, page: str, skipping: frozenset[str]) -> str:
    """What is wrong with a line; empty where each of its proofs is there and runs."""
    parts = line.split(" | ")
    if len(parts) != 3 or not ID.fullmatch(parts[0]) or not SENTENCE.fullmatch(parts[1]):
        return "it is no `id | sentence. | proofs`"
    proofs = [proof.strip() for proof in parts[2].split(";")]
    faults = [fault for proof in proofs if (fault := fault_of_proof(proof, page, skipping))]
    return "; ".join(faults) if proofs[0] else "nothing proves it"


def fault_of_proof(proof: str, page: str, skipping: frozenset[str]) -> str:
    if proof.startswith("differs "):
        return "" if f"\n| {proof.removeprefix('differs ')}" in page else f"no row of the page begins so: {proof}"
    if " # " in f"{proof} ":
        name, _, words = f"{proof} ".partition(" # ")
        path = ROOT / "tests" / "golden" / name
        headings = [line for line in path.read_text().splitlines() if line.startswith("# ")] if path.exists() else []
        return "" if any(words.strip() in heading for heading in headings) else f"no such case: {proof}"
    name, _, test = proof.partition("::")
    if (path := files().get(f"test_{name}.py")) is None:
        return f"no such file: {proof}"
    why = why_skipped(path.read_text(), f"test_{test}", skipping)
    return f"{proof}: {why}" if why else ""


def test_every_rule_of_scheduling_is_ticked_off():
    """Each line names a test, a golden case, or the row that says what is done here instead."""
    page, skipping = (ROOT / "docs" / "differences.md").read_text(), may_skip()
    faults = {line.split(" | ")[0]: fault for line in lines() if (fault := fault_of(line, page, skipping))}
    assert faults == {}


def test_rules_of_scheduling_have_ids_of_their_own():
    """Each once; both vendors' sections are there in full."""
    ids = [line.split(" | ")[0] for line in lines()]
    assert len(set(ids)) == len(ids)
    assert {id_.split(".")[0] for id_ in ids} == {"starrocks", "doris", "ours"}
    assert len(ids) > 100


@pytest.mark.parametrize(
    "line",
    [
        "starrocks.a.b | A sentence. | ",
        "starrocks.a.b | A sentence.",
        "starrocks.a.b | no sentence | scheduler_rhythm::no_backend_leaves_the_job_to_the_next_round",
        "a.b.c | A sentence. | scheduler_rhythm::no_backend_leaves_the_job_to_the_next_round",
        "doris.a.b | A sentence. | scheduler_rhythm::there_is_no_such_test",
        "doris.a.b | A sentence. | no_such_file::test",
        "doris.a.b | A sentence. | differs there is no such row",
        "doris.a.b | A sentence. | load_served/doris_seen.case # there is no such heading",
        "doris.a.b | A sentence. | kafka_faults::aborted_records_and_markers_are_passed_over_to_the_last_stable_end",
    ],
)
def test_a_rule_without_proof_is_seen(line):
    """Whatever is missing; a test that may be skipped proves nothing."""
    assert fault_of(line, "", may_skip())


def test_the_book_is_where_it_is_looked_for():
    """Beside the tests that it names most."""
    assert BOOK.parent == Path(__file__).resolve().parents[1] / "unit" / "scheduler"
