"""One walk over the file system, compared with the current state folder by folder.

The names of a folder and its rows in the state are both sorted, and are gone through together: what is needed of memory
is the names of one folder and the open folders above it, however many files there are. A file counts as unchanged if
its inode, size, and times of modification and change are those of the last look; the time of last access says nothing.
Of the unchanged files, one in ROTATION is read again in each scan, so that forged times are found.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from agent.host.contract import Host
from agent.host.errors import AbsentError, HostError
from agent.host.trees import Folder, StoppedReadingError
from agent.integrity.filesystem.budget import BATCH
from agent.integrity.filesystem.classification import classify
from agent.integrity.filesystem.owned import NOBODY, Owned
from agent.integrity.filesystem.paths import shown_path
from agent.integrity.filesystem.records import DIGEST_ALGORITHM, ChangeKind, deleted_line, present_line
from agent.integrity.filesystem.scope import Scope, Skipping
from agent.integrity.packages import capabilities

#: A scan reads one in so many of the files that seem not to have changed.
ROTATION: Final = 24
#: Folders in folders. Each one is an open descriptor while what is below it is walked.
MAX_DEPTH: Final = 128
MAX_PROBLEMS: Final = 50
_ROWS: Final = 2000
_EXECUTABLE_BITS: Final = 0o111
SETUID, SETGID, CAPABILITIES = 1, 2, 4

#: inode, size, times of modification and change, mode, user, group, device number.
STAMP: Final = struct.Struct("<QqqqIIIQ")
_MODE_AT: Final = struct.Struct("<32xI")
Row: TypeAlias = tuple[bytes, bytes, bytes | None, int, int, str]
_SELECT: Final = (
    "SELECT name, stamp, digest, package, flags, capabilities FROM file WHERE folder = ? AND name > ? ORDER BY name"
    " LIMIT ?"
)


class StoppedError(Exception):
    """Whoever asked for the scan no longer wants it."""


@dataclass(slots=True)
class Counts:
    """Numbers of files: all, what has become of them, whose they are, and those that could not be read."""

    files: int = 0
    created: int = 0
    contents_modified: int = 0
    metadata_modified: int = 0
    deleted: int = 0
    unowned: int = 0
    unowned_privileged: int = 0
    unreadable: int = 0
    rehashed: int = 0

    def add(self, change: ChangeKind) -> None:
        name = _COUNTERS[change]
        setattr(self, name, getattr(self, name) + 1)


_COUNTERS: Final[dict[str, str]] = {
    ChangeKind.CREATED: "created",
    ChangeKind.CONTENTS: "contents_modified",
    ChangeKind.METADATA: "metadata_modified",
    ChangeKind.DELETED: "deleted",
}


@dataclass(slots=True)
class Scan:
    """A walk. Made for one scan.

    Attributes:
        connection: of the transaction that the scan is; None for a walk that is compared with nothing.
        write: takes the lines of the snapshot.
        is_full: whether files that have not changed have a line too.
        rotation: which of the unchanged files are read again; None for all.
        pause: called after each batch of files with the number so far; raises StoppedError.
    """

    host: Host
    scope: Scope
    connection: sqlite3.Connection | None
    owned: Owned
    write: Callable[[bytes], None]
    is_full: bool
    rotation: int | None
    pause: Callable[[int], None]
    is_stopped: Callable[[], bool]
    counts: Counts = field(default_factory=Counts)
    problems: list[str] = field(default_factory=list)
    _skipping: Skipping = field(init=False)
    _until_pause: int = BATCH
    _rows: list[tuple[object, ...]] = field(default_factory=list)

    def run(self) -> None:
        """Walk. Raises StoppedError, HostError (a folder to begin with can't be opened), and sqlite3.Error."""
        self._skipping = Skipping.of(self.scope, self.host)
        try:
            for path in self.scope.folders:
                folder = self.host.open_folder(os.fsdecode(path) or "/")
                try:
                    self._walk(path, folder, 0)
                finally:
                    folder.close()
            self.flush()
        except StoppedReadingError:
            raise StoppedError from None

    def keep(self, row: tuple[object, ...]) -> None:
        """Write a row of the state, with others: no folder's rows are read again in a scan."""
        self._rows.append(row)
        if len(self._rows) >= _ROWS:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            assert self.connection is not None
            self.connection.executemany("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?)", self._rows)
            self._rows.clear()

    def _walk(self, path: bytes, folder: Folder, depth: int) -> None:
        try:
            names = folder.names()
        except HostError as error:
            self._problem(path, error)
            return
        if not path:
            # The root folder is an entry of no folder: it is the one without a name.
            names.insert(0, b"")
        for name in self._entries(path, folder, names):
            self._descend(path, folder, name, depth)

    def _descend(self, path: bytes, folder: Folder, name: bytes, depth: int) -> None:
        below = path + b"/" + name
        if depth >= MAX_DEPTH:
            self._tell(f"{shown_path(below)}: more than {MAX_DEPTH} folders deep; it is not looked at")
            return
        try:
            opened = folder.folder(name)
        except HostError as error:
            self._problem(below, error)
            return
        try:
            # It may be another one than a moment ago.
            if not self._skipping.is_foreign(opened.own_status(), folder.own_status().st_dev):
                self._walk(below, opened, depth + 1)
        finally:
            opened.close()

    def _entries(self, path: bytes, folder: Folder, names: list[bytes]) -> list[bytes]:
        """Go through the names and the rows of one folder; the folders among them to walk next."""
        compared = _Compared(self, path, folder)
        skipped = self._skipping.in_folder(path)
        folders: list[bytes] = []
        device = folder.own_status().st_dev
        for name in names:
            self._until_pause -= 1
            if not self._until_pause:
                self._until_pause = BATCH
                self.pause(self.counts.files)
            if name in skipped:
                compared.skip(name)
                continue
            try:
                status = folder.status(name) if name else folder.own_status()
            except AbsentError:
                continue
            except HostError as error:
                compared.keep(name)
                self._problem(path + b"/" + name, error)
                continue
            if stat.S_ISDIR(status.st_mode) and name:
                if self._skipping.is_foreign(status, device):
                    compared.skip(name)
                    continue
                folders.append(name)
            compared.found(name, status)
        compared.finish()
        return folders

    def _problem(self, path: bytes, error: HostError) -> None:
        # What has gone while it was looked for is no problem.
        if not isinstance(error, AbsentError):
            self._tell(f"{shown_path(path) or '/'}: {error.reason}")

    def _tell(self, problem: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


class _Compared:
    """One folder: what is found in it against its rows."""

    def __init__(self, scan: Scan, path: bytes, folder: Folder) -> None:
        self._scan = scan
        self._path = path
        self._folder = folder
        self._connection = scan.connection
        self._id = self._folder_id() if scan.connection is not None else 0
        self._rows = self._read()
        self._row = next(self._rows, None)
        self._owners: dict[bytes, int] | None = None

    def found(self, name: bytes, status: os.stat_result) -> None:
        """A file that is there."""
        scan = self._scan
        row = self._row_of(name)
        stamp = STAMP.pack(
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_mode,
            status.st_uid,
            status.st_gid,
            status.st_rdev,
        )
        counts = scan.counts
        counts.files += 1
        change: ChangeKind | None = None
        if row is not None and row[1] == stamp:
            _, _, digest, package, flags, caps = row
            if scan.owned.is_new and (owner := self._owner(name)) != package:
                package, change = owner, ChangeKind.METADATA
            is_due = scan.rotation is None or (status.st_ino + scan.rotation) % ROTATION == 0
            if is_due and stat.S_ISREG(status.st_mode):
                counts.rehashed += 1
                read = self._digest(name, status)
                if read is not None and read != digest:
                    # What could not be read before need not be other than it was.
                    change = ChangeKind.METADATA if digest is None else ChangeKind.CONTENTS
                    digest = read
        else:
            package = self._owner(name)
            digest = self._content(name, status)
            caps = self._capabilities(name, status)
            flags = _flags(status.st_mode, caps)
            change = self._change(row, status, digest)
        if package == NOBODY:
            counts.unowned += 1
            if flags:
                counts.unowned_privileged += 1
        if change is not None:
            counts.add(change)
            if scan.connection is not None:
                scan.keep((self._id, name, stamp, digest, package, flags, caps))
        elif not scan.is_full:
            return
        scan.write(
            present_line(
                self._path + b"/" + name,
                status,
                classify(self._path, name, status.st_mode),
                scan.owned.members(package),
                digest=digest,
                has_content=stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode),
                capabilities=caps,
                change=change if scan.connection is not None else None,
            )
        )

    def skip(self, name: bytes) -> None:
        """What is not in the scope: if it was, it goes without a word."""
        row = self._row_of(name)
        if row is not None:
            self._delete(row, told=False)

    def keep(self, name: bytes) -> None:
        """What can't be looked at now."""
        self._row_of(name)

    def finish(self) -> None:
        """No further names: the rows that are left are of files that have gone."""
        while self._row is not None:
            self._delete(self._row)
            self._row = next(self._rows, None)

    def _row_of(self, name: bytes) -> Row | None:
        """The row of a name, which is taken; rows before it are of files that have gone."""
        row = self._row
        while row is not None and row[0] < name:
            self._delete(row)
            row = self._row = next(self._rows, None)
        if row is None or row[0] != name:
            return None
        self._row = next(self._rows, None)
        return row

    def _change(self, row: Row | None, status: os.stat_result, digest: bytes | None) -> ChangeKind:
        if row is None:
            return ChangeKind.CREATED
        before = STAMP.unpack(row[1])
        if stat.S_ISDIR(before[4]) and not stat.S_ISDIR(status.st_mode):
            self._forget(self._path + b"/" + row[0])
        is_same = stat.S_IFMT(before[4]) == stat.S_IFMT(status.st_mode) and before[7] == status.st_rdev
        return ChangeKind.METADATA if is_same and row[2] == digest else ChangeKind.CONTENTS

    def _content(self, name: bytes, status: os.stat_result) -> bytes | None:
        if stat.S_ISREG(status.st_mode):
            return self._digest(name, status)
        if stat.S_ISLNK(status.st_mode):
            try:
                return hashlib.sha256(self._folder.link(name)).digest()
            except HostError:
                self._scan.counts.unreadable += 1
        return None

    def _digest(self, name: bytes, status: os.stat_result) -> bytes | None:
        scan = self._scan
        if status.st_size <= scan.scope.max_file_bytes:
            try:
                return self._folder.digest(name, DIGEST_ALGORITHM, status, scan.is_stopped)
            except HostError:
                pass
        scan.counts.unreadable += 1
        return None

    def _capabilities(self, name: bytes, status: os.stat_result) -> str:
        if not stat.S_ISREG(status.st_mode) or not status.st_mode & _EXECUTABLE_BITS:
            return ""
        try:
            return capabilities.from_attribute(self._folder.attribute(name, capabilities.ATTRIBUTE))
        except (HostError, capabilities.CapabilityError):
            return ""

    def _owner(self, name: bytes) -> int:
        if self._owners is None:
            self._owners = self._scan.owned.in_folder(self._path)
        return self._owners.get(name, NOBODY)

    # The rows --------------------------------------------------------------------------------------------------------

    def _folder_id(self) -> int:
        assert self._connection is not None
        row = self._connection.execute("SELECT id FROM folder WHERE path = ?", (self._path,)).fetchone()
        if row is None:
            return int(self._connection.execute("INSERT INTO folder (path) VALUES (?)", (self._path,)).lastrowid or 0)
        return int(row[0])

    def _read(self) -> Iterator[Row]:
        """The rows of the folder by name, some at a time: those behind may be changed while these are gone through."""
        if self._connection is None:
            return
        # Nothing is before the empty name but nothing at all.
        last: object = -1
        while rows := self._connection.execute(_SELECT, (self._id, last, _ROWS)).fetchall():
            yield from rows
            if len(rows) < _ROWS:
                return
            last = rows[-1][0]

    def _delete(self, row: Row, *, told: bool = True) -> None:
        assert self._connection is not None
        path = self._path + b"/" + row[0]
        (mode,) = _MODE_AT.unpack_from(row[1])
        if stat.S_ISDIR(mode) and row[0]:
            self._forget(path, told=told)
        self._connection.execute("DELETE FROM file WHERE folder = ? AND name = ?", (self._id, row[0]))
        if told:
            self._tell_deleted(self._path, row[0], mode, row[3])

    def _forget(self, path: bytes, *, told: bool = True) -> None:
        """All that was below a folder that has gone."""
        assert self._connection is not None
        # "0" comes behind "/".
        folders = self._connection.execute(
            "SELECT id, path FROM folder WHERE path = ? OR (path > ? AND path < ?) ORDER BY path",
            (path, path + b"/", path + b"0"),
        ).fetchall()
        for number, folder in folders:
            last: object = -1
            while rows := self._connection.execute(_SELECT, (number, last, _ROWS)).fetchall():
                for row in rows if told else ():
                    self._tell_deleted(folder, row[0], _MODE_AT.unpack_from(row[1])[0], row[3])
                last = rows[-1][0]
            self._connection.execute("DELETE FROM file WHERE folder = ?", (number,))
            self._connection.execute("DELETE FROM folder WHERE id = ?", (number,))

    def _tell_deleted(self, folder: bytes, name: bytes, mode: int, package: int) -> None:
        scan = self._scan
        scan.counts.add(ChangeKind.DELETED)
        scan.write(deleted_line(folder + b"/" + name, classify(folder, name, mode), scan.owned.members(package)))


def _flags(mode: int, caps: str) -> int:
    if not stat.S_ISREG(mode):
        return 0
    return (
        (SETUID if mode & stat.S_ISUID else 0) | (SETGID if mode & stat.S_ISGID else 0) | (CAPABILITIES if caps else 0)
    )
