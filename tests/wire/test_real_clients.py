"""Every client does every feat against a running service, and docs/clients.md says so."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from real_clients.apart import ROOT
from real_clients.feats import CONNECT, FEATS, LOOK, READ, TALK, Feat
from real_clients.feats_families import ALCHEMY, JDBC, TERMINAL
from real_clients.feats_load import LOAD
from real_clients.feats_loading import LOADER, LOADING
from real_clients.page import COMMAND, NO, YES, Told, merged, page, read, together
from real_clients.roster import CLIENTS, NAMES, named
from real_clients.session import Login, NotHere, Talk

from routine_load.ids import Compat

PAGE = ROOT / "docs" / "clients.md"
GROUPS = (CONNECT, TALK, LOOK, READ, LOAD, TERMINAL, JDBC, ALCHEMY, LOADING)
LINES = tuple((group, feat.line) for group in GROUPS for feat in FEATS if feat.group == group)
assert len(set(LINES)) == len(LINES)


def asked_of(name: str, group: str) -> list[Feat]:
    family = named(name).family
    families = (LOADER,) if family == LOADER else ("", family)
    return [feat for feat in FEATS if feat.group == group and feat.family in families]


def modes_of(name: str, group: str) -> tuple[Compat, ...]:
    """Starting a program takes long, and a login asks for nothing that a vendor has of its own."""
    modes = tuple(named(name).modes)
    return modes[:1] if group == CONNECT and named(name).is_terminal else modes


CASES = [(name, group) for name in NAMES for group in GROUPS if asked_of(name, group)]


@dataclass
class Outcomes:
    """What happened to every feat of every client, in each mode."""

    versions: dict[str, str] = field(default_factory=dict)
    happened: dict[tuple[str, str], dict[Compat, str]] = field(default_factory=lambda: defaultdict(dict))

    def told(self) -> dict[str, Told]:
        """The clients that have done all they were asked for."""
        found = {}
        for name, version in self.versions.items():
            cells = {}
            for group in GROUPS:
                for feat in asked_of(name, group):
                    each = self.happened.get((name, feat.line), {})
                    if set(each) == set(modes_of(name, group)):
                        cells[feat.line] = together(each)
            if len(cells) == sum(len(asked_of(name, group)) for group in GROUPS):
                found[name] = Told(version, cells)
        return found


@pytest.fixture(scope="session")
def outcomes():
    yield Outcomes()
    for client in CLIENTS:
        client.close()


@pytest.mark.parametrize(
    ("name", "group", "compat"),
    [(name, group, compat) for name, group in CASES for compat in modes_of(name, group)],
    ids=lambda value: str(value).replace(" ", "-").replace("/", "-"),
)
@pytest.mark.filterwarnings("ignore:open_text is deprecated:DeprecationWarning")  # the dialect starrocks
def test_a_client_does_what_it_can(name, group, compat, request, places, outcomes):
    """A feat is done with the effect it should have, or the client has no way to do it; what is lacking is on the page."""
    client = named(name)
    try:
        outcomes.versions[name] = client.version()
    except NotHere as reason:
        pytest.skip(f"{name}: {reason}")
    place = places(compat)
    failed: dict[str, BaseException] = {}
    session = client.connect(place, Login(database="shop"))
    talk = Talk(client, place, session, place.onlooker)
    try:
        for feat in asked_of(name, group):
            outcome = client.lacks.get(feat.line) or client.lacks.get(f"{feat.line} ({compat})")
            if outcome is None:
                try:
                    feat.do(talk)
                    outcome = YES
                except Exception as error:
                    failed[feat.line], outcome = error, NO
            outcomes.happened[name, feat.line][compat] = outcome
    finally:
        session.close()
        place.clear(talk.job)
    if failed:
        raise ExceptionGroup(f"{name} cannot: {', '.join(failed)}", [_named(*each) for each in failed.items()])


def _named(line: str, error: Exception) -> Exception:
    error.add_note(line)
    return error


def test_the_page_says_what_the_clients_do(outcomes):
    """docs/clients.md is what comes out of the feats; clients that did not run are told as before."""
    committed = read(PAGE.read_text()) if PAGE.exists() else {}
    now = outcomes.told()
    missing = [name for name in NAMES if name not in now]
    told = merged(committed, now, names=NAMES, pinned=[client.name for client in CLIENTS if client.pinned])
    if os.environ.get("WRITE_CLIENTS"):
        told |= now
        PAGE.write_text(page(told, LINES))
        if missing:
            pytest.skip(f"docs/clients.md is written, but these did not run and are told as before: {missing}")
        return
    if not now:
        pytest.skip("no client has done all its feats in this run")
    assert page(told, LINES) == PAGE.read_text(), f"docs/clients.md is not true any more; to write it anew: {COMMAND}"
    if missing:
        pytest.skip(f"docs/clients.md is true of {list(now)}; these did not run, or not whole: {missing}")


@pytest.mark.skipif(shutil.which("mariadb-dump") is None, reason="needs mariadb-dump")
@pytest.mark.parametrize("compat", Compat)
def test_a_dump_is_restored(compat, places):
    """mariadb-dump writes a database, the mariadb shell reads it back, and the rows are the same."""
    place = places(compat)
    options = ["--no-defaults", "-h127.0.0.1", f"-P{place.port}", "-uroot", "--default-character-set=utf8mb4"]
    dump = ["mariadb-dump", *options, "--no-tablespaces", "--hex-blob", "shop", "kinds", "bytes"]
    dumped = subprocess.run(dump, capture_output=True, timeout=60)
    assert (dumped.returncode, dumped.stderr) == (0, b"")
    place.onlooker.rows("CREATE DATABASE restored")
    restored = subprocess.run(["mariadb", *options, "restored"], input=dumped.stdout, capture_output=True, timeout=60)
    assert (restored.returncode, restored.stderr) == (0, b"")
    for table in ("kinds", "bytes"):
        rows, back = (place.onlooker.rows(f"SELECT * FROM {name}.{table} ORDER BY id") for name in ("shop", "restored"))
        assert rows == back
    place.onlooker.rows("DROP DATABASE restored")


def test_what_a_page_says_can_be_read_back():
    """Outcomes, reasons and versions survive writing and reading; a client that did not run keeps its column."""
    lines = [("Talking", "USE"), ("Talking", "TLS"), ("Rows", "ints")]
    in_one = together({"starrocks": YES, "doris": "it cannot"})
    old = {
        "a shell": Told("1.0", {"USE": YES, "TLS": "it has none", "ints": in_one}),
        "a driver": Told("2.0", {"USE": YES, "TLS": NO}),
    }
    text = page(old, lines)
    assert read(text) == old
    assert "| TLS | – (1) | **no** |" in text
    assert "| ints | partly (2) |" in text
    now = {"a driver": Told("2.1", {"USE": NO, "TLS": YES}), "a shell": Told("1.1", old["a shell"].cells)}
    told = merged(old, now, names=["a shell", "a driver"], pinned=["a driver"])
    assert told == {"a shell": old["a shell"], "a driver": now["a driver"]}
    assert page(told, lines) != text
    assert merged(old, {}, names=["a shell", "a driver"], pinned=["a driver"]) == old


def test_modes_are_told_together():
    """A failure in one mode is one of the client; what one mode lacks is told with its name."""
    assert together({"starrocks": YES, "doris": NO}) == NO
    assert together({"starrocks": "no way", "doris": "no way"}) == "no way"
    assert together({"starrocks": YES, "doris": "no way"}) == "with `--compat` doris: no way"
