"""Small files: what is known of them in the metadata database, their contents in a folder of their own.

Invariants: a content is named by a random id, written whole and durable before its row names it, and never changed; a
row without its content is a damaged file, a content without a row is removed at the next start. Only the owner of the
process can read the folder. Names of files never reach the file system. Where coordinators share the database, contents
are kept there as well, sealed, in the transaction that makes their row: who lacks one in its folder writes it there.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Collection
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from routine_load.errors import ExecutionError, MetadataError
from routine_load.jobs.small_files import NewFile, SmallFile, fingerprint
from routine_load.store.counters import counted
from routine_load.store.database import Database
from routine_load.store.secrets import SecretBox
from routine_load.store.tables import small_file_contents, small_files

_CREATED = "small files"
_ALL = (
    small_files.c.id,
    small_files.c.database_name.label("database"),
    small_files.c.catalog,
    small_files.c.name,
    small_files.c.size,
    small_files.c.md5,
    small_files.c.content_id,
)


class SmallFileStore:
    """Repository of small files. Thread-safe."""

    def __init__(self, database: Database, folder: Path, shared: SecretBox | None = None) -> None:
        """Removes contents that no row names. Raises MetadataError where the folder cannot be used.

        ``shared``: contents are kept in the database, too, sealed with this.
        """
        self._database = database
        self._folder = folder
        self._shared = shared
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            self._settle()
        except OSError as cause:
            raise MetadataError(f"the folder of small files {folder} cannot be used: {cause.strerror}") from cause

    def check(self, file: NewFile | SmallFile, files_max: int) -> None:
        """Raises ExecutionError, in the vendors' words, where the file could not be made."""
        with self._database.reading() as connection:
            _check_free(connection, file, files_max)

    def create(self, new: NewFile, files_max: int) -> SmallFile:
        """Raises ExecutionError for a name that is taken and for one file too many, MetadataError."""
        content_id = secrets.token_hex(16)
        file = SmallFile(
            id=0,
            database=new.database,
            catalog=new.catalog,
            name=new.name,
            size=len(new.content),
            md5=fingerprint(new.content),
            content_id=content_id,
        )
        self.check(file, files_max)
        path = self._folder / content_id
        try:
            self._write(path, new.content)
            with self._database.writing() as connection:
                counted(connection, _CREATED)  # whoever else makes one waits: the check holds until the commit
                _check_free(connection, file, files_max)
                values = {c.name: getattr(file, c.name) for c in _ALL if c.name not in {"id", "database"}}
                try:
                    connection.execute(sa.insert(small_files).values(database_name=new.database, **values))
                except IntegrityError as cause:
                    raise ExecutionError(f"File {new.name} already exist") from cause
                self._share(connection, content_id, new.content)
        except OSError as cause:
            path.unlink(missing_ok=True)
            raise MetadataError(f"the content of file {new.name} cannot be written: {cause.strerror}") from cause
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        found = self.find(new.database, new.catalog, new.name)
        return file if found is None else found

    def drop(self, database: str, catalog: str, name: str) -> None:
        """Raises ExecutionError, in the vendors' words, for a file that is not there."""
        mine = sa.and_(small_files.c.database_name == database, small_files.c.catalog == catalog)
        with self._database.writing() as connection:
            rows = connection.execute(sa.select(small_files.c.name, small_files.c.content_id).where(mine)).all()
            if not rows:
                raise ExecutionError(f"No such file in catalog: {catalog}")
            found = [row.content_id for row in rows if row.name == name]
            if not found:
                raise ExecutionError(f"No such file: {name}")
            connection.execute(sa.delete(small_files).where(mine, small_files.c.name == name))
            _forget_contents(connection, found)
        self._unlink(found)

    def forget(self, databases: Collection[str]) -> None:
        """The files of databases that were dropped go too: another one of that name is another."""
        theirs = small_files.c.database_name.in_(databases)
        with self._database.writing() as connection:
            gone = connection.execute(sa.select(small_files.c.content_id).where(theirs)).scalars().all()
            connection.execute(sa.delete(small_files).where(theirs))
            _forget_contents(connection, gone)
        self._unlink(gone)

    def list(self, database: str) -> list[SmallFile]:
        """The files of a database, oldest first."""
        query = sa.select(*_ALL).where(small_files.c.database_name == database).order_by(small_files.c.id)
        with self._database.reading() as connection:
            return [SmallFile(**row) for row in connection.execute(query).mappings()]

    def find(self, database: str, catalog: str, name: str) -> SmallFile | None:
        query = sa.select(*_ALL).where(_same(database, catalog, name))
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else SmallFile(**row)

    def path(self, database: str, catalog: str, name: str) -> Path | None:
        """Where a file's content lies, seen to be what was stored; None for no such file. Raises MetadataError."""
        file = self.find(database, catalog, name)
        if file is None:
            return None
        path = self._folder / file.content_id
        if self._shared is not None and not path.exists():
            self._fetch(self._shared, path)
        try:
            whole = fingerprint(path.read_bytes()) == file.md5
        except OSError:
            whole = False
        if not whole:
            raise MetadataError(
                f"the content of file {name} in db {database} is not what CREATE FILE stored: DROP FILE and CREATE "
                "FILE make it anew"
            )
        return path

    def _share(self, connection: sa.Connection, content_id: str, content: bytes) -> None:
        if self._shared is not None:
            sealed = self._shared.seal(base64.b64encode(content).decode())
            connection.execute(sa.insert(small_file_contents).values(content_id=content_id, sealed=sealed))

    def _fetch(self, box: SecretBox, path: Path) -> None:
        """Another coordinator made the file: its content goes where it is looked for."""
        found = sa.select(small_file_contents.c.sealed).where(small_file_contents.c.content_id == path.name)
        with self._database.reading() as connection:
            sealed = connection.execute(found).scalar_one_or_none()
        if sealed is None:
            return
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        try:
            self._write(draft, base64.b64decode(box.unseal(sealed)))
            draft.replace(path)
        except OSError as cause:
            draft.unlink(missing_ok=True)
            raise MetadataError(f"the content of a file cannot be written to {path}: {cause.strerror}") from cause

    def _settle(self) -> None:
        with self._database.reading() as connection:
            named = set(connection.execute(sa.select(small_files.c.content_id)).scalars())
        for path in self._folder.iterdir():
            if path.name not in named:
                path.unlink()

    def _unlink(self, content_ids: Collection[str]) -> None:
        for content_id in content_ids:
            (self._folder / content_id).unlink(missing_ok=True)

    def _write(self, path: Path, content: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _forget_contents(connection: sa.Connection, content_ids: Collection[str]) -> None:
    connection.execute(sa.delete(small_file_contents).where(small_file_contents.c.content_id.in_(content_ids)))


def _same(database: str, catalog: str, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        small_files.c.database_name == database, small_files.c.catalog == catalog, small_files.c.name == name
    )


def _check_free(connection: sa.Connection, file: NewFile | SmallFile, files_max: int) -> None:
    count = connection.execute(sa.select(sa.func.count()).select_from(small_files)).scalar_one()
    if count >= files_max:
        raise ExecutionError(f"File number exceeds limit: {files_max}")
    same = _same(file.database, file.catalog, file.name)
    if connection.execute(sa.select(small_files.c.id).where(same)).first() is not None:
        raise ExecutionError(f"File {file.name} already exist")
