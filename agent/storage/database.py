"""The SQLite file: one writer at a time, any number of readers, nothing acknowledged is lost.

When `transaction()` has ended without an exception, what it wrote survives a kill of the process and a loss of power
(WAL with synchronous=FULL: the log is on disk before COMMIT returns). When it ended with an exception, nothing of it
is there. Transactions are short: whatever is slow (making a key, building a tree's JSON) is done before one begins.

Readers never wait for the writer. They see the last commit, in each query or, inside `snapshot()`, in all of them; a
writer that must see its own changes reads through its `Transaction`.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from agent.storage.errors import DatabaseError, StorageUnavailableError
from agent.storage.migrations import MIGRATIONS, Migration
from agent.storage.state_folder import sync_directory

log = logging.getLogger(__name__)

#: `PRAGMA application_id` of our files: "TCNF".
APPLICATION_ID: Final = 0x54434E46

#: How long to wait for another process (`trustconf user add`, a backup) that holds the file's write lock, in seconds.
BUSY_TIMEOUT: Final = 10.0

#: Read connections that are kept open when nobody uses them.
IDLE_READERS: Final = 4

Parameters = Sequence[Any]


class Transaction:
    """The writing side of one transaction, valid until its `with` block ends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection: sqlite3.Connection | None = connection
        self._after_commit: list[Callable[[], None]] = []

    def execute(self, sql: str, params: Parameters = ()) -> sqlite3.Cursor:
        """Run one statement. Raises StorageUnavailableError, or sqlite3.IntegrityError for a broken constraint."""
        if self._connection is None:
            raise RuntimeError("this transaction has ended")
        with _mapped_errors():
            return self._connection.execute(sql, params)

    def query(self, sql: str, params: Parameters = ()) -> list[sqlite3.Row]:
        """Rows as this transaction sees them, its own changes included."""
        return self.execute(sql, params).fetchall()

    def after_commit(self, action: Callable[[], None]) -> None:
        """Have `action` called once the transaction is durable, and never if it fails. It must not raise."""
        self._after_commit.append(action)

    def _end(self) -> list[Callable[[], None]]:
        self._connection = None
        return self._after_commit


class Database:
    """One open database. Safe to use from any number of threads."""

    def __init__(self, path: Path, writer: sqlite3.Connection) -> None:
        self.path = path
        self._writer = writer
        self._write_lock = threading.Lock()
        self._writing_thread: int | None = None
        self._readers_lock = threading.Lock()
        self._idle_readers: list[sqlite3.Connection] = []
        self._snapshots = threading.local()
        self._closed = False

    @classmethod
    def open(cls, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> Database:
        """Open the file, creating it (mode 0600) or bringing it to the current version as needed.

        Raises DatabaseError or StorageUnavailableError.
        """
        _create_file(path)
        try:
            writer = _connect(path)
            try:
                _check_identity(writer, path)
                writer.execute("PRAGMA journal_mode = WAL")
                _migrate(writer, path, migrations)
            except BaseException:
                writer.close()
                raise
        except sqlite3.OperationalError as error:
            raise StorageUnavailableError(f"The database {path} can't be opened: {error}.") from error
        except sqlite3.DatabaseError as error:
            raise DatabaseError(path, f"is damaged or not a database ({error}). Restore it from a backup.") from error
        return cls(path, writer)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction: durable when the block ends, undone when it raises.

        Waits for the writer before it. A second one inside the first of the same thread is a programming error
        (RuntimeError): pass the Transaction on instead.
        """
        if self._writing_thread == threading.get_ident():
            raise RuntimeError("a transaction inside a transaction; pass the outer one on")
        with self._write_lock:
            self._writing_thread = threading.get_ident()
            try:
                actions = yield from self._run_transaction()
            finally:
                self._writing_thread = None
        for action in actions:
            try:
                action()
            except Exception:
                log.exception("an action after a commit failed")

    def query(self, sql: str, params: Parameters = ()) -> list[sqlite3.Row]:
        """The rows of a SELECT over what is committed. Raises StorageUnavailableError."""
        shared: sqlite3.Connection | None = getattr(self._snapshots, "connection", None)
        if shared is not None:
            with _mapped_errors():
                return shared.execute(sql, params).fetchall()
        with self._reader() as connection, _mapped_errors():
            return connection.execute(sql, params).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Inside the block all queries of this thread see the same commit. For short blocks only: the log of the
        database grows meanwhile. Raises StorageUnavailableError."""
        if getattr(self._snapshots, "connection", None) is not None:
            yield
            return
        with self._reader() as connection:
            with _mapped_errors():
                connection.execute("BEGIN")
            self._snapshots.connection = connection
            try:
                yield
            finally:
                self._snapshots.connection = None
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        """Wait for the current transaction and close. Using the database afterwards is an error."""
        with self._write_lock, self._readers_lock:
            self._closed = True
            for connection in self._idle_readers:
                connection.close()
            self._idle_readers.clear()
            self._writer.close()

    def _run_transaction(self) -> Generator[Transaction, None, list[Callable[[], None]]]:
        """Yields the transaction; returns what to do after it."""
        with _mapped_errors():
            self._writer.execute("BEGIN IMMEDIATE")
        transaction = Transaction(self._writer)
        try:
            yield transaction
            with _mapped_errors():
                self._writer.execute("COMMIT")
        except BaseException:
            transaction._end()
            # After some failures (disk full) SQLite has rolled back by itself.
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise
        return transaction._end()

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        with self._readers_lock:
            if self._closed:
                raise StorageUnavailableError("The database is closed.")
            connection = self._idle_readers.pop() if self._idle_readers else None
        if connection is None:
            with _mapped_errors():
                connection = _connect(self.path)
                connection.execute("PRAGMA query_only = ON")
        try:
            yield connection
        finally:
            with self._readers_lock:
                keep = not self._closed and len(self._idle_readers) < IDLE_READERS
                if keep:
                    self._idle_readers.append(connection)
            if not keep:
                connection.close()


def _create_file(path: Path) -> None:
    """Make the file ourselves, so that neither it nor the log beside it is ever readable by others."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StorageUnavailableError(f"The database {path} can't be created: {error.strerror}.") from error
    sync_directory(path.parent)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    # secure_delete: a zeroized key's bytes are overwritten, sealed as they are.
    for setting in ("synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF", "secure_delete = ON"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def _check_identity(connection: sqlite3.Connection, path: Path) -> None:
    application_id = _pragma(connection, "application_id")
    if application_id == APPLICATION_ID:
        return
    if application_id or _pragma(connection, "user_version") or _pragma(connection, "schema_version"):
        raise DatabaseError(path, "is an SQLite database of another program.")


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    version = _pragma(connection, "user_version")
    if version > len(migrations):
        raise DatabaseError(
            path, f"has version {version}, this program knows up to {len(migrations)}. Use the newer program again."
        )
    for number, migration in enumerate(migrations[version:], start=version + 1):
        log.info("database %s: version %d (%s)", path, number, migration.purpose)
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have been here while this one waited for the lock.
            if _pragma(connection, "user_version") < number:
                for statement in migration.statements:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


@contextmanager
def _mapped_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StorageUnavailableError(f"The database can't be used now: {error}.") from error
    except sqlite3.DatabaseError as error:
        # Its subclasses tell of a wrong statement or a broken constraint; the class itself, of a damaged file.
        if type(error) is not sqlite3.DatabaseError:
            raise
        raise StorageUnavailableError(f"The database is damaged ({error}). Restore it from a backup.") from error
