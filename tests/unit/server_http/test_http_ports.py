"""Where the two HTTP doors open, by the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from routine_load.config import Settings


@pytest.mark.parametrize(
    ("given", "opens"),
    [
        ({}, 8040),
        ({"http_port": 9100}, 9110),
        ({"http_port": 0}, 0),
        ({"http_port": 65530}, 0),
        ({"http_port": 8030, "be_http_port": 8030}, 8030),
        ({"http_port": 8030, "be_http_port": 0}, 0),
        ({"http_port": 8030, "be_http_port": None}, None),
        ({"http_port": None}, None),
        ({"http_port": None, "be_http_port": 8040}, None),
    ],
)
def test_the_backends_door_is_beside_the_front_ends(given, opens):
    """Ten above, as 8040 is above 8030; any free one where that cannot be; shut where the front end's is."""
    assert Settings(data_dir=Path(), **given).backend_http_port == opens
