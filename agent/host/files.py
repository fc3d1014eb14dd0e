"""Capped and time-limited reading of the file system, shared by the real and the rooted host.

`place` is where the bytes are, `shown` is what the caller calls it and what errors name. A file is opened without
waiting (O_NONBLOCK) and must be a regular one, so that a FIFO or a terminal in its place can't hold the agent up.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO

from agent.clock import Clock
from agent.host.contract import DIGEST_SECONDS, FILE_SECONDS, MAX_ATTRIBUTE_BYTES, FileStatus
from agent.host.errors import HostError, TimeLimitError, TooLargeError, UnreadableError, from_os_error

_CHUNK = 1024 * 1024
_SMALL_CHUNK = 4096
_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


def read_file(place: str, shown: str, max_bytes: int, clock: Clock) -> bytes:
    """The content of a regular file of at most `max_bytes`."""
    deadline = clock.monotonic() + FILE_SECONDS
    try:
        descriptor = os.open(place, _OPEN_FLAGS)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnreadableError(shown, "is not a regular file")
            # The size in fstat says nothing about files of /proc and /sys: read until the end or the cap.
            parts: list[bytes] = []
            total = 0
            while part := os.read(descriptor, min(_CHUNK, max_bytes + 1 - total)):
                parts.append(part)
                total += len(part)
                if total > max_bytes:
                    raise TooLargeError(shown, f"is larger than the limit of {max_bytes} bytes")
                if clock.monotonic() > deadline:
                    raise TimeLimitError(shown, f"could not be read within {FILE_SECONDS:g} seconds")
            return b"".join(parts)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise from_os_error(shown, error) from None


def read_chunks(place: str, shown: str, offset: int, max_bytes: int, clock: Clock) -> Iterator[bytes]:
    """The content of a regular file from `offset` on; more than `max_bytes` of it are refused, after what came before.

    Only the time spent on reading counts for the limit, not what the caller does in between.
    """
    spent = 0.0
    total = 0
    try:
        descriptor = os.open(place, _OPEN_FLAGS)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnreadableError(shown, "is not a regular file")
            # Files of securityfs have no size, but they can be positioned.
            os.lseek(descriptor, offset, os.SEEK_SET)
            while True:
                started = clock.monotonic()
                part = os.read(descriptor, min(_CHUNK, max_bytes + 1 - total))
                spent += clock.monotonic() - started
                if not part:
                    return
                total += len(part)
                if total > max_bytes:
                    raise TooLargeError(shown, f"is larger than the limit of {max_bytes} bytes")
                if spent > FILE_SECONDS:
                    raise TimeLimitError(shown, f"could not be read within {FILE_SECONDS:g} seconds")
                yield part
        finally:
            os.close(descriptor)
    except OSError as error:
        raise from_os_error(shown, error) from None


def digests(place: str, shown: str, algorithms: Sequence[str], clock: Clock) -> tuple[bytes, ...]:
    """The digests of a regular file of any size, by each of the algorithms."""
    running = [hashlib.new(algorithm, usedforsecurity=False) for algorithm in algorithms]
    deadline = clock.monotonic() + DIGEST_SECONDS
    try:
        descriptor = _open_quietly(place)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableError(shown, "is not a regular file")
            # Room for a mebibyte costs more than most files do; one byte more shows that there is no more.
            chunk = min(_CHUNK, max(_SMALL_CHUNK, status.st_size + 1))
            while part := os.read(descriptor, chunk):
                for digest in running:
                    digest.update(part)
                if clock.monotonic() > deadline:
                    raise TimeLimitError(shown, f"could not be read within {DIGEST_SECONDS:g} seconds")
        finally:
            os.close(descriptor)
    except OSError as error:
        raise from_os_error(shown, error) from None
    return tuple(digest.digest() for digest in running)


def open_file(place: str, shown: str, max_bytes: int) -> IO[bytes]:
    """A regular file of at most `max_bytes`."""
    try:
        file = os.fdopen(_open_quietly(place), "rb")
        status = os.fstat(file.fileno())
    except OSError as error:
        raise from_os_error(shown, error) from None
    if stat.S_ISREG(status.st_mode) and status.st_size <= max_bytes:
        return file
    file.close()
    if stat.S_ISREG(status.st_mode):
        raise TooLargeError(shown, f"is larger than the limit of {max_bytes} bytes")
    raise UnreadableError(shown, "is not a regular file")


def _open_quietly(place: str) -> int:
    """Without following a link, and without a trace in the time of last access where the owner may have that."""
    flags = _OPEN_FLAGS | os.O_NOFOLLOW
    try:
        return os.open(place, flags | os.O_NOATIME)
    except PermissionError:
        return os.open(place, flags)


def attribute(place: str, shown: str, name: str) -> bytes | None:
    """An extended attribute; None where there is none, or where the file system has no such thing."""
    try:
        value = os.getxattr(place, name, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return None
        raise from_os_error(shown, error) from None
    return value[:MAX_ATTRIBUTE_BYTES]


def list_dir(place: str, shown: str, max_entries: int) -> tuple[str, ...]:
    """The sorted names in a folder; more than `max_entries` are refused, not cut."""
    try:
        with os.scandir(place) as entries:
            names = [entry.name for entry in islice(entries, max_entries + 1)]
    except NotADirectoryError:
        raise UnreadableError(shown, "is not a folder") from None
    except OSError as error:
        raise from_os_error(shown, error) from None
    if len(names) > max_entries:
        raise TooLargeError(shown, f"has more than {max_entries} entries")
    return tuple(sorted(names))


def file_status(place: str, shown: str, follow: bool) -> FileStatus:
    """What stat (follow) or lstat tell of `place`."""
    try:
        found = os.stat(place, follow_symlinks=follow)
    except OSError as error:
        raise from_os_error(shown, error) from None
    file_type = stat.S_IFMT(found.st_mode)
    return FileStatus(
        _KINDS.get(file_type, "other"),
        stat.S_IMODE(found.st_mode),
        found.st_size,
        found.st_mtime_ns,
        found.st_ino,
        file_type=file_type,
        user=found.st_uid,
        group=found.st_gid,
        device=found.st_dev,
        changed_ns=found.st_ctime_ns,
        device_number=found.st_rdev,
    )


def read_link(place: str, shown: str) -> str:
    """The target of a symbolic link."""
    try:
        return os.readlink(place)
    except OSError as error:
        raise _link_error(shown, error) from None


def _link_error(shown: str, error: OSError) -> HostError:
    found = from_os_error(shown, error)
    return UnreadableError(shown, "is not a symbolic link") if isinstance(found, UnreadableError) else found
