"""Small files: rows and contents agree whatever happens between them."""

from __future__ import annotations

import stat

import pytest
import sqlalchemy as sa

from routine_load.errors import ExecutionError, MetadataError
from routine_load.jobs.small_files import NewFile
from routine_load.store.database import Database
from routine_load.store.files import SmallFileStore
from routine_load.store.secrets import SecretBox
from routine_load.store.tables import small_file_contents


@pytest.fixture
def database(metadata_url):
    database = Database(metadata_url)
    yield database
    database.close()


@pytest.fixture
def files(database, tmp_path):
    return SmallFileStore(database, tmp_path / "small_files")


def new(name="ca.pem", content=b"content", *, database="d", catalog="kafka"):
    return NewFile(database=database, catalog=catalog, name=name, content=content)


def test_a_file_is_its_owners_alone(files, tmp_path):
    """Folder 0700, content 0600, under a name that nobody chose; the given name is only a value."""
    made = files.create(new("ca.pem", b"\x00\xff"), 10)
    folder = tmp_path / "small_files"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (content,) = folder.iterdir()
    assert content.name == made.content_id
    assert stat.S_IMODE(content.stat().st_mode) == 0o600
    assert content.read_bytes() == b"\x00\xff"
    assert files.path("d", "kafka", "ca.pem") == content
    assert (made.id > 0, made.size, made.md5) == (True, 2, "d07d34efac6328007ad67c7e0a985e00")


def test_a_file_is_found_by_database_catalog_and_name(files):
    """The same name elsewhere is another file."""
    files.create(new(), 10)
    files.create(new(database="e"), 10)
    files.create(new(catalog="other"), 10)
    assert files.path("d", "kafka", "none") is None
    assert files.path("f", "kafka", "ca.pem") is None
    assert [(f.database, f.catalog) for f in files.list("d")] == [("d", "kafka"), ("d", "other")]
    assert len({files.path(d, "kafka", "ca.pem") for d in "de"}) == 2


def test_a_replaced_file_has_another_path(files):
    """Who holds the old path never reads the new content."""
    files.create(new(), 10)
    before = files.path("d", "kafka", "ca.pem")
    files.drop("d", "kafka", "ca.pem")
    assert not before.exists()
    files.create(new(content=b"other"), 10)
    assert files.path("d", "kafka", "ca.pem") != before


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda files: files.create(new(), 10), "^File ca.pem already exist$"),
        (lambda files: files.create(new("b"), 1), "^File number exceeds limit: 1$"),
        (lambda files: files.check(new("b"), 1), "^File number exceeds limit: 1$"),
        (lambda files: files.drop("d", "kafka", "b"), "^No such file: b$"),
        (lambda files: files.drop("d", "other", "ca.pem"), "^No such file in catalog: other$"),
    ],
)
def test_what_cannot_be_done_is_told_in_the_vendors_words(files, tmp_path, act, text):
    """StarRocks, Doris: the words of CREATE FILE and DROP FILE; nothing is left behind."""
    files.create(new(), 10)
    with pytest.raises(ExecutionError, match=text):
        act(files)
    assert len(list((tmp_path / "small_files").iterdir())) == 1


def test_a_content_that_no_row_names_goes_at_the_next_start(database, files, tmp_path):
    """What a crash between content and row left behind is a secret that nobody can drop."""
    files.create(new(), 10)
    (tmp_path / "small_files" / ("0" * 32)).write_bytes(b"orphan")
    again = SmallFileStore(database, tmp_path / "small_files")
    assert [path.read_bytes() for path in (tmp_path / "small_files").iterdir()] == [b"content"]
    assert again.path("d", "kafka", "ca.pem") is not None


def test_a_damaged_content_is_named(files):
    """A content that was changed or removed behind our back is not given to a client."""
    files.create(new(), 10)
    path = files.path("d", "kafka", "ca.pem")
    path.write_bytes(b"other")
    with pytest.raises(MetadataError, match=r"file ca\.pem in db d is not what CREATE FILE stored"):
        files.path("d", "kafka", "ca.pem")
    path.unlink()
    with pytest.raises(MetadataError, match=r"file ca\.pem in db d"):
        files.path("d", "kafka", "ca.pem")
    files.drop("d", "kafka", "ca.pem")


def test_a_row_that_cannot_be_written_leaves_no_content(empty_url, tmp_path):
    """The content goes when its row does not come."""
    database = Database(empty_url)
    files = SmallFileStore(database, tmp_path / "small_files")
    with database.writing() as connection:
        connection.execute(sa.text("ALTER TABLE small_files RENAME COLUMN md5 TO other"))
    with pytest.raises(MetadataError):
        files.create(new(), 10)
    database.close()
    assert list((tmp_path / "small_files").iterdir()) == []


def test_files_go_with_their_database(files, tmp_path):
    """Another database of the same name does not inherit them."""
    files.create(new(), 10)
    files.create(new(database="e"), 10)
    files.forget(["d", "f"])
    assert files.list("d") == []
    assert list((tmp_path / "small_files").iterdir()) == [files.path("e", "kafka", "ca.pem")]


def test_the_content_is_in_no_repr(files):
    """A value that is printed by chance shows no key."""
    assert "content=" not in repr(new(content=b"canary"))
    assert "canary" not in repr(new(content=b"canary"))


def test_a_folder_that_cannot_be_used_is_named(database, tmp_path):
    """A file in its place."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(MetadataError, match=r"folder of small files .*taken cannot be used"):
        SmallFileStore(database, tmp_path / "taken")


def test_a_content_is_found_by_every_coordinator_of_the_database(database, tmp_path):
    """Each has a folder of its own; what goes over the database is sealed, and goes with the file."""
    box = SecretBox.ephemeral()
    one, two = (SmallFileStore(database, tmp_path / name, box) for name in ("one", "two"))
    made = one.create(new("key.pem", b"-- secret \x00\xff --"), 10)
    there = two.path("d", "kafka", "key.pem")
    assert there == tmp_path / "two" / made.content_id
    assert there.read_bytes() == b"-- secret \x00\xff --"
    assert stat.S_IMODE(there.stat().st_mode) == 0o600
    with database.reading() as connection:
        (sealed,) = connection.execute(sa.select(small_file_contents.c.sealed)).scalars()
    assert "secret" not in sealed
    two.drop("d", "kafka", "key.pem")
    with database.reading() as connection:
        assert connection.execute(sa.select(small_file_contents.c.sealed)).first() is None
