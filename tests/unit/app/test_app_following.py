"""A coordinator that has not led yet."""

from __future__ import annotations

import pytest

from routine_load.app.leading import Membership
from routine_load.config import Settings
from routine_load.errors import LeadershipLost
from routine_load.ids import JobId
from routine_load.store import SecretBox, open_metadata


def test_who_never_led_changes_no_job(tmp_path):
    """Where it shares its metadata; who is alone with them needs no lease for it."""
    secrets, url = SecretBox.ephemeral(), f"sqlite:///{tmp_path}/metadata.db"
    with open_metadata(url, secrets, 4) as store:
        alone = Membership.of(Settings(data_dir=tmp_path), store, secrets)
        store.jobs.delete_final(JobId(1))
        shared = Membership.of(Settings(data_dir=tmp_path, metadata_url=url), store, secrets)
        assert (alone.id, alone.is_shared, shared.is_shared) == (shared.id, False, True)
        with pytest.raises(LeadershipLost):
            store.jobs.delete_final(JobId(1))
