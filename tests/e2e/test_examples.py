"""Every folder of examples/ does what it says, on both brokers."""

from __future__ import annotations

import uuid

import pytest

from examples import runner

ALL = runner.examples()


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.name)
def test_the_example_loads_the_rows_it_promises(example, broker):
    """The steps of the example's config.toml all succeed on a service of its own."""
    with runner.service(example.compat) as service, service.connect() as connection:
        runner.Player(connection, broker, topic_suffix=f"-{uuid.uuid4().hex[:8]}").play(example)


def test_every_example_is_whole():
    """Each folder has its parts, and every file in it is used by a step."""
    folders = [path for path in runner.EXAMPLES.iterdir() if path.name[:2].isdigit()]
    assert sorted(folders) == [example.folder for example in ALL]
    for example in ALL:
        used = {value for step in example.steps for value in step.values() if isinstance(value, str) and "." in value}
        files = {path.name for path in example.folder.iterdir()} - {"README.md", "config.toml"}
        assert files <= used, f"{example.name}: nothing uses {files - used}"


def test_a_wrong_row_is_told(tmp_path):
    """The comparison is not blind: a row that differs is named on both sides."""
    (tmp_path / "expected.csv").write_text("a,b\n1,x\n")
    with pytest.raises(runner.Differs, match=r"missing: \['1', 'x'\]\n  not expected: \['1', 'y'\]"):
        runner.compare([["1", "y"]], tmp_path / "expected.csv")
