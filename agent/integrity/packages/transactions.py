"""Whether packages are being installed or removed right now, and whether they were since somebody looked.

Package managers hold a lock of fcntl(2) on a file. Who holds one stands in /proc/locks, which everybody may read.
"""

from __future__ import annotations

import os
from typing import TypeAlias

from agent.host.contract import FileStatus, Host
from agent.integrity.sources.reading import optional

LOCK_FILES = (
    "/var/lib/dpkg/lock",
    "/var/lib/dpkg/lock-frontend",
    "/usr/lib/sysimage/rpm/.rpm.lock",
    "/var/lib/rpm/.rpm.lock",
)
DATABASE_FILES = (
    "/var/lib/dpkg/status",
    "/var/lib/dpkg/info",
    "/var/lib/dpkg/diversions",
    *(
        f"{folder}/{name}"
        for folder in ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
        for name in ("rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages.db", "Packages")
    ),
)
_LOCKS = "/proc/locks"
MAX_LOCKS_BYTES = 16 * 1024 * 1024

Stamp: TypeAlias = tuple[tuple[int, int, int, int] | None, ...]


def database_stamp(host: Host) -> Stamp:
    """A value that is another one when a package database has changed."""
    return tuple(_stamp(optional(lambda path=path: host.stat(path))) for path in DATABASE_FILES)  # type: ignore[misc]


def _stamp(status: FileStatus | None) -> tuple[int, int, int, int] | None:
    return None if status is None else (status.inode, status.size, status.modified_ns, status.changed_ns)


def is_transaction_under_way(host: Host) -> bool:
    """Whether somebody holds the lock of a package manager for writing."""
    content = optional(lambda: host.read_file(_LOCKS, MAX_LOCKS_BYTES))
    held = _written(content or b"")
    if not held:
        return False
    statuses = (optional(lambda path=path: host.stat(path)) for path in LOCK_FILES)  # type: ignore[misc]
    return any(status is not None and _place(status) in held for status in statuses)


def _place(status: FileStatus) -> tuple[int, int, int]:
    return os.major(status.device), os.minor(status.device), status.inode


def _written(locks: bytes) -> set[tuple[int, int, int]]:
    """The files that are locked for writing: "1: POSIX  ADVISORY  WRITE 812 fe:01:1234 0 EOF". Who waits has "->"."""
    found = set()
    for line in locks.decode("ascii", "replace").splitlines():
        words = line.split()
        if len(words) > 5 and words[3] == "WRITE":
            major, _, rest = words[5].partition(":")
            minor, _, inode = rest.partition(":")
            try:
                found.add((int(major, 16), int(minor, 16), int(inode)))
            except ValueError:
                continue
    return found
