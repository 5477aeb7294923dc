"""What tables are made of on each kind of database, for the declarations and for the revisions that make them.

Never changed in place: revisions that ran with it would have made something else. Refuses to know any table.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

TEXT: Final = sa.Text().with_variant(mysql.LONGTEXT(), "mysql")
"""MariaDB's TEXT ends at 64 KiB."""

DIGEST: Final = sa.LargeBinary(20).with_variant(mysql.VARBINARY(20), "mysql")
"""A SHA-1."""

MARIADB: Final[dict[str, Any]] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_nopad_bin",
}
"""MariaDB compares texts as the others do: upper and lower case differ, and blanks at the end count."""


def may_be_there() -> bool:
    """Whether a revision may find what it makes: MariaDB keeps the first half of one that was cut."""
    return op.get_context().dialect.name == "mysql"
