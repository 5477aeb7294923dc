"""The statements of a job's life, one feat each; every effect is looked at through another connection."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from real_clients.feats import feat, told
from real_clients.session import Talk
from routine_load.ids import Compat

LOAD = "ROUTINE LOAD"


def job_of(talk: Talk) -> str:
    talk.job = talk.job or f"shop.j_{uuid.uuid4().hex[:10]}"
    return talk.job


def shown(talk: Talk) -> dict[str, Any]:
    text = f"SHOW ALL ROUTINE LOAD FOR {job_of(talk)}"
    return dict(zip(talk.onlooker.names(text), talk.seen(text)[-1], strict=True))


def row(talk: Talk, text: str) -> dict[str, Any]:
    """The last row of a statement, by the names that the client knows."""
    return dict(zip(talk.session.names(text), talk.session.rows(text)[-1], strict=True))


@feat(LOAD)
def create(talk: Talk) -> None:
    """CREATE ROUTINE LOAD."""
    talk.session.rows(
        f"""CREATE ROUTINE LOAD {job_of(talk)} ON loaded COLUMNS TERMINATED BY ',', COLUMNS (k, v, w = concat(v, '!'))
        PROPERTIES ("desired_concurrent_number" = "1", "max_batch_interval" = "5", "max_error_number" = "10")
        FROM KAFKA ("kafka_broker_list" = "{talk.place.bootstrap}", "kafka_topic" = "{talk.place.topic}",
        "property.kafka_default_offsets" = "OFFSET_BEGINNING")"""
    )
    assert shown(talk)["State"] in ("NEED_SCHEDULE", "RUNNING")


@feat(LOAD)
def show(talk: Talk) -> None:
    """SHOW ROUTINE LOAD."""
    found = row(talk, f"SHOW ROUTINE LOAD FOR {job_of(talk)}")
    assert found["Name"] == job_of(talk).removeprefix("shop.")
    assert found["TableName"] == "loaded"
    assert json.loads(found["JobProperties"])["columnToColumnExpr"].startswith("k,v,w=")


@feat(LOAD)
def show_all(talk: Talk) -> None:
    """SHOW ALL ROUTINE LOAD."""
    assert job_of(talk).removeprefix("shop.") in str(talk.session.rows("SHOW ALL ROUTINE LOAD"))


@feat(LOAD)
def show_task(talk: Talk) -> None:
    """SHOW ROUTINE LOAD TASK."""
    text = f"SHOW ROUTINE LOAD TASK WHERE JobName = '{job_of(talk).removeprefix('shop.')}'"
    assert talk.client.is_terminal or talk.session.names(text)[:2] == ["TaskId", "TxnId"]
    assert all(re.fullmatch(r"[0-9a-f]+(-[0-9a-f]+)+", str(task[0])) for task in talk.session.rows(text))


@feat(LOAD)
def loaded_rows(talk: Talk) -> None:
    """Reads what was loaded."""
    talk.place.loaded(job_of(talk))
    found = talk.session.rows("SELECT DISTINCT k, v, w FROM shop.loaded ORDER BY k")
    assert found == [tuple(told(talk, value) for value in row) for row in ((1, "a", "a!"), (2, "漢", "漢!"))]


@feat(LOAD)
def pause(talk: Talk) -> None:
    """PAUSE ROUTINE LOAD."""
    talk.session.rows(f"PAUSE ROUTINE LOAD FOR {job_of(talk)}")
    assert shown(talk)["State"] == "PAUSED"


@feat(LOAD)
def alter(talk: Talk) -> None:
    """ALTER ROUTINE LOAD."""
    talk.session.rows(f'ALTER ROUTINE LOAD FOR {job_of(talk)} PROPERTIES ("max_error_number" = "77")')
    assert "77" in str(shown(talk)["JobProperties"])


@feat(LOAD)
def show_create(talk: Talk) -> None:
    """SHOW CREATE ROUTINE LOAD."""
    text = talk.session.rows(f"SHOW CREATE ROUTINE LOAD FOR {job_of(talk)}")[0][-1]
    assert '"max_error_number"="77"' in text.replace('" = "', '"="')
    assert "\n" in text.replace("\\n", "\n")  # mycli shows it so


@feat(LOAD)
def versions(talk: Talk) -> None:
    """SHOW ROUTINE LOAD VERSIONS."""
    assert len(talk.session.rows(f"SHOW ROUTINE LOAD VERSIONS FOR {job_of(talk)}")) >= 2


@feat(LOAD)
def rollback(talk: Talk) -> None:
    """ALTER ROUTINE LOAD … ROLLBACK TO VERSION."""
    talk.session.rows(f"ALTER ROUTINE LOAD FOR {job_of(talk)} ROLLBACK TO VERSION 1")
    assert "77" not in str(shown(talk)["JobProperties"])


@feat(LOAD)
def resume(talk: Talk) -> None:
    """RESUME ROUTINE LOAD."""
    talk.session.rows(f"RESUME ROUTINE LOAD FOR {job_of(talk)}")
    assert shown(talk)["State"] in ("NEED_SCHEDULE", "RUNNING")


@feat(LOAD)
def stop(talk: Talk) -> None:
    """STOP ROUTINE LOAD."""
    talk.session.rows(f"STOP ROUTINE LOAD FOR {job_of(talk)}")
    assert shown(talk)["State"] == "STOPPED"


@feat(LOAD)
def file(talk: Talk) -> None:
    """CREATE FILE, SHOW FILE, DROP FILE."""
    name = f"ca-{uuid.uuid4().hex[:8]}.pem"
    talk.session.rows(f'CREATE FILE "{name}" IN shop PROPERTIES ("url" = "data:;base64,aGVsbG8=", "catalog" = "kafka")')
    assert name in str(talk.session.rows("SHOW FILE FROM shop"))
    talk.session.rows(f'DROP FILE "{name}" FROM shop PROPERTIES ("catalog" = "kafka")')


@feat(LOAD)
def grant(talk: Talk) -> None:
    """CREATE USER, GRANT, SHOW GRANTS, REVOKE."""
    user = f"u_{uuid.uuid4().hex[:8]}"
    starrocks = talk.place.compat is Compat.STARROCKS
    right, where = ("INSERT", "ON TABLE shop.loaded") if starrocks else ("LOAD_PRIV", "ON shop.loaded")
    talk.session.rows(f"CREATE USER '{user}' IDENTIFIED BY 'x;y'")
    talk.session.rows(f"GRANT {right} {where} TO '{user}'")
    assert "loaded" in str(talk.session.rows(f"SHOW GRANTS FOR '{user}'"))
    talk.session.rows(f"REVOKE {right} {where} FROM '{user}'")
    talk.session.rows(f"DROP USER '{user}'")
