from __future__ import annotations

from datetime import UTC, datetime

import pytest

from routine_load.errors import UnknownTimeZone
from routine_load.jobs.timezones import epoch_ms, local_text, standard_time_zone, zone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time_zone", "text"),
    [
        ("UTC", "1970-01-01 00:00:00"),
        ("CST", "1970-01-01 08:00:00"),
        ("prc", "1970-01-01 08:00:00"),
        ("+05:30", "1970-01-01 05:30:00"),
        ("-3:00", "1969-12-31 21:00:00"),
        ("America/New_York", "1969-12-31 19:00:00"),
    ],
)
def test_a_moment_has_a_text_in_every_zone(time_zone, text):
    """Regions, offsets and the two Chinese abbreviations; the text leads back to the moment."""
    assert local_text(EPOCH, time_zone) == text
    assert epoch_ms(text, time_zone) == 0


@pytest.mark.parametrize("text", ["", "x", "2021-13-01 00:00:00", "12", "2021-05-22 25:00:00"])
def test_what_is_no_time_is_none(text):
    """Offsets are tried as times; a text that is none is left to others."""
    assert epoch_ms(text, "UTC") is None


def test_a_day_is_its_midnight_and_fractions_count():
    """Dates without time, and milliseconds."""
    assert epoch_ms("1970-01-02", "UTC") == 86_400_000
    assert epoch_ms("1970-01-01 00:00:00.250", "UTC") == 250


def test_an_unknown_zone_is_named():
    """MySQL's words, also where a zone is used."""
    with pytest.raises(UnknownTimeZone, match=r"^Unknown or incorrect time zone: 'Nowhere'$"):
        zone("Nowhere")
    assert standard_time_zone("utc") == "UTC"
