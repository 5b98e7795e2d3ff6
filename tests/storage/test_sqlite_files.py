"""A file that is not ours, not known or not sound is refused in words, and stays as it is."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.parts import require
from tests.storage.batches import puts

from muster.registry.store import Loaded
from muster.storage.sqlite import FILE_NAME, StoreRefused
from muster.storage.sqlite.database import Database
from muster.storage.sqlite.schema import MIGRATIONS, Migration

RECORDS = [f"key-{n:03}" for n in range(200)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / FILE_NAME


def fill(path: Path) -> Loaded:
    database = Database.open(path)
    database.transact([puts("op", *RECORDS, value=b"v" * 600)])
    loaded = database.load()
    database.close()
    return loaded


def fill_and_die(path: Path) -> None:
    """Leaves the write-ahead log behind, as a killed process does."""
    code = (
        "import os, sys; from pathlib import Path; from tests.storage.test_sqlite_files import *; "
        "Database.open(Path(sys.argv[1])).transact([puts('op', *RECORDS, value=b'v' * 600)]); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, path], check=False)
    assert path.with_name(path.name + "-wal").stat().st_size > 100_000


def files(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir() if file.suffix != ".lock"}


def refusal(path: Path, migrations: tuple[Migration, ...] = MIGRATIONS) -> str:
    """What is said when the file is opened; and nothing may have changed by that."""
    before = files(path.parent)
    with pytest.raises(StoreRefused) as caught:
        Database.open(path, migrations=migrations)
    assert files(path.parent) == before
    return str(caught.value)


def make_foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE theirs (a)")


def overwrite(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def find(path: Path, content: bytes) -> int:
    return path.read_bytes().index(content)


def clear_head(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM head")


def set_back_head(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE head SET revision = 0")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "emptied": (lambda p: os.truncate(p, 0), "is empty"),
    "text": (lambda p: p.write_text("hello, world\n" * 100), "is not an SQLite database"),
    "another program's": (lambda p: (p.unlink(), make_foreign(p)), "the SQLite database of another program"),
    "half": (lambda p: os.truncate(p, p.stat().st_size // 2), "is damaged"),
    "a page short": (lambda p: os.truncate(p, p.stat().st_size - 4096), "is damaged"),
    "header only": (lambda p: os.truncate(p, 100), "is damaged"),
    "less than a header": (lambda p: os.truncate(p, 50), "is the SQLite database of another program"),
    "a page of zeros": (lambda p: overwrite(p, 5 * 4096, bytes(4096)), "is damaged"),
    "a page of noise": (lambda p: overwrite(p, 5 * 4096, os.urandom(4096)), "is damaged"),
    "one bit of a value": (lambda p: overwrite(p, find(p, b"vvvvvvvv"), b"w"), "is damaged (record 'key-"),
    "one letter of a key": (lambda p: overwrite(p, find(p, b"key-100"), b"K"), "is damaged"),
    "no head": (clear_head, "is damaged (it holds no history)"),
    "a head set back": (set_back_head, "is damaged (at revision 0, with a record of 1)"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_file_that_cannot_be_trusted_is_refused_and_left_alone(path: Path, kind: str) -> None:
    damage, words = DAMAGES[kind]
    fill(path)
    damage(path)
    said = refusal(path)
    assert said.startswith(f"{path} ")
    assert words in said


@pytest.mark.parametrize("kind", sorted(DAMAGES.keys() & {"text", "less than a header", "emptied"}))
def test_a_damaged_file_with_a_log_is_refused_and_left_alone(path: Path, kind: str) -> None:
    fill_and_die(path)
    DAMAGES[kind][0](path)
    refusal(path)


def test_a_damaged_page_is_found_though_there_is_a_log(path: Path) -> None:
    fill(path)
    database = Database.open(path)
    database.transact([puts("more", "new")])
    leave_log(database, path)
    overwrite(path, 5 * 4096, bytes(4096))
    assert "is damaged" in refusal(path)


def leave_log(database: Database, path: Path) -> None:
    """Put the directory back to what it was before the close: as if killed."""
    before = files(path.parent)
    database.close()
    for name, content in before.items():
        (path.parent / name).write_bytes(content)


def test_a_sound_file_whose_process_died_is_opened(path: Path) -> None:
    fill_and_die(path)
    database = Database.open(path)
    assert [record.key for record in database.load().records] == RECORDS
    database.close()


def test_a_log_without_its_file_is_not_taken_for_an_empty_store(path: Path) -> None:
    fill_and_die(path)
    path.unlink()
    assert "is missing, but its write-ahead log is there" in refusal(path)


def test_a_newer_schema_is_for_a_newer_program(path: Path) -> None:
    Database.open(path, migrations=(*MIGRATIONS, ("CREATE TABLE more (a)",))).close()
    assert "has schema 2, this program knows 1: use the newer program that wrote it" in refusal(path)


def test_a_directory_in_place_of_the_file(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StoreRefused, match=r"cannot be used: Is a directory"):
        Database.open(path)


def test_a_data_directory_that_cannot_be_made(path: Path) -> None:
    path.parent.write_text("a file")
    with pytest.raises(StoreRefused, match=r"cannot be made a data directory: File exists"):
        Database.open(path)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    require("tmpfs")
    subprocess.run(["mount", "--bind", tmp_path, tmp_path], check=True)
    try:
        fill(tmp_path / FILE_NAME)
        subprocess.run(["mount", "-o", "remount,bind,ro", tmp_path], check=True)
        yield tmp_path
    finally:
        subprocess.run(["umount", "--lazy", tmp_path], check=True)


def test_a_read_only_directory(read_only: Path) -> None:
    with pytest.raises(StoreRefused, match="read-only: make it writable"):
        Database.open(read_only / FILE_NAME)


@example(3900, b"\x80")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**20), st.binary(min_size=1, max_size=64))
def test_any_damage_is_refused_or_harmless(at: int, noise: bytes) -> None:
    """Bytes that nothing depends on may change. A record that was never written may not appear."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / FILE_NAME
        written = fill(path)
        overwrite(path, at % (path.stat().st_size - len(noise)), noise)
        damaged = files(path.parent)
        try:
            database = Database.open(path)
        except StoreRefused:
            assert files(path.parent) == damaged
            return
        assert database.load().records == written.records
        database.close()


# --- migrations ---

OLDER: tuple[Migration, ...] = MIGRATIONS
NEWER: tuple[Migration, ...] = (
    *OLDER,
    ("ALTER TABLE head ADD COLUMN note TEXT", "UPDATE head SET note = 'was at ' || revision"),
)
BROKEN: tuple[Migration, ...] = (
    *OLDER,
    ("ALTER TABLE head ADD COLUMN note TEXT", "UPDATE nowhere SET a = 1"),
)


def look(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_an_older_file_is_migrated_once_and_keeps_its_records(path: Path) -> None:
    written = fill(path)
    for _ in range(2):
        database = Database.open(path, migrations=NEWER)
        assert database.load() == written
        database.close()
    assert look(path, "SELECT note FROM head") == [("was at 1",)]
    assert look(path, "PRAGMA user_version") == [(2,)]


def test_a_migration_that_fails_leaves_the_older_schema(path: Path) -> None:
    written = fill(path)
    with pytest.raises(StoreRefused, match="cannot be opened: no such table: nowhere"):
        Database.open(path, migrations=BROKEN)
    database = Database.open(path)
    assert database.load() == written
    database.close()


def test_a_new_file_is_made_by_all_migrations(path: Path) -> None:
    Database.open(path, migrations=NEWER).close()
    assert look(path, "PRAGMA user_version") == [(2,)]


# --- one process ---


def test_a_second_process_is_told_who_has_the_file(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from muster.storage.sqlite.database import Database; "
        "held = Database.open(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        said = refusal(path)
        assert f"is in use by process {holder.pid} (" in said
        assert "stop that one first, or choose another --data directory" in said
        holder.kill()
    Database.open(path).close()


def test_a_foreign_connection_is_kept_out_while_the_store_is_open(path: Path) -> None:
    database = Database.open(path)
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM records')"
    tried = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert "database is locked" in tried.stderr
    database.close()
