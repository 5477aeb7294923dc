"""Whose jobs: what a user may load into decides which jobs are shown, paused together, and returned to."""

from __future__ import annotations

import pytest

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.errors import LeadershipLost, PrivilegeDenied
from routine_load.ids import Compat
from routine_load.sql.privileges import Granted, Held, Place, Privilege
from routine_load.sql.results import ResultTable
from routine_load.statements.privileges import Privileges
from routine_load.store.lease import NO_EPOCH

KAFKA = 'FROM KAFKA ("kafka_broker_list" = "127.0.0.1:1", "kafka_topic" = "o")'


class Stand:
    """Jobs on d.t and d.u, a job of many tables, and a user who may load into d.t only."""

    def __init__(self, directory) -> None:
        settings = Settings(data_dir=directory, mysql_port=None, http_port=None, kafka_timeout_s=0.3)
        self.coordinator = Coordinator(settings)
        self.coordinator.start()
        self.service = self.coordinator.service
        self.root = self.service.open_session("root", "test", Compat.DORIS)
        for text in (
            "SET validate = 'off'",
            "CREATE DATABASE d",
            "CREATE TABLE d.t (id INT) DUPLICATE KEY(id)",
            "CREATE TABLE d.u (id INT) DUPLICATE KEY(id)",
            "USE d",
            f"CREATE ROUTINE LOAD on_t ON t {KAFKA}",
            f"CREATE ROUTINE LOAD on_u ON u {KAFKA}",
            f"CREATE ROUTINE LOAD on_all {KAFKA}",
            "CREATE USER ann",
            "GRANT LOAD_PRIV, SELECT_PRIV ON d.t TO ann",
        ):
            self.ask(self.root, text)
        self.ann = self.service.open_session("ann", "127.0.0.1:5", Compat.DORIS)
        self.ask(self.ann, "USE d")

    def ask(self, session, text) -> list:
        last = self.service.execute(session, text)[-1]
        return [tuple(row) for row in last.rows] if isinstance(last, ResultTable) else []

    def states(self) -> dict[str, bool]:
        """Whether each job is paused."""
        jobs = self.service._context.jobs.list("d", include_final=False)
        return {job.name: job.state.value == "PAUSED" for job in jobs}


@pytest.fixture
def stand(tmp_path):
    made = Stand(tmp_path)
    yield made
    made.coordinator.stop()


@pytest.mark.parametrize("compat", ["starrocks", "doris"])
def test_jobs_of_other_tables_are_not_shown(stand, compat):
    """StarRocks: INSERT, Doris: LOAD on the table; on the database for a job of many tables."""
    stand.ask(stand.ann, f"SET compat = '{compat}'")

    def names() -> list[str]:
        return sorted(row[1] for row in stand.ask(stand.ann, "SHOW ROUTINE LOAD"))

    assert names() == ["on_t"]
    assert len(stand.ask(stand.ann, "SELECT * FROM information_schema.routine_load_jobs")) == 1
    stand.ask(stand.root, "GRANT LOAD_PRIV ON d.u TO ann")
    assert names() == ["on_t", "on_u"]
    stand.ask(stand.root, "GRANT LOAD_PRIV ON d.* TO ann")
    assert names() == ["on_all", "on_t", "on_u"]
    stand.ask(stand.root, "REVOKE LOAD_PRIV ON d.* FROM ann; REVOKE LOAD_PRIV ON d.t FROM ann")
    assert names() == ["on_u"]


def test_all_is_what_one_may_load(stand):
    """Doris: PAUSE ALL and RESUME ALL pass over the jobs of other tables."""
    stand.ask(stand.ann, "PAUSE ALL ROUTINE LOAD")
    assert stand.states() == {"on_t": True, "on_u": False, "on_all": False}
    stand.ask(stand.root, "PAUSE ALL ROUTINE LOAD")
    assert all(stand.states().values())
    stand.ask(stand.ann, "RESUME ALL ROUTINE LOAD")
    assert stand.states() == {"on_t": False, "on_u": True, "on_all": True}


def test_all_is_not_done_by_who_leads_no_more(stand):
    """It may change no job, and does not say that it had."""
    fence = stand.service._context.jobs._fence
    fence.epoch, mine = NO_EPOCH, fence.epoch
    with pytest.raises(LeadershipLost):
        stand.ask(stand.root, "PAUSE ALL ROUTINE LOAD")
    fence.epoch = mine
    assert not any(stand.states().values())


def test_a_version_is_no_way_to_another_table(stand):
    """A job that was moved to one's table cannot be rolled back to the table it had, nor that version be read."""
    stand.ask(stand.root, "PAUSE ROUTINE LOAD FOR on_u; ALTER ROUTINE LOAD FOR on_u ON t")
    assert stand.ask(stand.ann, "SHOW ROUTINE LOAD FOR on_u")
    for text in ("ALTER ROUTINE LOAD FOR on_u ROLLBACK TO VERSION 1", "SHOW ROUTINE LOAD VERSIONS FOR on_u"):
        with pytest.raises(PrivilegeDenied, match="'d: u'"):
            stand.ask(stand.ann, text)
    with pytest.raises(PrivilegeDenied, match="'d: u'"):
        stand.ask(stand.ann, "ALTER ROUTINE LOAD FOR on_t ON u")


def test_a_job_goes_on_without_its_creator(stand):
    """It belongs to its table: whoever may load there stops it."""
    stand.ask(stand.ann, f"SET validate = 'off'; CREATE ROUTINE LOAD anns ON t {KAFKA}")
    stand.ask(stand.root, "DROP USER ann; CREATE USER bob; GRANT LOAD_PRIV ON d.t TO bob")
    assert stand.states()["anns"] is False
    bob = stand.service.open_session("bob", "127.0.0.1:6", Compat.DORIS)
    stand.ask(bob, "STOP ROUTINE LOAD FOR d.anns")
    assert "anns" not in stand.states()


SELECT = Held(Place.TABLE, "d", "t", Privilege.SELECT)


class Records:
    """Grants of one user, with something that happens between a read and its use."""

    def __init__(self) -> None:
        self.kept = Granted(privileges=frozenset({SELECT}))
        self.meanwhile = None

    def of(self, user):
        read = self.kept
        happens, self.meanwhile = self.meanwhile, None
        if happens:
            happens()
        return read

    def change(self, user, change):
        self.kept = change(self.kept)
        return self.kept


def test_what_was_read_before_a_revoke_is_not_held_after_it():
    """A look-up that was overtaken by a revoke answers once and is forgotten."""
    records = Records()
    privileges = Privileges(records)
    records.meanwhile = lambda: privileges.change("ann", lambda _: Granted())
    assert privileges.powers("ann").has(Privilege.SELECT, "d", "t")
    assert not privileges.powers("ann").has(Privilege.SELECT, "d", "t")
