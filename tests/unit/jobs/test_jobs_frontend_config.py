"""The front end's settings: the table of them, and the page that tells of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from routine_load.errors import ConfigRefused
from routine_load.ids import Compat
from routine_load.jobs.frontend_config import ITEMS, FrontendConfig

PAGE = (Path(__file__).parents[3] / "docs" / "frontend-config.md").read_text()


def test_the_page_tells_of_every_setting_and_of_no_other():
    """docs/frontend-config.md and the table tick each other off."""
    elsewhere = {"task_consume_second", "task_timeout_second", "max_batch_rows", "kafka_timeout_s"}
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE)) - elsewhere
    assert named == set(ITEMS)


def test_the_page_lists_what_has_no_effect():
    """As short as truth allows."""
    listed = PAGE.partition("## Without effect here")[2]
    assert {name for name in ITEMS if f"`{name}`" in listed} == {n for n, i in ITEMS.items() if not i.has_effect}


@pytest.mark.parametrize("name", [name for name, item in ITEMS.items() if not isinstance(item.default, bool)])
def test_a_number_has_two_ends(name):
    """Both ends are taken; one beyond each, a fraction, a word and nothing are refused by name."""
    item = ITEMS[name]
    for value in (item.least, item.most):
        assert getattr(FrontendConfig.of(Compat.STARROCKS, {name: f" {value} "}), name) == value
    for text in (str(item.least - 1), str(item.most + 1), "9" * 5_000, "1.5", "many", ""):
        with pytest.raises(ConfigRefused, match=f"Failed to set config '{name}'. err: "):
            item.read(text)


@pytest.mark.parametrize("compat", Compat)
def test_defaults_are_within_their_bounds_and_in_the_comment(compat):
    """What SHOW tells as the default is the value in force where nobody has set another."""
    config = FrontendConfig.of(compat)
    for name, item in ITEMS.items():
        default = item.default_of(compat)
        assert getattr(config, name) == default
        assert item.read(str(default)) == default
        assert item.comment(compat).endswith(f". Default: {str(default).lower()}.")


def test_the_page_tells_the_defaults_that_are_in_force():
    """Each vendor's column, where the vendor has the setting."""
    rows = re.findall(r"^\| `(\w+)` \| ?(\S*) \|(?: ?(\S*) \|)?", PAGE, re.MULTILINE)
    assert len(rows) > 20
    for name, *told in rows:
        for text, compat in zip(told, (Compat.STARROCKS, Compat.DORIS), strict=True):
            if text:
                assert (name, text) == (name, str(ITEMS[name].default_of(compat)).lower())
