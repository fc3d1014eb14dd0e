"""The packages of rpm, from its SQLite database, without rpm; other databases through rpm's own `rpmdb --exportdb`.

The SQLite database is in WAL mode and belongs to root, so an ordinary user can't open it where it is. Its two files are
read, put into a private temporary folder and opened there; SQLite then brings in what is only in the WAL. If either
file changes while they are being read, they are read again.
"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from agent.host.commands import RPM_EXPORTS
from agent.host.contract import FileStatus, Host
from agent.host.errors import AbsentError, HostError
from agent.integrity.errors import ResultCode, SourceUnavailableError, unavailable
from agent.integrity.sources.reading import optional
from agent.integrity.sources.rpm_header import MAGIC, RpmHeaderError, RpmPackage, header_length, parse_header

#: Where distributions keep it: the newer place first.
DATABASE_FOLDERS = tuple(RPM_EXPORTS)
_SQLITE_NAME = "rpmdb.sqlite"
#: Other backends, by the file that shows them.
_OTHER_BACKENDS = {"Packages.db": "ndb", "Packages": "Berkeley DB"}

MAX_DATABASE_BYTES = 512 * 1024 * 1024
MAX_PACKAGES = 100_000
READ_ATTEMPTS = 3
#: Seconds that rpm may need to write out its database.
EXPORT_SECONDS = 120.0


def rpm_packages(host: Host) -> list[RpmPackage]:
    """The packages in the rpm database, by name, version and architecture; raises SourceUnavailableError."""
    packages = [_package(blob) for blob in rpm_headers(host)]
    return sorted(packages, key=lambda package: (package.name, package.version, package.release, package.architecture))


def rpm_headers(host: Host) -> list[object]:
    """The headers in the rpm database as they are: bytes, or whatever somebody has put in their place.

    Raises SourceUnavailableError.
    """
    try:
        folder, name = database_file(host)
        if name != _SQLITE_NAME:
            return _exported(host, folder, _OTHER_BACKENDS[name])
        content, wal = _read_unchanged(host, f"{folder}/{name}")
    except HostError as error:
        raise unavailable(error) from None
    return _headers(content, wal)


def database_file(host: Host) -> tuple[str, str]:
    """Folder and name of the database: the newer place and the newer kind first.

    Raises HostError if one may be there that can't be seen, SourceUnavailableError if there is none.
    """
    refusals: list[HostError] = []
    for name in (_SQLITE_NAME, *_OTHER_BACKENDS):
        for folder in DATABASE_FOLDERS:
            try:
                host.stat(f"{folder}/{name}")
            except AbsentError:
                continue
            except HostError as error:
                refusals.append(error)
                continue
            return folder, name
    if refusals:
        raise refusals[0]
    raise SourceUnavailableError("there is no rpm database")


def _package(blob: object) -> RpmPackage:
    if not isinstance(blob, bytes):
        raise RpmHeaderError("it is not a blob")
    return parse_header(blob)


def _exported(host: Host, folder: str, backend: str) -> list[object]:
    try:
        result = host.run(RPM_EXPORTS[folder], EXPORT_SECONDS, MAX_DATABASE_BYTES)
    except AbsentError:
        raise SourceUnavailableError(
            f"the rpm database in {folder} is kept in {backend}, and rpm's program rpmdb, which could read it, is not"
            " installed",
            ResultCode.NOT_SUPPORTED,
        ) from None
    if result.status != 0:
        raise SourceUnavailableError(f"rpmdb could not read the database in {folder}", ResultCode.FAILED)
    headers: list[object] = []
    position = 0
    while position < len(result.stdout):
        if not result.stdout.startswith(MAGIC, position):
            raise RpmHeaderError("it does not begin as one")
        position += len(MAGIC)
        length = header_length(result.stdout, position)
        headers.append(result.stdout[position : position + length])
        position += length
    return headers


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
