"""The database: what is acknowledged is there, what failed is not, and nobody waits for nothing."""

from __future__ import annotations

import sqlite3
import stat
import threading

import pytest

from agent.storage.database import Database
from agent.storage.errors import DatabaseError, StorageUnavailableError
from agent.storage.migrations import MIGRATIONS, Migration

INSERT = "INSERT INTO certificate_serial (only_row, next) VALUES (1, ?)"
COUNT = "SELECT next FROM certificate_serial"


def tables(path):
    connection = sqlite3.connect(path)
    try:
        return set(connection.execute("SELECT type, name, sql FROM sqlite_master"))
    finally:
        connection.close()


def fail_after(database, work):
    with database.transaction() as transaction:
        work(transaction)
        raise ZeroDivisionError


def test_a_committed_transaction_outlives_the_object(tmp_path):
    database = Database.open(tmp_path / "a.db")
    with database.transaction() as transaction:
        transaction.execute(INSERT, (7,))
    database.close()
    again = Database.open(tmp_path / "a.db")
    assert again.query(COUNT)[0]["next"] == 7
    again.close()


def test_nothing_of_a_failed_transaction_is_there_and_the_next_one_works(database):
    with pytest.raises(ZeroDivisionError):
        fail_after(database, lambda transaction: transaction.execute(INSERT, (1,)))
    assert database.query(COUNT) == []
    with database.transaction() as transaction:
        transaction.execute(INSERT, (2,))
    assert database.query(COUNT)[0]["next"] == 2


def test_readers_see_the_last_commit_and_the_writer_its_own_changes(database):
    with database.transaction() as transaction:
        transaction.execute(INSERT, (1,))
        assert transaction.query(COUNT)[0]["next"] == 1
        assert database.query(COUNT) == []
    assert database.query(COUNT)[0]["next"] == 1


def test_a_snapshot_is_of_one_commit(database):
    def write(number):
        with database.transaction() as transaction:
            transaction.execute("INSERT OR REPLACE INTO certificate_serial (only_row, next) VALUES (1, ?)", (number,))

    write(1)
    with database.snapshot():
        assert database.query(COUNT)[0]["next"] == 1
        write(2)
        with database.snapshot():
            assert database.query(COUNT)[0]["next"] == 1
        elsewhere = threading.Thread(target=lambda: seen.append(database.query(COUNT)[0]["next"]))
        seen: list[int] = []
        elsewhere.start()
        elsewhere.join()
        assert seen == [2]
    assert database.query(COUNT)[0]["next"] == 2
    with pytest.raises(ZeroDivisionError), database.snapshot():
        raise ZeroDivisionError
    write(3)
    assert database.query(COUNT)[0]["next"] == 3


def test_a_reader_can_not_write(database):
    with pytest.raises(StorageUnavailableError):
        database.query("INSERT INTO certificate_serial (only_row, next) VALUES (1, 1) RETURNING next")
    assert database.query(COUNT) == []


def test_a_transaction_inside_a_transaction_is_an_error_not_a_deadlock(database):
    with database.transaction(), pytest.raises(RuntimeError, match="inside"), database.transaction():
        pass


def test_a_transaction_is_dead_after_its_block(database):
    with database.transaction() as transaction:
        pass
    with pytest.raises(RuntimeError, match="ended"):
        transaction.execute(INSERT, (1,))


def test_actions_run_after_a_commit_and_never_after_a_failure(database):
    seen = []
    with database.transaction() as transaction:
        transaction.execute(INSERT, (5,))
        transaction.after_commit(lambda: 1 / 0)
        transaction.after_commit(lambda: seen.append(database.query(COUNT)[0]["next"]))
        assert seen == []
    assert seen == [5], "an action that fails does not keep the others from running"
    with pytest.raises(ZeroDivisionError):
        fail_after(database, lambda transaction: transaction.after_commit(lambda: seen.append("failed")))
    assert seen == [5]


def test_an_action_may_start_a_transaction(database):
    def write():
        with database.transaction() as inner:
            inner.execute(INSERT, (9,))

    with database.transaction() as transaction:
        transaction.after_commit(write)
    assert database.query(COUNT)[0]["next"] == 9


def test_settings_that_durability_and_integrity_rest_on(database):
    with database.transaction() as transaction:
        setting = {name: transaction.query(f"PRAGMA {name}")[0][0] for name in ("synchronous", "foreign_keys")}
        mode = transaction.query("PRAGMA journal_mode")[0][0]
    assert setting == {"synchronous": 2, "foreign_keys": 1}
    assert mode == "wal"


def test_foreign_keys_hold(database):
    with pytest.raises(sqlite3.IntegrityError), database.transaction() as transaction:
        transaction.execute("INSERT INTO key_parts VALUES ('rsa', 'x', 'general', x'00', x'00')")


def test_many_threads_write_and_read_at_once(database):
    with database.transaction() as transaction:
        transaction.execute(INSERT, (0,))
    failures = []

    def work():
        try:
            for _ in range(20):
                with database.transaction() as own:
                    number = own.query(COUNT)[0]["next"]
                    own.execute("UPDATE certificate_serial SET next = ?", (number + 1,))
                assert database.query(COUNT)[0]["next"] > number
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert database.query(COUNT)[0]["next"] == 160


def test_a_reader_does_not_wait_for_a_writer(database):
    with database.transaction() as transaction:
        transaction.execute(INSERT, (1,))
        answers = []
        reader = threading.Thread(target=lambda: answers.append(database.query(COUNT)))
        reader.start()
        reader.join(timeout=10)
        assert answers == [[]]


def test_files_are_private(tmp_path):
    database = Database.open(tmp_path / "a.db")
    with database.transaction() as transaction:
        transaction.execute(INSERT, (1,))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"a.db": 0o600, "a.db-wal": 0o600, "a.db-shm": 0o600}
    database.close()


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "a.db"
    path.write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(DatabaseError, match="damaged or not a database"):
        Database.open(path)
    assert path.read_bytes().startswith(b"not a database")


def test_a_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(DatabaseError, match="another program"):
        Database.open(path)


def test_a_database_of_a_newer_version_is_left_alone(tmp_path):
    newer = (*MIGRATIONS, Migration("the future", ("CREATE TABLE future (x)",)))
    Database.open(tmp_path / "a.db", newer).close()
    with pytest.raises(DatabaseError, match="newer program"):
        Database.open(tmp_path / "a.db")


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StorageUnavailableError, match="can't be created"):
        Database.open(tmp_path / "missing" / "a.db")


@pytest.mark.parametrize("version", range(len(MIGRATIONS) + 1))
def test_every_version_becomes_the_current_one(tmp_path, version):
    Database.open(tmp_path / "fresh.db").close()
    Database.open(tmp_path / "old.db", MIGRATIONS[:version]).close()
    Database.open(tmp_path / "old.db").close()
    assert tables(tmp_path / "old.db") == tables(tmp_path / "fresh.db")


def test_migrations_keep_what_is_stored_and_run_once(tmp_path):
    first = Migration("a list", ("CREATE TABLE items (name TEXT)",))
    second = Migration("with a price", ("ALTER TABLE items ADD COLUMN price INTEGER NOT NULL DEFAULT 1",))
    database = Database.open(tmp_path / "a.db", (first,))
    with database.transaction() as transaction:
        transaction.execute("INSERT INTO items VALUES ('pear')")
    database.close()
    for _ in range(2):
        database = Database.open(tmp_path / "a.db", (first, second))
        assert [tuple(row) for row in database.query("SELECT * FROM items")] == [("pear", 1)]
        database.close()


def test_a_migration_that_fails_leaves_the_version_before_it(tmp_path):
    good = Migration("good", ("CREATE TABLE good (x)",))
    bad = Migration("bad", ("CREATE TABLE half (x)", "CREATE TABLE good (x)"))
    with pytest.raises(StorageUnavailableError):
        Database.open(tmp_path / "a.db", (good, bad))
    assert {name for _, name, _ in tables(tmp_path / "a.db")} == {"good"}
    Database.open(tmp_path / "a.db", (good,)).close()


def test_a_closed_database_says_so(tmp_path):
    database = Database.open(tmp_path / "a.db")
    database.close()
    with pytest.raises(StorageUnavailableError, match="closed"):
        database.query(COUNT)


def test_a_full_disk_undoes_the_transaction_and_is_told(database):
    with database.transaction() as transaction:
        pages = transaction.query("PRAGMA page_count")[0][0]
        transaction.query(f"PRAGMA max_page_count = {pages + 2}")

    def fill(transaction):
        transaction.execute(INSERT, (1,))
        transaction.execute("INSERT INTO checkpoints VALUES (1, zeroblob(1000000))")

    with pytest.raises(StorageUnavailableError, match="full"):
        fail_after(database, fill)
    assert database.query(COUNT) == []
    with database.transaction() as transaction:
        transaction.execute(INSERT, (2,))
    assert database.query(COUNT)[0]["next"] == 2
