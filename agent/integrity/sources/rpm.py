"""The packages of rpm, from its SQLite database, without rpm.

The database is in WAL mode and belongs to root, so an ordinary user can't open it where it is. Its two files are read,
put into a private temporary folder and opened there; SQLite then brings in what is only in the WAL. If either file
changes while they are being read, they are read again.
"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from agent.host.contract import FileStatus, Host
from agent.host.errors import AbsentError, HostError
from agent.integrity.errors import ResultCode, SourceUnavailableError, unavailable
from agent.integrity.sources.reading import optional
from agent.integrity.sources.rpm_header import RpmHeaderError, RpmPackage, parse_header

#: Where distributions keep it: the newer place first.
DATABASE_FOLDERS = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
_SQLITE_NAME = "rpmdb.sqlite"
#: Other backends, by the file that shows them.
_OTHER_BACKENDS = {"Packages.db": "ndb", "Packages": "Berkeley DB"}

MAX_DATABASE_BYTES = 512 * 1024 * 1024
MAX_PACKAGES = 100_000
READ_ATTEMPTS = 3


def rpm_packages(host: Host) -> list[RpmPackage]:
    """The packages in the rpm database, by name, version and architecture; raises SourceUnavailableError."""
    try:
        database = _find_database(host)
        content, wal = _read_unchanged(host, database)
    except HostError as error:
        raise unavailable(error) from None
    packages = [_package(blob) for blob in _headers(content, wal)]
    return sorted(packages, key=lambda package: (package.name, package.version, package.release, package.architecture))


def _package(blob: object) -> RpmPackage:
    if not isinstance(blob, bytes):
        raise RpmHeaderError("it is not a blob")
    return parse_header(blob)


def _find_database(host: Host) -> str:
    refusals: list[HostError] = []
    for folder in DATABASE_FOLDERS:
        path = f"{folder}/{_SQLITE_NAME}"
        try:
            host.stat(path)
        except AbsentError:
            continue
        except HostError as error:
            refusals.append(error)
            continue
        return path
    if refusals:
        raise refusals[0]
    for folder in DATABASE_FOLDERS:
        for name, backend in _OTHER_BACKENDS.items():
            if optional(lambda path=f"{folder}/{name}": host.stat(path)) is not None:  # type: ignore[misc]
                raise SourceUnavailableError(
                    f"the rpm database in {folder} is kept in {backend}, which this version does not read",
                    ResultCode.NOT_SUPPORTED,
                )
    raise SourceUnavailableError("there is no rpm database")


def _read_unchanged(host: Host, database: str) -> tuple[bytes, bytes]:
    """The database and its WAL (empty if there is none) as they were at one moment."""
    wal_path = f"{database}-wal"

    def state() -> tuple[FileStatus, FileStatus | None]:
        return host.stat(database), optional(lambda: host.stat(wal_path))

    for _ in range(READ_ATTEMPTS):
        before = state()
        content = host.read_file(database, MAX_DATABASE_BYTES)
        try:
            wal = host.read_file(wal_path, MAX_DATABASE_BYTES)
        except AbsentError:
            wal = b""
        if state() == before:
            return content, wal
    raise SourceUnavailableError("the rpm database is being changed", ResultCode.FAILED)


def _headers(content: bytes, wal: bytes) -> list[object]:
    with tempfile.TemporaryDirectory(prefix="trustconf-rpm-") as folder:
        copy = Path(folder, _SQLITE_NAME)
        copy.write_bytes(content)
        if wal:
            Path(folder, f"{_SQLITE_NAME}-wal").write_bytes(wal)
        try:
            connection = sqlite3.connect(copy)
            try:
                # The file may be anybody's: no functions or views of its own, no extensions.
                connection.execute("PRAGMA trusted_schema = OFF")
                rows = connection.execute("SELECT blob FROM Packages LIMIT ?", (MAX_PACKAGES + 1,)).fetchall()
            finally:
                connection.close()
        except (sqlite3.Error, OverflowError, MemoryError):
            raise SourceUnavailableError("the rpm database is damaged", ResultCode.FAILED) from None
    if len(rows) > MAX_PACKAGES:
        raise SourceUnavailableError(f"rpm knows more than {MAX_PACKAGES} packages", ResultCode.LIMIT_EXCEEDED)
    return [row[0] for row in rows]
