"""The rules of what a row becomes, and what proves each: the lines of ``tests/golden/rules`` and who names them.

``*.rules`` has one rule a line: ``vendor.topic.name | the rule``, where the vendor is ``starrocks``, ``doris`` or ``both``;
a third part quotes the beginning of that row of docs/differences.md which says what is done here instead. A golden case
says ``## proves id, id``; ``named_tests.txt`` has ``path::test  id, id`` for what no case can say. What is wrong with all of
that is told by pure functions over values, so that the tests can show them a book with faults.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
PROVES = "## proves "
VENDORS = ("starrocks", "doris")
RULE = re.compile(r"(starrocks|doris|both)\.[a-z-]+\.[a-z0-9-]+")
_SERVED = "::test_a_client_is_answered_as_the_case_says"
RUNNERS = {
    "load": ("test_golden_load.py::test_case",),
    "load_served": ("test_golden_load_served.py::test_a_user_sees_what_the_case_says",),
    "stream_load": ("test_golden_stream_load.py::test_a_client_gets_what_the_case_says",),
    "jobs": ("test_golden_budgets.py::test_tasks_spend_the_budget",),
    "statements_served": tuple(f"test_golden_served_{vendor}.py{_SERVED}" for vendor in VENDORS),
}
"""Which tests run the cases of a folder; a case is skipped where its runner may be."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence of a vendor's behaviour."""

    id: str
    text: str
    differs: str = ""

    @property
    def vendors(self) -> tuple[str, ...]:
        """In whose mode it has to be proved."""
        vendor = self.id.partition(".")[0]
        return VENDORS if vendor == "both" else (vendor,)


@dataclass(frozen=True, slots=True)
class Proof:
    """A golden case or a test, the modes that it runs in, and the rules that it says it proves."""

    place: str
    vendors: frozenset[str]
    ids: tuple[str, ...]


def rules() -> list[Rule]:
    """All rules, file by file."""
    lines = [line for path in sorted((GOLDEN / "rules").glob("*.rules")) for line in path.read_text().splitlines()]
    return [Rule(*line.split(" | ")) for line in lines if line and not line.startswith("#")]


def case_proofs() -> Iterator[Proof]:
    """What the golden cases name, block by block."""
    for folder in RUNNERS:
        for path in sorted((GOLDEN / folder).iterdir()):
            if path.suffix in {".case", ".txt"}:
                yield from _blocks_of(path)


def _blocks_of(path: Path) -> Iterator[Proof]:
    began = 1
    for block in path.read_text().split("\n\n"):
        lines = block.split("\n")
        ids = tuple(id_ for line in lines if line.startswith(PROVES) for id_ in line[len(PROVES) :].split(", "))
        if ids:
            yield Proof(f"{path.parent.name}/{path.name}:{began}", _modes_of(path, lines), ids)
        began += len(lines) + 1


def _modes_of(path: Path, lines: list[str]) -> frozenset[str]:
    """Nothing where the block has nothing to run."""
    said = [line for line in lines if line and not line.startswith("#")]
    if path.parent.name == "jobs":
        return frozenset(line.split()[0] for line in said)
    if path.parent.name == "load":
        return frozenset({"doris" if "compat: doris" in said else "starrocks"} if said else ())
    return frozenset({path.stem.partition("_")[0]} if said else ())


def named_tests() -> list[Proof]:
    """The lines of ``named_tests.txt``."""
    lines = (GOLDEN / "rules" / "named_tests.txt").read_text().splitlines()
    pairs = [line.split("  ") for line in lines if line and not line.startswith("#")]
    return [Proof(place, frozenset(VENDORS), tuple(ids.split(", "))) for place, ids in pairs]


def faults_of_rules(book: Iterable[Rule]) -> list[str]:
    """Ids that are none or there twice, and texts that are no sentence."""
    seen, found = set[str](), list[str]()
    for rule in book:
        if not RULE.fullmatch(rule.id):
            found.append(f"{rule.id}: an id is vendor.topic.name")
        if rule.id in seen:
            found.append(f"{rule.id} is there twice")
        if not rule.text.endswith(".") or len(rule.text) < 12:
            found.append(f"{rule.id}: a rule is a sentence")
        seen.add(rule.id)
    return found


def unproved(book: Iterable[Rule], proofs: Iterable[Proof]) -> list[str]:
    """Rules that nothing proves in a mode they hold in, and proofs of what is no rule."""
    book = list(book)
    modes: dict[str, set[str]] = {rule.id: set() for rule in book}
    found = []
    for proof in proofs:
        for id_ in proof.ids:
            if id_ in modes:
                modes[id_] |= proof.vendors
            else:
                found.append(f"{proof.place} proves {id_}, which is no rule")
        if len(set(proof.ids)) < len(proof.ids):
            found.append(f"{proof.place} names a rule twice")
    found += [
        f"{rule.id}: nothing proves it in {v} mode" for rule in book for v in rule.vendors if v not in modes[rule.id]
    ]
    return found


def undocumented(book: Iterable[Rule], page: str) -> list[str]:
    """Deviations that the page of differences has no row for."""
    return [f"{rule.id}: no row begins with {rule.differs}" for rule in book if f"\n| {rule.differs}" not in page]


def why_skipped(source: str, name: str, skipping: frozenset[str] = frozenset()) -> str:
    """Why the test of that name may not run, or that there is none; empty where it always does."""
    tree = ast.parse(source)
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    if name not in defined:
        return "there is no such test"
    test = defined[name]
    marks = [ast.unparse(decorator) for decorator in test.decorator_list]
    marks += [
        ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node)
    ]
    if marked := [mark for mark in marks if re.search(r"\bmark\.(skip|skipif|xfail|kafka|soak)\b", mark)]:
        return f"it is marked {marked[0]}"
    here = skipping | {each for each, node in defined.items() if _skips(node) and _is_fixture(node)}
    wanted = [argument.arg for argument in test.args.args if argument.arg in here]
    if wanted:
        return f"its fixture {wanted[0]} may skip it"
    return "it skips itself" if _skips(test) else ""


def skipping_fixtures() -> frozenset[str]:
    """Fixtures shared by tests that skip where something is not installed, and those that need them."""
    sources = [*ROOT.glob("tests/**/conftest.py"), *ROOT.glob("tests/support/*fixtures.py")]
    nodes = [node for path in sources for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    found = {node.name for node in nodes if _is_fixture(node) and _skips(node)}
    for _ in nodes:
        more = {n.name for n in nodes if _is_fixture(n) and any(argument.arg in found for argument in n.args.args)}
        if more <= found:
            break
        found |= more
    return frozenset(found)


def _is_fixture(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)


def _skips(node: ast.AST) -> bool:
    calls = [ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)]
    return any(call in {"pytest.skip", "pytest.xfail", "pytest.importorskip"} for call in calls)
