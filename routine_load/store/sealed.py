"""A secret that all coordinators of one metadata database share: kept there, sealed with the key that is not.

So whoever can open it has both the database and the key file. Refuses to know what is said under it.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from routine_load.errors import MetadataError
from routine_load.store.database import Database, add
from routine_load.store.secrets import SecretBox
from routine_load.store.tables import sealed_values

_INTERNAL: Final = "internal"


def shared_box(database: Database, secrets: SecretBox, told: str) -> SecretBox:
    """The box of the shared secret, which the first coordinator makes. ``told`` names this one's key file.

    Raises MetadataError where the secret was sealed with another key: jobs' passwords could not be opened either.
    """
    with database.writing() as connection:
        add(connection, sealed_values, {"name": _INTERNAL}, {"value": secrets.seal(SecretBox.new_key())})
        found = sa.select(sealed_values.c.value).where(sealed_values.c.name == _INTERNAL)
        sealed = connection.execute(found).scalar_one()
    try:
        return SecretBox(secrets.unseal(sealed).encode())
    except MetadataError as cause:
        raise MetadataError(
            f"the secrets in the metadata database {database.name} were sealed with another key than that of {told}: "
            "coordinators of one metadata database share one key; copy the file of the first one, or name it by "
            "--key-file"
        ) from cause
