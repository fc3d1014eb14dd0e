"""What the inventory keeps: the current state of every file in SQLite, and the snapshots as files beside it.

    state.db            the state, the list of the snapshots with their digests and signatures, the lists of packages
    SET-NUMBER.jsonl.z  a snapshot (blocks.py); set 0 is the chain of all, 1 to 5 are the directory sets

A scan is one transaction. Its snapshot's file is durable before the transaction ends, and a file that the database does
not know is removed when the store is opened: after a loss of power there are either the snapshot and the state that
goes with it, or neither. Readers see what was there before a scan until it has ended.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from agent.integrity.filesystem.blocks import BlockError, read_lines

DATABASE_NAME: Final = "state.db"
#: The set of the snapshots of everything.
CHAIN: Final = 0
_SUFFIX: Final = ".jsonl.z"
_PART: Final = ".part"
_VERSION: Final = 1
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_BUSY_SECONDS: Final = 10.0
#: KiB of pages that the writer keeps.
_CACHE: Final = 16 * 1024

_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE package (id INTEGER PRIMARY KEY, kind TEXT, name TEXT, version TEXT, UNIQUE (kind, name, version));
CREATE TABLE owned (folder BLOB, name BLOB, package INTEGER, PRIMARY KEY (folder, name)) WITHOUT ROWID;
CREATE TABLE folder (id INTEGER PRIMARY KEY, path BLOB UNIQUE);
CREATE TABLE file (
    folder INTEGER, name BLOB, stamp BLOB, digest BLOB, package INTEGER, flags INTEGER, capabilities TEXT,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;
CREATE INDEX privileged ON file (folder, name) WHERE flags <> 0;
CREATE TABLE snapshot (
    directory_set INTEGER, number INTEGER, is_full INTEGER, time INTEGER, header BLOB, digest BLOB, size INTEGER,
    algorithm TEXT, signature BLOB, certificates BLOB, counts TEXT, PRIMARY KEY (directory_set, number)
) WITHOUT ROWID;
"""


class StoreError(Exception):
    """The store can't be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is kept of a snapshot beside its file.

    Attributes:
        directory_set: CHAIN, or the number of a directory set.
        number: its block number.
        time: when it was begun; aware, whole seconds.
        header: the first line of the file.
        digest: of all lines.
        size: of the file, in bytes.
        algorithm: a name of signatures.ALGORITHMS, or "" if it is not signed.
        certificates: DER, the signer's first; each with its length in four bytes before it.
        counts: numbers of files by what has become of them, as JSON (scan.Counts).
    """

    directory_set: int
    number: int
    is_full: bool
    time: datetime
    header: bytes
    digest: bytes
    size: int
    algorithm: str
    signature: bytes
    certificates: bytes
    counts: str


class InventoryStore:
    """The store in `folder`, made when it is not there. Any thread may read; one scan at a time may write.

    Raises StoreError.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._readers = 0
        self._unlinked: set[Path] = set()
        # Reentrant: a reader may be let go by the garbage collector, at any time.
        self._lock = threading.RLock()
        with _told(folder):
            folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            database = folder / DATABASE_NAME
            with contextlib.suppress(FileExistsError):
                os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _FILE_MODE))
            self._writer = self._connect()
            try:
                self._prepare()
            except BaseException:
                self._writer.close()
                raise
        self._remove_leftovers()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.folder / DATABASE_NAME, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        for setting in ("synchronous = FULL", "trusted_schema = OFF", f"cache_size = -{_CACHE}"):
            connection.execute(f"PRAGMA {setting}")
        return connection

    def _prepare(self) -> None:
        writer = self._writer
        version = writer.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            raise StoreError(f"{self.folder} was written by another version of the agent. Move it away.")
        writer.execute("PRAGMA journal_mode = WAL")
        if version == 0:
            writer.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")

    def _remove_leftovers(self) -> None:
        """Files of scans that did not end, and of snapshots that are no longer kept."""
        kept = {self.path(each.directory_set, each.number).name for each in self.snapshots(None)}
        for name in os.listdir(self.folder):
            if name.endswith(_PART) or (name.endswith(_SUFFIX) and name not in kept):
                (self.folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Using it afterwards is an error."""
        self._writer.close()

    # Reading ---------------------------------------------------------------------------------------------------------

    def path(self, directory_set: int, number: int) -> Path:
        """The file of a snapshot."""
        return self.folder / f"{directory_set}-{number:010}{_SUFFIX}"

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state in all its queries."""
        with _told(self.folder):
            connection = self._connect()
            try:
                connection.execute("PRAGMA query_only = ON")
                connection.execute("BEGIN")
                yield connection
            finally:
                connection.close()

    def snapshots(self, directory_set: int | None = CHAIN) -> list[Snapshot]:
        """Those of a set, oldest first; of all sets for None."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT * FROM snapshot WHERE ?1 IS NULL OR directory_set = ?1 ORDER BY directory_set, number",
                (directory_set,),
            ).fetchall()
        return [_snapshot(row) for row in rows]

    def lines(self, snapshot: Snapshot) -> Iterator[bytes]:
        """The lines of a snapshot's files, without the header. Raises BlockError."""
        with self.keeping():
            lines = read_lines(self.path(snapshot.directory_set, snapshot.number))
            if next(lines, b"") != snapshot.header:
                raise BlockError("does not begin as it should")
            yield from lines

    @contextlib.contextmanager
    def keeping(self) -> Iterator[None]:
        """Inside the block no snapshot's file is removed."""
        with self._lock:
            self._readers += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1
            self._unlink_pending()

    # Writing ---------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, durable when the block ends, undone when it raises."""
        writer = self._writer
        with _told(self.folder):
            writer.execute("BEGIN IMMEDIATE")
            try:
                yield writer
                writer.execute("COMMIT")
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise
            # The log is as long as the largest transaction; nobody needs it any more.
            writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def part(self, directory_set: int, number: int) -> Path:
        """Where a snapshot is written until it is whole; what an earlier scan has left there is removed."""
        path = self.path(directory_set, number).with_suffix(_PART)
        path.unlink(missing_ok=True)
        return path

    def put(self, connection: sqlite3.Connection, snapshot: Snapshot) -> None:
        """Give the part its name, and add the snapshot to the transaction."""
        path = self.path(snapshot.directory_set, snapshot.number)
        with _told(self.folder):
            path.with_suffix(_PART).rename(path)
            _sync(self.folder)
            connection.execute(
                "INSERT INTO snapshot VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    snapshot.directory_set,
                    snapshot.number,
                    snapshot.is_full,
                    int(snapshot.time.timestamp()),
                    snapshot.header,
                    snapshot.digest,
                    snapshot.size,
                    snapshot.algorithm,
                    snapshot.signature,
                    snapshot.certificates,
                    snapshot.counts,
                ),
            )

    def drop(self, connection: sqlite3.Connection, directory_set: int, before: int) -> list[Path]:
        """Take the snapshots before a number out of the list; gives the files to `unlink` after the transaction."""
        condition = (directory_set, before)
        numbers = connection.execute(
            "SELECT number FROM snapshot WHERE directory_set = ? AND number < ?", condition
        ).fetchall()
        connection.execute("DELETE FROM snapshot WHERE directory_set = ? AND number < ?", condition)
        return [self.path(directory_set, number) for (number,) in numbers]

    def unlink(self, paths: list[Path]) -> None:
        """Remove files of snapshots that are no longer listed: now, or when nobody reads any more."""
        with self._lock:
            self._unlinked.update(paths)
        self._unlink_pending()

    def _unlink_pending(self) -> None:
        with self._lock:
            if self._readers:
                return
            for path in self._unlinked:
                with contextlib.suppress(OSError):
                    path.unlink()
            self._unlinked.clear()


def meta(connection: sqlite3.Connection, name: str) -> Any:
    """A value that `set_meta` has kept; None if there is none."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def set_meta(connection: sqlite3.Connection, name: str, value: Any) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))


def _snapshot(row: tuple[Any, ...]) -> Snapshot:
    directory_set, number, is_full, time, *rest = row
    return Snapshot(directory_set, number, bool(is_full), datetime.fromtimestamp(time, UTC), *rest)


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(f"The inventory in {folder} can't be used now ({error}).") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"The inventory in {folder} is damaged ({error}). Move it away to begin anew.") from error
    except OSError as error:
        raise StoreError(f"The inventory in {folder} can't be used ({error.strerror}).") from error
